import { execFile } from "node:child_process";
import { promisify } from "node:util";
import t from "tap";
import { whyNoSplit } from "./namespace-harness.ts";

const run = promisify(execFile);
const script = new URL("./ways-namespaces.ts", import.meta.url).pathname;
const TIMEOUT_MS = 200_000;

interface Outcome {
  /** Octets of each stream. */
  sent: number;
  /** Digests of what was sent and of what arrived. */
  whole: [string, string];
  broken: [string, string];
  /** Octets of bulk that each relay has sent. */
  relayed: [number, number];
  /** The last take of video: its packets, and octets of it that each relay has sent. */
  pictures: { sent: number; arrived: number; octets: number; relayed: [number, number] };
}

const skip = await whyNoSplit();

t.test("streams and video go over two relays, and a stream goes on when one is killed", { skip }, async (t) => {
  const { stdout } = await run("unshare", ["-rn", process.execPath, script], { timeout: TIMEOUT_MS });
  const { sent, whole, relayed, broken, pictures } = JSON.parse(stdout) as Outcome;
  t.match(whole[0], /^[0-9a-f]{64}$/);
  t.equal(whole[1], whole[0]);
  for (const octets of relayed) t.ok(octets > sent / 5, `each relay carries its part: ${octets}`);
  t.match(broken[0], /^[0-9a-f]{64}$/);
  t.equal(broken[1], broken[0]);
  for (const octets of pictures.relayed) t.ok(octets > pictures.octets / 5, `and its part of the video: ${octets}`);
  t.ok(pictures.arrived >= 0.95 * pictures.sent, `most of it comes: ${pictures.arrived} of ${pictures.sent}`);
});
