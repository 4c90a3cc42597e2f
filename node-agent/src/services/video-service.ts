import { decodeBitrateRequest, encodeBitrateRequest, encodeKeyFrameRequest, isKeyFrameRequest } from "@skein/codecs";
import type { WebrtcOffer } from "../api/commands.ts";
import type { AgentStatus } from "../api/types.ts";
import { MAX_VIDEO_OCTETS, type NodeEvent } from "../core/api.ts";
import type { FromMedia } from "../media/protocol.ts";
import { SkeinError } from "../shell/skein-error.ts";
import type { ServiceContext } from "./context.ts";
import { ReceivedVideo } from "./received-video.ts";
import type { MediaPort } from "./voice-service.ts";

/** How long a browser waits for its WebRTC answer, ms. */
const ANSWER_MS = 10_000;
const STREAMS_MAX = 64;
/** Least time between two requests for a key frame, microseconds: one has to cross the mesh and be answered. */
const KEY_REQUEST_GAP_US = 500_000;
/** What a receiver asked for holds so long; it asks twice a second as long as it means it. */
const ASKED_US = 4_000_000;

interface Stream {
  from: number;
  stream: number;
  framesComplete: number;
  lastFrameUs: number;
}
interface Waiting {
  resolve(sdp: string): void;
  reject(error: unknown): void;
  timer: NodeJS.Timeout;
}

/** Video: RTP packets between the mesh and the media process, WebRTC offers of browsers. */
export class VideoService {
  readonly #context: ServiceContext;
  readonly #media: MediaPort;
  readonly #streams = new Map<number, Stream>();
  readonly #waiting = new Map<number, Waiting>();
  /** When each sender was last asked for a key frame. */
  readonly #keyAskedUs = new Map<number, number>();
  /** How others' streams come here, by sender and stream. */
  readonly #received = new Map<number, ReceivedVideo>();
  #requestId = 0;
  /** Who gets this node's picture; 0: nobody. */
  #to = 0;
  /** What this node's own paths carry of it, and what its receiver asked for and until when; 0: not known. */
  #carriedBps = 0;
  #askedBps = 0;
  #askedUntilUs = 0;
  /** The less of the two: what cameras and the clip are held to. */
  #limitBps = 0;
  /** The clip that is being sent, null when there is none. */
  #clip: string | null = null;
  /** Packets of the camera that nobody was to get, or that were too long. */
  #dropped = 0;

  constructor(context: ServiceContext, media: MediaPort) {
    this.#context = context;
    this.#media = media;
  }

  sendTo(to: number): void {
    if (to === this.#to) return;
    this.#to = to;
    // What is known of the paths is of another destination.
    this.#carriedBps = 0;
    this.#askedBps = 0;
    this.#limit();
  }

  /** Sends a clip, over and over, until `stop`. */
  sendFile(to: number, path: string): void {
    this.sendTo(to);
    this.#clip = path;
    this.#media.send({ type: "video-file", path });
  }

  stop(): void {
    this.sendTo(0);
    this.#clip = null;
    this.#media.send({ type: "video-stop" });
  }

  /** Hands a browser's offer to the media process. @throws SkeinError `webrtc-failed`, `media-away`. */
  offer(offer: WebrtcOffer): Promise<string> {
    const requestId = ++this.#requestId;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#settle(requestId)?.reject(noAnswer()), ANSWER_MS);
      this.#waiting.set(requestId, { resolve, reject, timer });
      this.#media.send({ type: "webrtc-offer", requestId, ...offer });
      // Whoever serves browsers exists from the first offer on.
      if (this.#limitBps > 0) this.#media.send({ type: "video-rate", bps: this.#limitBps });
    });
  }

  onAnswer(message: Extract<FromMedia, { type: "webrtc-answer" }>): void {
    this.#settle(message.requestId)?.resolve(message.sdp);
  }

  onFailed(message: Extract<FromMedia, { type: "webrtc-failed" }>): void {
    this.#settle(message.requestId)?.reject(new SkeinError("webrtc-failed", message.reason));
  }

