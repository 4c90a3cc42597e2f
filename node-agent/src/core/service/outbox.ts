import {
  copyOctets,
  createDataHeader,
  createRepair,
  DATA_FLAG_UNSEALED,
  type DataHeader,
  END_TO_END_OCTETS,
  FrameKind,
  isGroupKind,
  isProtected,
  KEY_CLASS,
  KEY_PRECEDENCE,
} from "@skein/codecs";
import { Precedence, TrafficClass } from "../api.ts";
import type { AwaitingKey } from "../awaiting-key.ts";
import { isVital } from "../bearer-rules.ts";
import { NARROW_SPACE, SEQUENCE_SPACES } from "../duplicate-filter.ts";
import type { EndToEnd } from "../end-to-end.ts";
import type { Forwarding } from "../forwarding.ts";
import type { GroupRelay } from "../group-relay.ts";
import { MAX_PAYLOAD_OCTETS, MAX_PLAIN_OCTETS } from "../limits.ts";
import { ANY_POTENTIAL } from "../potential.ts";
import type { CoreState } from "../state.ts";

/** What an ordinary packet to one node does not say. */
interface UnicastOptions {
  readonly kind: FrameKind;
  /** Two copies over disjoint paths, where there are two. */
  readonly critical: boolean;
  /** The mesh keeps it for a while when there is no way; whoever repeats by itself does not want that. */
  readonly keep: boolean;
  /** By the disjoint way, if there is one. */
  readonly disjoint: boolean;
}

const ORDINARY: UnicastOptions = { kind: FrameKind.unicast, critical: false, keep: false, disjoint: false };
const DISJOINTLY: UnicastOptions = { ...ORDINARY, disjoint: true };
const DATAGRAM: UnicastOptions = { ...ORDINARY, kind: FrameKind.datagram, keep: true };
const CRITICAL_DATAGRAM: UnicastOptions = { ...DATAGRAM, critical: true };

/**
 * How services hand packets to the mesh: gives each its sequence number, sees to it that it can be sealed for its
 * destination, sends it off.
 */
export class Outbox {
  readonly #s: CoreState;
  readonly #forwarding: Forwarding;
  readonly #relay: GroupRelay;
  readonly #endToEnd: EndToEnd;
  readonly #awaiting: AwaitingKey;
  readonly #header: DataHeader = createDataHeader();
  readonly #repair = createRepair();
  readonly #sequences = new Uint16Array(SEQUENCE_SPACES);
  /** Services write their payload here before they call `unicast` or `group`. */
  readonly payload = new Uint8Array(MAX_PAYLOAD_OCTETS);

  constructor(
    state: CoreState,
    parts: { forwarding: Forwarding; relay: GroupRelay; endToEnd: EndToEnd; awaiting: AwaitingKey },
  ) {
    this.#s = state;
    this.#forwarding = parts.forwarding;
    this.#relay = parts.relay;
    this.#endToEnd = parts.endToEnd;
    this.#awaiting = parts.awaiting;
    parts.awaiting.onReady = (nowUs, header, slot) => this.#resume(nowUs, header, slot);
    // After a restart the sequences begin elsewhere, so that they are not taken for repeats.
    this.#sequences.fill(Math.imul(state.options.bootEpoch, 40_503));
  }

  /** Copies octets[from, from + length) to `payload`; false (counted) if they are too many. */
  load(octets: Uint8Array, from: number, length: number): boolean {
    if (length > MAX_PLAIN_OCTETS) {
      this.#s.counters.drop("too-long");
      return false;
    }
    copyOctets(octets, from, from + length, this.payload, 0);
    return true;
  }

