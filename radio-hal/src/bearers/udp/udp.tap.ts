import { createSocket, type Socket } from "node:dgram";
import { networkInterfaces } from "node:os";
import { setImmediate } from "node:timers/promises";
import t from "tap";
import type { Bearer } from "../../bearer.ts";
import { ENDPOINT_ALL } from "../../bearer.ts";
import { type BearerRig, complianceCases, Recorder, sampleOctets, untilReal } from "../../compliance/suite.ts";
import { createUdpBearer } from "./udp-bearer.ts";
import type { UdpBearerOptions } from "./udp-options.ts";

const MTU_OCTETS = 1400;
const LOOPBACK = Object.entries(networkInterfaces()).find(([, list]) => list?.some((a) => a.internal))?.[0] ?? "lo";

function makeBearer(options: Partial<UdpBearerOptions>): Bearer {
  const defaults = {
    name: "lan",
    kind: "udp",
    neighbours: [],
    medium: "point-to-point",
    bitrateBps: 10_000_000,
  } as const;
  return createUdpBearer({ ...defaults, mtuOctets: MTU_OCTETS, ...options });
}

async function bound(host = "127.0.0.1", port = 0): Promise<Socket> {
  const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
  await new Promise<void>((resolve) => socket.bind(port, host, resolve));
  return socket;
}

const closed = (socket: Socket): Promise<void> => new Promise((resolve) => socket.close(() => resolve()));

/** Ports that were free a moment ago. */
async function freePorts(count: number, host?: string): Promise<number[]> {
  const sockets = await Promise.all(Array.from({ length: count }, () => bound(host)));
  const ports = sockets.map((socket) => socket.address().port);
  await Promise.all(sockets.map(closed));
  return ports;
}

async function staticRig(host: string, batch = true): Promise<BearerRig> {
  const [a = 0, b = 0] = await freePorts(2, host);
  const text = host.includes(":") ? `[${host}]` : host;
  const stranger = await bound(host);
  return {
    left: makeBearer({ bind: `${text}:${a}`, neighbours: [`${text}:${b}`], batch }),
    right: makeBearer({ bind: `${text}:${b}`, neighbours: [`${text}:${a}`], batch }),
    noise: (octets) => stranger.send(octets, b, host),
    until: untilReal,
    close: () => closed(stranger),
  };
}

async function discoveryRig(batch = true): Promise<BearerRig> {
  const [port = 0] = await freePorts(1);
  const discover = { interfaces: [LOOPBACK, "skein-absent0"], port };
  const stranger = await bound();
  stranger.setMulticastInterface("127.0.0.1");
  return {
    left: makeBearer({ discover, batch }),
    right: makeBearer({ discover, batch }),
    // Longer than the mtu: anything else from a stranger is a frame that the core has to judge.
    noise: (octets) => stranger.send(Buffer.concat([octets, Buffer.alloc(MTU_OCTETS)]), port, "239.255.83.75"),
    until: untilReal,
    close: () => closed(stranger),
  };
}

/** Opens bearers, runs the body, closes them whatever happens. */
async function using(bearers: Bearer[], body: (...records: Recorder[]) => Promise<void>): Promise<void> {
  const records = bearers.map(() => new Recorder());
  try {
    for (const [i, bearer] of bearers.entries()) await bearer.open(records[i]!);
    await body(...records);
  } finally {
    for (const bearer of bearers) await bearer.close();
  }
}

const RIGS: Record<string, () => Promise<BearerRig>> = {
  "udp static": () => staticRig("127.0.0.1"),
  "udp6 static": () => staticRig("::1"),
  "udp multicast": () => discoveryRig(),
  "udp by Node alone, static": () => staticRig("127.0.0.1", false),
  "udp by Node alone, multicast": () => discoveryRig(false),
};
for (const [rig, make] of Object.entries(RIGS))
  for (const { name, run } of complianceCases({ make })) t.test(`${rig}: ${name}`, run);

