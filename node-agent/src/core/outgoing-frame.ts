import {
  CLASS_COUNT,
  createTalkNotice,
  DIRECT_HEADER_OCTETS,
  insertTalkNotice,
  kindOctet,
  mayFollowTalkNotice,
  SHARED_HEADER_OCTETS,
  TALK_NOTICE_OCTETS,
  type TalkNotice,
} from "@skein/codecs";
import { Precedence, TrafficClass, type TransmitSlot } from "./api.ts";
import type { HopArq } from "./hop-arq.ts";
import type { Neighbour } from "./neighbour.ts";
import type { Port } from "./port.ts";
import type { CoreState } from "./state.ts";
import { writeTalk } from "./turn-taking.ts";

const CONTROL = kindOctet(0, TrafficClass.command, Precedence.immediate);

/** The frame that is being made: where its body begins, its seal, and what its transmission will mean to a turn. */
export class OutgoingFrame {
  /** Class of the packet in it; CLASS_COUNT if there is none. */
  trafficClass: number = CLASS_COUNT;
  /** It is a hello, link state or a pull. */
  isControl = false;
  /** Session of the two ends that it is sealed for, -1: for everybody who has the mission's key. */
  session = -1;
  /** Who has the first turn after it, 0: nobody in particular, this node: itself, for what will follow. */
  turnFirst = 0;
  /** When it begins, if it is to tell that somebody talks on the channel; -1: it is not. */
  tellsOfTalkUs = -1;
  readonly #s: CoreState;
  readonly #arq: HopArq;
  readonly #notice: TalkNotice = createTalkNotice();

  constructor(state: CoreState, arq: HopArq) {
    this.#s = state;
    this.#arq = arq;
  }

  /** Writes the kind octet where the layout's plaintext begins; returns where the body begins. */
  begin(port: Port, kind: number, slot: TransmitSlot): number {
    const from = port.shared ? SHARED_HEADER_OCTETS : DIRECT_HEADER_OCTETS;
    slot.octets[from] = controlOctet(kind);
    return from + 1;
  }

  seal(port: Port, n: Neighbour | undefined, slot: TransmitSlot, end: number): void {
    slot.endpoint = n === undefined ? -1 : n.endpoint;
    const { secure, local } = this.#s;
    if (port.shared) slot.length = secure.sealShared(port, local, slot.octets, this.#withNotice(port, slot, end));
    else if (this.session < 0) slot.length = secure.sealDirect(port, n as Neighbour, slot.octets, end);
    else slot.length = secure.sealForEnds(port, n as Neighbour, this.session, slot.octets, end);
  }

  sealControl(port: Port, n: Neighbour | undefined, slot: TransmitSlot, end: number): boolean {
    this.seal(port, n, slot, end);
    return true;
  }

  sealReport(port: Port, n: Neighbour, slot: TransmitSlot, end: number): boolean {
    if (!port.narrow || !port.shared) return this.sealControl(port, n, slot, end);
    slot.endpoint = n.endpoint;
    slot.length = this.#s.secure.sealReport(port, this.#s.local, slot.octets, this.#withNotice(port, slot, end));
    return true;
  }

  /** Tells of the talker, if there is one, for those who do not hear it; returns where the plaintext ends then. */
  #withNotice(port: Port, slot: TransmitSlot, end: number): number {
    if (this.tellsOfTalkUs < 0 || !mayFollowTalkNotice(slot.octets[SHARED_HEADER_OCTETS] as number)) return end;
    if (end + TALK_NOTICE_OCTETS + port.tagOctets > port.config.mtuOctets) return end;
    writeTalk(port, this.tellsOfTalkUs, this.#notice);
    return insertTalkNotice(this.#notice, slot.octets, SHARED_HEADER_OCTETS, end);
  }

  /** Seals it, and keeps it as long as somebody may ask for it again. */
  keep(
    nowUs: number,
    port: Port,
    n: Neighbour | undefined,
    slot: TransmitSlot,
    end: number,
    acknowledged: boolean,
    deadlineUs: number,
    sequence: number,
  ): void {
    const direct = !port.shared;
    const counter = direct ? (n as Neighbour).directCounter : port.counter;
    this.seal(port, n, slot, end);
    this.#arq.sent(
      nowUs,
      port,
      n,
      direct,
      counter,
      slot.octets,
      slot.length,
      acknowledged,
      deadlineUs,
      sequence,
      this.trafficClass,
    );
  }
}

/** What a control frame of a kind begins with. */
export function controlOctet(kind: number): number {
  return CONTROL | (kind << 4);
}
