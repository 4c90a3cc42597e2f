import {
  COUNTER_UNIT,
  createKeyPacket,
  type DataHeader,
  decodeKeyPacket,
  END_TO_END_TAG_OCTETS,
  encodeKeyPacket,
  encodeShortKeyQuestion,
  isShortKeyQuestion,
  KEY_ASSOCIATED_OCTETS,
  KEY_CLASS,
  KEY_PACKET_MAX_OCTETS,
  replayAdvance,
  writeKeyAssociated,
} from "@skein/codecs";
import type { Address } from "./api.ts";
import type { Forwarding } from "./forwarding.ts";
import { KEY_ANSWER_GAP_US, KEY_ASK_GAP_MAX_US, KEY_ASK_GAP_NARROW_US, KEY_ASK_GAP_US } from "./limits.ts";
import { SERIAL_KIND } from "./link-cost.ts";
import type { Contact, PeerKeys, Session } from "./peer-keys.ts";
import type { CoreState } from "./state.ts";

/**
 * How two nodes come to a session where link state does not tell enough: whoever has something to send asks, without proof; the answer has a tag that proves
 * the key of who answers, and with the first packet under the session the asker proves its own. Nobody switches to a
 * session that is not proved: who has an old one asks for a tag in its turn.
 */
export class KeyExchange {
  readonly #s: CoreState;
  readonly #keys: PeerKeys;
  readonly #forwarding: Forwarding;
  readonly #packet = createKeyPacket();
  readonly #own = createKeyPacket();
  readonly #out = new Uint8Array(KEY_PACKET_MAX_OCTETS);
  readonly #associated = new Uint8Array(KEY_ASSOCIATED_OCTETS);
  /** Sends out[0, length) to a node as it is. */
  onSend: (nowUs: number, to: Address, octets: Uint8Array, length: number) => void = () => undefined;
  /** A question goes out that others may answer. */
  onQuestion: (nowUs: number, to: Address) => void = () => undefined;
  /** There is a session with whoever has this address. */
  onSession: (nowUs: number, address: Address) => void = () => undefined;

  constructor(state: CoreState, keys: PeerKeys, forwarding: Forwarding) {
    this.#s = state;
    this.#keys = keys;
    this.#forwarding = forwarding;
    const { nodeId, bootEpoch, identity } = state.options;
    this.#own.nodeId = nodeId;
    this.#own.bootEpoch = bootEpoch;
    this.#own.publicKey.set(identity.publicKey);
  }

