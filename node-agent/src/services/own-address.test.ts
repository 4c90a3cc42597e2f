import { test } from "uvu";
import * as assert from "uvu/assert";
import type { CoreStatus } from "../core/api.ts";
import { createFakeContext, type FakeContext } from "./fake-context.ts";
import { freeAddress, OwnAddress } from "./own-address.ts";

/** A context whose core knows these addresses. */
function knowing(context: FakeContext, addresses: readonly number[]): FakeContext {
  const status = { nodes: addresses.map((address) => ({ address })) } as unknown as CoreStatus;
  const core = new Proxy(context.core, {
    get: (inner, name) => (name === "status" ? () => status : Reflect.get(inner, name)),
  });
  return { ...context, core };
}

const lost = { type: "address-lost", address: 0x107, other: 3 } as const;

test("an address is free in its own area that nobody is known to have; a full area has none", () => {
  const all = Array.from({ length: 254 }, (_, i) => 0x201 + i);
  for (const free of [0x201, 0x280, 0x2fe])
    assert.is(
      freeAddress(
        2,
        all.filter((address) => address !== free),
      ),
      free,
    );
  assert.is(freeAddress(2, all), 0);
  const found = new Set(Array.from({ length: 200 }, () => freeAddress(2, [0x201])));
  assert.ok(found.size > 50, "by chance");
  assert.not(found.has(0x201));
});

test("who loses its address leaves and takes another, for good; three times within an hour at most", () => {
  const fake = createFakeContext();
  try {
    let address = 0x107;
    for (let change = 1; change <= 4; change++) {
      const context = { ...knowing(fake, [0x107, 0x108]), address };
      const own = new OwnAddress(context, 0x107);
      fake.calls.length = 0;
      own.onLost({ ...lost, address }, 0);
      own.stop();
      const left = fake.calls.some(([name]) => name === "leave");
      assert.is(left, change <= 3, `change ${change}`);
      const next = fake.store.address(0x107);
      if (change <= 3) assert.not([0x107, 0x108, address].includes(next));
      else assert.is(next, address, "it goes on as it is");
      address = next;
    }
    assert.match(fake.announced.at(-1) as string, /^alarm: .*too often: configure another one/);
    assert.is(fake.lines.filter(([e]) => e === "address-changed").length, 3);
    assert.is(fake.store.address(0x109), 0x109, "another configuration means another address");
  } finally {
    fake.remove();
  }
});

test("where no address is free the node stays, and says so", () => {
  const fake = createFakeContext();
  try {
    const all = Array.from({ length: 254 }, (_, i) => 0x101 + i);
    new OwnAddress(knowing(fake, all), 0x107).onLost(lost, 0);
    assert.is(fake.store.address(0x107), 0x107);
    assert.match(fake.announced.at(-1) as string, /^alarm: .*no other one is free/);
    assert.not(fake.calls.some(([name]) => name === "leave"));
  } finally {
    fake.remove();
  }
});

test.run();
