/**
 * What a call repeats in every packet is said once. After `compressIp` a packet still carries its rule, addresses where
 * they are not a node's, ports, and 12 octets of RTP if it is that; both ends keep those as a context, and the packets that
 * follow carry what changes. A static profile in the words of RFC 8724, whose target values are learned as ROHC learns them in
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
 *   and if it is not RTP, with a stride of 0:
 *   +---------+----------+---------------+   +---------+---------------+
 *   | first 1 | 0      2 | as compressIp |   | first 1 | UDP's payload |
 *   +---------+----------+---------------+   +---------+---------------+
 *
 *     slot        one of four contexts between two nodes
 *     generation  counts the contexts that the slot has had: a packet of another one is not read
 *     stride      RTP timestamps between two packets; that of a packet is reckoned from its sequence
 *     sequence    low octet of RTP's; the rest is that which is nearest to the latest packet's
 *
 * Of what is not UDP the IP header becomes part of a context, and the ports of TCP; what then follows is the rest of TCP's
 * header.
 *
 * Voice between two nodes: IP, UDP and RTP take 40 or 60 octets, here 2; IP and UDP alone 28 or 48, here 1. A packet of RTP
 * that its context does not predict (a pause has passed, another payload type) brings a new one. RTP with CSRCs, extensions
 * or padding is as good as none.
 */
import { copyOctets, readU16, readU32, writeU16, writeU32 } from "../wire/octets.ts";
import { fieldOctetsOf, isIpAlone } from "./ip-compression.ts";

const RULE_FLOW = 0x40;
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
/** A context is said so often before it is relied upon, again after so many packets, and twice as many each time, */
const SAID_FIRST = 2;
const SAID_EVERY_FIRST = 4;
const SAID_EVERY = 32;
/** and if the sequence has gone on by so much. */
const MAX_STEP = 64;
/** Contexts of one node, each way; the one that was used last longest ago goes. */
const MAX_RTP_CONTEXTS = 64;
/** A whole packet may grow by this. */
export const FLOW_CONTEXT_OCTETS = 3;

interface Context {
  /** The other node, and which of its contexts; peer 0 is nobody. */
  peer: number;
  slot: number;
  generation: number;
  used: number;
  /** It is not of RTP: the fields below `fieldOctets` say nothing. */
  isPlain: boolean;
  /** What `compressIp` has written before RTP, before UDP's payload, or of IP and TCP's ports. */
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
  every: number;
}

function createContexts(): Context[] {
  return Array.from({ length: MAX_RTP_CONTEXTS }, () => ({
    peer: 0,
    slot: 0,
    generation: 0,
    used: 0,
    isPlain: false,
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
    every: SAID_EVERY_FIRST,
  }));
}

/** Timestamp of a packet of a context, modulo 2^32. */
function timestampOf(context: Context, sequence: number): number {
  const steps = ((sequence - context.sequence) << 16) >> 16;
  return (context.timestamp + steps * context.stride) >>> 0;
}

/** Takes addresses and ports of the packet in octets[from, end), and the RTP header if it has one, which begin at `body`. */
function remember(context: Context, octets: Uint8Array, from: number, body: number): void {
  context.fieldOctets = body - from;
  for (let i = from; i < body; i++) context.fields[i - from] = octets[i] as number;
  if (!context.isPlain) rememberRtp(context, octets, body);
}

function rememberRtp(context: Context, octets: Uint8Array, rtp: number): void {
  context.payloadType = (octets[rtp + 1] as number) & ~RTP_MARKER;
  context.sequence = readU16(octets, rtp + 2);
  context.timestamp = readU32(octets, rtp + 4);
  context.ssrc = readU32(octets, rtp + 8);
  context.latest = context.sequence;
  context.latestTimestamp = context.timestamp;
}

/** True if the payload in octets[body, end) looks like RTP that a context can hold. */
function looksLikeRtp(octets: Uint8Array, body: number, end: number): boolean {
  return end - body >= RTP_OCTETS && octets[body] === RTP_PLAIN;
}

