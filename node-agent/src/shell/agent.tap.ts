import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { decodeTakDatagram } from "@skein/codecs";
import t from "tap";
import { WebSocket } from "ws";
import type { ServerMessage } from "../api/types.ts";
import {
  AgentFolder,
  type AgentProcess,
  CLIP_FRAME_OCTETS,
  clipIvf,
  freeUdpPorts,
  journalLines,
  runAgent,
  toneWav,
  until,
  writeConfig,
} from "./agent-harness.ts";

// Real processes on a machine that may be busy.
t.setTimeout(240_000);

const agents = new AgentFolder("agent");
const folder = agents.path;
const start = (file: string, args: string[] = []): Promise<AgentProcess> => agents.start(file, args);
t.teardown(() => agents.remove());

/** A node alone, its only neighbour is not there. */
function lonely(name: string, fields: Record<string, unknown> = {}): string {
  return writeConfig(join(folder, name), name, {
    node: { name, address: "1.9", id: 9 },
    state: "state",
    bearers: [{ type: "udp", name: "radio", bind: "127.0.0.1:0", neighbours: ["127.0.0.1:9"] }],
    ...fields,
  });
}

t.test("what is wrong is said with file, line and remedy, and ends with its exit code", async (t) => {
  const help = await runAgent(["--help"]);
  t.equal(help.code, 0);
  t.match(help.stdout, /skein agent --config FILE/);
  t.equal((await runAgent([])).code, 2);
  t.equal((await runAgent(["--config"])).code, 2);
  t.equal((await runAgent(["--fly"])).code, 2);
  const good = lonely("good");
  t.match(await runAgent(["--config", good, "--check"]), { code: 0, stdout: /good\.yaml: good/ });
  t.notOk(readdirSync(join(folder, "good")).includes("state"), "a check leaves nothing behind");
  const unknown = lonely("unknown", { colour: "red" });
  t.match(await runAgent(["--config", unknown, "--check"]), { code: 2, stderr: /unknown\.yaml:\d+: .*colour/ });
  t.match(await runAgent(["--config", unknown]), { code: 2, stdout: "", stderr: /"code":"config-invalid"/ });
  const corrupted = join(folder, "corrupted.yaml");
  writeFileSync(corrupted, "node: {name: [\u0000\u0007");
  t.match(await runAgent(["--config", corrupted]), { code: 2, stderr: /corrupted\.yaml:1/ });
  t.match(await runAgent(["--config", join(folder, "none.yaml")]), { code: 2, stderr: /"code":"config-unreadable"/ });
  writeFileSync(join(folder, "plain"), "");
  const noState = lonely("no-state", { state: join(folder, "plain", "state") });
  t.match(await runAgent(["--config", noState]), { code: 1, stderr: /"code":"state-not-writable".*"remedy"/ });
});

t.test("a port in use and a second agent on the same state are refused; the first goes on", async (t) => {
  const taken = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => taken.once("listening", resolve));
  const { port } = taken.address() as { port: number };
  const inUse = lonely("in-use", { api: { listen: `127.0.0.1:${port}` } });
  t.match(await runAgent(["--config", inUse]), { code: 1, stderr: /"code":"port-in-use".*"remedy"/ });
  taken.close();
  const first = await start(lonely("first"));
  const second = await runAgent(["--config", join(folder, "first", "first.yaml")]);
  t.match(second, { code: 1, stderr: /"code":"state-in-use".*"remedy"/ });
  t.equal((await first.status()).name, "first");
  const { code, tookMs } = await first.end("SIGTERM");
  t.equal(code, 0);
  t.comment(`stopped in ${Math.round(tookMs)} ms`);
});

t.test("kill -9 at any moment: no boot epoch comes twice", async (t) => {
  const file = lonely("epochs");
  const epochs: number[] = [];
  for (let round = 0; round < 3; round++) {
    const agent = await start(file);
    epochs.push(agent.ready.bootEpoch);
    t.equal((await agent.end("SIGKILL")).code, null);
  }
  t.strictSame(
    epochs,
    [0, 1, 2].map((n) => (epochs[0] as number) + n),
  );
});

