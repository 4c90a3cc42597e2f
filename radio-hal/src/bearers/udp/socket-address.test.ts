import { networkInterfaces } from "node:os";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { canonicalAddress } from "./endpoint-table.ts";
import { type KernelCalls, kernelCalls, kernelCallsMissing } from "./kernel-calls.ts";
import { Peers, writeSockaddr } from "./socket-address.ts";

const calls = kernelCalls() as KernelCalls;
if (kernelCalls() === null) console.log(`skipped, not installed: ${kernelCallsMissing()}`);
else {
  const loopback = Object.entries(networkInterfaces()).find(([, list]) => list?.some((a) => a.internal))?.[0] ?? "lo";
  const hex = (words: Uint32Array): string => Buffer.from(words.buffer).toString("hex");

  test("addresses as the kernel has them", () => {
    const four = writeSockaddr(calls, "10.1.2.3", 4747);
    assert.is(hex(four.sockaddr).slice(0, 32), "0200128b0a0102030000000000000000");
    assert.is(four.sockaddrOctets, 16);
    const six = writeSockaddr(calls, "fe80::1:2%7", 258);
    assert.is(hex(six.sockaddr), "0a00010200000000fe80000000000000000000000001000207000000");
    assert.is(six.sockaddrOctets, 28);
  });

  test("what is read is spelled as Node spells it", () => {
    const peers = new Peers(calls);
    const texts = ["0.0.0.0", "192.0.2.255", "::", "::1", "2001:db8::5:0:0:1", `fe80::1%${loopback}`];
    for (const text of [...texts, "1:2:3:4:5:6:7:8", "ff12::736b:6569", "64:ff9b::192.0.2.1", "0:0::0:1"]) {
      const { sockaddr } = writeSockaddr(calls, text, 65_535);
      const peer = peers.ofSockaddr(sockaddr, 0);
      assert.is(peer.address, canonicalAddress(text));
      assert.is(peer.port, 65_535);
    }
  });

  test("many peers, each found again and none mistaken for another", () => {
    const peers = new Peers(calls);
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 2000; i++) {
        const address = i % 2 === 0 ? `10.0.${i >> 8}.${i & 255}` : `fe80::${i.toString(16)}`;
        const peer = peers.ofText(address, 1000 + (i % 3));
        assert.is(peer.address, address);
        const read = peers.ofSockaddr(peer.sockaddr, 0);
        assert.equal([read.address, read.port], [address, 1000 + (i % 3)]);
        assert.is(peers.ofSockaddr(peer.sockaddr, 0), read, "the same object");
      }
    }
  });

  test.run();
}
