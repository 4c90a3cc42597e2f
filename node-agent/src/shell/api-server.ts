import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type RawData, WebSocket, WebSocketServer } from "ws";
import { parseClientMessage, parseCommand, parseWebrtcOffer, type WebrtcOffer } from "../api/commands.ts";
import type { AgentStatus, Command, CommandReply, LogEvent, PathReport, ServerMessage, WhatIf } from "../api/types.ts";
import type { RouteExplanation } from "../core/api.ts";
import { isAllowedRequest } from "./origin.ts";
import { errorCode, errorMessage, SkeinError } from "./skein-error.ts";
import { serveStatic } from "./static-files.ts";

/**
 * Not imported: an import reads every name that the module exports, among them those of a WebSocket client, which loads
 * 40 ms of code that a node has no use for.
 */
const { createServer } = process.getBuiltinModule("node:http");

/** Largest body of a request and largest WebSocket message, octets. */
const BODY_OCTETS_MAX = 96 * 1024;
/** WebSocket clients at once. */
const CLIENTS_MAX = 32;
/** A client that has this much unread gets no more sound or status until it has caught up. */
const BACKLOG_OCTETS_MAX = 1024 * 1024;
const STATUS_MS = 1000;
const PCM_IN = 0x01;
const PCM_OUT = 0x02;

const SECURITY_HEADERS: Record<string, string> = {
  "content-security-policy":
    "default-src 'self'; connect-src 'self'; img-src 'self' data: blob:; media-src 'self' blob: mediastream:; " +
    "style-src 'self' 'unsafe-inline'; worker-src 'self' blob:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
};

/** One caller of the API: a WebSocket, or one HTTP request. Identity of talk keys and listeners. */
export interface ApiClient {
  /** Groups whose sound it wants. */
  listening: ReadonlySet<number>;
  /** False for HTTP, which cannot carry sound back. */
  readonly hasSound: boolean;
}

/** What the agent does for the API. */
export interface ApiHandlers {
  status(): AgentStatus;
  /** The ways to a node, by name or AREA.ID; undefined if nobody has told of it. */
  route(to: string): RouteExplanation | undefined;
  /** What came after a second and an event (see `PathHistory.since`). */
  paths(atMs: number, sequence: number): PathReport;
  /** What the loss of a link or of a bearer would do; undefined if there is no such thing. */
  whatIf(query: URLSearchParams): WhatIf | undefined;
  /** Once a second, before anybody is told anything. */
  everySecond(): void;
  /** Errors are replies. */
  command(command: Command, client: ApiClient): CommandReply;
  /** Returns the SDP answer. @throws SkeinError */
  webrtc(offer: WebrtcOffer): Promise<string>;
  pcm(group: number, pcm: Uint8Array, client: ApiClient): void;
  /** A client is gone: what it held (talk key, listening) is free. */
  gone(client: ApiClient): void;
}

export interface ApiServer {
  /** HOST:PORT, with the port that was really taken. */
  readonly address: string;
  readonly counters: Record<string, number>;
  event(event: LogEvent): void;
  pcm(group: number, talker: number, pcm: Uint8Array): void;
  close(): Promise<void>;
}

/**
 * Starts the HTTP and WebSocket server (see api/types.ts).
 * `listen` is HOST:PORT, port 0 takes a free one; `pages` the folder of the built handset page.
 * @throws SkeinError `port-in-use` or `api-cannot-listen`.
 */
export async function startApiServer(listen: string, pages: string, handlers: ApiHandlers): Promise<ApiServer> {
  const { host, port } = splitHostPort(listen);
  const server = new AgentApi(host, pages, handlers);
  await server.listen(port);
  return server;
}

/** Splits HOST:PORT or [HOST]:PORT. */
export function splitHostPort(text: string): { host: string; port: number } {
  const colon = text.lastIndexOf(":");
  return { host: text.slice(0, colon).replace(/^\[|\]$/g, ""), port: Number(text.slice(colon + 1)) };
}

class SocketClient implements ApiClient {
  listening: ReadonlySet<number> = new Set<number>();
  readonly hasSound = true;
  readonly socket: WebSocket;
  /** The second and the event that it was told of last. */
  toldAtMs = 0;
  toldEvent = 0;
  constructor(socket: WebSocket) {
    this.socket = socket;
  }
  get isBehind(): boolean {
    return this.socket.readyState !== WebSocket.OPEN || this.socket.bufferedAmount > BACKLOG_OCTETS_MAX;
  }
}

class AgentApi implements ApiServer {
  readonly counters = { requests: 0, refused: 0, badMessages: 0, skipped: 0 };
  address = "";
  readonly #host: string;
  readonly #pages: string;
  readonly #handlers: ApiHandlers;
  readonly #server: Server;
  readonly #sockets: WebSocketServer;
  readonly #clients = new Set<SocketClient>();
  /** All HTTP callers are one: a key that one request took, another gives back. */
  readonly #httpClient: ApiClient = { listening: new Set(), hasSound: false };
  #timer: NodeJS.Timeout | undefined;

