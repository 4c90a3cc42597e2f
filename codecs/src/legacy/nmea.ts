/**
 * NMEA 0183 from a receiver's octet stream: RMC (place, speed, course, date) and GGA (altitude), of any talker.
 *
 *   $GNRMC,193918.00,A,3100.01405,N,10324.00740,E,2.16,102.57,231126,,,A*hh<CR><LF>
 *   $GNGGA,193918.00,3100.01405,N,10324.00740,E,1,12,0.8,1326.5,M,-38.2,M,,*hh<CR><LF>
 *          hhmmss.ss dddmm.mmmmm                 quality, satellites, hdop, altitude
 *
 *   hh   exclusive or of all characters between $ and *, hexadecimal
 */
import { parseIsoTime } from "../cot/iso-time.ts";
import type { GnssFix } from "./gnss-fix.ts";

export interface NmeaCounters {
  /** Whole sentences with the right checksum. */
  sentences: number;
  /** Of those, sentences that this parser has no use for. */
  ignored: number;
  /** RMC and GGA that say that there is no fix. */
  withoutFix: number;
  /** Wrong or missing checksum. */
  badChecksum: number;
  /** Cut, overlong or unreadable. */
  malformed: number;
}

/** NMEA allows 82; some receivers go beyond. */
export const MAX_NMEA_OCTETS = 128;
/** GGA sentences in a row without RMC after which GGA alone makes fixes. */
const GGA_WITHOUT_RMC = 3;
const KMH_PER_KNOT = 1.852;
const DOLLAR = 0x24;
const BANG = 0x21;

export class NmeaParser {
  readonly counters: NmeaCounters = { sentences: 0, ignored: 0, withoutFix: 0, badChecksum: 0, malformed: 0 };
  readonly #line = new Uint8Array(MAX_NMEA_OCTETS);
  /** Octets in the line; -1 outside a sentence. */
  #length = -1;
  #altitudeM = Number.NaN;
  #ggaSinceRmc = 0;
  #fix: GnssFix | undefined;

  /** Takes octets as they come, cut anywhere. The newest fix waits in `poll`. */
  push(octets: Uint8Array, offset: number, length: number): void {
    for (let at = offset; at < offset + length; at++) this.#pushOctet(octets[at] as number);
  }

  /** The newest fix since the last call; undefined if there was none. */
  poll(): GnssFix | undefined {
    const fix = this.#fix;
    this.#fix = undefined;
    return fix;
  }

  #pushOctet(octet: number): void {
    if (octet === DOLLAR || octet === BANG) {
      if (this.#length >= 0) this.counters.malformed++;
      this.#length = 0;
    } else if (this.#length >= 0) {
      if (octet === 0x0a || octet === 0x0d) this.#endLine();
      else if (octet < 0x20 || octet > 0x7e || this.#length === MAX_NMEA_OCTETS) this.#dropLine();
      else this.#line[this.#length++] = octet;
    }
  }

  #dropLine(): void {
    this.counters.malformed++;
    this.#length = -1;
  }

  #endLine(): void {
    const length = this.#length;
    this.#length = -1;
    if (!this.#checksumHolds(length)) {
      this.counters.badChecksum++;
      return;
    }
    this.counters.sentences++;
    const fields = String.fromCharCode(...this.#line.subarray(0, length - 3)).split(",");
    const name = fields[0] as string;
    if (/^[A-Z]{2}RMC$/.test(name)) this.#readRmc(fields);
    else if (/^[A-Z]{2}GGA$/.test(name)) this.#readGga(fields);
    else this.counters.ignored++;
  }

  #checksumHolds(length: number): boolean {
    if (length < 4 || this.#line[length - 3] !== 0x2a) return false;
    let sum = 0;
    for (let at = 0; at < length - 3; at++) sum ^= this.#line[at] as number;
    return sum === hexDigit(this.#line[length - 2] as number) * 16 + hexDigit(this.#line[length - 1] as number);
  }

  #readRmc(fields: readonly string[]): void {
    this.#ggaSinceRmc = 0;
    if (fields[2] !== "A") {
      this.#withoutFix(fields.length >= 10 && fields[2] === "V");
      return;
    }
    const speed = parseDecimal(fields[7]);
    const timeMs = parseTime(fields[1], fields[9]);
    this.#makeFix(fields, 3, timeMs, speed * KMH_PER_KNOT, parseDecimal(fields[8]));
  }

