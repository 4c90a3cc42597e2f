/** Packets of one stream, by number: when each left, and when it first arrived. */
export class NumberedStream {
  readonly sentUs: number[] = [];
  /** NaN: not yet. */
  readonly arrivedUs: number[] = [];
  duplicates = 0;

  /** A packet leaves; returns its number. */
  sent(nowUs: number): number {
    this.arrivedUs.push(Number.NaN);
    return this.sentUs.push(nowUs) - 1;
  }

  arrived(number: number, nowUs: number): void {
    if (Number.isNaN(this.arrivedUs[number])) this.arrivedUs[number] = nowUs;
    else this.duplicates++;
  }

  /** Delays of the packets sent in [fromUs, toUs), microseconds; Infinity for what never came. */
  delaysUs(fromUs: number, toUs: number): number[] {
    const delays: number[] = [];
    for (const [i, sentUs] of this.sentUs.entries()) {
      if (sentUs < fromUs || sentUs >= toUs) continue;
      const delayUs = (this.arrivedUs[i] as number) - sentUs;
      delays.push(Number.isNaN(delayUs) ? Number.POSITIVE_INFINITY : delayUs);
    }
    return delays;
  }

  /** Longest silence that a listener hears between two arrivals, of which the second is in [fromUs, toUs). */
  longestGapUs(fromUs: number, toUs: number): number {
    const arrivals = this.arrivedUs.filter((us) => !Number.isNaN(us)).sort((a, b) => a - b);
    let longest = 0;
    for (let i = 1; i < arrivals.length; i++) {
      const atUs = arrivals[i] as number;
      if (atUs >= fromUs && atUs < toUs) longest = Math.max(longest, atUs - (arrivals[i - 1] as number));
    }
    return longest;
  }
}
