import { randomInt } from "node:crypto";
import { addressTextOf } from "../config/load.ts";
import type { NodeEvent } from "../core/api.ts";
import type { ServiceContext } from "./context.ts";

/** A node changes its address so often at most in such a time. */
const MAX_CHANGES = 3;
const CHANGES_WITHIN_MS = 3_600_000;
/** So long it has to tell its neighbours that it leaves. */
const LEAVE_MS = 100;
const LAST_LOCAL = 254;

type Conflict = Extract<NodeEvent, { type: "address-conflict" }>;
type Loss = Extract<NodeEvent, { type: "address-lost" }>;

/**
 * Keeps two nodes from having one address. The one with the higher id takes a free one, which it keeps until its
 * configuration says another: it leaves, and is to be started again.
 */
export class OwnAddress {
  readonly #context: ServiceContext;
  readonly #configured: number;
  #leaving: NodeJS.Timeout | undefined;
  /** The node has another address from its next start on, which is to be now. */
  onChanged: () => void = () => undefined;

  /** `configured` is the address in the configuration. */
  constructor(context: ServiceContext, configured: number) {
    this.#context = context;
    this.#configured = configured;
  }

  start(): void {
    const { address, announce } = this.#context;
    if (address === this.#configured) return;
    const text = `Another node has the address ${addressTextOf(this.#configured)}: this one goes by ${addressTextOf(address)}`;
    announce("warn", `${text} until its configuration says another`);
  }

  stop(): void {
    clearTimeout(this.#leaving);
  }

  onConflict({ address, nodeId, other }: Conflict, nowUs: number): void {
    this.#context.journal.write("address-conflict", nowUs, { address, nodeId, other });
    const [keeps, yields] = nodeId < other ? [nodeId, other] : [other, nodeId];
    const text = `Nodes ${keeps} and ${yields} both claim address ${addressTextOf(address)}: if both are there, ${yields} takes another one`;
    this.#context.announce("warn", text);
  }

  /** A node with a lower id has this node's address, and others hear it. */
  onLost({ other }: Loss, nowUs: number): void {
    const { address, announce, core, journal, store } = this.#context;
    const text = `Address ${addressTextOf(address)} is node ${other}'s, too`;
    const nowMs = Date.now();
    if (store.addressChanges(nowMs - CHANGES_WITHIN_MS) >= MAX_CHANGES) {
      // Whoever forges claims must not have a node wander about.
      announce("alarm", `${text}, and this node has changed its own too often: configure another one`);
      return;
    }
    const known = core.status(nowUs).nodes.map((node) => node.address);
    const free = freeAddress(address >>> 8, [...known, address, this.#configured]);
    if (free === 0) {
      announce("alarm", `${text}, and no other one is free`);
      return;
    }
    journal.write("address-changed", nowUs, { address, other, to: free });
    store.changeAddress(this.#configured, address, free, nowMs);
    announce("alarm", `${text}: this node starts again as ${addressTextOf(free)}`);
    core.leave(nowUs);
    this.#context.touch();
    this.#leaving = setTimeout(() => this.onChanged(), LEAVE_MS);
  }
}

/**
 * An address of an area that none of `known` has, by chance: two that look for one at the same time should not find the
 * same. 0 if there is none.
 */
export function freeAddress(area: number, known: readonly number[]): number {
  const all = Array.from({ length: LAST_LOCAL }, (_, i) => (area << 8) | (i + 1));
  const free = all.filter((address) => !known.includes(address));
  return free.length === 0 ? 0 : (free[randomInt(free.length)] as number);
}
