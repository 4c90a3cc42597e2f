import { FULL_HEADER_OCTETS, SHARED_HEADER_OCTETS } from "@skein/codecs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Counters } from "./counters.ts";
import { createNeighbour, type Neighbour } from "./neighbour.ts";
import { PacketPool } from "./packet-pool.ts";
import { createPort, type Port } from "./port.ts";
import { SecureChannel } from "./secure-channel.ts";
import { createNullCrypto } from "./testing/null-crypto.ts";
import { createNullIdentity } from "./testing/null-identity.ts";
import { NARROW } from "./testing/virtual-mesh.ts";

const MAX_OCTETS = 64;
const BODY_OCTETS = 5;
const SENDER = 1;
const RECEIVER = 2;
/** More than the bits of a counter that travel can tell apart. */
const MANY = 20_000;

class Station {
  readonly counters = new Counters();
  readonly secure: SecureChannel;
  readonly port: Port;

  constructor(nodeId: number) {
    this.secure = new SecureChannel(createNullCrypto(), createNullIdentity(nodeId), this.counters, nodeId, 1);
    const config = { ...NARROW, id: 3, name: "air", medium: "shared", costCentsPerMegabyte: 0 };
    this.port = createPort(config as Port["config"], new PacketPool(4), this.counters);
  }

  report(out: Uint8Array): number {
    return this.secure.sealReport(this.port, SENDER, out, SHARED_HEADER_OCTETS + BODY_OCTETS);
  }

  frame(out: Uint8Array): number {
    return this.secure.sealShared(this.port, SENDER, out, SHARED_HEADER_OCTETS + BODY_OCTETS);
  }

  /** Hears a full frame of somebody for the first time. */
  meet(frame: Uint8Array, length: number): Neighbour {
    assert.ok(this.secure.openFull(this.port, frame, length) > 0);
    const n = createNeighbour(0, SENDER, 0x101, this.secure.key(SENDER), 0);
    n.bootEpoch = this.secure.full.bootEpoch;
    n.remoteBearerId = this.secure.full.bearerId;
    this.secure.accept(n, n.window, this.secure.full.counter);
    return n;
  }

  open(n: Neighbour, frame: Uint8Array, length: number): number {
    return this.secure.openShared(this.port, n, frame.slice(), frame, length, false);
  }
}

/** Two of which one has heard the other's full hello. */
function met(): { sender: Station; receiver: Station; n: Neighbour; octets: Uint8Array } {
  const [sender, receiver] = [new Station(SENDER), new Station(RECEIVER)];
  const octets = new Uint8Array(MAX_OCTETS);
  const length = sender.secure.sealFull(sender.port, octets, FULL_HEADER_OCTETS + BODY_OCTETS);
  return { sender, receiver, n: receiver.meet(octets, length), octets };
}

test("reports leave no gap among other frames, however many of them were not heard", () => {
  const { sender, receiver, n, octets } = met();
  for (let i = 0; i < 100; i++) sender.report(octets);
  const highest = n.window.highest;
  assert.ok(receiver.open(n, octets, sender.frame(octets)) > 0);
  assert.is(n.window.highest, highest + 1);
  assert.is(n.rxExpected, 1);
});

test("reports open though far more of them are sent than other frames, and so does what follows them", () => {
  const { sender, receiver, n, octets } = met();
  for (let i = 0; i < MANY; i++) assert.ok(receiver.open(n, octets, sender.report(octets)) > 0, `report ${i}`);
  assert.ok(receiver.open(n, octets, sender.frame(octets)) > 0);
  assert.ok(receiver.open(n, octets, sender.report(octets)) > 0);
  // Who comes only now learns from a full frame where both are.
  const late = new Station(RECEIVER);
  const length = sender.secure.sealFull(sender.port, octets, FULL_HEADER_OCTETS + BODY_OCTETS);
  const known = late.meet(octets, length);
  assert.ok(late.open(known, octets, sender.report(octets)) > 0);
  assert.ok(late.open(known, octets, sender.frame(octets)) > 0);
});

test("a report that comes again, or is older than the first frame that was heard, is no news", () => {
  const [sender, receiver] = [new Station(SENDER), new Station(RECEIVER)];
  const old = new Uint8Array(MAX_OCTETS);
  const oldLength = sender.report(old);
  const octets = new Uint8Array(MAX_OCTETS);
  sender.frame(octets);
  const n = receiver.meet(octets, sender.secure.sealFull(sender.port, octets, FULL_HEADER_OCTETS + BODY_OCTETS));
  assert.ok(receiver.open(n, old, oldLength) < 0);
  const length = sender.report(octets);
  assert.ok(receiver.open(n, octets, length) > 0);
  assert.ok(receiver.open(n, octets, length) < 0);
  assert.is(receiver.counters.drops.replayed, 2);
});

test("what is altered opens neither as a report nor as another frame, and is counted once", () => {
  const { sender, receiver, n, octets } = met();
  const length = sender.report(octets);
  octets[SHARED_HEADER_OCTETS] = (octets[SHARED_HEADER_OCTETS] as number) ^ 1;
  assert.is(receiver.open(n, octets, length), 0);
  assert.is(receiver.counters.drops.authentication, 1);
});

test.run();
