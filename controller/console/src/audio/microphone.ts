import workletUrl from "./capture-worklet.ts?worker&url";

/** The browser's microphone as 20 ms blocks of 16 kHz mono; opened at the first use and kept for the next. */
export class Microphone {
  readonly #context: () => AudioContext;
  #node: AudioWorkletNode | undefined;
  #opening: Promise<void> | undefined;
  #onBlock: ((samples: Int16Array) => void) | undefined;

  /** `context` gives the page's one audio context, running. */
  constructor(context: () => AudioContext) {
    this.#context = context;
  }

  /** @throws the browser's error if there is no microphone or the person says no. */
  async start(onBlock: (samples: Int16Array) => void): Promise<void> {
    this.#opening ??= this.#open();
    try {
      await this.#opening;
    } catch (error) {
      this.#opening = undefined;
      throw error;
    }
    this.#onBlock = onBlock;
  }

  stop(): void {
    this.#onBlock = undefined;
  }

  async #open(): Promise<void> {
    if (navigator.mediaDevices === undefined) throw new Error("browsers give a microphone to localhost and TLS only");
    const context = this.#context();
    const stream = await navigator.mediaDevices.getUserMedia({
      audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true },
    });
    await context.audioWorklet.addModule(workletUrl);
    this.#node = new AudioWorkletNode(context, "skein-capture", { numberOfOutputs: 1 });
    this.#node.port.onmessage = (event: MessageEvent<Int16Array>) => this.#onBlock?.(event.data);
    context.createMediaStreamSource(stream).connect(this.#node);
    // A node that leads nowhere is not run by every browser; it is silent.
    this.#node.connect(context.destination);
  }
}
