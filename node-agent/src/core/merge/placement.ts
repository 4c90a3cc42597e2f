import { isClosed } from "../bearer-rules.ts";
import { MAX_BEARERS, MAX_COPIES, PATH_MONEY_US_PER_CENT, PATH_SWITCH_US, SUSPECT_COPY_US } from "../limits.ts";
import type { Neighbour } from "../neighbour.ts";
import { isUsable, type Port } from "../port.ts";
import type { PathMeter } from "./path-meter.ts";

/** When a packet is too late to be worth its octets, by traffic class. */
export const DEADLINE_US = [150_000, 2_000_000, 400_000, 15_000_000] as const;
/** A path on which fewer than these arrive in time is used only if there is no other. */
const TIMELY = 0.5;
/** A path on which fewer arrive in time leaves room for doubt. */
const SURE = 0.95;
/** A lost packet is reckoned as so late: 1 % of loss weighs as much as 20 ms. */
const LOST_US = 2_000_000;
/** A path takes the first place from another only if it is better by a fifth, or by 30 ms. */
const CLEARLY = 0.8;
const CLEARLY_US = 30_000;
/** A second copy on the same path follows so much later, so that one run of losses does not take both. */
const SAME_PATH_GAP_US = 10_000;
const EVER = Number.POSITIVE_INFINITY;
const NONE: readonly string[] = [];

/** One way of the same packet to the next node. */
export interface Copy {
  port: Port | undefined;
  neighbour: Neighbour | undefined;
  delayUs: number;
}

/** A path under consideration. */
interface Candidate extends Copy {
  chance: number;
  /** What one waits for a packet on average, with what loss and money are worth: less is better. */
  score: number;
  trust: number;
}

/** Under suspicion; back again, but not clean for long enough; neither. */
const Trust = { none: 0, some: 1, full: 2 } as const;

