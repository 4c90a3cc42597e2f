import { areaCost, areaHops } from "@skein/codecs";
import { CLASSES, UNREACHABLE } from "./link-cost.ts";
import type { LinkStateDb } from "./link-state-db.ts";
import type { ShortestPaths } from "./shortest-paths.ts";

const AREAS = 256;
/** No way to the area: more than any potential inside one generation of detours. */
export const NO_WAY = 0x3f_ffff;
const MAX_DISTANCE = UNREACHABLE - 1;

/** A border node of the own area, and an area that it tells of. */
interface Exit {
  readonly local: number;
  readonly area: number;
  readonly hops: number;
  readonly costs: readonly number[];
}

/**
 * Distances to other areas, as seen from any node of the own one: areas still to enter in the high part, behind it the
 * distance to the best of the border nodes that need no more, with what that one adds. Everybody compares first by
 * areas, then inside the area, so that both are descended without regard to what the other area's costs are like.
 */
export class AreaPaths {
  readonly #db: LinkStateDb;
  readonly #paths: ShortestPaths;
  #version = -1;
  #exits: Exit[] = [];
  /** By root and class, valid for #version. */
  readonly #runs: (Uint32Array | undefined)[] = [];
  readonly #valid: number[] = [];
  readonly #spare: Uint32Array[] = [];

  constructor(db: LinkStateDb, paths: ShortestPaths) {
    this.#db = db;
    this.#paths = paths;
  }

  /** By area: areas to enter << 16 | distance, NO_WAY where there is none. */
  from(root: number, trafficClass: number): Uint32Array {
    if (this.#version !== this.#db.version) this.#collect();
    const key = root * CLASSES + trafficClass;
    const known = this.#runs[key];
    if (known !== undefined) return known;
    const ahead = (this.#spare.pop() ?? new Uint32Array(AREAS)).fill(NO_WAY);
    const distances = this.#paths.from(root, trafficClass);
    for (let i = 0; i < this.#exits.length; i++) {
      const { local, area, hops, costs } = this.#exits[i] as Exit;
      const distance = distances[local] as number;
      if (distance === UNREACHABLE) continue;
      const whole = (hops << 16) | Math.min(MAX_DISTANCE, distance + (costs[trafficClass] as number));
      if (whole < (ahead[area] as number)) ahead[area] = whole;
    }
    this.#runs[key] = ahead;
    this.#valid.push(key);
    return ahead;
  }

  /** Writes what it costs, by border node, to leave for `area` through at most `hops` areas; 0: no way there. */
  markExits(area: number, trafficClass: number, hops: number, out: Uint16Array): void {
    if (this.#version !== this.#db.version) this.#collect();
    out.fill(0);
    for (let i = 0; i < this.#exits.length; i++) {
      const exit = this.#exits[i] as Exit;
      if (exit.area === area && exit.hops <= hops) out[exit.local] = exit.costs[trafficClass] as number;
    }
  }

  /** Areas that a border node needs for the way to `area`, 0 if it knows none. */
  hopsAt(local: number, area: number): number {
    if (this.#version !== this.#db.version) this.#collect();
    return this.#exits.find((exit) => exit.local === local && exit.area === area)?.hops ?? 0;
  }

  #collect(): void {
    this.#version = this.#db.version;
    for (const key of this.#valid) {
      this.#spare.push(this.#runs[key] as Uint32Array);
      this.#runs[key] = undefined;
    }
    this.#valid.length = 0;
    this.#exits = [];
    for (const local of this.#db.locals()) {
      for (const route of this.#db.node(local)?.advertisement.areas ?? []) {
        if (route.area === this.#db.area) continue;
        const costs = route.costs.map((cost) => Math.max(1, areaCost(cost)));
        this.#exits.push({ local, area: route.area, hops: areaHops(route), costs });
      }
    }
  }
}