  constructor(host: string, pages: string, handlers: ApiHandlers) {
    this.#host = host;
    this.#pages = pages;
    this.#handlers = handlers;
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch((error) => this.#fail(response, error));
    });
    this.#server.headersTimeout = 10_000;
    this.#server.requestTimeout = 20_000;
    this.#sockets = new WebSocketServer({ noServer: true, maxPayload: BODY_OCTETS_MAX });
    this.#server.on("upgrade", (request, socket, head) => {
      const path = (request.url ?? "").split("?")[0];
      if (path !== "/api/ws" || !isAllowedRequest(request, this.#host) || this.#clients.size >= CLIENTS_MAX) {
        this.counters.refused++;
        socket.end("HTTP/1.1 403 Forbidden\r\nconnection: close\r\n\r\n");
        return;
      }
      this.#sockets.handleUpgrade(request, socket, head, (webSocket) => this.#welcome(webSocket));
    });
  }

  listen(port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", (error) => reject(this.#listenError(error, port)));
      this.#server.listen(port, this.#host, () => {
        this.#server.removeAllListeners("error");
        this.#server.on("error", () => this.counters.refused++);
        const taken = (this.#server.address() as AddressInfo).port;
        this.address = `${this.#host.includes(":") ? `[${this.#host}]` : this.#host}:${taken}`;
        this.#timer = setInterval(() => {
          this.#handlers.everySecond();
          this.#pushStatus();
        }, STATUS_MS);
        resolve();
      });
    });
  }

  event(event: LogEvent): void {
    const text = JSON.stringify({ type: "event", event } satisfies ServerMessage);
    for (const client of this.#clients) this.#send(client, text);
  }

  pcm(group: number, talker: number, pcm: Uint8Array): void {
    let message: Uint8Array | undefined;
    for (const client of this.#clients) {
      if (!client.listening.has(group)) continue;
      message ??= pcmMessage(group, talker, pcm);
      this.#send(client, message);
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    for (const client of this.#clients) client.socket.terminate();
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #listenError(error: Error, port: number): SkeinError {
    const where = `api.listen: ${this.#host}:${port}`;
    if (errorCode(error, "") === "EADDRINUSE") {
      const remedy = "stop the other program, or choose another port (0 takes a free one)";
      return new SkeinError("port-in-use", `${where} is in use`, remedy, error);
    }
    const remedy = "give an address of this machine, for example 127.0.0.1:4780";
    return new SkeinError("api-cannot-listen", `${where}: ${error.message}`, remedy, error);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.counters.requests++;
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
    if (!isAllowedRequest(request, this.#host)) {
      this.counters.refused++;
      return json(response, 403, { ok: false, code: "foreign-origin", message: "this host or origin may not call" });
    }
    const [path = "/", query] = (request.url ?? "/").split("?");
    const route = `${request.method} ${path}`;
    if (route === "GET /api/status") return json(response, 200, this.#handlers.status());
    if (route === "GET /api/route") return this.#route(response, new URLSearchParams(query).get("to") ?? "");
    if (route === "GET /api/paths") return json(response, 200, this.#handlers.paths(0, 0));
    if (route === "GET /api/what-if") return this.#whatIf(response, new URLSearchParams(query));
    if (route === "POST /api/command") return this.#command(request, response);
    if (route === "POST /api/webrtc") return this.#webrtc(request, response);
    if (request.method === "GET" && (path === "/" || path === "/handset")) {
      response.writeHead(302, { location: "/handset/" }).end();
      return;
    }
    if (request.method === "GET" && path.startsWith("/handset/")) {
      return serveStatic(this.#pages, path.slice("/handset/".length), response);
    }
    json(response, 404, { ok: false, code: "not-found", message: `${route} does not exist` });
  }

  #route(response: ServerResponse, to: string): void {
    if (to === "") return this.#badRequest(response, "to: expected a node's name or AREA.ID");
    const explanation = this.#handlers.route(to);
    if (explanation !== undefined) return json(response, 200, explanation);
    json(response, 404, { ok: false, code: "unknown-node", message: `nobody has told of a node "${to}"` });
  }

  #whatIf(response: ServerResponse, query: URLSearchParams): void {
    const answer = this.#handlers.whatIf(query);
    if (answer === undefined) return this.#badRequest(response, "expected link=FROM-TO or bearer=NAME of this node");
    json(response, 200, answer);
  }

  async #command(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parsed = parseCommand(await readBody(request));
    if (!parsed.ok) return this.#badRequest(response, parsed.message);
    const reply = this.#handlers.command(parsed.value, this.#httpClient);
    json(response, reply.ok ? 200 : 409, reply);
  }

  async #webrtc(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parsed = parseWebrtcOffer(await readBody(request));
    if (!parsed.ok) return this.#badRequest(response, parsed.message);
    json(response, 200, { sdp: await this.#handlers.webrtc(parsed.value) });
  }

  #badRequest(response: ServerResponse, message: string): void {
    this.counters.badMessages++;
    json(response, 400, { ok: false, code: "bad-request", message });
  }

  #fail(response: ServerResponse, error: unknown): void {
    const code = errorCode(error, "internal");
    const status = code === "too-large" ? 413 : code === "bad-media-type" ? 415 : code === "internal" ? 500 : 409;
    if (status !== 409) this.counters.badMessages++;
    if (status === 413) response.setHeader("connection", "close");
    if (response.headersSent) response.destroy();
    else json(response, status, { ok: false, code, message: errorMessage(error) });
  }

  #welcome(socket: WebSocket): void {
    const client = new SocketClient(socket);
    this.#clients.add(client);
    socket.on("message", (data, isBinary) => this.#message(client, data, isBinary));
    // Oversized or malformed frames: ws closes the connection itself, here they are only counted.
    socket.on("error", () => this.counters.badMessages++);
    socket.on("close", () => {
      this.#clients.delete(client);
      this.#handlers.gone(client);
    });
    this.#sendMessage(client, { type: "status", status: this.#handlers.status() });
    this.#tellPaths(client);
  }

  #message(client: SocketClient, data: RawData, isBinary: boolean): void {
    const octets = data as Buffer;
    if (isBinary) return this.#binary(client, octets);
    const parsed = parseClientMessage(octets.toString("utf8"));
    if (!parsed.ok) return this.#rubbish(client, parsed.message);
    const { id, command } = parsed.value;
    if (command.do === "listen") client.listening = new Set(command.groups);
    this.#sendMessage(client, { type: "reply", id, reply: this.#handlers.command(command, client) });
  }

  #binary(client: SocketClient, octets: Buffer): void {
    if (octets.length < 4 || octets[0] !== PCM_IN || octets.length % 2 !== 0) {
      return this.#rubbish(client, "binary message: expected 0x01, group, PCM");
    }
    this.#handlers.pcm(octets[1] as number, octets.subarray(2), client);
  }

  #rubbish(client: SocketClient, message: string): void {
    this.counters.badMessages++;
    this.#sendMessage(client, { type: "reply", id: -1, reply: { ok: false, code: "bad-message", message } });
  }

  #pushStatus(): void {
    if (this.#clients.size === 0) return;
    const text = JSON.stringify({ type: "status", status: this.#handlers.status() } satisfies ServerMessage);
    for (const client of this.#clients) {
      this.#send(client, text);
      this.#tellPaths(client);
    }
  }

  /** What is new of the paths; a client that is behind gets it when it has caught up. */
  #tellPaths(client: SocketClient): void {
    if (client.isBehind) return;
    const paths = this.#handlers.paths(client.toldAtMs, client.toldEvent);
    client.toldAtMs = paths.seconds.at(-1)?.atMs ?? client.toldAtMs;
    client.toldEvent = paths.events.at(-1)?.sequence ?? client.toldEvent;
    if (paths.seconds.length + paths.events.length > 0) this.#sendMessage(client, { type: "paths", paths });
  }

  #sendMessage(client: SocketClient, message: ServerMessage): void {
    this.#send(client, JSON.stringify(message));
  }

  #send(client: SocketClient, message: string | Uint8Array): void {
    if (client.isBehind) this.counters.skipped++;
    else client.socket.send(message);
  }
}

