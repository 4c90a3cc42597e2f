import { z } from "zod";

const CLOCK = /^(?:(\d+):)?(\d{1,2}):(\d{2}(?:\.\d+)?)$/;
const SUFFIXED = /^(\d+(?:\.\d+)?)(us|ms|s|min|h)$/;
const UNIT_US: Record<string, number> = { us: 1, ms: 1e3, s: 1e6, min: 60e6, h: 3600e6 };

/** `00:01:30`, `1:30`, `20s`, `150ms`, `2min`, or a plain number of seconds -> integer microseconds; NaN if neither. */
export function parseDurationUs(text: string | number): number {
  if (typeof text === "number") return text >= 0 ? Math.round(text * 1e6) : Number.NaN;
  const trimmed = text.trim();
  const clock = CLOCK.exec(trimmed);
  if (clock) {
    const seconds = Number(clock[1] ?? 0) * 3600 + Number(clock[2]) * 60 + Number(clock[3]);
    return Math.round(seconds * 1e6);
  }
  const suffixed = SUFFIXED.exec(trimmed);
  if (suffixed) return Math.round(Number(suffixed[1]) * (UNIT_US[suffixed[2] ?? ""] ?? Number.NaN));
  return /^\d+(\.\d+)?$/.test(trimmed) ? Math.round(Number(trimmed) * 1e6) : Number.NaN;
}

/** A duration or time of a scenario file; output in integer microseconds. */
export const durationUs = z.union([z.string(), z.number()]).transform((value, context) => {
  const us = parseDurationUs(value);
  if (Number.isNaN(us)) {
    context.addIssue({
      code: "custom",
      message: `expected a time such as "00:01:30", "20s" or "150ms", found ${value}`,
    });
    return z.NEVER;
  }
  return us;
});
