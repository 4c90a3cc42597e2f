import {
  compressIp,
  createIpHeader,
  decodeIpHeader,
  decompressIp,
  FLOW_CONTEXT_OCTETS,
  formatIpAddress,
  type IpPrefix,
  meshAddressOf,
  parseIpAddress,
  parseIpPrefix,
} from "@skein/codecs";
import type { TunDevice, TunOptions } from "@skein/radio-hal/tun";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { agentConfigSchema } from "../config/schema.ts";
import { type MeshCore, TrafficClass } from "../core/api.ts";
import { createFakeContext, type FakeContext } from "./fake-context.ts";
import { IpGateway } from "./ip-gateway.ts";

const OWN = "10.115.1.7";
const PEER = "10.115.1.9";

interface Rig {
  context: FakeContext;
  gateway: IpGateway;
  options: TunOptions;
  written: Uint8Array[];
  routes: string[];
  closed: number;
  /** Changes what the core says. */
  core: { prefixes: IpPrefix[]; hasWay: boolean };
  fromKernel(packet: Uint8Array): void;
  setNow(nowUs: number): void;
}

const test = suite<{ rigs: Rig[] }>("ip gateway", { rigs: [] });
test.after.each(({ rigs }) => {
  for (const rig of rigs.splice(0)) rig.context.remove();
});

/** UDP over IPv4 with right checksums, made by taking a compressed packet apart. */
function udpPacket(
  source: string,
  destination: string,
  ports: [number, number],
  payload: string | Uint8Array,
): Uint8Array {
  const rule = 0xc0 | 0x04 | 0x02;
  const octets = Uint8Array.of(
    rule,
    ...(parseIpAddress(source) as Uint8Array),
    ...(parseIpAddress(destination) as Uint8Array),
    ports[0] >>> 8,
    ports[0] & 0xff,
    ports[1] >>> 8,
    ports[1] & 0xff,
    ...Buffer.from(payload),
  );
  const out = new Uint8Array(1500);
  return out.slice(0, decompressIp(octets, 0, octets.length, 0, 0, out, 0));
}

async function makeRig(rigs: Rig[], ip: object = {}, failure?: Error): Promise<Rig> {
  const context = createFakeContext({ ip });
  const said = { prefixes: [] as IpPrefix[], hasWay: true };
  const recorded = context.core;
  const core: Partial<MeshCore> = {
    resolveIp: (octets, offset, family) => meshAddressOf(octets, offset, family),
    foreignPrefixes: () => said.prefixes,
    sendIp: (nowUs, to, trafficClass, precedence, critical, octets, from, length) => {
      recorded.sendIp(nowUs, to, trafficClass, precedence, critical, octets.slice(from, from + length), 0, length);
      return said.hasWay;
    },
    sendIpGroup: (nowUs, trafficClass, precedence, octets, from, length) =>
      recorded.sendIpGroup(nowUs, trafficClass, precedence, octets.slice(from, from + length), 0, length),
  };
  let timeUs = context.nowUs();
  const setNow = (nowUs: number): void => {
    timeUs = nowUs;
  };
  const rig: Partial<Rig> = { context, written: [], routes: [], closed: 0, core: said, setNow };
  const config = agentConfigSchema.shape.ip.parse(ip);
  assert.ok(config !== undefined);
  rig.gateway = new IpGateway(
    { ...context, core: core as MeshCore, nowUs: () => timeUs },
    config,
    async (options, onPacket) => {
      if (failure !== undefined) throw failure;
      rig.options = options;
      rig.fromKernel = (packet) => onPacket(Uint8Array.of(0, 0, 0, ...packet), 3, packet.length);
      const device: Partial<TunDevice> = {
        write: (octets, offset, length) => {
          rig.written?.push(octets.slice(offset, offset + length));
          return true;
        },
        addRoute: (to) => (rig.routes?.push(`+${to}`) ?? 0) > 0,
        removeRoute: (to) => (rig.routes?.push(`-${to}`) ?? 0) > 0,
        close: async () => {
          rig.closed = (rig.closed ?? 0) + 1;
        },
      };
      return device as TunDevice;
    },
  );
  await rig.gateway.start();
  rigs.push(rig as Rig);
  return rig as Rig;
}

function received(rig: Rig, packet: Uint8Array, from: number, to: number): void {
  const out = new Uint8Array(1500);
  const octets = out.slice(0, compressIp(packet, 0, packet.length, from, to, out, 0));
  rig.gateway.onEvent({ type: "ip", from, to, octets }, 5_000_000);
}

