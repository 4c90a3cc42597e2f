import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monotonicUs } from "@skein/node-agent/clock";
import { openPty } from "@skein/radio-hal/pty";
import { SerialPort } from "serialport";
import t from "tap";
import { parseScenario } from "../scenario/load.ts";
import { Air } from "./air.ts";
import { type Connectivity, OFF } from "./connectivity.ts";

const SCENARIO = `
scenario: air/1
duration: 10s
origin: {latitude: 31, longitude: 103}
networks:
  - {name: uhf, type: udp, bitrateBps: 2000000, latencyMs: 5, rangeM: 1000}
  - {name: sat, type: udp, kind: satellite, medium: point-to-point, bitrateBps: 2000000, latencyMs: 40}
  - {name: vhf, type: serial, baud: 9600, keyUpMs: 20, rangeM: 1000}
nodes:
  - {name: A, address: "1.1", role: terminal, networks: [uhf, sat, vhf], at: [0, 0]}
  - {name: B, address: "1.2", role: terminal, networks: [uhf, sat, vhf], at: [500, 0]}
  - {name: C, address: "1.3", role: terminal, networks: [uhf, sat, vhf], at: [900, 0]}
`;
/** Far beyond what the air needs on a busy machine; reached only by a failure. */
const WAIT_MS = 5000;

/** An agent's socket as the air sees one. */
class Client {
  readonly socket: Socket = createSocket("udp4");
  readonly inbox: { text: string; atUs: number }[] = [];
  readonly #port: number;
  #wake: () => void = () => undefined;

  constructor(port: number) {
    this.#port = port;
    this.socket.on("message", (octets) => {
      this.inbox.push({ text: String(octets), atUs: monotonicUs() });
      this.#wake();
    });
  }
  send(text: string): void {
    this.socket.send(text, this.#port, "127.0.0.1");
  }
  async next(): Promise<{ text: string; atUs: number }> {
    const expires = AbortSignal.timeout(WAIT_MS);
    while (this.inbox.length === 0 && !expires.aborted) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        expires.addEventListener("abort", () => resolve(), { once: true });
      });
    }
    return this.inbox.shift() ?? { text: "nothing came", atUs: 0 };
  }
}

/** Collects what a serial port receives. */
class Terminal {
  readonly octets: number[] = [];
  readonly port: SerialPort;
  #wake: () => void = () => undefined;
  constructor(path: string) {
    this.port = new SerialPort({ path, baudRate: 9600, autoOpen: false });
    this.port.on("data", (data: Uint8Array) => {
      this.octets.push(...data);
      this.#wake();
    });
  }
  async open(): Promise<void> {
    await new Promise<void>((resolve, reject) => this.port.open((error) => (error ? reject(error) : resolve())));
  }
  async until(isEnough: (octets: number[]) => boolean): Promise<boolean> {
    const expires = AbortSignal.timeout(WAIT_MS);
    while (!isEnough(this.octets) && !expires.aborted) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        expires.addEventListener("abort", () => resolve(), { once: true });
      });
    }
    return isEnough(this.octets);
  }
}

const holds = (octets: number[], text: string): boolean => Buffer.from(octets).includes(text);

