import { printAtMost, printFigure } from "../routing-bench/print.ts";

/** A figure of each profile, and the worst of them against the bound. */
export function printWorst(name: string, unit: string, bound: number, byProfile: Record<string, number>): void {
  for (const [profile, value] of Object.entries(byProfile)) printFigure(`${name}.${profile}`, value, unit);
  printAtMost(name, Math.max(...Object.values(byProfile)), unit, bound);
}
