import { type Bearer, ENDPOINT_ALL } from "@skein/radio-hal";
import { MAX_FRAME_OCTETS, type MeshCore, type NodeEvent, type TransmitSlot } from "../core/api.ts";
import { monotonicUs } from "./clock.ts";

/** Frames handed to the bearers in one turn at most: timers and sockets get their turn in between. */
const TRANSMITS_PER_TURN_MAX = 256;
/** Frames received after which what they caused is sent at once: a report acknowledges 33, and the first must not wait. */
const FRAMES_PER_TURN_MAX = 16;
/** What comes after such a pause mostly comes alone: it need not wait for more. */
const PAUSE_US = 2000;
/** Shortest sleep, ms. Node's timers know no less, and a core that is behind must not spin the process. */
const SLEEP_MIN_MS = 1;
/** Longest sleep, ms: the most that a 32-bit timer takes, with room to spare. */
const SLEEP_MAX_MS = 60_000;

/** What the loop calls; all synchronous. */
export interface LoopHandlers {
  event(event: NodeEvent, nowUs: number): void;
  /** All events so far are done; what depends on them is transmitted next: make them durable now. */
  eventsDone(): void;
  /** A bearer works again or does not (with a reason for people). */
  bearer(bearer: Bearer, up: boolean, reason: string): void;
}

/**
 * Drives the core: one timer by `nextTimeoutUs()`, frames in from the bearers, frames and events out once per turn of
 * the event loop. Nothing here is allocated for each frame.
 */
export class MeshLoop {
  readonly #core: MeshCore;
  readonly #bearers: readonly Bearer[];
  readonly #handlers: LoopHandlers;
  readonly #up: boolean[];
  readonly #slot: TransmitSlot = {
    bearerId: 0,
    endpoint: ENDPOINT_ALL,
    octets: new Uint8Array(MAX_FRAME_OCTETS),
    length: 0,
  };
  readonly #drain = (): void => {
    this.#immediate = undefined;
    this.#turn();
  };
  readonly #wake = (): void => {
    this.#timerAtUs = Number.POSITIVE_INFINITY;
    this.#turn();
  };
  #timer: NodeJS.Timeout | undefined;
  #timerAtUs = Number.POSITIVE_INFINITY;
  #immediate: NodeJS.Immediate | undefined;
  #framesSinceTurn = 0;
  /** When the last turn began. */
  #turnUs = 0;
  /** A bearer has `slot` in its hands. */
  #isSending = false;
  #running = false;

  /** `bearers[i]` is the bearer that the core knows under id i. */
  constructor(core: MeshCore, bearers: readonly Bearer[], handlers: LoopHandlers) {
    this.#core = core;
    this.#bearers = bearers;
    this.#handlers = handlers;
    this.#up = bearers.map(() => false);
  }

  /**
   * Opens all bearers. One whose device is missing for now is down until it appears.
   * @throws what a bearer rejects with when its configuration can never work.
   */
  async start(): Promise<void> {
    this.#running = true;
    for (let id = 0; id < this.#bearers.length; id++) this.#core.handleBearer(monotonicUs(), id, false);
    await Promise.all(this.#bearers.map((bearer, id) => this.#open(bearer, id)));
    this.touch();
  }

  /** Runs a drain at the end of this turn; to be called after any call into the core from outside. */
  touch(): void {
    if (this.#running) this.#immediate ??= setImmediate(this.#drain);
  }

  /** As `touch`, but after a pause the drain is run at once: for what comes from outside with nothing else going on. */
  touchNow(): void {
    // Most frames come behind others: for those even a look at the clock would be too much.
    if (this.#immediate !== undefined) return;
    const isAfterPause = monotonicUs() - this.#turnUs > PAUSE_US;
    if (isAfterPause && this.#running && !this.#isSending) this.#turn();
    else this.touch();
  }

  isUp(bearerId: number): boolean {
    return this.#up[bearerId] === true;
  }

  async stop(): Promise<void> {
    this.#running = false;
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
    this.#immediate = undefined;
    await Promise.all(this.#bearers.map((bearer) => bearer.close()));
  }

  async #open(bearer: Bearer, id: number): Promise<void> {
    const core = this.#core;
    let saidDown = false;
    await bearer.open({
      frame: (endpoint, octets, length) => {
        if (!this.#running) return;
        core.handleFrame(monotonicUs(), id, endpoint, octets, length);
        if (++this.#framesSinceTurn >= FRAMES_PER_TURN_MAX && !this.#isSending) this.#turn();
        else this.touchNow();
      },
      up: () => this.#changed(id, true, ""),
      down: (reason) => {
        saidDown = true;
        this.#changed(id, false, reason);
      },
      carrier: (busy) => {
        core.handleCarrier(monotonicUs(), id, busy);
        this.touch();
      },
      drained: () => this.touch(),
    });
    if (!saidDown) this.#changed(id, true, "");
  }

  #changed(id: number, up: boolean, reason: string): void {
    const bearer = this.#bearers[id];
    if (!this.#running || bearer === undefined) return;
    if (this.#up[id] === up) {
      // The first word about a device that never worked still tells people why.
      if (!up) this.#handlers.bearer(bearer, up, reason);
      return;
    }
    this.#up[id] = up;
    this.#core.handleBearer(monotonicUs(), id, up);
    this.#handlers.bearer(bearer, up, reason);
    this.touch();
  }

  #turn(): void {
    this.#framesSinceTurn = 0;
    if (!this.#running) return;
    const core = this.#core;
    const nowUs = monotonicUs();
    this.#turnUs = nowUs;
    if (core.nextTimeoutUs() <= nowUs) core.handleTimeout(nowUs);
    this.#drainEvents(nowUs);
    let sent = 0;
    this.#isSending = true;
    while (sent < TRANSMITS_PER_TURN_MAX && core.pollTransmit(nowUs, this.#slot)) {
      const slot = this.#slot;
      // A refusal is counted by the bearer; the core's own repetition makes up for it.
      this.#bearers[slot.bearerId]?.send(slot.endpoint, slot.octets, slot.length);
      sent++;
    }
    this.#isSending = false;
    // What became of a text is known only when it has gone out.
    this.#drainEvents(nowUs);
    if (sent === TRANSMITS_PER_TURN_MAX) this.touch();
    this.#sleep();
  }

  #drainEvents(nowUs: number): void {
    for (let event = this.#core.pollEvent(); event !== undefined; event = this.#core.pollEvent()) {
      this.#handlers.event(event, nowUs);
    }
    this.#handlers.eventsDone();
  }

  #sleep(): void {
    const atUs = this.#core.nextTimeoutUs();
    // A timer that comes too soon looks again; setting one for every frame would cost more.
    if (this.#timerAtUs <= atUs) return;
    clearTimeout(this.#timer);
    this.#timerAtUs = atUs;
    const waitMs = Math.ceil((atUs - monotonicUs()) / 1000);
    this.#timer = setTimeout(this.#wake, Math.min(SLEEP_MAX_MS, Math.max(SLEEP_MIN_MS, waitMs)));
  }
}
