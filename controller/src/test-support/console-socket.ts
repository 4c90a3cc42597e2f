import { once } from "node:events";
import { WebSocket } from "ws";
import type { ConsoleServerMessage } from "../api/messages.ts";

type Reply = Extract<ConsoleServerMessage, { type: "reply" }>["reply"];
type Message<T> = Extract<ConsoleServerMessage, { type: T }>;

/** A console's WebSocket as a browser would open it. */
export class ConsoleSocket {
  readonly socket: WebSocket;
  readonly messages: ConsoleServerMessage[] = [];
  readonly binaries: Buffer[] = [];
  #wake: (() => void)[] = [];
  #nextId = 1;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on("message", (data, isBinary) => {
      if (isBinary) this.binaries.push(data as Buffer);
      else this.messages.push(JSON.parse(String(data)) as ConsoleServerMessage);
      this.#arrived();
    });
    socket.on("close", () => this.#arrived());
  }

  static async open(url: string): Promise<ConsoleSocket> {
    const console = new ConsoleSocket(
      new WebSocket(`${url.replace("http", "ws")}api/ws`, { origin: url.slice(0, -1) }),
    );
    await once(console.socket, "open");
    return console;
  }

  /** The first message of a type that passes, waited for if it has not come yet. */
  async first<T extends ConsoleServerMessage["type"]>(
    type: T,
    passes: (message: Message<T>) => boolean,
  ): Promise<Message<T>> {
    for (;;) {
      const found = this.messages.find((message) => message.type === type && passes(message as Message<T>));
      if (found !== undefined) return found as Message<T>;
      await new Promise<void>((wake) => this.#wake.push(wake));
    }
  }

  async command(command: unknown): Promise<Reply> {
    const id = this.#nextId++;
    this.socket.send(JSON.stringify({ type: "command", id, command }));
    return (await this.first("reply", (message) => message.id === id)).reply;
  }

  /** Resolves when `ready` holds; it is asked again after everything that arrives. */
  async until(ready: () => boolean): Promise<void> {
    while (!ready()) await new Promise<void>((wake) => this.#wake.push(wake));
  }

  close(): void {
    this.socket.terminate();
  }

  #arrived(): void {
    const wake = this.#wake;
    this.#wake = [];
    for (const call of wake) call();
  }
}
