import type { IncomingMessage, OutgoingHttpHeaders } from "node:http";
import { isIP } from "node:net";

/**
 * Nothing but this origin: no script, style, image or connection from anywhere else, no framing, no plug-ins.
 * `data:` images are the map library's own cursor and control icons, part of its style sheet.
 */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "worker-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "media-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

export const SECURITY_HEADERS: OutgoingHttpHeaders = {
  "content-security-policy": CONTENT_SECURITY_POLICY,
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "microphone=(self), camera=(self), geolocation=()",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

function hostName(host: string): string {
  return host.replace(/:\d+$/, "").replace(/^\[|\]$/g, "");
}

/**
 * True if a request names this machine. DNS rebinding needs a name, so addresses and `localhost` pass, and a name
 * only if it is the configured one.
 */
export function isAllowedHost(host: string | undefined, configuredHost: string): boolean {
  if (host === undefined) return false;
  const name = hostName(host).toLowerCase();
  return name === "localhost" || isIP(name) !== 0 || name === configuredHost.toLowerCase();
}

/** True if there is no Origin (no browser), or it is the very origin that the request was sent to. */
export function isAllowedOrigin(request: IncomingMessage): boolean {
  const { origin, host } = request.headers;
  return origin === undefined || origin === `http://${host}` || origin === `https://${host}`;
}