t.test("kill -9 in the middle of drawing epochs: what was handed out never comes again", async (t) => {
  const state = join(folder, "drawn");
  const store = new URL("./store.ts", import.meta.url).href;
  // Draws epochs as fast as it can; each is written to the pipe in the moment in which it could be used.
  const program = `
    import { writeSync } from "node:fs";
    import { openStore } from ${JSON.stringify(store)};
    for (;;) {
      const store = openStore(${JSON.stringify(state)});
      writeSync(1, store.bootEpoch + "\\n");
      store.close();
    }`;
  let drawn = "";
  for (let round = 1; round <= 5; round++) {
    const stdio: ["ignore", "pipe", "inherit"] = ["ignore", "pipe", "inherit"];
    const child = spawn(process.execPath, ["--input-type=module", "-e", program], { stdio });
    const before = drawn.length;
    const ended = new Promise((resolve) => child.once("close", resolve));
    child.stdout.on("data", (octets: Buffer) => {
      drawn += octets.toString();
      // Each round a little later, so that the kill falls on another step.
      if (drawn.length - before > 60 * round) child.kill("SIGKILL");
    });
    await ended;
  }
  const epochs = drawn.split("\n").slice(0, -1).map(Number);
  t.ok(epochs.length > 50, `${epochs.length} epochs`);
  t.ok(
    epochs.every((epoch, i) => i === 0 || epoch > (epochs[i - 1] as number)),
    "each greater than the one before",
  );
});

t.test("an agent ends when the process that started it is gone", async (t) => {
  const parent = await start(lonely("parent"));
  const child = await start(lonely("child"), ["--parent-pid", String(parent.ready.pid)]);
  const ended = new Promise<number | null>((resolve) => child.child.once("exit", resolve));
  await parent.end("SIGKILL");
  t.equal(await ended, 0);
  t.match(child.log(), /parent gone/);
});

t.test("a serial device that is missing is reported; everything else works", async (t) => {
  const serial = { type: "serial", name: "vhf", device: join(folder, "no-such-tty"), baud: 9600 };
  const udp = { type: "udp", name: "radio", bind: "127.0.0.1:0", neighbours: ["127.0.0.1:9"] };
  const position = { nmea: join(folder, "no-such.nmea") };
  const agent = await start(lonely("serial", { bearers: [serial, udp], position }));
  const status = await until("the missing device in the status", async () => {
    const now = await agent.status();
    return now.recentEvents.some((event) => /vhf does not work/.test(event.text)) && now;
  });
  t.match(status.core.bearers, [
    { name: "vhf", up: false },
    { name: "radio", up: true },
  ]);
  t.ok(status.recentEvents.some((event) => /No position: .*no-such\.nmea/.test(event.text)));
  t.equal((await agent.end("SIGINT")).code, 0);
});

