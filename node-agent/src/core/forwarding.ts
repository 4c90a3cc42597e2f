import {
  clearRepair,
  createRepair,
  DATA_FLAG_REPAIR,
  type DataHeader,
  MAX_GENERATION,
  MAX_SEARCH_HOPS,
  type Repair,
} from "@skein/codecs";
import { TrafficClass } from "./api.ts";
import { NO_WAY } from "./area-paths.ts";
import { refusal } from "./bearer-rules.ts";
import { Custody } from "./custody.ts";
import { DuplicateFilter } from "./duplicate-filter.ts";
import { CRITICAL_AGE_US, MAX_SEARCH_COPIES, QUEUE_AGE_NARROW_US, QUEUE_AGE_WIDE_US } from "./limits.ts";
import { CLASSES, COST_UNIT_US, UNREACHABLE } from "./link-cost.ts";
import type { Merging } from "./merge/merging.ts";
import { type Copy, DEADLINE_US } from "./merge/placement.ts";
import type { Neighbour } from "./neighbour.ts";
import { NextHop } from "./next-hop.ts";
import { isTrusted, type Port } from "./port.ts";
import { ANY_POTENTIAL, detoursOf, idInArea, stageGiven } from "./potential.ts";
import { SearchAllowance } from "./search-allowance.ts";
import { SourceRoutes } from "./source-routes.ts";
import type { CoreState } from "./state.ts";

/** A next hop that was chosen; `route` is what the packet carries from there on, if it has to. */
export interface Choice {
  /** Of a neighbour in another area both are of that one. */
  readonly local: number;
  readonly address: number;
  readonly bearerId: number;
  readonly route: readonly number[] | undefined;
}

/** What is done with a packet now, and what would be if that next hop died. */
export interface Choices {
  readonly first: Choice | undefined;
  readonly second: Choice | undefined;
}

/**
 * Unicast forwarding by descending potential. A packet carries the potential P of whoever sent it; a node may pass it
 * on only with a P' < P and to a neighbour whose own distance is below P'. Potentials fall at every hop and are never
 * negative, so that no packet loops, whatever the databases say. On the way to another area the number of areas still
 * to enter stands before the distance to the border node.
 *
 * When the next hop is dead, in this order: a neighbour that descends and does not need the dead node (RFC 5286,
 * node-protecting); the failure carried in the packet, with a source route around it; any neighbour that descends; a
 * search among the neighbours; custody until links have changed. `docs/forwarding.md` argues why none of it can loop.
 */
export class Forwarding {
  readonly #s: CoreState;
  readonly #merging: Merging;
  readonly #custody: Custody;
  readonly #searched: DuplicateFilter;
  readonly #searches = new SearchAllowance();
  readonly #hop: NextHop;
  readonly #routes: SourceRoutes;
  readonly #copy: Repair = createRepair();
  /** What the packet at hand is: to be sent twice; one of several copies; sent twice already; to leave later. */
  #critical = false;
  #copied = false;
  #doubled = false;
  /** The neighbour that the last packet has gone to, undefined if to none. */
  #taken: Neighbour | undefined;
  #delayUs = 0;
  /** Policy or a data cap has kept the packet at hand off its bearer: nobody searches for another way. */
  #refused = false;

  constructor(state: CoreState, merging: Merging) {
    this.#s = state;
    this.#merging = merging;
    this.#searched = new DuplicateFilter(state.counters);
    this.#hop = new NextHop(state);
    this.#routes = new SourceRoutes(state, this.#hop);
    this.#custody = new Custody(state, (nowUs, header, repair, slot) => this.#resume(nowUs, header, repair, slot));
  }

  get custody(): Custody {
    return this.#custody;
  }

  /**
   * Sends a unicast packet on its way, keeps it for later, or drops it with a count. `header.potential` is the
   * exclusive limit: what the packet carried, ANY_POTENTIAL at its origin. `repair` counts where the header's flags say so and
   * is written otherwise. False: it could not be queued now.
   */
  route(
    nowUs: number,
    header: DataHeader,
    repair: Repair,
    octets: Uint8Array,
    from: number,
    length: number,
    deadlineUs = 0,
    keep = true,
    critical = false,
  ): boolean {
    this.#critical = critical;
    this.#doubled = false;
    const sent = this.#route(nowUs, header, repair, octets, from, length, deadlineUs, keep);
    this.#critical = false;
    return sent;
  }

