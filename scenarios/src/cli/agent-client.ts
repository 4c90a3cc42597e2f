import type { AgentStatus } from "@skein/node-agent/api";

export const DEFAULT_API = "127.0.0.1:4780";

/** The agent did not answer as an agent does. */
export class AgentError extends Error {
  readonly code: "agent-unreachable" | "agent-answer-invalid";
  readonly remedy: string;
  constructor(code: AgentError["code"], message: string, remedy: string, cause?: unknown) {
    super(message, { cause });
    this.name = "AgentError";
    this.code = code;
    this.remedy = remedy;
  }
}

/**
 * Asks a running agent what it knows.
 * @param api HOST:PORT of its local API
 * @throws AgentError
 */
export async function fetchStatus(api: string): Promise<AgentStatus> {
  let response: Response;
  try {
    response = await fetch(`http://${api}/api/status`, { signal: AbortSignal.timeout(5000) });
  } catch (error) {
    throw unreachable(api, error);
  }
  if (!response.ok) throw invalid(api, `HTTP status ${response.status}`);
  const status: unknown = await response.json().catch(() => undefined);
  if (typeof status !== "object" || status === null || !("core" in status)) throw invalid(api, "no status document");
  return status as AgentStatus;
}

export function unreachable(api: string, cause: unknown): AgentError {
  const remedy = "is the agent running? its configuration says where it listens (api.listen); give that with --api";
  return new AgentError("agent-unreachable", `no agent answers at ${api}`, remedy, cause);
}

function invalid(api: string, what: string): AgentError {
  return new AgentError(
    "agent-answer-invalid",
    `${api} answers, but not as an agent: ${what}`,
    "is it another program?",
  );
}

/** An address as people write it: AREA.ID. */
export function formatAddress(address: number): string {
  return `${address >> 8}.${address & 0xff}`;
}
