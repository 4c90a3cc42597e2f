import { execFile } from "node:child_process";
import { promisify } from "node:util";
import t from "tap";

const run = promisify(execFile);
const script = new URL("../../testing/come-and-go.ts", import.meta.url).pathname;

async function namespacesWork(): Promise<boolean> {
  try {
    await run("unshare", ["-rn", "ip", "link"]);
    return true;
  } catch {
    return false;
  }
}

const skip = (await namespacesWork()) ? false : "no network namespaces here (unshare, iproute2)";

t.test("interfaces that appear, go down and come back; IPv6 multicast discovery", { skip }, async (t) => {
  const { stdout } = await run("unshare", ["-rn", process.execPath, script], { timeout: 60_000 });
  t.equal(stdout, "passed\n");
});
