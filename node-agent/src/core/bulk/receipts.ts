import { type BulkReceipt, MAX_BULK_RANGES } from "@skein/codecs";

const SEQUENCES = 2 ** 24;

/** What has come on one path from a peer, to be told to it. */
export class Receipts {
  readonly path: number;
  /** First and last sequence of each run, upwards: the last 24 runs. */
  readonly #runs: number[] = [];
  #receivedUs = 0;
  /** Numbers of packets that came and were not told yet. */
  waiting = 0;
  /** When the last packet came, and the path on which it is acknowledged: bearer, ROUTED or DISJOINT. */
  heardUs = 0;
  wayBack = 0;
  /** One-way delay of the last ones, between the two clocks. */
  delayUs = Number.POSITIVE_INFINITY;

  constructor(path: number) {
    this.path = path;
  }

  /** The peer has started anew: so do its numbers. */
  forget(): void {
    this.#runs.length = 0;
    this.waiting = 0;
  }

  /** True if packets are missing right before this one. */
  take(nowUs: number, low: number): boolean {
    this.heardUs = nowUs;
    this.waiting++;
    const runs = this.#runs;
    const highest = runs.length === 0 ? -1 : (runs[runs.length - 1] as number);
    const sequence = highest < 0 ? low : rebuild(low, highest);
    if (sequence > highest) {
      this.#receivedUs = nowUs;
      if (sequence === highest + 1 && highest >= 0) {
        runs[runs.length - 1] = sequence;
        return false;
      }
      runs.push(sequence, sequence);
      if (runs.length > 2 * MAX_BULK_RANGES) runs.splice(0, 2);
      return highest >= 0;
    }
    this.#insert(sequence);
    return false;
  }

  #insert(sequence: number): void {
    const runs = this.#runs;
    let i = runs.length - 2;
    while (i >= 0 && (runs[i] as number) > sequence) i -= 2;
    if (i >= 0 && sequence <= (runs[i + 1] as number)) return;
    const joinsBefore = i >= 0 && (runs[i + 1] as number) === sequence - 1;
    const joinsAfter = i + 2 < runs.length && (runs[i + 2] as number) === sequence + 1;
    if (joinsBefore && joinsAfter) runs.splice(i + 1, 2);
    else if (joinsBefore) runs[i + 1] = sequence;
    else if (joinsAfter) runs[i + 2] = sequence;
    else if (i >= 0 || runs.length < 2 * MAX_BULK_RANGES) runs.splice(i + 2, 0, sequence, sequence);
  }

  get isEmpty(): boolean {
    return this.#runs.length === 0;
  }

  tell(into: BulkReceipt): void {
    const runs = this.#runs;
    into.path = this.path;
    into.highest = (runs[runs.length - 1] as number) % SEQUENCES;
    into.receivedUs = this.#receivedUs % SEQUENCES;
    into.count = 0;
    for (let i = runs.length - 2; i >= 0; i -= 2) {
      if (into.count > 0)
        into.runs[into.count++] = Math.min(0xffff, (runs[i + 2] as number) - (runs[i + 1] as number) - 1);
      into.runs[into.count++] = Math.min(0xffff, (runs[i + 1] as number) - (runs[i] as number) + 1);
      // A run longer than 16 bits: what lies before it was told long ago.
      if ((runs[i + 1] as number) - (runs[i] as number) >= 0xffff) break;
    }
    this.waiting = 0;
  }
}

function rebuild(low: number, highest: number): number {
  let ahead = (low - highest) % SEQUENCES;
  if (ahead < -SEQUENCES / 2) ahead += SEQUENCES;
  if (ahead >= SEQUENCES / 2) ahead -= SEQUENCES;
  return highest + ahead;
}
