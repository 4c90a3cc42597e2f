import { readFileSync } from "node:fs";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fromHex, type GoldenVector, parseGoldenVectors, toHex } from "../testing/golden.ts";
import {
  type BulkPacket,
  type BulkReceipt,
  createBulkAcknowledgement,
  createBulkPacket,
  decodeBulkAcknowledgement,
  decodeBulkPacket,
  encodeBulkAcknowledgement,
  encodeBulkPacket,
} from "./bulk-packet.ts";

function vectorsOf(format: string): GoldenVector[] {
  const url = new URL(`../../vectors/${format}.json`, import.meta.url);
  return parseGoldenVectors(readFileSync(url, "utf8"), false);
}

interface Told {
  session: number;
  paths: { path: number; highest: number; receivedUs: number; runs: number[] }[];
}

test("golden vectors: bulk-packet", () => {
  for (const { name, hex, value } of vectorsOf("bulk-packet")) {
    const octets = fromHex(hex);
    const packet = createBulkPacket();
    assert.ok(decodeBulkPacket(octets, 0, octets.length, packet), name);
    assert.equal(packet, value, name);
    const out = octets.slice();
    const { from, length } = value as BulkPacket;
    out.fill(0, 0, from);
    assert.is(encodeBulkPacket(packet, out, 0) + length, octets.length, name);
    assert.is(toHex(out), hex, name);
  }
});

test("golden vectors: bulk-acknowledgement", () => {
  for (const { name, hex, value } of vectorsOf("bulk-acknowledgement")) {
    const octets = fromHex(hex);
    const read = createBulkAcknowledgement();
    assert.ok(decodeBulkAcknowledgement(octets, 0, octets.length, read), name);
    const paths = read.receipts.slice(0, read.count).map(({ path, highest, receivedUs, runs, count }) => ({
      path,
      highest,
      receivedUs,
      runs: [...runs.slice(0, count)],
    }));
    assert.equal({ session: read.session, paths }, value, name);
    const written = createBulkAcknowledgement();
    const told = value as Told;
    written.session = told.session;
    written.count = told.paths.length;
    told.paths.forEach(({ path, highest, receivedUs, runs }, i) => {
      const receipt = written.receipts[i] as BulkReceipt;
      Object.assign(receipt, { path, highest, receivedUs, count: runs.length });
      receipt.runs.set(runs);
    });
    const out = new Uint8Array(512);
    assert.is(toHex(out, encodeBulkAcknowledgement(written, out, 0)), hex, name);
  }
});

test("no decoder throws on random octets", () => {
  const packet = createBulkPacket();
  const acknowledgement = createBulkAcknowledgement();
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      fc.constantFrom(0x10, 0x20, 0x30, 0x40, 0x50, 0xf0),
      (octets, kind) => {
        if (octets.length > 0) octets[0] = kind;
        if (decodeBulkPacket(octets, 0, octets.length, packet)) {
          assert.ok(packet.from + packet.length <= octets.length);
        }
        if (decodeBulkAcknowledgement(octets, 0, octets.length, acknowledgement)) {
          assert.ok(acknowledgement.count <= acknowledgement.receipts.length);
        }
      },
    ),
    { numRuns: 2000 },
  );
});

test.run();
