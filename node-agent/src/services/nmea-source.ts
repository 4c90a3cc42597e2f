import { readFileSync, statSync } from "node:fs";
import { type GnssFix, NmeaParser } from "@skein/codecs";
import { SkeinError } from "../shell/skein-error.ts";
import type { PositionSource } from "./position-source.ts";

/** Largest recording, octets: some days at one fix a second. */
const FILE_OCTETS_MAX = 64 * 1024 * 1024;
/** Pace where the recording has no time stamps, or jumps. */
const STEP_MS = 1000;
const STEP_MAX_MS = 60_000;
const LINE_FEED = 0x0a;

/** Replays a recorded NMEA file at the pace of its time stamps, from the start again when it ends. */
export class NmeaSource implements PositionSource {
  readonly counters: Readonly<Record<string, number>>;
  readonly #fixes: readonly GnssFix[];
  #timer: NodeJS.Timeout | undefined;
  #next = 0;

  /** @throws SkeinError `nmea-unreadable`: no such file, too large, or not one fix in it. */
  constructor(file: string) {
    const { fixes, counters } = readFixes(file);
    this.#fixes = fixes;
    this.counters = counters;
  }

  start(onFix: (fix: GnssFix) => void): void {
    const fix = this.#fixes[this.#next] as GnssFix;
    this.#next = (this.#next + 1) % this.#fixes.length;
    this.#timer = setTimeout(() => this.start(onFix), stepMs(fix, this.#fixes[this.#next] as GnssFix));
    onFix(fix);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}

/** Time from one fix of a recording to the next. */
export function stepMs(from: GnssFix, to: GnssFix): number {
  const ms = to.timeMs - from.timeMs;
  return ms > 0 && ms <= STEP_MAX_MS ? ms : STEP_MS;
}

function readFixes(file: string): { fixes: GnssFix[]; counters: Readonly<Record<string, number>> } {
  const octets = readOctets(file);
  const parser = new NmeaParser();
  const fixes: GnssFix[] = [];
  for (let from = 0; from < octets.length; ) {
    const feed = octets.indexOf(LINE_FEED, from);
    const end = feed < 0 ? octets.length : feed + 1;
    parser.push(octets, from, end - from);
    const fix = parser.poll();
    if (fix !== undefined) fixes.push(fix);
    from = end;
  }
  if (fixes.length === 0) {
    const { badChecksum, malformed } = parser.counters;
    const why = `${badChecksum} sentences with a wrong checksum, ${malformed} malformed`;
    throw new SkeinError(
      "nmea-unreadable",
      `${file}: not one position in it (${why})`,
      "give a recording with RMC or GGA",
    );
  }
  return { fixes, counters: { ...parser.counters } };
}

function readOctets(file: string): Buffer {
  try {
    if (statSync(file).size > FILE_OCTETS_MAX) throw new Error(`larger than ${FILE_OCTETS_MAX} octets`);
    return readFileSync(file);
  } catch (error) {
    throw new SkeinError("nmea-unreadable", `${file}: ${(error as Error).message}`, "check `position.nmea`", error);
  }
}
