import {
  CAPABILITY_NARROW_VOICE,
  decodeVoiceHeaderInto,
  encodeVoiceHeader,
  FrameKind,
  VOICE_BURSTS,
  VOICE_HEADER_OCTETS,
  type VoiceHeader,
} from "@skein/codecs";
import { type Address, Precedence, TrafficClass, VoiceCodec } from "../api.ts";
import type { Forwarding } from "../forwarding.ts";
import type { Port } from "../port.ts";
import { type CoreState, emit } from "../state.ts";
import type { Outbox } from "./outbox.ts";

/** A border node in reserve takes over when the one before it has been silent this long. */
const TAKE_OVER_US = 260_000;
/** A restarted border node stays in reserve this long. */
const SETTLE_US = 5_000_000;
const FORGET_BURST_US = 3_000_000;
const MAX_BURSTS = 32;

/** One press of a PTT key as a border node sees it. */
interface Burst {
  readonly key: number;
  startedUs: number;
  /** Last frame of the talker itself. */
  heardUs: number;
  /** Last frame of it that another border node carried across. */
  carriedUs: number;
}

/**
 * Group voice. Opus stays on wide bearers, Codec2 on narrow ones; a border node has each frame transcoded
 * once and sends it under its own name with the talker in the header. Of several border nodes the one with
 * the lowest id carries, the others listen and take over when it falls silent.
 */
export class VoiceService {
  readonly #s: CoreState;
  readonly #outbox: Outbox;
  readonly #forwarding: Forwarding;
  readonly #bursts: Burst[] = [];
  readonly #isBorder: boolean;
  readonly #bootUs: number;
  readonly #header: VoiceHeader = { talker: 0, codec: 0, burst: 0, timestamp20ms: 0 };

  constructor(state: CoreState, outbox: Outbox, forwarding: Forwarding, nowUs: number) {
    this.#bootUs = nowUs;
    this.#s = state;
    this.#outbox = outbox;
    this.#forwarding = forwarding;
    this.#isBorder =
      state.options.narrowVoice && state.ports.some((p) => p.narrow) && state.ports.some((p) => !p.narrow);
  }

  send(
    nowUs: number,
    talker: Address,
    group: number,
    burst: number,
    codec: VoiceCodec,
    timestamp20ms: number,
    payload: Uint8Array,
  ): void {
    const header = { talker: talker & 0xff, codec, burst: burst % VOICE_BURSTS, timestamp20ms: timestamp20ms & 0xffff };
    if (VOICE_HEADER_OCTETS + payload.length > this.#outbox.payload.length) {
      this.#s.counters.drop("too-long");
      return;
    }
    encodeVoiceHeader(header, this.#outbox.payload, 0);
    this.#outbox.payload.set(payload, VOICE_HEADER_OCTETS);
    const kind = codec === VoiceCodec.opus && this.#hasWide() ? FrameKind.groupWide : this.#narrowKind(codec);
    const length = VOICE_HEADER_OCTETS + payload.length;
    // Whoever carries everybody's voice across must not run out of talk for them.
    this.#outbox.group(nowUs, kind, group, TrafficClass.voice, Precedence.routine, length, header.talker);
  }

  #hasWide(): boolean {
    return this.#s.ports.some((p) => !p.narrow);
  }

  /** Opus from a node that has narrow bearers only (no Codec2 there) goes everywhere. */
  #narrowKind(codec: VoiceCodec): FrameKind {
    return codec === VoiceCodec.opus ? FrameKind.groupAll : FrameKind.groupNarrow;
  }

  handle(
    nowUs: number,
    source: Address,
    group: number,
    port: Port,
    octets: Uint8Array,
    offset: number,
    length: number,
  ): boolean {
    const header = this.#header;
    if (!decodeVoiceHeaderInto(octets, offset, length, header)) return false;
    const talker = (this.#s.area << 8) | header.talker;
    if (talker === this.#s.options.address) return true;
    const listens = this.#s.options.groups.includes(group);
    const bridge =
      this.#isBorder &&
      this.#s.options.bridgedGroups.includes(group) &&
      this.#carries(nowUs, source, talker, group, header.burst, port);
    if (!listens && !bridge) return true;
    const payload = this.#s.slab.copyOf(octets, offset + VOICE_HEADER_OCTETS, offset + length);
    const codec = header.codec === VoiceCodec.opus ? VoiceCodec.opus : VoiceCodec.codec2_1300;
    emit(this.#s, {
      type: "voice",
      talker,
      group,
      burst: header.burst,
      codec,
      timestamp20ms: header.timestamp20ms,
      payload,
      bridge,
    });
    return true;
  }

  /** True if this node is to carry the frame to the other kind of bearer. */
  #carries(nowUs: number, source: Address, talker: Address, group: number, burstNumber: number, port: Port): boolean {
    const burst = this.#burst(nowUs, (talker * 256 + group) * VOICE_BURSTS + burstNumber);
    if (source !== talker) {
      burst.carriedUs = nowUs;
      return false;
    }
    burst.heardUs = nowUs;
    // Everyone of the group may be on this kind of bearer; the narrow side exists only where a border node serves it.
    if (!this.#s.ports.some((p) => p.up && p.narrow !== port.narrow)) return false;
    const silentUs = nowUs - Math.max(burst.startedUs, burst.carriedUs);
    // Fresh from a restart it can neither open what others carry nor know that they do.
    if (nowUs - this.#bootUs < SETTLE_US) return false;
    return this.#rank() === 0 || silentUs > TAKE_OVER_US;
  }

  /** How many border nodes with a lower id could carry as well. */
  #rank(): number {
    let rank = 0;
    for (const local of this.#s.db.locals()) {
      if (local >= this.#s.local) break;
      const a = this.#s.db.node(local)?.advertisement;
      if (
        a === undefined ||
        (a.capabilities & CAPABILITY_NARROW_VOICE) === 0 ||
        !this.#forwarding.reachable(a.originator)
      )
        continue;
      if (a.links.some((l) => l.channel === 1) && a.links.some((l) => l.channel !== 1)) rank++;
    }
    return rank;
  }

  #burst(nowUs: number, key: number): Burst {
    for (const b of this.#bursts) {
      if (b.key !== key) continue;
      if (nowUs - b.heardUs > FORGET_BURST_US && nowUs - b.carriedUs > FORGET_BURST_US) {
        b.startedUs = nowUs;
        b.carriedUs = 0;
      }
      return b;
    }
    if (this.#bursts.length >= MAX_BURSTS) this.#bursts.shift();
    const fresh: Burst = { key, startedUs: nowUs, heardUs: nowUs, carriedUs: 0 };
    this.#bursts.push(fresh);
    return fresh;
  }
}
