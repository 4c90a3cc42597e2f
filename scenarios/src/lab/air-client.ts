import { type ChildProcess, fork } from "node:child_process";
import { getCompileCacheDir } from "node:module";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { monotonicUs } from "@skein/node-agent/clock";
import type { AirPorts } from "../emulation/air.ts";
import type { FromAir, ToAir } from "../emulation/air-protocol.ts";
import type { Scenario } from "../scenario/schema.ts";
import type { FaultAction } from "../world/fault-actions.ts";

const ENTRY = fileURLToPath(new URL("../emulation/air-process.ts", import.meta.url));

/** A change of the air took effect. */
export interface Applied {
  /** Handle for `revert`. */
  faultId: number;
  atUs: number;
}

/** The air in its own process, so that the lab's work never delays a frame. */
export class AirClient {
  counters: Record<string, number> = {};
  /** Called if the process ends by itself. */
  onLost: () => void = () => undefined;
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, (applied: Applied) => void>();
  #requestId = 0;
  #ready: (message: FromAir) => void = () => undefined;
  #stopping = false;

  constructor() {
    const compiled = getCompileCacheDir();
    // Node adds a folder per version to the one it is given.
    const shared = compiled === undefined ? {} : { NODE_COMPILE_CACHE: dirname(compiled) };
    this.#process = fork(ENTRY, [], { env: { ...process.env, ...shared } });
    this.#process.on("message", (message: FromAir) => this.#handle(message));
    this.#process.once("exit", () => {
      this.#ready({ type: "failed", message: "the air's process ended" });
      for (const requestId of this.#waiting.keys()) this.#giveUp(requestId);
      if (!this.#stopping) this.onLost();
    });
  }

  /** Starts the world. @throws Error when sockets or pseudo-terminals cannot be had */
  async start(scenario: Scenario, seed: number, timeline: string): Promise<AirPorts> {
    const answer = new Promise<FromAir>((resolve) => {
      this.#ready = resolve;
    });
    this.#send({ type: "start", scenario, seed, timeline });
    const message = await answer;
    if (message.type === "ready") return message.ports;
    throw new Error(`the air cannot start: ${message.type === "failed" ? message.message : message.type}`);
  }

  apply(action: FaultAction): Promise<Applied> {
    return this.#request((requestId) => ({ type: "apply", requestId, action }));
  }
  revert(faultId: number): Promise<Applied> {
    return this.#request((requestId) => ({ type: "revert", requestId, faultId }));
  }
  /** Processes that the air ends should the lab be killed. */
  guard(mark: string, pids: number[]): void {
    this.#send({ type: "guard", mark, pids });
  }

  kill(): void {
    this.#stopping = true;
    this.#process.kill("SIGKILL");
  }
  async stop(): Promise<void> {
    this.#stopping = true;
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => this.#process.once("exit", () => resolve()));
    this.#send({ type: "stop" });
    await ended;
  }

  #request(make: (requestId: number) => ToAir): Promise<Applied> {
    const requestId = ++this.#requestId;
    const applied = new Promise<Applied>((resolve) => this.#waiting.set(requestId, resolve));
    if (this.#process.connected) this.#send(make(requestId));
    else this.#giveUp(requestId);
    return applied;
  }

  /** Without air nothing is heard any more, whatever was asked for: nobody waits for it. */
  #giveUp(requestId: number): void {
    this.#waiting.get(requestId)?.({ faultId: 0, atUs: monotonicUs() });
    this.#waiting.delete(requestId);
  }

  #send(message: ToAir): void {
    if (this.#process.connected) this.#process.send(message);
  }

  #handle(message: FromAir): void {
    if (message.type === "counters") this.counters = message.counters;
    else if (message.type === "done") {
      this.#waiting.get(message.requestId)?.(message);
      this.#waiting.delete(message.requestId);
    } else this.#ready(message);
  }
}
