import {
  classOf,
  FrameKind,
  isGroupKind,
  isUnicastKind,
  kindOf,
  mix32,
  readU32,
  SealFormat,
  SHARED_HEADER_OCTETS,
  sealFormat,
  sharedCounterBits,
} from "@skein/codecs";
import { TrafficClass } from "./api.ts";
import { CONTENTION_GUARD_US, CONTENTION_SLOT_US, FIRST_TURN_KEPT_US } from "./limits.ts";
import type { Neighbour } from "./neighbour.ts";
import type { Port } from "./port.ts";

/** So many frames of a talker have one order, each begun one member further on. */
const ROUND_BITS = 5;
/** Whoever is first has begun before the channel has been quiet for so long. */
const PASSED_US = CONTENTION_GUARD_US + 2 * CONTENTION_SLOT_US;

/**
 * Who comes when on a half-duplex channel. Everybody draws the order from the last frame: all who heard it agree without a
 * word (a virtual token; compare BRAM, Chlamtac 1976). Its authentication tag makes a new one each time.
 *
 * Beside a talker there is time for one turn between two bundles, and the member that has it seldom has something to send.
 * The talker's frames make one order for 32 of them, which goes on by one member from each to the next: each of up to 32
 * has a turn in each round, and of more the others have theirs in another.
 */
export function drawOrder(port: Port, frame: Uint8Array, tagAt: number, isVoice: boolean): void {
  if (!isVoice) {
    port.turnSeed = readU32(frame, tagAt);
    port.turnPassed = 0;
    return;
  }
  const counter = sharedCounterBits(frame);
  port.turnSeed = mix32(((frame[2] as number) << 16) | (counter >>> ROUND_BITS));
  port.turnPassed = counter;
}

/**
 * Member `local` has the first turn whatever is drawn, until it takes it, or lets one pass after `atUs`: who was addressed, to
 * answer; who asked for a key, when it comes.
 */
export function giveFirstTurn(port: Port, local: number, atUs: number): void {
  port.turnFirst = local;
  port.turnFirstUs = atUs;
}

/**
 * The same for a member whose frame says what it will send when others have brought it: a key, which something sealed follows;
 * whom it reaches beyond this channel, for the first packets from and to those. `atUs`: end of that frame.
 */
export function keepFirstTurn(port: Port, local: number, atUs: number): void {
  giveFirstTurn(port, local, atUs + FIRST_TURN_KEPT_US);
}

/**
 * Member `by` (0: somebody) sent a frame, of voice or not, in a transmission that began at `beganUs`, after `quietUs` in
 * which nobody sent: whoever had the first turn has taken it, or has nothing to say. Voice has a slot of its own.
 */
export function noticeTurn(port: Port, by: number, isVoice: boolean, beganUs: number, quietUs: number): void {
  const isTaken = !isVoice && by === port.turnFirst;
  if (isTaken || (port.turnFirstUs <= beganUs && quietUs >= PASSED_US)) port.turnFirst = 0;
}

/** True of an open frame that carries voice. Under a label only the two ends know, so that nobody takes it for that. */
export function isVoiceFrame(frame: Uint8Array): boolean {
  if (sealFormat(frame) !== SealFormat.shared) return false;
  const octet = frame[SHARED_HEADER_OCTETS] as number;
  const kind = kindOf(octet);
  return (isUnicastKind(kind) || isGroupKind(kind)) && classOf(octet) === TrafficClass.voice;
}

/** Local id of whom an open shared frame is for and has to answer it; 0: nobody. */
export function addresseeOf(frame: Uint8Array): number {
  const kind = kindOf(frame[SHARED_HEADER_OCTETS] as number);
  return isUnicastKind(kind) || kind === FrameKind.fragment ? (frame[SHARED_HEADER_OCTETS + 1] as number) : 0;
}

/** A frame of member `by` (0: somebody), for `addressee` alone to answer (0: nobody), was heard and opened; its tag is at `tagAt`. */
export function hearTurn(
  nowUs: number,
  port: Port,
  by: number,
  frame: Uint8Array,
  tagAt: number,
  addressee: number,
): void {
  if (!port.config.halfDuplex) return;
  const isVoice = isVoiceFrame(frame);
  noticeTurn(port, by, isVoice, port.busySinceUs, port.quietBeforeUs);
  drawOrder(port, frame, tagAt, isVoice);
  if (addressee !== 0) giveFirstTurn(port, addressee, nowUs);
}

/** How many members come before this node. */
export function placeInOrder(port: Port, ownLocal: number): number {
  const first = port.turnFirst;
  if (first === ownLocal) return 0;
  const own = mix32(port.turnSeed ^ ownLocal);
  const firsts = mix32(port.turnSeed ^ first);
  let beforeOwn = 0;
  let beforeFirst = own < firsts ? 1 : 0;
  let members = 1;
  let isThere = false;
  // By index: this is asked for every frame, and an iterator is an object.
  for (let i = 0; i < port.neighbours.length; i++) {
    const n = port.neighbours[i] as Neighbour;
    if (!n.alive) continue;
    const draw = mix32(port.turnSeed ^ n.local);
    members++;
    if (draw < own) beforeOwn++;
    if (draw < firsts) beforeFirst++;
    if (n.local === first) isThere = true;
  }
  const place = passedBy(port, beforeOwn, members);
  return isThere && place < passedBy(port, beforeFirst, members) ? place + 1 : place;
}

function passedBy(port: Port, before: number, members: number): number {
  return (before + members - (port.turnPassed % members)) % members;
}
