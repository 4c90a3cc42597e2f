import { ConfigError } from "@skein/node-agent/config";
import type { PolicySigner } from "@skein/node-agent/policy-key";
import { type ControllerConfig, loadControllerConfig } from "./config/controller-config.ts";
import { Controller } from "./controller.ts";
import { loadSigner } from "./policy/policy-publisher.ts";

const HELP = `Usage: skein controller --config FILE [--check]

Runs beside an agent and serves the operator's console to browsers on this machine.

  --config FILE   configuration (YAML)
  --check         validate the configuration and exit
  --help          this text

Configuration, with the defaults:
  agent: 127.0.0.1:4780     API of the agent on this machine
  listen: 127.0.0.1:8080    where the console is served; port 0 takes a free one
  language: zh-CN           or en
  signingKeyFile: FILE      what policies are signed with (no default; skein init makes controller.key)
  lab: 127.0.0.1:4790       control API of a running lab (no default)

When it serves, one line of JSON on standard output says where:
  {"ready":true,"console":"http://127.0.0.1:8080/"}
`;

interface Arguments {
  config: string | undefined;
  check: boolean;
  help: boolean;
}

function parseArguments(args: readonly string[]): Arguments | string {
  const parsed: Arguments = { config: undefined, check: false, help: false };
  for (let i = 0; i < args.length; i++) {
    const word = args[i];
    if (word === "--help" || word === "-h") parsed.help = true;
    else if (word === "--check") parsed.check = true;
    else if (word === "--config" && args[i + 1] !== undefined) parsed.config = args[++i];
    else return word === "--config" ? "--config needs a file" : `unknown argument ${word}`;
  }
  return parsed;
}

function complain(message: string): number {
  process.stderr.write(`skein controller: ${message}\n`);
  return 1;
}

function readConfig(file: string): ControllerConfig | string {
  try {
    return loadControllerConfig(file);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    return `cannot read ${file}: ${(error as Error).message}`;
  }
}

/** `skein controller`. @returns the exit code, once it has been told to stop. */
export async function main(args: readonly string[]): Promise<number> {
  const parsed = parseArguments(args);
  if (typeof parsed === "string") return complain(`${parsed}; see skein controller --help`) + 1;
  if (parsed.help) {
    process.stdout.write(HELP);
    return 0;
  }
  if (parsed.config === undefined) return complain("--config FILE is missing; see skein controller --help") + 1;
  const config = readConfig(parsed.config);
  if (typeof config === "string") return complain(config);
  if (parsed.check) {
    process.stdout.write(`${parsed.config}: ok\n`);
    return 0;
  }
  let signer: PolicySigner | undefined;
  try {
    signer = await loadSigner(config.signingKeyFile);
  } catch (error) {
    return complain((error as Error).message);
  }
  return run(config, signer);
}

async function run(config: ControllerConfig, signer: PolicySigner | undefined): Promise<number> {
  const controller = new Controller(config, signer);
  try {
    const address = await controller.start();
    process.stdout.write(`${JSON.stringify({ ready: true, console: address })}\n`);
  } catch (error) {
    await controller.stop();
    const { code, message } = error as NodeJS.ErrnoException;
    const cause = code === "EADDRINUSE" ? "the port is in use; choose another under `listen`" : message;
    return complain(`cannot serve on ${config.listen}: ${cause}`);
  }
  await new Promise<void>((stop) => {
    process.once("SIGINT", stop);
    process.once("SIGTERM", stop);
  });
  await controller.stop();
  return 0;
}
