import { mix32 } from "@skein/codecs";
import { HEAVY_LEVEL, URGENT_LEVELS } from "./bearer-queue.ts";
import { CONTENTION_GUARD_US, CONTENTION_SLOT_US, SETTLING_PER_MEMBER_US } from "./limits.ts";
import type { Neighbour } from "./neighbour.ts";
import { isUnheard, type Port } from "./port.ts";
import type { Random } from "./random.ts";
import { placeInOrder } from "./turn-order.ts";

/** How long a newcomer makes the channel unsettled. */
export const SETTLING_US = 3_000_000;
const SETTLING_SLOTS = 24;
/** The same for whom nobody hears yet; twice as many after a hello that did not change that. */
const INTRODUCTION_SLOTS = 12;
const INTRODUCTION_DOUBLINGS = 1;
/**
 * Who hears one member only, and is not heard by it time and again, may be one of many who do not hear each other: one doubling
 * for each hello after the first, up to so many.
 */
const HIDDEN_DOUBLINGS = 3;
/** Who throws dice begins between the turns of two members: each hears the other in time, whichever comes first. */
const BETWEEN_TURNS = 0.5;
/** Codec2 bundles follow each other at this distance; a talker is silent after a few without. */
const VOICE_BUNDLE_US = 120_000;
const TALKING_US = 400_000;
const TALK_PATIENCE_US = 2_000_000;
/** Where the talker's bundles are due is where the least late of so many was. */
const VOICE_GRID_FRAMES = 6;
/** None waits longer for the channel (see QUEUE_AGE_NARROW_US): beyond that its talker has begun anew. */
const VOICE_LATEST_US = 500_000;
/** Nobody else begins this long before and after a bundle is due: a talker is as late as its timers and codec make it. */
const VOICE_BEFORE_US = 25_000;
const VOICE_AFTER_US = 40_000;
const VOICE_GUARD_US = VOICE_BEFORE_US + VOICE_AFTER_US;
/** From a bundle to the next but one, which may be late. */
const BUNDLE_MISSED_US = 2 * VOICE_BUNDLE_US + VOICE_AFTER_US;
/** Frames of a burst are handed to the device within this time. */
const HANDOVER_US = 3_000;
/** Serial adapters hand octets over so late. */
const NOTICED_LATE_US = 20_000;
/** A burst ends with the frame that brings it over this. */
const MAX_BURST_US = 90_000;
/** The same for video and bulk while nobody talks: with its last frame about as long as one of the longest. */
const MAX_HEAVY_BURST_US = 190_000;

export type Urgency = "flash" | "voice" | "ordinary";

/**
 * Who may send when a half-duplex channel falls quiet. After a guard time comes a slot for voice and flash, then one for each
 * member, in an order that all draw from the last frame (see `turn-order.ts`). Once all slots have passed, anybody may begin
 * at any time, but for the moments when a talker does.
 */
export function accessUs(port: Port, ownLocal: number, urgency: Urgency, nowUs: number): number {
  const base = port.quietSinceUs + CONTENTION_GUARD_US;
  // Two that have something urgent each time would collide each time: a draw parts them, too.
  const urgentUs = base + (mix32(port.turnSeed ^ ownLocal) & 1) * (CONTENTION_SLOT_US / 2);
  if (urgency === "voice") return urgentUs;
  if (urgency === "flash") return besideVoice(port, Math.max(urgentUs, nowUs), 0);
  const place = port.turnExtraSlots > 0 ? port.turnExtraSlots : placeInOrder(port, ownLocal);
  const inTurnUs = betweenVoice(port, base, (1 + place) * CONTENTION_SLOT_US);
  return nowUs <= inTurnUs ? inTurnUs : besideVoice(port, nowUs, place * CONTENTION_SLOT_US);
}

/**
 * The channel is quiet from `quietUs` on. A newcomer does not know the others yet, and whom nobody has heard although others
 * are there has no place in their order: both throw dice for their turn.
 */
