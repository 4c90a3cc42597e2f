import { assert } from "@skein/codecs";

/**
 * Adaptive jitter buffer of one talk burst, sans-IO: frames go in with their arrival time, one frame comes
 * out each tick. All times are integer microseconds of one monotonic clock, all frames are 40 ms.
 *
 * A frame with index i (timestamp20ms / 2, unwrapped) is due at `baseUs + i * FRAME_US`. Only the base moves:
 *
 *   first frame    base such that it plays `leadUs` after its arrival
 *   starvation     the slot passes unplayed; if its frame then comes and nothing newer was played, the base
 *                  moves back so that it plays at once: a repaired path loses nothing, lag grows by the outage
 *   slack          over a window the least waiting time exceeds the headroom: the base creeps forward 4 ms a
 *                  frame (the frame is played 10 % faster), no real frame is lost
 *   hard cap       a frame that would wait longer than `capUs` pulls the base forward at once; what has then
 *                  missed its turn is dropped and counted
 *
 * So the time in the buffer never exceeds `capUs`, whatever arrives.
 */
export const FRAME_US = 40_000;
/** Time taken out of a frame while lag is being worked off. */
export const SHORTEN_US = 4_000;
/** Frames held at most; the cap keeps the real number far below. */
const RING_SLOTS = 64;
/** Consecutive concealed frames after which the burst counts as silent. */
const MAX_CONCEALED_RUN = 5;
/** Frames over which the least slack is taken: 1.6 s. */
const SLACK_WINDOW = 40;
const MIN_HEADROOM_US = 8_000;
const MAX_HEADROOM_US = 120_000;
/** 16-bit count of 20 ms units = 15-bit count of frames. */
const INDEX_MODULUS = 0x8000;

export interface JitterBufferOptions {
  /** Longest time that any frame waits in the buffer. */
  readonly capUs: number;
  /** Waiting time given to the first frame. */
  readonly leadUs: number;
}

export interface JitterCounters {
  received: number;
  played: number;
  concealed: number;
  duplicate: number;
  late: number;
  capped: number;
}

export type PullResult =
  | { kind: "played"; timestamp20ms: number; payload: Uint8Array; waitedUs: number; shorten: boolean }
  /** Nothing to play in this slot: the decoder covers the hole. */
  | { kind: "concealed"; timestamp20ms: number }
  /** Silence; no tick is due until the next push. */
  | { kind: "idle" };

interface Slot {
  index: number;
  arrivalUs: number;
  payload: Uint8Array | null;
}

const IDLE: PullResult = { kind: "idle" };

export class JitterBuffer {
  readonly counters: JitterCounters = { received: 0, played: 0, concealed: 0, duplicate: 0, late: 0, capped: 0 };
  private readonly options: JitterBufferOptions;
  private readonly slots: Slot[] = [];
  /** Index of the frame that was last played in ring slot n; tells a duplicate from a late frame. */
  private readonly playedIndex = new Int32Array(RING_SLOTS).fill(-1);
  private readonly slack = new Float64Array(SLACK_WINDOW);
  private slackCount = 0;
  private baseUs = 0;
  private next = 0;
  private highest = -1;
  private lastPlayed = -1;
  private held = 0;
  private concealedRun = 0;
  private active = false;
  /** RFC 3550 6.4.1: mean deviation of the transit time, gain 1/16. */
  private jitterUs = 0;
  private lastTransitUs = 0;
  private lastArrivalUs = -1;

  constructor(options: JitterBufferOptions) {
    assert(options.leadUs <= options.capUs && options.capUs <= (RING_SLOTS / 2) * FRAME_US, "cap beyond the ring");
    this.options = options;
    for (let i = 0; i < RING_SLOTS; i++) this.slots.push({ index: -1, arrivalUs: 0, payload: null });
  }

  /** When `pull` is next due; Infinity while silent. */
  nextPullUs(): number {
    return this.active ? this.dueUs(this.next) : Infinity;
  }

  /** Lead for the next burst of the same talker: what this burst needed. */
  suggestedLeadUs(): number {
    return this.headroomUs() + MIN_HEADROOM_US;
  }

  get heldFrames(): number {
    return this.held;
  }

  /** Takes one 40 ms frame; the payload is kept, not copied. Never throws on what a peer sent. */
  push(timestamp20ms: number, payload: Uint8Array, nowUs: number): void {
    this.counters.received++;
    const index = this.unwrap((timestamp20ms & 0xffff) >> 1);
    if (index >= 0 && this.isRepeated(index)) {
      this.counters.duplicate++;
      return;
    }
    if (index <= this.lastPlayed) {
      this.counters.late++;
      return;
    }
    this.measure(index, nowUs);
    if (!this.active) this.start(index, nowUs);
    else if (index < this.next) this.reopen(index, nowUs);
    this.enforceCap(index, nowUs, nowUs);
    if (index < this.next) {
      this.counters.late++;
      return;
    }
    const slot = this.slotOf(index);
    if (slot.payload !== null) this.discard(slot);
    slot.index = index;
    slot.arrivalUs = nowUs;
    slot.payload = payload;
    this.held++;
    if (index > this.highest) this.highest = index;
  }

