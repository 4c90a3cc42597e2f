import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Counters } from "./counters.ts";
import { DuplicateFilter, NARROW_SPACE } from "./duplicate-filter.ts";

test("each sequence is taken once, in any order within the window, also round the wrap", () => {
  fc.assert(
    fc.property(fc.nat(0xffff), fc.array(fc.nat(200), { maxLength: 300 }), (base, offsets) => {
      const filter = new DuplicateFilter(new Counters());
      const seen = new Set<number>();
      for (const offset of offsets) {
        const first = filter.accept(0x107, 0, (base + offset) & 0xffff, 0);
        assert.is(first, !seen.has(offset));
        seen.add(offset);
      }
    }),
  );
});

test("spaces and sources do not disturb each other", () => {
  const filter = new DuplicateFilter(new Counters());
  assert.ok(filter.accept(0x107, 0, 5, 0));
  assert.ok(filter.accept(0x107, NARROW_SPACE, 5, 0));
  assert.ok(filter.accept(0x108, 0, 5, 0));
  assert.not(filter.accept(0x107, 0, 5, 0));
});

test("a sequence far behind is a repeat while the source is heard, and a fresh start after a second of silence", () => {
  const filter = new DuplicateFilter(new Counters());
  assert.ok(filter.accept(0x107, 0, 10_000, 0));
  assert.not(filter.accept(0x107, 0, 9_000, 500_000));
  assert.ok(filter.accept(0x107, 0, 9_000, 1_500_000));
  assert.not(filter.accept(0x107, 0, 9_000, 1_600_000));
});

test("low octets are completed from what is known, before and behind", () => {
  const filter = new DuplicateFilter(new Counters());
  filter.accept(0x107, 1, 0x12fe, 0);
  assert.is(filter.rebuild(0x107, 1, 0x03), 0x1303);
  assert.is(filter.rebuild(0x107, 1, 0xf0), 0x12f0);
  assert.is(filter.rebuild(0x108, 1, 0x44), 0x44);
});

test("a packet that was first heard with a low octet only is known when it comes whole", () => {
  const filter = new DuplicateFilter(new Counters());
  for (const low of [0x10, 0x11]) assert.ok(filter.accept(0x107, 1, filter.rebuild(0x107, 1, low), 0, true));
  assert.not(filter.accept(0x107, 1, 0x9e10, 0));
  assert.not(filter.accept(0x107, 1, 0x9e11, 0));
  assert.ok(filter.accept(0x107, 1, 0x9e12, 0));
  assert.not(filter.accept(0x107, 1, filter.rebuild(0x107, 1, 0x12), 0, true));
});

test("a restart clears a source once for each boot epoch", () => {
  const filter = new DuplicateFilter(new Counters());
  const laterUs = 20_000_000;
  filter.accept(0x107, 0, 9, 0);
  filter.restarted(0x107, 3, laterUs);
  assert.not(filter.accept(0x107, 0, 9, laterUs));
  filter.restarted(0x107, 4, laterUs);
  assert.ok(filter.accept(0x107, 0, 9, laterUs));
  filter.restarted(0x107, 4, 2 * laterUs);
  assert.not(filter.accept(0x107, 0, 9, 2 * laterUs));
});

test("what came of the new boot before the news of it is not new again, in whatever direction the sequences went", () => {
  for (const first of [9, 40_000]) {
    const filter = new DuplicateFilter(new Counters());
    filter.accept(0x107, 0, first, 0);
    filter.restarted(0x107, 3, 0);
    const backUs = 20_000_000;
    for (const sequence of [20_000, 20_001]) assert.ok(filter.accept(0x107, 0, sequence, backUs));
    filter.restarted(0x107, 4, backUs + 2_000_000);
    for (const sequence of [20_000, 20_001]) assert.not(filter.accept(0x107, 0, sequence, backUs + 2_000_000));
    assert.ok(filter.accept(0x107, 0, 20_002, backUs + 2_000_000));
  }
});

test.run();
