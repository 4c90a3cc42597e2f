import type { FromMedia } from "./protocol.ts";

/** Reports wait this long for company: one message between processes costs more than the ten it may carry. */
const REPORT_DELAY_US = 200_000;
const REPORTS = new Set<FromMedia["type"]>(["voice-played", "voice-sent", "video-frame", "counters"]);

/**
 * Gathers messages for the agent. Media goes at the end of the turn; reports, which carry their own time, ride
 * with it or go within 200 ms.
 */
export class Outbox {
  private readonly deliver: (messages: FromMedia[]) => void;
  private messages: FromMedia[] = [];
  private dueUs = Infinity;

  constructor(deliver: (messages: FromMedia[]) => void) {
    this.deliver = deliver;
  }

  add(message: FromMedia, nowUs: number): void {
    this.messages.push(message);
    const dueUs = REPORTS.has(message.type) ? nowUs + REPORT_DELAY_US : nowUs;
    if (dueUs < this.dueUs) this.dueUs = dueUs;
  }

  nextUs(): number {
    return this.dueUs;
  }

  run(nowUs: number): void {
    if (nowUs >= this.dueUs) this.flush();
  }

  flush(): void {
    this.dueUs = Infinity;
    if (this.messages.length === 0) return;
    const messages = this.messages;
    this.messages = [];
    this.deliver(messages);
  }
}
