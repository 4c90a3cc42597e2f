import type { BearerCounters } from "../bearer.ts";

/** Why a frame was not sent; the names that all bearers share. */
export type SendDrop = "down" | "empty" | "too-long" | "no-endpoint" | "queue-full" | "io-error";

/** Counters of one bearer. */
export class Counters implements BearerCounters {
  framesSent = 0;
  framesReceived = 0;
  octetsSent = 0;
  octetsReceived = 0;
  readonly dropsSent: Record<string, number> = {};
  readonly dropsReceived: Record<string, number> = {};

  sent(lengthOctets: number): void {
    this.framesSent++;
    this.octetsSent += lengthOctets;
  }

  received(lengthOctets: number): void {
    this.framesReceived++;
    this.octetsReceived += lengthOctets;
  }

  /** Counts a refused frame; returns what `send` returns then. */
  refuse(reason: SendDrop): false {
    this.dropsSent[reason] = (this.dropsSent[reason] ?? 0) + 1;
    return false;
  }

  drop(reason: string): void {
    this.dropsReceived[reason] = (this.dropsReceived[reason] ?? 0) + 1;
  }
}
