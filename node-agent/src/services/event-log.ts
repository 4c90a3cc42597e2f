import type { LogEvent } from "../api/types.ts";
import type { Log } from "../shell/log.ts";

const EVENTS_MAX = 200;

/** The last events for people, numbered; each also goes to the structured log and to whoever listens. */
export class EventLog {
  readonly #log: Log;
  readonly #events: LogEvent[] = [];
  #sequence = 0;
  /** Called with each new event. */
  onEvent: (event: LogEvent) => void = () => undefined;

  constructor(log: Log) {
    this.#log = log;
  }

  add(level: LogEvent["level"], text: string): void {
    const event: LogEvent = { sequence: ++this.#sequence, atMs: Date.now(), level, text };
    this.#events.push(event);
    if (this.#events.length > EVENTS_MAX) this.#events.shift();
    if (level === "info") this.#log.info(text);
    else this.#log.warn(text, level === "alarm" ? { alarm: true } : {});
    this.onEvent(event);
  }

  recent(): LogEvent[] {
    return [...this.#events];
  }
}