test("the interface has the node's own addresses, the mesh's routes and ATAK's groups", async ({ rigs }) => {
  const { options } = await makeRig(rigs, { tun: "mesh0", mtuOctets: 1400, multicast: ["239.9.9.9"] });
  assert.equal(options, {
    name: "mesh0",
    mtuOctets: 1400,
    addresses: ["fd73:6b65:696e::107/128", "10.115.1.7/32"],
    routes: ["fd73:6b65:696e::/48", "10.115.0.0/16", "239.2.3.1/32", "224.10.10.1/32", "239.9.9.9/32"],
  });
});

test("a packet goes to the node that owns its destination, in the class of its port", async ({ rigs }) => {
  const classes = [{ ports: "40001-40002", protocol: "udp", class: "voice", critical: true }];
  const rig = await makeRig(rigs, { classes });
  const packet = udpPacket(OWN, PEER, [40002, 99], "hello");
  rig.fromKernel(packet);
  rig.fromKernel(udpPacket(OWN, PEER, [5, 99], "hello"));
  const [first, second] = rig.context.calls.filter(([name]) => name === "sendIp");
  assert.equal(first?.slice(2, 6), [0x109, 0, 0, true]);
  assert.equal(second?.slice(2, 6), [0x109, 3, 0, false]);
  const sent = first?.[6] as Uint8Array;
  assert.is(sent.length, FLOW_CONTEXT_OCTETS + 1 + 4 + 5, "context, rule, ports, payload");
  const out = new Uint8Array(100);
  assert.equal(
    out.slice(0, decompressIp(sent, FLOW_CONTEXT_OCTETS, sent.length - FLOW_CONTEXT_OCTETS, 0x107, 0x109, out, 0)),
    packet,
  );
  assert.is(rig.gateway.counters.toMesh, 2);
});

test("a call that nobody has marked is voice once its pace shows, unless that is switched off", async ({ rigs }) => {
  for (const [recognise, last] of [
    [true, TrafficClass.voice],
    [false, TrafficClass.bulk],
  ] as const) {
    const rig = await makeRig(rigs, { recognise });
    for (let n = 0; n < 30; n++) {
      rig.setNow(5_000_000 + n * 20_000);
      rig.fromKernel(udpPacket(OWN, PEER, [7001, 7003], "x".repeat(60)));
    }
    const classes = rig.context.calls.filter(([name]) => name === "sendIp").map((call) => call[3]);
    assert.is(classes[0], TrafficClass.bulk);
    assert.is(classes.at(-1), last);
  }
});

test("a call's packets carry two octets beside their sound, and come out as they went in", async ({ rigs }) => {
  const [here, there] = [await makeRig(rigs), await makeRig(rigs)];
  const packets = Array.from({ length: 6 }, (_, n) => {
    const head = [0x80, 111, 0, n, 0, 0, n, 0, 1, 2, 3, 4];
    return udpPacket(OWN, PEER, [5004, 5006], Uint8Array.of(...head, 9, 8, 7, n));
  });
  for (const packet of packets) here.fromKernel(packet);
  const sent = here.context.calls.filter(([name]) => name === "sendIp").map((call) => call[6] as Uint8Array);
  assert.equal(
    sent.map((octets) => octets.length - 4),
    [17, 20, 20, 2, 2, 2],
  );
  for (const octets of sent) there.gateway.onEvent({ type: "ip", from: 0x107, to: 0x109, octets }, 5_000_000);
  const heard = there.written.map((octets) => octets.slice(20));
  assert.equal(
    heard,
    packets.map((octets) => octets.slice(20)),
    "all but the hop limit",
  );
  const stranger = await makeRig(rigs);
  stranger.gateway.onEvent({ type: "ip", from: 0x107, to: 0x109, octets: sent[4] as Uint8Array }, 5_000_000);
  assert.is(stranger.written.length, 0);
  assert.is(stranger.gateway.counters.dropUnknownCall, 1);
});

test("what nobody owns, or nobody can reach, is answered a few times a second", async ({ rigs }) => {
  const rig = await makeRig(rigs);
  for (let i = 0; i < 15; i++) rig.fromKernel(udpPacket(OWN, "192.0.2.1", [1000, 1001], "x"));
  assert.is(rig.gateway.counters.dropUnknown, 15);
  assert.is(rig.written.length, 10);
  assert.is(rig.gateway.counters.unreachableSuppressed, 5);
  const answer = rig.written[0] as Uint8Array;
  const header = createIpHeader();
  assert.ok(decodeIpHeader(answer, 0, answer.length, header));
  assert.is(formatIpAddress(answer.slice(header.destinationOffset, header.destinationOffset + 4)), OWN);
  assert.equal([answer[20], answer[21]], [3, 1], "host unreachable");
  rig.core.hasWay = false;
  rig.fromKernel(udpPacket(OWN, PEER, [1000, 1001], "x"));
  assert.is(rig.gateway.counters.dropNoWay, 1);
  assert.is(rig.context.calls.filter(([name]) => name === "sendIp").length, 1);
});

