import { readdirSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";

export interface StaticFile {
  body: Buffer;
  contentType: string;
  /** Built files with a hash in their name never change. */
  immutable: boolean;
}

const CONTENT_TYPES: Record<string, string> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".webmanifest": "application/manifest+json",
};

/**
 * Reads a built page into memory, by URL path. What is not in the map does not exist, so no path can lead out of
 * the folder. An absent folder gives an empty map.
 */
export function loadStaticFiles(folder: string): Map<string, StaticFile> {
  const files = new Map<string, StaticFile>();
  let entries: string[];
  try {
    entries = readdirSync(folder, { recursive: true, encoding: "utf8" });
  } catch {
    return files;
  }
  for (const entry of entries) {
    const contentType = CONTENT_TYPES[extname(entry)];
    if (contentType === undefined) continue;
    const path = `/${entry.replaceAll("\\", "/")}`;
    files.set(path, { body: readFileSync(join(folder, entry)), contentType, immutable: path.startsWith("/assets/") });
  }
  const index = files.get("/index.html");
  if (index !== undefined) files.set("/", index);
  return files;
}
