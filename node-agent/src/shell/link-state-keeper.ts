import { createHash } from "node:crypto";
import type { MeshCore } from "../core/api.ts";
import type { Store } from "./store.ts";

/** A change is on its way to the disk after so long: what is kept spares slow channels a start from nothing. */
const KEEP_WITHIN_MS = 30_000;

/** Keeps what others have told of their links, for the next start. */
export class LinkStateKeeper {
  readonly #core: MeshCore;
  readonly #store: Store;
  readonly #mission: string;
  #timer: NodeJS.Timeout | undefined;

  constructor(core: MeshCore, store: Store, mission: string) {
    this.#core = core;
    this.#store = store;
    this.#mission = mission;
  }

  onRoutes(): void {
    this.#timer ??= setTimeout(() => this.#keep(), KEEP_WITHIN_MS).unref();
  }

  stop(): void {
    if (this.#timer !== undefined) this.#keep();
  }

  #keep(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#store.saveLinkState(this.#mission, this.#core.linkState(), Date.now());
  }
}

/** Tells missions apart, and nothing of their keys. */
export function missionMark(missionKey: Uint8Array): string {
  return createHash("sha256").update("skein mission").update(missionKey).digest("hex").slice(0, 16);
}