test("what comes in loses one hop, and cannot speak for somebody else", async ({ rigs }) => {
  const rig = await makeRig(rigs);
  received(rig, udpPacket(PEER, OWN, [1, 2], "x"), 0x109, 0x107);
  assert.is(rig.written[0]?.[8], 63);
  received(rig, udpPacket("10.115.1.8", OWN, [1, 2], "x"), 0x109, 0x107);
  assert.is(rig.gateway.counters.dropForeignSource, 1);
  received(rig, udpPacket("192.0.2.7", OWN, [1, 2], "x"), 0x109, 0x107);
  assert.is(rig.written.length, 2, "a host behind the node");
  rig.gateway.onEvent({ type: "ip", from: 0x109, to: 0x107, octets: Uint8Array.of(1, 2, 3) }, 0);
  assert.is(rig.gateway.counters.dropMalformed, 1);
});

test("groups of ATAK go to everyone; others only where the configuration says so", async ({ rigs }) => {
  const rig = await makeRig(rigs);
  rig.fromKernel(udpPacket(OWN, "239.2.3.1", [6969, 6969], "sa"));
  rig.fromKernel(udpPacket(OWN, "239.9.9.9", [6969, 6969], "sa"));
  rig.fromKernel(udpPacket(OWN, "224.0.0.251", [5353, 5353], "mdns"));
  rig.fromKernel(Uint8Array.of(0x60, 0, 0, 0, 0, 0, 58, 1, 0xfe, 0x80, ...new Array<number>(30).fill(0)));
  assert.is(rig.context.calls.filter(([name]) => name === "sendIpGroup").length, 1);
  const { groupToMesh, dropGroup, dropLinkLocal } = rig.gateway.counters;
  assert.equal([groupToMesh, dropGroup, dropLinkLocal], [1, 1, 2]);
  received(rig, udpPacket(PEER, "224.10.10.1", [17012, 17012], "chat"), 0x109, 0);
  received(rig, udpPacket(PEER, "239.9.9.9", [17012, 17012], "chat"), 0x109, 0);
  assert.is(rig.written.length, 1);
});

test("a group packet that comes back through another network is not taken again", async ({ rigs }) => {
  const rig = await makeRig(rigs);
  const own = udpPacket("192.0.2.7", "239.2.3.1", [6969, 6969], "own");
  rig.fromKernel(own);
  received(rig, udpPacket("192.0.2.7", "239.2.3.1", [6969, 6969], "own"), 0x109, 0);
  assert.is(rig.written.length, 0);
  received(rig, udpPacket("192.0.2.9", "239.2.3.1", [6969, 6969], "theirs"), 0x109, 0);
  rig.fromKernel(udpPacket("192.0.2.9", "239.2.3.1", [6969, 6969], "theirs"));
  assert.is(rig.gateway.counters.dropEcho, 2);
  rig.fromKernel(own);
  assert.is(rig.gateway.counters.groupToMesh, 2, "who says the same thing twice is heard twice");
});

test("routes follow the networks of other nodes", async ({ rigs }) => {
  const rig = await makeRig(rigs, { prefixes: ["10.9.0.0/16", "2001:0DB8:9:0::/64"] });
  const prefixes = (...texts: string[]) => texts.map((text) => parseIpPrefix(text) as IpPrefix);
  rig.core.prefixes = prefixes("10.8.0.0/16", "2001:db8::/32", "10.9.0.0/16", "10.115.0.0/16", "2001:db8:9::/64");
  rig.gateway.onRoutes();
  rig.gateway.onRoutes();
  assert.equal(
    rig.routes,
    ["+10.8.0.0/16", "+2001:db8::/32"],
    "not to its own networks, and the mesh's is there already",
  );
  rig.core.prefixes = prefixes("2001:db8::/32", "0.0.0.0/0");
  rig.gateway.onRoutes();
  assert.equal(rig.routes.slice(2), ["-10.8.0.0/16", "+0.0.0.0/0"]);
});

test("a node without the right to make an interface says so and lives on", async ({ rigs }) => {
  const failure = Object.assign(new Error("no right"), { code: "tun-denied", remedy: "run as root" });
  const rig = await makeRig(rigs, {}, failure);
  assert.equal(rig.context.announced, ["warn: No IP over the mesh: no right: run as root"]);
  received(rig, udpPacket(PEER, OWN, [1, 2], "x"), 0x109, 0x107);
  assert.is(rig.gateway.counters.dropNoInterface, 1);
  rig.gateway.onRoutes();
  await rig.gateway.stop();
});

test("stopping closes the interface", async ({ rigs }) => {
  const rig = await makeRig(rigs);
  await rig.gateway.stop();
  assert.is(rig.closed, 1);
});

test.run();
