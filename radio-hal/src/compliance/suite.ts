import assert from "node:assert/strict";
import type { Bearer } from "../bearer.ts";
import { ENDPOINT_ALL } from "../bearer.ts";
import { Recorder } from "./recorder.ts";

export { Recorder, untilReal } from "./recorder.ts";

/** Two bearers on one medium, not opened yet. */
export interface BearerRig {
  readonly left: Bearer;
  readonly right: Bearer;
  /** Puts octets on the medium that no bearer sent, so that `right` gets them. */
  noise(octets: Uint8Array): void;
  /** Lets time pass until `done()`; rejects if that does not happen. */
  until(what: string, done: () => boolean): Promise<void>;
  /** Releases what lies under the bearers; they are closed already. */
  close(): Promise<void>;
}

export interface ComplianceOptions {
  make(): Promise<BearerRig>;
  /** The medium loses, repeats, reorders or changes frames: only what holds in any case is asked then. */
  readonly faulty?: boolean;
}

export interface ComplianceCase {
  readonly name: string;
  /** Rejects with an AssertionError if the bearer breaks the contract. */
  run(): Promise<void>;
}

/** Frames that are sent in one go to fill any queue. */
const FLOOD_FRAMES = 600;
const NOISE_ROUNDS = 40;

interface Opened {
  readonly rig: BearerRig;
  readonly left: Recorder;
  readonly right: Recorder;
}

/** A recurrence with full period (Knuth's MMIX multiplier cut to 32 bits); the same octets on every run. */
export function sampleOctets(seed: number, length: number): Uint8Array {
  let state = seed | 0;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1_812_433_253) + 12_345) | 0;
    return state >>> 24;
  });
}

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString("hex");
const total = (drops: Record<string, number>): number => Object.values(drops).reduce((sum, n) => sum + n, 0);

async function opened(options: ComplianceOptions, body: (o: Opened) => Promise<void>): Promise<void> {
  const rig = await options.make();
  const left = new Recorder();
  const right = new Recorder();
  try {
    await rig.left.open(left);
    await rig.right.open(right);
    await rig.until("both up", () => left.told.includes("up") && right.told.includes("up"));
    await body({ rig, left, right });
  } finally {
    await rig.left.close();
    await rig.right.close();
    await rig.close();
  }
}

/** Sends one frame and waits until it has arrived. */
async function pass({ rig, right }: Opened, octets: Uint8Array, endpoint = ENDPOINT_ALL): Promise<void> {
  const before = right.frames.length;
  assert.equal(rig.left.send(endpoint, octets, octets.length), true);
  await rig.until("frame arrives", () => right.frames.length > before);
}

/** Frame contents that bring out framing mistakes. */
function awkwardFrames(mtuOctets: number): Uint8Array[] {
  const fills = [0x00, 0xff, 0x7e, 0x7d, 0xc0, 0xdb].map((fill) => new Uint8Array(Math.min(40, mtuOctets)).fill(fill));
  const lengths = [1, 2, 3, 63, 64, 253, 254, 255, 256, mtuOctets].filter((length) => length <= mtuOctets);
  return [...fills, ...lengths.map((length) => sampleOctets(length, length))];
}

const always: Record<string, (o: Opened) => Promise<void>> = {
  async "the description makes sense"({ rig }) {
    const { name, mtuOctets, bitrateBps } = rig.left.info;
    assert.ok(name.length > 0 && mtuOctets > 0 && bitrateBps > 0);
  },
  async "a second open does nothing"({ rig, left }) {
    await rig.left.open(new Recorder());
    assert.equal(left.count("up"), 1);
  },
  async "frames outside 1..mtu octets are refused and counted"({ rig, right }) {
    const { mtuOctets } = rig.left.info;
    assert.equal(rig.left.send(ENDPOINT_ALL, new Uint8Array(mtuOctets + 1), mtuOctets + 1), false);
    assert.equal(rig.left.send(ENDPOINT_ALL, new Uint8Array(4), 0), false);
    assert.deepEqual({ ...rig.left.counters.dropsSent }, { "too-long": 1, empty: 1 });
    assert.equal(rig.left.counters.framesSent, 0);
    assert.deepEqual(right.frames, []);
  },
  async "an endpoint that does not exist is refused and counted"({ rig }) {
    assert.equal(rig.left.send(9999, Uint8Array.of(1), 1), false);
    assert.deepEqual({ ...rig.left.counters.dropsSent }, { "no-endpoint": 1 });
  },
  async "a flood is bounded, every frame is counted, and room is announced"({ rig, left }) {
    const frame = sampleOctets(1, Math.min(100, rig.left.info.mtuOctets));
    let accepted = 0;
    for (let i = 0; i < FLOOD_FRAMES; i++) if (rig.left.send(ENDPOINT_ALL, frame, frame.length)) accepted++;
    assert.ok(accepted > 0 && accepted < FLOOD_FRAMES, `${accepted} of ${FLOOD_FRAMES} were accepted`);
    assert.equal(rig.left.counters.dropsSent["queue-full"], FLOOD_FRAMES - accepted);
    await rig.until("drained", () => left.told.includes("drained"));
    await rig.until("all sent", () => rig.left.counters.framesSent === accepted);
    assert.equal(rig.left.counters.octetsSent, accepted * frame.length);
    assert.equal(rig.left.send(ENDPOINT_ALL, frame, frame.length), true);
  },
  async "after close nothing is sent and nothing is told; close again is harmless"({ rig, left }) {
    await rig.left.close();
    const told = left.told.length;
    assert.equal(rig.left.send(ENDPOINT_ALL, Uint8Array.of(1), 1), false);
    assert.equal(rig.left.counters.dropsSent["down"], 1);
    rig.right.send(ENDPOINT_ALL, Uint8Array.of(2), 1);
    await rig.until("the other side has sent", () => rig.right.counters.framesSent === 1);
    await rig.left.close();
    assert.equal(left.told.length, told);
    assert.deepEqual(left.frames, []);
    await assert.rejects(rig.left.open(new Recorder()), { code: "bearer-closed" });
  },
};

