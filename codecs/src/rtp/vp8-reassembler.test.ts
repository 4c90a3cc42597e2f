import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { createRtpHeader } from "./rtp.ts";
import { createVp8Descriptor, encodeVp8Packet, vp8PacketCount } from "./vp8.ts";
import type { Vp8Frame } from "./vp8-reassembler.ts";
import { Vp8Reassembler } from "./vp8-reassembler.ts";

interface Packet {
  frame: number;
  octets: Uint8Array;
}

/** Packets of `sizes.length` frames; a frame's first octet is even on key frames (each tenth). */
function packetise(sizes: readonly number[], firstSequence = 0): Packet[] {
  const header = { ...createRtpHeader(), payloadType: 96, sequence: firstSequence, ssrc: 7 };
  const state = { header, pictureId: 0, descriptor: createVp8Descriptor() };
  const packets: Packet[] = [];
  const out = new Uint8Array(200);
  for (const [frame, size] of sizes.entries()) {
    const octets = frameOctets(frame, size);
    state.pictureId = frame & 0x7fff;
    state.header.timestamp = (frame * 3000) >>> 0;
    const count = vp8PacketCount(size, 100, 0);
    for (let index = 0; index < count; index++) {
      const length = encodeVp8Packet(state, octets, index, count, out, 0);
      assert.ok(length <= 100);
      packets.push({ frame, octets: out.slice(0, length) });
    }
  }
  return packets;
}

function frameOctets(frame: number, size: number): Uint8Array {
  const octets = new Uint8Array(size).fill(frame * 2 + 1);
  octets[0] = frame % 10 === 0 ? 0x10 : 0x11;
  return octets;
}

function feed(reassembler: Vp8Reassembler, packets: readonly Packet[]): Vp8Frame[] {
  const frames: Vp8Frame[] = [];
  for (const { octets } of packets) {
    reassembler.push(octets, 0, octets.length);
    for (let frame = reassembler.poll(); frame !== undefined; frame = reassembler.poll()) frames.push(frame);
  }
  return frames;
}

const sizes = fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 20 });

test("all packets in order give all frames, across the wrap of the sequence", () => {
  fc.assert(
    fc.property(sizes, fc.nat(65535), (list, firstSequence) => {
      const frames = feed(new Vp8Reassembler(), packetise(list, firstSequence));
      assert.equal(
        frames.map((frame) => frame.octets),
        list.map((size, frame) => frameOctets(frame, size)),
      );
      assert.ok(frames.every((frame, index) => frame.contiguous && frame.keyFrame === (index % 10 === 0)));
    }),
    { numRuns: 50 },
  );
});

test("packets that overtake each other within the window still give all frames, in order and once", () => {
  fc.assert(
    fc.property(sizes, fc.infiniteStream(fc.nat(7)), (list, jitter) => {
      const packets = packetise(list);
      const delayed = packets
        // The first packet says where the stream begins; what was before it is late.
        .map((packet, index) => ({ packet, at: index === 0 ? -1 : index + (jitter.next().value as number) }))
        .sort((one, other) => one.at - other.at)
        .flatMap(({ packet }) => [packet, packet]);
      const reassembler = new Vp8Reassembler(16);
      const frames = feed(reassembler, delayed);
      assert.equal(
        frames.map((frame) => frame.rtpTimestamp),
        list.map((_, frame) => frame * 3000),
      );
      assert.is(reassembler.counters.framesIncomplete, 0);
      assert.is(reassembler.counters.lostPackets, 0);
      assert.is(
        reassembler.counters.duplicatePackets + reassembler.counters.latePackets,
        packets.length,
        "each copy is counted",
      );
    }),
    { numRuns: 50 },
  );
});

test("lost packets cost the frames that they belong to and no other", () => {
  fc.assert(
    fc.property(sizes, fc.infiniteStream(fc.nat(9)), (list, dice) => {
      // Whole frames around the lossy part, so that both ends of every gap are seen.
      const all = packetise([10, ...list, ...new Array<number>(8).fill(10)]);
      const lossy = (packet: Packet) => packet.frame > 0 && packet.frame <= list.length;
      const kept = all.filter((packet) => !lossy(packet) || (dice.next().value as number) > 1);
      const lost = new Set(all.filter((packet) => !kept.includes(packet)).map((packet) => packet.frame));
      const touched = new Set(kept.map((packet) => packet.frame));
      const reassembler = new Vp8Reassembler(4);
      const frames = feed(reassembler, kept);
      const expected = [...touched].filter((frame) => !lost.has(frame));
      assert.equal(
        frames.map((frame) => frame.rtpTimestamp / 3000),
        expected,
      );
      for (const frame of frames) {
        const index = frame.rtpTimestamp / 3000;
        assert.is(frame.contiguous, !lost.has(index - 1), `frame ${index}`);
      }
      const { counters } = reassembler;
      assert.is(counters.lostPackets, all.length - kept.length);
      assert.is(counters.framesIncomplete, [...lost].filter((frame) => touched.has(frame)).length);
      assert.is(counters.framesComplete, expected.length);
    }),
    { numRuns: 100 },
  );
});

test("the owner may give up a gap early", () => {
  const packets = packetise([10, 250, 10]);
  const reassembler = new Vp8Reassembler();
  const frames = feed(reassembler, [packets[0], packets[1], packets[3], packets[4]] as Packet[]);
  assert.is(frames.length, 1);
  assert.ok(reassembler.giveUp());
  assert.is(reassembler.poll()?.rtpTimestamp, 6000);
  assert.not(reassembler.giveUp());
  assert.is(reassembler.counters.framesIncomplete, 1);
});

test("a new source starts afresh, a jump of thousands loses what was held and goes on", () => {
  const reassembler = new Vp8Reassembler();
  assert.is(feed(reassembler, packetise([10, 10], 60_000)).length, 2);
  const other = packetise([10, 10], 5);
  for (const { octets } of other) octets[11] = 8;
  assert.equal(
    feed(reassembler, other).map((frame) => frame.contiguous),
    [true, true],
  );
  const far = packetise([10, 10], 9000);
  for (const { octets } of far) octets[11] = 8;
  assert.equal(
    feed(reassembler, far).map((frame) => frame.contiguous),
    [false, true],
  );
});

test("never throws on any octets", () => {
  const reassembler = new Vp8Reassembler(3);
  const header = fc.tuple(fc.nat(40), fc.nat(3), fc.boolean(), fc.uint8Array({ maxLength: 5 }));
  const packets = header.map(([sequence, time, marker, rest]) => {
    return new Uint8Array([0x80, marker ? 0xe0 : 0x60, 0, sequence, 0, 0, 0, time, 0, 0, 0, 1, ...rest]);
  });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 30 }), packets), (octets) => {
      reassembler.push(octets, 0, octets.length);
      while (reassembler.poll() !== undefined);
    }),
    { numRuns: 5000 },
  );
  assert.ok(reassembler.counters.malformedPackets > 0);
});

test.run();
