/** Thrown where a caller broke a contract. Never thrown because of anything that a peer sent. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
  readonly code = "SKEIN_ASSERT";
}

/** Checks a programmer's promise; stays on in production, since a wrong octet on the air is worse than a stop. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}
