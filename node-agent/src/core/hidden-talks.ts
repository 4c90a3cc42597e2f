import type { TalkNotice } from "@skein/codecs";
import { MISSED_TALK_US, VOICE_BUNDLE_US } from "./limits.ts";
import type { Links } from "./links.ts";
import type { Neighbour } from "./neighbour.ts";
import type { Port } from "./port.ts";
import { isTalk, noticeHiddenTalk } from "./turn-taking.ts";

/** The low bits of their numbers tell which of two packets is the later one for so long. */
const NUMBERS_HOLD_US = 15_000_000;

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

  /** Somebody who hears a talker began at `startUs` to send beside it. */
  told(nowUs: number, port: Port, notice: TalkNotice, startUs: number): void {
    if (notice.talker === this.#local) return;
    if (!isTalk(port, nowUs)) noticeHiddenTalk(port, startUs, notice, nowUs);
    const n = port.byLocal[notice.talker];
    if (n?.alive && isMissed(nowUs, n, notice)) this.#links.gone(nowUs, port, n, "others hear it talk", true);
  }
}

/** True if a talker has been silent here for so long, and has said so much meanwhile, that loss is no reason. */
function isMissed(nowUs: number, n: Neighbour, { sequenceLow, bundles }: TalkNotice): boolean {
  if (nowUs - n.talkUs > NUMBERS_HOLD_US) {
    n.talkSequence = sequenceLow;
    n.talkUs = nowUs;
  }
  const packets = ((sequenceLow - n.talkSequence) << 24) >> 24;
  return nowUs - n.lastHeardUs >= MISSED_TALK_US && packets * bundles * VOICE_BUNDLE_US >= MISSED_TALK_US;
}
