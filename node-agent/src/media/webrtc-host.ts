import { Worker } from "node:worker_threads";
import type { FromMedia, ToMedia } from "./protocol.ts";

const ENTRY = new URL("./webrtc-worker.ts", import.meta.url);

/** The WebRTC worker as the media process sees it: nothing exists until a browser makes an offer. */
export class WebRtcHost {
  private worker: Worker | null = null;
  private readonly waiting = new Set<number>();
  private readonly emit: (message: FromMedia) => void;

  constructor(emit: (message: FromMedia) => void) {
    this.emit = emit;
  }

  handle(message: ToMedia): void {
    if (message.type === "webrtc-offer") {
      this.waiting.add(message.requestId);
      this.worker ??= this.start();
    }
    this.worker?.postMessage(message);
  }

  close(): void {
    void this.worker?.terminate();
    this.worker = null;
  }

  private start(): Worker {
    const worker = new Worker(ENTRY);
    worker.on("message", (message: FromMedia) => {
      if (message.type === "webrtc-answer" || message.type === "webrtc-failed") this.waiting.delete(message.requestId);
      this.emit(message);
    });
    worker.on("error", (error) => this.handleEnd(worker, error.message));
    worker.on("exit", () => this.handleEnd(worker, "the WebRTC worker ended"));
    return worker;
  }

  /** The next offer starts a new one; browsers connect again by themselves when they see theirs fail. */
  private handleEnd(worker: Worker, reason: string): void {
    if (this.worker !== worker) return;
    this.worker = null;
    for (const requestId of this.waiting) this.emit({ type: "webrtc-failed", requestId, reason });
    this.waiting.clear();
  }
}
