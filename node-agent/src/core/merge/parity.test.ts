import {
  createDataHeader,
  DIRECT_HEADER_OCTETS,
  encodeParityHeader,
  FrameKind,
  kindOctet,
  kindOf,
} from "@skein/codecs";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { TrafficClass } from "../api.ts";
import { PARITY_HEARD_US, VIDEO_BLOCK_PACKETS, VIDEO_BLOCK_US, VIDEO_DEADLINE_US } from "../limits.ts";
import { createState } from "../state.ts";
import { type Medium, VirtualMesh } from "../testing/virtual-mesh.ts";
import { ParityDecoder } from "./parity-decoder.ts";
import { ParityEncoder } from "./parity-encoder.ts";
import type { PathLoss } from "./parity-plan.ts";

// Encoder and decoder

const PEER = 77;
const SOURCE = 0x105;
const BAD: PathLoss = { loss: 0.05, run: 1, timeUs: 0, tryUs: 1e6, framesPerTry: 300 };

interface Packet {
  sequence: number;
  payload: Uint8Array;
}

function emptyState() {
  return createState(new VirtualMesh(1, [{ name: "air", bearer: {}, members: [0], loss: 0 }]).node(0).options);
}

/** Rows of parity of one block of packets of another node, from their first on. */
function parityOf(packets: readonly Packet[], path = BAD): Uint8Array[] {
  const state = emptyState();
  const { pool } = state;
  const encoder = new ParityEncoder(state);
  const found: Uint8Array[] = [];
  encoder.onBlock = (_, block, rows) => {
    for (let row = 0; row < rows; row++) {
      const slot = encoder.allocate(block, row);
      found.push(pool.payloads.slice(pool.offset(slot), pool.offset(slot) + (pool.length[slot] as number)));
      pool.release(slot);
    }
  };
  const header = headerOf(0);
  for (const { sequence, payload } of packets) {
    header.sequence = sequence;
    const slot = pool.allocate(header, undefined, payload, 0, payload.length);
    pool.deadlineUs[slot] = VIDEO_DEADLINE_US;
    encoder.add(0, slot, PEER, 0x102, 0, path);
    pool.release(slot);
  }
  encoder.handleTimeout(VIDEO_BLOCK_US);
  return found;
}

function headerOf(sequence: number) {
  const header = createDataHeader();
  header.kind = FrameKind.datagram;
  header.trafficClass = TrafficClass.video;
  header.source = SOURCE;
  header.destination = 0x109;
  header.potential = 900;
  header.sequence = sequence;
  return header;
}

/** A receiver of one neighbour's packets and parity. */
class Receiver {
  readonly state = emptyState();
  readonly decoder = new ParityDecoder(this.state);
  readonly rebuilt: Packet[] = [];

  constructor() {
    // Whoever has had no parity keeps nothing.
    const row = new Uint8Array(40);
    encodeParityHeader({ source: 1, first: 0, membersLow: 1, membersHigh: 0, potential: 0, row: 0 }, row, 0);
    this.parity(row);
    this.rebuilt.length = 0;
  }

  packet({ sequence, payload }: Packet, nowUs = 0): void {
    this.decoder.heard(nowUs, PEER, headerOf(sequence), false, payload, 0, payload.length);
    this.#read();
  }

  parity(row: Uint8Array, nowUs = 0, nodeId = PEER): boolean {
    const ok = this.decoder.handle(nowUs, nodeId, row, 0, row.length);
    this.#read();
    return ok;
  }

  #read(): void {
    const { decoder } = this;
    for (let length = decoder.poll(); length > 0; length = decoder.poll())
      this.rebuilt.push({ sequence: decoder.sequence, payload: decoder.symbol.slice(12, length) });
  }
}

function packetsFrom(first: number, payloads: readonly Uint8Array[]): Packet[] {
  return payloads.map((payload, i) => ({ sequence: (first + i) & 0xffff, payload }));
}

const bySequence = (a: Packet, b: Packet): number => a.sequence - b.sequence;