  #readGga(fields: readonly string[]): void {
    if (!/^[1-8]$/.test(fields[6] ?? "")) {
      this.#withoutFix(fields[6] === "0" || fields[6] === "");
      return;
    }
    this.#altitudeM = parseDecimal(fields[9]);
    if (++this.#ggaSinceRmc >= GGA_WITHOUT_RMC) this.#makeFix(fields, 2, Number.NaN, Number.NaN, Number.NaN);
  }

  #withoutFix(wellFormed: boolean): void {
    if (wellFormed) this.counters.withoutFix++;
    else this.counters.malformed++;
    this.#altitudeM = Number.NaN;
  }

  #makeFix(fields: readonly string[], place: number, timeMs: number, speedKmh: number, courseDeg: number): void {
    const latitudeDeg = parseAngle(fields[place], fields[place + 1], "N", "S", 90);
    const longitudeDeg = parseAngle(fields[place + 2], fields[place + 3], "E", "W", 180);
    if (Number.isNaN(latitudeDeg) || Number.isNaN(longitudeDeg)) {
      this.counters.malformed++;
      return;
    }
    const course = courseDeg <= 360 ? courseDeg : Number.NaN;
    this.#fix = { timeMs, latitudeDeg, longitudeDeg, altitudeM: this.#altitudeM, speedKmh, courseDeg: course };
  }
}

function hexDigit(octet: number): number {
  if (octet >= 0x30 && octet <= 0x39) return octet - 0x30;
  const letter = octet | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : 256;
}

/** Digits with at most one point, and a sign for altitudes; NaN for anything else, the empty field included. */
function parseDecimal(field: string | undefined): number {
  return field !== undefined && /^-?\d{1,9}(\.\d{0,12})?$/.test(field) ? Number(field) : Number.NaN;
}

/** `dddmm.mmmm` and a hemisphere; NaN if it is no such angle. */
function parseAngle(
  field: string | undefined,
  hemisphere: string | undefined,
  positive: string,
  negative: string,
  maximumDeg: number,
): number {
  const match = /^(\d{1,3})(\d\d(?:\.\d{0,12})?)$/.exec(field ?? "");
  if (match === null || (hemisphere !== positive && hemisphere !== negative)) return Number.NaN;
  const minutes = Number(match[2]);
  const angle = Number(match[1]) + minutes / 60;
  if (minutes >= 60 || angle > maximumDeg) return Number.NaN;
  return hemisphere === positive ? angle : -angle;
}

/** `hhmmss.sss` and `ddmmyy` as milliseconds since 1970; two-digit years are those from 1980 on, as in GPS. */
function parseTime(time: string | undefined, date: string | undefined): number {
  const clock = /^(\d\d)(\d\d)(\d\d)(?:\.(\d{1,9}))?$/.exec(time ?? "");
  const day = /^(\d\d)(\d\d)(\d\d)$/.exec(date ?? "");
  if (clock === null || day === null) return Number.NaN;
  const century = Number(day[3]) >= 80 ? "19" : "20";
  const fraction = clock[4] ?? "0";
  const text = `${century}${day[3]}-${day[2]}-${day[1]}T${clock[1]}:${clock[2]}:${clock[3]}.${fraction}Z`;
  return parseIsoTime(text) ?? Number.NaN;
}

/** `body` (what stands between $ and *) as a whole sentence with checksum, CR and LF. */
export function formatNmeaSentence(body: string): string {
  let sum = 0;
  for (let index = 0; index < body.length; index++) sum ^= body.charCodeAt(index);
  return `$${body}*${(sum & 0xff).toString(16).toUpperCase().padStart(2, "0")}\r\n`;
}