  /** Asks for the key of whoever has this address, unless that has just been done, or there is no way. */
  ask(nowUs: number, address: Address): void {
    const contact = this.#keys.contactAt(address);
    if (contact === undefined) return;
    if (nowUs < contact.askDueUs || !this.#forwarding.reachable(address)) return;
    const short = this.#isShort(nowUs, contact);
    const first = !short && this.#isNarrow(nowUs, address) ? KEY_ASK_GAP_NARROW_US : KEY_ASK_GAP_US;
    contact.askGapUs = Math.min(KEY_ASK_GAP_MAX_US, Math.max(first, 2 * contact.askGapUs));
    contact.askDueUs = nowUs + contact.askGapUs;
    this.#s.counters.count("keys-asked");
    if (short) {
      this.onQuestion(nowUs, address);
      this.onSend(nowUs, address, this.#out, encodeShortKeyQuestion(this.#out, 0));
    }
    this.#send(nowUs, address, !short, undefined);
  }

  /** Who may not have been there to answer has given a sign of life: the next question need not wait for long. */
  heardFrom(nowUs: number, address: Address): void {
    const contact = this.#keys.contact(address);
    if (contact === undefined) return;
    const askedUs = contact.askDueUs - contact.askGapUs;
    contact.askDueUs = Math.min(contact.askDueUs, Math.max(nowUs, askedUs + KEY_ASK_GAP_US));
    contact.askGapUs = 0;
  }

  /** A key packet came; false if it is malformed. */
  handle(nowUs: number, header: DataHeader, octets: Uint8Array, from: number, length: number): boolean {
    const packet = this.#packet;
    // On a narrow bearer it would have been answered before; elsewhere link state is there as soon as an answer.
    if (isShortKeyQuestion(octets, from, from + length)) return true;
    if (!decodeKeyPacket(octets, from, from + length, packet)) return false;
    const contact = this.#keys.contactAt(header.source);
    const session = contact && this.#keys.sessionOf(nowUs, contact, packet);
    if (contact === undefined || session === undefined) return true;
    if (packet.tagged) {
      const tagAt = from + length - END_TO_END_TAG_OCTETS;
      writeKeyAssociated(this.#associated, header.source, header.destination, packet);
      const { identity } = this.#s.options;
      if (!identity.open(session.handle, this.#associated, octets, tagAt, tagAt, tagAt, END_TO_END_TAG_OCTETS)) {
        this.#s.counters.drop("end-to-end");
        return true;
      }
      replayAdvance(session.window, packet.counterHigh * COUNTER_UNIT - 1);
      this.#keys.confirm(contact, session);
    }
    if (packet.asks) this.#answer(nowUs, contact, session);
    if (packet.tagged) this.onSession(nowUs, header.source);
    return true;
  }

  /** True if the way begins or ends on a slow radio, as far as one can tell. */
  #isNarrow(nowUs: number, address: Address): boolean {
    if (this.#forwarding.bestPort(nowUs, address, KEY_CLASS)?.narrow === true) return true;
    const known = address >>> 8 === this.#s.area ? this.#s.db.node(address & 0xff)?.advertisement : undefined;
    return known?.links.every((link) => link.channel === SERIAL_KIND) === true;
  }

  /**
   * True if others can tell sooner: of a node of the own area, over a narrow bearer, of which link state has told nothing
   * yet. Not after a question that nobody answered.
   */
  #isShort(nowUs: number, { address, peer, askGapUs }: Contact): boolean {
    if (address >>> 8 !== this.#s.area || peer !== undefined || askGapUs > 0) return false;
    if (this.#forwarding.bestPort(nowUs, address, KEY_CLASS)?.narrow !== true) return false;
    return this.#s.db.node(address & 0xff)?.advertisement.publicKey === undefined;
  }

  /** A neighbour seals twice what its hop carries all the way: it does not know that this node has the session too. */
  prove(nowUs: number, address: Address): void {
    const contact = this.#keys.contact(address);
    const session = contact?.peer?.session;
    if (contact === undefined || session === undefined || nowUs < contact.proofDueUs) return;
    contact.proofGapUs = Math.min(KEY_ASK_GAP_MAX_US, Math.max(KEY_ANSWER_GAP_US, 2 * contact.proofGapUs));
    contact.proofDueUs = nowUs + contact.proofGapUs;
    this.#send(nowUs, address, false, session);
  }

  #answer(nowUs: number, contact: Contact, session: Session): void {
    if (nowUs < contact.answerDueUs) return;
    contact.answerDueUs = nowUs + KEY_ANSWER_GAP_US;
    this.#s.counters.count("keys-answered");
    const used = contact.peer?.session;
    this.#send(nowUs, contact.address, used !== undefined && used !== session, session);
  }

  #send(nowUs: number, to: Address, asks: boolean, session: Session | undefined): void {
    const own = this.#own;
    const out = this.#out;
    own.asks = asks;
    own.tagged = session !== undefined;
    own.counterHigh = session === undefined ? 0 : Math.floor(session.peer.counter / COUNTER_UNIT);
    let length = encodeKeyPacket(own, out, 0);
    if (session !== undefined) {
      const { address, identity } = this.#s.options;
      writeKeyAssociated(this.#associated, address, to, own);
      identity.seal(session.handle, this.#associated, out, length, length, length, END_TO_END_TAG_OCTETS);
      length += END_TO_END_TAG_OCTETS;
    }
    this.onSend(nowUs, to, out, length);
  }
}
