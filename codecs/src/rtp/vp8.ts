/**
 * VP8 in RTP (RFC 7741): payload descriptor and packetiser.
 *
 *       0 1 2 3 4 5 6 7
 *      +-+-+-+-+-+-----+
 *      |X|R|N|S|R| PID |   X extended, N non-reference, S start of partition, PID partition
 *   X: +-+-+-+-+-+-----+
 *      |I|L|T|K|  RSV  |
 *   I: +-+-+-+-+-------+
 *      |M| picture id  |   7 bits, or 15 over two octets with M
 *   L: +-+-------------+
 *      |   TL0PICIDX   |
 * T/K: +---+-+---------+
 *      |TID|Y| KEYIDX  |
 *      +---+-+---------+
 */
import { assert } from "../assert.ts";
import type { RtpHeader } from "./rtp.ts";
import { encodeRtpHeader, RTP_HEADER_OCTETS } from "./rtp.ts";

export interface Vp8Descriptor {
  nonReference: boolean;
  /** First packet of a partition; with partition 0 it opens the frame. */
  start: boolean;
  /** 0..7. */
  partition: number;
  /** 0..32767, -1 if absent; written in 15 bits. */
  pictureId: number;
  /** Running index of base-layer frames, 0..255, -1 if absent. */
  baseLayerIndex: number;
  /** Temporal layer 0..3, -1 if absent. */
  temporalLayer: number;
  layerSync: boolean;
  /** 0..31, -1 if absent. */
  keyIndex: number;
}

/** Longest descriptor. */
export const MAX_VP8_DESCRIPTOR_OCTETS = 6;

export function createVp8Descriptor(): Vp8Descriptor {
  return {
    nonReference: false,
    start: false,
    partition: 0,
    pictureId: -1,
    baseLayerIndex: -1,
    temporalLayer: -1,
    layerSync: false,
    keyIndex: -1,
  };
}

/** Octets that `encodeVp8Descriptor` writes. */
export function vp8DescriptorLength(descriptor: Vp8Descriptor): number {
  const layers = descriptor.temporalLayer >= 0 || descriptor.keyIndex >= 0;
  const optional = (descriptor.pictureId >= 0 ? 2 : 0) + (descriptor.baseLayerIndex >= 0 ? 1 : 0) + (layers ? 1 : 0);
  return optional === 0 ? 1 : 2 + optional;
}

/** Writes the descriptor at `offset` and returns the octets written, 1..6. */
export function encodeVp8Descriptor(descriptor: Vp8Descriptor, out: Uint8Array, offset: number): number {
  const { pictureId, baseLayerIndex, temporalLayer, keyIndex } = descriptor;
  const length = vp8DescriptorLength(descriptor);
  assert(offset >= 0 && offset + length <= out.length, "VP8 descriptor does not fit");
  assert(descriptor.partition >= 0 && descriptor.partition <= 7, "partition outside 0..7");
  assert(pictureId <= 0x7fff && baseLayerIndex <= 255 && temporalLayer <= 3 && keyIndex <= 31, "field too large");
  const first = (descriptor.nonReference ? 0x20 : 0) | (descriptor.start ? 0x10 : 0) | descriptor.partition;
  out[offset] = length > 1 ? 0x80 | first : first;
  if (length === 1) return 1;
  let at = offset + 2;
  let present = 0;
  if (pictureId >= 0) {
    present |= 0x80;
    out[at++] = 0x80 | (pictureId >> 8);
    out[at++] = pictureId;
  }
  if (baseLayerIndex >= 0) {
    present |= 0x40;
    out[at++] = baseLayerIndex;
  }
  if (temporalLayer >= 0 || keyIndex >= 0) {
    present |= (temporalLayer >= 0 ? 0x20 : 0) | (keyIndex >= 0 ? 0x10 : 0);
    out[at++] = (Math.max(temporalLayer, 0) << 6) | (descriptor.layerSync ? 0x20 : 0) | Math.max(keyIndex, 0);
  }
  out[offset + 1] = present;
  return at - offset;
}

