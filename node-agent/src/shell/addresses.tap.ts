import { writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import {
  AgentFolder,
  type AgentProcess,
  freeUdpPorts,
  journalLines,
  toneWav,
  until,
  writeConfig,
} from "./agent-harness.ts";

// Real processes on a machine that may be busy.
t.setTimeout(240_000);

const agents = new AgentFolder("address");
const folder = agents.path;
const start = (file: string): Promise<AgentProcess> => agents.start(file);
t.teardown(() => agents.remove());

/** Own address of an agent, which may be starting again. */
async function addressOf(agent: AgentProcess): Promise<number> {
  try {
    return (await agent.status()).core.address;
  } catch {
    return 0;
  }
}

/** Addresses that an agent has a way to, ascending. */
async function reached(agent: AgentProcess): Promise<number[]> {
  try {
    const { nodes } = (await agent.status()).core;
    return nodes.filter((node) => node.reachable).map((node) => node.address);
  } catch {
    return [];
  }
}

const radio = (name: string, own?: number, other?: number) => ({
  type: "udp",
  name,
  bind: `127.0.0.1:${own}`,
  neighbours: [`127.0.0.1:${other}`],
});

const config = (name: string, address: string, id: number, bearers: object[], fields: object = {}): string =>
  writeConfig(join(folder, name), name, {
    node: { name, address, id },
    state: "state",
    journal: "journal.jsonl",
    bearers,
    ...fields,
  });

t.test("an SOS, a text to all, a position and speech of a group cross into another area", async (t) => {
  const [ownPort, farPort] = await freeUdpPorts(2);
  const position = { fixed: { latitude: 31.25, longitude: 103.5 } };
  const voice = { groups: [1], across: [1] };
  const team = await start(config("team", "3.4", 34, [radio("link", ownPort, farPort)], { position, voice }));
  const hq = await start(
    config("hq", "0.1", 1, [radio("link", farPort, ownPort)], { sos: { acknowledge: true }, voice }),
  );
  await until("the position of the other area", async () => {
    const { positions } = await hq.status();
    return positions.find((p) => p.address === 0x304 && Math.abs((p.report.latitudeDeg ?? 0) - 31.25) < 0.001);
  });
  t.match(await team.command({ do: "sos", kind: 2 }), { ok: true });
  await until("acknowledged", async () => (await team.status()).sos.find((s) => s.acknowledgedBy === 1));
  t.match((await hq.status()).sos, [{ from: 0x304, kind: 2, confirmed: false }]);
  t.match(await hq.command({ do: "text", to: 0x1_0000, body: "water at G1" }), { ok: true });
  await until("the text", async () =>
    (await team.status()).texts.find((m) => m.from === 1 && m.body === "water at G1"),
  );
  const wav = join(folder, "tone.wav");
  writeFileSync(wav, toneWav());
  t.match(await hq.command({ do: "talk-file", group: 1, path: wav }), { ok: true });
  const played = await until("30 frames played", () => {
    const lines = journalLines(join(folder, "team", "journal.jsonl"), "voice-played");
    return lines.length >= 30 && lines;
  });
  t.ok(played.every((line) => line["talker"] === 1));
});

t.test("of two agents with one address the one with the higher id takes another, and keeps it", async (t) => {
  // A row: alpha - bravo - charlie; alpha and charlie do not hear each other and have the same address.
  const [alphaPort, toAlpha, toCharlie, charliePort] = await freeUdpPorts(4);
  const alphaFile = config("alpha", "1.7", 12, [radio("west", alphaPort, toAlpha)]);
  const alpha = await start(alphaFile);
  // Nobody is there who would take it.
  const sent = await alpha.command({ do: "text", to: 0x109, body: "written as 1.7" });
  t.match(sent, { ok: true });
  const bravo = await start(
    config("bravo", "1.8", 10, [radio("west", toAlpha, alphaPort), radio("east", toCharlie, charliePort)]),
  );
  const charlie = await start(config("charlie", "1.7", 11, [radio("east", charliePort, toCharlie)]));

  const taken = await until("alpha has another address", async () => {
    const address = await addressOf(alpha);
    return address > 0 && address !== 0x107 && address;
  });
  t.equal(taken >>> 8, 1, "in the same area");
  t.equal(await addressOf(charlie), 0x107);
  const all = [0x107, 0x108, taken].toSorted((a, b) => a - b);
  for (const agent of [alpha, bravo, charlie])
    await until(
      "all reach each other",
      async () => (await reached(agent)).toSorted((a, b) => a - b).join() === all.join(),
    );
  t.equal(journalLines(join(folder, "alpha", "journal.jsonl"), "address-changed").length, 1);
  const { texts, recentEvents } = await alpha.status();
  t.match(texts, [{ from: taken, body: "written as 1.7", state: "queued" }], "what it has to say goes with it");
  t.ok(
    recentEvents.some(({ text }) => /Another node has the address 1\.7/.test(text)),
    "people are told",
  );

  await alpha.end("SIGTERM");
  const again = await start(alphaFile);
  t.equal(await addressOf(again), taken, "also after a restart");
  await again.end("SIGTERM");
  const moved = await start(config("alpha", "1.20", 12, [radio("west", alphaPort, toAlpha)]));
  t.equal(await addressOf(moved), 0x114, "until its configuration says another");
});
