import type { CoreOptions, NodeEvent } from "./api.ts";
import { AreaPaths } from "./area-paths.ts";
import { ClassRules } from "./class-rules.ts";
import { Counters } from "./counters.ts";
import { DuplicateFilter } from "./duplicate-filter.ts";
import { Hearsay } from "./hearsay.ts";
import { MAX_BEARERS, MAX_EVENTS } from "./limits.ts";
import { LinkStateDb } from "./link-state-db.ts";
import { OctetSlab } from "./octet-slab.ts";
import { PacketPool } from "./packet-pool.ts";
import { createPort, type Port } from "./port.ts";
import { Random } from "./random.ts";
import { SecureChannel } from "./secure-channel.ts";
import { ShortestPaths } from "./shortest-paths.ts";

/** Two nodes with one address, as far as this one has heard of them. */
export interface Conflicts {
  /** When it was last told, by address and the node that is not believed. */
  readonly toldUs: Map<number, number>;
  /** Until then it is no wonder that databases differ. */
  disputedUntilUs: number;
  /** A node with a lower id was heard that has this node's address: which, since when, and when it was last. */
  rival: number;
  rivalSinceUs: number;
  rivalUs: number;
  /** When this node last answered a hello under an address that is taken. */
  answeredUs: number;
  /** When the owner was told that this node has to yield. */
  yieldedUs: number;
}

function createConflicts(): Conflicts {
  return {
    toldUs: new Map(),
    disputedUntilUs: Number.NEGATIVE_INFINITY,
    rival: 0,
    rivalSinceUs: Number.NEGATIVE_INFINITY,
    rivalUs: Number.NEGATIVE_INFINITY,
    answeredUs: Number.NEGATIVE_INFINITY,
    yieldedUs: Number.NEGATIVE_INFINITY,
  };
}

/** Everything that the core's parts share. Parts hold no copies of each other's state. */
export interface CoreState {
  readonly options: CoreOptions;
  readonly area: number;
  readonly local: number;
  readonly counters: Counters;
  readonly random: Random;
  readonly pool: PacketPool;
  readonly ports: readonly Port[];
  readonly db: LinkStateDb;
  readonly paths: ShortestPaths;
  readonly areaPaths: AreaPaths;
  readonly hearsay: Hearsay;
  readonly duplicates: DuplicateFilter;
  readonly secure: SecureChannel;
  readonly conflicts: Conflicts;
  readonly classRules: ClassRules;
  /** Of the policy that this node has, 0 for none. */
  policyVersion: number;
  readonly events: NodeEvent[];
  /** What events carry. */
  readonly slab: OctetSlab;
  /** Of events whose octets nobody keeps. */
  readonly passingSlab: OctetSlab;
}

/** @throws RangeError when the owner did not check its configuration against `limits.ts` */
export function createState(options: CoreOptions): CoreState {
  if (options.bearers.length > MAX_BEARERS) throw new RangeError(`at most ${MAX_BEARERS} bearers`);
  const counters = new Counters();
  const pool = new PacketPool();
  const db = new LinkStateDb(options.address >>> 8);
  const paths = new ShortestPaths(db, options.address & 0xff);
  return {
    options,
    area: options.address >>> 8,
    local: options.address & 0xff,
    counters,
    random: new Random(options.seed, options.nodeId),
    pool,
    ports: options.bearers.map((bearer) => createPort(bearer, pool, counters)),
    db,
    paths,
    areaPaths: new AreaPaths(db, paths, options.address & 0xff),
    hearsay: new Hearsay(),
    duplicates: new DuplicateFilter(counters),
    secure: new SecureChannel(options.crypto, options.identity, counters, options.nodeId, options.bootEpoch),
    conflicts: createConflicts(),
    classRules: new ClassRules(),
    policyVersion: 0,
    events: [],
    slab: new OctetSlab(),
    passingSlab: new OctetSlab(),
  };
}

export function emit(state: CoreState, event: NodeEvent): void {
  if (state.events.length >= MAX_EVENTS) state.counters.drop("event-queue-full");
  else state.events.push(event);
}
