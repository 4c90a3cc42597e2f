import { test } from "uvu";
import * as assert from "uvu/assert";
import { findGates } from "./fences.ts";

const GATES = [
  "// biome-ignore lint/style/noRestrictedGlobals: in a hurry",
  "// biome-ignore lint/nursery/noJsRestrictedProperties: in a hurry",
  "// biome-ignore-all lint: in a hurry",
  "// biome-ignore lint/style: in a hurry",
  "// @ts-expect-error no such type",
  "// @ts-nocheck",
  '/// <reference types="node" />',
  '/// <reference lib="dom" />',
  "declare const Date: { now(): number };",
  "declare global {",
  "const M = Math;",
];

for (const gate of GATES) {
  test(`a gate: ${gate}`, () => {
    assert.equal(
      findGates(`export const a = 1;\n${gate}\n`).map(({ line }) => line),
      [2],
    );
  });
}

test("ordinary comments and other suppressions are no gates", () => {
  const text = "// the reference types are in the specification\n// biome-ignore lint/complexity/noForEach: measured\n";
  assert.equal(findGates(text), []);
});

test.run();
