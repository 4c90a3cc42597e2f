import { FrameKind, readU32, writeU32 } from "@skein/codecs";
import { Precedence, TrafficClass } from "../api.ts";
import type { Neighbour, Port } from "../port.ts";
import { type CoreState, emit } from "../state.ts";
import type { Outbox } from "./outbox.ts";

export const POLICY_SERVICE = 3;
const HEADER_OCTETS = 5;
const MAX_POLICY_OCTETS = 1024;
const NEWCOMER_US = 20_000_000;

/**
 * The controller's policy, flooded and kept by everyone: service octet 3, version 4, CBOR. A node that
 * comes into range is offered what one has; an older version changes nothing.
 */
export class PolicyService {
  readonly #s: CoreState;
  readonly #outbox: Outbox;
  #version = 0;
  #sinceUs: number;
  #octets: Uint8Array = new Uint8Array(0);

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
    if (this.#version === 0) return;
    // On a narrow channel only to a newcomer: those who started together have heard the flood.
    if (port.narrow && nowUs - this.#sinceUs < NEWCOMER_US) return;
    this.#outbox.unicast(nowUs, n.address, TrafficClass.command, Precedence.routine, this.#write());
  }

  handle(nowUs: number, octets: Uint8Array, offset: number, length: number): boolean {
    if (length < HEADER_OCTETS || length > HEADER_OCTETS + MAX_POLICY_OCTETS) return false;
    const version = readU32(octets, offset + 1);
    if (version <= this.#version) return true;
    this.restore(version, octets.slice(offset + HEADER_OCTETS, offset + length));
    this.#sinceUs = nowUs;
    emit(this.#s, { type: "policy", version, octets: this.#octets.slice() });
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
