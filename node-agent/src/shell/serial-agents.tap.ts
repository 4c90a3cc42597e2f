import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openPty, type Pty } from "@skein/radio-hal/pty";
import t from "tap";
import { findCodec2 } from "../media/codec2.ts";
import { type AgentProcess, journalLines, startAgentProcess, toneWav, until, writeConfig } from "./agent-harness.ts";

// Real processes on a machine that may be busy.
t.setTimeout(240_000);

// Two real agents on one 9600 bit/s channel: the serial radios are pseudo-terminals, joined here.
const folder = mkdtempSync(join(tmpdir(), "skein-serial-"));
const ends: Pty[] = [];
const agents: AgentProcess[] = [];
t.teardown(async () => {
  await Promise.all(agents.map((agent) => agent.end("SIGKILL")));
  for (const end of ends) end.close();
  rmSync(folder, { recursive: true, force: true });
});

let noise = false;
/** Noise that leaves the delimiters alone (COBS: 0), so that each frame is one drop to count. */
const spoil = (octets: Uint8Array): Uint8Array => octets.map((octet) => (octet === 0 ? 0 : octet ^ 0x55));
ends.push(openPty((octets, length) => ends[1]?.write(noise ? spoil(octets) : octets, length)));
let deaf = false;
ends.push(openPty((octets, length) => (deaf ? undefined : ends[0]?.write(octets, length))));

function config(name: string, id: number): string {
  return writeConfig(join(folder, name), name, {
    node: { name, address: `1.${id}`, id: 2000 + id },
    state: "state",
    journal: "journal.jsonl",
    bearers: [{ type: "serial", name: "vhf", device: ends[id - 1]?.path, baud: 9600 }],
    voice: { groups: [1] },
    position: { fixed: { latitude: 31, longitude: 103.5 }, intervalS: 5 },
  });
}

t.test("a text, a position and narrow-band voice at 9600 bit/s", async (t) => {
  const a = await startAgentProcess(config("alpha", 1));
  const b = await startAgentProcess(config("bravo", 2));
  agents.push(a, b);
  const journal = join(folder, "bravo", "journal.jsonl");
  await until("neighbours", async () => (await b.status()).core.neighbours.some((n) => n.bidirectional));
  t.match(await a.command({ do: "text", to: 0x102, body: "桥断了" }), { ok: true });
  await until("delivered", async () => (await a.status()).texts.some((text) => text.state === "delivered"));
  t.match((await b.status()).texts, [{ body: "桥断了", state: "received" }]);
  await until("a position", () => journalLines(journal, "position-received").length > 0);

  const wav = join(folder, "tone.wav");
  writeFileSync(wav, toneWav());
  if (findCodec2() !== undefined) {
    t.match(await a.command({ do: "talk-file", group: 1, path: wav }), { ok: true });
    await until("30 frames played", () => journalLines(journal, "voice-played").length >= 30);
    t.match(journalLines(join(folder, "alpha", "journal.jsonl"), "talk"), [{ on: true, codec: 1 }]);
    t.match(await a.command({ do: "talk-stop" }), { ok: true });
  }

  // Noise on the channel: what arrives at bravo is rubbish, is counted, and the text comes through afterwards.
  noise = true;
  t.match(await a.command({ do: "text", to: 0x102, body: "through the noise" }), { ok: true });
  await until("counted drops", async () => {
    const counters = (await b.status()).counters?.["bearer vhf"] ?? {};
    return Object.entries(counters).some(([name, count]) => name.startsWith("drop-received") && count > 0);
  });
  noise = false;
  await until("delivered", async () => (await a.status()).texts.every((text) => text.state === "delivered"));
  t.match((await b.status()).texts, [{}, { body: "through the noise" }]);

  // Bravo is killed and starts anew. Alpha hears nothing of that and has no reason to say hello, but is understood.
  deaf = true;
  await b.end("SIGKILL");
  const before = journalLines(journal, "position-received").length;
  const again = await startAgentProcess(config("bravo", 2));
  agents.push(again);
  await until("a position", () => journalLines(journal, "position-received").length > before);
  t.equal((await again.status()).core.drops["unknown-transmitter"], 0);
  deaf = false;

  // The radio of bravo is unplugged.
  ends[1]?.close();
  await until("the loss in the log", async () => {
    return (await again.status()).recentEvents.some((event) => /Bearer vhf does not work/.test(event.text));
  });
  t.strictSame(
    (await Promise.all([a.end("SIGTERM"), again.end("SIGTERM")])).map((end) => end.code),
    [0, 0],
  );
});
