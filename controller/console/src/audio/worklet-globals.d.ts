/** The audio thread's globals, which TypeScript's DOM library leaves out (Web Audio 1.32). */
declare const sampleRate: number;
declare abstract class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare function registerProcessor(name: string, processor: new () => AudioWorkletProcessor): void;
