import { setTimeout as sleep } from "node:timers/promises";
import type { Command, CommandReply } from "@skein/node-agent/api";
import { monotonicUs } from "@skein/node-agent/clock";
import { addressOf } from "../scenario/load.ts";
import type { TimedFault } from "../world/fault-actions.ts";
import type { Agent, Crew } from "./crew.ts";
import type { Failure, Failures } from "./failures.ts";
import { videoClip } from "./paths.ts";
import type { Step } from "./schedule.ts";

export interface DirectorHost {
  readonly speech: string;
  incident(text: string): void;
  log(text: string): void;
}

/** Plays steps in real time: tells agents what to send and breaks what is to break. */
export class Director {
  textsCommanded = 0;
  sosCommanded = 0;
  readonly #crew: Crew;
  readonly #failures: Failures;
  readonly #host: DirectorHost;
  readonly #planned = new Map<TimedFault, Failure>();
  readonly #busy = new Set<Promise<void>>();
  readonly #talking = new Map<string, number>();
  readonly #showing = new Set<string>();

  constructor(crew: Crew, failures: Failures, host: DirectorHost) {
    this.#crew = crew;
    this.#failures = failures;
    this.#host = host;
  }

  /** Node names that talk now, with their group. */
  get talking(): ReadonlyMap<string, number> {
    return this.#talking;
  }

  /** Puts the failures among `steps` on the list that people see. */
  announce(steps: readonly Step[], zeroUs: number): void {
    for (const step of steps) {
      if (step.do === "break") this.#planned.set(step.fault, this.#failures.plan(step.fault, zeroUs + step.atUs));
    }
  }

  /** Plays until the last step or until `signal`. `zeroUs` is the monotonic instant of time 0. */
  async play(steps: readonly Step[], zeroUs: number, signal: AbortSignal): Promise<void> {
    for (const step of steps) {
      await sleepUntil(zeroUs + step.atUs, signal);
      if (signal.aborted) return;
      const done: Promise<void> = this.#perform(step).finally(() => this.#busy.delete(done));
      this.#busy.add(done);
    }
  }

  /** Ends speech and video; resolves when nothing is under way any more. */
  async calm(): Promise<void> {
    await Promise.all([...this.#talking.keys()].map((by) => this.#perform({ do: "hush", atUs: 0, by })));
    await Promise.all([...this.#showing].map((by) => this.#perform({ do: "video-stop", atUs: 0, by })));
    await Promise.all(this.#busy);
  }

  async #perform(step: Step): Promise<void> {
    switch (step.do) {
      case "break":
        return this.#failures.begin(this.#planned.get(step.fault) as Failure);
      case "mend":
        return this.#failures.end(this.#planned.get(step.fault) as Failure);
      case "talk":
        this.#talking.set(step.by, step.group);
        return this.#tell(step.by, { do: "talk-file", group: step.group, path: this.#host.speech });
      case "hush":
        this.#talking.delete(step.by);
        return this.#tell(step.by, { do: "talk-stop" });
      case "video":
        if (this.#showing.has(step.by)) return;
        this.#showing.add(step.by);
        return this.#tell(step.by, { do: "video-file", to: this.#addressOf(step.to), path: videoClip });
      case "video-stop":
        this.#showing.delete(step.by);
        return this.#tell(step.by, { do: "video-stop" });
      case "text":
        this.textsCommanded++;
        this.#host.log(`text from ${step.by} to ${step.to}: ${step.body}`);
        return this.#tell(step.by, { do: "text", to: step.destination, body: step.body });
      case "sos":
        this.sosCommanded++;
        this.#host.log(`SOS from ${step.by}`);
        return this.#tell(step.by, { do: "sos", kind: step.kind });
    }
  }

  async #tell(name: string, what: Command): Promise<void> {
    const agent = this.#crew.byName(name) as Agent;
    const reply: CommandReply = await this.#crew.tell(agent, what);
    if (!reply.ok && agent.isUp) this.#host.incident(`${name} refused ${what.do}: ${reply.message} (${reply.code})`);
  }

  #addressOf(name: string): number {
    return addressOf((this.#crew.byName(name) as Agent).node);
  }
}

/** Resolves at the monotonic instant, or at once when aborted. */
export async function sleepUntil(atUs: number, signal: AbortSignal): Promise<void> {
  const waitMs = (atUs - monotonicUs()) / 1000;
  if (waitMs > 0) await sleep(waitMs, undefined, { signal }).catch(() => undefined);
}
