/**
 * IVF, the simple container of VP8 clips; little endian.
 *
 *   file header, 32 octets
 *   +------+-----------+--------------+--------+---------+----------+--------------+----------------+----------+---+
 *   |"DKIF"| version 2 | header len 2 | fourcc | width 2 | height 2 | rate 4       | scale 4        | frames 4 | 0 |
 *   +------+-----------+--------------+--------+---------+----------+--------------+----------------+----------+---+
 *   frame header, 12 octets: size (4), presentation time (8) in units of scale / rate seconds; then the frame
 */
import { assert } from "../assert.ts";
import { readU32 } from "../wire/octets.ts";

export interface IvfHeader {
  /** "VP80" for VP8. */
  fourcc: string;
  width: number;
  height: number;
  /** Time units per second are `rate / scale`. */
  rate: number;
  scale: number;
  /** As the file says; writers that were cut off leave 0. */
  frameCount: number;
}
/** Where one frame lies in the file's octets. */
export interface IvfFrame {
  offset: number;
  lengthOctets: number;
  /** In units of scale / rate seconds. */
  timestamp: number;
}

export const IVF_HEADER_OCTETS = 32;
export const IVF_FRAME_HEADER_OCTETS = 12;

const SIGNATURE = 0x444b4946;

/** Writes the file header at `offset` and returns the octets written, always 32. */
export function encodeIvfHeader(header: IvfHeader, out: Uint8Array, offset: number): number {
  assert(offset >= 0 && offset + IVF_HEADER_OCTETS <= out.length, "IVF header does not fit");
  assert(/^[ -~]{4}$/.test(header.fourcc), "fourcc needs 4 ASCII characters");
  assert(header.rate > 0 && header.scale > 0, "IVF needs a rate and a scale");
  const view = new DataView(out.buffer, out.byteOffset + offset, IVF_HEADER_OCTETS);
  view.setUint32(0, SIGNATURE);
  view.setUint16(4, 0, true);
  view.setUint16(6, IVF_HEADER_OCTETS, true);
  for (let index = 0; index < 4; index++) out[offset + 8 + index] = header.fourcc.charCodeAt(index);
  view.setUint16(12, header.width, true);
  view.setUint16(14, header.height, true);
  view.setUint32(16, header.rate, true);
  view.setUint32(20, header.scale, true);
  view.setUint32(24, header.frameCount, true);
  view.setUint32(28, 0);
  return IVF_HEADER_OCTETS;
}

/** Reads the file header at `offset`; undefined if it is cut or not one. */
export function decodeIvfHeader(octets: Uint8Array, offset: number, length: number): IvfHeader | undefined {
  if (length < IVF_HEADER_OCTETS || offset < 0 || offset + length > octets.length) return undefined;
  const view = new DataView(octets.buffer, octets.byteOffset + offset, IVF_HEADER_OCTETS);
  if (readU32(octets, offset) !== SIGNATURE || view.getUint16(6, true) !== IVF_HEADER_OCTETS) return undefined;
  let fourcc = "";
  for (let index = 8; index < 12; index++) {
    const octet = octets[offset + index] as number;
    if (octet < 0x20 || octet > 0x7e) return undefined;
    fourcc += String.fromCharCode(octet);
  }
  const rate = view.getUint32(16, true);
  const scale = view.getUint32(20, true);
  if (rate === 0 || scale === 0 || view.getUint16(4, true) !== 0) return undefined;
  return {
    fourcc,
    width: view.getUint16(12, true),
    height: view.getUint16(14, true),
    rate,
    scale,
    frameCount: view.getUint32(24, true),
  };
}

/** Writes a frame with its header at `offset` and returns the octets written. */
export function encodeIvfFrame(timestamp: number, frame: Uint8Array, out: Uint8Array, offset: number): number {
  const total = IVF_FRAME_HEADER_OCTETS + frame.length;
  assert(offset >= 0 && offset + total <= out.length, "IVF frame does not fit");
  assert(Number.isSafeInteger(timestamp) && timestamp >= 0, "IVF timestamp is a whole number");
  const view = new DataView(out.buffer, out.byteOffset + offset, IVF_FRAME_HEADER_OCTETS);
  view.setUint32(0, frame.length, true);
  view.setUint32(4, timestamp % 2 ** 32, true);
  view.setUint32(8, Math.floor(timestamp / 2 ** 32), true);
  out.set(frame, offset + IVF_FRAME_HEADER_OCTETS);
  return total;
}

/** The frame whose header stands at `offset`; undefined at the end or where the file is cut. */
export function decodeIvfFrame(octets: Uint8Array, offset: number, length: number): IvfFrame | undefined {
  if (length < IVF_FRAME_HEADER_OCTETS || offset < 0 || offset + length > octets.length) return undefined;
  const view = new DataView(octets.buffer, octets.byteOffset + offset, IVF_FRAME_HEADER_OCTETS);
  const lengthOctets = view.getUint32(0, true);
  const timestamp = view.getUint32(4, true) + view.getUint32(8, true) * 2 ** 32;
  if (lengthOctets > length - IVF_FRAME_HEADER_OCTETS || !Number.isSafeInteger(timestamp)) return undefined;
  return { offset: offset + IVF_FRAME_HEADER_OCTETS, lengthOctets, timestamp };
}

/** All whole frames of a file, header included; a cut last frame is left out. Undefined if it is no IVF file. */
export function decodeIvfFile(octets: Uint8Array): { header: IvfHeader; frames: IvfFrame[] } | undefined {
  const header = decodeIvfHeader(octets, 0, octets.length);
  if (header === undefined) return undefined;
  const frames: IvfFrame[] = [];
  let at = IVF_HEADER_OCTETS;
  for (;;) {
    const frame = decodeIvfFrame(octets, at, octets.length - at);
    if (frame === undefined) return { header, frames };
    frames.push(frame);
    at = frame.offset + frame.lengthOctets;
  }
}
