import { type ChildProcess, execFile, execFileSync, spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { AgentStatus } from "../api/types.ts";
import { type AgentProcess, startAgentProcess, writeConfig } from "./agent-harness.ts";

/** For tests: network namespaces joined by virtual cables. Whoever uses it runs under `unshare -rn`. */

const run = promisify(execFile);
/** From util-linux and iproute2. */
const UNSHARE = "unshare";
const IP_TOOL = "ip";
const SCRIPT_TIMEOUT_MS = 60_000;

export interface Namespace {
  readonly holder: ChildProcess;
  readonly enter: string[];
}

/**
 * What keeps tests from making namespaces with a TUN here; false if nothing does. `programs`: name, a harmless call, package.
 * `attempt`: what has to be allowed in a namespace.
 */
export async function whyNoNamespaces(
  programs: readonly (readonly [string, readonly string[], string])[],
  attempt: readonly string[] = [IP_TOOL, "link"],
): Promise<string | false> {
  for (const [program, words, bringer] of programs) {
    const isThere = await run(program, words).then(
      () => true,
      () => false,
    );
    if (!isThere) return `${program} is not installed (${bringer})`;
  }
  const isAllowed = await run(UNSHARE, ["-rn", ...attempt]).then(
    () => true,
    () => false,
  );
  if (!isAllowed) return "no network namespaces here";
  try {
    accessSync("/dev/net/tun", constants.R_OK | constants.W_OK);
  } catch {
    return "no TUN here that this user may use";
  }
  return false;
}

/** The same of tests that split TCP. */
export function whyNoSplit(): Promise<string | false> {
  const programs = [
    [IP_TOOL, ["-V"], "iproute2"],
    ["nft", ["-v"], "nftables"],
  ] as const;
  return whyNoNamespaces(programs, ["nft", "list", "tables"]);
}

/** A namespace lives as long as the process that holds it. */
export async function makeNamespace(): Promise<Namespace> {
  const holder = spawn(UNSHARE, ["-n", "cat"], { stdio: ["pipe", "pipe", "inherit"] });
  const enter = ["nsenter", "-t", String(holder.pid), "-n"];
  await new Promise<void>((resolve) => {
    holder.stdout?.once("data", () => resolve());
    holder.stdin?.write("ready");
  });
  execIn({ holder, enter }, "ip link set lo up");
  return { holder, enter };
}

export function execIn({ enter }: Namespace, command: string): string {
  const [program = "", ...words] = [...enter, ...command.split(" ")];
  return execFileSync(program, words, { encoding: "utf8" });
}

/** Runs a JavaScript module there and resolves with what it printed. */
export async function scriptIn({ enter }: Namespace, script: string): Promise<string> {
  const [program = "", ...words] = [...enter, process.execPath, "--input-type=module", "-e", script];
  return (await run(program, words, { timeout: SCRIPT_TIMEOUT_MS })).stdout.trim();
}

/** A virtual cable between two namespaces. */
export function connect(a: Namespace, nameAtA: string, b: Namespace, nameAtB: string): void {
  const cable = `link add ${nameAtA} netns ${a.holder.pid} type veth peer name ${nameAtB} netns ${b.holder.pid}`;
  execFileSync(IP_TOOL, cable.split(" "));
  execIn(a, `ip link set ${nameAtA} up`);
  execIn(b, `ip link set ${nameAtB} up`);
}

/** What the agent of a test is like. */
export interface NodeSetup {
  readonly id: number;
  /** Interfaces with one neighbour each. */
  readonly links: readonly string[];
  readonly bitrateBps?: number;
  readonly ip: object;
  /** A command that takes rights from it. */
  readonly rights?: readonly string[];
}

/** Starts the agent `node-ID` at 1.ID in a namespace, with its files in `folder`. */
export function startNodeIn(namespace: Namespace, folder: string, setup: NodeSetup): Promise<AgentProcess> {
  const { id, links, bitrateBps, ip, rights = [] } = setup;
  const name = `node-${id}`;
  const bearers = links.map((link) => ({
    type: "udp",
    name: link,
    discover: { interfaces: [link] },
    medium: "point-to-point",
    ...(bitrateBps === undefined ? {} : { bitrateBps }),
  }));
  const node = { name, address: `1.${id}`, id, role: "relay" };
  const file = writeConfig(join(folder, name), name, { node, state: join(folder, name, "state"), bearers, ip });
  return startAgentProcess(file, [], [...namespace.enter, ...rights]);
}

/** The status of an agent, whose API listens in its namespace only. */
export async function statusIn(namespace: Namespace, agent: AgentProcess): Promise<AgentStatus> {
  const script = `console.log(await (await fetch("http://${agent.ready.api}/api/status")).text())`;
  return JSON.parse(await scriptIn(namespace, script)) as AgentStatus;
}
