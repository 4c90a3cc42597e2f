/**
 * RIFF WAVE with 16-bit PCM, little endian.
 *
 *   octet 0  "RIFF"  size of the rest (4)  "WAVE"
 *   chunks:  id (4)  size (4)  body, padded to an even length
 *   "fmt "   format (2: 1 PCM, 0xfffe extensible)  channels (2)  sample rate (4)  octets/s (4)
 *            octets per sample frame (2)  bits per sample (2)
 *   "data"   samples
 */
import { assert } from "../assert.ts";

export interface WavHeader {
  channels: number;
  sampleRateHz: number;
  /** Where the samples begin and how long they are; a size beyond the end of the octets is cut to it. */
  dataOffset: number;
  dataOctets: number;
}

export const WAV_HEADER_OCTETS = 44;

const RIFF = 0x46464952;
const WAVE = 0x45564157;
const FORMAT_CHUNK = 0x20746d66;
const DATA_CHUNK = 0x61746164;

/** Writes the 44-octet header of a 16-bit PCM file at `offset` and returns the octets written. */
export function encodeWavHeader(
  header: Pick<WavHeader, "channels" | "sampleRateHz" | "dataOctets">,
  out: Uint8Array,
  offset: number,
): number {
  const { channels, sampleRateHz, dataOctets } = header;
  assert(offset >= 0 && offset + WAV_HEADER_OCTETS <= out.length, "WAV header does not fit");
  assert(channels >= 1 && channels <= 0xffff && sampleRateHz >= 1, "WAV needs channels and a sample rate");
  assert(dataOctets >= 0 && dataOctets <= 0xffffffff - 36, "WAV holds at most 4 GiB");
  const view = new DataView(out.buffer, out.byteOffset + offset, WAV_HEADER_OCTETS);
  view.setUint32(0, RIFF, true);
  view.setUint32(4, 36 + dataOctets, true);
  view.setUint32(8, WAVE, true);
  view.setUint32(12, FORMAT_CHUNK, true);
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, channels, true);
  view.setUint32(24, sampleRateHz, true);
  view.setUint32(28, sampleRateHz * channels * 2, true);
  view.setUint16(32, channels * 2, true);
  view.setUint16(34, 16, true);
  view.setUint32(36, DATA_CHUNK, true);
  view.setUint32(40, dataOctets, true);
  return WAV_HEADER_OCTETS;
}

/** Finds format and samples of a 16-bit PCM file; undefined if it is cut before them or anything else. */
export function decodeWavHeader(octets: Uint8Array, offset: number, length: number): WavHeader | undefined {
  if (length < 12 || offset < 0 || offset + length > octets.length) return undefined;
  const view = new DataView(octets.buffer, octets.byteOffset + offset, length);
  if (view.getUint32(0, true) !== RIFF || view.getUint32(8, true) !== WAVE) return undefined;
  let channels = 0;
  let sampleRateHz = 0;
  let at = 12;
  while (at + 8 <= length) {
    const id = view.getUint32(at, true);
    const size = view.getUint32(at + 4, true);
    at += 8;
    if (id === DATA_CHUNK) {
      if (channels === 0) return undefined;
      const whole = Math.min(size, length - at);
      return { channels, sampleRateHz, dataOffset: offset + at, dataOctets: whole - (whole % (channels * 2)) };
    }
    if (id === FORMAT_CHUNK) {
      if (size < 16 || at + 16 > length || !isPcm16(view, at)) return undefined;
      channels = view.getUint16(at + 2, true);
      sampleRateHz = view.getUint32(at + 4, true);
    }
    at += size + (size & 1);
  }
  return undefined;
}

function isPcm16(view: DataView, at: number): boolean {
  const format = view.getUint16(at, true);
  const channels = view.getUint16(at + 2, true);
  if ((format !== 1 && format !== 0xfffe) || view.getUint16(at + 14, true) !== 16) return false;
  return channels > 0 && view.getUint32(at + 4, true) > 0 && view.getUint16(at + 12, true) === channels * 2;
}
