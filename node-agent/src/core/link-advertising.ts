import { encodeLinkVector, type LinkStateLink, LOSS_STEPS, VECTOR_GONE } from "@skein/codecs";
import { TrafficClass } from "./api.ts";
import type { AreaRoutes } from "./area-routes.ts";
import {
  AWAITED_NARROW_US,
  MAX_AWAITED_NODES,
  NEWS_CALM_US,
  NEWS_SETTLE_NARROW_US,
  NEWS_SETTLE_PER_MEMBER_US,
  SPREAD_PER_MEMBER_US,
} from "./limits.ts";
import { UNREACHABLE } from "./link-cost.ts";
import type { LinkStateFlooding } from "./link-state-flooding.ts";
import type { Neighbour } from "./neighbour.ts";
import type { Port } from "./port.ts";
import type { CoreState } from "./state.ts";

/** A quality that differs is advertised when the difference has lasted; sooner when it has become bad. */
const VECTOR_SETTLE_US = 15_000_000;
const VECTOR_SETTLE_BAD_US = 2_000_000;
const BAD_LOSS = 0.2;
/** Loss must leave the advertised step by these factors before it counts as different at all. */
const LOSS_HYSTERESIS_UP = 1.5;
const LOSS_HYSTERESIS_DOWN = 0.5;
/** On a narrow channel collisions alone make some loss: below this it is as good as none. */
const NARROW_LOSS_MATTERS = 0.15;
/** The fields of a link vector that policy decides: money, and who may use it. */
const RULED_MASK = (7 << 2) | 3;

/**
 * What is told to everybody of the links to neighbours, and when: at once that a link has come or gone, the rest once
 * it has lasted.
 */
export class LinkAdvertising {
  readonly #s: CoreState;
  readonly #flooding: LinkStateFlooding;
  readonly #areas: AreaRoutes;

  constructor(state: CoreState, flooding: LinkStateFlooding, areas: AreaRoutes) {
    this.#s = state;
    this.#flooding = flooding;
    this.#areas = areas;
  }

  /** Advertises the link if what it is like has changed enough. */
  refresh(nowUs: number, port: Port, n: Neighbour): void {
    const vector = this.#vectorOf(nowUs, port, n);
    if (vector === n.advertisedVector) {
      n.vectorChangeUs = Number.POSITIVE_INFINITY;
      return;
    }
    if (n.vectorChangeUs === Number.POSITIVE_INFINITY) n.vectorChangeUs = nowUs;
    const gone = vector === VECTOR_GONE || n.advertisedVector === VECTOR_GONE;
    const ruled = (vector & RULED_MASK) !== (n.advertisedVector & RULED_MASK);
    const settleUs = !port.narrow && 1 - n.txQuality > BAD_LOSS ? VECTOR_SETTLE_BAD_US : VECTOR_SETTLE_US;
    if (!gone && !ruled && nowUs - n.vectorChangeUs < settleUs) return;
    n.advertisedVector = vector;
    n.vectorChangeUs = Number.POSITIVE_INFINITY;
    if (n.foreign) {
      this.#areas.refresh(nowUs);
      return;
    }
    if (port.narrow && vector !== VECTOR_GONE) this.#later(nowUs, port, n.local);
    else {
      port.pendingLinks.delete(n.local);
      this.#flooding.originate(nowUs, [this.#linkTo(n.local, port.config.kind)]);
    }
  }

