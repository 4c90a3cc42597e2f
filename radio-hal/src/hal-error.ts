/**
 * An operating error of a device: something outside the program is not as it must be.
 * `code` is stable and for programs, `message` says what happened, `remedy` what a person can do about it.
 */
export class HalError extends Error {
  readonly code: string;
  readonly remedy: string;
  constructor(code: string, message: string, remedy = "", cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "HalError";
    this.code = code;
    this.remedy = remedy;
  }
}

/** The system's code of whatever was thrown (`EACCES`, `ENOENT`, ...), or "". */
export function systemCode(error: unknown): string {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === "string" ? code : "";
}

/** The message of whatever was thrown. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
