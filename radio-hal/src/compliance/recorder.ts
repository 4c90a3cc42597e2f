import type { BearerEvents } from "../bearer.ts";

/** Remembers everything that a bearer tells. */
export class Recorder implements BearerEvents {
  /** Frames as hexadecimal text, in the order of arrival. */
  readonly frames: string[] = [];
  readonly endpoints: number[] = [];
  /** `up`, `down`, `carrier`, `silence`, `drained` in their order. */
  readonly told: string[] = [];
  lastDownReason = "";

  frame(endpoint: number, octets: Uint8Array, length: number): void {
    this.endpoints.push(endpoint);
    this.frames.push(Buffer.from(octets.subarray(0, length)).toString("hex"));
  }
  up(): void {
    this.told.push("up");
  }
  down(reason: string): void {
    this.told.push("down");
    this.lastDownReason = reason;
  }
  carrier(busy: boolean): void {
    this.told.push(busy ? "carrier" : "silence");
  }
  drained(): void {
    this.told.push("drained");
  }
  count(what: string): number {
    return this.told.filter((told) => told === what).length;
  }
}

/** Waits on the real clock until `done()`; for sockets and devices. @throws after `limitMs` */
export async function untilReal(what: string, done: () => boolean, limitMs = 10_000): Promise<void> {
  const endMs = performance.now() + limitMs;
  while (!done()) {
    if (performance.now() > endMs) throw new Error(`waited ${limitMs} ms in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
