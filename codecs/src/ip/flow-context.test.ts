import { readFileSync } from "node:fs";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fromHex, parseGoldenVectors, toHex } from "../testing/golden.ts";
import { FLOW_CONTEXT_OCTETS, FlowCompressor, FlowDecompressor } from "./flow-context.ts";
import { compressIp, decompressIp } from "./ip-compression.ts";

const SOURCE = 0x0107;
const DESTINATION = 0x01fe;

interface Packet {
  sequence: number;
  timestamp: number;
  marker?: boolean;
  payloadType?: number;
  ssrc?: number;
  port?: number;
  first?: number;
  payload?: Uint8Array;
}

/** What `compressIp` writes of RTP from one node to another. */
function rtp(packet: Packet): Uint8Array {
  const { sequence, timestamp, marker = false, payloadType = 111, ssrc = 0x1234_5678, port = 5004 } = packet;
  const payload = packet.payload ?? Uint8Array.of(sequence, 1, 2, 3);
  const octets = new Uint8Array(5 + 12 + payload.length);
  const view = new DataView(octets.buffer);
  // IPv4, EF, both addresses those of the nodes, two ports.
  view.setUint8(0, 0x80 | 0x40 | 0x10);
  view.setUint16(1, port);
  view.setUint16(3, 6004);
  view.setUint8(5, packet.first ?? 0x80);
  view.setUint8(6, payloadType | (marker ? 0x80 : 0));
  view.setUint16(7, sequence);
  view.setUint32(9, timestamp);
  view.setUint32(13, ssrc);
  octets.set(payload, 17);
  return octets;
}

class Call {
  readonly compressor: FlowCompressor;
  readonly decompressor = new FlowDecompressor();
  readonly #out = new Uint8Array(512);
  readonly #back = new Uint8Array(512);

  constructor(seed = 0) {
    this.compressor = new FlowCompressor(seed);
  }
  compress(octets: Uint8Array, peer = DESTINATION): Uint8Array {
    return this.#out.slice(0, this.compressor.compress(octets, 0, octets.length, peer, this.#out, 0));
  }
  /** What is left of what was compressed; other packets as they are. */
  restore(octets: Uint8Array, peer = SOURCE): Uint8Array {
    if (!FlowDecompressor.reads(octets[0] ?? 0)) return octets;
    return this.#back.slice(0, this.decompressor.decompress(octets, 0, octets.length, peer, this.#back, 0));
  }
}

const speech = (n: number, change: Partial<Packet> = {}): Uint8Array =>
  rtp({ sequence: (65_500 + n) & 0xffff, timestamp: (4_294_960_000 + 960 * n) >>> 0, ...change });

test("a call costs two octets beyond its payload once both ends know it, across every wrap", () => {
  const call = new Call();
  const sizes: number[] = [];
  for (let n = 0; n < 200; n++) {
    const packet = speech(n, { marker: n % 50 === 0 });
    const sent = call.compress(packet);
    sizes.push(sent.length - 4);
    assert.equal(call.restore(sent), packet, `${n}`);
  }
  assert.equal(sizes.slice(0, 5), [17, 20, 20, 2, 2]);
  const mean = sizes.slice(3).reduce((a, b) => a + b) / (sizes.length - 3);
  assert.ok(mean < 3, `${mean}`);
});

test("a pause, another stride, another payload type: a context that fails is said anew", () => {
  const call = new Call();
  let timestamp = 0;
  for (let n = 0; n < 120; n++) {
    timestamp += n === 40 ? 100_000 : n > 80 ? 320 : 960;
    const packet = rtp({ sequence: n, timestamp, payloadType: n > 60 ? 96 : 111 });
    assert.equal(call.restore(call.compress(packet)), packet, `${n}`);
  }
});

test("lost, repeated and late packets", () => {
  const call = new Call();
  const sent = Array.from({ length: 80 }, (_, n) => call.compress(speech(n)));
  const order = [0, 1, 2, 3, 3, 5, 4, 30, 29, 31, 70, 71, 60, 79];
  for (const n of order) assert.equal(call.restore(sent[n] as Uint8Array), speech(n), `${n}`);
});

test("what is within a context that was not heard, or is another flow's by now, is not guessed", () => {
  const call = new Call();
  const sent = Array.from({ length: 5 }, (_, n) => call.compress(speech(n)));
  assert.is(call.restore(sent[4] as Uint8Array).length, 0);
  for (const octets of sent) call.restore(octets);
  assert.is(call.restore(sent[4] as Uint8Array, SOURCE + 1).length, 0, "another node's");
  // Four more calls take all four slots.
  const late = call.compress(speech(5));
  for (let flow = 1; flow <= 4; flow++)
    for (let n = 0; n < 4; n++) {
      const packet = speech(n, { port: 7000 + flow, ssrc: flow });
      assert.equal(call.restore(call.compress(packet)), packet);
    }
  assert.is(call.restore(late).length, 0);
});

test("several calls at once, to several nodes", () => {
  const call = new Call();
  let longest = 0;
  for (let n = 0; n < 60; n++)
    for (const peer of [DESTINATION, DESTINATION + 1])
      for (const ssrc of [1, 2, 3]) {
        const packet = speech(n, { ssrc });
        const sent = call.compress(packet, peer);
        if (n > 40) longest = Math.max(longest, sent.length);
        // Each node has a table of its own; here its number stands for it.
        assert.equal(call.restore(sent, peer), packet);
      }
  assert.ok(longest <= 17 + 4 + FLOW_CONTEXT_OCTETS);
});

