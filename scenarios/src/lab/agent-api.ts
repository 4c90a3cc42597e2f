import type { AgentStatus, Command, CommandReply } from "@skein/node-agent/api";

const TIMEOUT_MS = 4000;

/** What an agent knows; undefined if it does not answer. */
export async function statusOf(api: string): Promise<AgentStatus | undefined> {
  try {
    const response = await fetch(`http://${api}/api/status`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    return response.ok ? ((await response.json()) as AgentStatus) : undefined;
  } catch {
    return undefined;
  }
}

/** Tells an agent to do something; never throws. */
export async function command(api: string, body: Command): Promise<CommandReply> {
  try {
    const response = await fetch(`http://${api}/api/command`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    return (await response.json()) as CommandReply;
  } catch (error) {
    return { ok: false, code: "agent-unreachable", message: (error as Error).message };
  }
}