const sound: Record<string, (o: Opened) => Promise<void>> = {
  async "frames arrive whole and unchanged, both ways"(o) {
    const frames = awkwardFrames(o.rig.left.info.mtuOctets);
    for (const frame of frames) await pass(o, frame);
    assert.deepEqual(o.right.frames, frames.map(hex));
    const back: Opened = { rig: { ...o.rig, left: o.rig.right, right: o.rig.left }, left: o.right, right: o.left };
    const answers = frames.map((frame) => Uint8Array.from(frame, (octet) => octet ^ 0x55));
    for (const answer of answers) await pass(back, answer);
    assert.deepEqual(o.left.frames, answers.map(hex));
  },
  async "a frame's endpoint is where an answer goes"(o) {
    await pass(o, Uint8Array.of(1, 2));
    const endpoint = o.right.endpoints[0]!;
    assert.ok(Number.isInteger(endpoint) && endpoint >= 0);
    assert.equal(o.rig.right.send(endpoint, Uint8Array.of(3, 4, 5), 3), true);
    await o.rig.until("answer arrives", () => o.left.frames.length === 1);
    assert.deepEqual(o.left.frames, ["030405"]);
  },
  async "send copies what it needs"(o) {
    const buffer = sampleOctets(5, 48);
    const wanted = hex(buffer);
    assert.equal(o.rig.left.send(ENDPOINT_ALL, buffer, buffer.length), true);
    buffer.fill(0xee);
    await o.rig.until("frame arrives", () => o.right.frames.length === 1);
    assert.deepEqual(o.right.frames, [wanted]);
  },
  async "only `length` octets of the buffer are sent"(o) {
    const buffer = sampleOctets(6, 64);
    assert.equal(o.rig.left.send(ENDPOINT_ALL, buffer, 10), true);
    await o.rig.until("frame arrives", () => o.right.frames.length === 1);
    assert.deepEqual(o.right.frames, [hex(buffer.subarray(0, 10))]);
  },
  async "counters add up"(o) {
    const lengths = [1, 7, 30, 64];
    for (const length of lengths) await pass(o, sampleOctets(length, length));
    await o.rig.until("all sent", () => o.rig.left.counters.framesSent === lengths.length);
    const octets = lengths.reduce((sum, length) => sum + length, 0);
    assert.equal(o.rig.left.counters.octetsSent, octets);
    assert.equal(o.rig.right.counters.framesReceived, lengths.length);
    assert.equal(o.rig.right.counters.octetsReceived, octets);
    assert.equal(total(o.rig.left.counters.dropsSent), 0);
  },
  async "noise is counted, and frames still pass"(o) {
    for (let round = 1; round <= NOISE_ROUNDS; round++) o.rig.noise(sampleOctets(round, round * 7));
    await o.rig.until("noise is counted", () => total(o.rig.right.counters.dropsReceived) > 0);
    assert.deepEqual(o.right.frames, []);
    await pass(o, Uint8Array.of(4, 2));
    assert.deepEqual(o.right.frames, ["0402"]);
  },
};

async function sendBeforeOpen(options: ComplianceOptions): Promise<void> {
  const rig = await options.make();
  try {
    assert.equal(rig.left.send(ENDPOINT_ALL, Uint8Array.of(1), 1), false);
    assert.deepEqual({ ...rig.left.counters.dropsSent }, { down: 1 });
    await rig.left.close();
  } finally {
    await rig.right.close();
    await rig.close();
  }
}

/**
 * What every bearer must do, as named cases for whichever test runner the caller uses:
 * `for (const { name, run } of complianceCases({ make })) test(name, run)`.
 */
export function complianceCases(options: ComplianceOptions): ComplianceCase[] {
  const bodies = options.faulty ? always : { ...always, ...sound };
  const cases = Object.entries(bodies).map(([name, body]) => ({ name, run: () => opened(options, body) }));
  return [...cases, { name: "send before open is refused and counted", run: () => sendBeforeOpen(options) }];
}
