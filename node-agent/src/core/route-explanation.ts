import type { Address } from "./api.ts";

/** The ways to one node, for people: made on demand. */
export interface RouteExplanation {
  from: Address;
  to: Address;
  /** In wire order. */
  classes: ClassRoute[];
}
export interface ClassRoute {
  /** Of the whole way, units of 0.25 ms; 0xffff: no path. */
  cost: number;
  /** Of the hops. */
  latencyMs: number;
  /** True if packets carry this way, for the usual one does not work now. */
  carried: boolean;
  /** Those in the own area, and the one out of it where that is the only one. */
  hops: RouteHop[];
  /** Areas to enter on the way, the first to enter first. None where the own one has the destination. */
  areas: number[];
  /** Null where there is a path. */
  noPath: NoPath | null;
}
/** Properties are the worse of what both ends report. */
export interface RouteHop {
  from: Address;
  to: Address;
  /** Own bearer of the first hop, -1 on the others. */
  bearerId: number;
  /** Channel kind, see `CoreBearer`; -1 if the database does not know the link yet. */
  channel: number;
  cost: number;
  bitrateBps: number;
  latencyMs: number;
  loss: number;
  costCentsPerMegabyte: number;
  /** What is done if the next hop does not answer; null: the packet is searched for a way, kept, or dropped. */
  alternate: Detour | null;
}
export interface Detour {
  /** Nodes from the alternate next hop to the destination. */
  way: Address[];
  /** True if the packet has to carry the way, false if each node on it takes it by itself. */
  carried: boolean;
  /** `node`: it avoids the next hop; `link`: only the link to it. */
  protects: "node" | "link";
}
/** Why there is no way, and what happens to a packet. */
export interface NoPath {
  /**
   * `unknown-node`: nobody has told of it. `no-neighbour`: this node hears nobody. `no-path`: the database has none.
   * `unanswered`: it has one, but the neighbours that it leads through do not answer.
   */
  reason: "unknown-node" | "no-neighbour" | "no-path" | "unanswered";
  /** Neighbours that are asked for a way of their own. */
  searched: number;
  /** How long a packet of IP or of another node is kept here for a way, ms; own messages are repeated instead. */
  keptMs: number;
}
