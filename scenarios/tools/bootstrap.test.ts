import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { areConsolesBuilt, isInstalled } from "./bootstrap.mjs";

const test = suite<{ folder: string }>("bootstrap");

test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), "skein-bootstrap-"));
});
test.after.each(({ folder }) => rmSync(folder, { recursive: true, force: true }));

function write(folder: string, path: string, text: string, atS = 1000): void {
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  utimesSync(file, atS, atS);
}

function lock(folder: string, path: string, packages: object): void {
  write(folder, path, JSON.stringify({ packages }));
}

test("a fresh clone is not installed", ({ folder }) => {
  lock(folder, "package-lock.json", { "": {}, "node_modules/a": { version: "1.0.0" } });
  assert.is(isInstalled(folder), false);
});

test("an install with all packages is one, whatever optional ones it left out", ({ folder }) => {
  lock(folder, "package-lock.json", {
    "": {},
    "node_modules/a": { version: "1.0.0" },
    "node_modules/b": { version: "1.0.0", optional: true },
  });
  lock(folder, "node_modules/.package-lock.json", { "node_modules/a": { version: "1.0.0" } });
  write(folder, "node_modules/.bin/node", "");
  assert.is(isInstalled(folder), true);
});

test("another version, a missing package and a missing Node are found", ({ folder }) => {
  lock(folder, "package-lock.json", { "node_modules/a": { version: "1.0.1" } });
  lock(folder, "node_modules/.package-lock.json", { "node_modules/a": { version: "1.0.1" } });
  assert.is(isInstalled(folder), false, "no Node");
  write(folder, "node_modules/.bin/node", "");
  assert.is(isInstalled(folder), true);
  lock(folder, "node_modules/.package-lock.json", { "node_modules/a": { version: "1.0.0" } });
  assert.is(isInstalled(folder), false, "another version");
  write(folder, "node_modules/.package-lock.json", "{ cut sh");
  assert.is(isInstalled(folder), false, "cut short");
});

test("pages are built again when a source is newer than either of them", ({ folder }) => {
  write(folder, "package-lock.json", "{}", 1000);
  write(folder, "controller/console/src/app.tsx", "", 1000);
  write(folder, "controller/dist/console/index.html", "", 2000);
  assert.is(areConsolesBuilt(folder), false, "no handset page");
  write(folder, "controller/dist/handset/index.html", "", 1500);
  assert.is(areConsolesBuilt(folder), true);
  write(folder, "controller/console/src/app.tsx", "", 1600);
  assert.is(areConsolesBuilt(folder), false, "source newer than the handset page");
});

test.run();