test("a flow of which nothing is known but its addresses and ports costs one octet beyond its payload", () => {
  const call = new Call();
  const sizes: number[] = [];
  for (let n = 0; n < 200; n++) {
    // Now and then it looks like RTP.
    const packet = speech(n, { first: n % 20 === 9 ? 0x80 : 0x17, ssrc: n });
    const sent = call.compress(packet);
    sizes.push(sent.length - 16);
    assert.equal(call.restore(sent), packet, `${n}`);
  }
  assert.equal(sizes.slice(0, 8), [8, 8, 1, 1, 1, 1, 8, 1]);
  assert.ok(sizes.slice(100).filter((size) => size > 1).length <= 4);
});

test("an empty packet of such a flow, and one that is not within it", () => {
  const call = new Call();
  const empty = Uint8Array.of(0xc0 | 0x10, 1, 2, 3, 4);
  for (let n = 0; n < 4; n++) assert.equal(call.restore(call.compress(empty)), empty);
  const other = Uint8Array.of(0xc0 | 0x10, 1, 2, 3, 5);
  assert.is(call.compress(other).length, other.length + FLOW_CONTEXT_OCTETS);
  const within = call.compress(empty);
  assert.is(within.length, 1);
  // The marker is RTP's.
  within[0] = (within[0] as number) | 0x10;
  assert.is(call.restore(within).length, 0);
});

test("IP and the ports of a TCP stream take one octet once they have been said twice", () => {
  const call = new Call();
  for (let n = 0; n < 10; n++) {
    // IPv4 alone, TCP, two ports, a sequence number that looks like RTP, and so on.
    const segment = Uint8Array.of(
      0xf0,
      6,
      0xc3,
      0x50,
      0,
      80,
      0x80,
      111,
      0,
      n,
      0,
      0,
      0,
      7,
      0x50,
      0x10,
      1,
      0,
      2,
      3,
      0,
      0,
    );
    const sent = call.compress(segment);
    assert.equal(call.restore(sent), segment);
    if (n === 2 || n === 3) assert.is(sent.length, segment.length - 6 + 1);
  }
});

test("what keeps no pace, and what goes whole, goes as it is", () => {
  const call = new Call();
  for (let n = 0; n < 30; n++) {
    const video = rtp({ sequence: n, timestamp: 3000 * Math.floor(n / 7), ssrc: 9 });
    const sent = call.compress(video);
    assert.equal(call.restore(sent), video);
    assert.ok(sent.length <= video.length + FLOW_CONTEXT_OCTETS);
  }
  const whole = Uint8Array.of(0, 0x45, 1, 2, 3);
  assert.equal(call.compress(whole), whole);
  assert.equal(call.compress(Uint8Array.of(0x80)), Uint8Array.of(0x80));
});

/** Generations come round after four contexts, each said twice. */
const MOST_LOST = 6;

test("whatever is lost, what comes back is what was sent or nothing", () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          step: fc.constantFrom(1, 1, 1, 1, 2, 5, 300),
          stride: fc.constantFrom(0, 1, 1, 1, 2),
          lost: fc.boolean(),
          flow: fc.nat(1),
        }),
        { maxLength: 150 },
      ),
      (steps) => {
        const call = new Call();
        const at = [
          { sequence: 65_000, timestamp: 0, lost: 0 },
          { sequence: 0, timestamp: 4_294_967_000, lost: 0 },
        ];
        for (const { step, stride, lost, flow } of steps) {
          const here = at[flow] as (typeof at)[number];
          here.sequence = (here.sequence + step) & 0xffff;
          here.timestamp = (here.timestamp + 160 * step * stride) >>> 0;
          const packet = rtp({ ...here, ssrc: flow + 1 });
          const sent = call.compress(packet);
          here.lost = lost && here.lost < MOST_LOST ? here.lost + 1 : 0;
          if (here.lost > 0) continue;
          const back = call.restore(sent);
          assert.ok(back.length === 0 || toHex(back) === toHex(packet));
        }
      },
    ),
    { numRuns: 300 },
  );
});

test("nothing throws on random octets", () => {
  const call = new Call();
  for (let n = 0; n < 4; n++) call.restore(call.compress(speech(n)));
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), fc.constantFrom(0x40, 0x60, 0x7f, 0x00), (octets, first) => {
      if (octets.length > 0) octets[0] = ((octets[0] as number) & 0x1f) | first;
      call.decompressor.decompress(octets, 0, octets.length, SOURCE, new Uint8Array(32), 0);
      call.compress(octets);
    }),
    { numRuns: 3000 },
  );
});

test("golden vectors: packets of a call in their order", () => {
  const text = readFileSync(new URL("../../vectors/flow-context.json", import.meta.url), "utf8");
  const call = new Call(2);
  const [form, packet] = [new Uint8Array(256), new Uint8Array(256)];
  for (const { name, hex, value } of parseGoldenVectors(text, false)) {
    const given = fromHex((value as { packet: string }).packet);
    const length = compressIp(given, 0, given.length, SOURCE, DESTINATION, form, 0);
    assert.is(toHex(call.compress(form.slice(0, length))), hex, name);
    const back = call.restore(fromHex(hex));
    const octets = decompressIp(back, 0, back.length, SOURCE, DESTINATION, packet, 0);
    assert.is(toHex(packet.slice(0, octets)), toHex(given), name);
  }
});

test.run();
