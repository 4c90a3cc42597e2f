import { setTimeout as sleep } from "node:timers/promises";
import { DEFAULT_API, fetchStatus } from "./agent-client.ts";
import { withArguments } from "./arguments.ts";
import { formatStatus } from "./status-text.ts";
import { paintForTerminal } from "./table.ts";

const HELP = `Usage: skein top [--api HOST:PORT]

Shows what a running agent knows, refreshed every second, until Ctrl-C. An agent that is gone is waited for.

  --api HOST:PORT   the agent's local API (default ${DEFAULT_API})`;

const CLEAR = "\u001b[H\u001b[2J";

export function main(args: string[]): Promise<number> {
  const options = { api: { type: "string", default: DEFAULT_API } } as const;
  return withArguments(args, options, HELP, async ({ values }) => {
    const stop = new AbortController();
    process.once("SIGINT", () => stop.abort());
    process.once("SIGTERM", () => stop.abort());
    while (!stop.signal.aborted) {
      const view = { paint: paintForTerminal, routes: false, drops: false };
      const lines = await fetchStatus(values.api).then(
        (status) => formatStatus(status, view),
        (error: Error) => [error.message],
      );
      const time = new Date().toTimeString().slice(0, 8);
      process.stdout.write(`${process.stdout.isTTY ? CLEAR : ""}${time}  ${lines.join("\n")}\n`);
      await sleep(1000, undefined, { signal: stop.signal }).catch(() => undefined);
    }
    return 0;
  });
}
