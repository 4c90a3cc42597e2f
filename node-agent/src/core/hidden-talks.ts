import type { TalkNotice } from "@skein/codecs";
import { MISSED_TALK_US, VOICE_BUNDLE_US } from "./limits.ts";
import type { Links } from "./links.ts";
import type { Neighbour } from "./neighbour.ts";
import type { Port } from "./port.ts";
import { isTalk, noticeHiddenTalk } from "./turn-taking.ts";

/** The low bits of their numbers tell which of two packets is the later one for so long. */
const NUMBERS_HOLD_US = 15_000_000;

/** One that was heard so shortly ago, or of which no more speech than this is missing, or is yet to come, is heard. */
const HEARD_TALK_US = 300_000;
const EVER = Number.POSITIVE_INFINITY;

/**
 * Talkers on a narrow channel whom this node does not hear, as those tell who do: it leaves them their step, and a link to one that
 * is missed is gone, so that others carry or relay for it.
 */
export class HiddenTalks {
  readonly #links: Links;
  readonly #local: number;

  constructor(links: Links, local: number) {
    this.#links = links;
    this.#local = local;
  }

  /** Member `by`, who hears a talker, began at `startUs` to send beside it. */
  told(nowUs: number, port: Port, by: number, notice: TalkNotice, startUs: number): void {
    if (notice.talker === this.#local) return;
    const n = port.byLocal[notice.talker];
    // Not all that is voice can be told by who overhears it.
    if (n?.alive && nowUs - n.lastHeardUs <= HEARD_TALK_US) return;
    if (n !== undefined && speechSince(nowUs, n.talkUs, n.talkSequence, notice) <= HEARD_TALK_US) return;
    if (!isTalk(port, nowUs)) noticeHiddenTalk(port, startUs, notice, nowUs);
    if (n?.alive && isMissed(nowUs, n, notice)) this.#miss(nowUs, port, n, by);
  }

  /** No member is believed alone. */
  #miss(nowUs: number, port: Port, n: Neighbour, by: number): void {
    if (n.missedUs < n.lastHeardUs) {
      n.missedUs = nowUs;
      n.missedBy = by;
    } else if (n.missedBy !== by) this.#links.gone(nowUs, port, n, "others hear it talk", true);
  }
}

/** True if a talker has been silent here for so long, and has said so much meanwhile, that loss is no reason. */
function isMissed(nowUs: number, n: Neighbour, notice: TalkNotice): boolean {
  const sinceHeardUs = speechSince(nowUs, n.talkUs, n.talkSequence, notice);
  const sinceToldUs = speechSince(nowUs, n.toldUs, n.toldSequence, notice);
  if (sinceHeardUs === EVER && sinceToldUs === EVER) {
    n.toldUs = nowUs;
    n.toldSequence = notice.sequenceLow;
  }
  const saidUs = sinceHeardUs === EVER ? sinceToldUs : sinceHeardUs;
  return nowUs - n.lastHeardUs >= MISSED_TALK_US && saidUs >= MISSED_TALK_US && saidUs !== EVER;
}

/** Speech of a talker from packet `sequence` at `atUs` to the one that is told of; EVER if that is too long ago to tell. */
function speechSince(nowUs: number, atUs: number, sequence: number, { sequenceLow, bundles }: TalkNotice): number {
  if (nowUs - atUs > NUMBERS_HOLD_US) return EVER;
  return (((sequenceLow - sequence) << 24) >> 24) * bundles * VOICE_BUNDLE_US;
}
