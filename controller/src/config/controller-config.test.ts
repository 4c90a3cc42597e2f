import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigError } from "@skein/node-agent/config";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { loadControllerConfig, splitHostPort } from "./controller-config.ts";

const folder = mkdtempSync(join(tmpdir(), "skein-controller-"));
test.after(() => rmSync(folder, { recursive: true }));

function load(text: string): ReturnType<typeof loadControllerConfig> {
  const file = join(folder, "controller.yaml");
  writeFileSync(file, text);
  return loadControllerConfig(file);
}

test("an empty mapping is a configuration: every field has a default", () => {
  const config = load("{}\n");
  assert.equal(config, { agent: "127.0.0.1:4780", listen: "127.0.0.1:8080", language: "zh-CN" });
  assert.ok(Object.isFrozen(config));
});

test("a mistake is refused with its line and what would be right", () => {
  const refused = (text: string, line: number, words: RegExp): void => {
    try {
      load(text);
    } catch (error) {
      assert.instance(error, ConfigError);
      assert.match((error as ConfigError).message, new RegExp(`controller.yaml:${line}: `));
      assert.match((error as ConfigError).message, words);
      return;
    }
    assert.unreachable(`accepted: ${text}`);
  };
  refused("agent: 127.0.0.1:4780\nlisten: nowhere\n", 2, /listen: expected HOST:PORT, for example/);
  refused("listen: 127.0.0.1:70000\n", 1, /at most 65535/);
  refused("agent: 127.0.0.1:1\ncolour: red\n", 2, /colour/);
  refused("listen: [1\n", 2, /./);
});

test("a corrupted file is refused in words or is a configuration, whatever was done to it", () => {
  const good = "agent: 127.0.0.1:4780\nlisten: 127.0.0.1:8080\nlanguage: en\nlab: 127.0.0.1:4790\n";
  fc.assert(
    fc.property(
      fc.nat(good.length - 1),
      fc.nat(20),
      fc.string({ unit: "binary", maxLength: 8 }),
      (at, gone, rubbish) => {
        try {
          load(good.slice(0, at) + rubbish + good.slice(at + gone));
        } catch (error) {
          assert.instance(error, ConfigError);
        }
      },
    ),
  );
});

test("hosts and ports", () => {
  assert.equal(splitHostPort("127.0.0.1:80"), { host: "127.0.0.1", port: 80 });
  assert.equal(splitHostPort("[::1]:8080"), { host: "::1", port: 8080 });
});

test.run();
