import type { AgentStatus } from "../api/types.ts";
import { type NodeEvent, VoiceCodec } from "../core/api.ts";
import type { FromMedia, ToMedia } from "../media/protocol.ts";
import { SkeinError } from "../shell/skein-error.ts";
import type { ServiceContext } from "./context.ts";

/** Bursts are numbered modulo this on the air. */
const BURSTS = 32;
const NARROW_OPUS_BPS = 6000;
/** A talker is shown until this long after the last frame, microseconds. */
const TALKER_SILENT_US = 600_000;
const TALKERS_MAX = 64;

interface Talker {
  talker: number;
  group: number;
  sinceUs: number;
  lastUs: number;
}

/** The part of the media process that services talk to. */
export interface MediaPort {
  send(message: ToMedia): void;
}

/** Who holds the talk key: a browser's connection, or the agent itself for a file. */
export type TalkOwner = object;

/** Group voice between the mesh (core) and the codecs (media process): talk key, listening, bridging. */
export class VoiceService {
  readonly #context: ServiceContext;
  readonly #media: MediaPort;
  readonly #ownCodec: VoiceCodec;
  /** Opus on slow radios without Codec2 goes at its lowest rate. */
  readonly #rate: { bitrateBps?: number };
  readonly #groups: ReadonlySet<number>;
  readonly #talkers = new Map<number, Talker>();
  readonly #listening = new Map<object, readonly number[]>();
  #burst: number;
  /** `path` is null when a browser's microphone talks. */
  #talking: { group: number; owner: TalkOwner; path: string | null } | null = null;
  #counters: Record<string, number> = {};

  /** `narrowVoice`: the media process can code Codec2. */
  constructor(context: ServiceContext, media: MediaPort, narrowVoice: boolean) {
    this.#context = context;
    this.#media = media;
    this.#groups = new Set(context.config.voice.groups);
    // Bursts of the time before a restart must not be continued: the boot epoch moves the start along.
    this.#burst = (context.store.bootEpoch * 7) % BURSTS;
    const isWide = context.config.bearers.some((bearer) => bearer.type === "udp");
    this.#ownCodec = isWide || !narrowVoice ? VoiceCodec.opus : VoiceCodec.codec2_1300;
    this.#rate = isWide ? {} : { bitrateBps: NARROW_OPUS_BPS };
  }

  /** Talks from the microphone of the browser `owner`. @throws SkeinError `talk-busy`. */
  talkLive(group: number, owner: TalkOwner): void {
    const talking = this.#talking;
    if (talking?.owner === owner && talking.group === group && talking.path === null) return;
    this.#talk(group, owner, null);
  }

  /** Talks from a WAV file, over and over, until `stopTalking`. @throws SkeinError `talk-busy`. */
  talkFile(group: number, path: string, owner: TalkOwner): void {
    this.#talk(group, owner, path);
  }

  /** Ends the burst; without `owner` whoever holds the key, else only if it is theirs. */
  stopTalking(owner?: TalkOwner): void {
    const talking = this.#talking;
    if (talking === null || (owner !== undefined && talking.owner !== owner)) return;
    this.#talking = null;
    this.#media.send({ type: "talk-stop" });
    this.#journalTalk(false, talking);
  }

  /** Sound of a browser's microphone; dropped unless it holds the key. */
  pcmIn(group: number, pcm: Uint8Array, owner: TalkOwner): void {
    const talking = this.#talking;
    const holdsKey = talking?.owner === owner && talking.group === group && talking.path === null;
    if (holdsKey) this.#media.send({ type: "pcm-in", pcm });
    else this.#counters["pcm-without-key"] = (this.#counters["pcm-without-key"] ?? 0) + 1;
  }

  /** What a listener wants to hear; an empty list ends it. */
  listen(groups: readonly number[], listener: object): void {
    if (groups.length === 0) this.#listening.delete(listener);
    else this.#listening.set(listener, groups);
    this.#media.send({ type: "listen", groups: [...new Set([...this.#listening.values()].flat())] });
  }