  /** The media process went away and came back: browsers must ask again, a clip goes on. */
  onMediaRestart(): void {
    for (const requestId of [...this.#waiting.keys()]) this.#settle(requestId)?.reject(noAnswer());
    if (this.#limitBps > 0) this.#media.send({ type: "video-rate", bps: this.#limitBps });
    if (this.#clip !== null) this.#media.send({ type: "video-file", path: this.#clip });
  }

  onSourceFailed(reason: string): void {
    this.#clip = null;
    this.#context.announce("warn", `Cannot send video: ${reason}`);
  }

  /** One packet of the own camera or clip. */
  onVideoOut(message: Extract<FromMedia, { type: "video-out" }>): void {
    const { stream, octets, frame, rtpTimestamp, lastOfFrame, atUs } = message;
    if (this.#to === 0 || octets.length > MAX_VIDEO_OCTETS) {
      this.#dropped++;
      return;
    }
    const nowUs = this.#context.nowUs();
    if (this.#askedBps > 0 && nowUs > this.#askedUntilUs) this.#hold(0, nowUs);
    this.#context.core.sendVideo(nowUs, this.#to, stream, octets);
    const fields = { stream, frame, rtpTimestamp, lastOfFrame, lengthOctets: octets.length, to: this.#to };
    this.#context.journal.write("video-out", atUs, fields);
    this.#context.touch();
  }

  onVideo(event: Extract<NodeEvent, { type: "video" }>, nowUs: number): void {
    const { from, stream, octets } = event;
    if (isKeyFrameRequest(octets)) return this.#media.send({ type: "video-key-wanted" });
    const request = decodeBitrateRequest(octets);
    if (request !== undefined) return this.#onAsked(from, request.bitrateBps, nowUs);
    this.#context.journal.write("video-in", nowUs, { from, stream, lengthOctets: octets.length });
    this.#media.send({ type: "video-in", from, stream, octets });
    const received = this.#receivedFrom(from, stream);
    if (received.take(nowUs, octets)) this.#ask(from, stream, received, nowUs);
  }

  #receivedFrom(from: number, stream: number): ReceivedVideo {
    const key = keyOf(from, stream);
    let received = this.#received.get(key);
    if (received === undefined) {
      if (this.#received.size >= STREAMS_MAX) this.#received.clear();
      received = new ReceivedVideo();
      this.#received.set(key, received);
    }
    return received;
  }

  /** More comes from there than the mesh passes: the sender is told over the mesh how much does. */
  #ask(from: number, stream: number, { askedBps, ssrc }: ReceivedVideo, nowUs: number): void {
    this.#context.journal.write("video-ask", nowUs, { from, stream, bps: askedBps });
    const request = encodeBitrateRequest({ bitrateBps: askedBps, ssrc });
    this.#context.core.sendVideo(nowUs, from, stream, request);
    this.#context.touch();
  }

  /** Only who gets the picture knows how it comes there. */
  #onAsked(from: number, bps: number, nowUs: number): void {
    if (from !== this.#to) return;
    this.#askedUntilUs = nowUs + ASKED_US;
    this.#hold(Math.max(1, bps), nowUs);
  }

  #hold(askedBps: number, nowUs: number): void {
    if (askedBps === this.#askedBps) return;
    this.#askedBps = askedBps;
    this.#context.journal.write("video-asked", nowUs, { by: this.#to, bps: askedBps });
    this.#limit();
  }

  /** This node's paths carry so much of the own video. */
  onRate({ to, bps }: Extract<NodeEvent, { type: "video-rate" }>, nowUs: number): void {
    if (to !== this.#to) return;
    this.#context.journal.write("video-rate", nowUs, { to, bps });
    this.#carriedBps = bps;
    this.#limit();
  }

  #limit(): void {
    const known = [this.#carriedBps, this.#askedBps].filter((bps) => bps > 0);
    const bps = known.length === 0 ? 0 : Math.min(...known);
    if (bps === this.#limitBps) return;
    this.#limitBps = bps;
    this.#media.send({ type: "video-rate", bps });
  }

  /** A loss made our decoder need a key frame: the sender is asked for one over the mesh. */
  onNeedKey(message: Extract<FromMedia, { type: "video-need-key" }>): void {
    const nowUs = this.#context.nowUs();
    const { from, stream } = message;
    if (nowUs - (this.#keyAskedUs.get(from) ?? Number.NEGATIVE_INFINITY) < KEY_REQUEST_GAP_US) return;
    if (this.#keyAskedUs.size >= STREAMS_MAX) this.#keyAskedUs.clear();
    this.#keyAskedUs.set(from, nowUs);
    this.#context.core.sendVideo(nowUs, from, stream, encodeKeyFrameRequest());
    this.#context.touch();
  }

  onVideoFrame(message: Extract<FromMedia, { type: "video-frame" }>): void {
    const { from, stream, atUs, rtpTimestamp, keyFrame, lengthOctets } = message;
    this.#context.journal.write("video-frame", atUs, { from, stream, rtpTimestamp, keyFrame, lengthOctets });
    const key = keyOf(from, stream);
    const known = this.#streams.get(key) ?? { from, stream, framesComplete: 0, lastFrameUs: atUs };
    known.framesComplete++;
    known.lastFrameUs = atUs;
    if (this.#streams.has(key) || this.#streams.size < STREAMS_MAX) this.#streams.set(key, known);
  }

  /** Packets of the own camera that did not go out. */
  get dropped(): number {
    return this.#dropped;
  }

  status(nowUs: number): AgentStatus["video"] {
    return [...this.#streams.values()].map(({ from, stream, framesComplete, lastFrameUs }) => {
      return { from, stream, framesComplete, lastFrameMs: Math.round((nowUs - lastFrameUs) / 1000) };
    });
  }

  #settle(requestId: number): Waiting | undefined {
    const waiting = this.#waiting.get(requestId);
    if (waiting === undefined) return undefined;
    this.#waiting.delete(requestId);
    clearTimeout(waiting.timer);
    return waiting;
  }
}

function noAnswer(): SkeinError {
  return new SkeinError("media-away", "the media process gave no answer", "try again in some seconds");
}

function keyOf(from: number, stream: number): number {
  return from * 256 + stream;
}
