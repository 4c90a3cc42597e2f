import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { CommandReply, PolicyDocument } from "@skein/node-agent/api";
import { policyDocumentSchema } from "@skein/node-agent/config";
import type { ControllerConfig } from "../config/controller-config.ts";
import { splitHostPort } from "../config/controller-config.ts";
import type { Counters } from "./counters.ts";
import { isAllowedHost, isAllowedOrigin, SECURITY_HEADERS } from "./guard.ts";
import { forward, readBody } from "./proxy.ts";
import { refuse, sendJson } from "./respond.ts";
import type { StaticFile } from "./static-files.ts";

/** What the HTTP side needs of the rest. */
export interface HttpContext {
  config: ControllerConfig;
  files: ReadonlyMap<string, StaticFile>;
  counters: Counters;
  /** The current picture, as `/api/picture` gives it. */
  picture(): unknown;
  /** What `/api/policy` gives; undefined before the agent has told anything. */
  policy(): unknown;
  /** Publishes a policy to the mesh. */
  publish(document: PolicyDocument): Promise<CommandReply>;
}

/** Serves the built console and the API; the WebSocket upgrade is the browser hub's. */
export function createHttpServer(context: HttpContext): Server {
  const server = createServer({ requestTimeout: 20_000, headersTimeout: 10_000 }, (request, response) => {
    handle(context, request, response).catch(() => {
      context.counters.count("requestFailed");
      if (!response.headersSent) refuse(response, 500, "internal", "the request could not be answered");
      else response.destroy();
    });
  });
  server.maxConnections = 256;
  return server;
}

async function handle(context: HttpContext, request: IncomingMessage, response: ServerResponse): Promise<void> {
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value as string);
  const configured = splitHostPort(context.config.listen).host;
  if (!isAllowedHost(request.headers.host, configured)) {
    context.counters.count("foreignHost");
    refuse(response, 421, "foreign-host", "this server is not known by that name");
    return;
  }
  if (!isAllowedOrigin(request)) {
    context.counters.count("foreignOrigin");
    refuse(response, 403, "foreign-origin", "requests from other sites are refused");
    return;
  }
  const path = (request.url ?? "/").split("?")[0] ?? "/";
  if (path.startsWith("/api/")) return handleApi(context, request, response, path);
  serveFile(context, request, response, path);
}

async function handleApi(
  context: HttpContext,
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
): Promise<void> {
  const { config } = context;
  const method = request.method ?? "GET";
  const route = `${method} ${path}`;
  if (route === "GET /api/picture") {
    sendJson(response, 200, context.picture());
    return;
  }
  if (route === "GET /api/what-if") {
    return pass(context, request, response, {
      name: "agent",
      hostPort: config.agent,
      method,
      path: request.url ?? path,
    });
  }
  if (route === "GET /api/policy") {
    const policy = context.policy();
    if (policy === undefined) refuse(response, 503, "agent-lost", "the agent has not told anything yet");
    else sendJson(response, 200, policy);
    return;
  }
  if (route === "POST /api/policy") return publish(context, request, response);
  if (route === "POST /api/webrtc") {
    return pass(context, request, response, { name: "agent", hostPort: config.agent, method, path });
  }
  if (route === "GET /api/lab/state" || route === "POST /api/lab/action") {
    if (config.lab === undefined) {
      refuse(response, 404, "no-lab", "no lab is configured");
      return;
    }
    return pass(context, request, response, { name: "lab", hostPort: config.lab, method, path: path.slice(4) });
  }
  refuse(response, 404, "not-found", `there is no ${route}`);
}

async function publish(context: HttpContext, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await jsonBody(context, request, response);
  if (body === undefined) return;
  const draft = policyDocumentSchema.safeParse(JSON.parse(body.toString("utf8")));
  if (!draft.success) {
    const issue = draft.error.issues[0];
    refuse(response, 400, "policy-invalid", issue === undefined ? "" : `${issue.path.join(".")}: ${issue.message}`);
    return;
  }
  const reply = await context.publish(draft.data);
  sendJson(response, reply.ok ? 200 : 409, reply);
}

async function pass(
  context: HttpContext,
  request: IncomingMessage,
  response: ServerResponse,
  service: { name: string; hostPort: string; method: string; path: string },
): Promise<void> {
  const body = service.method === "POST" ? await jsonBody(context, request, response) : Buffer.alloc(0);
  if (body !== undefined) await forward(response, service, body);
}

/** The body of a write, a JSON object; undefined, and answered, if it is anything else. */
async function jsonBody(
  context: HttpContext,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<Buffer | undefined> {
  const { counters } = context;
  if (!/^application\/json\b/.test(request.headers["content-type"] ?? "")) {
    counters.count("badContentType");
    refuse(response, 415, "not-json", "send application/json");
    return undefined;
  }
  const body = await readBody(request);
  if (body === undefined) {
    counters.count("bodyTooLarge");
    response.setHeader("connection", "close");
    refuse(response, 413, "body-too-large", "a request body is at most 64 KiB");
    return undefined;
  }
  if (!isJsonObject(body)) {
    counters.count("badJson");
    refuse(response, 400, "bad-json", "the body is not a JSON object");
    return undefined;
  }
  return body;
}

function isJsonObject(body: Buffer): boolean {
  try {
    const value: unknown = JSON.parse(body.toString("utf8"));
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

function serveFile(context: HttpContext, request: IncomingMessage, response: ServerResponse, path: string): void {
  if (request.method !== "GET" && request.method !== "HEAD") {
    refuse(response, 405, "method-not-allowed", "pages are read with GET");
    return;
  }
  if (context.files.size === 0) {
    const message = "the console is not built; run: npm run build -w @skein/controller";
    refuse(response, 503, "console-not-built", message);
    return;
  }
  const file = context.files.get(path);
  if (file === undefined) {
    refuse(response, 404, "not-found", `there is no ${path}`);
    return;
  }
  response.writeHead(200, {
    "content-type": file.contentType,
    "content-length": file.body.length,
    "cache-control": file.immutable ? "public, max-age=31536000, immutable" : "no-cache",
  });
  response.end(request.method === "HEAD" ? undefined : file.body);
}
