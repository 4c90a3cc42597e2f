import { type Vp8Frame, Vp8Reassembler, type Vp8ReassemblerCounters } from "@skein/codecs";
import type { MediaCounters } from "./media-counters.ts";
import type { FromMedia, ToMedia } from "./protocol.ts";

type VideoIn = Extract<ToMedia, { type: "video-in" }>;

const MAX_STREAMS = 16;
const KEEP_SILENT_US = 30_000_000;
/** Packets that come without completing a frame for so long wait for one that is lost. */
const STALL_US = 200_000;
const KEY_REQUEST_INTERVAL_US = 1_000_000;

interface VideoStream {
  readonly from: number;
  readonly stream: number;
  readonly reassembler: Vp8Reassembler;
  readonly counted: Vp8ReassemblerCounters;
  lastArrivalUs: number;
  /** When to give up what is missing; Infinity while nothing came after the last frame. */
  stallDueUs: number;
  /** Frames since a loss do not decode until a key frame comes. */
  broken: boolean;
  keyRequestedUs: number;
}

/** Reassembles the video of all nodes that send here and reports each whole frame. */
export class VideoReception {
  private readonly streams = new Map<number, VideoStream>();
  private readonly emit: (message: FromMedia) => void;
  private readonly counters: MediaCounters;

  constructor(emit: (message: FromMedia) => void, counters: MediaCounters) {
    this.emit = emit;
    this.counters = counters;
  }

  handlePacket({ from, stream, octets }: VideoIn, nowUs: number): void {
    const video = this.findStream(from, stream, nowUs);
    if (video === undefined) return;
    video.lastArrivalUs = nowUs;
    if (!video.reassembler.push(octets, 0, octets.length)) return;
    if (video.stallDueUs === Infinity) video.stallDueUs = nowUs + STALL_US;
    this.drain(video, nowUs);
  }

  nextUs(): number {
    let nextUs = Infinity;
    for (const video of this.streams.values()) nextUs = Math.min(nextUs, video.stallDueUs);
    return nextUs;
  }

  run(nowUs: number): void {
    for (const video of this.streams.values()) {
      if (nowUs < video.stallDueUs) continue;
      video.stallDueUs = Infinity;
      if (video.reassembler.giveUp()) this.drain(video, nowUs);
    }
  }

  /** Brings the sums over all streams up to date. */
  countChanges(): void {
    for (const { reassembler, counted } of this.streams.values()) {
      for (const name of Object.keys(counted) as (keyof Vp8ReassemblerCounters)[]) {
        this.counters.add(`video.${name}`, reassembler.counters[name] - counted[name]);
        counted[name] = reassembler.counters[name];
      }
    }
  }

  private drain(video: VideoStream, nowUs: number): void {
    for (let frame = video.reassembler.poll(); frame !== undefined; frame = video.reassembler.poll()) {
      video.stallDueUs = Infinity;
      this.handleFrame(video, frame, nowUs);
    }
  }

  private handleFrame(video: VideoStream, frame: Vp8Frame, nowUs: number): void {
    const { from, stream } = video;
    const { rtpTimestamp, keyFrame } = frame;
    this.emit({
      type: "video-frame",
      from,
      stream,
      rtpTimestamp,
      keyFrame,
      lengthOctets: frame.octets.length,
      atUs: nowUs,
    });
    if (keyFrame) video.broken = false;
    else if (!frame.contiguous) video.broken = true;
    if (!video.broken || nowUs - video.keyRequestedUs < KEY_REQUEST_INTERVAL_US) return;
    video.keyRequestedUs = nowUs;
    this.counters.add("video.keyRequests");
    this.emit({ type: "video-need-key", from, stream });
  }

  private findStream(from: number, stream: number, nowUs: number): VideoStream | undefined {
    const key = from * 256 + stream;
    const known = this.streams.get(key);
    if (known !== undefined) return known;
    for (const [other, video] of this.streams) {
      if (nowUs - video.lastArrivalUs > KEEP_SILENT_US) this.streams.delete(other);
    }
    if (this.streams.size >= MAX_STREAMS) {
      this.counters.add("video.tooManyStreams");
      return undefined;
    }
    const reassembler = new Vp8Reassembler();
    const state = { lastArrivalUs: nowUs, stallDueUs: Infinity, broken: false, keyRequestedUs: -Infinity };
    const video: VideoStream = { from, stream, reassembler, counted: { ...reassembler.counters }, ...state };
    this.streams.set(key, video);
    return video;
  }
}
