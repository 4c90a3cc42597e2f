import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t from "tap";
import { WebSocket } from "ws";
import { ConsoleSocket } from "./test-support/console-socket.ts";
import { runController, startController } from "./test-support/controller-process.ts";
import { FakeAgent } from "./test-support/fake-agent.ts";
import { VALLEY_NODES, valleyStatus } from "./test-support/valley.ts";

const status = () => ({ type: "status", status: valleyStatus(Date.now()) });

/** One request with headers that fetch would not let through. */
function rawRequest(url: string, options: { method?: string; headers?: Record<string, string>; body?: string }) {
  return new Promise<{ status: number; headers: Record<string, unknown>; text: string }>((done, fail) => {
    const outgoing = request(url, { method: options.method ?? "GET", headers: options.headers ?? {} }, (incoming) => {
      let text = "";
      incoming.on("data", (part) => (text += String(part)));
      incoming.on("end", () => done({ status: incoming.statusCode ?? 0, headers: incoming.headers, text }));
    });
    outgoing.on("error", fail);
    outgoing.end(options.body);
  });
}

t.test("a controller between a real socket of an agent and real sockets of consoles", async (t) => {
  const agent = new FakeAgent({
    "POST /api/webrtc": (body) => ({ status: 200, value: { sdp: "answer", asked: body } }),
  });
  agent.greeting = status;
  const lab = new FakeAgent({
    "GET /lab/state": () => ({
      status: 200,
      value: { scenario: "valley", timeS: 1, networks: [], nodes: [], faults: [] },
    }),
    "POST /lab/action": () => ({ status: 200, value: { ok: true } }),
  });
  const agentPort = await agent.listen();
  const labPort = await lab.listen();
  const controller = await startController({
    agent: `127.0.0.1:${agentPort}`,
    listen: "127.0.0.1:0",
    lab: `127.0.0.1:${labPort}`,
    language: "en",
  });
  const { url } = controller;
  const origin = url.slice(0, -1);
  const counters = async (): Promise<Record<string, number>> => {
    const reply = await fetch(`${url}api/picture`);
    return ((await reply.json()) as { counters: Record<string, number> }).counters;
  };
  t.teardown(async () => {
    await agent.close();
    await lab.close();
  });

  await t.test("a browser is greeted and gets the picture of all nodes", async (t) => {
    const browser = await ConsoleSocket.open(url);
    const welcome = await browser.first("welcome", () => true);
    t.equal(welcome.language, "en");
    const { picture } = await browser.first("picture", (m) => m.picture.nodes.length === VALLEY_NODES);
    t.equal(picture.agent.connected, true);
    t.equal(picture.lab, true);
    browser.close();
  });

  await t.test("commands reach the agent and replies come back; refusals keep their code", async (t) => {
    const browser = await ConsoleSocket.open(url);
    t.same(await browser.command({ do: "text", to: 0x107, body: "你好" }), { ok: true });
    t.match(agent.commands.at(-1)?.command, { do: "text", to: 0x107, body: "你好" });
    t.same(await browser.command({ do: "sos-confirm", id: "sos-12" }), { ok: true });
    t.match(agent.commands.at(-1)?.command, { do: "sos-confirm", id: "sos-12" });
    agent.reply = () => ({ ok: false, code: "too-long", message: "too long" });
    t.match(await browser.command({ do: "text", to: 0x107, body: "x" }), { ok: false, code: "too-long" });
    agent.reply = () => ({ ok: true });
    browser.close();
  });

  await t.test(
    "a policy gets the version after the one in force, from the console and from the command line",
    async (t) => {
      const browser = await ConsoleSocket.open(url);
      const document = {
        version: 0,
        bearers: { lte: { costCentsPerMegabyte: 50 } },
        classes: { voice: { copies: { calm: 1, risk: 3 } } },
      };
      t.match(await browser.command({ do: "policy", document }), { ok: true, result: { version: 4 } });
      t.match(agent.commands.at(-1)?.command, { do: "policy", document: { ...document, version: 4 } });
      await browser.first("event", (m) => /policy 4/.test(m.event.text));
      browser.close();
      const post = (body: unknown, type = "application/json") =>
        rawRequest(`${url}api/policy`, {
          method: "POST",
          headers: { "content-type": type },
          body: JSON.stringify(body),
        });
      const set = await post(document);
      t.equal(set.status, 200);
      t.match(JSON.parse(set.text), { ok: true, result: { version: 4 } });
      t.equal((await post({ ...document, colour: 1 })).status, 400);
      t.equal((await post(document, "text/plain")).status, 415);
      const view = JSON.parse((await rawRequest(`${url}api/policy`, {})).text);
      t.match(view, { version: 3, signature: "none", signingKey: null });
      t.match(
        view.missing.find((node: { address: number }) => node.address === 0x103),
        { version: 2 },
      );
      t.match(
        view.has.find((node: { address: number }) => node.address === 0x102),
        { version: 3 },
      );
    },
  );

  await t.test("events go out at once, and only once", async (t) => {
    const browser = await ConsoleSocket.open(url);
    await browser.first("picture", (m) => m.picture.agent.connected);
    const event = { sequence: 77, atMs: 5, level: "alarm", text: "UAV-1 is gone" };
    agent.send({ type: "event", event });
    agent.send({ type: "event", event });
    agent.send({ type: "event", event: { ...event, sequence: 78, text: "the next one" } });
    await browser.first("event", (m) => m.event.text === "the next one");
    t.equal(browser.messages.filter((m) => m.type === "event" && m.event.text === "UAV-1 is gone").length, 1);
    browser.close();
  });

  await t.test(
    "voice: PCM to those who listen, from the one who holds the key; a closed page lets go of it",
    async (t) => {
      const [one, two] = [await ConsoleSocket.open(url), await ConsoleSocket.open(url)];
      await two.command({ do: "listen", groups: [2] });
      await agent.until(() => agent.commands.some(({ command }) => command["do"] === "listen"));
      const pcm = Buffer.from([2, 1, 1, 7, 1, 0, 2, 0]);
      agent.send(pcm);
      agent.send(Buffer.from([2, 2, 1, 7, 9, 0]));
      await one.until(() => one.binaries.length === 2);
      await two.until(() => two.binaries.length === 1);
      t.same(one.binaries[0], pcm);
      t.equal(two.binaries[0]?.[1], 2, "the group that it did not ask for never came");

      t.same(await one.command({ do: "ptt", on: true, group: 1 }), { ok: true });
      t.match(await two.command({ do: "ptt", on: true, group: 1 }), { ok: false, code: "floor-taken" });
      one.socket.send(Buffer.from([1, 1, 5, 0, 6, 0]));
      await agent.until(() => agent.binaries.length === 1);
      t.same(agent.binaries[0], Buffer.from([1, 1, 5, 0, 6, 0]));
      two.socket.send(Buffer.from([1, 1, 9, 0]));
      t.same(await two.command({ do: "sos-confirm", id: "x" }), { ok: true });
      t.equal(agent.binaries.length, 1, "nobody talks into another's floor");
      one.close();
      await agent.until(() => agent.commands.some(({ command }) => command["do"] === "ptt" && command["on"] === false));
      t.same(await two.command({ do: "ptt", on: true, group: 1 }), { ok: true });
      two.close();
    },
  );

  await t.test(
    "rubbish from a browser is counted and the rest goes on; too much of it ends the connection",
    async (t) => {
      const browser = await ConsoleSocket.open(url);
      browser.socket.send("{");
      browser.socket.send("[1,2]");
      browser.socket.send("null");
      browser.socket.send(Buffer.from([9, 9, 9]));
      t.match(await browser.command({ do: "text", to: 0, body: "" }), { ok: false, code: "bad-command" });
      t.match(await browser.command({ do: "talk-file", group: 1, path: "/etc/passwd" }), {
        ok: false,
        code: "bad-command",
      });
      t.same(await browser.command({ do: "video-stop" }), { ok: true });
      const seen = await counters();
      t.equal(seen["controller.badJson"], 2);
      t.equal(seen["controller.badBinary"], 1);
      t.equal(seen["controller.badMessage"], 3);
      for (let i = 0; i < 100; i++) browser.socket.send("rubbish");
      await browser.until(() => browser.socket.readyState === WebSocket.CLOSED);
      const huge = await ConsoleSocket.open(url);
      huge.socket.on("error", () => {});
      huge.socket.send("x".repeat(70_000));
      await huge.until(() => huge.socket.readyState === WebSocket.CLOSED);
      t.ok((await counters())["controller.badFrame"]);
    },
  );

  await t.test("rubbish from the agent is counted and the picture stays", async (t) => {
    const browser = await ConsoleSocket.open(url);
    agent.send("not json");
    agent.send({ type: "status", status: { core: "?" } });
    agent.send(Buffer.from([0, 0, 0, 0, 0]));
    agent.send({ type: "reply", id: 999_999, reply: { ok: true } });
    agent.send({ type: "event", event: { sequence: 90, atMs: 9, level: "info", text: "after rubbish" } });
    await browser.first("event", (m) => m.event.text === "after rubbish");
    const seen = await counters();
    t.equal(seen["controller.agentRubbish"], 3);
    t.equal(seen["controller.lateReply"], 1);
    browser.close();
  });

  await t.test("HTTP: strict policy, own origin only, bounded bodies, no way out of the folder", async (t) => {
    const page = await rawRequest(url, {});
    const policy = String(page.headers["content-security-policy"]);
    t.match(policy, /^default-src 'none'; script-src 'self';/);
    t.notMatch(policy, /unsafe|https?:|\*/);
    t.equal((await rawRequest(url, { headers: { host: "evil.example" } })).status, 421);
    t.equal((await rawRequest(url, { headers: { origin: "http://evil.example" } })).status, 403);
    const post = (path: string, body: string, headers = {}) =>
      rawRequest(`${origin}${path}`, {
        method: "POST",
        headers: { "content-type": "application/json", origin, ...headers },
        body,
      });
    t.equal((await post("/api/webrtc", "{}", { "content-type": "text/plain" })).status, 415);
    t.equal((await post("/api/webrtc", "[")).status, 400);
    t.equal((await post("/api/webrtc", JSON.stringify({ sdp: "x".repeat(70_000) }))).status, 413);
    t.equal((await rawRequest(`${url}..%2f..%2fpackage.json`, {})).status === 200, false);
    t.equal((await rawRequest(`${url}api/nothing`, {})).status, 404);
    const answer = await post("/api/webrtc", JSON.stringify({ direction: "receive", from: 0x103, sdp: "offer" }));
    t.match(JSON.parse(answer.text), { sdp: "answer", asked: { direction: "receive", from: 0x103, sdp: "offer" } });
    const action = await post("/api/lab/action", JSON.stringify({ action: "cut-link", from: 257, to: 259 }));
    t.same(JSON.parse(action.text), { ok: true });
    t.same(lab.requests.at(-1), { route: "POST /lab/action", body: { action: "cut-link", from: 257, to: 259 } });
    t.match(await (await fetch(`${url}api/lab/state`)).json(), { scenario: "valley" });
  });

  await t.test("a WebSocket of another site is refused", async (t) => {
    const refused = (headers: Record<string, string>) =>
      new Promise<number>((done) => {
        const socket = new WebSocket(`${url.replace("http", "ws")}api/ws`, { headers });
        socket.on("unexpected-response", (_, response) => done(response.statusCode ?? 0));
        socket.on("open", () => done(101));
        socket.on("error", () => {});
      });
    t.equal(await refused({ origin: "http://evil.example" }), 403);
    t.equal(await refused({ host: "evil.example" }), 421);
  });

  await t.test("the agent goes and comes back: said at once, nothing live meanwhile, commands refused", async (t) => {
    const browser = await ConsoleSocket.open(url);
    await browser.first("picture", (m) => m.picture.agent.connected);
    await agent.close();
    const { picture } = await browser.first("picture", (m) => !m.picture.agent.connected);
    t.equal(picture.nodes.length, VALLEY_NODES, "what was known stays to be seen");
    t.notOk(picture.nodes.some((node) => node.liveness === "live"));
    t.match(await browser.command({ do: "video-stop" }), { ok: false, code: "agent-unreachable" });
    const again = new FakeAgent();
    again.greeting = status;
    await again.listen(agentPort);
    browser.messages.length = 0;
    await browser.first("picture", (m) => m.picture.agent.connected);
    t.same(await browser.command({ do: "video-stop" }), { ok: true });
    browser.close();
    await again.close();
  });

  t.equal(await controller.stop(), 0, "SIGTERM ends it cleanly");
});

t.test("the command line: help, check, mistakes and a port in use", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "skein-controller-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const config = (text: string): string => {
    const file = join(folder, "controller.yaml");
    writeFileSync(file, text);
    return file;
  };
  t.match(await runController(["--help"]), { code: 0, out: /--config FILE/ });
  t.match(await runController([]), { code: 2, err: /--config FILE is missing/ });
  t.match(await runController(["--what"]), { code: 2, err: /unknown argument --what/ });
  t.match(await runController(["--config", join(folder, "none.yaml")]), { code: 1, err: /cannot read/ });
  t.match(await runController(["--check", "--config", config("{}\n")]), { code: 0, out: /ok/ });
  t.match(await runController(["--check", "--config", config("listen: x\n")]), {
    code: 1,
    err: /:1: listen: expected/,
  });
  const blocker = createServer();
  await new Promise<void>((done) => blocker.listen(0, "127.0.0.1", done));
  const { port } = blocker.address() as { port: number };
  const busy = await runController(["--config", config(`listen: 127.0.0.1:${port}\n`)]);
  t.match(busy, { code: 1, out: "", err: /the port is in use; choose another under `listen`/ });
  blocker.close();
});
