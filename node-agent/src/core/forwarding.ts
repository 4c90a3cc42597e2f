import {
  createDataHeader,
  type DataHeader,
  DIRECT_HEADER_OCTETS,
  decodeNarrowDataHeader,
  decodeWideDataHeader,
  isUnicastKind,
  kindOf,
  SealFormat,
  SHARED_HEADER_OCTETS,
  sealFormat,
  VECTOR_GONE,
} from "@skein/codecs";
import type { RouteStatus } from "./api.ts";
import { MAX_FRAME_OCTETS } from "./api.ts";
import { QUEUE_AGE_NARROW_US, QUEUE_AGE_WIDE_US, SENT_RING_FRAMES } from "./limits.ts";
import { CLASSES, linkCost, UNREACHABLE } from "./link-cost.ts";
import { isUsable, type Neighbour, type Port } from "./port.ts";
import type { SentRing } from "./sent-ring.ts";
import type { CoreState } from "./state.ts";

/**
 * Unicast forwarding by descending potential. A packet carries the potential P of whoever sent it; a
 * node may pass it on only with a P' < P and to a neighbour whose own distance is below P'. Potentials
 * fall at every hop and are never negative, so that no packet loops, whatever the databases say.
 *
 * In the usual case P' is the own distance. When no neighbour is nearer (a link has just failed), one
 * that is farther away may still be tried while the carried potential leaves room above its distance.
 */
export class Forwarding {
  readonly #s: CoreState;
  readonly #header: DataHeader = createDataHeader();
  readonly #scratch = new Uint8Array(MAX_FRAME_OCTETS);
  #port: Port | undefined;
  #neighbour: Neighbour | undefined;
  #potential = 0;

  constructor(state: CoreState) {
    this.#s = state;
  }

  /**
   * Sends a unicast packet on its way: queues it on the best bearer, or drops it with a count.
   * `header.potential` is the exclusive limit: what the packet carried, 0xffff at its origin.
   */
  route(nowUs: number, header: DataHeader, octets: Uint8Array, from: number, length: number, deadlineUs = 0): boolean {
    if (header.destination >>> 8 !== this.#s.area) return this.#drop("foreign-area");
    if (!this.#choose(nowUs, header.destination & 0xff, header.trafficClass, header.potential)) {
      return this.#drop(header.potential === UNREACHABLE ? "no-route" : "no-descent");
    }
    const port = this.#port as Port;
    const slot = this.#s.pool.allocate(header, octets, from, length);
    if (slot === -1) return this.#drop("pool-empty");
    this.#s.pool.potential[slot] = this.#potential;
    this.#s.pool.neighbour[slot] = (this.#neighbour as Neighbour).index;
    this.#s.pool.deadlineUs[slot] = deadlineUs > 0 ? deadlineUs : nowUs + queueAgeUs(port, header.trafficClass);
    port.queue.push(slot);
    return true;
  }

  #drop(reason: "foreign-area" | "no-route" | "no-descent" | "pool-empty" | "bearer-lost"): false {
    this.#s.counters.drop(reason);
    return false;
  }

