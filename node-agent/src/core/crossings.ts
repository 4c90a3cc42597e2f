import { type DataHeader, FrameKind } from "@skein/codecs";
import { Precedence, TrafficClass } from "./api.ts";
import { MAX_POSITIONS_ACROSS, POSITION_ACROSS_US } from "./limits.ts";

/** True of group frames that other areas are to hear: SOS, texts to all, policies, positions. Voice stays in its area. */
export function crossesAreas(kind: number, trafficClass: number): boolean {
  return kind === FrameKind.groupAll && trafficClass === TrafficClass.command;
}

/** What goes from one area to another: of positions, which come once a second, few. */
export class Crossings {
  readonly #area: number;
  /** When a node's position was last told, by its address. */
  readonly #positionUs = new Map<number, number>();

  constructor(ownArea: number) {
    this.#area = ownArea;
  }

  /** True if a border node is to hand this frame on to other areas, or on into its own; to be asked once for each frame. */
  mayCross(nowUs: number, { kind, trafficClass, precedence, source }: DataHeader): boolean {
    if (!crossesAreas(kind, trafficClass)) return false;
    if (precedence !== Precedence.routine) return true;
    const lastUs = this.#positionUs.get(source) ?? Number.NEGATIVE_INFINITY;
    // What was thinned out on the way comes at that pace, or a little sooner.
    const gapUs = source >>> 8 === this.#area ? POSITION_ACROSS_US : POSITION_ACROSS_US / 2;
    if (nowUs - lastUs < gapUs) return false;
    if (this.#positionUs.size >= MAX_POSITIONS_ACROSS) this.#positionUs.clear();
    this.#positionUs.set(source, nowUs);
    return true;
  }
}
