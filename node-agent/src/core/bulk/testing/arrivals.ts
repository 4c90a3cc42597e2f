/** When the reader of a stream had how many octets. */
export class Arrivals {
  readonly #all: { atUs: number; octets: number }[] = [];

  add(atUs: number, octets: number): void {
    const last = this.#all[this.#all.length - 1];
    if (last !== undefined && last.atUs === atUs) last.octets += octets;
    else this.#all.push({ atUs, octets });
  }

  get octets(): number {
    return this.#all.reduce((sum, a) => sum + a.octets, 0);
  }

  /** Mbit/s between two times. */
  goodputMbps(fromUs: number, toUs: number): number {
    let octets = 0;
    for (const a of this.#all) if (a.atUs >= fromUs && a.atUs < toUs) octets += a.octets;
    return (octets * 8) / (toUs - fromUs);
  }

  /** Longest time without anything, ms. */
  longestGapMs(fromUs: number, toUs: number): number {
    let last = fromUs;
    let gap = 0;
    for (const { atUs } of this.#all) {
      if (atUs < fromUs || atUs > toUs) continue;
      gap = Math.max(gap, atUs - last);
      last = atUs;
    }
    return Math.max(gap, toUs - last) / 1000;
  }
}
