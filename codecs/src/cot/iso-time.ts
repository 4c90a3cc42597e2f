/**
 * ISO 8601 instants without Date: civil dates by day arithmetic in the proleptic Gregorian calendar.
 * Days are counted in eras of 400 years (146,097 days) that begin on 1 March, so that the leap day comes last.
 */
import { assert } from "../assert.ts";

const DAY_MS = 86_400_000;
const ERA_DAYS = 146_097;
/** Days from 0000-03-01 to 1970-01-01. */
const EPOCH_DAYS = 719_468;
/** 9999-12-31T23:59:59.999Z. */
const LAST_MS = 253_402_300_799_999;
const PATTERN =
  /^(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(?:[.,](\d{1,9}))?(?:[Zz]|([+-])(\d{2}):?(\d{2}))$/;
const MONTH_DAYS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;

/** `1970-01-01T00:00:00.000Z` for 0; milliseconds since then, years 1970 to 9999. */
export function formatIsoTime(epochMs: number): string {
  assert(epochMs >= 0 && epochMs <= LAST_MS, "time outside 1970..9999");
  const whole = Math.floor(epochMs);
  const days = Math.floor(whole / DAY_MS);
  const ms = whole % DAY_MS;
  const clock = `${pad(Math.floor(ms / 3_600_000), 2)}:${pad(Math.floor(ms / 60_000) % 60, 2)}`;
  return `${formatDay(days)}T${clock}:${pad(Math.floor(ms / 1000) % 60, 2)}.${pad(ms % 1000, 3)}Z`;
}

function formatDay(days: number): string {
  const shifted = days + EPOCH_DAYS;
  const era = Math.floor(shifted / ERA_DAYS);
  const ofEra = shifted - era * ERA_DAYS;
  // Takes the leap days out: one each 4 years but the 100th, and the 400th again.
  const year = Math.floor(
    (ofEra - Math.floor(ofEra / 1460) + Math.floor(ofEra / 36_524) - Math.floor(ofEra / 146_096)) / 365,
  );
  const ofYear = ofEra - (365 * year + Math.floor(year / 4) - Math.floor(year / 100));
  // Five months from March have 153 days, in the pattern 31 30 31 30 31.
  const month = Math.floor((5 * ofYear + 2) / 153);
  const day = ofYear - Math.floor((153 * month + 2) / 5) + 1;
  const civilMonth = month < 10 ? month + 3 : month - 9;
  return `${pad(era * 400 + year + (civilMonth <= 2 ? 1 : 0), 4)}-${pad(civilMonth, 2)}-${pad(day, 2)}`;
}

function pad(value: number, width: number): string {
  return String(value).padStart(width, "0");
}

/** Milliseconds since 1970; undefined if `text` is no instant of the years 1970 to 9999. Parts of a ms are cut. */
export function parseIsoTime(text: string): number | undefined {
  const match = PATTERN.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second, fraction = "", sign, offsetHour = "0", offsetMinute = "0"] = match;
  const days = civilDays(Number(year), Number(month), Number(day));
  if (days === undefined || Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60) return undefined;
  if (Number(offsetHour) > 23 || Number(offsetMinute) > 59) return undefined;
  const offsetMs = (Number(offsetHour) * 60 + Number(offsetMinute)) * 60_000 * (sign === "-" ? -1 : 1);
  const clockMs = (Number(hour) * 3600 + Number(minute) * 60 + Number(second)) * 1000;
  const epochMs = days * DAY_MS + clockMs + Number(fraction.padEnd(3, "0").slice(0, 3)) - offsetMs;
  return epochMs >= 0 && epochMs <= LAST_MS ? epochMs : undefined;
}

/** Days since 1970-01-01; undefined if the month has no such day. */
function civilDays(year: number, month: number, day: number): number | undefined {
  const longest = MONTH_DAYS[month - 1];
  if (longest === undefined || day < 1 || day > longest) return undefined;
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  if (month === 2 && day === 29 && !leap) return undefined;
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const ofEra = shifted - era * 400;
  const ofYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  return era * ERA_DAYS + ofEra * 365 + Math.floor(ofEra / 4) - Math.floor(ofEra / 100) + ofYear - EPOCH_DAYS;
}
