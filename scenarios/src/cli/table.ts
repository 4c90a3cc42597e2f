import { styleText } from "node:util";

/** How a cell looks on a terminal. */
export type Style = "bold" | "dim" | "red" | "yellow" | "green";
export type Paint = (style: Style, text: string) => string;
export type Cell = string | { readonly text: string; readonly style: Style };

/** Colours if standard output is a terminal that wants them (NO_COLOR, FORCE_COLOR). */
export const paintForTerminal: Paint = (style, text) => styleText(style, text, { stream: process.stdout });

const textOf = (cell: Cell | undefined): string => (typeof cell === "object" ? cell.text : (cell ?? ""));

/** Rows as lines with aligned columns; numbers (and `-`) stand right, everything else left. */
export function formatTable(
  header: readonly string[],
  rows: readonly (readonly Cell[])[],
  paint: Paint = (_, text) => text,
): string[] {
  const widths = header.map((title, i) => Math.max(title.length, ...rows.map((row) => textOf(row[i]).length)));
  const isNumeric = header.map(
    (_, i) => rows.length > 0 && rows.every((row) => /^(-|[\d.,/]+( ?%)?)$/.test(textOf(row[i]))),
  );
  const place = (cell: Cell, i: number): string => {
    const text = textOf(cell);
    const blanks = " ".repeat((widths[i] ?? 0) - text.length);
    const shown = typeof cell === "object" ? paint(cell.style, text) : text;
    return isNumeric[i] === true ? blanks + shown : shown + blanks;
  };
  const line = (cells: readonly Cell[]): string => cells.map(place).join("  ").trimEnd();
  return [line(header.map((text) => ({ text, style: "bold" }) as const)), ...rows.map(line)];
}
