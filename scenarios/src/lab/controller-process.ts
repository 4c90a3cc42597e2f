import { createServer } from "node:net";
import { SkeinChild } from "./child.ts";
import type { MissionFiles } from "./mission-files.ts";

const HOST = "127.0.0.1";
/** Where people look first. */
const CONSOLE_PORT = 8080;
const STOP_GRACE_MS = 3000;

/** The controller beside the headquarters' agent; it may be killed and comes back on the same port. */
export class ControllerProcess {
  /** Where the console is served; empty until the first start. */
  console = "";
  readonly #files: MissionFiles;
  readonly #labApi: string;
  #child: SkeinChild | undefined;
  #isEnding = false;

  constructor(files: MissionFiles, labApi: string) {
    this.#files = files;
    this.#labApi = labApi;
  }

  get isUp(): boolean {
    return this.#child !== undefined && !this.#child.isOver;
  }
  get pids(): number[] {
    return this.#child === undefined || this.#child.isOver ? [] : [this.#child.pid];
  }

  /** Does nothing once the end was announced. @throws StartError, ScratchError */
  async start(agentApi: string): Promise<void> {
    if (this.isUp) return;
    const listen = this.console === "" ? await freePort(CONSOLE_PORT) : Number(new URL(this.console).port);
    // Looking for a port took its time.
    if (this.#isEnding) return;
    const config = this.#files.writeController(agentApi, `${HOST}:${listen}`, this.#labApi);
    this.#child = new SkeinChild("controller", ["controller", "--config", config], this.#files.logOf("controller"));
    this.console = String((await this.#child.ready)["console"]);
  }

  kill(): void {
    this.#child?.kill("SIGKILL");
  }
  /** From now on it is not started any more, and may end. */
  expectEnd(): void {
    this.#isEnding = true;
  }
  get isEnding(): boolean {
    return this.#isEnding;
  }
  async stop(): Promise<void> {
    this.expectEnd();
    await this.#child?.stop(STOP_GRACE_MS);
  }
}

/** The wanted port if nobody listens there, else 0: any free one. */
async function freePort(wanted: number): Promise<number> {
  const probe = createServer();
  const isFree = await new Promise<boolean>((resolve) => {
    probe.once("error", () => resolve(false));
    probe.listen(wanted, HOST, () => resolve(true));
  });
  if (isFree) await new Promise((resolve) => probe.close(resolve));
  return isFree ? wanted : 0;
}
