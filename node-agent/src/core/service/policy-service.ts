import {
  decodePolicyState,
  encodePolicyState,
  FrameKind,
  isLaterPolicy,
  MAX_POLICY_OCTETS,
  POLICY_STATE_OCTETS,
  POSITION_REPORT_OCTETS,
  policyMark,
  readU32,
  writeU32,
} from "@skein/codecs";
import { type Address, Precedence, TrafficClass } from "../api.ts";
import {
  POLICY_ASK_FIRST_US,
  POLICY_ASK_GAP_MAX_US,
  POLICY_ASK_GAP_US,
  POLICY_CHECK_GAP_US,
  POLICY_OFFER_GAP_US,
} from "../limits.ts";
import type { Neighbour } from "../neighbour.ts";
import type { Port } from "../port.ts";
import { type CoreState, emit } from "../state.ts";
import type { Outbox } from "./outbox.ts";

const POLICY_SERVICE = 3;
const HEADER_OCTETS = 5;
const NEVER = Number.POSITIVE_INFINITY;

/** True of a routine command of this length that is a policy; its first octet could be a position's, too. */
export function isPolicy(octets: Uint8Array, from: number, length: number): boolean {
  return octets[from] === POLICY_SERVICE && length !== POSITION_REPORT_OCTETS;
}

/**
 * The controller's policy, flooded and kept by everyone: service octet 3, version 4, envelope (`policy-envelope.ts`). A
 * node that comes into range is offered what one has, octet for octet, so that the signature holds; an older version
 * changes nothing. What the gate does not let pass is not kept, and not offered to anybody.
 *
 * On narrow bearers nobody is offered one: hellos tell which one their node has, and who has an older one asks one of
 * those with a newer one. All who hear the answer have it.
 */
export class PolicyService {
  readonly #s: CoreState;
  readonly #outbox: Outbox;
  #octets: Uint8Array = new Uint8Array(0);
  #forgedUs = Number.NEGATIVE_INFINITY;
  #offeredUs = Number.NEGATIVE_INFINITY;
  /** Who said last that it has a newer one; 0: nobody. */
  #ahead: Address = 0;
  #askGapUs = POLICY_ASK_GAP_US;
  /** When that one is asked. */
  dueUs = NEVER;

  constructor(state: CoreState, outbox: Outbox) {
    this.#s = state;
    this.#outbox = outbox;
  }

  restore(version: number, octets: Uint8Array): void {
    if (version <= this.#s.policyVersion || octets.length > MAX_POLICY_OCTETS) return;
    this.#s.policyVersion = version;
    this.#octets = octets.slice();
    this.#ahead = 0;
    this.#askGapUs = POLICY_ASK_GAP_US;
    this.dueUs = NEVER;
  }

  publish(nowUs: number, version: number, octets: Uint8Array): void {
    if (octets.length > MAX_POLICY_OCTETS) {
      this.#s.counters.drop("too-long");
      return;
    }
    this.restore(version, octets);
    this.#outbox.group(nowUs, FrameKind.groupAll, 0, TrafficClass.command, Precedence.immediate, this.#write());
  }

  offer(nowUs: number, port: Port, n: Neighbour): void {
    if (!port.narrow) this.#send(nowUs, n.address);
  }

  /** A neighbour on a narrow bearer says which one it has. It may be on its way here already. */
  heard(nowUs: number, n: Neighbour, mark: number): void {
    if (!isLaterPolicy(mark, policyMark(this.#s.policyVersion))) return;
    this.#ahead = n.address;
    if (this.dueUs === NEVER) this.dueUs = nowUs + this.#spread(POLICY_ASK_FIRST_US);
  }

  /** Asks who has a newer one, as long as there is one, ever more seldom. */
  handleTimeout(nowUs: number): void {
    this.dueUs = nowUs + this.#spread(this.#askGapUs);
    this.#askGapUs = Math.min(2 * this.#askGapUs, POLICY_ASK_GAP_MAX_US);
    this.#s.counters.count("policies-asked");
    this.sendState(nowUs, this.#ahead, this.#s.policyVersion, false);
  }

  /** Where many have missed the same one they do not ask at the same time. */
  #spread(leastUs: number): number {
    return leastUs + this.#s.random.below(leastUs);
  }

  #send(nowUs: number, to: Address): void {
    if (this.#s.policyVersion === 0) return;
    this.#outbox.unicast(nowUs, to, TrafficClass.command, Precedence.routine, this.#write());
  }

  handle(nowUs: number, octets: Uint8Array, offset: number, length: number): boolean {
    const { counters, options } = this.#s;
    if (length < HEADER_OCTETS) return false;
    if (length > HEADER_OCTETS + MAX_POLICY_OCTETS) {
      counters.drop("too-long");
      return true;
    }
    const version = readU32(octets, offset + 1);
    // The own one comes again and again, that is how newcomers are served.
    if (version < this.#s.policyVersion) counters.drop("policy-stale");
    if (version <= this.#s.policyVersion) return true;
    const envelope = octets.slice(offset + HEADER_OCTETS, offset + length);
    if (options.policyGate !== undefined && !this.#passes(nowUs, version, envelope)) return true;
    this.restore(version, envelope);
    emit(this.#s, { type: "policy", version, octets: this.#octets.slice() });
    return true;
  }

  #passes(nowUs: number, version: number, envelope: Uint8Array): boolean {
    const { counters, options } = this.#s;
    if (nowUs - this.#forgedUs < POLICY_CHECK_GAP_US) {
      counters.drop("policy-flood");
      return false;
    }
    const verdict = options.policyGate?.check(version, envelope);
    if (verdict === "good") return true;
    if (verdict === "forged") this.#forgedUs = nowUs;
    counters.drop(verdict === "forged" ? "policy-forged" : "policy-unsigned");
    return false;
  }

  sendState(nowUs: number, to: Address, version: number, ask: boolean): void {
    encodePolicyState({ version, ask }, this.#outbox.payload, 0);
    this.#outbox.unicast(nowUs, to, TrafficClass.command, Precedence.routine, POLICY_STATE_OCTETS);
  }

  /** Who has an older one is sent the own one; who asks, has to be told by the owner. */
  handleState(nowUs: number, from: Address, octets: Uint8Array, offset: number, length: number): boolean {
    const state = decodePolicyState(octets, offset, length);
    if (state === undefined) return false;
    if (state.version < this.#s.policyVersion && nowUs - this.#offeredUs >= POLICY_OFFER_GAP_US) {
      this.#offeredUs = nowUs;
      this.#send(nowUs, from);
    }
    emit(this.#s, { type: "policy-state", from, ...state });
    return true;
  }

  #write(): number {
    const out = this.#outbox.payload;
    out[0] = POLICY_SERVICE;
    writeU32(out, 1, this.#s.policyVersion);
    out.set(this.#octets, HEADER_OCTETS);
    return HEADER_OCTETS + this.#octets.length;
  }
}
