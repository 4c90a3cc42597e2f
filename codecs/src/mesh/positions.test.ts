import { readFileSync } from "node:fs";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { POSITION_REPORT_OCTETS } from "../position/position-report.ts";
import { fromHex, parseGoldenVectors, toHex } from "../testing/golden.ts";
import { createDataHeader } from "./data-header.ts";
import { FrameKind } from "./frame-kind.ts";
import {
  countPositions,
  decodePositionEntry,
  encodePositionEntry,
  encodePositionsHeader,
  isPositionPacket,
  positionsDigest,
} from "./positions.ts";

interface Entry {
  source: number;
  sequence: number;
  report: Uint8Array;
}
interface Positions {
  digest: number;
  entries: Entry[];
}

const AREA = 3;
const out = new Uint8Array(255);
const vectors = parseGoldenVectors(
  readFileSync(new URL("../../vectors/positions.json", import.meta.url), "utf8"),
  false,
);

function encode({ digest, entries }: Positions): number {
  let end = encodePositionsHeader(digest, out, 0);
  for (const { source, sequence, report } of entries) end += encodePositionEntry(source, sequence, report, 0, out, end);
  return end;
}

function decode(octets: Uint8Array): Positions {
  const header = createDataHeader();
  const entries = Array.from({ length: countPositions(octets, 0, octets.length) }, (_, i) => {
    const from = decodePositionEntry(octets, 0, i, AREA, header);
    assert.ok(isPositionPacket(header, POSITION_REPORT_OCTETS));
    assert.is(header.source >>> 8, AREA);
    const report = octets.slice(from, from + POSITION_REPORT_OCTETS);
    return { source: header.source & 0xff, sequence: header.sequence, report };
  });
  return { digest: positionsDigest(octets, 0), entries };
}

test("golden vectors: positions on narrow bearers", () => {
  for (const { name, hex, value } of vectors) {
    const octets = fromHex(hex);
    assert.is(toHex(out, encode(value as Positions)), hex, name);
    assert.equal(decode(octets), value, name);
  }
});

test("what is not a whole number of positions, or of another class, is no such frame", () => {
  const octets = fromHex((vectors.at(-1) as { hex: string }).hex);
  for (let end = 0; end < octets.length; end++) {
    const isWhole = end > 3 && (end - 3) % 13 === 0;
    assert.is(countPositions(octets, 0, end) > 0, isWhole, `${end} octets`);
  }
  for (let first = 0; first < 256; first++) {
    const other = octets.slice();
    other[0] = first;
    assert.is(countPositions(other, 0, other.length) > 0, first === octets[0], `first octet ${first}`);
  }
});

test("a round trip keeps every position, in its order", () => {
  const plain = { noNullPrototype: true };
  const report = fc.uint8Array({ minLength: POSITION_REPORT_OCTETS, maxLength: POSITION_REPORT_OCTETS });
  const entry = fc.record({ source: fc.integer({ min: 1, max: 254 }), sequence: fc.nat(255), report }, plain);
  const entries = fc.array(entry, { minLength: 1, maxLength: 16 });
  const positions = fc.record({ digest: fc.nat(0xffff), entries }, plain);
  fc.assert(
    fc.property(positions, (given) => {
      assert.equal(decode(out.slice(0, encode(given))), given);
    }),
  );
});

test("only a routine command to all nodes that is as long as a report travels so", () => {
  const position = { ...createDataHeader(), kind: FrameKind.groupAll, trafficClass: 1 };
  assert.ok(isPositionPacket(position, POSITION_REPORT_OCTETS));
  assert.not(isPositionPacket(position, POSITION_REPORT_OCTETS + 1));
  for (const other of [{ kind: FrameKind.unicast }, { trafficClass: 0 }, { precedence: 1 }, { destination: 2 }])
    assert.not(isPositionPacket({ ...position, ...other }, POSITION_REPORT_OCTETS), JSON.stringify(other));
});

test.run();
