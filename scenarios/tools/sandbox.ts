import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { root } from "./paths.ts";

/** A copy of part of the tree that a test may spoil. */
export interface Sandbox {
  folder: string;
  /** Writes a file into the copy, making folders as needed. */
  write(path: string, text: string): void;
  remove(path: string): void;
  dispose(): void;
}

const CONFIGURATION = [
  "package.json",
  "tsconfig.json",
  "biome.json",
  ".gitignore",
  ".dependency-cruiser.mjs",
  "codecs/package.json",
  "node-agent/package.json",
];
const WORKSPACES = ["codecs", "radio-hal", "node-agent", "controller", "scenarios"];

const FENCED = ["codecs", "node-agent/src/core"];

/**
 * Copies sources, the fenced ones unless others are named, with the configuration of all tools into a temporary folder.
 * The packages of the registry are linked, those of the workspace are the copies.
 */
export function makeSandbox(sources: readonly string[] = FENCED): Sandbox {
  const folder = mkdtempSync(join(tmpdir(), "skein-fences-"));
  for (const path of CONFIGURATION) cpSync(join(root, path), join(folder, path));
  for (const path of sources) {
    cpSync(join(root, path), join(folder, path), {
      recursive: true,
      filter: (source) => !/\/(node_modules|docs|dist)$|\.(test|tap|bench)\.ts$/.test(source),
    });
  }
  linkModules(folder);
  return {
    folder,
    write(path, text) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    },
    remove: (path) => rmSync(join(folder, path)),
    dispose: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function linkModules(folder: string): void {
  const modules = join(folder, "node_modules");
  mkdirSync(join(modules, "@skein"), { recursive: true });
  for (const name of readdirSync(join(root, "node_modules"))) {
    if (name !== "@skein") symlinkSync(join(root, "node_modules", name), join(modules, name));
  }
  for (const name of WORKSPACES.filter((name) => existsSync(join(folder, name)))) {
    symlinkSync(join(folder, name), join(modules, "@skein", name));
  }
}
