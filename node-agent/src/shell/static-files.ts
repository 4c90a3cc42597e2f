import { readFile } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { extname, join, normalize } from "node:path";

const MEDIA_TYPES: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
  ".woff2": "font/woff2",
  ".wasm": "application/wasm",
  ".webmanifest": "application/manifest+json",
};

const MISSING = "The handset page is not built on this node. Build it with `npm run build`, or open the console.\n";

/** Serves `folder` under a prefix that was already cut off `path`. Nothing outside the folder is reachable. */
export async function serveStatic(folder: string, path: string, response: ServerResponse): Promise<void> {
  const file = safeName(path);
  try {
    if (file === undefined) throw new Error("outside");
    const octets = await readFile(join(folder, file));
    response.setHeader("content-type", MEDIA_TYPES[extname(file)] ?? "application/octet-stream");
    // Built files carry a hash in their name; the page itself must be asked for each time.
    const kept = file.startsWith("assets/") ? "max-age=31536000, immutable" : "no-cache";
    response.setHeader("cache-control", kept);
    response.writeHead(200).end(octets);
  } catch {
    response.setHeader("content-type", "text/plain; charset=utf-8");
    response.writeHead(404).end(path === "" ? MISSING : "Not found.\n");
  }
}

function safeName(path: string): string | undefined {
  let name: string;
  try {
    name = decodeURIComponent(path);
  } catch {
    return undefined;
  }
  const clean = normalize(name === "" || name.endsWith("/") ? `${name}index.html` : name).replace(/^\/+/, "");
  return clean.startsWith("..") || clean.includes("\0") ? undefined : clean;
}
