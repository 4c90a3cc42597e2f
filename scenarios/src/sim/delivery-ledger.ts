/** Something sent once to several nodes, and who has it. */
interface Item {
  readonly from: number;
  readonly atUs: number;
  readonly expected: Uint8Array;
  readonly deliveredUs: Float64Array;
  readonly lastUs: Float64Array;
}

export interface DeliveryTotals {
  expected: number;
  delivered: number;
  duplicates: number;
  delayP95Ms: number;
}

/**
 * Follows positions, texts and video frames: who should have each and when it came. Only nodes that had a path
 * when it was sent are expected to get it (of texts, which are kept until there is one: see `TextDriver`).
 */
export class DeliveryLedger {
  readonly #nodes: number;
  readonly #items: Item[] = [];
  /** By sender and key (sequence, message id, frame number): index of the last item of that name. */
  readonly #index: Map<number, number>[];
  readonly #bootedUs: Float64Array;
  duplicates = 0;

  constructor(nodes: number) {
    this.#nodes = nodes;
    this.#bootedUs = new Float64Array(nodes);
    this.#index = Array.from({ length: nodes }, () => new Map<number, number>());
  }

  sent(nowUs: number, from: number, key: number): Item {
    const expected = new Uint8Array(this.#nodes);
    const never = (): Float64Array => new Float64Array(this.#nodes).fill(Number.NaN);
    const item = { from, atUs: nowUs, expected, deliveredUs: never(), lastUs: never() };
    this.#index[from]?.set(key, this.#items.length);
    this.#items.push(item);
    return item;
  }

  /** `to` has it; false if nothing of this name was sent. */
  delivered(nowUs: number, from: number, key: number, to: number): boolean {
    const item = this.#items[this.#index[from]?.get(key) ?? -1];
    if (!item) return false;
    if (Number.isNaN(item.deliveredUs[to] as number)) item.deliveredUs[to] = nowUs;
    else if ((item.lastUs[to] as number) >= (this.#bootedUs[to] as number)) this.duplicates++;
    item.lastUs[to] = nowUs;
    return true;
  }

  /** `node` starts with nothing remembered: what it is told once more is no duplicate to it. */
  booted(nowUs: number, node: number): void {
    this.#bootedUs[node] = nowUs;
  }

  /** What each node was owed of what was sent in [fromUs, toUs), and has. */
  byReceiver(fromUs: number, toUs: number): { expected: number; delivered: number }[] {
    const rows = Array.from({ length: this.#nodes }, () => ({ expected: 0, delivered: 0 }));
    for (const item of this.#items) {
      if (item.atUs < fromUs || item.atUs >= toUs) continue;
      for (const [node, row] of rows.entries()) {
        if (item.expected[node] === 0) continue;
        row.expected++;
        if (!Number.isNaN(item.deliveredUs[node] as number)) row.delivered++;
      }
    }
    return rows;
  }

  /** Counts what was sent in [fromUs, toUs). */
  totals(fromUs: number, toUs: number): DeliveryTotals {
    const delays: number[] = [];
    let expected = 0;
    for (const item of this.#items) {
      if (item.atUs < fromUs || item.atUs >= toUs) continue;
      for (let node = 0; node < this.#nodes; node++) {
        if (item.expected[node] === 0) continue;
        expected++;
        const atUs = item.deliveredUs[node] as number;
        if (!Number.isNaN(atUs)) delays.push((atUs - item.atUs) / 1000);
      }
    }
    delays.sort((a, b) => a - b);
    const delayP95Ms = delays[Math.floor(delays.length * 0.95)] ?? 0;
    return { expected, delivered: delays.length, duplicates: this.duplicates, delayP95Ms };
  }
}