/** Fills `descriptor` and returns its octets; 0 if it is cut or nothing follows it. */
export function decodeVp8DescriptorInto(
  octets: Uint8Array,
  offset: number,
  length: number,
  descriptor: Vp8Descriptor,
): number {
  if (length < 2 || offset < 0 || offset + length > octets.length) return 0;
  const first = octets[offset] as number;
  const present = first >= 0x80 ? (octets[offset + 1] as number) : 0;
  const wide = (present & 0x80) !== 0 && length > 2 && (octets[offset + 2] as number) >= 0x80;
  const layers = (present & 0x30) !== 0;
  const size =
    (first >= 0x80 ? 2 : 1) +
    ((present & 0x80) !== 0 ? (wide ? 2 : 1) : 0) +
    ((present & 0x40) !== 0 ? 1 : 0) +
    (layers ? 1 : 0);
  if (size >= length) return 0;
  descriptor.nonReference = (first & 0x20) !== 0;
  descriptor.start = (first & 0x10) !== 0;
  descriptor.partition = first & 0x07;
  let at = offset + 2;
  descriptor.pictureId = -1;
  if ((present & 0x80) !== 0) {
    const high = (octets[at++] as number) & 0x7f;
    descriptor.pictureId = wide ? (high << 8) | (octets[at++] as number) : high;
  }
  descriptor.baseLayerIndex = (present & 0x40) !== 0 ? (octets[at++] as number) : -1;
  const layer = layers ? (octets[at] as number) : 0;
  descriptor.temporalLayer = (present & 0x20) !== 0 ? layer >> 6 : -1;
  descriptor.layerSync = (layer & 0x20) !== 0;
  descriptor.keyIndex = (present & 0x10) !== 0 ? layer & 0x1f : -1;
  return size;
}

/** RFC 7741 4.3: the lowest bit of a frame's first octet is 0 on a key frame. */
export function isVp8KeyFrame(frame: Uint8Array, offset: number): boolean {
  return offset < frame.length && ((frame[offset] as number) & 1) === 0;
}

/** Packets that a frame needs if none may exceed `maxPacketOctets`, RTP header included. */
export function vp8PacketCount(frameOctets: number, maxPacketOctets: number, pictureId: number): number {
  const room = maxPacketOctets - RTP_HEADER_OCTETS - (pictureId >= 0 ? 4 : 1);
  assert(frameOctets > 0 && room > 0, "a frame and room for a part of it needed");
  return Math.ceil(frameOctets / room);
}

/** What `encodeVp8Packet` needs beside the frame; kept by the caller from packet to packet. */
export interface Vp8Packetiser {
  /** Payload type, timestamp and SSRC; `sequence` advances with each packet, `marker` is set on the last. */
  readonly header: RtpHeader;
  /** 0..32767, -1 for none. */
  pictureId: number;
  readonly descriptor: Vp8Descriptor;
}

/**
 * Writes packet `index` of the `count` that carry `frame` and returns its octets. All packets of a frame are of
 * nearly one size, so that none is a straggler.
 */
export function encodeVp8Packet(
  state: Vp8Packetiser,
  frame: Uint8Array,
  index: number,
  count: number,
  out: Uint8Array,
  offset: number,
): number {
  assert(index >= 0 && index < count, "packet index outside the frame");
  const from = Math.floor((frame.length * index) / count);
  const to = Math.floor((frame.length * (index + 1)) / count);
  state.header.marker = index === count - 1;
  state.descriptor.start = index === 0;
  state.descriptor.pictureId = state.pictureId;
  let at = offset + encodeRtpHeader(state.header, out, offset);
  at += encodeVp8Descriptor(state.descriptor, out, at);
  assert(at + to - from <= out.length, "VP8 packet does not fit");
  for (let source = from; source < to; source++) out[at++] = frame[source] as number;
  state.header.sequence = (state.header.sequence + 1) & 0xffff;
  return at - offset;
}
