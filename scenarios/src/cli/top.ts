import { setTimeout as sleep } from "node:timers/promises";
import { AgentError, DEFAULT_API, fetchStatus } from "./agent-client.ts";
import { withArguments } from "./arguments.ts";
import { paintForTerminal } from "./table.ts";
import { FIRST_VIEW, formatTop, keysIn, pressKey, type Sample, sortedBearers, type View } from "./top-view.ts";

const HELP = `Usage: skein top [--api HOST:PORT]

What the bearers of a running agent carry: rates, airtime, queues and drops by class, refreshed every second. The ? key
lists the keys, q leaves. An agent that is gone is waited for. If standard output is no terminal, one status is printed
with the rates of one second.

  --api HOST:PORT   the agent's local API (default ${DEFAULT_API})`;

const INTERVAL_MS = 1000;
/** The other screen, without a cursor and cutting long lines, and back. */
const ENTER = "\u001b[?1049h\u001b[?25l\u001b[?7l";
const LEAVE = "\u001b[?7h\u001b[?25h\u001b[?1049l";
const HOME = "\u001b[H";
const CLEAR_LINE = "\u001b[K";
const CLEAR_BELOW = "\u001b[J";

export function main(args: string[]): Promise<number> {
  const options = { api: { type: "string", default: DEFAULT_API } } as const;
  return withArguments(args, options, HELP, async ({ values }) => {
    if (process.stdout.isTTY && process.stdin.isTTY) return new Top(values.api).run();
    const before = await take(values.api);
    await sleep(INTERVAL_MS);
    const sample = await take(values.api);
    console.log(formatTop(sample, before, FIRST_VIEW, paintForTerminal).join("\n"));
    return 0;
  });
}

/** @throws AgentError */
async function take(api: string): Promise<Sample> {
  const status = await fetchStatus(api);
  if (status.core.bearers.some((bearer) => bearer.queues === undefined || bearer.drops === undefined)) {
    const remedy = "it is an older agent; skein status knows what it says";
    throw new AgentError("agent-answer-invalid", `${api} does not tell what waits and what was dropped`, remedy);
  }
  return { status, atMs: performance.now() };
}

/** The terminal: asks once a second, draws after that and after each key. */
class Top {
  readonly #api: string;
  readonly #stop = new AbortController();
  #view: View = FIRST_VIEW;
  #sample: Sample | undefined;
  #before: Sample | undefined;
  #trouble = "";

  constructor(api: string) {
    this.#api = api;
  }

  async run(): Promise<number> {
    const { stdin, stdout } = process;
    const stop = (): void => this.#stop.abort();
    const onKeys = (text: string): void => this.#press(text);
    const draw = (): void => this.#draw();
    process.once("SIGINT", stop).once("SIGTERM", stop);
    stdin.setRawMode(true).setEncoding("utf8").on("data", onKeys);
    stdout.write(ENTER);
    stdout.on("resize", draw);
    try {
      while (!this.#stop.signal.aborted) {
        if (!this.#view.paused) await this.#ask();
        draw();
        await sleep(INTERVAL_MS, undefined, { signal: this.#stop.signal }).catch(() => undefined);
      }
    } finally {
      stdout.off("resize", draw);
      stdin.off("data", onKeys).setRawMode(false).pause();
      stdout.write(LEAVE);
    }
    return 0;
  }

  async #ask(): Promise<void> {
    try {
      const sample = await take(this.#api);
      this.#before = this.#sample;
      this.#sample = sample;
      this.#trouble = "";
    } catch (error) {
      this.#trouble = (error as Error).message;
    }
  }

  #press(text: string): void {
    for (const key of keysIn(text)) {
      const shown = this.#sample === undefined ? [] : sortedBearers(this.#sample, this.#before, this.#view);
      const view = pressKey(this.#view, key, shown);
      if (view === undefined) return this.#stop.abort();
      this.#view = view;
    }
    this.#draw();
  }

  #draw(): void {
    if (this.#stop.signal.aborted) return;
    const { rows } = process.stdout;
    const time = new Date().toTimeString().slice(0, 8);
    const head = `${time}  ${this.#trouble === "" ? "? help  q leave" : paintForTerminal("red", this.#trouble)}`;
    const body =
      this.#sample === undefined
        ? []
        : formatTop(this.#sample, this.#before, this.#view, paintForTerminal, Math.max(0, rows - 2));
    const lines = [head, ...body].map((line) => `${line}${CLEAR_LINE}`);
    process.stdout.write(`${HOME}${lines.join("\r\n")}${CLEAR_BELOW}`);
  }
}