  /**
   * Sends payload[0, length) to a node; false if there is no way now. What waits for the node's key is on its way only if
   * nobody repeats it.
   */
  unicast(
    nowUs: number,
    to: number,
    trafficClass: TrafficClass,
    precedence: Precedence,
    length: number,
    options: UnicastOptions = ORDINARY,
  ): boolean {
    const sealed = isProtected(options.kind, trafficClass, precedence);
    if (sealed && !this.#endToEnd.isReady(nowUs, to)) {
      if (trafficClass === TrafficClass.command && options.kind === FrameKind.unicast) return false;
      this.#fill(options.kind, trafficClass, precedence, to);
      return this.#awaiting.keep(nowUs, this.#header, this.payload, length) && this.#forwarding.reachable(to);
    }
    if (!this.#isWithinRate(nowUs, options.kind, trafficClass, precedence, length)) return false;
    const header = this.#next(options.kind, trafficClass, precedence, to);
    let octets = length;
    // Parity adds up what is sealed.
    if (sealed && trafficClass === TrafficClass.video) octets = this.#endToEnd.seal(header, this.payload, 0, length);
    else if (sealed) {
      // Its frame may yet do it, if that goes to the destination straight.
      header.flags = DATA_FLAG_UNSEALED;
      octets += END_TO_END_OCTETS;
    }
    const { flags } = header;
    const { keep, critical, disjoint } = options;
    if (disjoint && this.#forwarding.routeDisjoint(nowUs, header, this.payload, 0, octets)) return true;
    const sent = this.#forwarding.route(nowUs, header, this.#repair, this.payload, 0, octets, 0, keep, critical);
    if (!critical) return sent;
    header.flags = flags;
    return this.#forwarding.routeCopy(nowUs, header, this.payload, 0, octets) || sent;
  }

  /** Sends a key packet, octets[0, length): nobody can seal it, and it may wait for a way. */
  key(nowUs: number, to: number, octets: Uint8Array, length: number): void {
    const header = this.#next(FrameKind.unicast, KEY_CLASS, KEY_PRECEDENCE, to);
    this.#forwarding.route(nowUs, header, this.#repair, octets, 0, length);
  }

  #resume(nowUs: number, header: DataHeader, slot: number): void {
    const { pool } = this.#s;
    const length = pool.length[slot] as number;
    const at = pool.offset(slot);
    copyOctets(pool.payloads, at, at + length, this.payload, 0);
    const { kind, destination, trafficClass, precedence } = header;
    const options = kind === FrameKind.datagram ? DATAGRAM : ORDINARY;
    this.unicast(nowUs, destination, trafficClass as TrafficClass, precedence as Precedence, length, options);
  }

  /** Sends payload[0, length) of a stream that repeats by itself to a node, over either of two ways. */
  bulk(nowUs: number, to: number, length: number, disjoint: boolean): boolean {
    const options = disjoint ? DISJOINTLY : ORDINARY;
    return this.unicast(nowUs, to, TrafficClass.bulk, Precedence.routine, length, options);
  }

  /** Sends the IP packet in payload[0, length) to a node. */
  datagram(
    nowUs: number,
    to: number,
    trafficClass: TrafficClass,
    precedence: Precedence,
    length: number,
    critical: boolean,
  ): boolean {
    return this.unicast(nowUs, to, trafficClass, precedence, length, critical ? CRITICAL_DATAGRAM : DATAGRAM);
  }

  /**
   * Sends payload[0, length) to a group (0: everyone) and returns the low 8 bits of its sequence, 0 (counted) if its class
   * has had its share. `payer` is whose airtime it is, a local id.
   */
  group(
    nowUs: number,
    kind: FrameKind,
    group: number,
    trafficClass: TrafficClass,
    precedence: Precedence,
    length: number,
    payer = this.#s.local,
  ): number {
    if (!this.#isWithinRate(nowUs, kind, trafficClass, precedence, length)) return 0;
    const header = this.#next(kind, trafficClass, precedence, group);
    this.#s.pool.payerNow = payer;
    this.#relay.originate(nowUs, header, this.payload, 0, length);
    return header.sequence & 0xff;
  }

  #isWithinRate(
    nowUs: number,
    kind: FrameKind,
    trafficClass: TrafficClass,
    precedence: Precedence,
    length: number,
  ): boolean {
    if (isVital(kind, trafficClass, precedence) || this.#s.classRules.admits(nowUs, trafficClass, length)) return true;
    this.#s.counters.drop("class-rate", trafficClass);
    return false;
  }

  #next(kind: FrameKind, trafficClass: TrafficClass, precedence: Precedence, destination: number): DataHeader {
    const space = kind === FrameKind.groupNarrow ? NARROW_SPACE : trafficClass;
    const sequence = ((this.#sequences[space] as number) + 1) & 0xffff;
    this.#sequences[space] = sequence;
    this.#s.pool.payerNow = this.#s.local;
    const header = this.#fill(kind, trafficClass, precedence, destination);
    header.sequence = sequence;
    return header;
  }

  #fill(kind: FrameKind, trafficClass: TrafficClass, precedence: Precedence, destination: number): DataHeader {
    const header = this.#header;
    header.kind = kind;
    header.trafficClass = trafficClass;
    header.precedence = precedence;
    header.source = this.#s.options.address;
    header.destination = destination;
    header.potential = isGroupKind(kind) ? 0 : ANY_POTENTIAL;
    header.flags = 0;
    return header;
  }
}
