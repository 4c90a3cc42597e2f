import type { Scenario } from "../scenario/schema.ts";
import type { World } from "../world/world.ts";
import type { TrafficHost } from "./traffic-driver.ts";

interface Call {
  readonly by: string;
  readonly raisedUs: number;
  /** How long there was a path to somebody who answers, until `lookedUs`, and whether there is one since. */
  withPathUs: number;
  hasPath: boolean;
  lookedUs: number;
  acknowledgedUs: number | undefined;
}

/** Calls for help as the scenario says, and keeps the books on the answers. */
export class SosDriver {
  readonly calls: Call[] = [];
  readonly #scenario: Scenario;
  readonly #world: World;
  readonly #host: TrafficHost;
  readonly #answering: readonly number[];
  readonly #byId = new Map<number, Call>();

  constructor(scenario: Scenario, world: World, host: TrafficHost) {
    this.#scenario = scenario;
    this.#world = world;
    this.#host = host;
    this.#answering = scenario.nodes.flatMap((node, i) => (node.acknowledgesSos ? [i] : []));
  }

  /** The scenario's call `index` is due. */
  raise(nowUs: number, index: number): void {
    const sos = this.#scenario.traffic.sos[index];
    const by = this.#world.nodeIndex(sos?.by ?? "");
    const core = this.#host.core(by);
    if (sos === undefined || core === undefined) return;
    const sosId = core.raiseSos(nowUs, sos.kind, this.#world.positionReport(by, nowUs));
    const call: Call = {
      by: sos.by,
      raisedUs: nowUs,
      withPathUs: 0,
      hasPath: false,
      lookedUs: nowUs,
      acknowledgedUs: undefined,
    };
    this.calls.push(call);
    this.#byId.set(by * 0x10000 + sosId, call);
    this.#look(nowUs, call);
    this.#host.touched(by);
  }

  /** Nodes have moved, or links and nodes have gone or come back. */
  pathsChanged(nowUs: number): void {
    for (const call of this.calls) if (call.acknowledgedUs === undefined) this.#look(nowUs, call);
  }

  /** A node's core has been told that its call is answered. */
  acknowledged(nowUs: number, node: number, sosId: number): void {
    const call = this.#byId.get(node * 0x10000 + sosId);
    if (call === undefined || call.acknowledgedUs !== undefined) return;
    this.#look(nowUs, call);
    call.acknowledgedUs = nowUs;
  }

  #look(nowUs: number, call: Call): void {
    const by = this.#world.nodeIndex(call.by);
    if (call.hasPath) call.withPathUs += nowUs - call.lookedUs;
    call.hasPath = this.#answering.some((node) => node !== by && this.#world.connected(by, node));
    call.lookedUs = nowUs;
  }
}
