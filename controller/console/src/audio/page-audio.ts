import { Microphone } from "./microphone.ts";
import { Player } from "./player.ts";

/** The page's one audio context. Browsers let it run only after the person has touched the page once. */
export class PageAudio {
  #context: AudioContext | undefined;
  readonly player = new Player(() => this.context);
  readonly microphone = new Microphone(() => this.context);

  get context(): AudioContext {
    this.#context ??= new AudioContext({ latencyHint: "interactive" });
    return this.#context;
  }

  get running(): boolean {
    return this.#context?.state === "running";
  }

  /** Starts sound at the first touch or key; `changed` is called when it runs. */
  unlockOnFirstTouch(changed: () => void): void {
    const unlock = (): void => {
      void this.context.resume().then(changed);
    };
    for (const type of ["pointerdown", "keydown"]) addEventListener(type, unlock, { capture: true });
  }
}
