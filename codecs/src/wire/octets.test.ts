import { suite } from "uvu";
import * as assert from "uvu/assert";
import { copyFront } from "./octets.ts";

const test = suite("octets");

test("the front of a buffer is copied, short or long, where the whole fits and where it does not", () => {
  const from = Uint8Array.from({ length: 200 }, (_, i) => i + 1);
  for (const length of [0, 1, 64, 65, 200]) {
    for (const at of [0, 7, 99, 100]) {
      const to = new Uint8Array(300).fill(255);
      copyFront(from, length, to, at);
      assert.equal(to.slice(at, at + length), from.slice(0, length), `${length} octets to ${at}`);
      assert.equal(to.slice(0, at), new Uint8Array(at).fill(255), "what stands before is left alone");
    }
  }
  const short = new Uint8Array(120);
  copyFront(from, 100, short, 20);
  assert.equal(short.slice(20), from.slice(0, 100));
});

test.run();
