import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";

/**
 * Whether a request comes from where it may: no other site's page may write here (cross-site requests), and no foreign
 * name may point at this address (DNS rebinding). Programs send no Origin; browsers send theirs with every write and
 * every WebSocket, and it must be the host that they talk to.
 */
export function isAllowedRequest(request: IncomingMessage, listenHost: string): boolean {
  const host = request.headers.host;
  if (host === undefined || !isOwnName(hostNameOf(host), listenHost)) return false;
  const origin = request.headers.origin;
  if (origin !== undefined) return originHost(origin) === host.toLowerCase();
  const site = request.headers["sec-fetch-site"];
  return site === undefined || site === "same-origin" || site === "none";
}

function originHost(origin: string): string | undefined {
  try {
    return new URL(origin).host.toLowerCase();
  } catch {
    return undefined;
  }
}

/** Host without port and brackets. */
function hostNameOf(host: string): string {
  const name = host.startsWith("[") ? host.slice(1, host.indexOf("]")) : host.replace(/:\d*$/, "");
  return name.toLowerCase();
}

/** An address cannot be a foreign name; of names only the host's own are taken. */
function isOwnName(name: string, listenHost: string): boolean {
  return name === "localhost" || isIP(name) !== 0 || name === listenHost.toLowerCase();
}
