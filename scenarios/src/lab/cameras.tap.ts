import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { launchBrowser, missingForPages, openPage } from "@skein/controller/test-support";
import type { Browser, Page } from "playwright-core";
import t from "tap";
import { type JournalEvent, readJournals } from "./journal.ts";
import { START_MS, startLab, stopLab, until } from "./testing/shown-lab.ts";

const scratch = mkdtempSync(join(tmpdir(), "skein-cameras-test-"));
t.teardown(() => rmSync(scratch, { recursive: true, force: true }));

/** Two terminals with a channel that carries both cameras, and behind their relay a link that does not. */
const SCENARIO = `
scenario: two-cameras/1
duration: 300s
origin: {latitude: 31.02, longitude: 103.60}
networks:
  - {name: uhf, type: udp, bitrateBps: 2000000, latencyMs: 2, rangeM: 1500}
  - {name: backhaul, type: udp, medium: point-to-point, bitrateBps: 200000, latencyMs: 30}
nodes:
  - {name: HQ, address: "1.1", role: headquarters, networks: [backhaul], at: [0, 0], controller: true}
  - {name: G, address: "1.2", role: relay, networks: [backhaul, uhf], at: [500, 0]}
  - {name: T1, address: "1.3", role: terminal, networks: [uhf], at: [700, 0]}
  - {name: T2, address: "1.4", role: terminal, networks: [uhf], at: [700, 300]}
`;
const HQ = 0x0101;
const TERMINALS = [0x0103, 0x0104];
const PHONE = { width: 390, height: 844 };
/** Pictures of each that are looked at, ten seconds of them, after as many in which the cameras find their rates. */
const PICTURES = 150;
/** What does not come whole costs all up to the next key frame. */
const WHOLE = 0.95;

/** What the agents have noted so far. */
function journals(): JournalEvent[] {
  const lab = readdirSync(scratch).find((name) => name.startsWith("skein-lab-"));
  return lab === undefined ? [] : readJournals(join(scratch, lab, "journals"));
}
const picturesOf = (events: readonly JournalEvent[], node: number): JournalEvent[] =>
  events.filter((event) => event.e === "video-out" && event.node === node && event.lastOfFrame === true);

async function film(browser: Browser, console: Page, node: number): Promise<Page> {
  await console.getByTestId(`map-node-${node}`).click();
  const address = (await console.getByTestId("open-handset").getAttribute("href")) ?? "";
  await console.getByTestId("map-popup").locator(".map-popup-close").click();
  const { page } = await openPage(browser, address, PHONE);
  page.setDefaultTimeout(START_MS);
  await page.getByTestId("open-camera").click();
  await page.getByTestId("camera-toggle").click();
  return page;
}

t.test("two cameras behind one relay share what it passes", { skip: missingForPages, timeout: 300_000 }, async (t) => {
  const file = join(scratch, "two-cameras.yaml");
  writeFileSync(file, SCENARIO);
  const [lab, browser] = await Promise.all([startLab(file, scratch), launchBrowser()]);
  t.teardown(async () => {
    await browser.close();
    await stopLab(lab.child);
  });
  const { page } = await openPage(browser, lab.console, { width: 1200, height: 800 });
  await page
    .locator('[data-testid^="node-row-"][data-liveness="live"]')
    .nth(TERMINALS.length + 1)
    .waitFor({ timeout: START_MS });
  for (const node of TERMINALS) await film(browser, page, node);
  await page.close();

  const asked = (node: number): boolean => journals().some((event) => event.e === "video-asked" && event.node === node);
  await until(
    "cameras asked for less",
    async () => TERMINALS.filter(asked).length,
    (n) => n === TERMINALS.length,
    START_MS,
  );
  const filmed = async (): Promise<number> => {
    const events = journals();
    return Math.min(...TERMINALS.map((node) => picturesOf(events, node).length));
  };
  const from = await filmed();
  await until("pictures", filmed, (count) => count > from + 2 * PICTURES, 2 * START_MS);

  const events = journals();
  const whole = new Set(
    events
      .filter((event) => event.e === "video-frame" && event.node === HQ)
      .map((event) => `${event.from}/${event.rtpTimestamp}`),
  );
  for (const node of TERMINALS) {
    // The last of them may be under way.
    const sent = picturesOf(events, node).slice(-PICTURES - 15, -15);
    const share = sent.filter((event) => whole.has(`${node}/${event.rtpTimestamp}`)).length / sent.length;
    t.ok(share >= WHOLE, `of ${node}: ${share.toFixed(3)} whole`);
  }
});
