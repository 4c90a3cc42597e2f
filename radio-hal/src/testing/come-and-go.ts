/**
 * Runs inside a network namespace of its own (see `interfaces.tap.ts`): two bearers find each other by IPv6 multicast
 * over a pair of virtual interfaces, which then go down and come back. Prints "passed"; anything else is a failure.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { ENDPOINT_ALL } from "../bearer.ts";
import { createUdpBearer } from "../bearers/udp/udp-bearer.ts";
import { Recorder, untilReal } from "../compliance/recorder.ts";

/** From iproute2. */
const IP_TOOL = "ip";
const ip = (command: string): void => {
  execFileSync(IP_TOOL, command.split(" "));
};

function makeBearer(name: string, interfaces: string[]): ReturnType<typeof createUdpBearer> {
  const discover = { interfaces, port: 4747 };
  const rates = { bitrateBps: 10_000_000, mtuOctets: 1400 };
  return createUdpBearer({ name, kind: "udp", discover, neighbours: [], medium: "shared", ...rates });
}

ip("link set lo up");
ip("link add radio0 type veth peer name radio1");
const left = makeBearer("left", ["radio0"]);
const right = makeBearer("right", ["radio1", "radio9"]);
const [atLeft, atRight] = [new Recorder(), new Recorder()];
await left.open(atLeft);
await right.open(atRight);
assert.deepEqual([atLeft.told, atRight.told], [["down"], ["down"]]);

for (let round = 1; round <= 2; round++) {
  ip("link set radio0 up");
  ip("link set radio1 up");
  await untilReal("both up", () => atLeft.count("up") === round && atRight.count("up") === round);
  assert.ok(left.send(ENDPOINT_ALL, Uint8Array.of(round), 1));
  await untilReal("frame", () => atRight.frames.length === round);
  assert.ok(right.send(atRight.endpoints.at(-1)!, Uint8Array.of(round, 9), 2));
  await untilReal("answer", () => atLeft.frames.length === round);
  ip("link set radio0 down");
  await untilReal("both down", () => atLeft.count("down") === round + 1 && atRight.count("down") === round + 1);
  assert.equal(left.send(ENDPOINT_ALL, Uint8Array.of(1), 1), false);
}
assert.deepEqual(atRight.frames, ["01", "02"]);
assert.deepEqual(atLeft.frames, ["0109", "0209"]);
assert.deepEqual(atRight.endpoints, [0, 0], "the neighbour that comes back is the same endpoint");
assert.equal(left.counters.dropsReceived["own-echo"], 2);
await left.close();
await right.close();
process.stdout.write("passed\n");
