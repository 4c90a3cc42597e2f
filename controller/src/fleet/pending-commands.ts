import type { Command, CommandReply } from "@skein/node-agent/api";

const REPLY_TIMEOUT_MS = 10_000;
const MAX_PENDING = 1000;

interface Waiting {
  settle(reply: CommandReply): void;
  timer: NodeJS.Timeout;
}

/** Commands sent to the agent that have no reply yet. Every one of them gets exactly one reply. */
export class PendingCommands {
  readonly #waiting = new Map<number, Waiting>();
  readonly #send: (text: string) => boolean;
  #nextId = 1;

  /** `send` returns false if the agent is not connected. */
  constructor(send: (text: string) => boolean) {
    this.#send = send;
  }

  submit(command: Command): Promise<CommandReply> {
    if (this.#waiting.size >= MAX_PENDING) return Promise.resolve(failure("busy", "too many commands are waiting"));
    const id = this.#nextId++;
    return new Promise((settle) => {
      if (!this.#send(JSON.stringify({ type: "command", id, command }))) {
        settle(failure("agent-unreachable", "the agent is not connected"));
        return;
      }
      const timer = setTimeout(() => this.resolve(id, failure("timeout", "the agent did not reply")), REPLY_TIMEOUT_MS);
      this.#waiting.set(id, { settle, timer });
    });
  }

  /** Hands a reply to whoever waits for it; false if nobody does. */
  resolve(id: number, reply: CommandReply): boolean {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return false;
    this.#waiting.delete(id);
    clearTimeout(waiting.timer);
    waiting.settle(reply);
    return true;
  }

  failAll(): void {
    for (const id of [...this.#waiting.keys()]) {
      this.resolve(id, failure("agent-unreachable", "the connection to the agent was lost before it replied"));
    }
  }
}

function failure(code: string, message: string): CommandReply {
  return { ok: false, code, message };
}
