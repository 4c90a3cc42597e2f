/** Named counts of the media process; reported when they changed. */
export class MediaCounters {
  private readonly counts: Record<string, number> = {};
  private changed = false;

  add(name: string, by = 1): void {
    if (by === 0) return;
    this.counts[name] = (this.counts[name] ?? 0) + by;
    this.changed = true;
  }

  /** A copy if anything changed since the last call. */
  takeChanges(): Record<string, number> | undefined {
    if (!this.changed) return undefined;
    this.changed = false;
    return { ...this.counts };
  }
}
