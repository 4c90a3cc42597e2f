import type { FragmentHeader } from "@skein/codecs";
import type { Counters } from "./counters.ts";
import { MAX_REASSEMBLIES } from "./limits.ts";

const MAX_WHOLE_OCTETS = 2048;
const GIVE_UP_US = 20_000_000;

interface Assembly {
  readonly key: number;
  readonly id: number;
  readonly startedUs: number;
  readonly parts: (Uint8Array | undefined)[];
}

/**
 * Puts fragments together. Bounded: the oldest incomplete frame gives way, and is counted. Fragments are
 * rare (a long text on a narrow bearer), so that this may allocate.
 */
export class Reassembly {
  readonly #counters: Counters;
  #assemblies: Assembly[] = [];

  constructor(counters: Counters) {
    this.#counters = counters;
  }

  /** Adds a part; returns the whole frame when it is complete. `key` names the sender. */
  add(
    nowUs: number,
    key: number,
    part: FragmentHeader,
    octets: Uint8Array,
    from: number,
    end: number,
  ): Uint8Array | undefined {
    const assembly = this.#find(nowUs, key, part);
    assembly.parts[part.index] = octets.slice(from, end);
    let length = 0;
    for (const have of assembly.parts) {
      if (have === undefined) return undefined;
      length += have.length;
    }
    this.#assemblies = this.#assemblies.filter((a) => a !== assembly);
    if (length > MAX_WHOLE_OCTETS || length === 0) {
      this.#counters.drop("malformed-body");
      return undefined;
    }
    const whole = new Uint8Array(length);
    let at = 0;
    for (const have of assembly.parts) {
      whole.set(have as Uint8Array, at);
      at += (have as Uint8Array).length;
    }
    return whole;
  }

  #find(nowUs: number, key: number, part: FragmentHeader): Assembly {
    for (const a of this.#assemblies) {
      if (a.key === key && a.id === part.id && a.parts.length === part.count && nowUs - a.startedUs < GIVE_UP_US)
        return a;
    }
    if (this.#assemblies.length >= MAX_REASSEMBLIES) {
      this.#assemblies.shift();
      this.#counters.drop("reassembly-incomplete");
    }
    const parts = new Array<Uint8Array | undefined>(part.count).fill(undefined);
    const fresh: Assembly = { key, id: part.id, startedUs: nowUs, parts };
    this.#assemblies.push(fresh);
    return fresh;
  }
}
