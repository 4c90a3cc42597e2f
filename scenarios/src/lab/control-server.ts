import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { LabAction, LabReply, LabState } from "@skein/controller";
import { z } from "zod";

const HOST = "127.0.0.1";
const BODY_OCTETS_MAX = 4096;
const ALLOWED_HOSTS = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/;

const address = z.number().int().min(1).max(0xffff);
const actionSchema = z.discriminatedUnion("action", [
  z.strictObject({ action: z.literal("cut-link"), from: address, to: address }),
  z.strictObject({ action: z.literal("restore-link"), from: address, to: address }),
  z.strictObject({ action: z.literal("kill-node"), address }),
  z.strictObject({ action: z.literal("restore-node"), address }),
  z.strictObject({ action: z.literal("cut-network"), network: z.string().min(1).max(32) }),
  z.strictObject({ action: z.literal("restore-network"), network: z.string().min(1).max(32) }),
]);

export interface LabControl {
  state(): LabState;
  act(action: LabAction): Promise<LabReply>;
}

/** The lab's control API on loopback: GET /lab/state, POST /lab/action. */
export class ControlServer {
  readonly #server: Server;
  readonly #control: LabControl;

  constructor(control: LabControl) {
    this.#control = control;
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch(() => {
        if (response.headersSent) response.destroy();
        else reply(response, 500, { ok: false, message: "internal error" });
      });
    });
  }

  /** Listens on a free port; returns HOST:PORT. */
  async start(): Promise<string> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(0, HOST, resolve);
    });
    return `${HOST}:${(this.#server.address() as AddressInfo).port}`;
  }
  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!isAllowed(request)) return reply(response, 403, { ok: false, message: "this host or origin may not call" });
    const route = `${request.method} ${(request.url ?? "/").split("?")[0]}`;
    if (route === "GET /lab/state") return reply(response, 200, this.#control.state());
    if (route !== "POST /lab/action") return reply(response, 404, { ok: false, message: `${route} does not exist` });
    if (!(request.headers["content-type"] ?? "").startsWith("application/json")) {
      return reply(response, 415, { ok: false, message: "expected content-type application/json" });
    }
    const body = await readBody(request);
    if (body === undefined) return reply(response, 413, { ok: false, message: `more than ${BODY_OCTETS_MAX} octets` });
    const action = parseAction(body);
    if (typeof action === "string") return reply(response, 400, { ok: false, message: action });
    const answer = await this.#control.act(action);
    reply(response, answer.ok ? 200 : 409, answer);
  }
}

/** The action, or in words what is wrong with it. */
export function parseAction(text: string): LabAction | string {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return "not JSON";
  }
  const result = actionSchema.safeParse(json);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  return `${issue?.path.join(".") || "action"}: ${issue?.message ?? "not understood"}`;
}

/** No other site's page may write here, and no foreign name may point at this address (DNS rebinding). */
function isAllowed(request: IncomingMessage): boolean {
  const { host, origin } = request.headers;
  if (host === undefined || !ALLOWED_HOSTS.test(host)) return false;
  return origin === undefined || origin === `http://${host}`;
}

async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const parts: Buffer[] = [];
  let lengthOctets = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    lengthOctets += part.length;
    if (lengthOctets <= BODY_OCTETS_MAX) parts.push(part);
  }
  return lengthOctets > BODY_OCTETS_MAX ? undefined : Buffer.concat(parts).toString("utf8");
}

function reply(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, {
    "content-type": "application/json",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
  });
  response.end(JSON.stringify(value));
}
