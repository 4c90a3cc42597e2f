import { launchBrowser, openPage } from "@skein/controller/test-support";
const b = await launchBrowser();
const { page, faults } = await openPage(b, process.argv[2]!, { width: 1600, height: 1000 });
const sleep = (ms: number) => new Promise((r) => setTimeout(r, ms));
page.setDefaultTimeout(60000);
await page.getByTestId("language-toggle").waitFor();
if ((await page.locator("html").getAttribute("lang")) !== "en") await page.getByTestId("language-toggle").click();
await page.getByTestId("tab-paths").click();
const scenario = () => page.locator(".scenario").textContent();
let shots = 0;
for (const until of [33, 45]) {
  for (;;) { const m = /(\d+):(\d+)/.exec((await scenario()) ?? ""); if (m && Number(m[1]) * 60 + Number(m[2]) >= until) break; await sleep(300); }
  await page.screenshot({ path: `/tmp/console-w/zz${shots++}.png` });
  console.log(await page.locator(".path-stories").innerText());
}
await page.getByTestId("tab-bearers").click();
await page.getByTestId("what-if-uhf").click();
await sleep(2500);
await page.screenshot({ path: `/tmp/console-w/zz${shots++}.png` });
await page.getByTestId("tab-paths").click();
await page.getByTestId("map-link-257-260").click();
await sleep(1500);
await page.getByTestId("language-toggle").click();
await sleep(500);
await page.screenshot({ path: `/tmp/console-w/zz${shots++}.png` });
console.log(faults);
await b.close();
