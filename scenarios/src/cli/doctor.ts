import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, join, resolve } from "node:path";
import { withArguments } from "./arguments.ts";
import { formatTable } from "./table.ts";

const HELP = `Usage: skein doctor [--json]

Checks this machine for what Skein needs. Exit code 1 if something is missing without which a node cannot run; what
only takes away a feature is shown as absent.

  --json   one JSON array`;

/** What was found of one thing. `absent` takes a feature away, `failed` keeps a node from running. */
export interface Finding {
  name: string;
  state: "ok" | "absent" | "failed";
  detail: string;
}
interface Probe {
  name: string;
  isRequired: boolean;
  /** What to do, or what is lost. */
  remedy: string;
  /** Says what was found. @throws if it is not there or does not work */
  run(): string | Promise<string>;
}

const root = resolve(import.meta.dirname, "../../..");
const CODEC2_FOLDERS = ["/usr/lib", "/usr/local/lib", "/lib"];

/** Loads a package as the workspace package that depends on it sees it. */
function loadFrom(workspace: string, name: string): unknown {
  return createRequire(join(root, workspace, "package.json"))(name);
}

function findInPath(names: string[]): string {
  for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
    for (const name of names) if (existsSync(join(folder, name))) return join(folder, name);
  }
  throw new Error(`no ${names.join(" or ")} in PATH`);
}

function findCodec2(): string {
  const triplet = process.arch === "arm64" ? "aarch64-linux-gnu" : "x86_64-linux-gnu";
  for (const folder of CODEC2_FOLDERS.flatMap((path) => [join(path, triplet), path])) {
    for (const name of ["libcodec2.so.1.2", "libcodec2.so.1.1", "libcodec2.so.1.0", "libcodec2.so.1"]) {
      if (existsSync(join(folder, name))) return join(folder, name);
    }
  }
  throw new Error("no libcodec2.so.1");
}

function checkNode(): string {
  const pinned = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).dependencies.node as string;
  const major = Number(process.versions.node.split(".")[0]);
  if (major < 24) throw new Error(`this is ${process.versions.node}`);
  return process.versions.node === pinned ? pinned : `${process.versions.node} (the project pins ${pinned})`;
}

/** Loading the package proves its native part; listing ports needs udev, which small systems lack. */
async function describePorts(): Promise<string> {
  const { SerialPort } = loadFrom("radio-hal", "serialport") as {
    SerialPort: { list(): Promise<{ path: string }[]> };
  };
  const ports = await SerialPort.list().catch(() => undefined);
  if (ports === undefined) return "loads; its ports cannot be listed without udevadm";
  return ports.length === 0 ? "loads; no ports" : ports.map((port) => port.path).join(" ");
}

const PROBES: Probe[] = [
  { name: "node", isRequired: true, remedy: "run npm ci, then npx skein", run: checkNode },
  {
    name: "sqlite",
    isRequired: true,
    remedy: "use the pinned Node",
    run: async () => {
      const { DatabaseSync } = await import("node:sqlite");
      const database = new DatabaseSync(":memory:");
      const row = database.prepare("select sqlite_version() as version").get();
      database.close();
      return String(row?.["version"]);
    },
  },
  {
    name: "libsodium",
    isRequired: true,
    remedy: "run npm ci",
    run: async () => {
      const sodium = loadFrom("node-agent", "libsodium-wrappers") as {
        ready: Promise<void>;
        SODIUM_VERSION_STRING: string;
      };
      await sodium.ready;
      return sodium.SODIUM_VERSION_STRING;
    },
  },
  {
    name: "serialport",
    isRequired: true,
    remedy: "run npm ci; its install script must be allowed",
    run: describePorts,
  },
  {
    name: "koffi",
    isRequired: true,
    remedy: "run npm ci; its install script must be allowed",
    run: () => (loadFrom("node-agent", "koffi") as { version: string }).version,
  },
  {
    name: "opus",
    isRequired: true,
    remedy: "run npm ci",
    run: () => {
      const { Encoder } = loadFrom("node-agent", "@evan/opus") as { Encoder: new (options: object) => object };
      new Encoder({ channels: 1, sample_rate: 16000, application: "voip" });
      return "codes 16 kHz mono";
    },
  },
  {
    name: "libcodec2",
    isRequired: false,
    remedy: "apt-get install libcodec2-1.0; without it 9600 bit/s serial radios carry no voice",
    run: () => {
      const path = findCodec2();
      (loadFrom("node-agent", "koffi") as { load(path: string): unknown }).load(path);
      return path;
    },
  },
  {
    name: "tun device",
    isRequired: false,
    remedy:
      "modprobe tun, and the rights to use it; without it a node carries IP of others, but has no `ip` of its own",
    run: () => {
      accessSync("/dev/net/tun", constants.R_OK | constants.W_OK);
      return "/dev/net/tun";
    },
  },
  {
    name: "chromium",
    isRequired: false,
    remedy: "apt-get install chromium; without it npm test skips the browser runs",
    run: () => findInPath(["chromium", "chromium-browser", "google-chrome"]),
  },
  {
    name: "console",
    isRequired: false,
    remedy: "npm start builds it; without it the controller serves no pages",
    run: () => {
      for (const page of ["console", "handset"]) accessSync(join(root, "controller/dist", page, "index.html"));
      return "built";
    },
  },
];

async function probe({ name, isRequired, remedy, run }: Probe): Promise<Finding> {
  try {
    return { name, state: "ok", detail: await run() };
  } catch (error) {
    const reason = (error instanceof Error ? error.message : String(error)).split("\n")[0] ?? "";
    return { name, state: isRequired ? "failed" : "absent", detail: `${reason}: ${remedy}` };
  }
}

export function main(args: string[]): Promise<number> {
  return withArguments(args, { json: { type: "boolean", default: false } }, HELP, async ({ values }) => {
    const findings: Finding[] = [];
    for (const entry of PROBES) findings.push(await probe(entry));
    const rows = findings.map(({ name, state, detail }) => [name, state, detail]);
    console.log(values.json ? JSON.stringify(findings) : formatTable(["what", "state", "detail"], rows).join("\n"));
    return findings.some((finding) => finding.state === "failed") ? 1 : 0;
  });
}
