import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { CobsDeframer, cobsMaxOctets, encodeCobs } from "./cobs.ts";
import { CRC16_RESIDUE, crc16 } from "./crc16.ts";
import type { Deframer, DeframerSink } from "./deframer.ts";
import type { EscapedFormat } from "./escaped.ts";
import { EscapedDeframer, encodeEscaped, escapedMaxOctets, HDLC, SLIP } from "./escaped.ts";

const FRAME_MAX = 600;

interface Format {
  name: string;
  delimiter: number;
  checked: boolean;
  encode(frame: Uint8Array): Uint8Array;
  make(sink: DeframerSink): Deframer;
}

function escapedFormat(name: string, format: EscapedFormat): Format {
  return {
    name,
    delimiter: format.flag,
    checked: format.checkOctets > 0,
    encode(frame) {
      const out = new Uint8Array(escapedMaxOctets(format, frame.length));
      return out.subarray(0, encodeEscaped(format, frame, frame.length, out, 0));
    },
    make: (sink) => new EscapedDeframer(format, FRAME_MAX, sink),
  };
}

const formats: Format[] = [
  {
    name: "cobs",
    delimiter: 0,
    checked: true,
    encode(frame) {
      const out = new Uint8Array(cobsMaxOctets(frame.length));
      return out.subarray(0, encodeCobs(frame, frame.length, out, 0));
    },
    make: (sink) => new CobsDeframer(FRAME_MAX, sink),
  },
  escapedFormat("slip", SLIP),
  escapedFormat("hdlc", HDLC),
];

class Record implements DeframerSink {
  readonly frames: string[] = [];
  readonly drops: string[] = [];
  droppedOctets = 0;
  frame(octets: Uint8Array, length: number): void {
    this.frames.push(hex(octets.subarray(0, length)));
  }
  drop(reason: string, lengthOctets: number): void {
    this.drops.push(reason);
    this.droppedOctets += lengthOctets;
  }
}

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString("hex");
const unhex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replaceAll(" ", ""), "hex"));
/** Octets that bring out escapes, zero runs and blocks of 254. */
const octet = fc.oneof(fc.integer({ min: 0, max: 255 }), fc.constantFrom(0, 0x7e, 0x7d, 0xc0, 0xdb, 0xff));
const frame = fc.array(octet, { minLength: 1, maxLength: FRAME_MAX }).map((a) => Uint8Array.from(a));

function pushInPieces(deframer: Deframer, octets: Uint8Array, pieceOctets: number): void {
  for (let at = 0; at < octets.length; at += pieceOctets) {
    const piece = octets.subarray(at, at + pieceOctets);
    deframer.push(piece, piece.length);
  }
}

test("crc-16/x-25: check value of the catalogue, residue", () => {
  const text = new Uint8Array(Buffer.from("123456789"));
  assert.is(crc16(text, 0, 9), 0x906e);
  assert.is(crc16(Uint8Array.from([...text, 0x6e, 0x90]), 0, 11), CRC16_RESIDUE);
});

test("cobs: golden vectors", () => {
  const encode = (text: string): string => hex(formats[0]!.encode(unhex(text)));
  const check = crc16(unhex("112233"), 0, 3);
  assert.is(encode("112233"), `06112233${hex(Uint8Array.of(check & 0xff, check >> 8))}00`);
  assert.is(encode("00").slice(0, 4), "0103");
  const run = encode("01".repeat(254));
  assert.is(run.slice(0, 2), "ff");
  assert.is(run.slice(2 * 255, 2 * 256), "03");
  assert.is(run.length / 2, cobsMaxOctets(254));
});

for (const format of formats) {
  test(`${format.name}: frames come out whole, in pieces of any size`, () => {
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 5 }), fc.integer({ min: 1, max: 700 }), (frames, pieceOctets) => {
        const record = new Record();
        const line = Buffer.concat(frames.map((f) => format.encode(f)));
        pushInPieces(format.make(record), line, pieceOctets);
        assert.equal(record.frames, frames.map(hex));
        assert.equal(record.drops, []);
      }),
      { numRuns: 60 },
    );
  });

  test(`${format.name}: noise between frames costs nothing once a delimiter has ended it`, () => {
    fc.assert(
      fc.property(frame, fc.uint8Array({ minLength: 1, maxLength: 2000 }), (wanted, noise) => {
        const record = new Record();
        const deframer = format.make(record);
        deframer.push(noise, noise.length);
        deframer.push(Uint8Array.of(format.delimiter), 1);
        const before = record.frames.length;
        const line = format.encode(wanted);
        deframer.push(line, line.length);
        assert.equal(record.frames.slice(before), [hex(wanted)]);
        assert.not(deframer.inFrame);
        assert.ok(deframer.atFrameEnd);
      }),
      { numRuns: 60 },
    );
  });

  test(`${format.name}: a frame that is too long is one drop, and the next one arrives`, () => {
    const record = new Record();
    const deframer = format.make(record);
    const long = format.encode(new Uint8Array(FRAME_MAX + 1).fill(7));
    pushInPieces(deframer, long, 100);
    const line = format.encode(Uint8Array.of(1, 2, 3));
    deframer.push(line, line.length);
    assert.equal(record.drops, ["too-long"]);
    assert.equal(record.frames, ["010203"]);
  });

  test(`${format.name}: reset forgets a frame that has begun`, () => {
    const record = new Record();
    const deframer = format.make(record);
    deframer.push(Uint8Array.of(5, 9, 9), 3);
    assert.ok(deframer.inFrame);
    deframer.reset();
    assert.not(deframer.inFrame);
    deframer.push(format.encode(Uint8Array.of(4)), format.encode(Uint8Array.of(4)).length);
    assert.equal(record.frames, ["04"]);
  });

  if (!format.checked) continue;
  test(`${format.name}: any one changed bit is found`, () => {
    fc.assert(
      fc.property(frame, fc.nat(), fc.integer({ min: 0, max: 7 }), (wanted, where, bit) => {
        const record = new Record();
        const line = format.encode(wanted).slice();
        // The closing delimiter stays: without it the frame has not ended yet.
        line[where % (line.length - 1)]! ^= 1 << bit;
        const deframer = format.make(record);
        deframer.push(line, line.length);
        assert.equal(record.frames, []);
        assert.ok(record.drops.length > 0);
        assert.ok(record.droppedOctets <= line.length);
      }),
      // A bit that makes a delimiter leaves two pieces for the check alone: 2^-16 pass. The seed has none of these.
      { numRuns: 200, seed: 1 },
    );
  });
}

test("an output buffer that is too small is a programmer's error", () => {
  const room = cobsMaxOctets(10);
  assert.is(encodeCobs(new Uint8Array(10), 10, new Uint8Array(room), 0) <= room, true);
  assert.throws(() => encodeCobs(new Uint8Array(10), 10, new Uint8Array(room - 1), 0), /no room/);
  assert.throws(() => encodeEscaped(SLIP, new Uint8Array(10), 10, new Uint8Array(12), 0), /no room/);
});

test("hdlc: the example of RFC 1662 escapes flag and escape", () => {
  const line = hex(escapedFormat("hdlc", HDLC).encode(Uint8Array.of(0x7e, 0x7d, 0x41)));
  assert.is(line.slice(0, 12), "7e7d5e7d5d41");
});

test("slip: an escape that stands for nothing breaks the frame", () => {
  const record = new Record();
  formats[1]!.make(record).push(Uint8Array.of(0xc0, 1, 0xdb, 7, 0xc0), 5);
  assert.equal(record.drops, ["framing"]);
});

test.run();