/** 0x02, group, talker (2 octets), PCM. */
function pcmMessage(group: number, talker: number, pcm: Uint8Array): Uint8Array {
  const message = new Uint8Array(4 + pcm.length);
  message[0] = PCM_OUT;
  message[1] = group;
  message[2] = talker >> 8;
  message[3] = talker & 0xff;
  message.set(pcm, 4);
  return message;
}

function json(response: ServerResponse, status: number, value: unknown): void {
  response.setHeader("content-type", "application/json");
  response.setHeader("cache-control", "no-store");
  response.writeHead(status).end(JSON.stringify(value));
}

/**
 * The body of a write. Only JSON is taken: a form of another site can post without asking, but not this media type.
 * @throws SkeinError `bad-media-type`, `too-large`.
 */
async function readBody(request: IncomingMessage): Promise<string> {
  if (!(request.headers["content-type"] ?? "").startsWith("application/json")) {
    throw new SkeinError("bad-media-type", "expected content-type application/json");
  }
  const tooLarge = new SkeinError("too-large", `more than ${BODY_OCTETS_MAX} octets`);
  // Known before reading: the caller gets the reply. Found out while reading: the connection is cut.
  if (Number(request.headers["content-length"] ?? 0) > BODY_OCTETS_MAX) throw tooLarge;
  const parts: Buffer[] = [];
  let lengthOctets = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    lengthOctets += part.length;
    if (lengthOctets > BODY_OCTETS_MAX) throw tooLarge;
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}