function isFlow(
  context: Context,
  peer: number,
  isPlain: boolean,
  octets: Uint8Array,
  from: number,
  body: number,
): boolean {
  if (context.peer !== peer || context.isPlain !== isPlain || context.fieldOctets !== body - from) return false;
  if (!isPlain && readU32(octets, body + 8) !== context.ssrc) return false;
  for (let i = 0; i < context.fieldOctets; i++) if (context.fields[i] !== octets[from + i]) return false;
  return true;
}

function isPredicted(context: Context, octets: Uint8Array, rtp: number, step: number): boolean {
  if (step === 0 || step > MAX_STEP) return false;
  if (((octets[rtp + 1] as number) & ~RTP_MARKER) !== context.payloadType) return false;
  return readU32(octets, rtp + 4) === timestampOf(context, readU16(octets, rtp + 2));
}

/** The sending side: contexts that other nodes have been told of. */
export class FlowCompressor {
  readonly #contexts = createContexts();
  readonly #firstGeneration: number;
  #clock = 0;

  /** `seed`: another one each time that the node starts, so that what the others remember is not taken for current. */
  constructor(seed: number) {
    this.#firstGeneration = seed & 3;
  }

  /**
   * Shortens what `compressIp` wrote, octets[from, from + length), for a frame to node `peer`; returns the octets
   * written, at most length + FLOW_CONTEXT_OCTETS. What goes whole is copied.
   */
  compress(octets: Uint8Array, from: number, length: number, peer: number, out: Uint8Array, offset: number): number {
    const body = from + fieldOctetsOf(octets, from, length);
    if (body === from) return copy(octets, from, from + length, out, offset);
    const looks = !isIpAlone(octets[from] as number) && looksLikeRtp(octets, body, from + length);
    const rtp = looks ? this.#find(octets, from, body, peer, false) : undefined;
    const plain = rtp !== undefined && rtp.stride > 0 ? undefined : this.#find(octets, from, body, peer, true);
    // What is not RTP may look like it now and then.
    if (looks && plain === undefined) {
      const context = rtp ?? this.#begin(octets, from, body, peer, false);
      return this.#compressRtp(context, octets, from, length, body, out, offset);
    }
    const context = plain ?? this.#begin(octets, from, body, peer, true);
    return this.#compressPlain(context, octets, from, length, body, out, offset);
  }

  #find(octets: Uint8Array, from: number, body: number, peer: number, isPlain: boolean): Context | undefined {
    for (const context of this.#contexts) if (isFlow(context, peer, isPlain, octets, from, body)) return context;
    return undefined;
  }

