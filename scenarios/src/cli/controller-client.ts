import type { PolicyView } from "@skein/controller/policy";
import type { PolicyDocument } from "@skein/node-agent/api";

export const DEFAULT_CONTROLLER = "127.0.0.1:8080";

/** The controller did not do what it was asked. */
class ControllerError extends Error {
  readonly code: string;
  readonly remedy: string;
  constructor(code: string, message: string, remedy: string, cause?: unknown) {
    super(message, { cause });
    this.name = "ControllerError";
    this.code = code;
    this.remedy = remedy;
  }
}

/**
 * Asks a controller which policy is in force.
 * @param controller HOST:PORT of its API
 * @throws ControllerError
 */
export async function fetchPolicy(controller: string): Promise<PolicyView> {
  const { status, reply } = await ask(controller);
  if (status !== 200 || !("missing" in reply)) throw refused(controller, reply);
  return reply as unknown as PolicyView;
}

/**
 * Has a controller publish a policy.
 * @throws ControllerError with the controller's or the agent's code
 */
export async function publishPolicy(
  controller: string,
  document: PolicyDocument,
): Promise<{ version: number; octets: number }> {
  const { status, reply } = await ask(controller, document);
  if (status !== 200 || reply["ok"] !== true) throw refused(controller, reply);
  return reply["result"] as { version: number; octets: number };
}

async function ask(
  controller: string,
  document?: PolicyDocument,
): Promise<{ status: number; reply: Record<string, unknown> }> {
  const write = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(document) };
  let response: Response;
  try {
    const signal = AbortSignal.timeout(20_000);
    response = await fetch(
      `http://${controller}/api/policy`,
      document === undefined ? { signal } : { ...write, signal },
    );
  } catch (error) {
    const remedy = "is it running? its configuration says where it listens (listen); give that with --controller";
    throw new ControllerError("controller-unreachable", `no controller answers at ${controller}`, remedy, error);
  }
  const reply: unknown = await response.json().catch(() => undefined);
  const isObject = typeof reply === "object" && reply !== null;
  return { status: response.status, reply: isObject ? (reply as Record<string, unknown>) : {} };
}

function refused(controller: string, { code, message }: Record<string, unknown>): ControllerError {
  if (typeof code === "string" && typeof message === "string") return new ControllerError(code, message, "");
  const what = `${controller} answers, but not as a controller`;
  return new ControllerError("controller-answer-invalid", what, "is it another program?");
}
