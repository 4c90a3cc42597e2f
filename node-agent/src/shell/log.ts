import { errorMessage } from "./skein-error.ts";

/** How much is written: each level includes those after it. */
export type LogLevel = "debug" | "info" | "warn" | "error";
type Fields = Record<string, unknown>;

/** Structured log on stderr: one JSON object a line, or one readable line for people at a terminal. */
export interface Log {
  debug(text: string, fields?: Fields): void;
  info(text: string, fields?: Fields): void;
  warn(text: string, fields?: Fields): void;
  error(text: string, fields?: Fields): void;
  /** The same log of a node that goes by another address. */
  of(node: string): Log;
}

const ORDER: LogLevel[] = ["debug", "info", "warn", "error"];

/** Where log lines go; `isTTY` chooses the form. */
export interface LogOutput {
  isTTY?: boolean;
  write(text: string): unknown;
}

export function createLog(least: LogLevel, node: string, output: LogOutput = process.stderr): Log {
  const write = (level: LogLevel, text: string, fields: Fields = {}): void => {
    if (ORDER.indexOf(level) < ORDER.indexOf(least)) return;
    output.write(output.isTTY ? readable(level, text, fields) : structured(level, node, text, fields));
  };
  return {
    debug: (text, fields) => write("debug", text, fields),
    info: (text, fields) => write("info", text, fields),
    warn: (text, fields) => write("warn", text, fields),
    error: (text, fields) => write("error", text, fields),
    of: (other) => createLog(least, other, output),
  };
}

function plain(value: unknown): unknown {
  return value instanceof Error ? errorMessage(value) : value;
}

function structured(level: LogLevel, node: string, text: string, fields: Fields): string {
  const entries = Object.entries(fields).map(([key, value]) => [key, plain(value)]);
  return `${JSON.stringify({ at: new Date().toISOString(), level, node, text, ...Object.fromEntries(entries) })}\n`;
}

function readable(level: LogLevel, text: string, fields: Fields): string {
  const rest = Object.entries(fields).map(([key, value]) => ` ${key}=${JSON.stringify(plain(value))}`);
  return `${new Date().toISOString().slice(11, 23)} ${level.padEnd(5)} ${text}${rest.join("")}\n`;
}
