import {
  createRtpHeader,
  createVp8Descriptor,
  decodeIvfFile,
  encodeVp8Packet,
  type IvfFrame,
  isVp8KeyFrame,
  type Vp8Packetiser,
  vp8PacketCount,
} from "@skein/codecs";
import type { MediaCounters } from "./media-counters.ts";
import type { FromMedia } from "./protocol.ts";

/** Fits the mesh's MTU on every IP bearer with all headers. */
const MAX_VIDEO_PACKET_OCTETS = 1100;
/** Payload type on the mesh, whatever a browser calls it. */
export const VP8_PAYLOAD_TYPE = 96;
/** RFC 7741 4.1: the RTP clock of VP8. */
const VIDEO_CLOCK_HZ = 90_000;
/** Stream number of a clip; a camera has its own, so that both may run. */
const CLIP_STREAM = 1;
export const MAX_CLIP_OCTETS = 64 << 20;
/** After a longer stall the frames missed are given up rather than sent in one burst. */
const MAX_CATCH_UP_FRAMES = 8;

export interface Clip {
  readonly octets: Uint8Array;
  readonly frames: readonly IvfFrame[];
  /** Frames per second is `rate / scale`. */
  readonly rate: number;
  readonly scale: number;
}

/** A VP8 clip out of an IVF file, or what is wrong with it. */
export function readClip(octets: Uint8Array): Clip | string {
  const file = decodeIvfFile(octets);
  if (file === undefined) return "not an IVF file";
  if (file.header.fourcc !== "VP80") return `coded as ${file.header.fourcc}, expected VP80`;
  const frames = file.frames.filter((frame) => frame.lengthOctets > 0);
  if (frames.length === 0) return "no frames";
  return { octets, frames, rate: file.header.rate, scale: file.header.scale };
}

/** What may be sent at once after a while with less than a limit allows, in seconds of it. */
const LIMIT_BURST_S = 1;

/**
 * A clip in a loop at its own frame rate, on absolute times. Frame n has RTP timestamp n * 90,000 / rate. Held to a limit
 * it sends as many frames after each key frame as that allows, in order, and leaves out the rest up to the next: frames do
 * not say which of them others need (RFC 6386 9.7 puts that behind the arithmetic coder), but none needs a later one.
 */
export class ClipSender {
  private readonly clip: Clip;
  private readonly startUs: number;
  private readonly emit: (message: FromMedia) => void;
  private readonly counters: MediaCounters;
  private readonly packetiser: Vp8Packetiser;
  private frameCount = 0;
  /** Bits per second, 0: as it is. */
  private limitBps = 0;
  /** Octets that the limit leaves now; what is begun goes out whole. */
  private budget = 0;
  private omitting = false;

  constructor(clip: Clip, nowUs: number, emit: (message: FromMedia) => void, counters: MediaCounters) {
    this.clip = clip;
    this.counters = counters;
    this.startUs = nowUs;
    this.emit = emit;
    // A source of its own for each start (RFC 3550 8.1): receivers must not take it for what went before.
    const header = { ...createRtpHeader(), payloadType: VP8_PAYLOAD_TYPE, ssrc: nowUs % 2 ** 32 };
    this.packetiser = { header, pictureId: -1, descriptor: createVp8Descriptor() };
  }

  nextUs(): number {
    return this.startUs + Math.round(this.frameCount * this.periodUs);
  }

  /** Holds it to a rate from now on; 0: to none. */
  limit(bps: number): void {
    if (this.limitBps === 0) this.budget = (LIMIT_BURST_S * bps) / 8;
    this.limitBps = bps;
  }

  run(nowUs: number): void {
    const behind = Math.floor((nowUs - this.nextUs()) / this.periodUs);
    if (behind > MAX_CATCH_UP_FRAMES) this.frameCount += behind;
    while (this.nextUs() <= nowUs) this.sendFrame(nowUs);
  }

  private get periodUs(): number {
    return (this.clip.scale * 1_000_000) / this.clip.rate;
  }

  private isWithinLimit(frame: Uint8Array): boolean {
    const isLimited = this.limitBps > 0;
    const most = (LIMIT_BURST_S * this.limitBps) / 8;
    this.budget = Math.min(most, this.budget + (this.limitBps * this.periodUs) / 8e6);
    if (isVp8KeyFrame(frame, 0)) this.omitting = false;
    if (isLimited && this.budget <= 0) this.omitting = true;
    if (!this.omitting) this.budget -= frame.length;
    return !this.omitting;
  }

  private sendFrame(atUs: number): void {
    const frame = this.frameCount++;
    const { offset, lengthOctets } = this.clip.frames[frame % this.clip.frames.length] as IvfFrame;
    const octets = this.clip.octets.subarray(offset, offset + lengthOctets);
    if (!this.isWithinLimit(octets)) {
      this.counters.add("video.framesOmitted");
      return;
    }
    const rtpTimestamp = Math.round((frame * VIDEO_CLOCK_HZ * this.clip.scale) / this.clip.rate) % 2 ** 32;
    this.packetiser.header.timestamp = rtpTimestamp;
    this.packetiser.pictureId = (this.packetiser.pictureId + 1) & 0x7fff;
    const count = vp8PacketCount(lengthOctets, MAX_VIDEO_PACKET_OCTETS, this.packetiser.pictureId);
    for (let index = 0; index < count; index++) {
      const out = new Uint8Array(MAX_VIDEO_PACKET_OCTETS);
      const length = encodeVp8Packet(this.packetiser, octets, index, count, out, 0);
      const packet = { stream: CLIP_STREAM, octets: out.slice(0, length), frame, rtpTimestamp };
      this.emit({ type: "video-out", ...packet, lastOfFrame: index === count - 1, atUs });
    }
    this.counters.add("video.packetsSent", count);
  }
}
