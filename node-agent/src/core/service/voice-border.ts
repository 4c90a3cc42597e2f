import { CAPABILITY_NARROW_VOICE, VOICE_BURSTS } from "@skein/codecs";
import { type Address, VoiceCodec } from "../api.ts";
import type { Forwarding } from "../forwarding.ts";
import { addId, countCommonIds, countIds, createIdSet } from "../id-set.ts";
import { VOICE_BUNDLE_UNITS } from "../limits.ts";
import type { Port } from "../port.ts";
import type { CoreState } from "../state.ts";

/** A border node in reserve takes over when the one before it has left out a packet and been silent for so long after that. */
const TAKE_OVER_US = 200_000;
/** It carries a single bundle out of a narrow bearer that the one before it has left out for so long: that takes milliseconds. */
const LEFT_OUT_US = 100_000;
/** What is held ready of a burst for either, in Opus: a packet, and this. */
const HELD_US = 360_000;
/** A restarted border node stays in reserve this long: it may not have heard yet of those before it. */
const SETTLE_US = 5_000_000;
/** It brings much link state upon the channel: the one before it may be waiting for so long, unless the channel is quiet. */
const TAKE_OVER_FRESH_US = 1_000_000;
const QUIET_US = 60_000;
const FORGET_BURST_US = 3_000_000;
const MAX_BURSTS = 32;
/** Length of a coded frame in units of 20 ms. */
const OPUS_UNITS = 2;
const OPUS_FRAME_US = OPUS_UNITS * 20_000;

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
  /** Speech in one packet of it on the narrow channel. */
  packetUs: number;
  /** What another border node is expected to carry and has not yet, oldest first. */
  readonly held: Held[];
}

/** A node that could carry voice across. */
interface Border {
  readonly local: number;
  readonly address: Address;
  /** Of its narrow channel, those who have no other links, and whom it hears and who hear it. */
  readonly members: Uint32Array;
  readonly served: number;
}

const NONE: readonly VoiceFrame[] = [];

/**
 * Which voice this node carries from one kind of bearer to the other. Of several border nodes of a channel the one that reaches the
 * most members carries. The others listen and hold what it has not carried yet: when it falls silent they take over with that, so that
 * the speech of the time it took to notice is late and not lost.
 */
export class VoiceBorder {
  readonly #s: CoreState;
  readonly #forwarding: Forwarding;
  readonly #bursts: Burst[] = [];
  readonly #isBorder: boolean;
  /** Channel kinds of this node's narrow bearers. */
  readonly #kinds: readonly number[];
  #borders: Border[] = [];
  #bordersVersion = -1;
  readonly #bootUs: number;
  readonly #packetUs: (nowUs: number) => number;

  /** `packetUs`: how much speech this node would put in a packet on a narrow channel. */
  constructor(state: CoreState, forwarding: Forwarding, nowUs: number, packetUs: (nowUs: number) => number) {
    this.#packetUs = packetUs;
    this.#bootUs = nowUs;
    this.#s = state;
    this.#forwarding = forwarding;
    this.#kinds = state.ports.filter((p) => p.narrow).map((p) => p.config.kind);
    this.#isBorder =
      state.options.narrowVoice && state.ports.some((p) => p.narrow) && state.ports.some((p) => !p.narrow);
  }

  serves(group: number): boolean {
    return this.#isBorder && this.#s.options.bridgedGroups.includes(group);
  }

  /** Another border node has carried this frame, in a packet with speech of `packetUs`. */
  carried(
    nowUs: number,
    talker: Address,
    group: number,
    burstNumber: number,
    frame: VoiceFrame,
    packetUs: number,
  ): void {
    const burst = this.#burst(nowUs, talker, group, burstNumber);
    burst.carriedUs = nowUs;
    if (frame.codec !== VoiceCodec.opus) burst.packetUs = packetUs;
    const units = frame.codec === VoiceCodec.opus ? OPUS_UNITS : VOICE_BUNDLE_UNITS;
    const endUnits = frame.timestamp20ms + units;
    while (burst.held[0] !== undefined && isBefore(burst.held[0].frame.timestamp20ms, endUnits)) burst.held.shift();
  }

