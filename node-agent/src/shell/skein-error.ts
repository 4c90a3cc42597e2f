/**
 * An operating error: something outside the program is not as it must be.
 * `code` is stable and for programs, `message` says what happened, `remedy` what a person can do about it.
 */
export class SkeinError extends Error {
  readonly code: string;
  readonly remedy: string;
  constructor(code: string, message: string, remedy = "", cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "SkeinError";
    this.code = code;
    this.remedy = remedy;
  }
}

/** The `code` of whatever was thrown, or `fallback`. */
export function errorCode(error: unknown, fallback: string): string {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === "string" ? code : fallback;
}

/** The message of whatever was thrown. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