t.test("datagrams and serial octets through the air", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "skein-air-"));
  const timeline = join(folder, "timeline.jsonl");
  const air = new Air(parseScenario("air.yaml", SCENARIO), 3, timeline);
  const ports = await air.open();
  t.teardown(() => {
    air.close();
    rmSync(folder, { recursive: true });
  });
  const clientAt = async (network: number, node: number, far = -1): Promise<Client> => {
    const port = ports.udp.find((p) => p.network === network && p.node === node && p.far === far)?.port ?? 0;
    const client = new Client(port);
    client.socket.bind(0, "127.0.0.1");
    await once(client.socket, "listening");
    t.teardown(() => client.socket.close());
    return client;
  };

  await t.test("a shared radio reaches everyone, after its delay", async (t) => {
    const [a, b, c] = await Promise.all([clientAt(0, 0), clientAt(0, 1), clientAt(0, 2)]);
    // The air learns where an agent is from its first datagram.
    for (const client of [b, c]) client.send("hello");
    a.send("one");
    const sentUs = monotonicUs();
    a.send("two");
    const texts: string[] = [];
    let atB = await b.next();
    while (atB.text !== "two" && atB.atUs !== 0) {
      texts.push(atB.text);
      atB = await b.next();
    }
    t.equal(atB.text, "two");
    t.ok(texts.includes("one"));
    t.ok(atB.atUs - sentUs >= 4_500, "not sooner than latency allows");
    let atC = await c.next();
    while (atC.text !== "two" && atC.atUs !== 0) atC = await c.next();
    t.equal(atC.text, "two");
  });

  await t.test("a pipe has one far end; a cut stops it, its end lets it go on", async (t) => {
    const [ab, ac, ba, ca] = await Promise.all([
      clientAt(1, 0, 1),
      clientAt(1, 0, 2),
      clientAt(1, 1, 0),
      clientAt(1, 2, 0),
    ]);
    for (const client of [ba, ca]) client.send("hello");
    ab.send("before");
    t.equal((await ba.next()).text, "before");
    const cut = air.apply({ kind: "cut-link", from: "A", to: "B", oneWay: false, network: "sat" });
    const heard = air.counters()["udp-received"] ?? 0;
    ab.send("during");
    while ((air.counters()["udp-received"] ?? 0) === heard) await new Promise((resolve) => setImmediate(resolve));
    // Same latency, sent later: once this one has come, the other one's fate is sealed.
    ac.send("marker");
    t.equal((await ca.next()).text, "marker");
    air.revert(cut);
    ab.send("after");
    t.equal((await ba.next()).text, "after", "what was sent during the cut is lost for good");
    t.equal(ca.inbox.length, 0, "C is no end of the pipe between A and B");
  });

  await t.test("a node without power is silent and deaf", async (t) => {
    const [a, b] = await Promise.all([clientAt(0, 0), clientAt(0, 1)]);
    b.send("here");
    a.send("one");
    t.equal((await b.next()).text, "one");
    const refused = air.counters()["udp-refused"] ?? 0;
    const off = air.apply({ kind: "power", node: "A" });
    a.send("from the dead");
    while ((air.counters()["udp-refused"] ?? 0) === refused) await new Promise((resolve) => setImmediate(resolve));
    air.revert(off);
    a.send("back");
    t.equal((await b.next()).text, "back");
    const lines = readFileSync(timeline, "utf8").trim().split("\n");
    const labels = lines.map((line) => (JSON.parse(line) as Connectivity).labels);
    t.same(
      labels,
      [
        [0, 0, 0],
        [OFF, 1, 1],
        [0, 0, 0],
      ],
      "the timeline shows the time without power",
    );
  });

  await t.test("serial ports: octets pass, two at once collide", async (t) => {
    const device = (node: number): string => ports.serial.find((s) => s.node === node)?.device ?? "";
    const [a, b, c] = [0, 1, 2].map((node) => new Terminal(device(node))) as [Terminal, Terminal, Terminal];
    for (const terminal of [a, b, c]) await terminal.open();
    t.teardown(() => {
      for (const terminal of [a, b, c]) terminal.port.close();
    });
    a.port.write("alpha\0");
    t.ok(await b.until((octets) => holds(octets, "alpha")));
    t.ok(await c.until((octets) => holds(octets, "alpha")));
    const before = c.octets.length;
    a.port.write(`${"x".repeat(40)}\0`);
    b.port.write(`${"y".repeat(40)}\0`);
    t.ok(await c.until((octets) => octets.length > before + 40), "C hears something of both");
    t.notOk(holds(c.octets, "x".repeat(40)));
    t.notOk(holds(c.octets, "y".repeat(40)));
    t.ok((air.counters()["vhf-collisions"] ?? 0) >= 1);
    t.notOk(holds(a.octets, "y"), "who transmits hears nothing");
  });
});

t.test("a pseudo-terminal that is closed takes nothing and throws nothing", async (t) => {
  const pty = openPty(() => undefined);
  pty.close();
  t.equal(pty.write(new Uint8Array(4)), 0);
});
