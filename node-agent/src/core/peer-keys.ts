import { createReplayWindow, PUBLIC_KEY_OCTETS, type ReplayWindow, replayReset, sameOctets } from "@skein/codecs";
import type { Address, SessionEnd } from "./api.ts";
import { CONFLICT_TOLD_US, KEY_AGREE_BURST, KEY_AGREE_GAP_US, MAX_CONFLICTS, MAX_PEERS } from "./limits.ts";
import { findNeighbour } from "./port.ts";
import { type CoreState, emit } from "./state.ts";

/** Keys for one boot of this node and one of another: what was sealed for an earlier one opens no more. */
export interface Session {
  /** Of the identity port. */
  handle: number;
  /** The other node's; 0: not in use. */
  bootEpoch: number;
  readonly publicKey: Uint8Array;
  peer: Peer;
  /** Something has opened under it. */
  proved: boolean;
  readonly window: ReplayWindow;
}

/** Another node. */
export interface Peer {
  readonly nodeId: number;
  /** What it has proved to have; nothing else is believed of this node id from then on. */
  publicKey: Uint8Array | undefined;
  /** Of the next packet to it. Never falls, whatever sessions come and go: no keys see a counter twice. */
  counter: number;
  session: Session | undefined;
  /** What somebody who may be it has said without proof: it only opens, and becomes the session when something does. */
  claimed: Session | undefined;
}

/** What is known of an address. */
export interface Contact {
  readonly address: Address;
  /** Who has it, with a session to send under. */
  peer: Peer | undefined;
  /** Whose key packet came from there last. */
  candidate: Peer | undefined;
  askDueUs: number;
  /** Pause after the last question that went unanswered; 0: none did. */
  askGapUs: number;
  answerDueUs: number;
  /** As for questions, of proofs that it did not ask for. */
  proofDueUs: number;
  proofGapUs: number;
}

/**
 * Keys of other nodes, pinned when they are first proved: until there are certificates, whoever comes first with a node
 * id has it. Link state tells keys and boots of the own area: that is enough to seal for a node, since nobody else can
 * open it. A session that was proved is replaced only by one of a later boot that was proved under the same key.
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
      this.#peers.set(other, {
        nodeId: other,
        publicKey: publicKey.slice(),
        counter: 0,
        session: undefined,
        claimed: undefined,
      });
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
      answerDueUs: 0,
      proofDueUs: 0,
      proofGapUs: 0,
    };
    this.#contacts.set(address, contact);
    return contact;
  }

  /** The session that a key packet from there speaks of; undefined, and counted, if it is not to be believed. */
  sessionOf(nowUs: number, contact: Contact, end: SessionEnd): Session | undefined {
    if (!this.#mayBe(contact, end.nodeId)) return this.#conflict(nowUs, contact.address, end.nodeId);
    const peer = this.#peerOf(end.nodeId);
    if (peer === undefined) return this.#refuse("key-table-full");
    if (peer.publicKey !== undefined && !sameOctets(peer.publicKey, end.publicKey))
      return this.#conflict(nowUs, contact.address, end.nodeId);
    const { session, claimed } = peer;
    if (session?.proved && end.bootEpoch < session.bootEpoch) return this.#refuse("key-stale");
    contact.candidate = peer;
    for (const known of [session, claimed])
      if (known?.bootEpoch === end.bootEpoch && sameOctets(known.publicKey, end.publicKey)) return known;
    return this.#claim(nowUs, peer, end);
  }

  /** As `sessionOf`, of what link state says; undefined if it says nothing, or nothing new. */
  expected(nowUs: number, contact: Contact): Session | undefined {
    const { address, peer } = contact;
    const known = address >>> 8 === this.#s.area ? this.#s.db.node(address & 0xff)?.advertisement : undefined;
    if (known?.publicKey === undefined) return undefined;
    const { nodeId, bootEpoch, publicKey } = known;
    if (peer?.nodeId === nodeId && peer.session !== undefined && peer.session.bootEpoch >= bootEpoch) return undefined;
    if (this.#isAnother(address, nodeId)) return undefined;
    return this.sessionOf(nowUs, contact, { nodeId, bootEpoch, publicKey });
  }

  /** Link state may still tell of a device that was replaced: those who hear the new one know better. */
  #isAnother(address: Address, nodeId: number): boolean {
    for (const port of this.#s.ports) {
      const n = findNeighbour(port, this.#s.area, address);
      if (n?.alive && n.nodeId !== nodeId) return true;
    }
    return false;
  }

  /** Starts to send under a session that is not proved, where there is none yet. */
  use(contact: Contact, session: Session): void {
    const { peer } = session;
    if (peer.session === undefined) {
      peer.session = session;
      peer.claimed = undefined;
    }
    contact.peer = peer;
  }

  /** Something has opened under this session: it is the one of whoever has the address. */
  confirm(contact: Contact, session: Session): void {
    const { peer } = session;
    contact.peer = peer;
    contact.askGapUs = 0;
    if (session !== peer.session) {
      contact.proofGapUs = 0;
      const before = peer.session;
      if (before !== undefined) before.bootEpoch = 0;
      peer.session = session;
      peer.claimed = before;
    }
    if (session.proved) return;
    session.proved = true;
    this.#s.counters.count("sessions");
    if (peer.publicKey !== undefined) return;
    peer.publicKey = session.publicKey.slice();
    emit(this.#s, { type: "peer-key", nodeId: peer.nodeId, publicKey: peer.publicKey.slice() });
  }

  /** An address is that of whoever proved a key there first, unless link state says that somebody else has it now. */
  #mayBe(contact: Contact, nodeId: number): boolean {
    const { address, peer } = contact;
    if (nodeId === this.#own.nodeId || address === this.#s.options.address) return false;
    if (peer === undefined || peer.nodeId === nodeId || !peer.session?.proved) return true;
    return address >>> 8 === this.#s.area && this.#s.db.node(address & 0xff)?.advertisement.nodeId === nodeId;
  }

  #claim(nowUs: number, peer: Peer, end: SessionEnd): Session | undefined {
    if (!this.#mayAgree(nowUs)) return this.#refuse("key-flood");
    const session = peer.claimed ?? createSession(peer);
    const handle = this.#s.options.identity.agree(session.handle, this.#own, end);
    if (handle < 0) return this.#refuse("malformed-body");
    session.handle = handle;
    session.bootEpoch = end.bootEpoch;
    session.publicKey.set(end.publicKey);
    session.proved = false;
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
    const peer: Peer = { nodeId, publicKey: undefined, counter: 0, session: undefined, claimed: undefined };
    if (this.#peers.size >= MAX_PEERS && !this.#takePlace(peer)) return undefined;
    this.#peers.set(nodeId, peer);
    return peer;
  }

  /** Somebody who has proved nothing makes room, and leaves its handle. */
  #takePlace(peer: Peer): boolean {
    for (const [nodeId, other] of this.#peers) {
      if (other.publicKey !== undefined || other.session !== undefined) continue;
      this.#peers.delete(nodeId);
      peer.claimed = other.claimed;
      other.claimed = undefined;
      if (peer.claimed === undefined) return true;
      peer.claimed.bootEpoch = 0;
      peer.claimed.peer = peer;
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

function createSession(peer: Peer): Session {
  return {
    handle: -1,
    bootEpoch: 0,
    publicKey: new Uint8Array(PUBLIC_KEY_OCTETS),
    peer,
    proved: false,
    window: createReplayWindow(),
  };
}
