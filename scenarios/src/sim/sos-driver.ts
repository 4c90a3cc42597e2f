import type { MeshCore } from "@skein/node-agent/core";
import type { Scenario } from "../scenario/schema.ts";
import type { World } from "../world/world.ts";
import { PathClock } from "./path-clock.ts";
import type { TrafficHost } from "./traffic-driver.ts";

interface Call {
  readonly by: string;
  readonly kind: number;
  readonly raisedUs: number;
  /** Of paths to somebody who answers. */
  readonly path: PathClock;
  acknowledgedUs: number | undefined;
}

/**
 * Calls for help as the scenario says, and the books on the answers. Who has no power calls when it is back, and a call that
 * nobody has answered is raised again after a restart, as agents do (`node-agent/src/services/sos-service.ts`).
 */
export class SosDriver {
  readonly calls: Call[] = [];
  readonly #scenario: Scenario;
  readonly #world: World;
  readonly #host: TrafficHost;
  readonly #answering: readonly number[];
  /** By node: calls of the scenario that wait for power, and the calls of its core by their id. */
  readonly #waiting: number[][];
  readonly #byId: Map<number, Call>[];

  constructor(scenario: Scenario, world: World, host: TrafficHost) {
    this.#scenario = scenario;
    this.#world = world;
    this.#host = host;
    this.#answering = scenario.nodes.flatMap((node, i) => (node.acknowledgesSos ? [i] : []));
    this.#waiting = scenario.nodes.map(() => []);
    this.#byId = scenario.nodes.map(() => new Map<number, Call>());
  }

  /** The scenario's call `index` is due. */
  raise(nowUs: number, index: number): void {
    const sos = this.#scenario.traffic.sos[index];
    if (sos === undefined) return;
    const by = this.#world.nodeIndex(sos.by);
    const core = this.#host.core(by);
    if (core === undefined) {
      this.#waiting[by]?.push(index);
      return;
    }
    const call = { by: sos.by, kind: sos.kind, raisedUs: nowUs, path: new PathClock(nowUs), acknowledgedUs: undefined };
    this.calls.push(call);
    this.#look(nowUs, call);
    this.#send(nowUs, by, core, call);
  }

  booted(nowUs: number, node: number, core: MeshCore): void {
    const unanswered = [...(this.#byId[node]?.values() ?? [])].filter((call) => call.acknowledgedUs === undefined);
    this.#byId[node]?.clear();
    for (const call of unanswered) this.#send(nowUs, node, core, call);
    for (const index of this.#waiting[node]?.splice(0) ?? []) this.raise(nowUs, index);
  }

  /** Nodes have moved, or links and nodes have gone or come back. */
  pathsChanged(nowUs: number): void {
    for (const call of this.calls) if (call.acknowledgedUs === undefined) this.#look(nowUs, call);
  }

  /** A node's core has been told that its call is answered. */
  acknowledged(nowUs: number, node: number, sosId: number): void {
    const call = this.#byId[node]?.get(sosId);
    if (call === undefined || call.acknowledgedUs !== undefined) return;
    this.#look(nowUs, call);
    call.acknowledgedUs = nowUs;
  }

  #send(nowUs: number, by: number, core: MeshCore, call: Call): void {
    this.#byId[by]?.set(core.raiseSos(nowUs, call.kind, this.#world.positionReport(by, nowUs)), call);
    this.#host.touched(by);
  }

  #look(nowUs: number, call: Call): void {
    const by = this.#world.nodeIndex(call.by);
    call.path.look(
      nowUs,
      this.#answering.some((node) => node !== by && this.#world.connected(by, node)),
    );
  }
}
