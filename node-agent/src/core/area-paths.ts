import { type AreaPart, type AreaRoute, areaCost, areaHops, hasMember, membersOf, NO_MEMBERS } from "@skein/codecs";
import { CLASSES, UNREACHABLE } from "./link-cost.ts";
import type { LinkStateDb } from "./link-state-db.ts";
import type { ShortestPaths } from "./shortest-paths.ts";

const COMMAND = 1;
/** No way to the area: more than any potential inside one generation of detours. */
export const NO_WAY = 0x3f_ffff;
const MAX_DISTANCE = UNREACHABLE - 1;

/** A border node of the own area, and a route that it tells of, with costs as distances. */
export interface Exit {
  readonly local: number;
  readonly route: AreaRoute;
  readonly hops: number;
  readonly costs: readonly number[];
}

/** What one version of the database tells. */
interface Known {
  readonly exits: readonly Exit[];
  /** The part of the own area that this node is in. */
  readonly own: AreaPart;
  /** The same by area. */
  readonly exitsTo: ReadonlyMap<number, readonly Exit[]>;
  /** Other areas join the own part to another one. */
  readonly isSplit: boolean;
  /** Every node of the own area that is known of is reached. */
  readonly isComplete: boolean;
  /** Who is said to be in another part of it, but is reached. */
  readonly others: Uint8Array;
}

/**
 * Distances to other areas, as seen from any node of the own one: areas still to enter in the high part, behind it the
 * distance to the best of the border nodes that need no more, with what that one adds. Everybody compares first by
 * areas, then inside the area, so that both are descended without regard to what the other area's costs are like.
 *
 * The other parts of the own area, which only other areas join to this one, are such areas too.
 */
export class AreaPaths {
  readonly #db: LinkStateDb;
  readonly #paths: ShortestPaths;
  readonly #local: number;
  #version = -1;
  #known: Known | undefined;
  #toldVersion = -1;
  #isTold = false;
  /** By root and class, valid for #version. */
  readonly #runs: (Map<AreaPart, number> | undefined)[] = [];
  readonly #valid: number[] = [];
  readonly #spare: Map<AreaPart, number>[] = [];

  constructor(db: LinkStateDb, paths: ShortestPaths, local: number) {
    this.#db = db;
    this.#paths = paths;
    this.#local = local;
  }

  /** By area and part: areas to enter << 16 | distance; nothing where there is no way (see `aheadTo`). */
  from(root: number, trafficClass: number): ReadonlyMap<AreaPart, number> {
    const { exits } = this.#current();
    const key = root * CLASSES + trafficClass;
    const known = this.#runs[key];
    if (known !== undefined) return known;
    const ahead = this.#spare.pop() ?? new Map<AreaPart, number>();
    const distances = this.#paths.from(root, trafficClass);
    for (const exit of exits) {
      if (distances[exit.local] === UNREACHABLE) continue;
      setNearest(ahead, exit.route.to, distanceOver(exit, distances, trafficClass));
    }
    this.#runs[key] = ahead;
    this.#valid.push(key);
    return ahead;
  }

  /** Where a packet for this address goes once it has left the part that this node is in: to the part that has it. */
  towards(address: number): AreaPart {
    const exits = this.#current().exitsTo.get(address >>> 8);
    let best: Exit | undefined;
    for (let i = 0; exits !== undefined && i < exits.length; i++) {
      const exit = exits[i] as Exit;
      if (!hasMember(exit.route.members, address & 0xff)) continue;
      // All nodes of the area are to choose the same one, so that the packet descends.
      if (best === undefined || isBefore(exit, best)) best = exit;
    }
    return best?.route.to ?? address & 0xff00;
  }

  /** True if other areas join the part of the own one that this node is in to another. */
  get isSplit(): boolean {
    return this.isTold && this.#current().isSplit;
  }

  /** Name of that part. */
  get part(): AreaPart {
    return this.#current().own;
  }

  /** Local ids in it; none where the area is whole as far as this node can tell. */
  members(): Uint8Array {
    return this.isTorn ? membersOf(this.#reached()) : NO_MEMBERS;
  }

  /** True if the own area has another part, or nodes that may be in one. */
  get isTorn(): boolean {
    const { isSplit, isComplete } = this.#current();
    return isSplit || !isComplete;
  }

  /** Who is said to be in another part but is reached by what the database says: the area has fallen apart unnoticed. */
  get others(): Uint8Array {
    return this.#current().others;
  }

  /**
   * Local ids in a part that none of the border nodes which are this near to it leaves out. What those say who are farther
   * away may be what this area once told them.
   */
  membersIn(to: AreaPart, hops: number): Uint8Array {
    let members = NO_MEMBERS;
    for (const { route, hops: needed } of this.#current().exitsTo.get(to >>> 8) ?? []) {
      if (route.to !== to || needed !== hops || route.members.length === 0) continue;
      members = members.length === 0 ? route.members : both(members, route.members);
    }
    return members;
  }

  /** The exit through which `root` leaves for `to`. */
  exitOf(root: number, trafficClass: number, to: AreaPart): Exit | undefined {
    const ahead = aheadTo(this.from(root, trafficClass), to);
    const distances = this.#paths.from(root, trafficClass);
    return this.#current().exits.find(
      (exit) =>
        leadsTo(exit.route.to, to) &&
        distances[exit.local] !== UNREACHABLE &&
        distanceOver(exit, distances, trafficClass) === ahead,
    );
  }