  /** Good news on a narrow channel waits until it has held for a while, the longer the more members may have some, too. */
  #later(nowUs: number, port: Port, local: number): void {
    if (port.pendingLinks.size === 0) {
      // Once and again: the longer it goes on, the more is told at a time (compare RFC 6206 4.2).
      const calm = nowUs - port.pendingSinceUs > NEWS_CALM_US;
      port.pendingStretch = calm ? 1 : Math.min(4, 2 * port.pendingStretch);
      port.pendingSinceUs = nowUs;
    }
    port.pendingLinks.add(local);
    const waitUs = (NEWS_SETTLE_NARROW_US + port.neighbours.length * NEWS_SETTLE_PER_MEMBER_US) * port.pendingStretch;
    port.pendingDueUs = Math.min(port.pendingSinceUs + 2 * waitUs, nowUs + waitUs) + this.#s.random.below(waitUs / 2);
  }

  /** The other end tells everybody that it hears this node: if there is no way to it yet, it waits for this end to say so. */
  answered(nowUs: number, port: Port, n: Neighbour): void {
    if (!port.narrow || n.foreign || !this.#isAwaited(port, n.local)) return;
    const cutOff = port.neighbours.filter((m) => m.alive && !m.foreign && this.#isCutOff(m.local)).length;
    if (cutOff > MAX_AWAITED_NODES) return;
    const withinUs = AWAITED_NARROW_US + this.#s.random.below(port.neighbours.length * SPREAD_PER_MEMBER_US);
    port.awaitedDueUs = Math.min(port.awaitedDueUs, nowUs + withinUs);
  }

  #isAwaited(port: Port, local: number): boolean {
    return port.pendingLinks.has(local) && port.byLocal[local]?.twoWay === true && this.#isCutOff(local);
  }

  #isCutOff(local: number): boolean {
    return this.#s.paths.from(this.#s.local, TrafficClass.command)[local] === UNREACHABLE;
  }

  handleTimeout(nowUs: number, port: Port): void {
    // Of many who hear the other end the first to say so is enough; the rest goes on waiting for company.
    const isAwaited = [...port.pendingLinks].some((local) => this.#isAwaited(port, local));
    if (isAwaited || port.pendingDueUs <= nowUs) this.announce(nowUs, port);
    else port.awaitedDueUs = Number.POSITIVE_INFINITY;
  }

  /** Advertises what has waited. */
  announce(nowUs: number, port: Port): void {
    port.pendingDueUs = Number.POSITIVE_INFINITY;
    port.awaitedDueUs = Number.POSITIVE_INFINITY;
    const links = [...port.pendingLinks].map((local) => this.#linkTo(local, port.config.kind));
    port.pendingLinks.clear();
    if (links.length > 0) this.#flooding.originate(nowUs, links);
  }

  #linkTo(local: number, kind: number): LinkStateLink {
    return { neighbour: local, channel: kind, vector: this.#bestVector(local, kind) };
  }

  #vectorOf(nowUs: number, port: Port, n: Neighbour): number {
    // Heard is enough: a link counts when both ends advertise it.
    if (!port.up || !n.alive || nowUs < n.heldDownUntilUs) return VECTOR_GONE;
    const { bitrateBps, latencyUs } = port.config;
    const loss = port.narrow ? narrowLoss(n) : steadyLoss(1 - n.txQuality, n.advertisedVector);
    const costCentsPerMegabyte = port.costCentsPerMegabyte;
    return encodeLinkVector({ bitrateBps, latencyUs, loss, costCentsPerMegabyte, closed: port.rules.closedField });
  }

  /** Two bearers of one kind may reach the same neighbour: the one open to more is advertised, then the less lossy one. */
  #bestVector(local: number, kind: number): number {
    let best = VECTOR_GONE;
    for (const port of this.#s.ports) {
      if (port.config.kind !== kind) continue;
      const vector = port.byLocal[local]?.advertisedVector ?? VECTOR_GONE;
      if (vector !== VECTOR_GONE && (best === VECTOR_GONE || badness(vector) < badness(best))) best = vector;
    }
    return best;
  }
}

/** The measured loss, or the advertised one as long as the measurement is not clearly outside its step. */
function steadyLoss(measured: number, advertisedVector: number): number {
  if (advertisedVector === VECTOR_GONE) return measured;
  const step = lossField(advertisedVector);
  const upper = LOSS_STEPS[step] as number;
  const lower = step === 0 ? 0 : (LOSS_STEPS[step - 1] as number);
  const inside = measured <= upper * LOSS_HYSTERESIS_UP && measured >= lower * LOSS_HYSTERESIS_DOWN;
  return inside ? upper : measured;
}

/** On narrow bearers each end advertises how it hears the other: a frame and its acknowledgement need both. */
function narrowLoss(n: Neighbour): number {
  const loss = steadyLoss(1 - n.rxQuality, n.advertisedVector);
  return loss < NARROW_LOSS_MATTERS ? 0 : loss;
}

function badness(vector: number): number {
  return ((vector & 3) << 3) | lossField(vector);
}

function lossField(vector: number): number {
  return (vector >>> 5) & 7;
}
