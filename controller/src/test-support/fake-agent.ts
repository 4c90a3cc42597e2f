import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";

/** By method and path, with the query or without. */
type Answer = (body: unknown) => { status: number; value: unknown };

/** An HTTP and WebSocket server on loopback that stands for the agent, or for a lab, in tests. */
export class FakeAgent {
  readonly http: Server;
  readonly sockets = new Set<WebSocket>();
  readonly commands: { id: number; command: Record<string, unknown> }[] = [];
  readonly binaries: Buffer[] = [];
  readonly requests: { route: string; body: unknown }[] = [];
  /** What a new connection is told. */
  greeting: (() => unknown) | undefined;
  reply: (command: Record<string, unknown>) => unknown = () => ({ ok: true });
  readonly #answers: Record<string, Answer>;
  readonly #server: WebSocketServer;
  #wake: (() => void)[] = [];

  constructor(answers: Record<string, Answer> = {}) {
    this.#answers = answers;
    this.http = createServer((request, response) => this.#answer(request, response));
    this.#server = new WebSocketServer({ server: this.http, path: "/api/ws" });
    this.#server.on("connection", (socket) => this.#connected(socket));
  }

  async listen(port = 0): Promise<number> {
    await new Promise<void>((done) => this.http.listen(port, "127.0.0.1", done));
    return (this.http.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.terminate();
    this.#server.close();
    this.http.closeAllConnections();
    await new Promise<void>((done) => this.http.close(() => done()));
  }

  send(data: unknown): void {
    const message = typeof data === "string" || data instanceof Uint8Array ? data : JSON.stringify(data);
    for (const socket of this.sockets) socket.send(message);
  }

  /** Resolves when `ready` holds; it is asked again after everything that arrives. */
  async until(ready: () => boolean): Promise<void> {
    while (!ready()) await new Promise<void>((wake) => this.#wake.push(wake));
  }

  #arrived(): void {
    const wake = this.#wake;
    this.#wake = [];
    for (const call of wake) call();
  }

  #connected(socket: WebSocket): void {
    this.sockets.add(socket);
    socket.on("close", () => {
      this.sockets.delete(socket);
      this.#arrived();
    });
    socket.on("message", (data, isBinary) => {
      if (isBinary) this.binaries.push(data as Buffer);
      else {
        const message = JSON.parse(String(data)) as { id: number; command: Record<string, unknown> };
        this.commands.push(message);
        socket.send(JSON.stringify({ type: "reply", id: message.id, reply: this.reply(message.command) }));
      }
      this.#arrived();
    });
    if (this.greeting !== undefined) socket.send(JSON.stringify(this.greeting()));
    this.#arrived();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = "";
    for await (const part of request) text += String(part);
    const body: unknown = text === "" ? null : JSON.parse(text);
    const route = `${request.method} ${request.url}`;
    this.requests.push({ route, body });
    const answer = this.#answers[route] ?? this.#answers[route.replace(/\?.*/, "")];
    const { status, value } = answer?.(body) ?? { status: 404, value: { ok: false } };
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify(value));
    this.#arrived();
  }
}
