/**
 * How far a packet may be behind the newest, in packets. Less than the 100 after which werift takes an old sequence
 * number for a roll-over (RFC 3711 3.3.1) and encrypts all that follows with an index that no receiver has.
 */
const MAX_BEHIND = 64;

/** Lets each RTP sequence number of one source pass once, and none that is long over. */
export class SequenceFilter {
  /** Sequence numbers that passed, by their remainder; -1: none. */
  private readonly passed = new Int32Array(MAX_BEHIND).fill(-1);
  private newest = -1;

  /** True the first time, unless MAX_BEHIND or more have passed it by. */
  pass(sequence: number): boolean {
    const ahead = this.newest < 0 ? 1 : ((sequence - this.newest) << 16) >> 16;
    const slot = sequence % MAX_BEHIND;
    if (ahead <= -MAX_BEHIND || this.passed[slot] === sequence) return false;
    if (ahead > 0) this.newest = sequence;
    this.passed[slot] = sequence;
    return true;
  }

  /** Another source, with numbers of its own. */
  reset(): void {
    this.passed.fill(-1);
    this.newest = -1;
  }
}