export function channelQuiet(port: Port, quietUs: number, random: Random): void {
  port.quietSinceUs = quietUs;
  port.turnExtraSlots = 0;
  port.turnUrgent = false;
  const isNew = quietUs < port.turnDiceUntilUs && !isReckonedWith(port);
  if ((isNew || port.introductions > 0) && isUnheard(port)) {
    // In front of others at times: it could wait forever behind them.
    const slot = 1 + random.below(INTRODUCTION_SLOTS * 2 ** introductionDoublings(port, quietUs));
    port.turnExtraSlots = slot + BETWEEN_TURNS;
    // Beside a talker there is no time for so many.
    port.turnUrgent = isTalk(port, quietUs) && slot <= INTRODUCTION_SLOTS / 4;
  } else if (isNew) {
    // Behind those whom it knows by now: they have places of their own.
    port.turnExtraSlots = port.neighbours.length + random.below(SETTLING_SLOTS) + BETWEEN_TURNS;
  }
}

/** True if most members that it knows are known to hear this node: it has a place in their order. */
function isReckonedWith(port: Port): boolean {
  let known = 0;
  for (let i = 0; i < port.neighbours.length; i++) {
    const n = port.neighbours[i] as Neighbour;
    if (n.alive && n.twoWay) known++;
  }
  return 2 * known > port.neighbours.length;
}

function introductionDoublings(port: Port, quietUs: number): number {
  const { introductions, neighbours } = port;
  const isHidden = neighbours.length === 1 && introductions > INTRODUCTION_DOUBLINGS && !isTalk(port, quietUs);
  return isHidden ? Math.min(introductions - 1, HIDDEN_DOUBLINGS) : Math.min(introductions, INTRODUCTION_DOUBLINGS);
}

/**
 * True when the carrier that ends now was there before anybody could have begun after the own transmission, or is too short
 * to be a transmission and can only be the end of one: what was sent was sent over somebody else.
 */
export function sentOver(port: Port, nowUs: number): boolean {
  if (nowUs <= port.accessUs) return false;
  const isEndOnly = nowUs - port.busySinceUs < port.config.keyUpUs;
  const latestUs = port.accessUs + CONTENTION_GUARD_US + (isEndOnly ? NOTICED_LATE_US : 0);
  return port.busySinceUs < latestUs;
}

/**
 * True when what is missing of a member may have been sent while this node sent, for neither hears the other then: a talker
 * was heard right before the own burst, last at `beforeUs`, and is heard again now.
 */
export function hasSentSince(port: Port, beforeUs: number, nowUs: number): boolean {
  return port.config.halfDuplex && beforeUs < port.burstStartUs && nowUs - beforeUs <= BUNDLE_MISSED_US;
}

/** Somebody new is on the channel. */
export function channelUnsettled(port: Port, nowUs: number): void {
  port.turnSettledUs = Math.max(port.turnSettledUs, nowUs + SETTLING_US);
}

/** When newcomers to a narrow channel will have told whom they hear. */
export function settledUs(port: Port): number {
  return port.turnSettledUs + port.neighbours.length * SETTLING_PER_MEMBER_US;
}

/** True while they are still telling: what one knows of that is worth little. */
export function isSettling(port: Port, nowUs: number): boolean {
  return port.narrow && nowUs < settledUs(port);
}

/**
 * True while more may follow the frame that has just been handed over: one key-up serves them all, and
 * nobody else hears a pause.
 */
export function inBurst(port: Port, nowUs: number): boolean {
  return port.config.halfDuplex && nowUs - port.burstStartUs < HANDOVER_US && port.burstUs < turnUs(port, nowUs);
}

/**
 * True while a frame that waits may follow in the own burst. Behind voice, that is flash and voice, or anything where the next
 * turn is the talker's: if it sent more behind each bundle, it would leave nobody the time to answer.
 */
export function mayFollow(port: Port, ownLocal: number, nowUs: number): boolean {
  if (!inBurst(port, nowUs)) return false;
  const level = port.queue.urgency();
  if (port.ownVoiceUs < port.burstStartUs || (level >= 0 && level < URGENT_LEVELS)) return true;
  return placeInOrder(port, ownLocal) === 0;
}

/** How long a burst may get before its last frame. Turns for video and bulk are worth the same, however short the frames. */
function turnUs(port: Port, nowUs: number): number {
  const talk = nowUs - Math.max(port.voiceStartUs, port.ownVoiceUs) <= TALKING_US;
  return !talk && port.queue.urgency() >= HEAVY_LEVEL ? MAX_HEAVY_BURST_US : MAX_BURST_US;
}

/** Reckons a frame into its burst; returns its time on air, with key-up only for the first. */
export function burstAirtimeUs(port: Port, nowUs: number, airUs: number): number {
  const follows = inBurst(port, nowUs);
  if (!follows) {
    port.burstStartUs = nowUs;
    port.burstUs = 0;
  }
  const ownUs = follows ? airUs - port.config.keyUpUs : airUs;
  port.burstUs += ownUs;
  return ownUs;
}

