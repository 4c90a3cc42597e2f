import { createReplayWindow, type KeyPacket, PUBLIC_KEY_OCTETS, type ReplayWindow, replayReset } from "@skein/codecs";
import type { Address, SessionEnd } from "./api.ts";
import { CONFLICT_TOLD_US, KEY_AGREE_BURST, KEY_AGREE_GAP_US, MAX_CONFLICTS, MAX_PEERS } from "./limits.ts";
import { type CoreState, emit } from "./state.ts";

/** Keys for one boot of this node and one of another: what was sealed for an earlier one opens no more. */
export interface Session {
  /** Of the identity port. */
  handle: number;
  /** The other node's; 0: not in use. */
  bootEpoch: number;
  readonly publicKey: Uint8Array;
  /** Of the next packet to it. Falls never, for the keys stay the same as long as the session is kept. */
  counter: number;
  readonly window: ReplayWindow;
}

/** Another node. */
export interface Peer {
  readonly nodeId: number;
  /** What it has proved to have; nothing else is believed of this node id from then on. */
  publicKey: Uint8Array | undefined;
  session: Session | undefined;
  /** What somebody who may be it has said without proof: it only opens, and becomes the session when something does. */
  claimed: Session | undefined;
}

/** What is known of an address. */
export interface Contact {
  readonly address: Address;
  /** Who has it, with a session. */
  peer: Peer | undefined;
  /** Whose key packet came from there last. */
  candidate: Peer | undefined;
  askDueUs: number;
  /** Pause after the last question that went unanswered; 0: none did. */
  askGapUs: number;
  /** When there was no way. */
  askedInVain: boolean;
  answerDueUs: number;
}

/**
 * Keys of other nodes, pinned when they are first proved: until there are certificates, whoever comes first with a node
 * id has it. A session is replaced only by one of a later boot that was proved under the same key.
 */
export class PeerKeys {
  readonly #s: CoreState;
  readonly #own: SessionEnd;
  readonly #peers = new Map<number, Peer>();
  readonly #contacts = new Map<Address, Contact>();
  readonly #toldUs = new Map<number, number>();
  #agreePaidUs = 0;

