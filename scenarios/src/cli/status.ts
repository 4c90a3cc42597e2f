import { DEFAULT_API, fetchStatus } from "./agent-client.ts";
import { withArguments } from "./arguments.ts";
import { formatStatus } from "./status-text.ts";

const HELP = `Usage: skein status [--api HOST:PORT] [--json]

Prints what a running agent knows: itself, nodes, neighbours, bearers, open alarms.

  --api HOST:PORT   the agent's local API (default ${DEFAULT_API})
  --json            the whole status document`;

/** @throws AgentError */
export function main(args: string[]): Promise<number> {
  const options = { api: { type: "string", default: DEFAULT_API }, json: { type: "boolean", default: false } } as const;
  return withArguments(args, options, HELP, async ({ values }) => {
    const status = await fetchStatus(values.api);
    console.log(values.json ? JSON.stringify(status) : formatStatus(status).join("\n"));
    return 0;
  });
}
