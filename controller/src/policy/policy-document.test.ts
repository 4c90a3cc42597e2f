import { test } from "uvu";
import * as assert from "uvu/assert";
import { nextPolicy, policyDraftSchema } from "./policy-document.ts";

const draft = { bearers: { lte: { costCentsPerMegabyte: 30 }, mesh: {} }, classes: { voice: { copies: 2 } } };

test("the published version is one above the one in force, whatever the draft says", () => {
  assert.is(nextPolicy(policyDraftSchema.parse({ ...draft, version: 99 }), 4).version, 5);
});

test("fields that are not given stay absent", () => {
  const document = nextPolicy(policyDraftSchema.parse(draft), 0);
  assert.equal(document, {
    version: 1,
    bearers: { lte: { costCentsPerMegabyte: 30 }, mesh: {} },
    classes: { voice: { copies: 2 } },
  });
  assert.not("preference" in document.bearers["lte"]!);
});

test("figures out of range, unknown fields and too many names are refused", () => {
  const many = Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`b${i}`, {}]));
  for (const bad of [
    { ...draft, bearers: { lte: { costCentsPerMegabyte: -1 } } },
    { ...draft, bearers: { lte: { colour: 1 } } },
    { ...draft, bearers: many },
    { ...draft, classes: { voice: { copies: 0 } } },
    { bearers: {} },
  ]) {
    assert.not(policyDraftSchema.safeParse(bad).success, JSON.stringify(bad).slice(0, 60));
  }
});

test.run();
