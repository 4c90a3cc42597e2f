import { WebSocket } from "ws";
import { type AgentMessage, agentMessageSchema } from "./agent-status.ts";

const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 2000;
const HANDSHAKE_TIMEOUT_MS = 3000;
/** The agent reports every second; this much silence means that it hangs or the socket is dead. */
const SILENCE_LIMIT_MS = 6000;
const MAX_MESSAGE_OCTETS = 8 * 1024 * 1024;

export interface AgentLinkHandlers {
  onMessage(message: AgentMessage): void;
  /** PCM as in the agent's API: 0x02, group, talker, samples. */
  onPcm(octets: Buffer): void;
  onConnected(connected: boolean): void;
  /** Something that is no message of the agent's API. */
  onRubbish(): void;
}

/** The one connection to the agent; opened again for as long as it takes, until `close`. */
export class AgentLink {
  readonly #url: string;
  readonly #handlers: AgentLinkHandlers;
  #socket: WebSocket | undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  #silenceTimer: NodeJS.Timeout | undefined;
  #retryMs = FIRST_RETRY_MS;
  #closed = false;
  #connected = false;

  constructor(agent: string, handlers: AgentLinkHandlers) {
    this.#url = `ws://${agent}/api/ws`;
    this.#handlers = handlers;
    this.#open();
  }

  get connected(): boolean {
    return this.#connected;
  }

  /** Sends a text or PCM message; false if there is no connection now. */
  send(data: string | Uint8Array): boolean {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(data);
    return true;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#silenceTimer);
    this.#socket?.terminate();
  }

  #open(): void {
    const socket = new WebSocket(this.#url, {
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      maxPayload: MAX_MESSAGE_OCTETS,
      perMessageDeflate: false,
    });
    this.#socket = socket;
    socket.on("open", () => {
      this.#retryMs = FIRST_RETRY_MS;
      this.#watchSilence();
      this.#setConnected(true);
    });
    socket.on("message", (data, isBinary) => this.#receive(data as Buffer, isBinary));
    // `close` follows every error and starts the next attempt.
    socket.on("error", () => {});
    socket.on("close", () => this.#retry());
  }

  #receive(data: Buffer, isBinary: boolean): void {
    this.#watchSilence();
    if (isBinary) {
      if (data.length >= 4 && data[0] === 0x02) this.#handlers.onPcm(data);
      else this.#handlers.onRubbish();
      return;
    }
    const message = parseAgentMessage(data.toString("utf8"));
    if (message === undefined) this.#handlers.onRubbish();
    else this.#handlers.onMessage(message);
  }

  #watchSilence(): void {
    clearTimeout(this.#silenceTimer);
    this.#silenceTimer = setTimeout(() => this.#socket?.terminate(), SILENCE_LIMIT_MS);
  }

  #retry(): void {
    clearTimeout(this.#silenceTimer);
    this.#setConnected(false);
    if (this.#closed) return;
    this.#retryTimer = setTimeout(() => this.#open(), this.#retryMs);
    this.#retryMs = Math.min(LONGEST_RETRY_MS, this.#retryMs * 2);
  }

  #setConnected(connected: boolean): void {
    if (this.#connected === connected) return;
    this.#connected = connected;
    this.#handlers.onConnected(connected);
  }
}

function parseAgentMessage(text: string): AgentMessage | undefined {
  try {
    return agentMessageSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
