/**
 * What a call repeats in every packet is said once. After `compressIp` an RTP packet still carries addresses where they
 * are not a node's, ports, and 12 octets of RTP; both ends keep those as a context, and the packets that follow carry
 * what changes. A static profile in the words of RFC 8724, whose target values are learned as ROHC learns them in
 * unidirectional mode (RFC 3095 4.4.1), for nobody answers: a context is said several times, and again every so often.
 *
 *   first octet          7   6   5   4   3   2   1   0
 *                      | 0 | 1 | K | M | slot  | gener.|
 *
 *   K 1, the context, whole packet:          K 0, a packet within it (M: RTP's marker bit):
 *   +---------+----------+---------------+   +---------+------------+---------------+
 *   | first 1 | stride 2 | as compressIp |   | first 1 | sequence 1 | RTP's payload |
 *   +---------+----------+---------------+   +---------+------------+---------------+
 *
 *     slot        one of four contexts between two nodes
 *     generation  counts the contexts that the slot has had: a packet of another one is not read
 *     stride      RTP timestamps between two packets; that of a packet is reckoned from its sequence
 *     sequence    low octet of RTP's; the rest is that which is nearest to the latest packet's
 *
 * Voice between two nodes: IP, UDP and RTP take 40 or 60 octets, here 2. A packet that its context does not predict
 * (a pause has passed, another payload type) brings a new one. Packets with CSRCs, extensions or padding stay as
 * `compressIp` leaves them.
 */
import { readU16, readU32, writeU16, writeU32 } from "../wire/octets.ts";
import { fieldOctetsOf } from "./ip-compression.ts";

const RULE_RTP = 0x40;
const RULE_MASK = 0xc0;
const CONTEXT = 0x20;
const MARKER = 0x10;
const SLOTS = 4;
const RTP_OCTETS = 12;
/** Version 2, nothing else. */
const RTP_PLAIN = 0x80;
const RTP_MARKER = 0x80;
/** Rule, class, hop limit, two addresses, ports. */
const MAX_FIELD_OCTETS = 1 + 1 + 1 + 32 + 4;
/** A context is said so often before it is relied upon, again after each so many packets, */
const SAID_FIRST = 2;
const SAID_EVERY = 32;
/** and if the sequence has gone on by so much. */
const MAX_STEP = 64;
/** Contexts of one node, each way; the one that was used last longest ago goes. */
const MAX_RTP_CONTEXTS = 64;
/** A whole packet may grow by this. */
export const RTP_CONTEXT_OCTETS = 3;

interface Context {
  /** The other node, and which of its contexts; peer 0 is nobody. */
  peer: number;
  slot: number;
  generation: number;
  used: number;
  /** What `compressIp` has written before RTP. */
  readonly fields: Uint8Array;
  fieldOctets: number;
  ssrc: number;
  payloadType: number;
  /** A packet, and how timestamps go on from there; stride 0: not known yet. */
  sequence: number;
  timestamp: number;
  stride: number;
  latest: number;
  latestTimestamp: number;
  /** Packets since the context was said last, and how often it is to be said yet. */
  since: number;
  owed: number;
}

function createContexts(): Context[] {
  return Array.from({ length: MAX_RTP_CONTEXTS }, () => ({
    peer: 0,
    slot: 0,
    generation: 0,
    used: 0,
    fields: new Uint8Array(MAX_FIELD_OCTETS),
    fieldOctets: 0,
    ssrc: 0,
    payloadType: 0,
    sequence: 0,
    timestamp: 0,
    stride: 0,
    latest: 0,
    latestTimestamp: 0,
    since: 0,
    owed: 0,
  }));
}

/** Timestamp of a packet of a context, modulo 2^32. */
function timestampOf(context: Context, sequence: number): number {
  const steps = ((sequence - context.sequence) << 16) >> 16;
  return (context.timestamp + steps * context.stride) >>> 0;
}

/** Takes addresses, ports and RTP header of the packet in octets[from, end), whose RTP header begins at `rtp`. */
function remember(context: Context, octets: Uint8Array, from: number, rtp: number): void {
  context.fieldOctets = rtp - from;
  for (let i = from; i < rtp; i++) context.fields[i - from] = octets[i] as number;
  context.payloadType = (octets[rtp + 1] as number) & ~RTP_MARKER;
  context.sequence = readU16(octets, rtp + 2);
  context.timestamp = readU32(octets, rtp + 4);
  context.ssrc = readU32(octets, rtp + 8);
  context.latest = context.sequence;
  context.latestTimestamp = context.timestamp;
}