  constructor(state: CoreState) {
    this.#s = state;
    const { nodeId, bootEpoch, identity, peerKeys } = state.options;
    this.#own = { nodeId, bootEpoch, publicKey: identity.publicKey };
    for (const { nodeId: other, publicKey } of peerKeys) {
      if (this.#peers.size >= MAX_PEERS || publicKey.length !== PUBLIC_KEY_OCTETS) continue;
      this.#peers.set(other, { nodeId: other, publicKey: publicKey.slice(), session: undefined, claimed: undefined });
    }
  }

  contact(address: Address): Contact | undefined {
    return this.#contacts.get(address);
  }

  /** As `contact`, made if there is none; undefined, and counted, if there are too many. */
  contactAt(address: Address): Contact | undefined {
    const known = this.#contacts.get(address);
    if (known !== undefined) return known;
    if (this.#contacts.size >= MAX_PEERS && !this.#forgetContact()) return this.#refuse("key-table-full");
    const contact: Contact = {
      address,
      peer: undefined,
      candidate: undefined,
      askDueUs: 0,
      askGapUs: 0,
      askedInVain: false,
      answerDueUs: 0,
    };
    this.#contacts.set(address, contact);
    return contact;
  }

  /** The session that a key packet from there speaks of; undefined, and counted, if it is not to be believed. */
  sessionOf(nowUs: number, contact: Contact, packet: KeyPacket): Session | undefined {
    if (!this.#mayBe(contact, packet.nodeId)) return this.#conflict(nowUs, contact.address, packet.nodeId);
    const peer = this.#peerOf(packet.nodeId);
    if (peer === undefined) return this.#refuse("key-table-full");
    if (peer.publicKey !== undefined && !isSame(peer.publicKey, packet.publicKey))
      return this.#conflict(nowUs, contact.address, packet.nodeId);
    const { session, claimed } = peer;
    if (session !== undefined && packet.bootEpoch < session.bootEpoch) return this.#refuse("key-stale");
    contact.candidate = peer;
    for (const known of [session, claimed])
      if (known?.bootEpoch === packet.bootEpoch && isSame(known.publicKey, packet.publicKey)) return known;
    return this.#claim(nowUs, peer, packet);
  }

  /** Something has opened under this session: it is the one of whoever has the address. */
  confirm(contact: Contact, session: Session): void {
    const peer = contact.candidate as Peer;
    contact.peer = peer;
    contact.askGapUs = 0;
    if (session === peer.session) return;
    const before = peer.session;
    if (before !== undefined) before.bootEpoch = 0;
    peer.session = session;
    peer.claimed = before;
    this.#s.counters.count("sessions");
    if (peer.publicKey !== undefined) return;
    peer.publicKey = session.publicKey.slice();
    emit(this.#s, { type: "peer-key", nodeId: peer.nodeId, publicKey: peer.publicKey.slice() });
  }

  /** An address is that of whoever proved a key there first, unless link state says that somebody else has it now. */
  #mayBe(contact: Contact, nodeId: number): boolean {
    const { address, peer } = contact;
    if (nodeId === this.#own.nodeId || address === this.#s.options.address) return false;
    if (peer === undefined || peer.nodeId === nodeId) return true;
    return address >>> 8 === this.#s.area && this.#s.db.node(address & 0xff)?.advertisement.nodeId === nodeId;
  }

  #claim(nowUs: number, peer: Peer, packet: KeyPacket): Session | undefined {
    if (!this.#mayAgree(nowUs)) return this.#refuse("key-flood");
    const session = peer.claimed ?? createSession();
    const handle = this.#s.options.identity.agree(session.handle, this.#own, packet);
    if (handle < 0) return this.#refuse("malformed-body");
    session.handle = handle;
    session.bootEpoch = packet.bootEpoch;
    session.publicKey.set(packet.publicKey);
    session.counter = 0;
    replayReset(session.window);
    peer.claimed = session;
    return session;
  }

  #mayAgree(nowUs: number): boolean {
    if (this.#agreePaidUs > nowUs + KEY_AGREE_BURST * KEY_AGREE_GAP_US) return false;
    this.#agreePaidUs = Math.max(this.#agreePaidUs, nowUs) + KEY_AGREE_GAP_US;
    return true;
  }

  #peerOf(nodeId: number): Peer | undefined {
    const known = this.#peers.get(nodeId);
    if (known !== undefined) return known;
    const peer: Peer = { nodeId, publicKey: undefined, session: undefined, claimed: undefined };
    if (this.#peers.size >= MAX_PEERS && !this.#takePlace(peer)) return undefined;
    this.#peers.set(nodeId, peer);
    return peer;
  }

  /** Somebody who has proved nothing makes room, and leaves its handle. */
  #takePlace(peer: Peer): boolean {
    for (const [nodeId, other] of this.#peers) {
      if (other.publicKey !== undefined) continue;
      this.#peers.delete(nodeId);
      peer.claimed = other.claimed;
      if (peer.claimed !== undefined) peer.claimed.bootEpoch = 0;
      other.claimed = undefined;
      return true;
    }
    return false;
  }

  #forgetContact(): boolean {
    for (const [address, contact] of this.#contacts)
      if (contact.peer === undefined) return this.#contacts.delete(address);
    return false;
  }

  /** Counted each time, told now and then. */
  #conflict(nowUs: number, address: Address, nodeId: number): undefined {
    const toldUs = this.#toldUs.get(nodeId) ?? Number.NEGATIVE_INFINITY;
    if (nowUs - toldUs >= CONFLICT_TOLD_US) {
      if (this.#toldUs.size >= MAX_CONFLICTS) this.#toldUs.clear();
      this.#toldUs.set(nodeId, nowUs);
      emit(this.#s, { type: "key-conflict", address, nodeId });
    }
    return this.#refuse("key-conflict");
  }

  #refuse(reason: Parameters<CoreState["counters"]["drop"]>[0]): undefined {
    this.#s.counters.drop(reason);
    return undefined;
  }
}

function createSession(): Session {
  return {
    handle: -1,
    bootEpoch: 0,
    publicKey: new Uint8Array(PUBLIC_KEY_OCTETS),
    counter: 0,
    window: createReplayWindow(),
  };
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < PUBLIC_KEY_OCTETS; i++) if (a[i] !== b[i]) return false;
  return true;
}
