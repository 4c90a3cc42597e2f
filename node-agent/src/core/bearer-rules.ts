import { FrameKind } from "@skein/codecs";
import { CapLevel, type CoreRules, Precedence, TrafficClass } from "./api.ts";
import { CAP_FRAME_OCTETS } from "./limits.ts";

const EVERYTHING = 0b1111;
/** Classes that each value of a link vector's field `closed` shuts out, as bits. */
const CLOSED = [0, 0b1000, 0b1100, EVERYTHING] as const;
const WARN_SHARE = 0.8;
const EVER = Number.POSITIVE_INFINITY;

/** Classes that the other end of a link does not want there, as bits. */
export function closedClasses(closed: number): number {
  return CLOSED[closed] as number;
}

/**
 * What may go over a bearer: the policy's classes, and how much of its data cap is used. Octets are counted as frames with
 * the headers of UDP and IP, in both directions if both are paid for.
 */
export class BearerRules {
  readonly #frameOctets: number;
  /** Classes that the policy keeps off it, as bits. */
  closedTo = 0;
  /** It counts as so much quicker than it is. */
  preferenceUs = 0;
  /** Infinity without a cap. */
  capOctets = EVER;
  reserveOctets = 0;
  usedOctets = 0;
  #countsReceived = true;
  level: CapLevel = CapLevel.open;
  /** The level that neighbours and the owner have been told of. */
  toldLevel: CapLevel = CapLevel.open;

  constructor(narrow: boolean) {
    this.#frameOctets = narrow ? 0 : CAP_FRAME_OCTETS;
    // They will hold fractions, or more than 2^31: see `holdingFractions`.
    this.usedOctets = 0.5;
    this.reserveOctets = 0.5;
    this.usedOctets = 0;
    this.reserveOctets = 0;
  }

  set(rules: CoreRules["bearers"][number] | undefined): void {
    this.preferenceUs = (rules?.preferenceMs ?? 0) * 1000;
    this.capOctets = rules?.cap?.octets ?? EVER;
    this.reserveOctets = rules?.cap?.reserveOctets ?? 0;
    this.#countsReceived = rules?.cap?.countsReceived ?? true;
    this.#reckon();
  }

  use(usedOctets: number): void {
    this.usedOctets = usedOctets;
    this.#reckon();
  }

  sent(frameOctets: number): void {
    this.use(this.usedOctets + frameOctets + this.#frameOctets);
  }

  received(frameOctets: number): void {
    if (this.#countsReceived) this.use(this.usedOctets + frameOctets + this.#frameOctets);
  }

  #reckon(): void {
    const used = this.usedOctets;
    if (used >= this.capOctets) this.level = CapLevel.spent;
    else if (used >= this.capOctets - this.reserveOctets) this.level = CapLevel.reserve;
    else this.level = used >= WARN_SHARE * this.capOctets ? CapLevel.warned : CapLevel.open;
  }

  /** Classes that may not go over it now, as bits. */
  get closed(): number {
    return this.level >= CapLevel.reserve ? EVERYTHING : this.closedTo;
  }

  /** The same as others are told: the least that a link vector can say of it. */
  get closedField(): number {
    const closed = this.closed;
    for (let field = CLOSED.length - 1; field > 0; field--) {
      const classes = CLOSED[field] as number;
      if ((closed & classes) === classes) return field;
    }
    return 0;
  }
}

/** True if a bearer, or the other end of a link on it, is closed to a class now. */
export function isClosed(rules: BearerRules, atOtherEnd: number, trafficClass: number): boolean {
  return ((rules.closed | atOtherEnd) >>> trafficClass) % 2 === 1;
}

/**
 * Why a packet may not go over a bearer, undefined if it may. `atOtherEnd`: the classes that the next hop does not want
 * there. SOS, positions, policies and keys go on out of the reserve; when that is used, too, SOS, new policies and keys.
 */
export function refusal(
  rules: BearerRules,
  atOtherEnd: number,
  kind: number,
  trafficClass: number,
  precedence: number,
): "cap" | "class-rule" | undefined {
  if (!isClosed(rules, atOtherEnd, trafficClass)) return undefined;
  const isSpent = rules.level === CapLevel.spent;
  if (isVital(kind, trafficClass, precedence) && !(isSpent && precedence < Precedence.immediate)) return undefined;
  return rules.level >= CapLevel.reserve || atOtherEnd === EVERYTHING ? "cap" : "class-rule";
}

/** SOS, positions, policies, keys: what the reserve of a data cap is for, and no rate holds up. */
export function isVital(kind: number, trafficClass: number, precedence: number): boolean {
  if (kind === FrameKind.datagram) return false;
  if (precedence === Precedence.flash) return true;
  return trafficClass === TrafficClass.command && precedence !== Precedence.priority;
}
