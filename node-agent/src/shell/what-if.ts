import type { Loss, LossOfClass, WhatIf } from "../api/types.ts";
import type { Address, CoreStatus, RouteExplanation } from "../core/api.ts";

const CLASSES = 4;

/**
 * What happens to each node and class if a link dies now: forwarding's own alternates where packets pass it, and who
 * could not be reached at all. Explaining takes up to milliseconds a node, and packets wait meanwhile: nodes that are
 * left when `mayGoOn` says so are only counted.
 */
export function whatIf(
  status: CoreStatus,
  loss: Loss,
  explain: (to: Address) => RouteExplanation,
  mayGoOn: () => boolean,
): WhatIf {
  const isLost = lostIn(status, loss);
  const others = status.nodes.filter((node) => node.reachable && node.address !== status.address);
  const reached = reachableWithout(status, isLost);
  const unreachable = others.map((node) => node.address).filter((address) => !reached.has(address));
  const classes: LossOfClass[] = Array.from({ length: CLASSES }, () => ({ rerouted: [], kept: [] }));
  let omitted = 0;
  for (const { address } of others) {
    if (!reached.has(address)) continue;
    if (!mayGoOn()) {
      omitted++;
      continue;
    }
    for (const [c, { hops }] of explain(address).classes.entries()) {
      const at = hops.findIndex((hop) => isLost(hop.from, hop.to, hop.channel, hop.bearerId));
      if (at === -1) continue;
      const { alternate } = hops[at] as (typeof hops)[number];
      const before = hops.slice(0, at).map((hop) => hop.to);
      if (alternate === null) classes[c]?.kept.push(address);
      else classes[c]?.rerouted.push({ to: address, way: [...before, ...alternate.way] });
    }
  }
  return { loss, classes, unreachable, omitted };
}

type IsLost = (from: Address, to: Address, channel: number, bearerId: number) => boolean;

/** Of a bearer, the own links are lost; of a link, all its channels in both directions. */
function lostIn(status: CoreStatus, loss: Loss): IsLost {
  if ("bearerId" in loss) {
    const heard = new Set(status.neighbours.filter((n) => n.bearerId === loss.bearerId).map((n) => n.address));
    const { kind } = loss;
    return (from, to, channel, bearerId) => {
      if (bearerId >= 0) return bearerId === loss.bearerId;
      const other = from === status.address ? to : to === status.address ? from : -1;
      return channel === kind && heard.has(other);
    };
  }
  return (from, to) => (from === loss.from && to === loss.to) || (from === loss.to && to === loss.from);
}

function reachableWithout(status: CoreStatus, isLost: IsLost): Set<Address> {
  const next = new Map<Address, Address[]>();
  for (const { from, to, kind } of status.links) {
    if (isLost(from, to, kind, -1)) continue;
    next.set(from, [...(next.get(from) ?? []), to]);
  }
  const reached = new Set([status.address]);
  // A set gives what is added while it is walked, too.
  for (const at of reached) for (const to of next.get(at) ?? []) reached.add(to);
  return reached;
}