for (const batch of [true, false]) {
  t.test(`a datagram that the kernel refuses is counted and holds up no other (batch ${batch})`, async (t) => {
    const listener = await bound();
    const heard: string[] = [];
    listener.on("message", (octets) => heard.push(octets.toString("hex")));
    // A broadcast needs a permission that this socket has not asked for.
    const neighbours = ["255.255.255.255:9", `127.0.0.1:${listener.address().port}`];
    const bearer = makeBearer({ neighbours, batch });
    await using([bearer], async () => {
      for (const octet of [1, 2, 3]) bearer.send(ENDPOINT_ALL, Uint8Array.of(octet), 1);
      await untilReal("the others arrive", () => heard.length === 3);
      t.same(heard, ["01", "02", "03"]);
      await untilReal("all counted", () => bearer.counters.framesSent === 3);
      t.same(bearer.counters.dropsSent, { "io-error": 3 });
    });
    await closed(listener);
  });
}

t.test("a burst of many lengths arrives in order, whatever its size", async (t) => {
  const rig = await staticRig("::1");
  await using([rig.left, rig.right], async (_left, right) => {
    const sent: string[] = [];
    for (let round = 0; round < 5; round++) {
      for (let i = 0; i < 100; i++) {
        const octets = sampleOctets(100 * round + i, 1 + ((i * i * 7) % MTU_OCTETS));
        t.ok(rig.left.send(0, octets, octets.length));
        sent.push(Buffer.from(octets).toString("hex"));
      }
      await untilReal("burst", () => right.frames.length === sent.length);
    }
    t.same(right.frames, sent);
    t.ok(right.endpoints.every((endpoint) => endpoint === 0));
  });
  await rig.close();
});

t.test("datagrams of one length that go and come as one are as many as were sent", async (t) => {
  const rig = await staticRig("::1");
  await using([rig.left, rig.right], async (_left, right) => {
    const sent: string[] = [];
    for (const octets of [1, 200, MTU_OCTETS]) {
      for (let i = 0; i < 70; i++) {
        // The last one is shorter, where there is a shorter one.
        const datagram = sampleOctets(i, i === 69 ? Math.ceil(octets / 2) : octets);
        t.ok(rig.left.send(0, datagram, datagram.length));
        sent.push(Buffer.from(datagram).toString("hex"));
      }
      await untilReal("burst", () => right.frames.length === sent.length);
    }
    t.same(right.frames, sent);
  });
  await rig.close();
});

t.test("an air emulator is one neighbour of a shared medium; strangers are not heard", async (t) => {
  const emulator = await bound();
  const heard: { octets: Buffer; port: number }[] = [];
  emulator.on("message", (octets, from) => heard.push({ octets, port: from.port }));
  const bearer = makeBearer({ medium: "shared", neighbours: [`127.0.0.1:${emulator.address().port}`] });
  const stranger = await bound();
  await using([bearer], async (record) => {
    t.ok(bearer.send(ENDPOINT_ALL, Uint8Array.of(1, 2), 2));
    await untilReal("frame at the emulator", () => heard.length === 1);
    const port = heard[0]!.port;
    stranger.send(Uint8Array.of(6, 6), port, "127.0.0.1");
    emulator.send(Uint8Array.of(3, 4), port, "127.0.0.1");
    emulator.send(Uint8Array.of(5), port, "127.0.0.1");
    await untilReal(
      "frames",
      () => record.frames.length === 2 && bearer.counters.dropsReceived["unknown-sender"] === 1,
    );
    t.same(record.frames, ["0304", "05"]);
    t.same(record.endpoints, [0, 0]);
  });
  await Promise.all([closed(emulator), closed(stranger)]);
});

t.test("a port in use is refused with a code, and nothing is left open", async (t) => {
  const holder = await bound();
  const bind = `127.0.0.1:${holder.address().port}`;
  const bearer = makeBearer({ bind, neighbours: ["127.0.0.1:9"] });
  await t.rejects(bearer.open(new Recorder()), { code: "port-in-use", message: /in use by another program/ });
  await bearer.close();
  await closed(holder);
});

t.test("options that can never work are refused with a code", async (t) => {
  t.throws(() => makeBearer({}), { code: "bad-option" });
  t.throws(() => makeBearer({ neighbours: ["nowhere"] }), { code: "bad-address" });
  t.throws(() => makeBearer({ neighbours: ["10.0.0.1:70000"] }), { code: "bad-address" });
  t.throws(() => makeBearer({ bind: "127.0.0.1:1", neighbours: ["[::1]:1"] }), { code: "bad-option" });
  t.throws(() => makeBearer({ bind: "localhost:1", neighbours: ["127.0.0.1:1"] }), { code: "bad-option" });
  t.throws(() => makeBearer({ neighbours: ["127.0.0.1:1"], mtuOctets: 9000 }), { code: "bad-option" });
});