test("as many packets as there are rows come back, whichever are lost and in whatever order the rest comes", () => {
  const payload = fc.uint8Array({ minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(
      fc.nat(0xffff),
      fc.array(payload, { minLength: 8, maxLength: VIDEO_BLOCK_PACKETS }),
      fc.array(fc.nat(1_000_000), { minLength: 50, maxLength: 50 }),
      (first, payloads, draws) => {
        const packets = packetsFrom(first, payloads);
        const rows = parityOf(packets);
        assert.ok(rows.length > 0);
        const shuffled = packets.toSorted((a, b) => draw(draws, a.sequence) - draw(draws, b.sequence));
        const lost = shuffled.splice(0, rows.length);
        const receiver = new Receiver();
        const arrivals = [...shuffled, ...rows].map((what, i) => ({ what, at: draw(draws, i) }));
        for (const { what } of arrivals.sort((a, b) => a.at - b.at))
          if (what instanceof Uint8Array) assert.ok(receiver.parity(what));
          else receiver.packet(what);
        assert.equal(receiver.rebuilt.sort(bySequence), lost.sort(bySequence));
      },
    ),
  );
});

function draw(draws: readonly number[], index: number): number {
  return draws[index % draws.length] as number;
}

test("with one more packet lost than there are rows nothing comes back, until that one comes late", () => {
  const packets = packetsFrom(
    40,
    Array.from({ length: 20 }, (_, i) => Uint8Array.of(i, 2 * i)),
  );
  const rows = parityOf(packets);
  const receiver = new Receiver();
  const lost = packets.splice(3, rows.length + 1);
  for (const packet of packets) receiver.packet(packet);
  for (const row of rows) receiver.parity(row);
  assert.equal(receiver.rebuilt, []);
  receiver.packet(lost.pop() as Packet, 100_000);
  assert.equal(receiver.rebuilt, lost);
});

test("what comes back too late is dropped, and counted", () => {
  const packets = packetsFrom(
    0,
    Array.from({ length: 20 }, (_, i) => Uint8Array.of(i)),
  );
  const rows = parityOf(packets);
  const receiver = new Receiver();
  const missing = packets.splice(0, rows.length);
  const last = packets.pop() as Packet;
  for (const packet of packets) receiver.packet(packet);
  for (const row of rows) receiver.parity(row);
  receiver.packet(last, VIDEO_DEADLINE_US + 1);
  assert.is(missing.length, rows.length);
  assert.equal(receiver.rebuilt, []);
  assert.is(receiver.state.counters.drops["video-late"], 1);
});

test("blocks that never get what they need are forgotten, and counted", () => {
  const receiver = new Receiver();
  for (let block = 0; block < 20; block++) {
    const packets = packetsFrom(
      100 * block,
      Array.from({ length: 20 }, (_, i) => Uint8Array.of(i)),
    );
    receiver.parity(parityOf(packets)[0] as Uint8Array, 1000 + block);
  }
  assert.ok(receiver.state.counters.drops["parity-short"] >= 12);
});

test("a row of another node's block, or of another length, does not spoil it", () => {
  const packets = packetsFrom(
    9,
    Array.from({ length: 20 }, (_, i) => new Uint8Array(30).fill(i)),
  );
  const rows = parityOf(packets);
  const receiver = new Receiver();
  const [lost] = packets.splice(5, 1);
  for (const packet of packets) receiver.packet(packet);
  assert.ok(receiver.parity((rows[0] as Uint8Array).with(20, 1), 0, PEER + 1));
  assert.equal(receiver.rebuilt, []);
  assert.ok(receiver.parity(rows[1] as Uint8Array));
  assert.equal(receiver.rebuilt, [lost]);
  assert.not.ok(receiver.parity((rows[0] as Uint8Array).slice(0, -1)));
  assert.is(receiver.rebuilt.length, 1);
});

test("nothing is kept any more long after the last parity", () => {
  const packets = packetsFrom(
    0,
    Array.from({ length: 20 }, (_, i) => Uint8Array.of(i)),
  );
  const receiver = new Receiver();
  const atUs = 2 * PARITY_HEARD_US;
  for (const packet of packets.slice(1)) receiver.packet(packet, atUs);
  receiver.parity(parityOf(packets)[0] as Uint8Array, atUs);
  assert.equal(receiver.rebuilt, []);
});

// In a mesh

const PACKET_OCTETS = 900;
const TO = 0x102;

function path(name: string, latencyUs: number, change: Partial<Medium["bearer"]> = {}, loss = 0): Medium {
  const bearer = { kind: 2, medium: "point-to-point", latencyUs, bitrateBps: 10e6, ...change } as const;
  return { name, bearer, members: [0, 1], loss };
}

interface Parity {
  medium: string;
  octets: number;
}

/** A camera at node 0 for node 1, over paths that get their loss when all is settled. */
class Film {
  readonly mesh: VirtualMesh;
  readonly media: Medium[];
  readonly parity: Parity[] = [];
  readonly data = new Map<string, number>();
  readonly came: number[] = [];
  sent = 0;

  constructor(media: Medium[]) {
    this.media = media.map((medium) => ({ ...medium, loss: 0 }));
    this.mesh = new VirtualMesh(2, this.media);
    this.mesh.onFrame = (from, { name }, octets) => {
      if (from !== 0) return;
      const kind = octets[DIRECT_HEADER_OCTETS] as number;
      if (kind === kindOctet(FrameKind.path, TrafficClass.video, 0))
        this.parity.push({ medium: name, octets: octets.length });
      else if (kindOf(kind) === FrameKind.unicast && octets.length > PACKET_OCTETS)
        this.data.set(name, (this.data.get(name) ?? 0) + 1);
    };
    assert.ok(this.mesh.run(8_000_000, () => this.mesh.allReachable()));
    this.mesh.run(4_000_000);
    // A path that has shown nothing gets little at first.
    this.shoot(150, 10);
    this.came.length = 0;
    this.sent = 0;
    this.data.clear();
    media.forEach(({ loss }, i) => {
      (this.media[i] as Medium).loss = loss;
    });
  }

  /** Frames of so many packets every 33 ms. */
  shoot(frames: number, packets: number): void {
    const { mesh } = this;
    for (let f = 0; f < frames; f++) {
      for (let p = 0; p < packets; p++) {
        const octets = new Uint8Array(PACKET_OCTETS);
        new DataView(octets.buffer).setUint32(0, this.sent++);
        mesh.node(0).core.sendVideo(mesh.nowUs, TO, 1, octets);
      }
      mesh.drain(0);
      mesh.run(33_333);
    }
    mesh.run(2_000_000);
    for (const event of mesh.node(1).events.splice(0))
      if (event.type === "video")
        this.came.push(new DataView(event.octets.buffer, event.octets.byteOffset).getUint32(0));
  }

  count(node: number, name: string): number {
    return this.mesh.node(node).core.status(this.mesh.nowUs).counters[name] ?? 0;
  }
}

test("packets that long paths lose come back, and each is delivered once", () => {
  const film = new Film([path("low", 180_000, {}, 0.03), path("high", 300_000, {}, 0.03)]);
  film.shoot(60, 10);
  film.came.length = 0;
  film.sent = 0;
  film.shoot(300, 10);
  assert.ok(film.count(1, "parity-rebuilt") > 0.01 * film.sent);
  assert.ok(film.came.length > 0.998 * film.sent, `${film.came.length} of ${film.sent}`);
  assert.is(new Set(film.came).size, film.came.length);
  const octets = film.parity.reduce((sum, p) => sum + p.octets, 0);
  assert.ok(octets < 0.35 * 360 * 10 * PACKET_OCTETS);
});

test("there is no parity on paths that lose nothing, or that have time to repeat what they lose", () => {
  for (const media of [
    [path("low", 180_000), path("high", 300_000)],
    [path("radio", 3_000, { bitrateBps: 20e6 }, 0.02), path("wire", 4_000, { bitrateBps: 20e6 }, 0.02)],
  ]) {
    const film = new Film(media);
    film.shoot(150, 10);
    assert.equal(film.parity, []);
    assert.is(film.came.length, film.sent);
  }
});

test("one path alone carries parity where a repetition would be too late, and else none", () => {
  const far = new Film([path("low", 180_000, {}, 0.03)]);
  far.shoot(60, 10);
  far.came.length = 0;
  far.sent = 0;
  far.shoot(300, 10);
  assert.ok(far.parity.length > 0);
  assert.ok(far.came.length > 0.995 * far.sent, `${far.came.length} of ${far.sent}`);
  const near = new Film([path("lte", 10_000, {}, 0.03)]);
  near.shoot(150, 10);
  assert.equal(near.parity, []);
});

test("a relay protects what it sends on over one far path, and does not hold it back", () => {
  const near = { ...path("near", 2_000), members: [0, 1] };
  const far = { ...path("far", 180_000), members: [1, 2] };
  const mesh = new VirtualMesh(3, [near, far]);
  assert.ok(mesh.run(20_000_000, () => mesh.allReachable()));
  mesh.run(4_000_000);
  far.loss = 0.03;
  let sent = 0;
  const shoot = (frames: number): number => {
    const before = sent;
    for (let f = 0; f < frames; f++) {
      for (let p = 0; p < 10; p++, sent++)
        mesh.node(0).core.sendVideo(mesh.nowUs, 0x103, 1, new Uint8Array(PACKET_OCTETS));
      mesh.drain(0);
      mesh.run(33_333);
    }
    mesh.run(2_000_000);
    return (
      mesh
        .node(2)
        .events.splice(0)
        .filter((e) => e.type === "video").length /
      (sent - before)
    );
  };
  shoot(150);
  assert.ok(shoot(300) > 0.995);
  const relay = mesh.node(1).core.status(mesh.nowUs);
  assert.ok((relay.counters["parity-sent"] ?? 0) > 0);
  assert.is(relay.drops["video-late"], 0);
});

test("parity takes another path than its packets, where that shares no risk with theirs", () => {
  const risky = ["tower 4"];
  const alike = path("alike", 150_000, { sharedRisk: risky }, 0.03);
  const film = new Film([path("best", 120_000, { sharedRisk: risky }, 0.03), alike, path("other", 170_000, {}, 0.03)]);
  film.shoot(300, 10);
  const on = (name: string): number => film.parity.filter(({ medium }) => medium === name).length;
  assert.ok((film.data.get("best") ?? 0) > 0.9 * film.sent);
  assert.ok(on("other") > 0.9 * film.parity.length, `${on("other")} of ${film.parity.length}`);
});

test("parity goes over no bearer that is closed to video", () => {
  const film = new Film([path("low", 180_000, {}, 0.03), path("high", 190_000, {}, 0.03), path("paid", 170_000)]);
  const bearers = film.media.map(({ name }) => ({
    costCentsPerMegabyte: 0,
    preferenceMs: 0,
    closedTo: name === "paid" ? [TrafficClass.video] : [],
  }));
  film.mesh.node(0).core.setRules(film.mesh.nowUs, { bearers, classes: [] });
  film.mesh.drain(0);
  film.shoot(200, 10);
  assert.ok(film.parity.length > 0);
  assert.ok(film.parity.every(({ medium }) => medium !== "paid"));
});

test("parity takes no more of a class's rate than its packets leave", () => {
  const film = new Film([path("low", 180_000, {}, 0.03), path("high", 190_000, {}, 0.03)]);
  const bearers = film.media.map(() => ({ costCentsPerMegabyte: 0, preferenceMs: 0, closedTo: [] }));
  // 10 packets of 900 octets in 33 ms are 2.2 Mbit/s.
  film.mesh.node(0).core.setRules(film.mesh.nowUs, { bearers, classes: [{}, {}, { rateBps: 2.25e6 }, {}] });
  film.shoot(300, 10);
  const { drops } = film.mesh.node(0).core.status(film.mesh.nowUs);
  assert.ok((drops["class-rate"] ?? 0) > 0);
  // Frames include the few that are repeated.
  assert.ok([...film.data.values()].reduce((sum, frames) => sum + frames) >= film.sent);
});

test.run();
