import {
  copyOctets,
  createReplayWindow,
  DIRECT_COUNTER_BITS,
  DIRECT_HEADER_OCTETS,
  decodeFullHeader,
  directCounterBits,
  encodeDirectHeader,
  encodeFlowHeader,
  encodeFullHeader,
  encodeSharedHeader,
  FLOW_COUNTER_BITS,
  FLOW_HEADER_OCTETS,
  FRAME_ASSOCIATED_OCTETS,
  FULL_HEADER_OCTETS,
  type FullHeader,
  flowCounterBits,
  isForEnds,
  NONCE_OCTETS,
  REPORT_SLOT,
  type ReplayWindow,
  rebuildCounter,
  replayAccept,
  replayIsNew,
  replayReset,
  SHARED_COUNTER_BITS,
  SHARED_HEADER_OCTETS,
  sealKeyPhase,
  sharedCounterBits,
  writeFrameAssociated,
  writeNonce,
} from "@skein/codecs";
import type { CryptoPort, IdentityPort } from "./api.ts";
import type { Counters } from "./counters.ts";
import { MAX_SENDERS } from "./limits.ts";
import type { Neighbour } from "./neighbour.ts";
import type { Port } from "./port.ts";

const KEY_PHASE = 0;
/** Reports on a narrow bearer are never further ahead of other frames: a quarter of what the bits that travel can tell. */
const MAX_REPORTS_AHEAD = 2 ** (SHARED_COUNTER_BITS - 2);
/** A counter further ahead than this is a new start of the stream as far as loss is concerned. */
const QUALITY_JUMP = 512;
/** Frames lost in a row that count: more are an absence, which says nothing of what the link is like while it is there. */
const QUALITY_RUN = 8;

/** Somebody whose frames have not been heard yet. */
export interface Stranger {
  nodeId: number;
  bootEpoch: number;
  /** The bearer's number at its end. */
  bearerId: number;
  /** Of the frame. */
  counter: number;
}

/**
 * Seals and opens frames: keys, nonces, replay windows. The only user of the crypto port.
 * `session` is that of the two ends of a direct frame, a handle of the identity port; -1 for none.
 * `open*` return the plaintext's end in `octets`, or 0 with a counted drop; negative for an authentic frame that has
 * come before (`replayed`).
 */
export class SecureChannel {
  readonly #crypto: CryptoPort;
  readonly #identity: IdentityPort;
  readonly #counters: Counters;
  readonly #bootEpoch: number;
  readonly #nodeId: number;
  readonly #ownKey: number;
  readonly #keys = new Map<number, number>();
  readonly #nonce = new Uint8Array(NONCE_OCTETS);
  readonly #associated = new Uint8Array(FRAME_ASSOCIATED_OCTETS);
  readonly full: FullHeader = { nodeId: 0, bootEpoch: 0, bearerId: 0, counter: 0 };

  constructor(crypto: CryptoPort, identity: IdentityPort, counters: Counters, nodeId: number, bootEpoch: number) {
    this.#crypto = crypto;
    this.#identity = identity;
    this.#counters = counters;
    this.#nodeId = nodeId;
    this.#bootEpoch = bootEpoch;
    this.#ownKey = crypto.senderKey(nodeId, KEY_PHASE);
  }

  /** Handle of the subkey of a sender that has authenticated a frame. */
  key(nodeId: number): number {
    return this.#keys.get(nodeId) ?? this.#crypto.senderKey(nodeId, KEY_PHASE);
  }

  // Sealing: the plaintext stands at the layout's header length in `out`; returns the frame's length.

