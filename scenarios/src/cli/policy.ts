import { readFileSync } from "node:fs";
import { envelopeOctets, parsePolicy } from "@skein/controller/policy";
import { ConfigError } from "@skein/node-agent";
import type { PolicyDocument } from "@skein/node-agent/api";
import { UsageError, withArguments } from "./arguments.ts";
import { DEFAULT_CONTROLLER, fetchPolicy, publishPolicy } from "./controller-client.ts";
import { formatPolicy } from "./policy-text.ts";
import { paintForTerminal } from "./table.ts";

const HELP = `Usage: skein policy show [--controller HOST:PORT] [--json]
       skein policy check FILE [--json]
       skein policy set FILE [--controller HOST:PORT] [--json]

What bearers cost and may carry, what each class of traffic may use, how many copies of it are sent.

  show    what is in force: version, who signed it, since when, on which nodes, and which have not got it
  check   reads a file and says what is wrong with it, line by line; needs nothing that runs
  set     checks a file and has the controller sign and publish it to all nodes

  --controller HOST:PORT   where the controller listens (default ${DEFAULT_CONTROLLER})
  --json                   one line of JSON instead of text

Exit codes: 0 done, 1 it could not be done, 2 the command line or the file is wrong.
controller/docs/policy.md says what stands in a file.`;

interface Values {
  controller: string;
  json: boolean;
}

export function main(args: string[]): Promise<number> {
  const options = {
    controller: { type: "string", default: DEFAULT_CONTROLLER },
    json: { type: "boolean", default: false },
  } as const;
  return withArguments(args, options, HELP, ({ values, positionals }) => {
    const [verb, file, ...rest] = positionals;
    if (verb === "show" && file === undefined) return show(values);
    if ((verb !== "check" && verb !== "set") || rest.length > 0)
      throw new UsageError(
        verb === undefined ? "show, check or set is missing" : `not understood: ${positionals.join(" ")}`,
      );
    if (file === undefined) throw new UsageError(`policy ${verb} needs a FILE`);
    return verb === "check" ? check(file, values) : set(file, values);
  });
}

async function show({ controller, json }: Values): Promise<number> {
  const view = await fetchPolicy(controller);
  console.log(json ? JSON.stringify(view) : formatPolicy(view, paintForTerminal).join("\n"));
  return 0;
}

function check(file: string, { json }: Values): number {
  const document = read(file, json);
  if (document === undefined) return 2;
  const octets = envelopeOctets(document);
  const count = `${Object.keys(document.bearers).length} bearers, ${Object.keys(document.classes).length} classes`;
  console.log(
    json ? JSON.stringify({ ok: true, octets, document }) : `${file}: good (${count}, ${octets} octets on the air)`,
  );
  return 0;
}

async function set(file: string, { controller, json }: Values): Promise<number> {
  const document = read(file, json);
  if (document === undefined) return 2;
  const { version, octets } = await publishPolicy(controller, document);
  const text = `policy ${version} published (${octets} octets); skein policy show says who has got it`;
  console.log(json ? JSON.stringify({ ok: true, version, octets }) : text);
  return 0;
}

/** Undefined, and said, if the file is wrong. */
function read(file: string, json: boolean): PolicyDocument | undefined {
  try {
    return parsePolicy(file, readFileSync(file, "utf8"));
  } catch (error) {
    if (error instanceof ConfigError) {
      if (json) console.log(JSON.stringify({ ok: false, problems: error.problems }));
      else console.error(error.message);
      return undefined;
    }
    console.error(`skein policy: ${(error as Error).message}`);
    return undefined;
  }
}
