/** Counted nonsense: a name, and how often. Names come from the code alone, so the record stays small. */
export class Counters {
  readonly values: Record<string, number> = {};

  count(name: string): void {
    this.values[name] = (this.values[name] ?? 0) + 1;
  }
}
