import { suite } from "uvu";
import * as assert from "uvu/assert";
import { copyOctets, setLongCopy } from "./octets.ts";

const test = suite("octets");
const from = Uint8Array.from({ length: 300 }, (_, i) => i % 251);

function check(): void {
  for (const length of [0, 1, 64, 65, 200]) {
    for (const [start, at] of [
      [0, 0],
      [0, 7],
      [99, 0],
      [100, 100],
    ] as const) {
      const to = new Uint8Array(300).fill(255);
      copyOctets(from, start, start + length, to, at);
      const expected = new Uint8Array(300).fill(255);
      expected.set(from.subarray(start, start + length), at);
      assert.equal(to, expected, `${length} octets from ${start} to ${at}`);
    }
  }
}

test("a part of a buffer is copied, short or long, and nothing beside it changes", check);

test("the same by what the host brings for long ones", () => {
  let calls = 0;
  setLongCopy((source, start, end, to, at) => {
    calls++;
    to.set(source.subarray(start, end), at);
  });
  check();
  assert.ok(calls > 0);
});

test.run();
