import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { errorCode, errorMessage } from "../shell/skein-error.ts";
import { addressOf, addressTextOf, loadConfig } from "./load.ts";
import { ConfigError } from "./yaml.ts";

const test = suite<{ folder: string }>("load");
test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), "skein-load-"));
});
test.after.each((context) => rmSync(context.folder, { recursive: true, force: true }));

const GOOD = `node:
  name: alpha-1
  address: "1.7"
  id: 7
mission:
  keyFile: mission.key
state: state
bearers:
  - type: udp
    name: radio
    bind: 127.0.0.1:4700
    neighbours: ["127.0.0.1:4701"]
position:
  nmea: track.nmea
`;

/** Writes the text and loads it; the error's code, or "good". */
function outcome(folder: string, text: string): { code: string; message: string } {
  writeFileSync(join(folder, "node.yaml"), text);
  try {
    loadConfig(join(folder, "node.yaml"));
    return { code: "good", message: "" };
  } catch (error) {
    return { code: errorCode(error, "none"), message: errorMessage(error) };
  }
}

test("a good file: paths start at its own folder, the key is read", ({ folder }) => {
  writeFileSync(join(folder, "mission.key"), `${"0F".repeat(32)}\n`);
  writeFileSync(join(folder, "node.yaml"), GOOD);
  const { config, address, missionKey } = loadConfig(join(folder, "node.yaml"));
  assert.is(config.state, join(folder, "state"));
  assert.is(config.position.nmea, join(folder, "track.nmea"));
  assert.is(address, 0x107);
  assert.equal([...missionKey], Array(32).fill(0x0f));
});

test("what is wrong is named with its line and field", ({ folder }) => {
  const cases: [from: string, to: string, line: number, words: RegExp][] = [
    ["id: 7", "id: seven", 4, /node\.id/],
    ['"1.7"', "1.10", 3, /node\.address/],
    ["name: alpha-1", "name: alpha-1\n  colour: red", 3, /node\.colour: unknown field/],
    ["type: udp", "type: pigeon", 9, /bearers\.0/],
    ['    neighbours: ["127.0.0.1:4701"]\n', "", 9, /discover/],
    ["127.0.0.1:4701", "nowhere", 12, /HOST:PORT/],
    ["name: alpha-1", "name: 十六个字的名字太长", 1, /12 octets/],
    ["  keyFile: mission.key", "  keyFile: a\n  key: b", 6, /key/],
  ];
  for (const [from, to, line, words] of cases) {
    const { code, message } = outcome(folder, GOOD.replace(from, to));
    assert.is(code, "config-invalid", to);
    assert.match(message, words);
    assert.ok(message.includes(`node.yaml:${line}:`), `${to}: ${message}`);
  }
});

test("aliases that grow without measure are refused", ({ folder }) => {
  const bomb = ["a: &a [x]"];
  for (let i = 1; i < 9; i++)
    bomb.push(
      `a${i}: &a${i} [${Array(9)
        .fill(i === 1 ? "*a" : `*a${i - 1}`)
        .join()}]`,
    );
  assert.is(outcome(folder, bomb.join("\n")).code, "config-invalid");
});

test("two bearers of one name are refused", ({ folder }) => {
  const second = "  - type: serial\n    name: radio\n    device: /dev/ttyS0\n";
  assert.match(
    outcome(folder, GOOD.replace("position:", `${second}position:`)).message,
    /second bearer called "radio"/,
  );
});

test("key files: missing, cut", ({ folder }) => {
  assert.is(outcome(folder, GOOD).code, "key-invalid");
  writeFileSync(join(folder, "mission.key"), "0f0f");
  assert.is(outcome(folder, GOOD).code, "key-invalid");
});

test("what is wrong in the ip section is said with its line", ({ folder }) => {
  writeFileSync(join(folder, "mission.key"), "0f".repeat(32));
  const section = (lines: string): string => `${GOOD}ip:\n${lines}\n`;
  const line = GOOD.split("\n").length + 1;
  const cases: [string, RegExp][] = [
    ["  mtuOctets: 1500", /more than 1400/],
    ["  mtuOctets: 1000", /IPv6 does not work/],
    ["  prefixes: [10.9.0.1/16]", /without bits behind its length/],
    ["  prefixes: [10.9.0.0/16, not-one]", /expected a network/],
    ["  classes: [{ports: 9-5, class: voice}]", /a port or a range/],
    ["  classes: [{ports: 70000, class: voice}]", /a port or a range/],
    ["  classes: [{class: voice}]", /needs `ports`, `dscp`, or both/],
    ["  classes: [{dscp: 64, class: voice}]", /dscp/],
    ["  classes: [{ports: 5004, precedence: flash, class: voice}]", /precedence/],
    ["  classes: [{ports: 5000-5010, class: voice}, {ports: 5004, protocol: udp, class: bulk}]", /never applies/],
    ["  classes: [{dscp: 8, class: bulk}, {dscp: 8, ports: 80, class: video}]", /number 1 calls all of that bulk/],
    ["  multicast: [10.0.0.1]", /expected an IPv4 group/],
    ["  multicast: [224.0.0.251]", /never leaves its link/],
    ["  tun: a-name-that-is-too-long", /name of an interface/],
  ];
  for (const [lines, words] of cases) {
    const { code, message } = outcome(folder, section(lines));
    assert.is(code, "config-invalid", lines);
    assert.match(message, words);
    assert.ok(message.includes(`node.yaml:${line}:`), message);
  }
  const good = "  prefixes: [10.9.0.0/16]\n  classes: [{ports: 5004, class: voice}]\n  multicast: [239.9.9.9]";
  assert.is(outcome(folder, section(good)).code, "good");
  const exception =
    "{ports: 5004, class: voice}, {ports: 5000-5010, dscp: 34, class: video}, {ports: 5000-5010, class: bulk}";
  assert.is(outcome(folder, section(`  classes: [${exception}]\n  recognise: false`)).code, "good");
});

test("a file that is missing, or no file", ({ folder }) => {
  for (const name of [join(folder, "none.yaml"), folder]) {
    assert.throws(
      () => loadConfig(name),
      (error: unknown) => errorCode(error, "") === "config-unreadable",
    );
  }
});

test("a corrupted file is refused in words, whatever was done to it", ({ folder }) => {
  writeFileSync(join(folder, "mission.key"), "0F".repeat(32));
  fc.assert(
    fc.property(fc.nat(GOOD.length - 1), fc.string({ unit: "binary", maxLength: 8 }), (at, rubbish) => {
      writeFileSync(join(folder, "node.yaml"), GOOD.slice(0, at) + rubbish + GOOD.slice(at + rubbish.length));
      try {
        loadConfig(join(folder, "node.yaml"));
      } catch (error) {
        if (!(error instanceof ConfigError)) assert.is(errorCode(error, "none"), "key-invalid");
      }
    }),
    { numRuns: 300 },
  );
});

test("addresses: text to number and back", () => {
  assert.is(addressOf("0.1"), 1);
  assert.is(addressOf("254.254"), 0xfefe);
  for (const text of ["0.1", "1.7", "254.254"]) assert.is(addressTextOf(addressOf(text)), text);
});

test.run();
