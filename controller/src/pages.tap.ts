import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import type { WhatIf } from "@skein/node-agent/api";
import t from "tap";
import { WebSocketServer } from "ws";
import { loadStaticFiles } from "./api/static-files.ts";
import { dist, launchBrowser, missingForPages, openPage, textOf } from "./test-support/browser.ts";
import { startController } from "./test-support/controller-process.ts";
import { FakeAgent } from "./test-support/fake-agent.ts";
import { VALLEY_NODES, valleyStatus } from "./test-support/valley.ts";

const MAX_HANDSET_OCTETS = 60 * 1024;

t.test("console and handset in a browser", { skip: missingForPages, timeout: 120_000 }, async (t) => {
  const browser = await launchBrowser();
  t.teardown(() => browser.close());

  await t.test("console", async (t) => {
    const cut = new Set<string>();
    let sos = true;
    // No video: there is nobody to answer an offer here.
    const status = () => ({ type: "status", status: { ...valleyStatus(Date.now(), { cut, sos }), video: [] } });
    const nothing = { rerouted: [], kept: [] };
    const whatIf: WhatIf = {
      loss: { from: 0x101, to: 0x103 },
      classes: [{ rerouted: [{ to: 0x104, way: [0x102, 0x104] }], kept: [] }, nothing, nothing, nothing],
      unreachable: [],
      omitted: 0,
    };
    const agent = new FakeAgent({ "GET /api/what-if": () => ({ status: 200, value: whatIf }) });
    agent.greeting = status;
    agent.reply = (command) => {
      if (command["do"] === "sos-confirm") sos = false;
      return { ok: true };
    };
    const lab = new FakeAgent({
      "GET /lab/state": () => ({
        status: 200,
        value: { scenario: "valley", timeS: 65, networks: [{ name: "lte" }], nodes: [], faults: [] },
      }),
      "POST /lab/action": (body) => {
        const { action, from, to } = body as { action: string; from: number; to: number };
        const key = `${from & 0xff}-${to & 0xff}`;
        if (action === "cut-link") cut.add(key);
        else cut.delete(key);
        return { status: 200, value: { ok: true } };
      },
    });
    const controller = await startController({
      agent: `127.0.0.1:${await agent.listen()}`,
      lab: `127.0.0.1:${await lab.listen()}`,
      listen: "127.0.0.1:0",
      language: "en",
    });
    const timer = setInterval(() => agent.send(status()), 500);
    t.teardown(async () => {
      clearInterval(timer);
      await controller.stop();
      await agent.close();
      await lab.close();
    });
    const { page, faults } = await openPage(browser, controller.url, { width: 1600, height: 1000 });
    await page.getByTestId("map-node-257").waitFor();
    t.equal(await page.locator('[data-testid^="node-row-"]').count(), VALLEY_NODES);
    t.equal(await page.locator('[data-testid^="map-node-"]').count(), VALLEY_NODES, "the map fits all nodes");

    // A click on the map itself: the middle of the line between the headquarters and the aircraft.
    const before = await textOf(page, "route-to-260");
    const line = await page.getByTestId("map-link-257-259").locator(".link-hit").boundingBox();
    await page.mouse.click(line!.x + line!.width / 2, line!.y + line!.height / 2);
    await page.getByTestId("what-if").waitFor();
    t.ok(agent.requests.some(({ route }) => /what-if\?link=257-259$/.test(route)));
    await page.getByTestId("cut-button").click();
    await page.locator('[data-testid="link-257-259"][data-quality="lost"]').waitFor();
    t.not(await textOf(page, "route-to-260"), before, "the route goes another way");
    await page.getByTestId("restore-button").click();
    await page.locator('[data-testid="link-257-259"][data-quality="good"]').waitFor();
    t.equal(await textOf(page, "route-to-260"), before);

    await page.locator(".map-popup-close").click();

    t.match(await textOf(page, "sos-banner"), /SOS from B-2/);
    await page.getByTestId("sos-acknowledge").click();
    await page.getByTestId("sos-banner").waitFor({ state: "detached" });

    for (let i = 0; i < 50; i++) agent.send(Buffer.concat([Buffer.from([2, 1, 1, 7]), Buffer.alloc(640)]));
    await page.getByTestId("voice-packets").getByText("50").waitFor();
    const button = (await page.getByTestId("ptt").boundingBox())!;
    await page.mouse.move(button.x + 20, button.y + 20);
    await page.mouse.down();
    await agent.until(() => agent.binaries.length > 10);
    await page.mouse.up();
    await agent.until(() => agent.commands.some(({ command }) => command["do"] === "ptt" && command["on"] === false));
    t.equal(agent.binaries[0]?.length, 2 + 640, "20 ms of 16 kHz a message");

    await page.getByTestId("message-body").fill("到达");
    await page.getByTestId("message-send").click();
    await agent.until(() => agent.commands.some(({ command }) => command["body"] === "到达"));
    await page.getByTestId("language-toggle").click();
    t.match(await textOf(page, "panel-nodes"), /指挥部/);
    clearInterval(timer);
    await agent.close();
    await page.locator('[data-testid="node-row-259"][data-liveness="stale"]').waitFor();
    t.match(await page.locator(".warning-chip").textContent(), /代理未连接/);
    t.same(faults, []);
    await page.close();
  });

  await t.test("handset", async (t) => {
    const { server, url, received } = await serveHandset();
    t.teardown(() => server.close());
    const { page, faults } = await openPage(browser, url, { width: 390, height: 844 });
    const pad = (await page.getByTestId("ptt").boundingBox())!;
    const share = (pad.width * pad.height) / (390 * 844);
    t.ok(share > 0.55, `push to talk covers ${Math.round(share * 100)} % of the screen`);
    await page.getByTestId("canned-casualty").click();
    await received((command) => command["body"] === "伤员 / Casualty" && command["to"] === 257);
    await page.mouse.move(pad.x + 50, pad.y + 50);
    await page.mouse.down();
    await received((command) => command["do"] === "ptt" && command["on"] === true);
    await page.mouse.up();
    await received((command) => command["do"] === "ptt" && command["on"] === false);
    const knob = (await page.getByTestId("sos-knob").boundingBox())!;
    await page.mouse.move(knob.x + 20, knob.y + 20);
    await page.mouse.down();
    await page.mouse.move(knob.x + 390, knob.y + 20, { steps: 5 });
    await received((command) => command["do"] === "sos");
    await page.mouse.up();
    t.same(faults, []);
    const files = [...loadStaticFiles(dist("handset"))].filter(([path]) => path !== "/");
    const octets = files.reduce((sum, [, file]) => sum + gzipSync(file.body).length, 0);
    t.ok(octets <= MAX_HANDSET_OCTETS, `the handset page has ${octets} octets compressed`);
    t.ok(JSON.parse(readFileSync(dist("handset/manifest.webmanifest"), "utf8")).start_url, "it can be installed");
    await page.close();
  });
});

