import {
  DATA_FLAG_UNSEALED,
  type DataHeader,
  END_TO_END_COUNTER_BITS,
  END_TO_END_OCTETS,
  END_TO_END_TAG_OCTETS,
  isProtected,
  isUnicastKind,
  kindOctet,
  PACKET_ASSOCIATED_OCTETS,
  readPacketCounter,
  rebuildCounter,
  replayAccept,
  replayIsNew,
  writePacketAssociated,
  writePacketCounter,
} from "@skein/codecs";
import { type Address, TrafficClass } from "./api.ts";
import type { KeyExchange } from "./key-exchange.ts";
import type { Neighbour } from "./neighbour.ts";
import type { Contact, PeerKeys, Session } from "./peer-keys.ts";
import type { Port } from "./port.ts";
import type { CoreState } from "./state.ts";

/** Seals unicast for its destination, and opens what comes for this node (`seal/end-to-end.ts`). Relays do neither. */
export class EndToEnd {
  readonly #s: CoreState;
  readonly #keys: PeerKeys;
  readonly #exchange: KeyExchange;
  readonly #associated = new Uint8Array(PACKET_ASSOCIATED_OCTETS);

  constructor(state: CoreState, keys: PeerKeys, exchange: KeyExchange) {
    this.#s = state;
    this.#keys = keys;
    this.#exchange = exchange;
  }

  /** True if a packet can be sealed for this address now; if not, its key is asked for. */
  isReady(nowUs: number, to: Address): boolean {
    const contact = this.#keys.contactAt(to);
    if (contact?.peer !== undefined) return true;
    const session = contact && this.#keys.expected(nowUs, contact);
    if (contact !== undefined && session !== undefined) {
      this.#keys.use(contact, session);
      return true;
    }
    this.#exchange.ask(nowUs, to);
    return false;
  }

  /** Seals octets[from, to) for the header's destination, which was ready; returns the end with what is added. */
  seal(header: DataHeader, octets: Uint8Array, from: number, to: number): number {
    const session = this.#keys.contact(header.destination)?.peer?.session as Session;
    const counter = session.peer.counter++;
    writePacketCounter(octets, to, counter);
    this.#associate(header, counter);
    const end = to + END_TO_END_OCTETS;
    const tagAt = end - END_TO_END_TAG_OCTETS;
    this.#s.options.identity.seal(session.handle, this.#associated, octets, from, to, tagAt, END_TO_END_TAG_OCTETS);
    this.#s.counters.counts["end-to-end-sealed"]++;
    return end;
  }

  /** The session with who is at the other end of a hop, of the boot that the hop is of. */
  sessionWith(n: Neighbour): Session | undefined {
    const session = this.#keys.contact(n.address)?.peer?.session;
    return isOf(session, n) ? session : undefined;
  }

  /** Its handle; -1 unless the other end is known to have it too. */
  provedWith(n: Neighbour): number {
    const session = this.sessionWith(n);
    return session?.proved ? session.handle : -1;
  }

  /** The session under which a frame from there for its ends opens: one that was only answered, too. */
  sessionFrom(n: Neighbour): Session | undefined {
    const contact = this.#keys.contact(n.address);
    if (contact === undefined) return undefined;
    const { peer, candidate } = contact;
    if (isOf(peer?.session, n)) return peer?.session;
    if (isOf(candidate?.session, n)) return candidate?.session;
    return isOf(candidate?.claimed, n) ? candidate?.claimed : undefined;
  }

