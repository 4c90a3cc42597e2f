/**
 * One line of gpsd's JSON protocol. Of its classes only TPV (time, position, velocity) is read:
 *
 *   {"class":"TPV","mode":3,"time":"...Z","lat":deg,"lon":deg,"altMSL":m,"speed":m/s,"track":deg}
 *
 * gpsd before 3.20 calls the altitude `alt`.
 */
import { parseIsoTime } from "../cot/iso-time.ts";
import { decodeUtf8 } from "../text/utf8.ts";
import type { GnssFix } from "./gnss-fix.ts";

export type GpsdLine =
  | { kind: "fix"; fix: GnssFix }
  /** A TPV that says that there is no fix. */
  | { kind: "without-fix" }
  /** Another class: VERSION, DEVICES, SKY, ... */
  | { kind: "other" }
  | { kind: "malformed" };

/** What a client sends to have reports. */
export const GPSD_WATCH = '?WATCH={"enable":true,"json":true};\n';
/** gpsd's own limit for one report. */
export const MAX_GPSD_LINE_OCTETS = 10_240;
const KMH_PER_MPS = 3.6;
const MALFORMED: GpsdLine = { kind: "malformed" };

/** Reads one line, with or without its line end. */
export function decodeGpsdLine(octets: Uint8Array, offset: number, length: number): GpsdLine {
  if (length > MAX_GPSD_LINE_OCTETS) return MALFORMED;
  const text = decodeUtf8(octets, offset, length);
  if (text === undefined) return MALFORMED;
  let report: unknown;
  try {
    report = JSON.parse(text);
  } catch {
    return MALFORMED;
  }
  if (typeof report !== "object" || report === null || !("class" in report)) return MALFORMED;
  if (report.class !== "TPV") return typeof report.class === "string" ? { kind: "other" } : MALFORMED;
  return readTpv(report as Record<string, unknown>);
}

function readTpv(report: Record<string, unknown>): GpsdLine {
  if (typeof report["mode"] !== "number") return MALFORMED;
  const latitudeDeg = numberOf(report["lat"], 90);
  const longitudeDeg = numberOf(report["lon"], 180);
  // 0 unknown, 1 no fix, 2 place only, 3 altitude too.
  if (report["mode"] < 2 || report["lat"] === undefined) return { kind: "without-fix" };
  if (Number.isNaN(latitudeDeg) || Number.isNaN(longitudeDeg)) return MALFORMED;
  const time = typeof report["time"] === "string" ? parseIsoTime(report["time"]) : undefined;
  const altitude = report["altMSL"] ?? report["alt"] ?? report["altHAE"];
  const fix: GnssFix = {
    timeMs: time ?? Number.NaN,
    latitudeDeg,
    longitudeDeg,
    altitudeM: report["mode"] >= 3 ? numberOf(altitude, 100_000) : Number.NaN,
    speedKmh: Math.abs(numberOf(report["speed"], 10_000)) * KMH_PER_MPS,
    courseDeg: numberOf(report["track"], 360),
  };
  return { kind: "fix", fix };
}

function numberOf(value: unknown, limit: number): number {
  return typeof value === "number" && Math.abs(value) <= limit ? value : Number.NaN;
}
