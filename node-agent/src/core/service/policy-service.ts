import {
  decodePolicyState,
  encodePolicyState,
  FrameKind,
  MAX_POLICY_OCTETS,
  POLICY_STATE_OCTETS,
  readU32,
  writeU32,
} from "@skein/codecs";
import { type Address, Precedence, TrafficClass } from "../api.ts";
import { POLICY_CHECK_GAP_US } from "../limits.ts";
import type { Neighbour } from "../neighbour.ts";
import type { Port } from "../port.ts";
import { type CoreState, emit } from "../state.ts";
import type { Outbox } from "./outbox.ts";

export const POLICY_SERVICE = 3;
const HEADER_OCTETS = 5;
const NEWCOMER_US = 20_000_000;

/**
 * The controller's policy, flooded and kept by everyone: service octet 3, version 4, envelope (`policy-envelope.ts`). A
 * node that comes into range is offered what one has, octet for octet, so that the signature holds; an older version
 * changes nothing. What the gate does not let pass is not kept, and not offered to anybody.
 */
export class PolicyService {
  readonly #s: CoreState;
  readonly #outbox: Outbox;
  #version = 0;
  #sinceUs: number;
  #octets: Uint8Array = new Uint8Array(0);
  #forgedUs = Number.NEGATIVE_INFINITY;

  constructor(state: CoreState, outbox: Outbox, nowUs: number) {
    this.#sinceUs = nowUs;
    this.#s = state;
    this.#outbox = outbox;
  }

  restore(version: number, octets: Uint8Array): void {
    if (version <= this.#version || octets.length > MAX_POLICY_OCTETS) return;
    this.#version = version;
    this.#octets = octets.slice();
  }

  publish(nowUs: number, version: number, octets: Uint8Array): void {
    if (octets.length > MAX_POLICY_OCTETS) {
      this.#s.counters.drop("too-long");
      return;
    }
    this.restore(version, octets);
    this.#sinceUs = nowUs;
    this.#outbox.group(nowUs, FrameKind.groupAll, 0, TrafficClass.command, Precedence.immediate, this.#write());
  }

  offer(nowUs: number, port: Port, n: Neighbour): void {
    // On a narrow channel only to a newcomer: those who started together have heard the flood.
    if (port.narrow && nowUs - this.#sinceUs < NEWCOMER_US) return;
    this.send(nowUs, n.address);
  }

  send(nowUs: number, to: Address): void {
    if (this.#version === 0) return;
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
    if (version < this.#version) counters.drop("policy-stale");
    if (version <= this.#version) return true;
    const envelope = octets.slice(offset + HEADER_OCTETS, offset + length);
    if (options.policyGate !== undefined && !this.#passes(nowUs, version, envelope)) return true;
    this.restore(version, envelope);
    this.#sinceUs = nowUs;
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

  handleState(from: Address, octets: Uint8Array, offset: number, length: number): boolean {
    const state = decodePolicyState(octets, offset, length);
    if (state === undefined) return false;
    emit(this.#s, { type: "policy-state", from, ...state });
    return true;
  }

  #write(): number {
    const out = this.#outbox.payload;
    out[0] = POLICY_SERVICE;
    writeU32(out, 1, this.#version);
    out.set(this.#octets, HEADER_OCTETS);
    return HEADER_OCTETS + this.#octets.length;
  }
}
