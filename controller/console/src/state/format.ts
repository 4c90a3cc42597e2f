/** An age for people: `3 s`, `4 min`, `2 h`. */
export function formatAge(ageS: number): string {
  if (ageS < 1) return "< 1 s";
  if (ageS < 120) return `${Math.floor(ageS)} s`;
  if (ageS < 7200) return `${Math.floor(ageS / 60)} min`;
  return `${Math.floor(ageS / 3600)} h`;
}

/** A bit rate for people: `9.6 kbit/s`, `4 Mbit/s`. */
export function formatRate(bitrateBps: number): string {
  const [value, unit] =
    bitrateBps >= 1e6
      ? [bitrateBps / 1e6, "Mbit/s"]
      : bitrateBps >= 1e3
        ? [bitrateBps / 1e3, "kbit/s"]
        : [bitrateBps, "bit/s"];
  return `${value >= 100 ? Math.round(value) : Math.round(value * 10) / 10} ${unit}`;
}

/** Money: cents with as many digits as there is to see. */
export function formatCents(cents: number, t: (key: "unit.cents") => string): string {
  const digits = cents >= 10 ? 0 : cents >= 1 ? 1 : 2;
  return `${cents > 0 && cents < 0.01 ? "< 0.01" : cents.toFixed(digits)} ${t("unit.cents")}`;
}

export function formatPercent(share: number): string {
  return share > 0 && share < 0.01 ? "< 1 %" : `${Math.round(share * 100)} %`;
}

export function formatDelay(delayMs: number): string {
  return `${delayMs < 10 ? Math.round(delayMs * 10) / 10 : Math.round(delayMs)} ms`;
}

/** Time of day, local, with seconds. */
export function formatClock(atMs: number): string {
  const date = new Date(atMs);
  const two = (value: number): string => String(value).padStart(2, "0");
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** Minutes and seconds of a scenario: `4:05`. */
export function formatSpan(timeS: number): string {
  const whole = Math.max(0, Math.floor(timeS));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** WGS-84 degrees with hemisphere, five decimals (1 m). */
export function formatPosition(latitudeDeg: number, longitudeDeg: number): string {
  const latitude = `${Math.abs(latitudeDeg).toFixed(5)}° ${latitudeDeg < 0 ? "S" : "N"}`;
  const longitude = `${Math.abs(longitudeDeg).toFixed(5)}° ${longitudeDeg < 0 ? "W" : "E"}`;
  return `${latitude}  ${longitude}`;
}
