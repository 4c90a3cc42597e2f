import { readFileSync } from "node:fs";
import { decodePolicyEnvelope, encodePolicyEnvelope, type PolicyDocument, type PolicyEnvelope } from "@skein/codecs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { CoreRules } from "../core/api.ts";
import { createPolicyGate, createPolicySigner } from "../shell/policy-key.ts";
import { errorCode } from "../shell/skein-error.ts";
import { createFakeContext } from "./fake-context.ts";
import { type ControllerKey, PolicyService } from "./policy-service.ts";

const CONTROLLER = 0x101;
const signer = await createPolicySigner(new Uint8Array(32).fill(7));
const key: ControllerKey = { gate: await createPolicyGate(signer.publicKey), fingerprint: "key" };
const priced = (costCentsPerMegabyte: number): PolicyDocument["bearers"] => ({ radio: { costCentsPerMegabyte } });

function envelope(version: number, bearers: PolicyDocument["bearers"], by = signer, signed = true): Uint8Array {
  const out = new Uint8Array(2048);
  const document = { version, bearers, classes: {} };
  const octets = out.slice(0, encodePolicyEnvelope({ publisher: CONTROLLER, publishedS: 9, document, signed }, out));
  if (signed) by.sign(version, octets);
  return octets;
}

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return errorCode(error, "none");
  }
  return "no error";
}

const costs = (calls: unknown[][]): unknown[] =>
  calls
    .filter(([name]) => name === "setRules")
    .map(([, , rules]) => (rules as CoreRules).bearers[0]?.costCentsPerMegabyte);

test("an unsigned policy takes the next version, is in force at once, and after a restart without any controller", () => {
  const context = createFakeContext();
  const policy = new PolicyService(context);
  const document: PolicyDocument = {
    version: 0,
    bearers: priced(250),
    classes: { voice: { copies: { calm: 1, risk: 2 } } },
  };
  assert.is(policy.publish(document), 1);
  const published = context.calls.find(([name]) => name === "publishPolicy");
  const octets = published?.[3] as Uint8Array;
  assert.equal(decodePolicyEnvelope(1, octets)?.document, { ...document, version: 1 });
  assert.equal(costs(context.calls), [250]);
  assert.is(
    codeOf(() => policy.publish({ ...document, version: 1 })),
    "policy-old",
  );
  context.close();
  const again = createFakeContext({}, context.folder);
  const resumed = new PolicyService(again);
  resumed.resume();
  assert.equal(again.calls[0], ["restorePolicy", 1, octets]);
  assert.equal(costs(again.calls), [250]);
  assert.equal(resumed.status.document, { ...document, version: 1 });
  assert.is(resumed.status.signature, "none");
  resumed.stop();
  again.remove();
});

test("a policy of the mesh: newer is taken, older and rubbish are not; an unnamed bearer has its own cost again", () => {
  const context = createFakeContext();
  const policy = new PolicyService(context);
  policy.onPolicy({ type: "policy", version: 5, octets: envelope(5, priced(9)) }, 0);
  policy.onPolicy({ type: "policy", version: 4, octets: envelope(4, priced(1)) }, 0);
  policy.onPolicy({ type: "policy", version: 7, octets: Uint8Array.of(0xff, 1, 2) }, 0);
  policy.onPolicy({ type: "policy", version: 8, octets: envelope(8, { other: { costCentsPerMegabyte: 3 } }) }, 0);
  assert.equal(costs(context.calls), [9, 0]);
  assert.is(policy.status.version, 8);
  assert.is(policy.status.signature, "unchecked");
  assert.is(context.store.policy()?.version, 8);
  policy.stop();
  context.remove();
});

test("with a controller's key only what it has signed is published, and goes on octet for octet", async () => {
  const other = await createPolicySigner(new Uint8Array(32).fill(8));
  const context = createFakeContext();
  const policy = new PolicyService(context, key);
  const good = envelope(3, priced(5));
  const changed = good.slice();
  changed[12] = (changed[12] as number) ^ 1;
  const cases: [() => unknown, string][] = [
    [() => policy.publish({ version: 0, bearers: {}, classes: {} }), "policy-unsigned"],
    [() => policy.publishSigned(3, envelope(3, priced(5), other)), "policy-forged"],
    [() => policy.publishSigned(3, envelope(3, priced(5), other, false)), "policy-unsigned"],
    [() => policy.publishSigned(4, good), "policy-forged"],
    [() => policy.publishSigned(3, Uint8Array.of(1, 2, 3)), "policy-invalid"],
  ];
  for (const [action, code] of cases) assert.is(codeOf(action), code);
  assert.is(context.calls.length, 0);
  assert.is(policy.publishSigned(3, good), 3);
  assert.equal(context.calls.find(([name]) => name === "publishPolicy")?.[3], good);
  assert.equal(policy.status.signature, "good");
  context.close();
  const again = createFakeContext({}, context.folder);
  const resumed = new PolicyService(again, key);
  resumed.resume();
  assert.equal(again.calls[0], ["restorePolicy", 3, good]);
  resumed.stop();
  again.close();
  // The mission has got another controller: what the old one has signed is not in force any more.
  const later = createFakeContext({}, context.folder);
  const rekeyed = new PolicyService(later, { gate: await createPolicyGate(other.publicKey), fingerprint: "other" });
  rekeyed.resume();
  assert.is(later.calls.length, 0);
  rekeyed.stop();
  later.remove();
});

test("the signature of the golden vector is good, and not for another version or other octets", () => {
  const file = new URL("../../../codecs/vectors/policy.json", import.meta.url);
  const vectors = JSON.parse(readFileSync(file, "utf8")) as { hex: string; value: PolicyEnvelope }[];
  const signed = vectors.filter(({ value }) => value.signed);
  assert.ok(signed.length > 0);
  for (const { hex, value } of signed) {
    const octets = Uint8Array.from(Buffer.from(hex, "hex"));
    const { version } = value.document;
    assert.is(key.gate.check(version, octets), "good");
    assert.is(key.gate.check(version + 1, octets), "forged");
    for (let at = 1; at < octets.length; at++) {
      octets[at] = (octets[at] as number) ^ 0x10;
      assert.is(key.gate.check(version, octets), "forged", `octet ${at}`);
      octets[at] = (octets[at] as number) ^ 0x10;
    }
  }
});

test("a node tells which policy it has when it is asked, and notes which ones others have", () => {
  const context = createFakeContext();
  const policy = new PolicyService(context);
  policy.onPolicy({ type: "policy", version: 5, octets: envelope(5, {}) }, 0);
  context.calls.length = 0;
  const minute = 60_000_000;
  policy.onState({ type: "policy-state", from: 0x109, version: 5, ask: true }, minute);
  policy.onState({ type: "policy-state", from: 0x10a, version: 4, ask: false }, minute);
  assert.equal(
    context.calls.map(([name, , to, version]) => [name, to, version]),
    [["sendPolicyState", 0x109, 5]],
  );
  assert.equal(policy.status.nodes, [
    { address: 0x109, version: 5 },
    { address: 0x10a, version: 4 },
  ]);
  policy.stop();
  context.remove();
});

test.run();
