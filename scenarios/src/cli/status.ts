import { DEFAULT_API, fetchStatus } from "./agent-client.ts";
import { withArguments } from "./arguments.ts";
import { formatStatus } from "./status-text.ts";
import { paintForTerminal } from "./table.ts";

const HELP = `Usage: skein status [--routes] [--drops] [--api HOST:PORT] [--json]

Prints what a running agent knows: itself, open alarms, nodes, neighbours, its links, bearers, what was dropped and why.

  --routes          also the next hop and the alternate to each node; classes that take the same way share a line
  --drops           all reasons for which something can be dropped, also those that never came
  --api HOST:PORT   the agent's local API (default ${DEFAULT_API})
  --json            the whole status document, routes and drops included

node-agent/docs/reading-routes.md says what the columns mean.`;

const flag = { type: "boolean", default: false } as const;

/** @throws AgentError */
export function main(args: string[]): Promise<number> {
  const options = { api: { type: "string", default: DEFAULT_API }, json: flag, routes: flag, drops: flag } as const;
  return withArguments(args, options, HELP, async ({ values }) => {
    const status = await fetchStatus(values.api);
    const { routes, drops } = values;
    const text = (): string => formatStatus(status, { paint: paintForTerminal, routes, drops }).join("\n");
    console.log(values.json ? JSON.stringify(status) : text());
    return 0;
  });
}
