import { type AreaPart, narrowPotential, VECTOR_GONE } from "@skein/codecs";
import { TrafficClass } from "./api.ts";
import { aheadTo, NO_WAY } from "./area-paths.ts";
import { isClosed } from "./bearer-rules.ts";
import { COST_UNIT_US, linkCost, MAX_LINK_COST, UNREACHABLE } from "./link-cost.ts";
import type { Neighbour } from "./neighbour.ts";
import { isTrusted, isUsable, type Port } from "./port.ts";
import { detoursOf, idInArea, narrowLimit, rank } from "./potential.ts";
import { OUTSIDE } from "./shortest-paths.ts";
import type { CoreState } from "./state.ts";

/** Below any time of suspicion. */
const TRUSTED = -1;

/**
 * Where the packet at hand goes, and the neighbour that takes it there: distances ahead, and the choice of a hop by
 * descending potential. One packet is looked at at a time: `aim` begins, a choice that succeeds leaves its hop here.
 */
export class NextHop {
  /** Where the packet at hand goes: its area, whether that is another one, and the end of its way inside the own one. */
  to: AreaPart = 0;
  /** Also true of the other parts of an own area that has fallen apart. */
  outside = false;
  end = 0;
  nowUs = 0;
  /** The hop that the last successful choice found, and the potential to write. */
  port: Port | undefined;
  neighbour: Neighbour | undefined;
  potential = 0;
  /** The next hop that the database wants, usable or not. */
  wanted: Neighbour | undefined;
  readonly #s: CoreState;
  /** Who says that it reaches the end, where the database has no way; 0: nobody. */
  #via = 0;

  constructor(state: CoreState) {
    this.#s = state;
  }

  aim(nowUs: number, destination: number): void {
    const local = destination & 0xff;
    this.nowUs = nowUs;
    this.#via = destination >>> 8 === this.#s.area ? this.#s.hearsay.via(nowUs, local) : 0;
    this.outside = this.#leadsOut(destination);
    this.end = this.outside ? OUTSIDE : local;
    this.to = this.outside ? this.#s.areaPaths.towards(destination) : 0;
  }

  #leadsOut(destination: number): boolean {
    const { area, local, areaPaths, paths } = this.#s;
    if (destination >>> 8 !== area) return true;
    if (!areaPaths.isSplit || this.#via !== 0) return false;
    if (paths.from(local, TrafficClass.command)[destination & 0xff] !== UNREACHABLE) return false;
    return (areaPaths.towards(destination) & 0xff) !== 0;
  }

  /** How far a node of the own area is from where the packet goes, detours apart. */
  ahead(local: number, trafficClass: number): number {
    const { paths, areaPaths } = this.#s;
    if (this.outside) return aheadTo(areaPaths.from(local, trafficClass), this.to);
    const distance = paths.from(local, trafficClass)[this.end] as number;
    return distance === UNREACHABLE && this.#via !== 0 ? this.#aheadByHearsay(local, trafficClass) : distance;
  }

  /** The same by what a node says that it reaches. Each of its steps is one down: it promised what it does not exceed. */
  #aheadByHearsay(local: number, trafficClass: number): number {
    const via = this.#via;
    const rest = this.#s.hearsay.distance(this.end);
    if (local === via) return rest;
    let toVia = this.#s.paths.from(local, trafficClass)[via] as number;
    // Somebody met just now is not in the database either.
    if (toVia === UNREACHABLE && local === this.#s.local) toVia = this.#hopTo(via, trafficClass);
    return Math.min(UNREACHABLE, toVia + rest);
  }

  #hopTo(local: number, trafficClass: number): number {
    let best = UNREACHABLE;
    for (const port of this.#s.ports) {
      const n = port.byLocal[local];
      if (n !== undefined && n.advertisedVector !== VECTOR_GONE && isUsable(port, n, this.nowUs))
        best = Math.min(best, this.#hopCost(port, n, trafficClass));
    }
    return best;
  }

