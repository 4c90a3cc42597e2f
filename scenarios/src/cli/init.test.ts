import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfig } from "@skein/node-agent";
import { createPolicySigner } from "@skein/node-agent/policy-key";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { parse } from "yaml";
import { main, sampleConfig } from "./init.ts";

test("init makes a key that only its owner reads, and keeps it the second time", async () => {
  const folder = mkdtempSync(join(tmpdir(), "skein-init-"));
  try {
    assert.is(await main([folder, "--name", "B1", "--address", "1.21", "--interface", "lo"]), 0);
    const key = readFileSync(join(folder, "mission.key"), "utf8");
    assert.match(key, /^[0-9a-f]{64}\n$/);
    assert.is(statSync(join(folder, "mission.key")).mode & 0o777, 0o600);
    assert.is(await main([folder]), 0);
    assert.is(readFileSync(join(folder, "mission.key"), "utf8"), key);
    const config = parse(readFileSync(join(folder, "agent.yaml"), "utf8"));
    assert.is(config.node.name, "B1");
    assert.is(config.node.address, "1.21");
    assert.is(config.mission.keyFile, "mission.key");
    const { missionKey, controllerKey } = loadConfig(join(folder, "agent.yaml"));
    assert.is(missionKey.length, 32);
    assert.is(statSync(join(folder, "controller.key")).mode & 0o777, 0o600);
    const seed = readFileSync(join(folder, "controller.key"), "utf8").trim();
    const signer = await createPolicySigner(Uint8Array.from(Buffer.from(seed, "hex")));
    assert.equal(signer.publicKey, controllerKey);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("a name with YAML in it stays a name", () => {
  const text = sampleConfig({ name: 'a: "b', address: "1.10", role: "relay", id: 7, interface: "eth0" });
  assert.is(parse(text).node.name, 'a: "b');
  assert.is(parse(text).node.address, "1.10");
});

test("what init cannot use is refused with exit code 2", async () => {
  assert.is(await main(["--role", "emperor"]), 2);
  assert.is(await main(["--address", "7"]), 2);
  assert.is(await main(["--name", "a name that is too long"]), 2);
  assert.is(await main(["--colour"]), 2);
});

test.run();
