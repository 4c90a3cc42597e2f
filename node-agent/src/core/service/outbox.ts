import { createDataHeader, createRepair, type DataHeader, FrameKind, isGroupKind } from "@skein/codecs";
import type { Precedence, TrafficClass } from "../api.ts";
import { NARROW_SPACE, SEQUENCE_SPACES } from "../duplicate-filter.ts";
import type { Forwarding } from "../forwarding.ts";
import type { GroupRelay } from "../group-relay.ts";
import { MAX_PAYLOAD_OCTETS } from "../limits.ts";
import { ANY_POTENTIAL } from "../potential.ts";
import type { CoreState } from "../state.ts";

/** What an ordinary packet to one node does not say. */
interface UnicastOptions {
  readonly kind: FrameKind;
  /** Two copies over disjoint paths, where there are two. */
  readonly critical: boolean;
  /** The mesh keeps it for a while when there is no way; whoever repeats by itself does not want that. */
  readonly keep: boolean;
}

const ORDINARY: UnicastOptions = { kind: FrameKind.unicast, critical: false, keep: false };
const DATAGRAM: UnicastOptions = { kind: FrameKind.datagram, critical: false, keep: true };
const CRITICAL_DATAGRAM: UnicastOptions = { kind: FrameKind.datagram, critical: true, keep: true };

/** How services hand packets to the mesh: gives each its sequence number and sends it on its way. */
export class Outbox {
  readonly #s: CoreState;
  readonly #forwarding: Forwarding;
  readonly #relay: GroupRelay;
  readonly #header: DataHeader = createDataHeader();
  readonly #repair = createRepair();
  readonly #sequences = new Uint16Array(SEQUENCE_SPACES);
  /** Services write their payload here before they call `unicast` or `group`. */
  readonly payload = new Uint8Array(MAX_PAYLOAD_OCTETS);

  constructor(state: CoreState, forwarding: Forwarding, relay: GroupRelay) {
    this.#s = state;
    this.#forwarding = forwarding;
    this.#relay = relay;
    // After a restart the sequences begin elsewhere, so that they are not taken for repeats.
    this.#sequences.fill(Math.imul(state.options.bootEpoch, 40_503));
  }

  /** Copies octets[from, from + length) to `payload`; false (counted) if they are too many. */
  load(octets: Uint8Array, from: number, length: number): boolean {
    if (length > MAX_PAYLOAD_OCTETS) {
      this.#s.counters.drop("too-long");
      return false;
    }
    for (let i = 0; i < length; i++) this.payload[i] = octets[from + i] as number;
    return true;
  }

  /** Sends payload[0, length) to a node; false if there is no way now. */
  unicast(
    nowUs: number,
    to: number,
    trafficClass: TrafficClass,
    precedence: Precedence,
    length: number,
    options: UnicastOptions = ORDINARY,
  ): boolean {
    const header = this.#next(options.kind, trafficClass, precedence, to);
    const { keep, critical } = options;
    const sent = this.#forwarding.route(nowUs, header, this.#repair, this.payload, 0, length, 0, keep, critical);
    if (!critical) return sent;
    header.flags = 0;
    return this.#forwarding.routeCopy(nowUs, header, this.payload, 0, length) || sent;
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
   * Sends payload[0, length) to a group (0: everyone) and returns the low 8 bits of its sequence. `payer` is whose airtime
   * it is, a local id.
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
    const header = this.#next(kind, trafficClass, precedence, group);
    this.#s.pool.payerNow = payer;
    this.#relay.originate(nowUs, header, this.payload, 0, length);
    return header.sequence & 0xff;
  }

  #next(kind: FrameKind, trafficClass: TrafficClass, precedence: Precedence, destination: number): DataHeader {
    const space = kind === FrameKind.groupNarrow ? NARROW_SPACE : trafficClass;
    const sequence = ((this.#sequences[space] as number) + 1) & 0xffff;
    this.#sequences[space] = sequence;
    this.#s.pool.payerNow = this.#s.local;
    const header = this.#header;
    header.kind = kind;
    header.trafficClass = trafficClass;
    header.precedence = precedence;
    header.source = this.#s.options.address;
    header.destination = destination;
    header.potential = isGroupKind(kind) ? 0 : ANY_POTENTIAL;
    header.sequence = sequence;
    header.flags = 0;
    return header;
  }
}