  /** The same of a neighbour. One of another area leads out of the own one, and nowhere in it. */
  aheadOf(n: Neighbour, trafficClass: number): number {
    if (!n.foreign) return this.ahead(n.local, trafficClass);
    return this.outside ? aheadTo(n.ahead[trafficClass] as Map<AreaPart, number>, this.to) : NO_WAY;
  }

  /** Narrow frames carry ids of their own area only. */
  serves(port: Port): boolean {
    return !(port.narrow && this.outside);
  }

  /** The nearest neighbour if it can be trusted, else the nearest that descends and does not need the one that cannot. */
  chooseDescent(nowUs: number, trafficClass: number, limit: number, except: Neighbour | undefined): boolean {
    const tight = this.#tight(trafficClass, limit);
    this.#want(trafficClass, tight);
    const wanted = this.neighbour;
    if (wanted === undefined) return false;
    if (wanted !== except && isTrusted(this.port as Port, wanted, nowUs)) {
      return this.#settle(this.port as Port, wanted, tight, limit, this.aheadOf(wanted, trafficClass));
    }
    return this.#chooseProtected(nowUs, trafficClass, tight, limit, except);
  }

  /** The own distance, or what is just below the limit, both without detours. */
  #tight(trafficClass: number, limit: number): number {
    return Math.min(this.ahead(this.#s.local, trafficClass), limit - 1 - this.#detours(limit));
  }

  /** The part of what is written under this limit that tells of detours. */
  #detours(limit: number): number {
    return this.outside ? detoursOf(limit) : 0;
  }

