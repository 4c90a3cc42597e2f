import { request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import { splitHostPort } from "../config/controller-config.ts";
import { sendJson } from "./respond.ts";

const MAX_BODY_OCTETS = 64 * 1024;
const MAX_REPLY_OCTETS = 1024 * 1024;
const TIMEOUT_MS = 15_000;

/** Reads a request's body; undefined if it is larger than the limit or broken off. */
export async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  return collect(request, MAX_BODY_OCTETS);
}

async function collect(stream: IncomingMessage, limitOctets: number): Promise<Buffer | undefined> {
  const parts: Buffer[] = [];
  let octets = 0;
  try {
    for await (const part of stream as AsyncIterable<Buffer>) {
      octets += part.length;
      if (octets > limitOctets) return undefined;
      parts.push(part);
    }
  } catch {
    return undefined;
  }
  return Buffer.concat(parts);
}

/** Passes one JSON request on to a service of this machine and its answer back; 502 with a code if that fails. */
export async function forward(
  response: ServerResponse,
  service: { name: string; hostPort: string; method: string; path: string },
  body: Buffer,
): Promise<void> {
  const { host, port } = splitHostPort(service.hostPort);
  const unreachable = (reason: string): void => {
    if (response.headersSent) return;
    const message = `the ${service.name} at ${service.hostPort} does not answer (${reason})`;
    sendJson(response, 502, { ok: false, code: `${service.name}-unreachable`, message });
  };
  await new Promise<void>((done) => {
    const outgoing = httpRequest({
      host,
      port,
      method: service.method,
      path: service.path,
      timeout: TIMEOUT_MS,
      headers: { "content-type": "application/json", "content-length": body.length },
    });
    outgoing.on("timeout", () => outgoing.destroy(new Error("time-out")));
    outgoing.on("error", (error) => {
      unreachable(error.message);
      done();
    });
    outgoing.on("response", async (incoming) => {
      const reply = await collect(incoming, MAX_REPLY_OCTETS);
      if (reply === undefined) unreachable("answer broken off or too large");
      else {
        response.writeHead(incoming.statusCode ?? 502, { "content-type": "application/json" });
        response.end(reply);
      }
      done();
    });
    outgoing.end(body);
  });
}
