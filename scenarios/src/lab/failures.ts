import type { LabFault } from "@skein/controller";
import { describeAction, type FaultAction, type TimedFault } from "../world/fault-actions.ts";
import type { AirClient } from "./air-client.ts";
import type { Crew } from "./crew.ts";

/** What the failures act on beside the air. */
export interface FailureHost {
  killController(): void;
  startController(): Promise<void>;
  /** Something went wrong that the scenario did not plan. */
  incident(text: string): void;
  log(text: string): void;
}

/** A failure that is planned, under way or over. */
export interface Failure {
  readonly id: string;
  readonly action: FaultAction;
  readonly what: string;
  /** Monotonic instants; undefined until it happens. */
  plannedUs: number;
  startedUs: number | undefined;
  endedUs: number | undefined;
  /** The air's handle while it lasts. */
  faultId: number | undefined;
}

/** Breaks and mends: the air at once, processes with it. */
export class Failures {
  readonly list: Failure[] = [];
  readonly #air: AirClient;
  readonly #crew: Crew;
  readonly #host: FailureHost;
  #nextId = 1;

  constructor(air: AirClient, crew: Crew, host: FailureHost) {
    this.#air = air;
    this.#crew = crew;
    this.#host = host;
  }

  plan(fault: TimedFault, atUs: number): Failure {
    return this.#add(fault.action, fault.what, atUs);
  }

  active(): Failure[] {
    return this.list.filter((failure) => failure.startedUs !== undefined && failure.endedUs === undefined);
  }

  /** Breaks something that nobody planned. */
  async cause(action: FaultAction, nowUs: number): Promise<void> {
    await this.begin(this.#add(action, describeAction(action), nowUs));
  }

  async begin(failure: Failure): Promise<void> {
    if (failure.startedUs !== undefined) return;
    const { action } = failure;
    const applied = this.#air.apply(action);
    if (action.kind === "power") this.#kill(action.node);
    if (action.kind === "controller") this.#host.killController();
    const { faultId, atUs } = await applied;
    failure.faultId = faultId;
    failure.startedUs = atUs;
    this.#host.log(failure.what);
  }

  async end(failure: Failure): Promise<void> {
    if (failure.startedUs === undefined || failure.endedUs !== undefined) return;
    const { action, faultId } = failure;
    failure.endedUs = failure.startedUs;
    // A node's radios are on the air when its software is, not while it boots.
    if (action.kind === "power") await this.#restart(action.node);
    if (action.kind === "controller") await this.#host.startController();
    if (faultId !== undefined) failure.endedUs = (await this.#air.revert(faultId)).atUs;
    this.#host.log(`over: ${failure.what}`);
  }

  asLabFaults(zeroUs: number): LabFault[] {
    return this.list.map(({ id, what, plannedUs, startedUs, endedUs }) => ({
      id,
      what,
      atS: Math.round(((startedUs ?? plannedUs) - zeroUs) / 1e5) / 10,
      active: startedUs !== undefined && endedUs === undefined,
    }));
  }

  #add(action: FaultAction, what: string, plannedUs: number): Failure {
    const id = `f${this.#nextId++}`;
    const failure: Failure = {
      id,
      action,
      what,
      plannedUs,
      startedUs: undefined,
      endedUs: undefined,
      faultId: undefined,
    };
    this.list.push(failure);
    return failure;
  }

  #kill(name: string): void {
    const agent = this.#crew.byName(name);
    if (agent !== undefined) this.#crew.kill(agent);
    if (agent?.node.controller) this.#host.killController();
  }

  async #restart(name: string): Promise<void> {
    const agent = this.#crew.byName(name);
    if (agent === undefined) return;
    try {
      await this.#crew.start(agent);
      if (agent.node.controller) await this.#host.startController();
    } catch (error) {
      this.#host.incident(`${name} did not come back: ${(error as Error).message}`);
    }
  }
}