  /** Finds bearer, neighbour and the potential to write; false if there is none below `limit`. */
  #choose(nowUs: number, destination: number, trafficClass: number, limit: number): boolean {
    const own = this.#s.paths.from(this.#s.local, trafficClass)[destination] as number;
    const tight = Math.min(own, limit - 1);
    let best = Number.POSITIVE_INFINITY;
    this.#port = undefined;
    for (const port of this.#s.ports) {
      for (const n of port.neighbours) {
        if (!isUsable(port, n, nowUs) || n.advertisedVector === VECTOR_GONE) continue;
        const distance = this.#s.paths.from(n.local, trafficClass)[destination] as number;
        if (distance >= limit - 1) continue;
        // Neighbours that are nearer than this node come before any that are not.
        const detour = distance >= tight;
        const cost = linkCost(n.advertisedVector, trafficClass) + distance + (detour ? 0x10000 : 0);
        if (cost >= best) continue;
        best = cost;
        this.#port = port;
        this.#neighbour = n;
        this.#potential = detour ? distance + 1 : tight;
      }
    }
    return this.#port !== undefined;
  }

  /** What waits for a lost link goes another way, if it may and there is one. */
  rerouteFrom(nowUs: number, port: Port, n: Neighbour): void {
    for (let slot = port.queue.takeFor(n.index); slot !== -1; slot = port.queue.takeFor(n.index)) {
      const header = this.#header;
      this.#s.pool.header(slot, header);
      const from = this.#s.pool.offset(slot);
      const deadline = this.#s.pool.deadlineUs[slot] as number;
      if (isUnicastKind(header.kind)) {
        // The written potential was below what the packet carried; one that is not above it stays so.
        header.potential = Math.min(UNREACHABLE, header.potential + 1);
        if (this.route(nowUs, header, this.#s.pool.payloads, from, this.#s.pool.length[slot] as number, deadline)) {
          this.#s.counters.count("rerouted");
        }
      }
      this.#s.pool.release(slot);
    }
    this.#rerouteSent(nowUs, port, n, port.sent, 0);
    if (n.directSent !== undefined) this.#rerouteSent(nowUs, port, n, n.directSent, n.index + 1);
  }

  #rerouteSent(nowUs: number, port: Port, n: Neighbour, ring: SentRing, slot: number): void {
    for (let index = 0; index < SENT_RING_FRAMES && ring.unacknowledged > 0; index++) {
      if (ring.open[index] === 0 || ring.neighbour[index] !== n.index) continue;
      ring.close(index);
      if (nowUs < (ring.deadlineUs[index] as number)) this.#rerouteFrame(nowUs, port, ring, slot, index);
    }
  }

  #rerouteFrame(nowUs: number, port: Port, ring: SentRing, slot: number, index: number): void {
    const octets = this.#scratch;
    const length = ring.length[index] as number;
    const at = ring.offset(index);
    for (let i = 0; i < length; i++) octets[i] = ring.octets[at + i] as number;
    const format = sealFormat(octets);
    if (format === SealFormat.full || format === SealFormat.flow) return;
    const from = format === SealFormat.direct ? DIRECT_HEADER_OCTETS : SHARED_HEADER_OCTETS;
    const end = length - port.tagOctets;
    if (!this.#s.secure.reopen(port, slot, ring.counter[index] as number, octets, from, end)) return;
    if (!isUnicastKind(kindOf(octets[from] as number))) return;
    const header = this.#header;
    const headerOctets = port.narrow
      ? decodeNarrowDataHeader(octets, from, end, this.#s.area, header)
      : decodeWideDataHeader(octets, from, end, format === SealFormat.shared, header);
    if (headerOctets === 0) return;
    header.sequence = ring.sequence[index] as number;
    header.potential = port.narrow ? narrowLimit(header.potential + 1) : Math.min(UNREACHABLE, header.potential + 1);
    const body = from + headerOctets;
    if (this.route(nowUs, header, octets, body, end - body, ring.deadlineUs[index] as number))
      this.#s.counters.count("rerouted");
  }

  /** True if there is a path to a node now. */
  reachable(local: number): boolean {
    return (this.#s.paths.from(this.#s.local, 1)[local] as number) !== UNREACHABLE;
  }

  /** Bearer of the best path of a class to a node, undefined if there is none. */
  bestPort(nowUs: number, local: number, trafficClass: number): Port | undefined {
    return this.#choose(nowUs, local, trafficClass, UNREACHABLE) ? this.#port : undefined;
  }

  status(nowUs: number): RouteStatus[] {
    const routes: RouteStatus[] = [];
    for (const local of this.#s.db.locals()) {
      if (local === this.#s.local) continue;
      const classes: RouteStatus["classes"] = [];
      for (let c = 0; c < CLASSES; c++) classes.push(this.#routeOf(nowUs, local, c));
      routes.push({ to: (this.#s.area << 8) | local, classes });
    }
    return routes;
  }

  #routeOf(nowUs: number, local: number, trafficClass: number): RouteStatus["classes"][number] {
    const own = this.#s.paths.from(this.#s.local, trafficClass)[local] as number;
    const found = own !== UNREACHABLE && this.#choose(nowUs, local, trafficClass, UNREACHABLE);
    if (!found) return { nextHop: 0, bearerId: -1, cost: UNREACHABLE, alternate: 0 };
    const nextHop = (this.#neighbour as Neighbour).address;
    const bearerId = (this.#port as Port).config.id;
    let alternate = 0;
    let best = UNREACHABLE;
    for (const port of this.#s.ports) {
      for (const n of port.neighbours) {
        if (n.address === nextHop || !isUsable(port, n, nowUs) || n.advertisedVector === VECTOR_GONE) continue;
        const distance = this.#s.paths.from(n.local, trafficClass)[local] as number;
        const cost = linkCost(n.advertisedVector, trafficClass) + distance;
        if (distance >= own || cost >= best) continue;
        best = cost;
        alternate = n.address;
      }
    }
    return { nextHop, bearerId, cost: own, alternate };
  }
}

/** How long a packet of a class may wait on a bearer. */
export function queueAgeUs(port: Port, trafficClass: number): number {
  return (port.narrow ? QUEUE_AGE_NARROW_US : QUEUE_AGE_WIDE_US)[trafficClass] as number;
}

/** Smallest 16-bit potential whose 8-bit value is not below `carried`: the exclusive limit that it stands for. */
export function narrowLimit(carried: number): number {
  return Math.min(UNREACHABLE, Math.ceil(2 ** (carried / 16) - 1));
}