  /** Writes what it costs, by border node, to leave for `to` through at most `hops` areas; 0: no way there. */
  markExits(to: AreaPart, trafficClass: number, hops: number, out: Uint16Array): void {
    out.fill(0);
    for (const { local, route, hops: needed, costs } of this.#current().exits)
      if (leadsTo(route.to, to) && needed <= hops) out[local] = costs[trafficClass] as number;
  }

  /** Areas that a border node needs for the way to `to`, 0 if it knows none. */
  hopsAt(local: number, to: AreaPart): number {
    let hops = 0;
    for (const exit of this.#current().exits)
      if (exit.local === local && leadsTo(exit.route.to, to) && (hops === 0 || exit.hops < hops)) hops = exit.hops;
    return hops;
  }

  /** True if anybody tells of a part of the own area. Asked for every packet: most areas are whole, and need no search for that. */
  get isTold(): boolean {
    if (this.#toldVersion !== this.#db.version) {
      this.#toldVersion = this.#db.version;
      // Apart from the getter: who makes a function makes room for what it sees, each time.
      this.#isTold = this.#tellsOfOwn();
    }
    return this.#isTold;
  }

  #tellsOfOwn(): boolean {
    for (const local of this.#db.locals())
      if (this.#db.node(local)?.advertisement.areas.some((route) => route.to >>> 8 === this.#db.area)) return true;
    return false;
  }

  #current(): Known {
    if (this.#known !== undefined && this.#version === this.#db.version) return this.#known;
    this.#version = this.#db.version;
    for (const key of this.#valid) {
      const run = this.#runs[key] as Map<AreaPart, number>;
      run.clear();
      this.#spare.push(run);
      this.#runs[key] = undefined;
    }
    this.#valid.length = 0;
    this.#known = this.#collect();
    return this.#known;
  }

  #collect(): Known {
    const { area } = this.#db;
    const reached = [...this.#reached()];
    const own = (area << 8) | (reached[0] ?? this.#local);
    const exits: Exit[] = [];
    const exitsTo = new Map<number, Exit[]>();
    const others = new Set<number>();
    for (const local of reached) {
      for (const route of this.#db.node(local)?.advertisement.areas ?? []) {
        const { to, members, costs } = route;
        if (to >>> 8 === area && !hasMember(members, this.#local))
          for (const other of reached) if (hasMember(members, other)) others.add(other);
        // What is said of the own area as a whole, or of this part of it, leads back.
        if (to === own || to === area << 8) continue;
        const hops = areaHops(route);
        const exit = { local, route, hops, costs: costs.map((cost) => Math.max(1, areaCost(cost))) };
        exits.push(exit);
        const same = exitsTo.get(to >>> 8);
        if (same === undefined) exitsTo.set(to >>> 8, [exit]);
        else same.push(exit);
      }
    }
    const isComplete = [...this.#db.locals()].length === reached.length;
    return { exits, own, exitsTo, others: membersOf(others), isSplit: exitsTo.has(area), isComplete };
  }

  /** Local ids, lowest first. */
  *#reached(): Generator<number> {
    const distances = this.#paths.from(this.#local, COMMAND);
    for (const local of this.#db.locals()) if (distances[local] !== UNREACHABLE) yield local;
  }
}

/** What `from` says of a way. */
export function aheadTo(ahead: ReadonlyMap<AreaPart, number>, to: AreaPart): number {
  return ahead.get(to) ?? NO_WAY;
}

/** What `from` says of the way over one exit. */
function distanceOver({ local, hops, costs }: Exit, distances: Uint16Array, trafficClass: number): number {
  return (hops << 16) | Math.min(MAX_DISTANCE, (distances[local] as number) + (costs[trafficClass] as number));
}

/** Notes a way to an area, or a part of one, which is a way to the area too. */
export function setNearest(ahead: Map<AreaPart, number>, to: AreaPart, distance: number): void {
  if (distance < aheadTo(ahead, to)) ahead.set(to, distance);
  const whole = to & 0xff00;
  if (distance < aheadTo(ahead, whole)) ahead.set(whole, distance);
}

/** True if who goes to `route` has gone to `to`. */
function leadsTo(route: AreaPart, to: AreaPart): boolean {
  return route === to || ((to & 0xff) === 0 && route >>> 8 === to >>> 8);
}

function isBefore(a: Exit, b: Exit): boolean {
  return a.hops < b.hops || (a.hops === b.hops && a.route.to < b.route.to);
}

function both(a: Uint8Array, b: Uint8Array): Uint8Array {
  const members = a.map((octet, i) => octet & (b[i] ?? 0));
  return members.subarray(0, members.findLastIndex((octet) => octet !== 0) + 1);
}