t.test("gpsd: rubbish is counted, a daemon that went away is tried again", async (t) => {
  const tpv = (lat: number): string => `{"class":"TPV","mode":3,"lat":${lat},"lon":103.5,"altMSL":900,"speed":2}\n`;
  let connects = 0;
  const gpsd = createServer((socket) => {
    connects++;
    socket.on("error", () => undefined);
    // The first connection is cut after one fix, the second goes on with another place.
    if (connects === 1) socket.end(`rubbish\n{"class":\n[]\n${"x".repeat(20_000)}\n${tpv(31.25)}`);
    else socket.write(tpv(31.75));
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => gpsd.once("listening", resolve));
  const { port } = gpsd.address() as { port: number };
  const agent = await start(lonely("gpsd", { position: { gpsd: `127.0.0.1:${port}`, intervalS: 1 } }));
  const own = await until("the second place", async () => {
    const { positions } = await agent.status();
    return positions.find((p) => p.address === 0x109 && p.report.latitudeDeg === 31.75);
  });
  t.match(own.report, { longitudeDeg: 103.5, altitudeM: 900, speedKmh: 7.2 });
  t.match((await agent.status()).counters?.["position"], { fixes: 2, malformed: 4, connects: 2 });
  t.equal((await agent.end("SIGTERM")).code, 0);
  gpsd.close();
});

t.test("rubbish on the local API is answered and counted, and the agent goes on", async (t) => {
  const agent = await start(lonely("api"));
  const url = `http://${agent.ready.api}`;
  const json = { "content-type": "application/json" };
  const post = async (body: string, headers: Record<string, string> = json): Promise<number> =>
    (await fetch(`${url}/api/command`, { method: "POST", headers, body })).status;
  t.equal(await post("{"), 400);
  t.equal(await post('{"do":"fly"}'), 400);
  t.equal(await post("x".repeat(1_000_000)), 413);
  t.equal(await post('{"do":"talk-stop"}', { "content-type": "text/plain" }), 415);
  t.equal(await post('{"do":"talk-stop"}', { ...json, origin: "http://evil.example" }), 403);
  t.equal(await post('{"do":"talk-stop"}'), 200);
  t.equal((await fetch(`${url}/nothing`)).status, 404);
  t.equal((await fetch(`${url}/api/route`)).status, 400);
  t.equal((await fetch(`${url}/api/route?to=%ff%00`)).status, 404);
  t.match(await (await fetch(`${url}/api/route?to=api`)).json(), { from: 0x109, to: 0x109 }, "itself, by name");
  t.equal((await fetch(`${url}/handset/..%2f..%2f..%2fpackage.json`)).status, 404);
  const page = await fetch(`${url}/`, { redirect: "manual" });
  t.equal(page.headers.get("location"), "/handset/");
  t.match(page.headers.get("content-security-policy"), /default-src 'self'/);

  const foreign = new WebSocket(`ws://${agent.ready.api}/api/ws`, { origin: "http://evil.example" });
  t.match(await new Promise((resolve) => foreign.once("error", resolve)), { message: /403/ });
  const socket = new WebSocket(`ws://${agent.ready.api}/api/ws`);
  const replies: ServerMessage[] = [];
  socket.on("message", (data) => replies.push(JSON.parse(String(data)) as ServerMessage));
  await new Promise((resolve) => socket.once("open", resolve));
  for (const text of ["", "null", "[[[[", '{"type":"command"}', "\u0000".repeat(500)]) socket.send(text);
  socket.send(Uint8Array.of(9, 9, 9));
  socket.send(Uint8Array.of(1, 1, 0, 0));
  socket.send(JSON.stringify({ type: "command", id: 7, command: { do: "listen", groups: [1] } }));
  await until("the reply to a good command", () => replies.find((m) => m.type === "reply" && m.id === 7));
  t.equal(replies.filter((m) => m.type === "reply" && m.id === -1).length, 6);
  socket.send("x".repeat(200_000));
  t.equal(await new Promise((resolve) => socket.once("close", resolve)), 1009, "an oversized message ends it");
  t.equal((await agent.status()).name, "api");
  t.equal((await agent.end("SIGTERM")).code, 0);
});

t.test("two agents over UDP", async (t) => {
  const [portA, portB] = (await freeUdpPorts(2)) as [number, number];
  const wav = join(folder, "tone.wav");
  writeFileSync(wav, toneWav());
  const loopback = Object.entries(networkInterfaces()).find(([, all]) => all?.some((a) => a.internal))?.[0] ?? "lo";
  const [takPort] = (await freeUdpPorts(1)) as [number];
  const group = `239.2.3.1:${takPort}`;
  const node = (name: string, id: number, own: number, other: number): Record<string, unknown> => ({
    node: { name, address: `1.${id}`, id: 1000 + id },
    state: "state",
    journal: "journal.jsonl",
    bearers: [{ type: "udp", name: "radio", bind: `127.0.0.1:${own}`, neighbours: [`127.0.0.1:${other}`] }],
    voice: { groups: [1] },
    position: { fixed: { latitude: 31 + id / 100, longitude: 103.5 }, intervalS: 1 },
  });
  mkdirSync(join(folder, "a"), { recursive: true });
  writeFileSync(join(folder, "a", "battery"), "64\n");
  const tak = { interface: loopback, group };
  const battery = { file: "battery" };
  const fileA = writeConfig(join(folder, "a"), "a", { ...node("alpha", 1, portA, portB), tak, battery });
  const fileB = writeConfig(join(folder, "b"), "b", { ...node("bravo", 2, portB, portA), sos: { acknowledge: true } });
  const [journalA, journalB] = [join(folder, "a", "journal.jsonl"), join(folder, "b", "journal.jsonl")];
  const a = await start(fileA);
  let b = await start(fileB);
  t.comment(`ready after ${Math.round(a.readyMs)} and ${Math.round(b.readyMs)} ms`);

  await t.test("positions with battery arrive, once a second", async (t) => {
    const atB = await until("alpha's position at bravo", async () => {
      return (await b.status()).positions.find((p) => p.address === 0x101 && p.report.batteryPercent === 64);
    });
    t.ok(Math.abs(atB.report.latitudeDeg - 31.01) < 1e-4);
    await until("three positions in the journal", () => journalLines(journalB, "position-received").length >= 3);
    const names = (await b.status()).core.nodes.map((n) => n.name);
    t.ok(names.includes("alpha"), names.join());
  });

  await t.test("a text is signed off as delivered, in both journals; an oversized one is refused", async (t) => {
    const body = "桥断了, bridge gone";
    t.match(await a.command({ do: "text", to: 0x102, body }), { ok: true });
    const sent = await until("delivered", async () => (await a.status()).texts.find((m) => m.state === "delivered"));
    t.equal(sent.body, body);
    t.match((await b.status()).texts, [{ from: 0x101, body, state: "received" }]);
    await until("the state in the journal", () =>
      journalLines(journalA, "text-state").some((l) => l.state === "delivered"),
    );
    t.match(await a.command({ do: "text", to: 0x102, body: "路".repeat(500) }), { ok: false, code: "bad-request" });
  });

  await t.test("an SOS is an alarm at the other end and acknowledged", async (t) => {
    t.match(await a.command({ do: "sos", kind: 1 }), { ok: true });
    const own = await until("acknowledged", async () => (await a.status()).sos.find((s) => s.acknowledgedBy === 0x102));
    const [heard] = (await b.status()).sos;
    t.match(heard, { from: 0x101, kind: 1, confirmed: false });
    t.match(await b.command({ do: "sos-confirm", id: String(heard?.id) }), { ok: true });
    t.match((await b.status()).sos, [{ confirmed: true }]);
    t.equal(own.from, 0x101);
  });

  await t.test("voice from a WAV file is played at the other end, and heard through a WebSocket", async (t) => {
    const socket = new WebSocket(`ws://${b.ready.api}/api/ws`);
    const sounds: Buffer[] = [];
    socket.on("message", (data, isBinary) => isBinary && sounds.push(data as Buffer));
    await new Promise((resolve) => socket.once("open", resolve));
    socket.send(JSON.stringify({ type: "command", id: 1, command: { do: "listen", groups: [1] } }));
    t.match(await a.command({ do: "talk-file", group: 1, path: wav }), { ok: true });
    await until("30 frames played", () => journalLines(journalB, "voice-played").length >= 30);
    await until("sound at the listener", () => sounds.length >= 10);
    t.same([...(sounds[0] as Buffer).subarray(0, 4)], [2, 1, 1, 1]);
    t.ok(
      sounds.some((pcm) => pcm.subarray(4).some((octet) => octet !== 0)),
      "not silence",
    );
    t.match((await b.status()).voice.talkers, [{ talker: 0x101, group: 1 }]);
    t.match(await a.command({ do: "talk-stop" }), { ok: true });
    socket.terminate();
    const played = journalLines(journalB, "voice-played");
    t.ok(played.every((l) => l.talker === 0x101));
    // Each of the two journals is written up to 100 ms late.
    await until("every frame that was played in the talker's journal", () => {
      const sent = new Set(journalLines(journalA, "voice-sent").map((l) => `${l.burst} ${l.timestamp20ms}`));
      return played.every((l) => sent.has(`${l.burst} ${l.timestamp20ms}`));
    });
  });

  await t.test("voice of a browser's microphone needs the talk key", async (t) => {
    const socket = new WebSocket(`ws://${b.ready.api}/api/ws`);
    const replies: ServerMessage[] = [];
    socket.on("message", (data, isBinary) => !isBinary && replies.push(JSON.parse(String(data)) as ServerMessage));
    await new Promise((resolve) => socket.once("open", resolve));
    const before = journalLines(journalA, "voice-played").length;
    socket.send(JSON.stringify({ type: "command", id: 2, command: { do: "ptt", on: true, group: 1 } }));
    await until("the key", () => replies.find((m) => m.type === "reply" && m.id === 2 && m.reply.ok));
    const pcm = Buffer.concat([Buffer.of(1, 1), Buffer.from(toneWav().buffer, 44, 1280)]);
    const microphone = setInterval(() => socket.send(pcm), 40);
    await until("10 frames played", () => journalLines(journalA, "voice-played").length >= before + 10);
    t.match(await b.command({ do: "talk-file", group: 1, path: wav }), { ok: false, code: "talk-busy" });
    clearInterval(microphone);
    socket.terminate();
    await until("the key is free", async () => (await b.status()).voice.talkingIn === null);
  });

  await t.test("video packets cross the mesh and make whole frames again", async (t) => {
    const clip = join(folder, "clip.ivf");
    writeFileSync(clip, clipIvf());
    t.match(await a.command({ do: "video-file", to: 0x102, path: clip }), { ok: true });
    await until("20 whole frames", () => journalLines(journalB, "video-frame").length >= 20);
    t.match((await b.status()).video, [{ from: 0x101 }]);
    t.match(await a.command({ do: "video-stop" }), { ok: true });
    const sizes = new Set(journalLines(journalB, "video-frame").map((l) => l.lengthOctets));
    t.strictSame([...sizes], [CLIP_FRAME_OCTETS]);
    t.match(await a.command({ do: "video-file", to: 0x102, path: wav }), { ok: true });
    await until("the refusal", async () => {
      return (await a.status()).recentEvents.find((event) => /Cannot send video/.test(event.text));
    });
  });

  await t.test("a policy reaches the other node", async (t) => {
    const document = { version: 0, bearers: { radio: { costCentsPerMegabyte: 77 } }, classes: {} };
    t.match(await a.command({ do: "policy", document }), { ok: true, result: { version: 1 } });
    const { policy } = await until("the policy", async () => {
      const status = await b.status();
      return status.policy.version === 1 && status;
    });
    t.match(policy.document, { version: 1, bearers: { radio: { costCentsPerMegabyte: 77 } } });
  });

  await t.test("TAK: the team goes out as CoT, a client comes in, own events and rubbish do not", async (t) => {
    const socket = createSocket({ type: "udp4", reuseAddr: true });
    await new Promise<void>((resolve) => socket.bind(takPort, resolve));
    socket.addMembership("239.2.3.1", "127.0.0.1");
    socket.setMulticastInterface("127.0.0.1");
    const uids = new Set<string>();
    socket.on("message", (octets) => {
      const datagram = decodeTakDatagram(octets, 0, octets.length);
      if (datagram.kind === "event") uids.add(datagram.event.uid);
    });
    await until("both nodes as CoT", () => uids.has("skein-1.1") && uids.has("skein-1.2"));
    const now = new Date().toISOString();
    const stale = new Date(Date.now() + 60_000).toISOString();
    const event = (uid: string): string =>
      `<event version="2.0" uid="${uid}" type="a-f-G-U-C" how="m-g" time="${now}" start="${now}" stale="${stale}">` +
      `<point lat="31.5" lon="103.6" hae="900" ce="5" le="5"/><detail><contact callsign="Medic ${uid}"/></detail></event>`;
    for (const text of ["", "<event", "\u0000\u00bf\u0001", event("skein-9.9"), event("tak-1")]) {
      socket.send(text, takPort, "239.2.3.1");
    }
    const seen = await until("the client in the event log", async () => {
      const { recentEvents } = await a.status();
      return recentEvents.some((e) => /TAK client Medic tak-1 at 31\.50000/.test(e.text)) && recentEvents;
    });
    t.notOk(seen.some((e) => /skein-9\.9/.test(e.text)));
    const taken = await until("the client in the journal", () => {
      const lines = journalLines(journalA, "cot-received");
      return lines.length > 0 && lines;
    });
    t.strictSame([...new Set(taken.map((line) => line.uid))], ["tak-1"]);
    socket.close();
  });

  await t.test("random datagrams on the bearer are counted drops", async (t) => {
    const drops = async (): Promise<number> => {
      const { core, counters } = await a.status();
      const ofBearer = Object.entries(counters?.["bearer radio"] ?? {}).filter(([name]) => name.startsWith("drop-"));
      return [...Object.values(core.drops), ...ofBearer.map(([, n]) => n)].reduce((sum, n) => sum + n, 0);
    };
    const before = await drops();
    const socket = createSocket("udp4");
    for (let i = 0; i < 200; i++) {
      const octets = Uint8Array.from({ length: 1 + ((i * 37) % 300) }, (_, at) => (i * 31 + at * at * 17) & 0xff);
      socket.send(octets, portA, "127.0.0.1");
    }
    t.match(await a.command({ do: "text", to: 0x102, body: "still here" }), { ok: true });
    await until("delivered", async () =>
      (await a.status()).texts.every((m) => m.state !== "queued" && m.state !== "sent"),
    );
    await until("200 drops counted", async () => (await drops()) >= before + 200);
    socket.close();
  });

  await t.test(
    "kill -9 and back: a text sent meanwhile is delivered, the policy is in force, the epoch is new",
    async (t) => {
      const epoch = b.ready.bootEpoch;
      await b.end("SIGKILL");
      t.match(await a.command({ do: "text", to: 0x102, body: "for when you are back" }), { ok: true });
      await a.end("SIGKILL");
      const again = await start(fileA);
      b = await start(fileB);
      t.ok(b.ready.bootEpoch > epoch);
      t.comment(`back after ${Math.round(b.readyMs)} ms`);
      await until("the text at bravo", async () =>
        (await b.status()).texts.some((m) => m.body === "for when you are back"),
      );
      await until("delivered", async () =>
        (await again.status()).texts.every((m) => m.from !== 0x101 || m.state === "delivered"),
      );
      t.equal((await b.status()).texts.filter((m) => m.body === "for when you are back").length, 1);
      t.equal((await b.status()).policy.version, 1);
      const ends = await Promise.all([again.end("SIGTERM"), b.end("SIGTERM")]);
      t.strictSame(
        ends.map((e) => e.code),
        [0, 0],
      );
      t.comment(`stopped in ${ends.map((e) => Math.round(e.tookMs)).join(" and ")} ms`);
      t.equal(journalLines(journalB, "stop").length, 1);
      const alone = await start(fileA);
      const bravo = (await alone.status()).core.nodes.find((n) => n.name === "bravo");
      t.match(bravo, { address: 0x102, reachable: false }, "who was there before is still known by name");
      await alone.end("SIGTERM");
    },
  );
});
