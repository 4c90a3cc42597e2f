import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { parseClientMessage, parseCommand, parseWebrtcOffer } from "../api/commands.ts";
import type { LogEvent } from "../api/types.ts";
import { EventLog } from "../services/event-log.ts";
import { splitHostPort } from "./api-server.ts";
import { createLog } from "./log.ts";
import { isAllowedRequest } from "./origin.ts";
import { serveStatic } from "./static-files.ts";

const request = (headers: Record<string, string>): IncomingMessage => ({ headers }) as unknown as IncomingMessage;

test("requests: programs and own pages may call, foreign pages and foreign names may not", () => {
  const host = "127.0.0.1:4780";
  const allowed = (headers: Record<string, string>): boolean => isAllowedRequest(request(headers), "127.0.0.1");
  assert.ok(allowed({ host }));
  assert.ok(allowed({ host, origin: "http://127.0.0.1:4780", "sec-fetch-site": "same-origin" }));
  assert.ok(allowed({ host: "localhost:4780", origin: "http://localhost:4780" }));
  assert.ok(allowed({ host: "[::1]:4780", origin: "http://[::1]:4780" }));
  assert.ok(allowed({ host, "sec-fetch-site": "none" }), "typed into the address line");
  assert.not.ok(allowed({ host, origin: "http://evil.example" }));
  assert.not.ok(allowed({ host, origin: "http://127.0.0.1:9999" }), "another service of this machine");
  assert.not.ok(allowed({ host, origin: "null" }));
  assert.not.ok(allowed({ host, "sec-fetch-site": "cross-site" }), "an image of a foreign page");
  assert.not.ok(allowed({ host: "evil.example:4780" }), "a foreign name that points here");
  assert.not.ok(allowed({ host: "evil.example:4780", origin: "http://evil.example:4780" }));
  assert.not.ok(allowed({}));
});

test("commands: every kind passes, unknown fields and wrong values are refused with the field's name", () => {
  const good = [
    { do: "text", to: 0x101, body: "hi" },
    { do: "text", to: 0x10001, body: "to the group" },
    { do: "sos", kind: 1 },
    { do: "sos-confirm", id: "263:1" },
    { do: "ptt", on: true, group: 1 },
    { do: "listen", groups: [] },
    { do: "policy", document: { version: 0, bearers: { lte: { costCentsPerMegabyte: 5 } }, classes: {} } },
    { do: "talk-file", group: 1, path: "/a.wav" },
    { do: "talk-stop" },
    { do: "video-file", to: 0x101, path: "/a.ivf" },
    { do: "video-to", to: 0 },
    { do: "video-stop" },
  ];
  for (const command of good) assert.ok(parseCommand(JSON.stringify(command)).ok, JSON.stringify(command));
  const bad: [unknown, RegExp][] = [
    [{ do: "text", to: 0, body: "x" }, /to/],
    [{ do: "text", to: 1, body: "路".repeat(400) }, /1024 octets/],
    [{ do: "sos", kind: 15 }, /kind/],
    [{ do: "ptt", on: "yes", group: 1 }, /on/],
    [{ do: "ptt", on: true, group: 1, loud: true }, /loud/],
    [{ do: "fly" }, /do/],
    [[], /./],
    [null, /./],
  ];
  for (const [command, words] of bad) {
    const parsed = parseCommand(JSON.stringify(command));
    assert.match(parsed.ok ? "good" : `refused ${parsed.message}`, words);
    assert.not.ok(parsed.ok, JSON.stringify(command));
  }
});

test("rubbish of any kind is an answer, never an exception", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.json()), (text) => {
      assert.not.ok(parseClientMessage(text).ok);
      assert.not.ok(parseCommand(text).ok);
      assert.not.ok(parseWebrtcOffer(text).ok);
    }),
  );
});

test("files: the page, its hashed assets, nothing outside the folder, a sentence where it is not built", async () => {
  const folder = mkdtempSync(join(tmpdir(), "skein-pages-"));
  mkdirSync(join(folder, "pages", "assets"), { recursive: true });
  writeFileSync(join(folder, "pages", "index.html"), "page");
  writeFileSync(join(folder, "pages", "assets", "a.js"), "code");
  writeFileSync(join(folder, "secret"), "secret");
  const get = async (path: string, pages = "pages"): Promise<[number, string, string]> => {
    const headers: Record<string, string> = {};
    let result: [number, string, string] = [0, "", ""];
    const response = {
      setHeader: (name: string, value: string) => void Object.assign(headers, { [name]: value }),
      writeHead: (status: number) => ({
        end: (body: Uint8Array | string) => {
          result = [status, headers["content-type"] ?? "", String(body)];
        },
      }),
    };
    await serveStatic(join(folder, pages), path, response as unknown as ServerResponse);
    return result;
  };
  assert.equal(await get(""), [200, "text/html; charset=utf-8", "page"]);
  assert.equal(await get("assets/a.js"), [200, "text/javascript; charset=utf-8", "code"]);
  for (const path of ["../secret", "%2e%2e/secret", "assets/../../secret", "/etc/passwd", "%00", "%", "assets"]) {
    assert.is((await get(path))[0], 404, path);
  }
  assert.match((await get("", "not-built"))[2], /not built/);
  rmSync(folder, { recursive: true });
});

test("HOST:PORT with and without brackets", () => {
  assert.equal(splitHostPort("127.0.0.1:80"), { host: "127.0.0.1", port: 80 });
  assert.equal(splitHostPort("[fe80::1%eth0]:4700"), { host: "fe80::1%eth0", port: 4700 });
});

test("the log: JSON lines for programs, readable lines for people, nothing below its level", () => {
  const lines: string[] = [];
  const log = createLog("info", "1.7", { write: (text) => lines.push(text) });
  log.debug("hidden");
  log.warn("port unplugged", { error: new Error("gone"), bearer: "vhf" });
  const { at, ...line } = JSON.parse(lines.join("")) as Record<string, unknown>;
  assert.equal(line, { level: "warn", node: "1.7", text: "port unplugged", error: "gone", bearer: "vhf" });
  assert.ok(!Number.isNaN(Date.parse(at as string)));
  const people = createLog("info", "1.7", { isTTY: true, write: (text) => lines.push(text) });
  people.info("up", { port: 1 });
  assert.match(lines.at(-1) ?? "", /^\d\d:\d\d:\d\d\.\d{3} info {2}up port=1\n$/);
});

test("the event log keeps the last 200 and numbers them all", () => {
  const events = new EventLog(createLog("error", "", { write: () => undefined }));
  const heard: LogEvent[] = [];
  events.onEvent = (event) => heard.push(event);
  for (let i = 1; i <= 250; i++) events.add("info", `event ${i}`);
  assert.is(heard.length, 250);
  assert.equal(
    [events.recent().length, events.recent()[0]?.sequence, events.recent().at(-1)?.sequence],
    [200, 51, 250],
  );
});

test.run();
