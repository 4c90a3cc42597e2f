import type { World } from "../world/world.ts";

/** Label of a node without power. */
export const OFF = -1;

/** One entry of the timeline: from `atUs` on, nodes with the same label have a path to each other. */
export interface Connectivity {
  atUs: number;
  /** By node index: the smallest index of the connected part, or OFF. */
  labels: number[];
}

/** Who has a path to whom now. */
export function connectivityLabels(world: World): number[] {
  return world.nodes.map((_, node) => {
    if (!world.powered(node)) return OFF;
    return [...world.nodes.keys()].find((other) => world.connected(other, node)) ?? node;
  });
}