  /** A browser is gone: key and listening are free. */
  gone(client: object): void {
    this.stopTalking(client);
    if (this.#listening.has(client)) this.listen([], client);
  }

  onVoice(event: Extract<NodeEvent, { type: "voice" }>, nowUs: number): void {
    const { talker, group, burst, codec, timestamp20ms, payload, bridge, again } = event;
    const play = this.#groups.has(group) && !again;
    if (play) this.#note(talker, group, nowUs);
    if (!play && !bridge) return;
    this.#media.send({ type: "voice-in", talker, group, burst, codec, timestamp20ms, payload, bridge, play });
  }

  /** Coded voice from the media process: of the own microphone (`talker` null) or transcoded of somebody else. */
  onVoiceOut(message: Extract<FromMedia, { type: "voice-out" }>): void {
    const { core } = this.#context;
    const nowUs = this.#context.nowUs();
    const { talker, group, burst, codec, payload } = message;
    const timestamp20ms = message.timestamp20ms & 0xffff;
    if (talker === null) core.sendVoice(nowUs, group, burst, codec, timestamp20ms, payload);
    else core.sendBridgedVoice(nowUs, talker, group, burst, codec, timestamp20ms, payload);
    this.#context.touch();
  }

  onVoiceSent(message: Extract<FromMedia, { type: "voice-sent" }>): void {
    const { group, burst, timestamp20ms, atUs } = message;
    this.#context.journal.write("voice-sent", atUs, { group, burst, timestamp20ms });
  }

  onVoicePlayed(message: Extract<FromMedia, { type: "voice-played" }>): void {
    const { talker, group, burst, timestamp20ms, atUs } = message;
    this.#context.journal.write("voice-played", atUs, { talker, group, burst, timestamp20ms });
  }

  /** The media process's own counters, as last reported. */
  onCounters(counters: Record<string, number>): void {
    this.#counters = { ...this.#counters, ...counters };
  }

  /** The file or codec that was to talk cannot: the key is free again. */
  onSourceFailed(reason: string): void {
    const talking = this.#talking;
    if (talking === null) return;
    this.#talking = null;
    this.#journalTalk(false, talking);
    this.#context.announce("warn", `Cannot talk: ${reason}`);
  }

  /** The media process went away and came back: whoever talks goes on in a new burst. */
  onMediaRestart(): void {
    const talking = this.#talking;
    if (talking !== null) this.#talk(talking.group, talking.owner, talking.path);
  }

  status(nowUs: number): AgentStatus["voice"] {
    for (const [key, talker] of this.#talkers) if (nowUs - talker.lastUs > TALKER_SILENT_US) this.#talkers.delete(key);
    const talkers = [...this.#talkers.values()].map(({ talker, group, sinceUs }) => {
      return { talker, group, sinceMs: Math.round((nowUs - sinceUs) / 1000) };
    });
    const { groups } = this.#context.config.voice;
    return { talkers, groups, talkingIn: this.#talking?.group ?? null, counters: this.#counters };
  }

  #talk(group: number, owner: TalkOwner, path: string | null): void {
    const talking = this.#talking;
    if (talking !== null && talking.owner !== owner) {
      throw new SkeinError("talk-busy", `somebody already talks in group ${talking.group} at this node`, "wait");
    }
    this.stopTalking();
    this.#burst = (this.#burst + 1) % BURSTS;
    this.#talking = { group, owner, path };
    const how = { group, burst: this.#burst, codec: this.#ownCodec, ...this.#rate };
    if (path === null) this.#media.send({ type: "talk-live", ...how });
    else this.#media.send({ type: "talk-file", path, ...how });
    this.#journalTalk(true, this.#talking);
  }

  #journalTalk(on: boolean, talking: { group: number; path: string | null }): void {
    const source = talking.path === null ? "live" : "file";
    const fields = { on, group: talking.group, burst: this.#burst, codec: this.#ownCodec, source };
    this.#context.journal.write("talk", this.#context.nowUs(), fields);
  }

  #note(talker: number, group: number, nowUs: number): void {
    const key = group * 0x10000 + talker;
    const known = this.#talkers.get(key);
    if (known === undefined) {
      if (this.#talkers.size < TALKERS_MAX) this.#talkers.set(key, { talker, group, sinceUs: nowUs, lastUs: nowUs });
      return;
    }
    if (nowUs - known.lastUs > TALKER_SILENT_US) known.sinceUs = nowUs;
    known.lastUs = nowUs;
  }
}
