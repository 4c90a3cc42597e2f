import type { AgentStatus, RouteExplanation } from "@skein/node-agent/api";

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
  const { httpStatus, document } = await ask(api, "/api/status");
  if (httpStatus !== 200) throw invalid(api, `HTTP status ${httpStatus}`);
  if (!("core" in document)) throw invalid(api, "no status document");
  return document as unknown as AgentStatus;
}

/**
 * Asks a running agent for the ways to a node (name or AREA.ID); undefined if it has never heard of it.
 * @throws AgentError
 */
export async function fetchRoute(api: string, to: string): Promise<RouteExplanation | undefined> {
  const { httpStatus, document } = await ask(api, `/api/route?to=${encodeURIComponent(to)}`);
  if (httpStatus === 404 && document["code"] === "unknown-node") return undefined;
  if (httpStatus !== 200 || !("classes" in document)) throw invalid(api, "no ways to a node; is it an older agent?");
  return document as unknown as RouteExplanation;
}

async function ask(api: string, path: string): Promise<{ httpStatus: number; document: Record<string, unknown> }> {
  let response: Response;
  try {
    response = await fetch(`http://${api}${path}`, { signal: AbortSignal.timeout(5000) });
  } catch (error) {
    throw unreachable(api, error);
  }
  const document: unknown = await response.json().catch(() => undefined);
  const isObject = typeof document === "object" && document !== null;
  return { httpStatus: response.status, document: isObject ? (document as Record<string, unknown>) : {} };
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