/** Where RTP begins in what `compressIp` wrote, -1 if it is none that a context can hold. */
function rtpIn(octets: Uint8Array, from: number, length: number): number {
  const fieldOctets = fieldOctetsOf(octets, from, length);
  if (fieldOctets === 0 || length < fieldOctets + RTP_OCTETS) return -1;
  return octets[from + fieldOctets] === RTP_PLAIN ? from + fieldOctets : -1;
}

function isFlow(context: Context, peer: number, octets: Uint8Array, from: number, rtp: number): boolean {
  if (context.peer !== peer || context.fieldOctets !== rtp - from) return false;
  if (readU32(octets, rtp + 8) !== context.ssrc) return false;
  for (let i = 0; i < context.fieldOctets; i++) if (context.fields[i] !== octets[from + i]) return false;
  return true;
}

function isPredicted(context: Context, octets: Uint8Array, rtp: number, step: number): boolean {
  if (step === 0 || step > MAX_STEP) return false;
  if (((octets[rtp + 1] as number) & ~RTP_MARKER) !== context.payloadType) return false;
  return readU32(octets, rtp + 4) === timestampOf(context, readU16(octets, rtp + 2));
}

/** The sending side: contexts that other nodes have been told of. */
export class RtpCompressor {
  readonly #contexts = createContexts();
  readonly #firstGeneration: number;
  #clock = 0;

  /** `seed`: another one each time that the node starts, so that what the others remember is not taken for current. */
  constructor(seed: number) {
    this.#firstGeneration = seed & 3;
  }

  /**
   * Shortens what `compressIp` wrote, octets[from, from + length), for a frame to node `peer`; returns the octets
   * written, at most length + RTP_CONTEXT_OCTETS. What is not RTP is copied.
   */
  compress(octets: Uint8Array, from: number, length: number, peer: number, out: Uint8Array, offset: number): number {
    const rtp = rtpIn(octets, from, length);
    if (rtp === -1) return copy(octets, from, from + length, out, offset);
    const context = this.#contextOf(octets, from, rtp, peer);
    context.used = ++this.#clock;
    const sequence = readU16(octets, rtp + 2);
    const timestamp = readU32(octets, rtp + 4);
    const step = (sequence - context.latest) & 0xffff;
    const stride = (timestamp - context.latestTimestamp) >>> 0;
    const predicted = context.stride > 0 && isPredicted(context, octets, rtp, step);
    // What has predicted nothing yet is no use.
    if (!predicted && context.since === 0) context.stride = 0;
    if (context.stride === 0 && (step !== 1 || stride === 0 || stride > 0xffff)) {
      remember(context, octets, from, rtp);
      return copy(octets, from, from + length, out, offset);
    }
    if (context.stride === 0) context.stride = stride;
    if (!predicted) {
      context.owed = SAID_FIRST;
      // Who does not hear this must not read on with what it has.
      context.generation = (context.generation + 1) & 3;
    }
    const first = RULE_RTP | (context.slot << 2) | context.generation;
    if (context.owed > 0 || context.since >= SAID_EVERY) {
      remember(context, octets, from, rtp);
      context.owed = Math.max(0, context.owed - 1);
      context.since = 0;
      out[offset] = first | CONTEXT;
      writeU16(out, offset + 1, context.stride);
      return RTP_CONTEXT_OCTETS + copy(octets, from, from + length, out, offset + RTP_CONTEXT_OCTETS);
    }
    context.latest = sequence;
    context.latestTimestamp = timestamp;
    context.since++;
    out[offset] = first | (((octets[rtp + 1] as number) & RTP_MARKER) === 0 ? 0 : MARKER);
    out[offset + 1] = sequence;
    return 2 + copy(octets, rtp + RTP_OCTETS, from + length, out, offset + 2);
  }