  /**
   * A frame of the talker itself came over `port`, in a packet with speech of `packetUs`; returns the frames that this node is to
   * carry now, oldest first.
   */
  heard(
    nowUs: number,
    talker: Address,
    group: number,
    burstNumber: number,
    port: Port,
    frame: VoiceFrame,
    packetUs: number,
  ): readonly VoiceFrame[] {
    const burst = this.#burst(nowUs, talker, group, burstNumber);
    burst.heardUs = nowUs;
    if (frame.codec !== VoiceCodec.opus) burst.packetUs = packetUs;
    // Everyone of the group may be on this kind of bearer; the narrow side exists only where a border node serves it.
    if (!this.#s.ports.some((p) => p.up && p.narrow !== port.narrow)) return NONE;
    const isFresh = nowUs - this.#bootUs < SETTLE_US;
    // A packet is made when the last of its frames has come.
    const expectedUs = frame.codec === VoiceCodec.opus ? burst.startedUs + burst.packetUs : burst.startedUs;
    const silentUs = nowUs - Math.max(expectedUs, burst.carriedUs);
    const isSilent = silentUs > burst.packetUs + TAKE_OVER_US && (!isFresh || this.#hasHadTime(nowUs, port, silentUs));
    if (isSilent || (!isFresh && this.#rank() === 0)) return [...burst.held.splice(0).map((h) => h.frame), frame];
    const leftOut: VoiceFrame[] = [];
    while (burst.held[0] !== undefined && isLeftOut(burst.held[0], nowUs))
      leftOut.push((burst.held.shift() as Held).frame);
    if (burst.held.length * OPUS_FRAME_US >= burst.packetUs + HELD_US) burst.held.shift();
    // Its octets may be used again before it is.
    burst.held.push({ frame: { ...frame, payload: frame.payload.slice() }, heardUs: nowUs });
    return leftOut;
  }

  /** True if another one could have carried what came over `inPort`: on a narrow channel others may be in its way. */
  #hasHadTime(nowUs: number, inPort: Port, silentUs: number): boolean {
    if (inPort.narrow || silentUs > TAKE_OVER_FRESH_US) return true;
    return this.#s.ports.every((p) => !p.up || !p.narrow || (!p.carrierBusy && nowUs - p.quietSinceUs > QUIET_US));
  }

  /**
   * How many border nodes come before this one: on its own channel, those who reach more of the members that have no other way,
   * for what somebody does not hear has to be said twice there; of those who reach as many, the ones with lower ids.
   */
  #rank(): number {
    const borders = this.#bordersNow();
    const own = borders.find(({ local }) => local === this.#s.local);
    if (own === undefined) return 0;
    let rank = 0;
    for (const other of borders) {
      const isBefore = other.served === own.served ? other.local < own.local : other.served > own.served;
      if (isBefore && this.#isOnOwnChannel(own, other) && this.#forwarding.reachable(other.address)) rank++;
    }
    return rank;
  }

  #isOnOwnChannel(own: Border, other: Border): boolean {
    return (
      countCommonIds(own.members, other.members) > 0 ||
      this.#kinds.some((kind) => this.#s.db.isTwoWay(own.local, other.local, kind))
    );
  }

  /** Border nodes by link state, this one among them. */
  #bordersNow(): readonly Border[] {
    const { db } = this.#s;
    if (this.#bordersVersion === db.version) return this.#borders;
    this.#bordersVersion = db.version;
    this.#borders = [];
    for (const local of db.locals()) {
      const advertisement = db.node(local)?.advertisement;
      if (advertisement === undefined || (advertisement.capabilities & CAPABILITY_NARROW_VOICE) === 0) continue;
      if (!this.#isOn(local, true) || !this.#isOn(local, false)) continue;
      const members = createIdSet();
      for (const { neighbour, channel } of advertisement.links) {
        const isServed = this.#kinds.includes(channel) && db.isTwoWay(local, neighbour, channel);
        if (isServed && !this.#isOn(neighbour, false)) addId(members, neighbour);
      }
      this.#borders.push({ local, address: advertisement.originator, members, served: countIds(members) });
    }
    return this.#borders;
  }

  /** True if a node has links of narrow, or of wide bearers. */
  #isOn(local: number, narrow: boolean): boolean {
    return (
      this.#s.db.node(local)?.advertisement.links.some(({ channel }) => this.#kinds.includes(channel) === narrow) ??
      false
    );
  }

  #burst(nowUs: number, talker: Address, group: number, number: number): Burst {
    const key = (talker * 256 + group) * VOICE_BURSTS + number;
    for (const b of this.#bursts) {
      if (b.key !== key) continue;
      if (nowUs - b.heardUs > FORGET_BURST_US && nowUs - b.carriedUs > FORGET_BURST_US) {
        b.startedUs = nowUs;
        b.carriedUs = 0;
        b.packetUs = this.#packetUs(nowUs);
        b.held.length = 0;
      }
      return b;
    }
    if (this.#bursts.length >= MAX_BURSTS) this.#bursts.shift();
    const packetUs = this.#packetUs(nowUs);
    const fresh: Burst = { key, startedUs: nowUs, heardUs: nowUs, carriedUs: 0, packetUs, held: [] };
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
