import { execFile } from "node:child_process";
import { promisify } from "node:util";
import t from "tap";
import { whyNoNamespaces } from "./namespace-harness.ts";

const run = promisify(execFile);
const script = new URL("./ip-namespaces.ts", import.meta.url).pathname;
const TIMEOUT_MS = 300_000;

interface Outcome {
  ping6: number;
  ping4: number;
  large: number;
  fromHost: number;
  lastHop: number;
  unknown: string;
  transferred: number;
  heard: string[];
  counters: Record<string, number>[];
  bravoLog: string;
  codes: (number | null)[];
  left: string;
}

const skip = await whyNoNamespaces([
  ["ip", ["-V"], "iproute2"],
  ["ping", ["-V"], "iputils-ping"],
  ["sysctl", ["-V"], "procps"],
]);

t.test("IP over a chain of three agents and from a host behind one of them", { skip }, async (t) => {
  const { stdout } = await run("unshare", ["-rn", process.execPath, script], { timeout: TIMEOUT_MS });
  const outcome = JSON.parse(stdout) as Outcome;
  const [alpha, bravo, charlie] = outcome.counters as [
    Record<string, number>,
    Record<string, number>,
    Record<string, number>,
  ];
  t.ok(outcome.ping6 >= 4, `${outcome.ping6} of 5 pings over IPv6`);
  t.ok(outcome.ping4 >= 4, `${outcome.ping4} of 5 pings over IPv4`);
  t.ok(outcome.large >= 4, `${outcome.large} of 5 pings that fill the interface's mtu`);
  t.ok(outcome.fromHost >= 4, `${outcome.fromHost} of 5 pings from a host of an advertised network`);
  t.ok(outcome.lastHop >= 4, "the mesh is one hop: a packet with its last one arrives");
  t.match(outcome.unknown, /Destination Host Unreachable/);
  t.ok(alpha.dropUnknown! >= 5);
  t.equal(outcome.transferred, 2_000_000, "TCP from a host with a wider link");
  t.ok(alpha.mssLowered! >= 1, "its segments were made to fit");
  t.same(outcome.heard, ["10.115.1.1 <event uid='test'/>", "10.115.1.1 <event uid='test'/>"], "both groups of ATAK");
  t.equal(alpha.groupFromMesh, 0, "alpha took none of its own in");
  t.ok(charlie.groupFromMesh! >= 2);
  t.match(outcome.bravoLog, /No IP over the mesh: no right to make a TUN interface/);
  t.match(outcome.bravoLog, /on the air/);
  t.equal(bravo.toMesh, 0);
  t.same(outcome.codes, [0, 0, 0], "all stopped when they were asked to");
  t.notMatch(outcome.left, /mesh9/, "the interface has gone with its agent");
});
