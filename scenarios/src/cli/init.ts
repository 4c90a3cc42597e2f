import { generateKeyPairSync, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { join, resolve } from "node:path";
import { UsageError, withArguments } from "./arguments.ts";

const HELP = `Usage: skein init [FOLDER] [--name NODE] [--address AREA.ID] [--role ROLE] [--interface NAME]

Makes a mission folder (default: .) with
  mission.key      32 random octets as hexadecimal digits, readable by you alone; every node needs a copy
  controller.key   what the controller signs policies with, readable by you alone; nobody else needs it
  controller.pub   the public half of it; every node needs a copy, and takes no policy of anybody else
  agent.yaml       a sample configuration of one node; start it with: skein agent --config FOLDER/agent.yaml
  controller.yaml  the controller's beside it; start it with: skein controller --config FOLDER/controller.yaml
Nothing that exists is overwritten.

  --name NODE         name of the node, at most 12 octets (default node-1)
  --address AREA.ID   its address, unique in the mission (default 1.1)
  --role ROLE         terminal, relay, airborne, vehicle, headquarters (default terminal)
  --interface NAME    network interface to find neighbours on (default: the first that is not loopback)`;

const ROLES = ["terminal", "relay", "airborne", "vehicle", "headquarters"];

/** Who the sample node is. */
export interface SampleNode {
  name: string;
  address: string;
  role: string;
  /** 32-bit, not 0. */
  id: number;
  interface: string;
}

/** A configuration that `skein agent` accepts, with what one may want to change next in comments. */
export function sampleConfig(node: SampleNode): string {
  return `# One Skein node. Check it with: skein agent --config agent.yaml --check
node:
  name: ${JSON.stringify(node.name)}
  address: ${JSON.stringify(node.address)} # AREA.ID, unique in the mission
  id: ${node.id} # 32 bits, unique in the mission
  role: ${node.role}

mission:
  keyFile: mission.key # the same file on every node
  controllerKeyFile: controller.pub # the same on every node: policies of others are not taken

# Boot epoch, messages, policy. Each node needs a folder of its own; never restore an old copy of it.
state: state

bearers:
  - name: lan
    type: udp
    discover: {interfaces: [${JSON.stringify(node.interface)}]}
  # A serial radio:
  # - {name: radio, type: serial, device: /dev/ttyUSB0, baud: 9600}
  # Neighbours behind a modem:
  # - {name: lte, type: udp, kind: cellular, bind: "0.0.0.0:4700", neighbours: ["198.51.100.7:4700"]}

voice:
  groups: [1]
  # bridge: [1]   # carries the group between wide and narrow radios
  # across: [1]   # lets the group's speech through where nodes of other areas are heard

position:
  intervalS: 10
  # gpsd: 127.0.0.1:2947
  # nmea: track.nmea

api:
  listen: 127.0.0.1:4780
`;
}

const CONTROLLER_CONFIG = `# The controller beside the agent of this folder. Check it with: skein controller --config controller.yaml --check
agent: 127.0.0.1:4780
listen: 127.0.0.1:8080
signingKeyFile: controller.key # keep it here: who has it rules all nodes
`;

/** A new Ed25519 key pair (RFC 8032), 32 octets each as hexadecimal digits. */
function controllerKeys(): { seed: string; publicKey: string } {
  const { d, x } = generateKeyPairSync("ed25519").privateKey.export({ format: "jwk" });
  const hex = (base64url: string | undefined): string => Buffer.from(base64url ?? "", "base64url").toString("hex");
  return { seed: hex(d), publicKey: hex(x) };
}

/** Both halves or none: a new one would not be that of nodes that have the old one. */
function writeControllerKeys(folder: string): void {
  const [seedFile, publicFile] = [join(folder, "controller.key"), join(folder, "controller.pub")];
  if (existsSync(seedFile) || existsSync(publicFile)) {
    console.log(`kept  ${seedFile}`);
    return;
  }
  const { seed, publicKey } = controllerKeys();
  writeNew(seedFile, `${seed}\n`, 0o600);
  writeNew(publicFile, `${publicKey}\n`, 0o644);
}

function firstInterface(): string {
  for (const [name, addresses] of Object.entries(networkInterfaces())) {
    if (addresses?.some((address) => !address.internal) === true) return name;
  }
  return "lo";
}

/** @returns true if the file was made, false if there was one */
function writeNew(path: string, text: string, mode: number): boolean {
  const isNew = !existsSync(path);
  if (isNew) writeFileSync(path, text, { mode, flag: "wx" });
  console.log(`${isNew ? "made" : "kept"}  ${path}`);
  return isNew;
}

export function main(args: string[]): Promise<number> {
  const options = {
    name: { type: "string", default: "node-1" },
    address: { type: "string", default: "1.1" },
    role: { type: "string", default: "terminal" },
    interface: { type: "string" },
  } as const;
  return withArguments(args, options, HELP, ({ values, positionals }) => {
    if (!ROLES.includes(values.role))
      throw new UsageError(`--role ${values.role}: expected one of ${ROLES.join(", ")}`);
    if (!/^\d{1,3}\.\d{1,3}$/.test(values.address))
      throw new UsageError(`--address ${values.address}: expected AREA.ID`);
    if (Buffer.byteLength(values.name) > 12) throw new UsageError(`--name ${values.name}: longer than 12 octets`);
    const folder = resolve(positionals[0] ?? ".");
    mkdirSync(folder, { recursive: true });
    writeNew(join(folder, "mission.key"), `${randomBytes(32).toString("hex")}\n`, 0o600);
    writeControllerKeys(folder);
    const node = { ...values, id: randomBytes(4).readUInt32BE() || 1, interface: values.interface ?? firstInterface() };
    const config = join(folder, "agent.yaml");
    writeNew(config, sampleConfig(node), 0o644);
    writeNew(join(folder, "controller.yaml"), CONTROLLER_CONFIG, 0o644);
    console.log(`next  skein agent --config ${config}`);
    return 0;
  });
}