  #route(
    nowUs: number,
    header: DataHeader,
    repair: Repair,
    octets: Uint8Array,
    from: number,
    length: number,
    deadlineUs: number,
    keep: boolean,
  ): boolean {
    const fresh = (header.flags & DATA_FLAG_REPAIR) === 0;
    this.#refused = false;
    if (this.forward(nowUs, header, repair, octets, from, length, deadlineUs, undefined)) return true;
    if (this.#refused) return false;
    const isRisked = this.#risk(nowUs, header, repair, octets, from, length, deadlineUs);
    if (this.#search(nowUs, header, repair, octets, from, length, deadlineUs) || isRisked) return true;
    const until = deadlineUs > 0 ? deadlineUs : nowUs + (QUEUE_AGE_WIDE_US[header.trafficClass] as number);
    if (keep && this.#custody.keep(nowUs, header, repair, octets, from, length, until)) return false;
    return this.#drop(fresh && header.potential === ANY_POTENTIAL ? "no-route" : "no-descent", header);
  }

  /** Queues a packet for a next hop other than `except`; false, with nothing counted, if there is none. */
  forward(
    nowUs: number,
    header: DataHeader,
    repair: Repair,
    octets: Uint8Array,
    from: number,
    length: number,
    deadlineUs: number,
    except: Neighbour | undefined,
  ): boolean {
    this.#hop.aim(nowUs, header.destination);
    this.#taken = undefined;
    if ((header.flags & DATA_FLAG_REPAIR) === 0) {
      if (!this.#descend(nowUs, header, repair, except)) return false;
      if ((header.flags & DATA_FLAG_REPAIR) !== 0) this.#s.counters.count("repaired");
    } else if (!this.#routes.follow(nowUs, header, repair, except)) return false;
    this.#taken = this.#hop.neighbour;
    if (this.#paced(nowUs, header)) return this.#enqueueVideo(nowUs, header, repair, octets, from, length, deadlineUs);
    if (this.#merged(nowUs, header, except))
      return this.#enqueueCopies(nowUs, header, repair, octets, from, length, deadlineUs, except !== undefined);
    return this.#enqueue(nowUs, header, repair, octets, from, length, deadlineUs);
  }

  /** True of video that waits for one of its paths to the next node. */
  #paced(nowUs: number, header: DataHeader): boolean {
    if (header.trafficClass !== TrafficClass.video || this.#critical || (this.#hop.port as Port).narrow) return false;
    const isOwn = header.source === this.#s.options.address;
    return this.#merging.video.paces(nowUs, this.#hop.neighbour as Neighbour, isOwn, this.#partsTo(header));
  }

  #enqueueVideo(
    nowUs: number,
    header: DataHeader,
    repair: Repair,
    octets: Uint8Array,
    from: number,
    length: number,
    deadlineUs: number,
  ): boolean {
    const { pool } = this.#s;
    const { video } = this.#merging;
    this.#copied = false;
    const slot = pool.allocate(header, repair, octets, from, length);
    if (slot === -1) return this.#drop("pool-empty", header);
    pool.potential[slot] = this.#hop.potential;
    pool.deadlineUs[slot] = deadlineUs > 0 ? deadlineUs : video.deadlineUs(nowUs);
    video.push(nowUs, this.#hop.neighbour as Neighbour, slot, this.#partsTo(header));
    return true;
  }

  /**
   * Where a packet may yet choose among ways to, 0 if it has begun one: what comes back to its origin has a limit, or goes
   * around a failure, and would loop if that were forgotten.
   */
  #partsTo({ source, destination, potential, flags }: DataHeader): number {
    const begins = source === this.#s.options.address && potential === ANY_POTENTIAL;
    return begins && (flags & DATA_FLAG_REPAIR) === 0 ? destination : 0;
  }

  /** True if the next node is reached over several bearers, and copies have been chosen. */
  #merged(nowUs: number, header: DataHeader, except: Neighbour | undefined): boolean {
    this.#copied = false;
    if ((this.#hop.port as Port).narrow) return false;
    const { trafficClass } = header;
    const { classRules, ports } = this.#s;
    const least = this.#critical && !this.#parts(nowUs, header) ? 2 : 1;
    const calm = Math.max(least, classRules.calm[trafficClass] as number);
    const risk = Math.max(least, classRules.risk[trafficClass] as number);
    if (trafficClass !== TrafficClass.voice && risk < 2) return false;
    const hop = this.#hop.neighbour as Neighbour;
    const { placement } = this.#merging;
    if (!placement.choose(nowUs, ports, hop, trafficClass, calm, risk, except)) return false;
    this.#doubled = least > 1 && placement.count > 1;
    return true;
  }

  /**
   * True if the second copy of a critical packet is to take a way of its own: two on bearers to the same relay are lost with
   * it. Not if that way is too slow to stand in.
   */
  #parts(nowUs: number, header: DataHeader): boolean {
    const { port, neighbour, potential, end, outside } = this.#hop;
    if (!outside && neighbour?.local === end) return false;
    const found = this.#routes.takeDisjoint(nowUs, { ...header }, this.#copy);
    this.#hop.port = port;
    this.#hop.neighbour = neighbour;
    this.#hop.potential = potential;
    return found && this.#routes.disjointCost * COST_UNIT_US <= (DEADLINE_US[header.trafficClass] as number);
  }

  #enqueueCopies(
    nowUs: number,
    header: DataHeader,
    repair: Repair,
    octets: Uint8Array,
    from: number,
    length: number,
    deadlineUs: number,
    isAgain: boolean,
  ): boolean {
    const { placement } = this.#merging;
    if (placement.count > 1) {
      this.#s.counters.count("copied");
      this.#merging.copied(this.#hop.neighbour as Neighbour);
    }
    // What has been sent elsewhere may yet be answered there.
    this.#copied = placement.count > 1 || isAgain;
    let sent = false;
    const untilUs = deadlineUs === 0 && this.#critical ? nowUs + CRITICAL_AGE_US : deadlineUs;
    for (let i = 0; i < placement.count; i++) {
      const { port, neighbour, delayUs } = placement.copies[i] as Copy;
      this.#hop.port = port;
      this.#hop.neighbour = neighbour;
      this.#delayUs = delayUs;
      sent = this.#enqueue(nowUs, header, repair, octets, from, length, untilUs) || sent;
    }
    this.#delayUs = 0;
    return sent;
  }

  /**
   * A second copy of a packet over a way that shares no node with the first one's, or at least no link with it; rather than
   * none, one that begins with a link under suspicion. To be called right after `route`; false if there is no such way, or
   * if `route` has made copies.
   */
  routeCopy(nowUs: number, header: DataHeader, octets: Uint8Array, from: number, length: number): boolean {
    if (this.#doubled) return false;
    const taken = this.#taken;
    if (this.routeDisjoint(nowUs, header, octets, from, length)) return true;
    const copy = { ...header };
    if (taken === undefined || !this.#routes.riskBeside(nowUs, copy, this.#copy, taken)) return false;
    return this.#enqueue(nowUs, copy, this.#copy, octets, from, length, 0);
  }

  /** Over that way alone. */
  routeDisjoint(nowUs: number, header: DataHeader, octets: Uint8Array, from: number, length: number): boolean {
    this.#copied = false;
    this.#hop.aim(nowUs, header.destination);
    const copy = { ...header };
    if (!this.#routes.takeDisjoint(nowUs, copy, this.#copy)) return false;
    return this.#enqueue(nowUs, copy, this.#copy, octets, from, length, 0);
  }

  #descend(nowUs: number, header: DataHeader, repair: Repair, except: Neighbour | undefined): boolean {
    const { trafficClass, potential } = header;
    if (this.#hop.chooseDescent(nowUs, trafficClass, potential, except)) return true;
    clearRepair(repair);
    const dead = this.#hop.wanted === undefined ? -1 : idInArea(this.#hop.wanted);
    if (this.#routes.goAround(nowUs, header, repair, dead, except)) return true;
    if (this.#hop.chooseAny(nowUs, trafficClass, potential, except)) return true;
    const detour = this.#hop.outside ? detoursOf(potential) : 0;
    return detour > 0 && this.#hop.chooseDescent(nowUs, trafficClass, detour, except);
  }

  // What nobody knows a way for

  /** Tries a repaired packet once more where a link is only under suspicion. An ordinary one has been sent there. */
  #risk(
    nowUs: number,
    header: DataHeader,
    repair: Repair,
    octets: Uint8Array,
    from: number,
    length: number,
    deadlineUs: number,
  ): boolean {
    if ((header.flags & DATA_FLAG_REPAIR) === 0) return false;
    const copy = { ...header };
    if (!this.#routes.risk(nowUs, copy, repair, this.#copy)) return false;
    this.#copied = false;
    if (!this.#enqueue(nowUs, copy, this.#copy, octets, from, length, deadlineUs)) return false;
    this.#s.counters.count("risked");
    return true;
  }

  /**
   * Gives copies to the neighbours, which may know more than this node's database does. Not of video and bulk, of which there
   * is too much for that, and which can do without a packet.
   */
  #search(
    nowUs: number,
    header: DataHeader,
    repair: Repair,
    octets: Uint8Array,
    from: number,
    length: number,
    deadlineUs: number,
  ): boolean {
    const repaired = (header.flags & DATA_FLAG_REPAIR) !== 0;
    const spreading = repaired && repair.searchHops > 0;
    const hops = spreading ? repair.searchHops - 1 : MAX_SEARCH_HOPS;
    // A search takes a generation, as custody does: a packet is searched for three times at most.
    const generation = (repaired ? repair.generation : 0) + (spreading ? 0 : 1);
    if (header.trafficClass >= TrafficClass.video && !this.#critical) return false;
    if (hops === 0 || generation > MAX_GENERATION || !this.#searches.take(nowUs, header.destination)) return false;
    if (!this.#searched.accept(header.source, header.trafficClass, header.sequence, nowUs)) return false;
    const copy = this.#copy;
    clearRepair(copy);
    copy.generation = generation;
    if (repaired) {
      copy.failureCount = repair.failureCount;
      copy.failures.set(repair.failures);
    }
    copy.searchHops = hops;
    this.#hop.aim(nowUs, header.destination);
    const flags = header.flags;
    header.flags |= DATA_FLAG_REPAIR;
    let copies = 0;
    for (const port of this.#s.ports) {
      if (port.narrow) continue;
      for (const n of port.neighbours) {
        if (copies === MAX_SEARCH_COPIES || n.foreign || !isTrusted(port, n, nowUs)) continue;
        this.#hop.port = port;
        this.#hop.neighbour = n;
        this.#hop.potential = this.#hop.outside ? stageGiven(header, repaired) << 16 : 0;
        if (this.#enqueue(nowUs, header, copy, octets, from, length, deadlineUs)) copies++;
      }
    }
    header.flags = flags;
    if (copies > 0) this.#s.counters.count("searched");
    return copies > 0;
  }

  /** A packet in custody is tried again, for links have changed. */
  #resume(nowUs: number, header: DataHeader, repair: Repair, slot: number): boolean {
    const { pool } = this.#s;
    const from = pool.offset(slot);
    const length = pool.length[slot] as number;
    const deadlineUs = pool.deadlineUs[slot] as number;
    if ((header.flags & DATA_FLAG_REPAIR) === 0) {
      return this.forward(nowUs, header, repair, pool.payloads, from, length, deadlineUs, undefined);
    }
    if (repair.generation === MAX_GENERATION) return false;
    const { generation } = repair;
    clearRepair(repair);
    repair.generation = generation + 1;
    this.#hop.aim(nowUs, header.destination);
    if (!this.#routes.goAround(nowUs, header, repair, -1, undefined)) return false;
    return this.#enqueue(nowUs, header, repair, pool.payloads, from, length, deadlineUs);
  }

  #enqueue(
    nowUs: number,
    header: DataHeader,
    repair: Repair,
    octets: Uint8Array,
    from: number,
    length: number,
    deadlineUs: number,
  ): boolean {
    const port = this.#hop.port as Port;
    const { pool } = this.#s;
    const { closedTo } = this.#hop.neighbour as Neighbour;
    const refused = refusal(port.rules, closedTo, header.kind, header.trafficClass, header.precedence);
    if (refused !== undefined) {
      this.#refused = true;
      return this.#drop(refused, header, port);
    }
    if (isTooSlow(port, header.trafficClass, pool.payerNow, length)) return false;
    // A search brings a packet by many ways, and all who had no way hand it on when there is one: here one will do.
    const isRepaired = (header.flags & DATA_FLAG_REPAIR) !== 0;
    if (port.narrow && isRepaired && port.queue.holds(header, (this.#hop.neighbour as Neighbour).index)) {
      this.#s.counters.count("duplicates");
      return true;
    }
    const slot = pool.allocate(header, repair, octets, from, length);
    if (slot === -1) return this.#drop("pool-empty", header, port);
    pool.potential[slot] = this.#hop.potential;
    pool.neighbour[slot] = (this.#hop.neighbour as Neighbour).index;
    pool.deadlineUs[slot] = deadlineUs > 0 ? deadlineUs : nowUs + queueAgeUs(port, header.trafficClass);
    if (this.#copied) {
      pool.copyKey[slot] = this.#merging.keyOf(header.source, header.sequence);
      pool.patienceUs[slot] = this.#merging.patienceUs(header.trafficClass);
    }
    if (this.#delayUs > 0) this.#merging.later(port, slot, nowUs + this.#delayUs);
    else port.queue.push(slot);
    if (header.trafficClass === TrafficClass.video && !port.shared && !this.#critical)
      this.#merging.video.queued(nowUs, slot, this.#hop.neighbour as Neighbour);
    return true;
  }

  #drop(
    reason: "no-route" | "no-descent" | "pool-empty" | "cap" | "class-rule",
    header: DataHeader,
    port?: Port,
  ): false {
    this.#s.counters.drop(reason, header.trafficClass, port?.config.id);
    return false;
  }

  // What others ask

  /** True if there is a path to a node now; of one in another area, to that area. */
  reachable(address: number): boolean {
    this.#hop.aim(this.#hop.nowUs, address);
    const ahead = this.#hop.ahead(this.#s.local, 1);
    return this.#hop.outside ? ahead !== NO_WAY : ahead !== UNREACHABLE;
  }

  /** True if the way to an address begins with one out of the own area, or out of the part of it that this node is in. */
  leadsOut(nowUs: number, address: number): boolean {
    this.#hop.aim(nowUs, address);
    return this.#hop.outside;
  }

  /** Distance of a node of the own area in the class to which it is farthest; UNREACHABLE if there is no path. */
  farthest(nowUs: number, address: number): number {
    this.#hop.aim(nowUs, address);
    let distance = 0;
    for (let c = 0; c < CLASSES; c++) distance = Math.max(distance, this.#hop.ahead(this.#s.local, c));
    return distance;
  }

  /** True if a node of the own area is only known of by what another one says. */
  isHearsay(nowUs: number, local: number): boolean {
    return this.#s.paths.from(this.#s.local, 1)[local] === UNREACHABLE && this.#s.hearsay.via(nowUs, local) !== 0;
  }

  /** Bearer of the best path of a class to a node, undefined if there is none. */
  bestPort(nowUs: number, address: number, trafficClass: number): Port | undefined {
    this.#hop.aim(nowUs, address);
    return this.#hop.chooseDescent(nowUs, trafficClass, ANY_POTENTIAL, undefined) ? this.#hop.port : undefined;
  }

  /** What would be done with a new packet: for people, it allocates. */
  choices(nowUs: number, address: number, trafficClass: number): Choices {
    const first = this.#choose(nowUs, address, trafficClass, undefined);
    if (first === undefined) return { first, second: undefined };
    const next = this.#hop.neighbour as Neighbour;
    const since = next.suspectSinceUs;
    next.suspectSinceUs = nowUs;
    const second = this.#choose(nowUs, address, trafficClass, next);
    next.suspectSinceUs = since;
    return { first, second };
  }

  /** The way of `routeDisjoint`. */
  disjoint(nowUs: number, address: number, trafficClass: number): Choice | undefined {
    this.#hop.aim(nowUs, address);
    const header = { destination: address, trafficClass, potential: ANY_POTENTIAL, flags: 0 } as DataHeader;
    return this.#routes.takeDisjoint(nowUs, header, this.#copy) ? this.#chosen(header) : undefined;
  }

  #choose(nowUs: number, address: number, trafficClass: number, except: Neighbour | undefined): Choice | undefined {
    this.#hop.aim(nowUs, address);
    const header = { destination: address, trafficClass, potential: ANY_POTENTIAL, flags: 0 } as DataHeader;
    return this.#descend(nowUs, header, this.#copy, except) ? this.#chosen(header) : undefined;
  }

  #chosen(header: DataHeader): Choice {
    const { route, routeLength } = this.#copy;
    const { local, address } = this.#hop.neighbour as Neighbour;
    return {
      local,
      address,
      bearerId: (this.#hop.port as Port).config.id,
      route: (header.flags & DATA_FLAG_REPAIR) === 0 ? undefined : [...route.subarray(0, routeLength)],
    };
  }
}

/** How long a packet of a class may wait on a bearer. */
export function queueAgeUs(port: Port, trafficClass: number): number {
  return (port.narrow ? QUEUE_AGE_NARROW_US : QUEUE_AGE_WIDE_US)[trafficClass] as number;
}

/** True if video or bulk would be too old when its turn came, behind what waits on a narrow bearer already. */
function isTooSlow(port: Port, trafficClass: number, account: number, length: number): boolean {
  if (!port.narrow || trafficClass < TrafficClass.video) return false;
  return port.queue.waitUs(account, length) > queueAgeUs(port, trafficClass);
}
