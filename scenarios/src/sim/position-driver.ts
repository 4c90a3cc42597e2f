import { FIRST_SPREAD_MS, newcomersPauseS } from "@skein/node-agent/report-times";
import type { Scenario } from "../scenario/schema.ts";
import type { World } from "../world/world.ts";
import { DeliveryLedger } from "./delivery-ledger.ts";
import { EventKind } from "./event-kind.ts";
import { RandomStream } from "./random-streams.ts";
import type { TrafficHost } from "./traffic-driver.ts";

/** A node knows its place this long after the start, at the earliest. */
const FIRST_FIX_US = 3_000_000;

/**
 * Nodes report where they are as their agents do (`node-agent/src/services/position-service.ts`): at an interval that begins
 * anew when they do, and once more when others have come.
 */
export class PositionDriver {
  readonly reports: DeliveryLedger;
  readonly #everyUs: number | undefined;
  readonly #world: World;
  readonly #host: TrafficHost;
  readonly #phases: readonly RandomStream[];
  /** By node: which start the reports are of, and when one was made for newcomers. */
  readonly #starts: number[];
  readonly #saidAgainUs: number[];

  constructor(scenario: Scenario, seed: number, world: World, host: TrafficHost) {
    this.#everyUs = scenario.traffic.positions?.every;
    this.#world = world;
    this.#host = host;
    this.reports = new DeliveryLedger(scenario.nodes.length);
    this.#phases = scenario.nodes.map((node) => new RandomStream(seed, `position/${node.name}`));
    this.#starts = scenario.nodes.map(() => 0);
    this.#saidAgainUs = scenario.nodes.map(() => Number.NEGATIVE_INFINITY);
  }

  booted(nowUs: number, node: number): void {
    this.reports.booted(nowUs, node);
    if (this.#everyUs === undefined) return;
    const start = (this.#starts[node] as number) + 1;
    this.#starts[node] = start;
    this.#saidAgainUs[node] = Number.NEGATIVE_INFINITY;
    const phase = (this.#phases[node] as RandomStream).unit();
    // Who starts later says at once where it is: its receiver has known all along.
    const isCold = nowUs < FIRST_FIX_US;
    const atUs = isCold ? FIRST_FIX_US + phase * this.#everyUs : nowUs + phase * FIRST_SPREAD_MS * 1000;
    this.#host.schedule(Math.floor(atUs), EventKind.position, node, start);
  }

  /** It is time for a report, unless the node has started anew meanwhile. */
  happen(nowUs: number, node: number, start: number): void {
    if (this.#everyUs === undefined || start !== this.#starts[node] || this.#host.core(node) === undefined) return;
    this.#host.schedule(nowUs + this.#everyUs, EventKind.position, node, start);
    this.#report(nowUs, node);
  }

  /** Others have come within reach of a node, which says where it is to them, too. */
  othersHaveCome(nowUs: number, node: number): void {
    if (this.#everyUs === undefined || nowUs < FIRST_FIX_US) return;
    if (nowUs - (this.#saidAgainUs[node] as number) < newcomersPauseS(this.#everyUs / 1e6) * 1e6) return;
    this.#saidAgainUs[node] = nowUs;
    this.#report(nowUs, node);
  }

  #report(nowUs: number, node: number): void {
    const core = this.#host.core(node);
    if (core === undefined) return;
    const item = this.reports.sent(nowUs, node, core.reportPosition(nowUs, this.#world.positionReport(node, nowUs)));
    for (let to = 0; to < item.expected.length; to++) {
      if (to !== node && this.#world.connected(node, to)) item.expected[to] = 1;
    }
    this.#host.touched(node);
  }
}
