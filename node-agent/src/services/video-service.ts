import type { WebrtcOffer } from "../api/commands.ts";
import type { AgentStatus } from "../api/types.ts";
import { MAX_VIDEO_OCTETS, type NodeEvent } from "../core/api.ts";
import type { FromMedia } from "../media/protocol.ts";
import { SkeinError } from "../shell/skein-error.ts";
import type { ServiceContext } from "./context.ts";
import type { MediaPort } from "./voice-service.ts";

/** How long a browser waits for its WebRTC answer, ms. */
const ANSWER_MS = 10_000;
const STREAMS_MAX = 64;
/** Least time between two requests for a key frame, microseconds: one has to cross the mesh and be answered. */
const KEY_REQUEST_GAP_US = 500_000;

/**
 * Picture loss indication (RFC 4585 6.3.1), 12 octets, both SSRC 0: on the mesh a stream is known by its sender.
 *
 *    0                   1                   2                   3
 *    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *   +---+-+---------+---------------+-------------------------------+
 *   | 2 |0| FMT = 1 |   PT = 206    |          length = 2           |
 *   +---+-+---------+---------------+-------------------------------+
 *
 * RTP and RTCP share the stream and are told apart by the second octet (RFC 5761 4).
 */
const KEY_REQUEST = Uint8Array.of(0x81, 206, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0);

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
  readonly #askedUs = new Map<number, number>();
  #requestId = 0;
  /** Who gets this node's picture; 0: nobody. */
  #to = 0;
  /** What the mesh carries of it; 0: not known. */
  #rateBps = 0;
  /** The clip that is being sent, null when there is none. */
  #clip: string | null = null;
  /** Packets of the camera that nobody was to get, or that were too long. */
  #dropped = 0;

  constructor(context: ServiceContext, media: MediaPort) {
    this.#context = context;
    this.#media = media;
  }

  sendTo(to: number): void {
    if (to !== this.#to) this.#limit(0);
    this.#to = to;
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
      if (this.#rateBps > 0) this.#media.send({ type: "video-rate", bps: this.#rateBps });
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
    this.#context.core.sendVideo(this.#context.nowUs(), this.#to, stream, octets);
    const fields = { stream, frame, rtpTimestamp, lastOfFrame, lengthOctets: octets.length, to: this.#to };
    this.#context.journal.write("video-out", atUs, fields);
    this.#context.touch();
  }

  onVideo(event: Extract<NodeEvent, { type: "video" }>, nowUs: number): void {
    const { from, stream, octets } = event;
    if (isKeyRequest(octets)) return this.#media.send({ type: "video-key-wanted" });
    this.#context.journal.write("video-in", nowUs, { from, stream, lengthOctets: octets.length });
    this.#media.send({ type: "video-in", from, stream, octets });
  }

  /** The mesh carries so much of the own video: cameras are told. */
  onRate({ to, bps }: Extract<NodeEvent, { type: "video-rate" }>, nowUs: number): void {
    if (to !== this.#to) return;
    this.#context.journal.write("video-rate", nowUs, { to, bps });
    this.#limit(bps);
  }

  /** 0: what is known of the paths is of another destination. */
  #limit(bps: number): void {
    if (bps === this.#rateBps) return;
    this.#rateBps = bps;
    this.#media.send({ type: "video-rate", bps });
  }

  /** A loss made our decoder need a key frame: the sender is asked for one over the mesh. */
  onNeedKey(message: Extract<FromMedia, { type: "video-need-key" }>): void {
    const nowUs = this.#context.nowUs();
    const { from, stream } = message;
    if (nowUs - (this.#askedUs.get(from) ?? Number.NEGATIVE_INFINITY) < KEY_REQUEST_GAP_US) return;
    if (this.#askedUs.size >= STREAMS_MAX) this.#askedUs.clear();
    this.#askedUs.set(from, nowUs);
    this.#context.core.sendVideo(nowUs, from, stream, KEY_REQUEST);
    this.#context.touch();
  }

  onVideoFrame(message: Extract<FromMedia, { type: "video-frame" }>): void {
    const { from, stream, atUs, rtpTimestamp, keyFrame, lengthOctets } = message;
    this.#context.journal.write("video-frame", atUs, { from, stream, rtpTimestamp, keyFrame, lengthOctets });
    const key = from * 256 + stream;
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

function isKeyRequest(octets: Uint8Array): boolean {
  return octets.length === KEY_REQUEST.length && octets[0] === KEY_REQUEST[0] && octets[1] === KEY_REQUEST[1];
}
