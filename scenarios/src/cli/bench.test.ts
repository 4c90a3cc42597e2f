import { test } from "uvu";
import * as assert from "uvu/assert";
import { parseResult } from "./bench.ts";

test("a result line is read, anything else is not", () => {
  assert.equal(parseResult('{"name":"a","value":3,"unit":"octets","target":4,"pass":true}'), {
    name: "a",
    value: 3,
    unit: "octets",
    target: 4,
    pass: true,
  });
  assert.is(parseResult("warming up"), undefined);
  assert.is(parseResult('{"name":"a","value":"3"}'), undefined);
  assert.is(parseResult("null"), undefined);
});

test("a missed target is missed, no target is no miss", () => {
  assert.is(parseResult('{"name":"a","value":3,"target":4,"pass":false}')?.pass, false);
  assert.is(parseResult('{"name":"a","value":3}')?.pass, true);
});

test.run();
