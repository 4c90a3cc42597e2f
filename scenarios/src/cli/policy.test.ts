import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { loadPolicyFile, type PolicyView } from "@skein/controller/policy";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { main } from "./policy.ts";
import { formatPolicy } from "./policy-text.ts";

const EXAMPLE = fileURLToPath(new URL("../../examples/policy.yaml", import.meta.url));

/** Runs the command and returns what it printed. */
async function run(...args: string[]): Promise<{ code: number; out: string }> {
  const { log, error } = console;
  const lines: string[] = [];
  console.log = (line: string) => lines.push(line);
  console.error = console.log;
  try {
    return { code: await main(args), out: lines.join("\n") };
  } finally {
    console.log = log;
    console.error = error;
  }
}

/** A controller that answers everything with the same, and writes down what it was asked. */
async function withController(
  status: number,
  answer: unknown,
  test: (at: string, asked: unknown[]) => Promise<void>,
): Promise<void> {
  const asked: unknown[] = [];
  const server = createServer(async (request: IncomingMessage, response) => {
    let body = "";
    for await (const part of request) body += String(part);
    asked.push([`${request.method} ${request.url}`, body === "" ? null : JSON.parse(body)]);
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(answer));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  try {
    await test(`127.0.0.1:${(server.address() as AddressInfo).port}`, asked);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const view: PolicyView = {
  version: 4,
  document: loadPolicyFile(EXAMPLE),
  signature: "good",
  key: "0123-4567",
  signingKey: "0123-4567",
  publisher: { address: 0x101, name: "HQ", version: 4, reachable: true },
  publishedAt: "2026-11-28T11:00:00.000Z",
  octets: 190,
  has: [{ address: 0x101, name: "HQ", version: 4, reachable: true }],
  missing: [{ address: 0x102, name: "", version: 3, reachable: false }],
};

test("the example is good, and small enough for a slow channel", async () => {
  const { code, out } = await run("check", EXAMPLE, "--json");
  assert.is(code, 0);
  const { ok, octets, document } = JSON.parse(out);
  assert.ok(ok && octets < 240, out);
  assert.equal(document.classes.bulk, { only: ["lte", "mesh"] });
  assert.is(document.bearers.lte.cap.reservePercent, 5);
});

test("a file that is wrong, or not there, ends with 2 and says why", async () => {
  const wrong = fileURLToPath(new URL("policy.ts", import.meta.url));
  assert.is((await run("check", wrong)).code, 2);
  assert.match((await run("check", wrong, "--json")).out, /"ok":false,"problems":\[\{"line":/);
  assert.match((await run("check", "/nowhere.yaml")).out, /nowhere\.yaml/);
  for (const args of [[], ["see"], ["check"], ["set"], ["check", EXAMPLE, "more"], ["show", "more"]])
    assert.is((await run(...args)).code, 2, args.join(" "));
  assert.match((await run("--help")).out, /skein policy set FILE/);
});

test("set sends the whole document and tells the version", async () => {
  await withController(200, { ok: true, result: { version: 5, octets: 190 } }, async (at, asked) => {
    const { code, out } = await run("set", EXAMPLE, "--controller", at);
    assert.is(code, 0);
    assert.match(out, /policy 5 published \(190 octets\)/);
    assert.equal(asked, [["POST /api/policy", JSON.parse(JSON.stringify(loadPolicyFile(EXAMPLE)))]]);
  });
});

test("a refusal keeps its code", async () => {
  await withController(409, { ok: false, code: "policy-forged", message: "not that key" }, async (at) => {
    const error = await run("set", EXAMPLE, "--controller", at).catch((thrown: unknown) => thrown);
    assert.equal((error as { code: string }).code, "policy-forged");
  });
  const nobody = await run("show", "--controller", "127.0.0.1:1").catch((thrown: unknown) => thrown);
  assert.is((nobody as { code: string }).code, "controller-unreachable");
});

test("show says version, signature, time, rules, and who has not got it", async () => {
  await withController(200, view, async (at) => {
    const { out } = await run("show", "--controller", at);
    assert.match(
      out,
      /policy 4\b.*190 octets.*2026-11-28T11:00:00\.000Z by HQ.*signed by 0123-4567 \(this controller\)/,
    );
    assert.match(out, /satellite +500 +-20 +50 MB a month +5 % +both/);
    assert.match(out, /bulk +- +lte, mesh/);
    assert.match(out, /on 1 of 2 nodes: HQ/);
    assert.match(out, /not known to have it: 1\.2 \(not reachable, has 3\)/);
    assert.equal(JSON.parse((await run("show", "--controller", at, "--json")).out), JSON.parse(JSON.stringify(view)));
  });
  const plain = (_: unknown, text: string): string => text;
  assert.match(formatPolicy({ ...view, version: 0, document: null }, plain).join(), /no policy is in force/);
});

test.run();
