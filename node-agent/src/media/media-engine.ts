import { Bridge } from "./bridge.ts";
import type { CodecFactory } from "./codec-ports.ts";
import { MediaCounters } from "./media-counters.ts";
import { Outbox } from "./outbox.ts";
import type { FromMedia, SourceError, ToMedia } from "./protocol.ts";
import { Reception } from "./reception.ts";
import { Talk } from "./talk.ts";
import { type Clip, ClipSender, MAX_CLIP_OCTETS, readClip } from "./video-clip.ts";
import { VideoReception } from "./video-reception.ts";
import { MAX_WAV_OCTETS, readWav, WavSource } from "./wav-source.ts";

const COUNTERS_INTERVAL_US = 1_000_000;

export interface MediaEngineOptions {
  readonly codecs: CodecFactory;
  /** Microseconds, CLOCK_MONOTONIC. */
  readonly now: () => number;
  /** Reads a whole file; rejects with the system's error. */
  readonly readFile: (path: string, maxOctets: number) => Promise<Uint8Array>;
  readonly deliver: (messages: FromMedia[]) => void;
}

/** What the media process does, without the process: messages and time in, messages out. */
export class MediaEngine {
  private readonly options: MediaEngineOptions;
  private readonly counters = new MediaCounters();
  private readonly outbox: Outbox;
  private readonly reception: Reception;
  private readonly bridge: Bridge;
  private talk: Talk | null = null;
  /** Distinguishes a file that is still being read from one that nobody wants any more. */
  private talkRequest = 0;
  private readonly video: VideoReception;
  private clip: ClipSender | null = null;
  private clipRequest = 0;
  /** What the mesh carries of the own video; 0: not known. */
  private videoLimitBps = 0;
  private countersDueUs: number;

  constructor(options: MediaEngineOptions) {
    this.options = options;
    this.outbox = new Outbox(options.deliver);
    const emit = (message: FromMedia) => this.outbox.add(message, options.now());
    this.reception = new Reception(options.codecs, emit, this.counters);
    this.bridge = new Bridge(options.codecs, emit, this.counters);
    this.video = new VideoReception(emit, this.counters);
    this.countersDueUs = options.now() + COUNTERS_INTERVAL_US;
  }

  emit(message: FromMedia): void {
    this.outbox.add(message, this.options.now());
  }

  /**
   * `shutdown` and WebRTC are the process's business and not acted on here. A promise comes back where a file is
   * read first; it never rejects.
   */
  handle(message: ToMedia): Promise<void> | undefined {
    const nowUs = this.options.now();
    switch (message.type) {
      case "voice-in":
        if (message.play) this.reception.handleVoice(message, nowUs);
        if (message.bridge) this.bridge.handleVoice(message, nowUs);
        break;
      case "talk-file":
        return this.startFileTalk(message);
      case "talk-live":
        this.stopTalk();
        this.startTalk(message, null);
        break;
      case "pcm-in":
        this.talk?.handlePcm(message.pcm, nowUs);
        break;
      case "talk-stop":
        this.stopTalk();
        break;
      case "listen":
        this.reception.listen(message.groups);
        break;
      case "video-in":
        this.video.handlePacket(message, nowUs);
        break;
      case "video-file":
        return this.startClip(message.path);
      case "video-stop":
        this.stopClip();
        break;
      case "video-rate":
        this.videoLimitBps = message.bps;
        this.clip?.limit(message.bps);
        break;
    }
    return undefined;
  }

  nextUs(): number {
    const sourceUs = Math.min(this.talk?.nextUs() ?? Infinity, this.clip?.nextUs() ?? Infinity);
    const voiceUs = Math.min(this.reception.nextUs(), this.bridge.nextUs());
    return Math.min(sourceUs, voiceUs, this.video.nextUs(), this.outbox.nextUs(), this.countersDueUs);
  }

  /** Does all that is due; what it produced for the agent leaves with it. */
  run(): void {
    const nowUs = this.options.now();
    this.talk?.run(nowUs);
    this.bridge.run(nowUs);
    this.reception.run(nowUs);
    this.clip?.run(nowUs);
    this.video.run(nowUs);
    if (nowUs >= this.countersDueUs) this.reportCounters(nowUs);
    this.outbox.run(nowUs);
  }

  close(): void {
    this.stopTalk();
    this.stopClip();
    this.reception.close();
    this.bridge.close();
    this.reportCounters(this.options.now());
    this.outbox.flush();
  }

  private reportCounters(nowUs: number): void {
    this.countersDueUs = nowUs + COUNTERS_INTERVAL_US;
    this.reception.countAllChanges();
    this.video.countChanges();
    const counters = this.counters.takeChanges();
    if (counters !== undefined) this.emit({ type: "counters", counters });
  }

  private async startFileTalk(message: Extract<ToMedia, { type: "talk-file" }>): Promise<void> {
    this.stopTalk();
    const request = this.talkRequest;
    const octets = await this.read("talk", message.path, MAX_WAV_OCTETS);
    if (octets === undefined || request !== this.talkRequest) return;
    const samples = readWav(octets);
    if (typeof samples === "string") this.fail("talk", "unsupported", `${message.path}: ${samples}`);
    else this.startTalk(message, new WavSource(samples));
  }

  private startTalk(message: Extract<ToMedia, { type: "talk-file" | "talk-live" }>, source: WavSource | null): void {
    const { codecs, now } = this.options;
    this.talk = Talk.start(message, source, now(), codecs, (out) => this.emit(out), this.counters);
    if (this.talk === null) this.fail("talk", "no-codec", "the library of the voice codec is not installed");
  }

  private stopTalk(): void {
    this.talkRequest++;
    this.talk?.stop();
    this.talk = null;
  }

  private async startClip(path: string): Promise<void> {
    this.stopClip();
    const request = this.clipRequest;
    const octets = await this.read("video", path, MAX_CLIP_OCTETS);
    if (octets === undefined || request !== this.clipRequest) return;
    const clip: Clip | string = readClip(octets);
    if (typeof clip === "string") this.fail("video", "unsupported", `${path}: ${clip}`);
    else {
      this.clip = new ClipSender(clip, this.options.now(), (out) => this.emit(out), this.counters);
      this.clip.limit(this.videoLimitBps);
    }
  }

  private stopClip(): void {
    this.clipRequest++;
    this.clip = null;
  }

  private async read(source: "talk" | "video", path: string, maxOctets: number): Promise<Uint8Array | undefined> {
    try {
      return await this.options.readFile(path, maxOctets);
    } catch (error) {
      this.fail(source, "unreadable", error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }

  private fail(source: "talk" | "video", code: SourceError, reason: string): void {
    this.emit({ type: "source-failed", source, code, reason });
  }
}
