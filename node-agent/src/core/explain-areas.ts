import { type AreaPart, decodeLinkVector, VECTOR_GONE } from "@skein/codecs";
import type { Address, ClassRoute, Detour, NoPath } from "./api.ts";
import { aheadTo } from "./area-paths.ts";
import { explainWay, wayOf, without } from "./explain-route.ts";
import type { Choice, Choices } from "./forwarding.ts";
import { CLASSES, linkCost } from "./link-cost.ts";
import { findNeighbour, type Port } from "./port.ts";
import { OUTSIDE } from "./shortest-paths.ts";
import type { CoreState } from "./state.ts";

/**
 * The way of each class to another area, or another part of the own one, for people: hop by hop to the border node, and
 * the areas behind it. What these are like inside is not told to anybody else.
 */
export function explainAreas(
  s: CoreState,
  to: Address,
  choices: (trafficClass: number) => Choices,
  noPath: (trafficClass: number) => NoPath,
): ClassRoute[] {
  const part = s.areaPaths.towards(to);
  return Array.from({ length: CLASSES }, (_, trafficClass): ClassRoute => {
    const { first, second } = choices(trafficClass);
    const way = first && wayOut(s, first, trafficClass, part);
    const border = way?.at(-1) ?? s.local;
    const exit = s.areaPaths.exitOf(border, trafficClass, part);
    if (first === undefined || way === undefined || exit === undefined) return without(noPath(trafficClass));
    const known = way.length === 0 ? outside(s, first, trafficClass) : inside(s, first, way, trafficClass);
    const alternate = second === undefined ? null : detour(s, first, second, trafficClass, part);
    const hops = known.hops.map((hop, i) => (i === 0 ? { ...hop, alternate } : hop));
    const areas = [...exit.route.via, exit.route.to].map((place) => place >>> 8);
    const cost = aheadTo(s.areaPaths.from(s.local, trafficClass), part) & 0xffff;
    return { ...known, hops, areas, cost };
  });
}

/** Local ids from a choice to the border node; none if the choice is out of the area, undefined if its way is not known. */
function wayOut(s: CoreState, choice: Choice, trafficClass: number, part: AreaPart): number[] | undefined {
  const { local, address, route } = choice;
  if (address >>> 8 !== s.area) return [];
  if (route !== undefined) return [local, ...route.filter((node) => node !== OUTSIDE)];
  const exit = s.areaPaths.exitOf(local, trafficClass, part);
  return exit && wayOf(s.paths, choice, exit.local, trafficClass);
}

/** The hops to the border node, with what nodes on the way would do to get to the same one. */
function inside(s: CoreState, first: Choice, way: readonly number[], trafficClass: number): ClassRoute {
  const choice = first.route === undefined ? first : { ...first, route: way.slice(1) };
  return explainWay(s.db, s.paths, s.local, way.at(-1) as number, trafficClass, choice, undefined);
}

/** The hop to a neighbour of another area. */
function outside(s: CoreState, { bearerId, address }: Choice, trafficClass: number): ClassRoute {
  const port = s.ports[bearerId] as Port;
  const vector = findNeighbour(port, s.area, address)?.advertisedVector ?? VECTOR_GONE;
  const { bitrateBps, latencyUs, loss, costCentsPerMegabyte } = decodeLinkVector(vector);
  const latencyMs = latencyUs / 1000;
  const cost = linkCost(vector, trafficClass);
  const link = { channel: port.config.kind, cost, bitrateBps, latencyMs, loss, costCentsPerMegabyte };
  const hop = { from: s.options.address, to: address, bearerId, ...link, alternate: null };
  return { cost, latencyMs, carried: false, hops: [hop], areas: [], noPath: null };
}

/** What is done if the first choice does not answer, as far as the border node. */
function detour(s: CoreState, first: Choice, second: Choice, trafficClass: number, part: AreaPart): Detour | null {
  const way = wayOut(s, second, trafficClass, part);
  if (way === undefined) return null;
  const addresses = way.length === 0 ? [second.address] : way.map((local) => (s.area << 8) | local);
  const protects = addresses.includes(first.address) ? "link" : "node";
  return { way: addresses, carried: second.route !== undefined, protects };
}
