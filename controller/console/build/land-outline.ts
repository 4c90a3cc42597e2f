import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { feature } from "topojson-client";
import type { Plugin } from "vite";

const MODULE = "virtual:land-outline";
const RESOLVED = `\0${MODULE}`;

/**
 * Vite plug-in: `virtual:land-outline` is the world's land (Natural Earth 1:50m from world-atlas) as GeoJSON,
 * converted when the console is built. Land only: no borders, names or tiles.
 */
export function landOutline(): Plugin {
  return {
    name: "skein:land-outline",
    resolveId: (id) => (id === MODULE ? RESOLVED : undefined),
    load(id) {
      if (id !== RESOLVED) return undefined;
      const path = createRequire(import.meta.url).resolve("world-atlas/land-50m.json");
      const topology = JSON.parse(readFileSync(path, "utf8")) as Parameters<typeof feature>[0];
      const land = feature(topology, topology.objects["land"]!);
      // Three decimals are 110 m, finer than the 1:50m source; it halves the bundle.
      const text = JSON.stringify(land, (_, value) =>
        typeof value === "number" ? Math.round(value * 1000) / 1000 : value,
      );
      return `export const land = JSON.parse(${JSON.stringify(text)});`;
    },
  };
}