/** Chooses the paths of a packet among the bearers that lead to the same node. Holds nothing between two packets. */
export class Placement {
  readonly copies: Copy[] = Array.from({ length: MAX_COPIES }, () => ({
    port: undefined,
    neighbour: undefined,
    delayUs: 0,
  }));
  count = 0;
  readonly #candidates: Candidate[] = Array.from({ length: MAX_BEARERS }, () => ({
    port: undefined,
    neighbour: undefined,
    delayUs: 0,
    chance: 0,
    score: 0,
    trust: Trust.none,
  }));
  #known = 0;

  /**
   * Fills `copies` for a packet to the node of `hop`; false if only one bearer leads there. `calm` or, while a path is in
   * doubt, `risk` copies: over paths that share no risk if there are such, two on one if there is no other. A path under
   * suspicion that was good keeps its copy: suspicion only adds.
   */
  choose(
    nowUs: number,
    ports: readonly Port[],
    hop: Neighbour,
    trafficClass: number,
    calm: number,
    risk: number,
    except: Neighbour | undefined,
  ): boolean {
    this.#gather(nowUs, ports, hop, trafficClass, except);
    this.count = 0;
    if (this.#known + (except === undefined ? 0 : 1) < 2) return false;
    // What comes back from a path that is silent takes one that is not, be it slow.
    const first =
      except === undefined ? this.#first(nowUs) : (this.#best(undefined, TIMELY, Trust.full) ?? this.#late(Trust.some));
    if (first === undefined) return false;
    this.#take(first, 0);
    if (except !== undefined) return true;
    const wanted = calm === risk || !this.#isInDoubt(first) ? calm : risk;
    if (wanted > 1) {
      const second = this.#second(first);
      if (second !== undefined) this.#take(second, 0);
    }
    while (this.count > 1 && this.count < wanted && this.#takeAnother());
    this.#addSuspects(nowUs);
    if (wanted > 1 && this.count < 2) this.#take(first, SAME_PATH_GAP_US);
    // Late is better than never, if nothing that would be in time can be trusted.
    if (first.trust < Trust.full) {
      const safe = this.#late(first.trust + 1);
      if (safe !== undefined && !this.#isTaken(safe.neighbour as Neighbour)) this.#take(safe, 0);
    }
    return true;
  }

  #gather(
    nowUs: number,
    ports: readonly Port[],
    hop: Neighbour,
    trafficClass: number,
    except: Neighbour | undefined,
  ): void {
    this.#known = 0;
    const deadlineUs = DEADLINE_US[trafficClass] as number;
    for (let p = 0; p < ports.length; p++) {
      const port = ports[p] as Port;
      if (port.narrow) continue;
      for (let i = 0; i < port.neighbours.length && this.#known < MAX_BEARERS; i++) {
        const n = port.neighbours[i] as Neighbour;
        if (n.nodeId !== hop.nodeId || n === except || n.meter === undefined || !isUsable(port, n, nowUs)) continue;
        if (!port.shared && n.receiverIndex < 0) continue;
        if (isClosed(port.rules, n.closedTo, trafficClass)) continue;
        const { latencyUs } = port.config;
        const candidate = this.#candidates[this.#known++] as Candidate;
        candidate.port = port;
        candidate.neighbour = n;
        candidate.chance = n.meter.chanceWithin(deadlineUs, latencyUs);
        // Who is not used is not measured, either.
        if (candidate.chance < TIMELY && latencyUs <= deadlineUs) n.meter.retry(nowUs);
        candidate.score = n.meter.delayUs(0.5, latencyUs) + LOST_US * (1 - candidate.chance);
        candidate.score -= port.rules.preferenceUs;
        // Voice does not ask for money, as in `linkCost`.
        if (trafficClass > 0) candidate.score += PATH_MONEY_US_PER_CENT * port.costCentsPerMegabyte;
        candidate.trust = trustIn(nowUs, n, n.meter);
      }
    }
  }

  #best(beside: Candidate | undefined, leastChance: number, trust: number): Candidate | undefined {
    let best: Candidate | undefined;
    for (let i = 0; i < this.#known; i++) {
      const c = this.#candidates[i] as Candidate;
      if (c === beside || c.chance < leastChance || c.trust < trust) continue;
      if (beside !== undefined && sharesRisk(c.port as Port, beside.port as Port)) continue;
      if (best === undefined || c.score < best.score) best = c;
    }
    return best;
  }

  /** The best of those that are trusted so much, in time or not; any if there is none. */
  #late(trust: number): Candidate | undefined {
    return this.#best(undefined, 0, trust) ?? this.#best(undefined, 0, Trust.none);
  }

  /** The best path, unless the one that was chosen before is hardly worse or was so two seconds ago. */
  #first(nowUs: number): Candidate | undefined {
    const best =
      this.#best(undefined, TIMELY, Trust.full) ??
      this.#best(undefined, TIMELY, Trust.some) ??
      this.#best(undefined, TIMELY, Trust.none) ??
      this.#late(Trust.full);
    if (best === undefined) return undefined;
    const meter = best.neighbour?.meter as PathMeter;
    const { peer } = meter;
    const before = this.#of(peer.first);
    const clearly =
      before === undefined || best.score < CLEARLY * before.score || best.score < before.score - CLEARLY_US;
    // A suspicion is mostly wrong: the other one stands in, and takes the place only if it lasts.
    if (before !== undefined && before.trust < best.trust && isSuspectOfLate(nowUs, before)) return best;
    if (before === undefined || before.trust < best.trust || before.chance < TIMELY) peer.first = meter;
    else if (before === best || !clearly) peer.challenger = undefined;
    else {
      if (peer.challenger !== meter) {
        peer.challenger = meter;
        peer.challengedUs = nowUs;
      }
      if (nowUs - peer.challengedUs >= PATH_SWITCH_US) peer.first = meter;
    }
    return peer.first === meter ? best : before;
  }

  #of(meter: PathMeter | undefined): Candidate | undefined {
    for (let i = 0; i < this.#known; i++) {
      const c = this.#candidates[i] as Candidate;
      if (c.neighbour?.meter === meter) return c;
    }
    return undefined;
  }

  /** The next best that is in time: one that shares no risk with the first before one that does. */
  #second(first: Candidate): Candidate | undefined {
    const disjoint = this.#best(first, TIMELY, Trust.full) ?? this.#best(first, TIMELY, Trust.some);
    if (disjoint !== undefined) return disjoint;
    for (let i = 0; i < this.#known; i++) {
      const c = this.#candidates[i] as Candidate;
      if (c !== first && c.chance >= TIMELY && c.trust > Trust.none) return c;
    }
    return undefined;
  }

  /** True if a path is under suspicion, or the best one cannot be relied on. */
  #isInDoubt(first: Candidate): boolean {
    if (first.trust < Trust.full || first.chance < SURE) return true;
    for (let i = 0; i < this.#known; i++) if ((this.#candidates[i] as Candidate).trust === Trust.none) return true;
    return false;
  }

  /** A further copy on any other path that is in time; false if there is none. */
  #takeAnother(): boolean {
    for (let i = 0; i < this.#known; i++) {
      const c = this.#candidates[i] as Candidate;
      if (c.chance < TIMELY || c.trust === Trust.none || this.#isTaken(c.neighbour as Neighbour)) continue;
      this.#take(c, 0);
      return true;
    }
    return false;
  }

  #addSuspects(nowUs: number): void {
    for (let i = 0; i < this.#known; i++) {
      const c = this.#candidates[i] as Candidate;
      const n = c.neighbour as Neighbour;
      if (n.suspectSinceUs === EVER || c.chance < TIMELY || nowUs - n.suspectSinceUs > SUSPECT_COPY_US) continue;
      if (!this.#isTaken(n)) this.#take(c, 0);
    }
  }

  #isTaken(n: Neighbour): boolean {
    for (let i = 0; i < this.count; i++) if ((this.copies[i] as Copy).neighbour === n) return true;
    return false;
  }

  #take(c: Candidate, delayUs: number): void {
    if (this.count >= MAX_COPIES) return;
    const copy = this.copies[this.count++] as Copy;
    copy.port = c.port;
    copy.neighbour = c.neighbour;
    copy.delayUs = delayUs;
  }
}

function isSuspectOfLate(nowUs: number, c: Candidate): boolean {
  const { suspectSinceUs } = c.neighbour as Neighbour;
  return suspectSinceUs !== EVER && nowUs - suspectSinceUs < SUSPECT_COPY_US;
}

function trustIn(nowUs: number, n: Neighbour, meter: PathMeter): number {
  if (n.suspectSinceUs !== EVER) return Trust.none;
  return meter.isSettled(nowUs) ? Trust.full : Trust.some;
}

/** True if one event could take both: the same operator, tower, mast or power. */
export function sharesRisk(a: Port, b: Port): boolean {
  const risks = a.config.sharedRisk ?? NONE;
  const others = b.config.sharedRisk ?? NONE;
  for (let i = 0; i < risks.length; i++) if (others.includes(risks[i] as string)) return true;
  return false;
}