  /** True of a packet for this node that has a seal of its own. */
  isSealedForMe(header: DataHeader): boolean {
    return isSealedFor(header, this.#s.options.address);
  }

  /**
   * As `open`, of a packet in a frame of a neighbour, which is marked as come if it opens: what does not may still come. A
   * neighbour that could have sealed the frame alone learns that this node has the session.
   */
  openFrom(
    nowUs: number,
    port: Port,
    n: Neighbour,
    header: DataHeader,
    octets: Uint8Array,
    from: number,
    length: number,
  ): number {
    const plain = this.open(nowUs, header, octets, from, length);
    if (plain < 0) return plain;
    const { source, trafficClass, sequence } = header;
    this.#s.duplicates.accept(source, trafficClass, sequence, nowUs, port.narrow);
    const isSealedTwice = !port.shared && !port.narrow && source === n.address && trafficClass !== TrafficClass.video;
    if (isSealedTwice && this.sessionWith(n) !== undefined) this.#exchange.prove(nowUs, source);
    return plain;
  }

  /** A link has come up: if that node has begun anew, what is sealed for it from now on must not be for the boot before. */
  linkUp(nowUs: number, n: Neighbour): void {
    const session = this.#keys.contact(n.address)?.peer?.session;
    if (session !== undefined && session.bootEpoch !== n.bootEpoch) this.#exchange.ask(nowUs, n.address);
  }

  /** A frame from there for its ends opened under its session, or did not. */
  opened(nowUs: number, n: Neighbour, session: Session | undefined, isOpen: boolean): void {
    if (session === undefined) return this.#exchange.ask(nowUs, n.address);
    // Anybody can make what does not open, and must not use up the questions.
    if (!isOpen) return;
    n.sealsForEnds = true;
    const contact = this.#keys.contact(n.address) as Contact;
    if (session.proved && session === contact.peer?.session) return;
    this.#keys.confirm(contact, session);
    this.#exchange.onSession(nowUs, n.address);
  }

  /** Opens octets[from, from + length) in place and returns the text's length; -1, and counted, if that cannot be. */
  open(nowUs: number, header: DataHeader, octets: Uint8Array, from: number, length: number): number {
    if (length < END_TO_END_OCTETS) return this.#drop("malformed-body");
    const contact = this.#keys.contactAt(header.source);
    const session = contact && this.#openAny(nowUs, contact, header, octets, from, length);
    if (contact === undefined || session === undefined) {
      // Whoever is meant has started anew since its key was learned there, or the other way round.
      this.#exchange.ask(nowUs, header.source);
      return this.#drop(contact?.peer === undefined ? "no-session" : "end-to-end");
    }
    const counter = this.#counterOf(session, octets, from + length);
    if (!replayIsNew(session.window, counter)) return this.#drop("end-to-end-replayed");
    replayAccept(session.window, counter);
    this.#s.counters.counts["end-to-end-opened"]++;
    if (session !== contact.peer?.session || !session.proved) {
      this.#keys.confirm(contact, session);
      this.#exchange.onSession(nowUs, header.source);
    }
    return length - END_TO_END_OCTETS;
  }

  /** The session under which the packet opens: almost always the one there is. */
  #openAny(
    nowUs: number,
    contact: Contact,
    header: DataHeader,
    octets: Uint8Array,
    from: number,
    length: number,
  ): Session | undefined {
    const { peer, candidate } = contact;
    const proved = peer?.session;
    if (proved !== undefined && this.#openWith(proved, header, octets, from, length)) return proved;
    const other = candidate === peer ? undefined : candidate?.session;
    if (other !== undefined && this.#openWith(other, header, octets, from, length)) return other;
    const claimed = candidate?.claimed;
    const isClaimed = claimed !== undefined && claimed.bootEpoch > 0;
    if (isClaimed && this.#openWith(claimed, header, octets, from, length)) return claimed;
    const expected = this.#keys.expected(nowUs, contact);
    if (expected === undefined || !this.#openWith(expected, header, octets, from, length)) return undefined;
    return expected;
  }

  #openWith(session: Session, header: DataHeader, octets: Uint8Array, from: number, length: number): boolean {
    const end = from + length;
    const to = end - END_TO_END_OCTETS;
    const tagAt = end - END_TO_END_TAG_OCTETS;
    this.#associate(header, this.#counterOf(session, octets, end));
    const { identity } = this.#s.options;
    return identity.open(session.handle, this.#associated, octets, from, to, tagAt, END_TO_END_TAG_OCTETS);
  }

  #counterOf(session: Session, octets: Uint8Array, end: number): number {
    return rebuildCounter(readPacketCounter(octets, end), END_TO_END_COUNTER_BITS, session.window.highest);
  }

  #associate(header: DataHeader, counter: number): void {
    const { source, destination, kind, trafficClass, precedence } = header;
    writePacketAssociated(this.#associated, source, destination, kindOctet(kind, trafficClass, precedence), counter);
  }

  #drop(reason: "malformed-body" | "no-session" | "end-to-end" | "end-to-end-replayed"): -1 {
    this.#s.counters.drop(reason);
    return -1;
  }
}

/** True of a packet that only this destination can open. */
export function isSealedFor(
  header: Pick<DataHeader, "kind" | "trafficClass" | "precedence" | "destination" | "flags">,
  address: Address,
): boolean {
  const { kind, trafficClass, precedence, destination, flags } = header;
  if ((flags & DATA_FLAG_UNSEALED) !== 0 || !isUnicastKind(kind)) return false;
  return destination === address && isProtected(kind, trafficClass, precedence);
}

/** True of a session of the boot of that neighbour that its link is of. */
function isOf(session: Session | undefined, n: Neighbour): boolean {
  return session?.bootEpoch === n.bootEpoch && session.peer.nodeId === n.nodeId;
}
