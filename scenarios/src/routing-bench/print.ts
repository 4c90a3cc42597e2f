/** What benches print: one JSON object a line for whoever reads, progress for whoever watches. */

function print(name: string, value: number, unit: string, target: string | null, pass: boolean): void {
  const finite = Number.isFinite(value) ? Number(value.toPrecision(6)) : -1;
  process.stdout.write(`${JSON.stringify({ name, value: finite, unit, target, pass })}\n`);
}

/** A figure that has to be `bound` or more. What could not be measured (NaN, Infinity) is printed as -1 and missed. */
export function printAtLeast(name: string, value: number, unit: string, bound: number): void {
  print(name, value, unit, `>=${Number(bound.toPrecision(6))}`, Number.isFinite(value) && value >= bound);
}

/** A figure that has to be `bound` or less; `valid` false if it says nothing, so that it is missed in any case. */
export function printAtMost(name: string, value: number, unit: string, bound: number, valid = true): void {
  print(name, value, unit, `<=${Number(bound.toPrecision(6))}`, valid && Number.isFinite(value) && value <= bound);
}

/** A figure without a target. */
export function printFigure(name: string, value: number, unit: string): void {
  print(name, value, unit, null, true);
}

/** One line that says how far a long bench is, on a terminal only. */
export function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

/** Takes the line of `progress` away. */
export function endProgress(): void {
  progress("");
}
