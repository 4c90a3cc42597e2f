import type { CodecFactory } from "../codec-ports.ts";
import { MediaEngine } from "../media-engine.ts";
import type { FromMedia, ToMedia } from "../protocol.ts";

type VoiceOut = Extract<FromMedia, { type: "voice-out" }>;

/** The engine in virtual time. */
export class VirtualMedia {
  nowUs = 5_000_000;
  readonly messages: FromMedia[] = [];
  readonly files = new Map<string, Uint8Array>();
  readonly engine: MediaEngine;

  constructor(codecs: CodecFactory) {
    this.engine = new MediaEngine({
      codecs,
      now: () => this.nowUs,
      readFile: async (path) => {
        const octets = this.files.get(path);
        if (octets === undefined) throw new Error(`no file ${path}`);
        return octets;
      },
      deliver: (messages) => this.messages.push(...messages),
    });
  }

  async send(message: ToMedia): Promise<void> {
    await this.engine.handle(message);
    this.engine.run();
  }

  /** Lets time pass; wakes `lateUs` after each deadline, as a busy machine does. */
  runUntil(untilUs: number, lateUs = 0): void {
    for (let nextUs = this.engine.nextUs(); nextUs + lateUs <= untilUs; nextUs = this.engine.nextUs()) {
      this.nowUs = Math.max(this.nowUs, nextUs + lateUs);
      this.engine.run();
    }
    this.nowUs = untilUs;
    this.engine.run();
  }

  voiceOut(): VoiceOut[] {
    return this.messages.filter((message): message is VoiceOut => message.type === "voice-out");
  }

  counter(name: string): number {
    const reports = this.messages.filter((message) => message.type === "counters");
    return reports.at(-1)?.counters[name] ?? 0;
  }
}
