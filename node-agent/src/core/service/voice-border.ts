import { CAPABILITY_NARROW_VOICE, VOICE_BURSTS } from "@skein/codecs";
import { type Address, VoiceCodec } from "../api.ts";
import type { Forwarding } from "../forwarding.ts";
import type { Port } from "../port.ts";
import type { CoreState } from "../state.ts";

/** A border node in reserve takes over when the one before it has been silent this long: two bundles, and a busy channel. */
const TAKE_OVER_US = 320_000;
/** It carries a single bundle out of a narrow bearer that the one before it has left out for so long: that takes milliseconds. */
const LEFT_OUT_US = 100_000;
/** Frames of a burst that are held ready for either: half a second of Opus. */
const MAX_HELD_FRAMES = 12;
/** A restarted border node stays in reserve this long: it may not have heard yet of those before it. */
const SETTLE_US = 5_000_000;
/** It brings much link state upon the channel: the one before it may be waiting for so long, unless the channel is quiet. */
const TAKE_OVER_FRESH_US = 1_000_000;
const QUIET_US = 60_000;
const FORGET_BURST_US = 3_000_000;
const MAX_BURSTS = 32;
/** Length of a coded frame and of a bundle in units of 20 ms. */
const OPUS_UNITS = 2;
const CODEC2_UNITS = 6;
/** A bundle is made when the last of its frames has come. */
const FIRST_BUNDLE_US = CODEC2_UNITS * 20_000;

/** A coded frame of a talker. */
export interface VoiceFrame {
  readonly codec: VoiceCodec;
  /** Start in units of 20 ms since the burst began, 0..65535. */
  readonly timestamp20ms: number;
  readonly payload: Uint8Array;
}

interface Held {
  readonly frame: VoiceFrame;
  readonly heardUs: number;
}

/** One press of a PTT key as a border node sees it. */
interface Burst {
  readonly key: number;
  startedUs: number;
  /** Last frame of the talker itself. */
  heardUs: number;
  /** Last frame of it that another border node carried across. */
  carriedUs: number;
  /** What another border node is expected to carry and has not yet, oldest first. */
  readonly held: Held[];
}

const NONE: readonly VoiceFrame[] = [];

/**
 * Which voice this node carries from one kind of bearer to the other. Of several border nodes the one with the lowest id
 * carries. The others listen and hold what it has not carried yet: when it falls silent they take over with that, so that
 * the speech of the time it took to notice is late and not lost.
 */
export class VoiceBorder {
  readonly #s: CoreState;
  readonly #forwarding: Forwarding;
  readonly #bursts: Burst[] = [];
  readonly #isBorder: boolean;
  readonly #bootUs: number;

  constructor(state: CoreState, forwarding: Forwarding, nowUs: number) {
    this.#bootUs = nowUs;
    this.#s = state;
    this.#forwarding = forwarding;
    this.#isBorder =
      state.options.narrowVoice && state.ports.some((p) => p.narrow) && state.ports.some((p) => !p.narrow);
  }

  serves(group: number): boolean {
    return this.#isBorder && this.#s.options.bridgedGroups.includes(group);
  }

  /** Another border node has carried this frame. */
  carried(nowUs: number, talker: Address, group: number, burstNumber: number, frame: VoiceFrame): void {
    const burst = this.#burst(nowUs, talker, group, burstNumber);
    burst.carriedUs = nowUs;
    const units = frame.codec === VoiceCodec.opus ? OPUS_UNITS : CODEC2_UNITS;
    const endUnits = frame.timestamp20ms + units;
    while (burst.held[0] !== undefined && isBefore(burst.held[0].frame.timestamp20ms, endUnits)) burst.held.shift();
  }

  /** A frame of the talker itself came over `port`; returns the frames that this node is to carry now, oldest first. */
  heard(
    nowUs: number,
    talker: Address,
    group: number,
    burstNumber: number,
    port: Port,
    frame: VoiceFrame,
  ): readonly VoiceFrame[] {
    const burst = this.#burst(nowUs, talker, group, burstNumber);
    burst.heardUs = nowUs;
    // Everyone of the group may be on this kind of bearer; the narrow side exists only where a border node serves it.
    if (!this.#s.ports.some((p) => p.up && p.narrow !== port.narrow)) return NONE;
    const isFresh = nowUs - this.#bootUs < SETTLE_US;
    const expectedUs = frame.codec === VoiceCodec.opus ? burst.startedUs + FIRST_BUNDLE_US : burst.startedUs;
    const silentUs = nowUs - Math.max(expectedUs, burst.carriedUs);
    const isSilent = silentUs > TAKE_OVER_US && (!isFresh || this.#hasHadTime(nowUs, port, silentUs));
    if (isSilent || (!isFresh && this.#rank() === 0)) return [...burst.held.splice(0).map((h) => h.frame), frame];
    const leftOut: VoiceFrame[] = [];
    while (burst.held[0] !== undefined && isLeftOut(burst.held[0], nowUs))
      leftOut.push((burst.held.shift() as Held).frame);
    if (burst.held.length >= MAX_HELD_FRAMES) burst.held.shift();
    // Its octets may be used again before it is.
    burst.held.push({ frame: { ...frame, payload: frame.payload.slice() }, heardUs: nowUs });
    return leftOut;
  }

  /** True if another one could have carried what came over `inPort`: on a narrow channel others may be in its way. */
  #hasHadTime(nowUs: number, inPort: Port, silentUs: number): boolean {
    if (inPort.narrow || silentUs > TAKE_OVER_FRESH_US) return true;
    return this.#s.ports.every((p) => !p.up || !p.narrow || (!p.carrierBusy && nowUs - p.quietSinceUs > QUIET_US));
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

  #burst(nowUs: number, talker: Address, group: number, number: number): Burst {
    const key = (talker * 256 + group) * VOICE_BURSTS + number;
    for (const b of this.#bursts) {
      if (b.key !== key) continue;
      if (nowUs - b.heardUs > FORGET_BURST_US && nowUs - b.carriedUs > FORGET_BURST_US) {
        b.startedUs = nowUs;
        b.carriedUs = 0;
        b.held.length = 0;
      }
      return b;
    }
    if (this.#bursts.length >= MAX_BURSTS) this.#bursts.shift();
    const fresh: Burst = { key, startedUs: nowUs, heardUs: nowUs, carriedUs: 0, held: [] };
    this.#bursts.push(fresh);
    return fresh;
  }
}

/** Of 16-bit timestamps. */
function isBefore(a: number, b: number): boolean {
  return ((a - b) << 16) >> 16 < 0;
}

/** On a narrow bearer a bundle may be late by as much without being left out, and one too many costs airtime. */
function isLeftOut({ frame, heardUs }: Held, nowUs: number): boolean {
  return frame.codec !== VoiceCodec.opus && nowUs - heardUs > LEFT_OUT_US;
}