t.test("an address or interface that is not there is down, not an error", async (t) => {
  // 192.0.2.0/24 is for documentation (RFC 5737).
  const elsewhere = makeBearer({ bind: "192.0.2.1:4700", neighbours: ["192.0.2.2:4700"] });
  const absent = makeBearer({ discover: { interfaces: ["skein-absent0"], port: 4747 } });
  await using([elsewhere, absent], async (first, second) => {
    t.match(first.lastDownReason, /192\.0\.2\.1 is not an address of this machine/);
    t.match(second.lastDownReason, /skein-absent0/);
    t.notOk(elsewhere.send(0, Uint8Array.of(1), 1));
    t.same(elsewhere.counters.dropsSent, { down: 1 });
  });
});

t.test("a neighbour may be a name; every IP version has its socket", async (t) => {
  const [four, six] = [await bound("127.0.0.1"), await bound("::1")];
  const heard: string[] = [];
  four.on("message", () => heard.push("four"));
  six.on("message", () => heard.push("six"));
  const ports = [four.address().port, six.address().port] as const;
  const both = makeBearer({ neighbours: [`127.0.0.1:${ports[0]}`, `[0:0::0:1]:${ports[1]}`] });
  const named = makeBearer({ neighbours: [`localhost:${ports[0]}`] });
  await using([both, named], async (record) => {
    both.send(ENDPOINT_ALL, Uint8Array.of(1), 1);
    await untilReal("both", () => heard.length === 2);
    t.same(heard.toSorted(), ["four", "six"]);
    six.send(Uint8Array.of(1), await portOf(both, six, 1), "::1");
    await untilReal("answer", () => record.frames.length === 1);
    t.same(record.endpoints, [1], "the long spelling of ::1 is the same neighbour");
    await untilReal("name found", () => named.send(0, Uint8Array.of(2), 1));
  });
  await Promise.all([closed(four), closed(six)]);
});

t.test("random datagrams of any size on every socket harm nothing", async (t) => {
  const rig = await staticRig("127.0.0.1");
  await using([rig.left, rig.right], async (_left, right) => {
    for (let round = 0; round < 300; round++) {
      rig.noise(sampleOctets(round, (round * 37) % 9000));
      // No more than a socket holds.
      if (round % 10 === 9) await setImmediate();
    }
    const drops = rig.right.counters.dropsReceived;
    await untilReal("noise is counted", () => (drops["unknown-sender"] ?? 0) + (drops["too-long"] ?? 0) > 100);
    t.ok((drops["empty"] ?? 0) >= 1);
    t.same(right.frames, []);
    rig.left.send(0, Uint8Array.of(1), 1);
    await untilReal("frame", () => right.frames.length === 1);
  });
  await rig.close();
});

t.test("with `acceptUnknown` a stranger gets an endpoint, is answered there and hears what goes to all", async (t) => {
  const [port = 0] = await freePorts(1);
  const bearer = makeBearer({ bind: `127.0.0.1:${port}`, acceptUnknown: true });
  const rover = await bound();
  const heard: string[] = [];
  rover.on("message", (octets) => heard.push(octets.toString("hex")));
  await using([bearer], async (record) => {
    rover.send(Uint8Array.of(1), port, "127.0.0.1");
    await untilReal("frame", () => record.frames.length === 1);
    bearer.send(record.endpoints[0]!, Uint8Array.of(2), 1);
    bearer.send(ENDPOINT_ALL, Uint8Array.of(3), 1);
    await untilReal("answers", () => heard.length === 2);
    t.same(heard, ["02", "03"]);
  });
  await closed(rover);
});

/** The port that a bearer sends from, seen by a socket that is its neighbour `endpoint`. */
async function portOf(bearer: Bearer, socket: Socket, endpoint: number): Promise<number> {
  const seen = new Promise<number>((resolve) => socket.once("message", (_octets, from) => resolve(from.port)));
  bearer.send(endpoint, Uint8Array.of(0), 1);
  return seen;
}
