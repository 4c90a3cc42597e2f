import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import type { CommandReply } from "@skein/node-agent/api";
import { WebSocketServer } from "ws";
import { Browser } from "./browser.ts";
import { clientMessageSchema, type ValidCommand } from "./command-schema.ts";
import type { Counters } from "./counters.ts";
import { isAllowedHost, isAllowedOrigin } from "./guard.ts";
import type { ConsoleServerMessage } from "./messages.ts";

const MAX_BROWSERS = 32;
/** Text commands and 20 ms of PCM are far below this. */
const MAX_MESSAGE_OCTETS = 64 * 1024;

export interface HubHandlers {
  configuredHost: string;
  counters: Counters;
  /** First messages for a browser that has just come. */
  greet(): ConsoleServerMessage[];
  command(browser: Browser, command: ValidCommand): Promise<CommandReply>;
  /** PCM of a browser's microphone, header included; only while it holds the key. */
  microphone(browser: Browser, octets: Buffer): void;
  gone(browser: Browser): void;
}

/** All browsers connected to the console's WebSocket. */
export class BrowserHub {
  readonly #handlers: HubHandlers;
  readonly #server: WebSocketServer;
  readonly #browsers = new Set<Browser>();

  constructor(http: Server, handlers: HubHandlers) {
    this.#handlers = handlers;
    this.#server = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE_OCTETS, perMessageDeflate: false });
    http.on("upgrade", (request, socket, head) => this.#upgrade(request, socket, head));
  }

  get browsers(): ReadonlySet<Browser> {
    return this.#browsers;
  }

  /** Sends to everyone; whoever is too far behind misses it, and that is counted. */
  broadcast(message: ConsoleServerMessage): void {
    const text = JSON.stringify(message);
    for (const browser of this.#browsers) if (!browser.send(text)) this.#handlers.counters.count("slowBrowser");
  }

  close(): void {
    for (const browser of this.#browsers) browser.socket.terminate();
    this.#server.close();
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { counters, configuredHost } = this.#handlers;
    const reject = (status: string, counter: string): void => {
      counters.count(counter);
      socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    };
    socket.on("error", () => socket.destroy());
    if (!isAllowedHost(request.headers.host, configuredHost)) {
      reject("421 Misdirected Request", "foreignHost");
      return;
    }
    if (!isAllowedOrigin(request)) {
      reject("403 Forbidden", "foreignOrigin");
      return;
    }
    if (request.url?.split("?")[0] !== "/api/ws") {
      reject("404 Not Found", "unknownUpgrade");
      return;
    }
    if (this.#browsers.size >= MAX_BROWSERS) {
      reject("503 Service Unavailable", "tooManyBrowsers");
      return;
    }
    this.#server.handleUpgrade(request, socket, head, (webSocket) => this.#welcome(new Browser(webSocket)));
  }

  #welcome(browser: Browser): void {
    this.#browsers.add(browser);
    browser.socket.on("message", (data, isBinary) => this.#receive(browser, data as Buffer, isBinary));
    // Oversized or malformed frames end here; `close` follows.
    browser.socket.on("error", () => this.#handlers.counters.count("badFrame"));
    browser.socket.on("close", () => {
      this.#browsers.delete(browser);
      this.#handlers.gone(browser);
    });
    for (const message of this.#handlers.greet()) browser.say(message);
  }

  #receive(browser: Browser, data: Buffer, isBinary: boolean): void {
    if (isBinary) {
      // 0x01, group, then whole 16-bit samples.
      if (data.length > 2 && data.length % 2 === 0 && data[0] === 0x01) this.#handlers.microphone(browser, data);
      else this.#rubbish(browser, "badBinary");
      return;
    }
    const parsed = parseClientMessage(data.toString("utf8"));
    if (parsed === undefined) {
      this.#rubbish(browser, "badJson");
      return;
    }
    const message = clientMessageSchema.safeParse(parsed);
    if (!message.success) {
      this.#rubbish(browser, "badMessage");
      const id = (parsed as { id?: unknown }).id;
      const issue = message.error.issues[0];
      const text = issue === undefined ? "not understood" : `${issue.path.join(".")}: ${issue.message}`;
      if (Number.isSafeInteger(id)) {
        browser.say({ type: "reply", id: id as number, reply: { ok: false, code: "bad-command", message: text } });
      }
      return;
    }
    const { id, command } = message.data;
    this.#handlers.command(browser, command).then((reply) => browser.say({ type: "reply", id, reply }));
  }

  #rubbish(browser: Browser, counter: string): void {
    this.#handlers.counters.count(counter);
    browser.noteRubbish();
  }
}

function parseClientMessage(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
