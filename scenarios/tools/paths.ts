import { join, resolve } from "node:path";

/** The repository's top folder. */
export const root = resolve(import.meta.dirname, "../..");

const entries: Record<string, string> = {
  biome: "@biomejs/biome/bin/biome",
  tsc: "typescript/bin/tsc",
  depcruise: "dependency-cruiser/bin/dependency-cruiser.mjs",
  knip: "knip/bin/knip.js",
};

/** Path of a development tool's entry script, to be run with `process.execPath`. */
export function binary(name: string): string {
  const entry = entries[name];
  if (entry === undefined) throw new Error(`no entry script known for ${name}`);
  return join(root, "node_modules", entry);
}
