import { test } from "uvu";
import * as assert from "uvu/assert";
import { parseCheck } from "./check-syntax.ts";
import { parseDurationUs } from "./duration.ts";

const CASES: [string | number, number][] = [
  ["00:01:30", 90e6],
  ["1:30", 90e6],
  ["20s", 20e6],
  ["1.5s", 1.5e6],
  ["150ms", 150e3],
  ["40min", 2400e6],
  ["2h", 7200e6],
  [20, 20e6],
  ["20", 20e6],
];
for (const [text, us] of CASES) test(`${text} is ${us} us`, () => assert.is(parseDurationUs(text), us));

for (const text of ["", "s", "-1s", "1 day", "1:2:3:4", "20sec", -3]) {
  test(`"${text}" is no time`, () => assert.ok(Number.isNaN(parseDurationUs(text))));
}

test("checks are parsed to what they mean", () => {
  assert.equal(parseCheck("delivered(voice) >= 97%"), { kind: "delivered", service: "voice", atLeast: 0.97 });
  assert.equal(parseCheck("airtime(team-b) <= 62.5%"), { kind: "airtime", network: "team-b", atMost: 0.625 });
  assert.equal(parseCheck("recover(voice) within 500ms"), { kind: "recover", withinUs: 500_000 });
  assert.equal(parseCheck("sos acknowledged within 3s"), { kind: "sos", withinUs: 3_000_000 });
  assert.equal(parseCheck("bounded_queues <= 2s"), { kind: "queues", atMostUs: 2_000_000 });
  assert.equal(parseCheck("no_duplicates"), { kind: "no_duplicates" });
  for (const bad of ["delivered(smell) >= 1%", "delivered(voice) > 97%", "recover(voice) within soon", "no_fun"]) {
    assert.is(parseCheck(bad), undefined, bad);
  }
});

test.run();
