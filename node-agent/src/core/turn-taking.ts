import { mix32, TALK_PHASES, type TalkNotice } from "@skein/codecs";
import { HEAVY_LEVEL, URGENT_LEVELS } from "./bearer-queue.ts";
import {
  CONTENTION_GUARD_US,
  CONTENTION_SLOT_US,
  SETTLING_PER_MEMBER_US,
  TALK_TOLD_US,
  VOICE_BUNDLE_US,
} from "./limits.ts";
import type { Neighbour } from "./neighbour.ts";
import { isUnheard, type Port } from "./port.ts";
import type { Random } from "./random.ts";
import { placeInOrder } from "./turn-order.ts";

/** What is urgent has a slot in two halves. */
const HALF_SLOT_US = CONTENTION_SLOT_US / 2;
/** How long a newcomer makes the channel unsettled. */
export const SETTLING_US = 3_000_000;
/** The same for one that knows how many there are: all have a turn in that time. */
const SETTLING_KNOWN_US = 12_000_000;
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
/** A talker is silent after so long without a bundle, or so many steps if those are longer. */
const TALKING_US = 400_000;
const TALKING_STEPS = 2.5;
const TALK_PATIENCE_US = 2_000_000;
/** So long it is believed that one talks whom others hear. */
const HIDDEN_TALK_US = 5_000_000;
/** Beside it one begins so long after the end of a packet, which may be late itself, */
const HIDDEN_AFTER_US = 4_000;
/** or so much later at most: what is sent has to end before the next. */
const HIDDEN_WINDOW_US = 4_000;
/** When so many packets of a hidden talker in a row have ended while others were heard to send, it is doubted, for so long. */
const HIDDEN_OVERRUNS = 8;
const HIDDEN_DOUBT_US = 15_000_000;
/** Where the talker's bundles are due is where the least late of so many was. */
const VOICE_GRID_FRAMES = 6;
/** None waits longer for the channel (see QUEUE_AGE_NARROW_US): beyond that its talker has begun anew. */
const VOICE_LATEST_US = 500_000;
/** Nobody else begins this long before and after a bundle is due: a talker is as late as its timers and codec make it. */
const VOICE_BEFORE_US = 25_000;
const VOICE_AFTER_US = 40_000;
const VOICE_GUARD_US = VOICE_BEFORE_US + VOICE_AFTER_US;
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
  if (urgency === "voice") return base + urgentHalf(port, ownLocal) * HALF_SLOT_US;
  const isHidden = isHiddenTalk(port, nowUs);
  if (urgency === "flash") {
    // A talker whose bundle is overdue begins with its half, flash with the other one.
    const half = isOverdue(port, base) ? 1 - urgentHalf(port, port.voiceLocal) : urgentHalf(port, ownLocal);
    const soonUs = Math.max(base + half * HALF_SLOT_US, nowUs);
    return isHidden ? besideHidden(port, soonUs, 0) : besideVoice(port, soonUs, 0);
  }
  // Who was addressed needs no dice: all who heard that leave it the first turn.
  const throwsDice = port.turnExtraSlots > 0 && port.turnFirst !== ownLocal;
  const place = throwsDice ? port.turnExtraSlots : placeInOrder(port, ownLocal) + slotsAside(port, ownLocal, nowUs);
  const slotsUs = (1 + place) * CONTENTION_SLOT_US;
  const inTurnUs = isHidden ? besideHidden(port, base, Math.floor(place)) : betweenVoice(port, base, slotsUs);
  if (nowUs <= inTurnUs) return inTurnUs;
  return isHidden ? besideHidden(port, nowUs, 0) : besideVoice(port, nowUs, place * CONTENTION_SLOT_US);
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

/** Which half of the slot for what is urgent a member draws. */
function urgentHalf(port: Port, local: number): number {
  return mix32(port.turnSeed ^ local) & 1;
}

/** True if the talker that was heard last would have begun its next bundle, had the channel been quiet. */
function isOverdue(port: Port, atUs: number): boolean {
  return isTalk(port, atUs) && atUs - port.voiceStartUs > port.voiceStepUs;
}

/** One that started anew and has not heard all whom it knew is in another place than these reckon: between two of theirs. */
function slotsAside(port: Port, ownLocal: number, nowUs: number): number {
  if (nowUs >= port.turnDiceUntilUs || port.turnFirst === ownLocal) return 0;
  let known = 0;
  for (let i = 0; i < port.neighbours.length; i++) if ((port.neighbours[i] as Neighbour).alive) known++;
  return known < port.membersBefore ? BETWEEN_TURNS : 0;
}

