import { type DataHeader, FrameKind } from "@skein/codecs";
import { Precedence, TrafficClass } from "./api.ts";
import { MAX_POSITIONS_ACROSS, POSITION_ACROSS_US } from "./limits.ts";

/**
 * What goes from one area to another: SOS, texts to all and policies; of positions, which come once a second, few; speech of
 * the groups that the owner names.
 */
export class Crossings {
  readonly #area: number;
  readonly #groups: readonly number[];
  /** Until when what was told of a node's positions is paid for, by its address. */
  readonly #paidUs = new Map<number, number>();

  constructor(ownArea: number, groups: readonly number[]) {
    this.#area = ownArea;
    this.#groups = groups;
  }

  /** True of group frames that cross here at all. */
  crosses({ kind, trafficClass, destination }: DataHeader): boolean {
    if (trafficClass === TrafficClass.voice)
      return kind !== FrameKind.groupNarrow && this.#groups.includes(destination);
    return kind === FrameKind.groupAll && trafficClass === TrafficClass.command;
  }

  /** True if a border node is to hand this frame on to other areas, or one from there into its own; to be asked once for each. */
  mayCross(nowUs: number, header: DataHeader, fromOutside: boolean): boolean {
    if (!this.crosses(header)) return false;
    const { trafficClass, precedence, source } = header;
    if (trafficClass === TrafficClass.voice || precedence !== Precedence.routine) return true;
    const paidUs = Math.max(nowUs, this.#paidUs.get(source) ?? 0);
    // What was thinned out on the way comes at that pace, or a little sooner.
    const isThinned = fromOutside || source >>> 8 !== this.#area;
    const gapUs = isThinned ? POSITION_ACROSS_US / 2 : POSITION_ACROSS_US;
    // One is always in hand: a node also reports when somebody has come who does not know yet where it is.
    if (paidUs - nowUs > gapUs) return false;
    if (this.#paidUs.size >= MAX_POSITIONS_ACROSS) this.#paidUs.clear();
    this.#paidUs.set(source, paidUs + gapUs);
    return true;
  }
}