  /** What the database alone would choose, into port and neighbour. */
  #want(trafficClass: number, tight: number): void {
    this.port = undefined;
    this.neighbour = undefined;
    let best = Number.POSITIVE_INFINITY;
    const { ports } = this.#s;
    for (let p = 0; p < ports.length; p++) {
      const port = ports[p] as Port;
      if (!this.serves(port)) continue;
      for (let i = 0; i < port.neighbours.length; i++) {
        const n = port.neighbours[i] as Neighbour;
        if (n.advertisedVector === VECTOR_GONE) continue;
        const distance = this.aheadOf(n, trafficClass);
        if (distance >= tight) continue;
        const cost = rank(this.choiceCost(port, n, trafficClass), distance);
        if (cost >= best) continue;
        best = cost;
        this.port = port;
        this.neighbour = n;
      }
    }
    this.wanted = this.neighbour;
  }

  #chooseProtected(
    nowUs: number,
    trafficClass: number,
    tight: number,
    limit: number,
    except: Neighbour | undefined,
  ): boolean {
    const { ports, paths } = this.#s;
    const dead = idInArea(this.wanted as Neighbour);
    const beyondDead = dead === this.end ? 0 : this.ahead(dead, trafficClass);
    let best = Number.POSITIVE_INFINITY;
    let bestDistance = 0;
    let bestPort: Port | undefined;
    let bestNeighbour: Neighbour | undefined;
    for (let p = 0; p < ports.length; p++) {
      const port = ports[p] as Port;
      if (!this.serves(port)) continue;
      for (let i = 0; i < port.neighbours.length; i++) {
        const n = port.neighbours[i] as Neighbour;
        if (n === except || n.advertisedVector === VECTOR_GONE || !isTrusted(port, n, nowUs)) continue;
        const distance = this.aheadOf(n, trafficClass);
        if (distance >= tight) continue;
        // Its way leads past the dead node only if it is shorter than any way through it.
        if (dead !== this.end && !n.foreign) {
          const toDead = paths.from(n.local, trafficClass)[dead] as number;
          if (distance >= toDead + beyondDead) continue;
        }
        const cost = rank(this.choiceCost(port, n, trafficClass), distance);
        if (cost >= best) continue;
        best = cost;
        bestDistance = distance;
        bestPort = port;
        bestNeighbour = n;
      }
    }
    if (bestPort === undefined || bestNeighbour === undefined) return false;
    return this.#settle(bestPort, bestNeighbour, tight, limit, bestDistance);
  }

  /**
   * Any usable neighbour that descends: the nearest that can be trusted, else the one that is under suspicion for the
   * shortest time. From one that is to another that is, too, a packet does not move.
   */
  chooseAny(nowUs: number, trafficClass: number, limit: number, except: Neighbour | undefined): boolean {
    const tight = this.#tight(trafficClass, limit);
    const mayStay = except?.twoWay === true;
    let best = Number.POSITIVE_INFINITY;
    let bestSilentUs = Number.POSITIVE_INFINITY;
    let bestDistance = 0;
    let bestPort: Port | undefined;
    let bestNeighbour: Neighbour | undefined;
    for (const port of this.#s.ports) {
      if (!this.serves(port)) continue;
      for (const n of port.neighbours) {
        if (n === except || n.advertisedVector === VECTOR_GONE || !isUsable(port, n, nowUs)) continue;
        const distance = this.aheadOf(n, trafficClass);
        if (distance >= tight) continue;
        const silentUs = isTrusted(port, n, nowUs) ? TRUSTED : nowUs - n.suspectSinceUs;
        if (silentUs > bestSilentUs || (mayStay && silentUs !== TRUSTED)) continue;
        const cost = rank(this.choiceCost(port, n, trafficClass), distance);
        if (silentUs === bestSilentUs && cost >= best) continue;
        best = cost;
        bestSilentUs = silentUs;
        bestDistance = distance;
        bestPort = port;
        bestNeighbour = n;
      }
    }
    if (bestPort === undefined || bestNeighbour === undefined) return false;
    return this.#settle(bestPort, bestNeighbour, tight, limit, bestDistance);
  }

  /**
   * Takes a hop with the potential to write: the own distance, raised on a narrow bearer, whose eight bits might not
   * tell it from the neighbour's, as far as the limit allows.
   */
  #settle(port: Port, n: Neighbour, tight: number, limit: number, distance: number): boolean {
    let potential = this.#detours(limit) + tight;
    if (port.narrow) {
      const beyond = narrowPotential(distance);
      if (narrowPotential(potential) <= beyond) potential = narrowLimit(beyond + 1);
      if (potential >= limit) return false;
    }
    this.port = port;
    this.neighbour = n;
    this.potential = potential;
    return true;
  }

  /** The best bearer to a neighbour that can be trusted, or with which it may be risked. */
  towards(nowUs: number, local: number, trafficClass: number, except: Neighbour | undefined, mayRisk = false): boolean {
    let best = Number.POSITIVE_INFINITY;
    this.port = undefined;
    for (const port of this.#s.ports) {
      if (!this.serves(port)) continue;
      const n = port.byLocal[local];
      if (n === undefined || n === except || n.advertisedVector === VECTOR_GONE) continue;
      if (!mayTake(nowUs, port, n, mayRisk)) continue;
      const cost = this.choiceCost(port, n, trafficClass);
      if (cost >= best) continue;
      best = cost;
      this.port = port;
      this.neighbour = n;
    }
    return this.port !== undefined;
  }

  #hopCost(port: Port, n: Neighbour, trafficClass: number): number {
    if (isClosed(port.rules, n.closedTo, trafficClass)) return MAX_LINK_COST;
    // What one of another area says of the link does not come here.
    if (n.foreign) return linkCost(n.advertisedVector, trafficClass);
    return this.#s.paths.hopCost(n.local, port.config.kind, n.advertisedVector, trafficClass);
  }

  /** The same with what the policy prefers among the own bearers; distances, which others reckon alike, are without. */
  choiceCost(port: Port, n: Neighbour, trafficClass: number): number {
    const cost = this.#hopCost(port, n, trafficClass);
    const { preferenceUs } = port.rules;
    return preferenceUs === 0 ? cost : Math.max(1, cost - Math.round(preferenceUs / COST_UNIT_US));
  }
}

/** `mayRisk`: also one under suspicion, which may be wrong. Narrow bearers suspect nobody for mere silence. */
export function mayTake(nowUs: number, port: Port, n: Neighbour, mayRisk: boolean): boolean {
  return mayRisk && !port.narrow ? isUsable(port, n, nowUs) : isTrusted(port, n, nowUs);
}
