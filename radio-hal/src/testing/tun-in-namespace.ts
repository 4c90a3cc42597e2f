/**
 * Runs inside a network namespace of its own (see `tun.tap.ts`): packets out of and into a TUN, its addresses and
 * routes, refusals, and its end. Prints "passed"; anything else is a failure.
 */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { writeFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { untilReal } from "../compliance/recorder.ts";
import { HalError } from "../hal-error.ts";
import { openTun } from "../tun/tun.ts";

const MTU_OCTETS = 1280;
/** Where the port of UDP's source is in an IPv4 packet without options. */
const UDP_OFFSET = 20;
const heard: Uint8Array[] = [];
const udp = () => heard.filter((packet) => packet[0] === 0x45 && packet[9] === 17);

const options = {
  name: "test0",
  mtuOctets: MTU_OCTETS,
  addresses: ["10.115.1.1/32", "fd73:6b65:696e::101/128"],
  routes: ["10.115.0.0/16", "fd73:6b65:696e::/48"],
};
const tun = await openTun(options, (octets, offset, length) => heard.push(octets.slice(offset, offset + length)));
const addresses = networkInterfaces()["test0"]?.map((a) => a.address) ?? [];
for (const address of ["10.115.1.1", "fd73:6b65:696e::101"]) assert.ok(addresses.includes(address), address);

// What a socket sends into the route comes out here, whole and in order.
const socket = createSocket("udp4");
const got: string[] = [];
socket.on("message", (octets) => got.push(octets.toString()));
await new Promise<void>((resolve) => socket.bind(7000, "10.115.1.1", () => resolve()));
const ROUNDS = 2000;
for (let i = 0; i < ROUNDS; i++) {
  socket.send(`packet ${i}`, 7001, "10.115.1.2");
  // One alone now and then, many at a time at others.
  if (i % 60 === 0 || i % 500 < 20) await untilReal("packets read", () => udp().length >= i - 20);
}
await untilReal("all packets read", () => udp().length === ROUNDS);
for (const [i, packet] of udp().entries()) {
  assert.equal(Buffer.from(packet.subarray(UDP_OFFSET + 8)).toString(), `packet ${i}`);
}

// What is written arrives at the socket: the answer is the packet with its addresses and ports turned round.
const ANSWERS = 200;
for (const packet of udp().slice(0, ANSWERS)) {
  const answer = Uint8Array.of(0, 0, ...packet);
  answer.set(packet.subarray(16, 20), 2 + 12);
  answer.set(packet.subarray(12, 16), 2 + 16);
  answer.set(packet.subarray(UDP_OFFSET + 2, UDP_OFFSET + 4), 2 + UDP_OFFSET);
  answer.set(packet.subarray(UDP_OFFSET, UDP_OFFSET + 2), 2 + UDP_OFFSET + 2);
  assert.ok(tun.write(answer, 2, packet.length));
}
await untilReal("all packets received", () => got.length === ANSWERS);
assert.ok(!tun.write(Uint8Array.of(0x12, 0x34), 0, 2), "not IP");
assert.equal(tun.counters.droppedWritten, 1);
assert.equal(tun.counters.packetsWritten, ANSWERS);

// Routes come and go.
assert.ok(tun.addRoute("10.9.0.0/16"));
assert.ok(tun.addRoute("2001:db8::/32"));
const before = udp().length;
socket.send("far", 7001, "10.9.3.4");
await untilReal("a packet for the new route", () => udp().length === before + 1);
assert.ok(tun.removeRoute("10.9.0.0/16"));
assert.ok(!tun.removeRoute("10.9.0.0/16"), "it has gone");
const failed = await new Promise<Error | null>((resolve) => socket.send("far", 7001, "10.9.3.4", resolve));
assert.match(String(failed), /ENETUNREACH/);

// Refusals.
const refused = (change: object, code: string) =>
  assert.rejects(
    openTun({ ...options, ...change }, () => undefined),
    (error: unknown) => error instanceof HalError && error.code === code && error.remedy !== "",
    code,
  );
await refused({}, "tun-in-use");
await refused({ name: "lo" }, "tun-in-use");
await refused({ name: "much-too-long-a-name" }, "bad-option");
await refused({ name: "test1", routes: ["10.0.0.0/33"] }, "bad-option");

// Two at once, and the end: no thread is left, nor the interface.
const second = await openTun({ name: "test1", mtuOctets: MTU_OCTETS, addresses: [], routes: [] }, () => undefined);
socket.close();
await Promise.all([tun.close(), tun.close(), second.close()]);
assert.equal(networkInterfaces()["test0"], undefined);
assert.ok(!tun.write(Uint8Array.of(0x45), 0, 1));
const again = await openTun(options, () => undefined);
await again.close();

// Without IPv6 there is IPv4.
writeFileSync("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
const half = await openTun(options, () => undefined);
assert.deepEqual(
  networkInterfaces()["test0"]?.map((a) => a.address),
  ["10.115.1.1"],
);
await half.close();
process.stdout.write("passed\n");
