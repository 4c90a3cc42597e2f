import { test } from "uvu";
import * as assert from "uvu/assert";
import { DeliveryLedger } from "./delivery-ledger.ts";

test("counts what is owed, what came and what came twice", () => {
  const ledger = new DeliveryLedger(3);
  ledger.sent(1_000, 0, 7).expected.set([0, 1, 1]);
  assert.ok(ledger.delivered(3_000, 0, 7, 1));
  assert.ok(ledger.delivered(4_000, 0, 7, 1));
  assert.not.ok(ledger.delivered(4_000, 1, 7, 2), "nobody sent this");
  assert.equal(ledger.totals(0, 10_000), { expected: 2, delivered: 1, duplicates: 1, delayP95Ms: 2 });
  assert.is(ledger.totals(2_000, 10_000).expected, 0);
});

test("what comes again after a boot is no duplicate, what comes twice after it is", () => {
  const ledger = new DeliveryLedger(2);
  ledger.sent(0, 0, 1).expected[1] = 1;
  ledger.delivered(200, 0, 1, 1);
  ledger.booted(300, 1);
  ledger.delivered(400, 0, 1, 1);
  assert.is(ledger.duplicates, 0);
  ledger.delivered(500, 0, 1, 1);
  assert.is(ledger.duplicates, 1);
});

test("a key that comes again is another item", () => {
  const ledger = new DeliveryLedger(2);
  ledger.sent(0, 0, 1).expected[1] = 1;
  ledger.sent(100, 0, 1).expected[1] = 1;
  ledger.delivered(200, 0, 1, 1);
  assert.equal(ledger.totals(0, 1_000), { expected: 2, delivered: 1, duplicates: 0, delayP95Ms: 0.1 });
});

test.run();
