import { ConfigError } from "@skein/node-agent/config";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { envelopeOctets, parsePolicy } from "./policy-file.ts";

/** What is wrong with a file, a line for each problem; "" for nothing. */
function complaint(lines: string[]): string {
  try {
    parsePolicy("p.yaml", lines.join("\n"));
    return "";
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
}

test("an empty file rules nothing, and what is left out has its default", () => {
  assert.equal(parsePolicy("p.yaml", "bearers: {}\n"), { version: 0, bearers: {}, classes: {} });
  const text = "bearers:\n  lte: {cap: {megabytes: 200}}\n  mesh:\nclasses:\n  voice: {copies: {risk: 3}}\n";
  assert.equal(parsePolicy("p.yaml", text), {
    version: 0,
    bearers: { lte: { cap: { megabytes: 200, per: "month", reservePercent: 5, counts: "both" } }, mesh: {} },
    classes: { voice: { copies: { calm: 1, risk: 3 } } },
  });
});

test("a reserve is a share or megabytes", () => {
  const reserve = (text: string): number | undefined =>
    parsePolicy("p", `bearers: {lte: {cap: {megabytes: 200, reserve: ${text}}}}`).bearers["lte"]?.cap?.reservePercent;
  assert.is(reserve("7.5%"), 7.5);
  assert.is(reserve("50"), 25);
  assert.is(reserve("0"), 0);
  assert.is(reserve("200"), 100);
});

test("what contradicts something else is said with both lines", () => {
  const bearers = ["bearers:", "  lte: {}", "  sat: {}", "classes:"];
  const cases: [string[], RegExp][] = [
    [["bearers:", "  lte: {}", "  sat: {}", "  lte: {}"], /^p\.yaml:4: a second "lte", the first is in line 2/],
    [
      ["bearers:", "  lte:", "    cap:", "      megabytes: 10", "      reserve: 11"],
      /^p\.yaml:5: bearers\.lte\.cap\.reserve: .*more than the cap.*\(line 4\)$/,
    ],
    [["bearers: {lte: {cap: {megabytes: 10, reserve: 101%}}}"], /more than the cap/],
    [
      [...bearers, "  voice:", "    only: []"],
      /^p\.yaml:6: classes\.voice\.only: no bearer may carry voice.*\(line 2\)$/,
    ],
    [
      [...bearers, "  voice:", "    never: [sat, lte]"],
      /^p\.yaml:6: .*no bearer of this policy may carry voice.*\(line 2\)$/,
    ],
    [[...bearers, "  bulk:", "    only: [lte]", "    never: [sat]"], /^p\.yaml:7: .*contradicts `only`.*\(line 6\)$/],
    [[...bearers, "  bulk:", "    never: [satt]"], /^p\.yaml:6: .*no bearer is called satt.*\(line 2\)$/],
    [[...bearers, "  bulk:", "    copies: {calm: 3, risk: 2}"], /^p\.yaml:6: .*2 copies at risk are fewer than 3/],
  ];
  for (const [lines, words] of cases) assert.match(complaint(lines), words);
});

test("figures out of range and unknown fields are said with line and field", () => {
  const cases: [string[], RegExp][] = [
    [["bearers:", "  lte:", "    costCentsPerMegabyte: -1"], /^p\.yaml:3: bearers\.lte\.costCentsPerMegabyte/],
    [["bearers:", "  lte:", "    colour: red"], /^p\.yaml:3: bearers\.lte\.colour: unknown field/],
    [["bearers:", "  lte:", "    cap: {megabytes: 1, reserve: some}"], /for example 5%/],
    [["classes:", "  sos: {}"], /^p\.yaml:2: classes\.sos: unknown field/],
    [["classes:", "  bulk: {maxKbps: 0}"], /classes\.bulk\.maxKbps/],
    [["classes:", "  voice: {copies: {risk: 5}}"], /classes\.voice\.copies\.risk/],
    [["- a list"], /^p\.yaml:1/],
  ];
  for (const [lines, words] of cases) assert.match(complaint(lines), words);
});

test("a policy that does not fit on the air is refused", () => {
  const name = (i: number): string => `a-bearer-with-a-name-of-its-own-${i}`.slice(0, 29) + String(i).padStart(3, "0");
  const lines = ["bearers:", ...Array.from({ length: 32 }, (_, i) => `  ${name(i)}: {costCentsPerMegabyte: 1.5}`)];
  assert.match(complaint(lines), /octets on the air, 1024 at most/);
  assert.is(complaint(lines.slice(0, 20)), "");
  assert.ok(envelopeOctets(parsePolicy("p", lines.slice(0, 20).join("\n"))) <= 1024);
});

test.run();