/** True while somebody talks on this channel. */
function isTalk(port: Port, nowUs: number): boolean {
  return nowUs - port.voiceStartUs <= TALKING_US;
}

/** A talker speaks in step: nobody else begins about when its next bundle is due; afterwards the order holds again. */
function besideVoice(port: Port, atUs: number, orderUs: number): number {
  if (!isTalk(port, atUs)) return atUs;
  if (!port.voiceGridKnown) return Math.max(atUs, port.quietSinceUs + VOICE_BUNDLE_US + orderUs);
  const phaseUs = voicePhaseUs(port, atUs);
  return phaseUs >= VOICE_GUARD_US ? atUs : atUs + VOICE_GUARD_US - phaseUs + orderUs;
}

/** What is `slotsUs` after `baseUs` if only the time counts in which others than the talker may begin: slots keep their order. */
function betweenVoice(port: Port, baseUs: number, slotsUs: number): number {
  if (!isTalk(port, baseUs)) return baseUs + slotsUs;
  if (!port.voiceGridKnown) return baseUs + VOICE_BUNDLE_US + slotsUs;
  const phaseUs = voicePhaseUs(port, baseUs);
  const freeUs = VOICE_BUNDLE_US - Math.max(phaseUs, VOICE_GUARD_US);
  const startUs = baseUs + Math.max(0, VOICE_GUARD_US - phaseUs);
  if (slotsUs < freeUs) return startUs + slotsUs;
  const periodUs = VOICE_BUNDLE_US - VOICE_GUARD_US;
  const restUs = slotsUs - freeUs;
  const periods = Math.floor(restUs / periodUs);
  return startUs + freeUs + VOICE_GUARD_US + periods * VOICE_BUNDLE_US + (restUs - periods * periodUs);
}

/** Time since the guard before a bundle of the talker last began. */
function voicePhaseUs(port: Port, atUs: number): number {
  const sinceUs = atUs - port.voiceGridUs + VOICE_BEFORE_US;
  return sinceUs - Math.floor(sinceUs / VOICE_BUNDLE_US) * VOICE_BUNDLE_US;
}

/**
 * A voice frame of member `local` began at `startUs`, the packet `sequence` of node `source`. Bundles are made in step, one after
 * the other, and are late at times, never early: the least late of the last few tells when the next is due. When another
 * speaks on in the place of one that has fallen silent, as a bridge for another bridge, the grid is that one's from the first.
 */
export function noticeVoice(port: Port, startUs: number, local: number, source: number, sequence: number): void {
  const silent = !isTalk(port, startUs);
  port.voiceStartUs = startUs;
  const another = local !== port.voiceLocal || source !== port.voiceSource;
  if (another && startUs - port.voiceHeardUs < 2 * VOICE_BUNDLE_US) return;
  port.voiceLocal = local;
  port.voiceSource = source;
  port.voiceHeardUs = startUs;
  port.voiceGridUs += (((sequence - port.voiceSequence) << 16) >> 16) * VOICE_BUNDLE_US;
  port.voiceSequence = sequence;
  const lateUs = startUs - port.voiceGridUs;
  const isNew = silent || another || lateUs > VOICE_LATEST_US;
  // One that began as soon as the channel fell quiet was due before, nobody knows when.
  const hasWaited = port.quietBeforeUs < CONTENTION_GUARD_US + CONTENTION_SLOT_US;
  port.voiceGridKnown = !hasWaited || (port.voiceGridKnown && !isNew);
  if (isNew || lateUs < 0) {
    port.voiceGridUs = startUs;
    port.voiceFrames = 0;
    return;
  }
  port.voiceLateUs = port.voiceFrames === 0 ? lateUs : Math.min(port.voiceLateUs, lateUs);
  if (++port.voiceFrames < VOICE_GRID_FRAMES) return;
  port.voiceGridUs += port.voiceLateUs;
  port.voiceFrames = 0;
}

/** When something that can wait is due: not while somebody talks, unless it has waited long. */
export function afterTalk(port: Port, dueUs: number): number {
  return Math.max(dueUs, Math.min(dueUs + TALK_PATIENCE_US, port.voiceStartUs + TALKING_US));
}
