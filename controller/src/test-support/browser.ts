import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";

const CHROMIUM = "/usr/bin/chromium";
const CHROMIUM_ARGUMENTS = [
  "--headless=new",
  "--no-sandbox",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--use-gl=angle",
  "--use-angle=swiftshader",
  "--enable-unsafe-swiftshader",
  "--use-fake-device-for-media-stream",
  "--use-fake-ui-for-media-stream",
];

/** Path of a built page. */
export const dist = (page: string): string => fileURLToPath(new URL(`../../dist/${page}`, import.meta.url));

/** Why no page can be opened here; false if one can. */
export const missingForPages: string | false = !existsSync(CHROMIUM)
  ? "Chromium is not installed"
  : existsSync(dist("console/index.html")) && existsSync(dist("handset/index.html"))
    ? false
    : "the pages are not built, build output missing: npm run build -w @skein/controller";

/** A headless Chromium with a fake microphone and camera, which it gives without asking. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_ARGUMENTS });
}

/** Notes whatever must not happen on a page: errors, warnings, requests to anyone but its own origin. */
export function watchFaults(page: Page, origin: string): string[] {
  const faults: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") faults.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => faults.push(`error: ${error.message}`));
  page.on("request", (request) => {
    const { protocol } = new URL(request.url());
    const isLocal = protocol === "data:" || protocol === "blob:";
    if (!isLocal && new URL(request.url()).origin !== origin) faults.push(`foreign request: ${request.url()}`);
  });
  return faults;
}

/** Opens a page of this size and watches it. */
export async function openPage(
  browser: Browser,
  url: string,
  size: { width: number; height: number },
): Promise<{ page: Page; faults: string[] }> {
  const page = await browser.newPage({ viewport: size });
  const faults = watchFaults(page, new URL(url).origin);
  await page.goto(url);
  return { page, faults };
}

export async function textOf(page: Page, id: string): Promise<string> {
  return (await page.getByTestId(id).textContent()) ?? "";
}