  sealFull(port: Port, out: Uint8Array, end: number): number {
    const counter = port.counter++;
    encodeFullHeader(
      { nodeId: this.#nodeId, bootEpoch: this.#bootEpoch, bearerId: port.config.id, counter },
      KEY_PHASE,
      out,
    );
    return this.#seal(port, port.config.id << 8, counter, out, FULL_HEADER_OCTETS, end);
  }

  sealShared(port: Port, ownLocal: number, out: Uint8Array, end: number): number {
    const counter = port.counter++;
    encodeSharedHeader(ownLocal, counter, KEY_PHASE, out);
    return this.#seal(port, port.config.id << 8, counter, out, SHARED_HEADER_OCTETS, end);
  }

  /**
   * A report on a narrow channel. It is not repeated: in a stream of its own it leaves no gap, which whoever missed it would
   * ask to be filled. Its counters begin where those of other frames are, which a newcomer learns from a full one.
   */
  sealReport(port: Port, ownLocal: number, out: Uint8Array, end: number): number {
    const counter = Math.max(port.reportCounter, port.counter);
    port.reportCounter = counter + 1;
    if (counter - port.counter >= MAX_REPORTS_AHEAD) port.counter = port.reportCounter;
    encodeSharedHeader(ownLocal, counter, KEY_PHASE, out);
    return this.#seal(port, (port.config.id << 8) | REPORT_SLOT, counter, out, SHARED_HEADER_OCTETS, end);
  }

  sealDirect(port: Port, n: Neighbour, out: Uint8Array, end: number): number {
    const counter = n.directCounter++;
    encodeDirectHeader(n.receiverIndex, counter, KEY_PHASE, false, out);
    return this.#seal(port, directStream(port, n), counter, out, DIRECT_HEADER_OCTETS, end);
  }

  /** A direct frame that nobody but its two ends can read or make. */
  sealForEnds(port: Port, n: Neighbour, session: number, out: Uint8Array, end: number): number {
    const counter = n.directCounter++;
    encodeDirectHeader(n.receiverIndex, counter, KEY_PHASE, true, out);
    writeNonce(this.#nonce, this.#bootEpoch, directStream(port, n), counter);
    writeFrameAssociated(this.#associated, out, this.#nonce);
    this.#identity.seal(session, this.#associated, out, DIRECT_HEADER_OCTETS, end, end, port.tagOctets);
    this.#counters.counts["frames-sealed"]++;
    this.#counters.counts["end-to-end-sealed"]++;
    return end + port.tagOctets;
  }

  /** A packet of an established flow, sealed to nobody but those who know the label. */
  sealFlow(port: Port, label: number, potential6: number, sequence: number, out: Uint8Array, end: number): number {
    const counter = port.counter++;
    encodeFlowHeader(label, potential6, sequence, counter, KEY_PHASE, out);
    return this.#seal(port, port.config.id << 8, counter, out, FLOW_HEADER_OCTETS, end);
  }

  #seal(port: Port, stream: number, counter: number, out: Uint8Array, from: number, end: number): number {
    writeNonce(this.#nonce, this.#bootEpoch, stream, counter);
    this.#crypto.seal(this.#ownKey, this.#nonce, out, from, end, port.tagOctets);
    this.#counters.counts["frames-sealed"]++;
    return end + port.tagOctets;
  }

  /** Opens an own frame again (to send its content another way). The tag is at `end`. */
  reopen(
    port: Port,
    slot: number,
    counter: number,
    session: number,
    octets: Uint8Array,
    from: number,
    end: number,
  ): boolean {
    writeNonce(this.#nonce, this.#bootEpoch, (port.config.id << 8) | slot, counter);
    if (session >= 0) {
      writeFrameAssociated(this.#associated, octets, this.#nonce);
      return this.#identity.open(session, this.#associated, octets, from, end, end, port.tagOctets, true);
    }
    return this.#crypto.open(this.#ownKey, this.#nonce, octets, from, end, port.tagOctets);
  }

  // Opening

  /** Authenticates a full frame; the header is in `this.full`. Freshness is for the caller, who knows the neighbour. */
  openFull(port: Port, octets: Uint8Array, length: number): number {
    const end = length - port.tagOctets;
    if (end <= FULL_HEADER_OCTETS || !decodeFullHeader(octets, length, this.full))
      return this.#drop("malformed-header");
    if (this.full.nodeId === this.#nodeId) return this.#drop("own-frame");
    // A claimed node id costs nothing to invent: its key is kept only once it has proved good.
    const key = this.key(this.full.nodeId);
    writeNonce(this.#nonce, this.full.bootEpoch, this.full.bearerId << 8, this.full.counter);
    if (this.#open(key, octets, FULL_HEADER_OCTETS, end, port.tagOctets) === 0) return 0;
    if (!this.#keys.has(this.full.nodeId)) {
      if (this.#keys.size >= MAX_SENDERS) return this.#drop("key-cache-full");
      this.#keys.set(this.full.nodeId, key);
    }
    return end;
  }

  /** Opens the first shared frame from somebody who has not said hello, if the guess is right; otherwise 0, and nothing counted. */
  openStranger(port: Port, stranger: Stranger, octets: Uint8Array, length: number): number {
    const end = length - port.tagOctets;
    if (end <= SHARED_HEADER_OCTETS || sealKeyPhase(octets) !== KEY_PHASE) return 0;
    const key = this.key(stranger.nodeId);
    writeNonce(this.#nonce, stranger.bootEpoch, stranger.bearerId << 8, stranger.counter);
    if (!this.#crypto.open(key, this.#nonce, octets, SHARED_HEADER_OCTETS, end, port.tagOctets)) return 0;
    if (!this.#keys.has(stranger.nodeId)) {
      if (this.#keys.size >= MAX_SENDERS) return this.#drop("key-cache-full");
      this.#keys.set(stranger.nodeId, key);
    }
    this.#counters.counts["frames-opened"]++;
    return end;
  }

  /**
   * `octets` is the frame as it came, which may have to be tried again. `quiet`: whether it is this neighbour's is only
   * tried, for others have the same local id.
   */
  openShared(port: Port, n: Neighbour, frame: Uint8Array, octets: Uint8Array, length: number, quiet: boolean): number {
    const end = length - port.tagOctets;
    if (end <= SHARED_HEADER_OCTETS || sealKeyPhase(frame) !== KEY_PHASE) return this.#drop("malformed-header");
    const counter = rebuildCounter(sharedCounterBits(frame), SHARED_COUNTER_BITS, highestShared(n));
    writeNonce(this.#nonce, n.bootEpoch, n.remoteBearerId << 8, counter);
    if (!this.#crypto.open(n.key, this.#nonce, frame, SHARED_HEADER_OCTETS, end, port.tagOctets)) {
      if (port.narrow) return this.#openReport(port, n, frame, octets, length);
      return quiet ? 0 : this.#drop("authentication");
    }
    this.#counters.counts["frames-opened"]++;
    if (!replayIsNew(n.window, counter)) return this.#replayed(end);
    this.accept(n, n.window, counter);
    return end;
  }

  #openReport(port: Port, n: Neighbour, frame: Uint8Array, octets: Uint8Array, length: number): number {
    const end = length - port.tagOctets;
    // What did not open is not what it was.
    copyOctets(octets, 0, length, frame, 0);
    n.reportWindow ??= createReplayWindow();
    const counter = rebuildCounter(sharedCounterBits(frame), SHARED_COUNTER_BITS, highestShared(n));
    writeNonce(this.#nonce, n.bootEpoch, (n.remoteBearerId << 8) | REPORT_SLOT, counter);
    if (this.#open(n.key, frame, SHARED_HEADER_OCTETS, end, port.tagOctets) === 0) return 0;
    if (counter < n.joinedCounter || !replayIsNew(n.reportWindow, counter)) return this.#replayed(end);
    replayAccept(n.reportWindow, counter);
    return end;
  }

  /** As `openShared`, of a flow frame: who has sent it is known from its label. */
  openFlow(port: Port, n: Neighbour, octets: Uint8Array, length: number): number {
    const end = length - port.tagOctets;
    if (end <= FLOW_HEADER_OCTETS || sealKeyPhase(octets) !== KEY_PHASE) return this.#drop("malformed-header");
    const counter = rebuildCounter(flowCounterBits(octets), FLOW_COUNTER_BITS, n.window.highest);
    writeNonce(this.#nonce, n.bootEpoch, n.remoteBearerId << 8, counter);
    if (this.#open(n.key, octets, FLOW_HEADER_OCTETS, end, port.tagOctets) === 0) return 0;
    if (!replayIsNew(n.window, counter)) return this.#replayed(end);
    this.accept(n, n.window, counter);
    return end;
  }

  openDirect(port: Port, n: Neighbour, session: number, octets: Uint8Array, length: number): number {
    const end = length - port.tagOctets;
    if (end <= DIRECT_HEADER_OCTETS || sealKeyPhase(octets) !== KEY_PHASE) return this.#drop("malformed-header");
    const counter = rebuildCounter(directCounterBits(octets), DIRECT_COUNTER_BITS, n.directWindow.highest);
    writeNonce(this.#nonce, n.bootEpoch, (n.remoteBearerId << 8) | n.directRemoteSlot, counter);
    const opened = isForEnds(octets)
      ? this.#openForEnds(session, octets, end, port.tagOctets)
      : this.#open(n.key, octets, DIRECT_HEADER_OCTETS, end, port.tagOctets);
    if (opened === 0) return 0;
    if (!replayIsNew(n.directWindow, counter)) return this.#replayed(end);
    this.accept(n, n.directWindow, counter);
    return end;
  }

  #openForEnds(session: number, octets: Uint8Array, end: number, tagOctets: number): number {
    if (session < 0) return this.#drop("no-session");
    writeFrameAssociated(this.#associated, octets, this.#nonce);
    if (!this.#identity.open(session, this.#associated, octets, DIRECT_HEADER_OCTETS, end, end, tagOctets))
      return this.#drop("end-to-end");
    this.#counters.counts["frames-opened"]++;
    this.#counters.counts["end-to-end-opened"]++;
    return end;
  }

  /** Marks an authenticated counter as received and reckons it into the link's quality. */
  accept(n: Neighbour, window: ReplayWindow, counter: number): void {
    const ahead = counter - window.highest;
    if (ahead > 0 && window.highest >= 0 && ahead < QUALITY_JUMP) {
      n.rxExpected += Math.min(ahead, QUALITY_RUN);
      n.rxCount++;
    }
    if (window.highest < 0 && window === n.window) {
      n.joinedCounter = counter;
      n.askedCounters.fill(counter);
    }
    replayAccept(window, counter);
  }

  #open(key: number, octets: Uint8Array, from: number, end: number, tagOctets: number): number {
    if (!this.#crypto.open(key, this.#nonce, octets, from, end, tagOctets)) return this.#drop("authentication");
    this.#counters.counts["frames-opened"]++;
    return end;
  }

  /** Authentic, but not for the first time: its sender may have missed the acknowledgement. */
  #replayed(end: number): number {
    this.#drop("replayed");
    return -end;
  }

  #drop(reason: Parameters<Counters["drop"]>[0]): 0 {
    this.#counters.drop(reason);
    return 0;
  }
}

/** Reports on a narrow bearer and what else is shared are never far from each other. */
function highestShared(n: Neighbour): number {
  return n.reportWindow === undefined ? n.window.highest : Math.max(n.window.highest, n.reportWindow.highest);
}

/** Stream number of the direct frames to a neighbour: bearer and slot. */
function directStream(port: Port, n: Neighbour): number {
  return (port.config.id << 8) | (n.index + 1);
}

/** Forgets what was received before the neighbour's restart. */
export function resetWindows(n: Neighbour): void {
  replayReset(n.window);
  replayReset(n.directWindow);
  n.reportWindow = undefined;
  n.sealsForEnds = false;
}