  /** One tick. Call at `nextPullUs()`; when late, call again until that lies in the future. */
  pull(nowUs: number): PullResult {
    if (!this.active) return IDLE;
    const index = this.next++;
    const slot = this.slotOf(index);
    if (slot.payload !== null && slot.index === index) return this.play(slot, nowUs);
    if (this.held === 0 && this.concealedRun >= MAX_CONCEALED_RUN) {
      this.active = false;
      return IDLE;
    }
    this.concealedRun++;
    this.counters.concealed++;
    return { kind: "concealed", timestamp20ms: (index * 2) & 0xffff };
  }

  private play(slot: Slot, nowUs: number): PullResult {
    const payload = slot.payload as Uint8Array;
    const index = slot.index;
    slot.payload = null;
    this.held--;
    this.counters.played++;
    this.concealedRun = 0;
    this.lastPlayed = index;
    this.playedIndex[index % RING_SLOTS] = index;
    const dueUs = this.dueUs(index);
    this.slack[this.slackCount++ % SLACK_WINDOW] = dueUs - slot.arrivalUs;
    const shorten = this.hasExcessLag();
    if (shorten) this.moveBase(-SHORTEN_US);
    const waitedUs = Math.max(0, nowUs - slot.arrivalUs);
    return { kind: "played", timestamp20ms: (index * 2) & 0xffff, payload, waitedUs, shorten };
  }

  /** Nearest index to the newest one that has these low 15 bits; negative if that was before the burst. */
  private unwrap(low: number): number {
    if (this.highest < 0) return low;
    const ahead = (low - this.highest) & (INDEX_MODULUS - 1);
    return this.highest + (ahead < INDEX_MODULUS / 2 ? ahead : ahead - INDEX_MODULUS);
  }

  private isRepeated(index: number): boolean {
    const slot = this.slotOf(index);
    return (slot.payload !== null && slot.index === index) || this.playedIndex[index % RING_SLOTS] === index;
  }

  private start(index: number, nowUs: number): void {
    this.active = true;
    this.next = index;
    this.concealedRun = 0;
    this.slackCount = 0;
    this.baseUs = nowUs + this.options.leadUs - index * FRAME_US;
  }

  /** A frame whose slot passed unplayed plays in the coming slot: the base moves back by whole frames. */
  private reopen(index: number, nowUs: number): void {
    const dueUs = Math.max(this.dueUs(this.next), nowUs);
    this.moveBase(dueUs - this.dueUs(index));
    this.next = index;
    // What waits behind it now waits longer and must stay within the cap too.
    for (const slot of this.slots) if (slot.payload !== null) this.enforceCap(slot.index, slot.arrivalUs, nowUs);
  }

  private enforceCap(index: number, arrivalUs: number, nowUs: number): void {
    const excessUs = this.dueUs(index) - arrivalUs - this.options.capUs;
    if (excessUs <= 0) return;
    this.moveBase(-excessUs);
    while (this.next < index && this.dueUs(this.next) < nowUs) this.skip();
  }

  private skip(): void {
    const slot = this.slotOf(this.next);
    if (slot.payload !== null && slot.index === this.next) this.discard(slot);
    this.next++;
  }

  private discard(slot: Slot): void {
    slot.payload = null;
    this.held--;
    this.counters.capped++;
  }

  private moveBase(byUs: number): void {
    this.baseUs += byUs;
    const count = Math.min(this.slackCount, SLACK_WINDOW);
    for (let i = 0; i < count; i++) this.slack[i] = (this.slack[i] as number) + byUs;
  }

  private hasExcessLag(): boolean {
    if (this.slackCount < SLACK_WINDOW) return false;
    let leastUs = Infinity;
    for (const slackUs of this.slack) if (slackUs < leastUs) leastUs = slackUs;
    return leastUs > this.headroomUs() + SHORTEN_US;
  }

  private headroomUs(): number {
    return Math.min(MAX_HEADROOM_US, MIN_HEADROOM_US + 2 * this.jitterUs);
  }

  private measure(index: number, nowUs: number): void {
    // The frames of one bundle arrive together: only the first of them tells about the path.
    if (nowUs === this.lastArrivalUs) return;
    const transitUs = nowUs - index * FRAME_US;
    if (this.highest >= 0) this.jitterUs += (Math.abs(transitUs - this.lastTransitUs) - this.jitterUs) / 16;
    this.lastTransitUs = transitUs;
    this.lastArrivalUs = nowUs;
  }

  private dueUs(index: number): number {
    return this.baseUs + index * FRAME_US;
  }

  private slotOf(index: number): Slot {
    return this.slots[index % RING_SLOTS] as Slot;
  }
}
