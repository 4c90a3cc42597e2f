import { execFile } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { promisify } from "node:util";
import t from "tap";

const run = promisify(execFile);
const script = new URL("../testing/tun-in-namespace.ts", import.meta.url).pathname;

async function whyNot(): Promise<string | false> {
  try {
    await run("unshare", ["-rn", "true"]);
  } catch {
    return "no network namespaces here";
  }
  try {
    accessSync("/dev/net/tun", constants.R_OK | constants.W_OK);
  } catch {
    return "no TUN here that this user may use";
  }
  return false;
}

const skip = await whyNot();

t.test("packets both ways, addresses, routes, refusals and a clean end", { skip }, async (t) => {
  const { stdout } = await run("unshare", ["-rn", process.execPath, script], { timeout: 60_000 });
  t.equal(stdout, "passed\n");
});

t.test("a process that ends without closing it does not hang", { skip }, async (t) => {
  const { href } = new URL("./tun.ts", import.meta.url);
  const code = `
    const { openTun } = await import("${href}");
    const options = { name: "test0", mtuOctets: 1280, addresses: [], routes: [] };
    await openTun(options, () => undefined);
    // IPv6 speaks first of all when an interface comes up, and would be read.
    await new Promise((resolve) => setTimeout(resolve, 300));
    process.exit(7);`;
  const words = ["-rn", process.execPath, "--input-type=module", "-e", code];
  const ended = await run("unshare", words, { timeout: 60_000 }).catch((error: { code: unknown }) => error.code);
  t.equal(ended, 7);
});

t.test("without the right to it, or without the device: a stable code and a remedy", { skip }, async (t) => {
  const { href } = new URL("./tun.ts", import.meta.url);
  const code = `
    const { openTun } = await import("${href}");
    const options = { name: "test0", mtuOctets: 1280, addresses: [], routes: [] };
    await openTun(options, () => undefined).catch((error) => console.log(error.code, error.remedy !== ""));`;
  const node = [process.execPath, "--input-type=module", "-e", code];
  const powerless = ["setpriv", "--inh-caps=-net_admin", "--bounding-set=-net_admin"];
  const denied = await run("unshare", ["-rn", ...powerless, ...node], { timeout: 60_000 });
  t.equal(denied.stdout, "tun-denied true\n");
  // Something else lies where the device should be.
  const covered = ["sh", "-c", 'mount --bind /dev/null /dev/net/tun && exec "$@"', "sh"];
  const missing = await run("unshare", ["-rnm", ...covered, ...node], { timeout: 60_000 });
  t.equal(missing.stdout, "tun-missing true\n");
});