  #compressPlain(
    context: Context,
    octets: Uint8Array,
    from: number,
    length: number,
    body: number,
    out: Uint8Array,
    offset: number,
  ): number {
    context.used = ++this.#clock;
    const first = RULE_FLOW | (context.slot << 2) | context.generation;
    if (isDue(context)) return say(context, first, octets, from, length, out, offset);
    context.since++;
    out[offset] = first;
    return 1 + copy(octets, body, from + length, out, offset + 1);
  }

  #compressRtp(
    context: Context,
    octets: Uint8Array,
    from: number,
    length: number,
    rtp: number,
    out: Uint8Array,
    offset: number,
  ): number {
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
      context.every = SAID_EVERY_FIRST;
      // Who does not hear this must not read on with what it has.
      context.generation = (context.generation + 1) & 3;
    }
    const first = RULE_FLOW | (context.slot << 2) | context.generation;
    if (isDue(context)) {
      remember(context, octets, from, rtp);
      return say(context, first, octets, from, length, out, offset);
    }
    context.latest = sequence;
    context.latestTimestamp = timestamp;
    context.since++;
    out[offset] = first | (((octets[rtp + 1] as number) & RTP_MARKER) === 0 ? 0 : MARKER);
    out[offset + 1] = sequence;
    return 2 + copy(octets, rtp + RTP_OCTETS, from + length, out, offset + 2);
  }

  /** A new context for a flow, in place of the one that was used last longest ago. */
  #begin(octets: Uint8Array, from: number, body: number, peer: number, isPlain: boolean): Context {
    let oldest = this.#contexts[0] as Context;
    let oldestOfPeer: Context | undefined;
    let ofPeer = 0;
    for (const context of this.#contexts) {
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
    context.isPlain = isPlain;
    // RTP has to show its pace first.
    context.owed = isPlain ? SAID_FIRST : 0;
    context.every = SAID_EVERY_FIRST;
    remember(context, octets, from, body);
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

/** True if the context is to be said with this packet. */
function isDue(context: Context): boolean {
  return context.owed > 0 || context.since >= context.every;
}

/** Writes the whole packet with its context. */
function say(
  context: Context,
  first: number,
  octets: Uint8Array,
  from: number,
  length: number,
  out: Uint8Array,
  offset: number,
): number {
  if (context.owed > 0) context.owed--;
  else context.every = Math.min(SAID_EVERY, 2 * context.every);
  context.since = 0;
  out[offset] = first | CONTEXT;
  writeU16(out, offset + 1, context.stride);
  return FLOW_CONTEXT_OCTETS + copy(octets, from, from + length, out, offset + FLOW_CONTEXT_OCTETS);
}

/** The receiving side: contexts that other nodes have told of. */
export class FlowDecompressor {
  readonly #contexts = createContexts();
  #clock = 0;

  /** True if octets that a frame carries are such as `FlowCompressor` writes. */
  static reads(firstOctet: number): boolean {
    return (firstOctet & RULE_MASK) === RULE_FLOW;
  }

  /**
   * Writes what `compressIp` wrote from octets[from, from + length), of a frame from node `peer`; returns its length, 0 if
   * it is malformed, too long, or of a context that is not known.
   */
  decompress(octets: Uint8Array, from: number, length: number, peer: number, out: Uint8Array, offset: number): number {
    if (length < 1 || peer === 0 || from + length > octets.length) return 0;
    const first = octets[from] as number;
    if ((first & RULE_MASK) !== RULE_FLOW) return 0;
    const slot = (first >>> 2) & 3;
    const generation = first & 3;
    if ((first & CONTEXT) !== 0) return this.#learn(octets, from, length, peer, slot, generation, out, offset);
    const context = this.#find(peer, slot);
    if (context?.generation !== generation) return 0;
    if (context.isPlain) return this.#restorePlain(context, octets, from, length, out, offset);
    const { fieldOctets } = context;
    const payloadOctets = length - 2;
    if (payloadOctets < 0 || fieldOctets + RTP_OCTETS + payloadOctets > out.length - offset) return 0;
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

  #restorePlain(
    context: Context,
    octets: Uint8Array,
    from: number,
    length: number,
    out: Uint8Array,
    offset: number,
  ): number {
    const { fieldOctets } = context;
    if (fieldOctets + length - 1 > out.length - offset || ((octets[from] as number) & MARKER) !== 0) return 0;
    context.used = ++this.#clock;
    copy(context.fields, 0, fieldOctets, out, offset);
    return fieldOctets + copy(octets, from + 1, from + length, out, offset + fieldOctets);
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
    const body = from + FLOW_CONTEXT_OCTETS;
    const bodyOctets = length - FLOW_CONTEXT_OCTETS;
    if (bodyOctets <= 0 || bodyOctets > out.length - offset) return 0;
    const stride = readU16(octets, from + 1);
    const payload = body + fieldOctetsOf(octets, body, bodyOctets);
    if (payload === body || (stride > 0 && !looksLikeRtp(octets, payload, body + bodyOctets))) return 0;
    const context = this.#find(peer, slot) ?? this.#oldest();
    context.peer = peer;
    context.slot = slot;
    context.generation = generation;
    context.used = ++this.#clock;
    context.stride = stride;
    context.isPlain = stride === 0;
    remember(context, octets, body, payload);
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
  copyOctets(octets, from, end, out, to);
  return end - from;
}
