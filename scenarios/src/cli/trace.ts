import type { LogEvent, ServerMessage } from "@skein/node-agent/api";
import { WebSocket } from "ws";
import { DEFAULT_API, fetchRoute, fetchStatus, unreachable } from "./agent-client.ts";
import { UsageError, withArguments } from "./arguments.ts";
import { formatRoute } from "./route-text.ts";
import { paintForTerminal } from "./table.ts";

const HELP = `Usage: skein trace [NODE] [--api HOST:PORT] [--json]

Without NODE: prints the events of a running agent as they happen, until Ctrl-C.
With NODE (name or AREA.ID): prints the whole way to it per traffic class, hop by hop, as the agent's database has it:
bearer, cost, latency, and the way that packets take if the next hop does not answer. If there is no path it says what
happens to a packet, and ends with exit code 1.

  --api HOST:PORT   the agent's local API (default ${DEFAULT_API})
  --json            events as JSON, one object a line; the ways to NODE as one object

node-agent/docs/reading-routes.md says what the columns mean.`;

/** @throws AgentError */
export function main(args: string[]): Promise<number> {
  const options = { api: { type: "string", default: DEFAULT_API }, json: { type: "boolean", default: false } } as const;
  return withArguments(args, options, HELP, async ({ values, positionals }) => {
    const [node] = positionals;
    if (node === undefined) return followEvents(values.api, values.json);
    return printRoute(values.api, node, values.json);
  });
}

/** Exit code 0 if any class has a path. */
async function printRoute(api: string, node: string, asJson: boolean): Promise<number> {
  const route = await fetchRoute(api, node);
  if (route === undefined) throw new UsageError(`the agent knows no node "${node}"`);
  const text = async (): Promise<string> => formatRoute(await fetchStatus(api), route, paintForTerminal).join("\n");
  console.log(asJson ? JSON.stringify(route) : await text());
  return route.classes.some(({ noPath }) => noPath === null) ? 0 : 1;
}

function formatEvent(event: LogEvent): string {
  return `${new Date(event.atMs).toISOString()}  ${event.level.padEnd(5)}  ${event.text}`;
}

/** Prints events until the agent goes (exit code 1) or Ctrl-C (0). */
function followEvents(api: string, asJson: boolean): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://${api}/api/ws`, { handshakeTimeout: 5000, maxPayload: 16 * 1024 * 1024 });
    const stop = (): void => {
      resolve(0);
      socket.close();
    };
    process.once("SIGINT", stop);
    process.once("SIGTERM", stop);
    socket.on("message", (data, isBinary) => {
      if (isBinary) return;
      const message = JSON.parse(String(data)) as ServerMessage;
      if (message.type === "event") console.log(asJson ? JSON.stringify(message.event) : formatEvent(message.event));
    });
    socket.on("error", (error) => reject(unreachable(api, error)));
    socket.on("close", () => {
      console.error("the agent closed the connection");
      resolve(1);
    });
  });
}
