import { decodeLinkVector } from "@skein/codecs";
import type { Address, ClassRoute, NoPath, RouteHop } from "./api.ts";
import { aheadTo } from "./area-paths.ts";
import { explainRoute, without } from "./explain-route.ts";
import type { Choice, Choices } from "./forwarding.ts";
import { CLASSES, linkCost } from "./link-cost.ts";
import { findNeighbour } from "./port.ts";
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
    const found = choices(trafficClass);
    const exit = s.areaPaths.exitOf(s.local, trafficClass, part);
    if (exit === undefined || found.first === undefined) return without(noPath(trafficClass));
    const areas = exit.via.map((place) => place >>> 8);
    const cost = aheadTo(s.areaPaths.from(s.local, trafficClass), part) & 0xffff;
    const hop = hopOut(s, found.first, trafficClass);
    if (hop !== undefined) return { cost, latencyMs: hop.latencyMs, carried: false, hops: [hop], areas, noPath: null };
    const inside = explainRoute(s.db, s.paths, s.local, exit.local, () => found, noPath)[trafficClass] as ClassRoute;
    return { ...inside, cost, areas };
  });
}

/** The hop to a neighbour of another area; undefined if the choice is one of the own. */
function hopOut(s: CoreState, { bearerId, address }: Choice, trafficClass: number): RouteHop | undefined {
  const port = s.ports[bearerId];
  const n = port && findNeighbour(port, s.area, address);
  if (port === undefined || n === undefined || !n.foreign) return undefined;
  const { bitrateBps, latencyUs, loss, costCentsPerMegabyte } = decodeLinkVector(n.advertisedVector);
  const cost = linkCost(n.advertisedVector, trafficClass);
  const link = { channel: port.config.kind, cost, bitrateBps, latencyMs: latencyUs / 1000, loss, costCentsPerMegabyte };
  return { from: s.options.address, to: address, bearerId, ...link, alternate: null };
}
