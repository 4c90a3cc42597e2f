import type { AgentStatus, Command, CommandReply, ServerMessage } from "@skein/node-agent/api";

const RETRY_MS = 1000;
/** The agent reports each second; this much silence is no connection. */
const SILENCE_LIMIT_MS = 4000;

/** The handset's connection to its own agent. */
export class AgentClient {
  status: AgentStatus | undefined;
  statusAtMs = 0;
  online = false;
  changed: () => void = () => {};
  onPcm: (talker: number, samples: Int16Array) => void = () => {};
  readonly #waiting = new Map<number, (reply: CommandReply) => void>();
  #socket: WebSocket | undefined;
  #watch: ReturnType<typeof setTimeout> | undefined;
  #nextId = 1;
  #listening = "";

  start(): void {
    const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/ws`);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    this.#listening = "";
    socket.onmessage = ({ data }) => {
      clearTimeout(this.#watch);
      this.#watch = setTimeout(() => socket.close(), SILENCE_LIMIT_MS);
      if (data instanceof ArrayBuffer) this.#pcm(data);
      else this.#message(JSON.parse(String(data)) as ServerMessage);
    };
    socket.onclose = () => this.#lost();
  }

  send(command: Command): Promise<CommandReply> {
    if (this.#socket?.readyState !== WebSocket.OPEN) {
      return Promise.resolve({ ok: false, code: "agent-unreachable", message: "no connection" });
    }
    const id = this.#nextId++;
    this.#socket.send(JSON.stringify({ type: "command", id, command }));
    return new Promise((resolve) => this.#waiting.set(id, resolve));
  }

  /** One piece of the microphone: 0x01, group, PCM. */
  sendPcm(group: number, samples: Int16Array): void {
    const octets = new Uint8Array(2 + samples.byteLength);
    octets.set([0x01, group]);
    octets.set(new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength), 2);
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(octets);
  }

  #message(message: ServerMessage): void {
    if (message.type === "status") {
      this.status = message.status;
      this.statusAtMs = Date.now();
      this.online = true;
      this.#listen(message.status.voice.groups);
    } else if (message.type === "reply") {
      this.#waiting.get(message.id)?.(message.reply);
      this.#waiting.delete(message.id);
    }
    this.changed();
  }

  /** Asks for the sound of every group of this node, once for each connection and change. */
  #listen(groups: number[]): void {
    const key = groups.join();
    if (key === this.#listening) return;
    this.#listening = key;
    void this.send({ do: "listen", groups });
  }

  #pcm(data: ArrayBuffer): void {
    const view = new DataView(data);
    if (data.byteLength >= 6 && view.getUint8(0) === 0x02) this.onPcm(view.getUint16(2), new Int16Array(data.slice(4)));
  }

  #lost(): void {
    clearTimeout(this.#watch);
    for (const resolve of this.#waiting.values()) resolve({ ok: false, code: "lost", message: "no connection" });
    this.#waiting.clear();
    this.online = false;
    this.changed();
    setTimeout(() => this.start(), RETRY_MS);
  }
}
