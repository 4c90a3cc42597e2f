import { createDataHeader, createRepair, DATA_FLAG_REPAIR, type DataHeader, type Repair } from "@skein/codecs";
import { TrafficClass } from "./api.ts";
import { sumOfLinks, type Way, wayOf } from "./explain-route.ts";
import { DISJOINT_WAY_US, MIN_SECOND_WAY_BPS } from "./limits.ts";
import type { Neighbour } from "./neighbour.ts";
import { NextHop } from "./next-hop.ts";
import { isTrusted, type Port } from "./port.ts";
import { ANY_POTENTIAL } from "./potential.ts";
import { SourceRoutes } from "./source-routes.ts";
import type { CoreState } from "./state.ts";

const EVER = Number.POSITIVE_INFINITY;
const NOTHING: Way = { bitrateBps: EVER, goodputBps: EVER, latencyUs: 0, costCentsPerMegabyte: 0 };

/**
 * A second way for video that begins here: beside the next hop that forwarding has chosen, the first hop of the best way
 * that shares no node with the one through it, or at least no link. After `find` it is here until the next call.
 */
export class VideoWays {
  port: Port | undefined;
  neighbour: Neighbour | undefined;
  /** What a packet that goes there carries; `repair` only if `isCarried`. */
  potential = 0;
  isCarried = false;
  readonly repair: Repair = createRepair();
  /** What the links behind the first hop of each way are like together. */
  beyondHop: Way = NOTHING;
  beyond: Way = NOTHING;
  readonly #s: CoreState;
  readonly #hop: NextHop;
  readonly #routes: SourceRoutes;
  readonly #header: DataHeader = createDataHeader();
  /** What the answer that is kept was given to, and until when it holds. */
  #destination = 0;
  #local = 0;
  #version = -1;
  #untilUs = 0;
  #isFound = false;

  constructor(state: CoreState) {
    this.#s = state;
    this.#hop = new NextHop(state);
    this.#routes = new SourceRoutes(state, this.#hop);
    this.#header.trafficClass = TrafficClass.video;
  }

  /** Looks for a way other than that through `hop`; false if there is none whose links are known and fit for video. */
  find(nowUs: number, destination: number, hop: Neighbour): boolean {
    const { version } = this.#s.db;
    const isSame = this.#destination === destination && this.#local === hop.local && this.#version === version;
    if (!isSame || nowUs >= this.#untilUs) {
      this.#destination = destination;
      this.#local = hop.local;
      this.#version = version;
      this.#untilUs = nowUs + DISJOINT_WAY_US;
      this.#isFound = this.#search(nowUs, destination, hop);
    }
    return this.#isFound && isTrusted(this.port as Port, this.neighbour as Neighbour, nowUs);
  }

  #search(nowUs: number, destination: number, hop: Neighbour): boolean {
    const header = this.#header;
    header.destination = destination;
    header.flags = 0;
    this.#hop.aim(nowUs, destination);
    if (this.#hop.outside || hop.foreign) return false;
    // What waits for a hop that is no longer the best has the best one as its other way.
    if (!this.#hop.chooseDescent(nowUs, TrafficClass.video, ANY_POTENTIAL, undefined)) return false;
    if (this.#hop.neighbour?.local === hop.local && !this.#routes.takeDisjoint(nowUs, header, this.repair))
      return false;
    this.port = this.#hop.port;
    this.neighbour = this.#hop.neighbour;
    this.potential = this.#hop.potential;
    this.isCarried = (header.flags & DATA_FLAG_REPAIR) !== 0;
    return this.#describe(hop);
  }

  #describe(hop: Neighbour): boolean {
    const port = this.port as Port;
    const first = (this.neighbour as Neighbour).local;
    if (port.narrow || first === hop.local) return false;
    const route = this.isCarried ? [...this.repair.route.subarray(0, this.repair.routeLength)] : undefined;
    const beyondHop = this.#sumBehind(hop.local, undefined);
    const beyond = this.#sumBehind(first, route);
    if (beyondHop === undefined || beyond === undefined || beyond.bitrateBps < MIN_SECOND_WAY_BPS) return false;
    this.beyondHop = beyondHop;
    this.beyond = beyond;
    return true;
  }

  #sumBehind(local: number, route: readonly number[] | undefined): Way | undefined {
    const { db, paths } = this.#s;
    const end = this.#hop.end;
    const way = wayOf(paths, { local, route }, end, TrafficClass.video);
    return way.at(-1) === end ? sumOfLinks(db, way, TrafficClass.video) : undefined;
  }
}
