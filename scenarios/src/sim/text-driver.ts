import { GROUP_DESTINATION, type MeshCore, type NodeEvent } from "@skein/node-agent/core";
import { type DueText, textsDue } from "../scenario/load.ts";
import type { Scenario } from "../scenario/schema.ts";
import type { World } from "../world/world.ts";
import { DeliveryLedger } from "./delivery-ledger.ts";
import { PathClock } from "./path-clock.ts";
import type { TrafficHost } from "./traffic-driver.ts";

/** Who has had a path to the writer for so long since a text was written is owed it. */
const OWED_AFTER_US = 10_000_000;

/** A text that its sender keeps: to a node until it has the receipt, to a group for those who come later. */
interface KeptText {
  readonly to: number;
  readonly body: Uint8Array;
  readonly sentUs: number;
}
/** Somebody for whom a text is, and does not have it yet. */
interface Addressee {
  readonly from: number;
  readonly to: number;
  readonly path: PathClock;
  readonly item: { readonly expected: Uint8Array; readonly deliveredUs: Float64Array };
}

/**
 * Texts as the scenario says, and the books on who has them. Who has no power writes when it is back. What storage keeps over
 * a restart is kept: texts that are not delivered, and the ids of those that came.
 */
export class TextDriver {
  readonly ledger: DeliveryLedger;
  /** Addressees of all texts, and texts whose signed-off receipt came back. */
  addressed = 0;
  confirmed = 0;
  readonly #world: World;
  readonly #host: TrafficHost;
  readonly #due: readonly DueText[];
  #addressees: Addressee[] = [];
  /** By node: texts of the scenario that wait for power, and what its storage has. */
  readonly #waiting: number[][];
  readonly #kept: Map<number, KeptText>[];
  readonly #seen: [from: number, messageId: number][][];

  constructor(scenario: Scenario, untilUs: number, world: World, host: TrafficHost) {
    this.#world = world;
    this.#host = host;
    this.ledger = new DeliveryLedger(scenario.nodes.length);
    this.#due = textsDue(scenario, untilUs);
    this.#waiting = scenario.nodes.map(() => []);
    this.#kept = scenario.nodes.map(() => new Map<number, KeptText>());
    this.#seen = scenario.nodes.map(() => []);
  }

  /** When each is due, in the order of `write`'s index. */
  get dueUs(): readonly number[] {
    return this.#due.map((text) => text.atUs);
  }

  /** The scenario's text `index` is due. */
  write(nowUs: number, index: number): void {
    const text = this.#due[index];
    if (text === undefined) return;
    const by = this.#world.nodeIndex(text.by);
    const core = this.#host.core(by);
    if (core === undefined) {
      this.#waiting[by]?.push(index);
      return;
    }
    const body = new TextEncoder().encode(text.body);
    const messageId = core.sendText(nowUs, text.destination, body);
    const item = this.ledger.sent(nowUs, by, messageId);
    for (const receiver of text.receivers) {
      const addressee = { from: by, to: this.#world.nodeIndex(receiver), path: new PathClock(nowUs), item };
      this.addressed++;
      this.#addressees.push(addressee);
      this.#look(nowUs, addressee);
    }
    this.#kept[by]?.set(messageId, { to: text.destination, body, sentUs: nowUs });
    this.#host.touched(by);
  }

  delivered(nowUs: number, node: number, event: NodeEvent & { type: "text" }): void {
    this.#seen[node]?.push([event.from, event.messageId]);
    this.ledger.delivered(nowUs, this.#host.indexOf(event.from), event.messageId, node);
  }

  changed(node: number, event: NodeEvent & { type: "text-state" }): void {
    if (event.state === "delivered" && this.#kept[node]?.delete(event.messageId)) this.confirmed++;
  }

  booted(nowUs: number, node: number, core: MeshCore): void {
    for (const [from, messageId] of this.#seen[node] ?? []) core.rememberText(from, messageId);
    for (const [messageId, { to, body, sentUs }] of this.#kept[node] ?? []) {
      if (to >= GROUP_DESTINATION) core.keepText(nowUs, to, body, messageId, nowUs - sentUs);
      else core.sendText(nowUs, to, body, messageId);
    }
    for (const index of this.#waiting[node]?.splice(0) ?? []) this.write(nowUs, index);
  }

  /** As `TrafficDriver.pathsChanged`. */
  pathsChanged(nowUs: number): void {
    for (const addressee of this.#addressees) this.#look(nowUs, addressee);
    this.#addressees = this.#addressees.filter(({ item, to }) => item.expected[to] === 0);
  }

  #look(nowUs: number, { from, to, path, item }: Addressee): void {
    path.look(nowUs, this.#world.connected(from, to));
    const isDelivered = !Number.isNaN(item.deliveredUs[to] as number);
    if (isDelivered || path.withPathUs >= OWED_AFTER_US) item.expected[to] = 1;
  }
}