/** The handset page as an agent serves it, and what the page asks of the agent. */
async function serveHandset() {
  const files = loadStaticFiles(dist("handset"));
  const server: Server = createServer((request, response) => {
    const file = files.get((request.url ?? "").replace("/handset", ""));
    response.writeHead(file === undefined ? 404 : 200, {
      "content-type": file?.contentType ?? "text/plain",
      "content-security-policy": "default-src 'self'; base-uri 'none'",
    });
    response.end(file?.body);
  });
  const commands: Record<string, unknown>[] = [];
  let wake: (() => void)[] = [];
  new WebSocketServer({ server, path: "/api/ws" }).on("connection", (socket) => {
    socket.send(JSON.stringify({ type: "status", status: { ...valleyStatus(Date.now()), name: "A-1" } }));
    socket.on("message", (data, isBinary) => {
      if (isBinary) return;
      const { id, command } = JSON.parse(String(data)) as { id: number; command: Record<string, unknown> };
      commands.push(command);
      socket.send(JSON.stringify({ type: "reply", id, reply: { ok: true } }));
      for (const call of wake.splice(0)) call();
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const received = async (passes: (command: Record<string, unknown>) => boolean): Promise<void> => {
    while (!commands.some(passes)) await new Promise<void>((call) => (wake = [...wake, call]));
  };
  return { server, received, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/handset/` };
}
