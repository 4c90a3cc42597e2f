/** Colours for a terminal, or none. */
export function painter(colour: boolean): {
  paint: (code: number, text: string) => string;
  verdict: (pass: boolean) => string;
} {
  const paint = (code: number, text: string): string => (colour ? `\x1b[${code}m${text}\x1b[0m` : text);
  return { paint, verdict: (pass) => (pass ? paint(32, "pass") : paint(31, "FAIL")) };
}
