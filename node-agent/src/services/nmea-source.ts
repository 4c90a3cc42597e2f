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

/**
 * Replays a recorded NMEA file at the pace of its time stamps, from the start again when it ends. Sentences are read when
 * their time comes: a day of them is many seconds of work.
 */
export class NmeaSource implements PositionSource {
  readonly #octets: Buffer;
  readonly #parser = new NmeaParser();
  /** Where the next line begins. */
  #at = 0;
  #next: GnssFix;
  #timer: NodeJS.Timeout | undefined;

  /** @throws SkeinError `nmea-unreadable`: no such file, too large, or not one fix in it. */
  constructor(file: string) {
    this.#octets = readOctets(file);
    const first = this.#read();
    if (first === undefined) throw noFix(file, this.#parser);
    this.#next = first;
  }

  get counters(): Readonly<Record<string, number>> {
    return { ...this.#parser.counters };
  }

  start(onFix: (fix: GnssFix) => void): void {
    const fix = this.#next;
    this.#next = this.#read() ?? fix;
    this.#timer = setTimeout(() => this.start(onFix), stepMs(fix, this.#next));
    onFix(fix);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  /** The next fix, which may be the last one again; undefined if there is none in all of the recording. */
  #read(): GnssFix | undefined {
    const octets = this.#octets;
    for (let read = 0; read < octets.length; ) {
      const feed = octets.indexOf(LINE_FEED, this.#at);
      const end = feed < 0 ? octets.length : feed + 1;
      this.#parser.push(octets, this.#at, end - this.#at);
      read += end - this.#at;
      this.#at = end === octets.length ? 0 : end;
      const fix = this.#parser.poll();
      if (fix !== undefined) return fix;
    }
    return undefined;
  }
}

/** Time from one fix of a recording to the next. */
export function stepMs(from: GnssFix, to: GnssFix): number {
  const ms = to.timeMs - from.timeMs;
  return ms > 0 && ms <= STEP_MAX_MS ? ms : STEP_MS;
}

function noFix(file: string, { counters: { badChecksum, malformed } }: NmeaParser): SkeinError {
  const why = `${badChecksum} sentences with a wrong checksum, ${malformed} malformed`;
  return new SkeinError(
    "nmea-unreadable",
    `${file}: not one position in it (${why})`,
    "give a recording with RMC or GGA",
  );
}

function readOctets(file: string): Buffer {
  try {
    if (statSync(file).size > FILE_OCTETS_MAX) throw new Error(`larger than ${FILE_OCTETS_MAX} octets`);
    return readFileSync(file);
  } catch (error) {
    throw new SkeinError("nmea-unreadable", `${file}: ${(error as Error).message}`, "check `position.nmea`", error);
  }
}
