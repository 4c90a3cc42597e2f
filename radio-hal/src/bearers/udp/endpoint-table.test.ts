import { test } from "uvu";
import * as assert from "uvu/assert";
import { parseHostPort } from "../host-port.ts";
import { canonicalAddress, EndpointTable } from "./endpoint-table.ts";

test("endpoints are found by address and port, static ones first", () => {
  const table = new EndpointTable();
  const first = table.addStatic("10.0.0.1", 4700);
  const second = table.addStatic("10.0.0.1", 4701);
  assert.is(table.find("10.0.0.1", 4700), first);
  assert.is(table.find("10.0.0.1", 4701), second);
  assert.is(table.find("10.0.0.1", 4702), undefined);
  assert.is(table.find("10.0.0.2", 4700), undefined);
  assert.equal([first.index, second.index], [0, 1]);
});

test("a full table gives the number of the longest silent stranger to the next one", () => {
  const table = new EndpointTable(3);
  table.addStatic("10.0.0.1", 1);
  table.admit("10.0.0.2", 1, 0)!.heardAtMs = 10;
  table.admit("10.0.0.3", 1, 0)!.heardAtMs = 5;
  const next = table.admit("10.0.0.4", 1, 20);
  assert.is(next?.index, 2);
  assert.is(table.find("10.0.0.3", 1), undefined);
  assert.is(table.find("10.0.0.4", 1), next);
  assert.is(table.all.length, 3);
});

test("made-up senders never push out a static neighbour or one that is answered and heard", () => {
  const table = new EndpointTable(2);
  table.addStatic("10.0.0.1", 1);
  const friend = table.admit("10.0.0.2", 1, 0)!;
  friend.heardAtMs = 1000;
  friend.isAnswered = true;
  assert.is(table.admit("10.9.9.9", 1, 60_999), undefined);
  assert.is(table.admit("10.9.9.9", 1, 61_000), friend, "silent for a minute");
  assert.not(friend.isAnswered);
});

test("an endpoint that moves is found at its new address only", () => {
  const table = new EndpointTable();
  const named = table.addStatic("", 4700);
  assert.is(table.find("", 4700), undefined);
  table.move(named, "10.0.0.7", 4700);
  table.move(named, "10.0.0.8", 4700);
  assert.is(table.find("10.0.0.7", 4700), undefined);
  assert.is(table.find("10.0.0.8", 4700), named);
});

test("addresses are compared in the spelling of the system", () => {
  assert.is(canonicalAddress("FE80:0:0::0001%eth0"), "fe80::1%eth0");
  assert.is(canonicalAddress("10.0.0.1"), "10.0.0.1");
});

test("HOST:PORT", () => {
  assert.equal(parseHostPort("[fe80::1%eth0]:4700"), { host: "fe80::1%eth0", port: 4700, family: 6 });
  assert.equal(parseHostPort("hq.example.org:1"), { host: "hq.example.org", port: 1, family: 0 });
  for (const wrong of ["", "10.0.0.1", "10.0.0.1:", "10.0.0.1:65536", "fe80::1:4700", "a b:1"]) {
    assert.throws(
      () => parseHostPort(wrong),
      (error: { code: string }) => error.code === "bad-address",
    );
  }
});

test.run();