/** How long a newcomer throws dice, at most. */
export function diceUs(port: Port): number {
  return port.membersBefore > 0 ? SETTLING_KNOWN_US : SETTLING_US;
}

/**
 * True if most members that it knows, and half of those it knew before it started anew, are known to hear this node: it has a
 * place in their order.
 */
function isReckonedWith(port: Port): boolean {
  let known = 0;
  for (let i = 0; i < port.neighbours.length; i++) {
    const n = port.neighbours[i] as Neighbour;
    if (n.alive && n.twoWay) known++;
  }
  return 2 * known > port.neighbours.length && 2 * known >= port.membersBefore;
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
  return port.config.halfDuplex && beforeUs < port.burstStartUs && nowUs - beforeUs <= nextButOneUs(port);
}

/** From a packet of a talker to the next but one, which may be late. */
function nextButOneUs(port: Port): number {
  return 2 * port.voiceStepUs + VOICE_AFTER_US;
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
  const talk = nowUs - Math.max(port.voiceStartUs, port.ownVoiceUs) <= talkingUs(port);
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
export function isTalk(port: Port, nowUs: number): boolean {
  return nowUs - port.voiceStartUs <= talkingUs(port);
}

function talkingUs(port: Port): number {
  return Math.max(TALKING_US, TALKING_STEPS * port.voiceStepUs);
}

/** A talker speaks in step: nobody else begins about when its next bundle is due; afterwards the order holds again. */
function besideVoice(port: Port, atUs: number, orderUs: number): number {
  if (!isTalk(port, atUs)) return atUs;
  if (!port.voiceGridKnown) return Math.max(atUs, port.quietSinceUs + port.voiceStepUs + orderUs);
  const phaseUs = voicePhaseUs(port, atUs);
  return phaseUs >= VOICE_GUARD_US ? atUs : atUs + VOICE_GUARD_US - phaseUs + orderUs;
}

/** What is `slotsUs` after `baseUs` if only the time counts in which others than the talker may begin: slots keep their order. */
function betweenVoice(port: Port, baseUs: number, slotsUs: number): number {
  if (!isTalk(port, baseUs)) return baseUs + slotsUs;
  if (!port.voiceGridKnown) return baseUs + port.voiceStepUs + slotsUs;
  const phaseUs = voicePhaseUs(port, baseUs);
  const freeUs = port.voiceStepUs - Math.max(phaseUs, VOICE_GUARD_US);
  const startUs = baseUs + Math.max(0, VOICE_GUARD_US - phaseUs);
  if (slotsUs < freeUs) return startUs + slotsUs;
  const periodUs = port.voiceStepUs - VOICE_GUARD_US;
  const restUs = slotsUs - freeUs;
  const periods = Math.floor(restUs / periodUs);
  return startUs + freeUs + VOICE_GUARD_US + periods * port.voiceStepUs + (restUs - periods * periodUs);
}

/** Time since the guard before a bundle of the talker last began. */
function voicePhaseUs(port: Port, atUs: number): number {
  const sinceUs = atUs - port.voiceGridUs + VOICE_BEFORE_US;
  return sinceUs - Math.floor(sinceUs / port.voiceStepUs) * port.voiceStepUs;
}

/**
 * A voice frame of member `local` was on air from `startUs` to `endUs`, the packet `sequence` of node `source`, with speech of
 * `stepUs`. Packets are made in step, one after the other, and are late at times, never early: the least late of the last few tells when the next is due. When another
 * speaks on in the place of one that has fallen silent, as a bridge for another bridge, the grid is that one's from the first.
 */
export function noticeVoice(
  port: Port,
  startUs: number,
  endUs: number,
  local: number,
  source: number,
  sequence: number,
  stepUs: number,
): void {
  const silent = !isTalk(port, startUs);
  port.hiddenUntilUs = Number.MIN_SAFE_INTEGER;
  if (silent) port.talkSinceUs = startUs;
  port.voiceStartUs = startUs;
  const another = local !== port.voiceLocal || source !== port.voiceSource;
  if (another && startUs - port.voiceHeardUs < 2 * port.voiceStepUs) return;
  port.voiceStepUs = stepUs;
  port.voiceAirUs = endUs - startUs;
  port.voiceLocal = local;
  port.voiceSource = source;
  port.voiceHeardUs = startUs;
  port.voiceGridUs += (((sequence - port.voiceSequence) << 16) >> 16) * stepUs;
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

/** True if what is sent now is to tell that somebody talks: this node hears that one itself, and begins between two bundles. */
export function tellsOfTalk(port: Port, nowUs: number): boolean {
  if (!port.config.halfDuplex || !port.narrow || inBurst(port, nowUs)) return false;
  if (nowUs - port.talkSinceUs < TALK_TOLD_US) return false;
  return nowUs - port.voiceHeardUs <= talkingUs(port) && (port.voiceSource & 0xff) === port.voiceLocal;
}

/** What a frame that begins now tells of the talker. */
export function writeTalk(port: Port, nowUs: number, into: TalkNotice): void {
  into.talker = port.voiceLocal;
  into.sequenceLow = port.voiceSequence & 0xff;
  into.bundles = port.voiceStepUs / VOICE_BUNDLE_US;
  const steps = port.voiceGridKnown ? (nowUs - port.voiceGridUs - port.voiceAirUs) / port.voiceStepUs : 0;
  into.phase = Math.floor((steps - Math.floor(steps)) * TALK_PHASES);
}

/** A frame that began at `startUs` has told of a talker: others may begin when its packets are at their end. */
export function noticeHiddenTalk(port: Port, startUs: number, { bundles, phase }: TalkNotice, nowUs: number): void {
  const stepUs = bundles * VOICE_BUNDLE_US;
  hideTalk(port, startUs - (phase * stepUs) / TALK_PHASES, stepUs, nowUs);
}

/** A talker is not heard here: others may begin at `freeUs`, and every `stepUs` later again. */
export function hideTalk(port: Port, freeUs: number, stepUs: number, nowUs: number): void {
  if (nowUs < port.hiddenDoubtUntilUs) return;
  if (nowUs >= port.hiddenUntilUs) port.hiddenOverruns = 0;
  port.hiddenFreeUs = freeUs + HIDDEN_AFTER_US;
  port.hiddenStepUs = stepUs;
  port.hiddenUntilUs = nowUs + HIDDEN_TALK_US;
}

/**
 * The carrier of somebody else ends now. All who hear a talker are silent until its packet has ended: time and again somebody
 * else was heard to send then, so there is none, whoever says so.
 */
export function weighHiddenTalk(port: Port, nowUs: number): void {
  if (nowUs >= port.hiddenUntilUs) return;
  const begunUs = packetsEnded(port, port.busySinceUs);
  if (begunUs > packetsEnded(port, port.quietSinceUs)) port.hiddenOverruns = 0;
  port.hiddenOverruns += packetsEnded(port, nowUs) - begunUs;
  if (port.hiddenOverruns < HIDDEN_OVERRUNS) return;
  port.hiddenOverruns = 0;
  port.hiddenUntilUs = Number.MIN_SAFE_INTEGER;
  port.hiddenDoubtUntilUs = nowUs + HIDDEN_DOUBT_US;
}

/** Packets of a hidden talker that have ended by `atUs`, counted from the one that is known to have. */
function packetsEnded(port: Port, atUs: number): number {
  return Math.floor((atUs - port.hiddenFreeUs) / port.hiddenStepUs);
}

/** True while others hear a talker whom this node does not. */
function isHiddenTalk(port: Port, nowUs: number): boolean {
  return nowUs < port.hiddenUntilUs && !isTalk(port, nowUs);
}

/** When one may begin, from `atUs` on, beside a talker whom it does not hear; later by `places` packets of its. */
function besideHidden(port: Port, atUs: number, places: number): number {
  const steps = packetsEnded(port, atUs);
  const freeUs = port.hiddenFreeUs + steps * port.hiddenStepUs;
  return atUs - freeUs <= HIDDEN_WINDOW_US && places === 0 ? atUs : freeUs + (1 + places) * port.hiddenStepUs;
}

/** When something that can wait is due: not while somebody talks, unless it has waited long. */
export function afterTalk(port: Port, dueUs: number): number {
  return Math.max(dueUs, Math.min(dueUs + TALK_PATIENCE_US, port.voiceStartUs + talkingUs(port)));
}