  /** The flow's context, or a new one in place of the one that was used last longest ago. */
  #contextOf(octets: Uint8Array, from: number, rtp: number, peer: number): Context {
    let oldest = this.#contexts[0] as Context;
    let oldestOfPeer: Context | undefined;
    let ofPeer = 0;
    for (const context of this.#contexts) {
      if (isFlow(context, peer, octets, from, rtp)) return context;
      if (context.used < oldest.used) oldest = context;
      if (context.peer !== peer) continue;
      ofPeer++;
      if (oldestOfPeer === undefined || context.used < oldestOfPeer.used) oldestOfPeer = context;
    }
    const context = ofPeer < SLOTS || oldestOfPeer === undefined ? oldest : oldestOfPeer;
    if (context.peer !== peer) context.slot = this.#freeSlot(peer);
    context.generation = context.peer === 0 ? this.#firstGeneration : (context.generation + 1) & 3;
    context.peer = peer;
    context.stride = 0;
    context.since = 0;
    context.owed = 0;
    remember(context, octets, from, rtp);
    // The first packet has none before it.
    context.latest = (context.sequence - 2) & 0xffff;
    return context;
  }

  #freeSlot(peer: number): number {
    let taken = 0;
    for (const context of this.#contexts) if (context.peer === peer) taken |= 1 << context.slot;
    return 31 - Math.clz32(~taken & -~taken);
  }
}

/** The receiving side: contexts that other nodes have told of. */
export class RtpDecompressor {
  readonly #contexts = createContexts();
  #clock = 0;

  /** True if octets that a frame carries are such as `RtpCompressor` writes. */
  static reads(firstOctet: number): boolean {
    return (firstOctet & RULE_MASK) === RULE_RTP;
  }

  /**
   * Writes what `compressIp` wrote from octets[from, from + length), of a frame from node `peer`; returns its length, 0 if
   * it is malformed, too long, or of a context that is not known.
   */
  decompress(octets: Uint8Array, from: number, length: number, peer: number, out: Uint8Array, offset: number): number {
    if (length < 2 || peer === 0 || from + length > octets.length) return 0;
    const first = octets[from] as number;
    if ((first & RULE_MASK) !== RULE_RTP) return 0;
    const slot = (first >>> 2) & 3;
    const generation = first & 3;
    if ((first & CONTEXT) !== 0) return this.#learn(octets, from, length, peer, slot, generation, out, offset);
    const context = this.#find(peer, slot);
    if (context?.generation !== generation) return 0;
    const { fieldOctets } = context;
    const payloadOctets = length - 2;
    if (fieldOctets + RTP_OCTETS + payloadOctets > out.length - offset) return 0;
    context.used = ++this.#clock;
    const ahead = (((octets[from + 1] as number) - context.latest) << 24) >> 24;
    const sequence = (context.latest + ahead) & 0xffff;
    if (ahead > 0) context.latest = sequence;
    copy(context.fields, 0, fieldOctets, out, offset);
    const rtp = offset + fieldOctets;
    out[rtp] = RTP_PLAIN;
    out[rtp + 1] = context.payloadType | ((first & MARKER) === 0 ? 0 : RTP_MARKER);
    writeU16(out, rtp + 2, sequence);
    writeU32(out, rtp + 4, timestampOf(context, sequence));
    writeU32(out, rtp + 8, context.ssrc);
    copy(octets, from + 2, from + length, out, rtp + RTP_OCTETS);
    return fieldOctets + RTP_OCTETS + payloadOctets;
  }

  #learn(
    octets: Uint8Array,
    from: number,
    length: number,
    peer: number,
    slot: number,
    generation: number,
    out: Uint8Array,
    offset: number,
  ): number {
    const body = from + RTP_CONTEXT_OCTETS;
    const bodyOctets = length - RTP_CONTEXT_OCTETS;
    if (bodyOctets <= 0 || bodyOctets > out.length - offset) return 0;
    const rtp = rtpIn(octets, body, bodyOctets);
    if (rtp === -1) return 0;
    const context = this.#find(peer, slot) ?? this.#oldest();
    context.peer = peer;
    context.slot = slot;
    context.generation = generation;
    context.used = ++this.#clock;
    context.stride = readU16(octets, from + 1);
    remember(context, octets, body, rtp);
    return copy(octets, body, body + bodyOctets, out, offset);
  }

  #find(peer: number, slot: number): Context | undefined {
    for (const context of this.#contexts) if (context.peer === peer && context.slot === slot) return context;
    return undefined;
  }

  #oldest(): Context {
    let oldest = this.#contexts[0] as Context;
    for (const context of this.#contexts) if (context.used < oldest.used) oldest = context;
    return oldest;
  }
}

function copy(octets: Uint8Array, from: number, end: number, out: Uint8Array, to: number): number {
  for (let at = from; at < end; at++) out[to + at - from] = octets[at] as number;
  return end - from;
}
