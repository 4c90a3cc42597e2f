import {
  createDataHeader,
  createRepair,
  DATA_FLAG_REPAIR,
  encodeNarrowDataHeader,
  encodeRepair,
  encodeWideDataHeader,
  FrameKind,
  type Repair,
  SealFormat,
  SHARED_HEADER_OCTETS,
} from "@skein/codecs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ForwardingLoopWatcher } from "./forwarding-loop.ts";

const ADDRESSES = [0x10b, 0x10c, 0x10d, 0x10e];
const [A, B, C, D] = [0, 1, 2, 3] as const;

/** Feeds the watcher one transmission on a shared radio. */
function hop(
  watcher: ForwardingLoopWatcher,
  nowUs: number,
  from: number,
  next: number,
  potential: number,
  sequence = 1,
  repair?: Repair,
  nextHopArea = -1,
): void {
  const octets = new Uint8Array(64);
  octets[0] = SealFormat.shared << 6;
  const header = {
    ...createDataHeader(),
    kind: FrameKind.unicast,
    nextHop: (ADDRESSES[next] as number) & 0xff,
    source: 0x010b,
  };
  const flags = repair === undefined ? 0 : DATA_FLAG_REPAIR;
  const given = { ...header, nextHopArea, destination: 0x010e, potential, sequence, flags };
  const body = SHARED_HEADER_OCTETS + encodeWideDataHeader(given, true, octets, SHARED_HEADER_OCTETS);
  if (repair !== undefined) encodeRepair(repair, octets, body);
  watcher.transmitted(nowUs, from, -1, octets, octets.length);
}

test("a path, a repetition and a detour are no loops", () => {
  const watcher = new ForwardingLoopWatcher(ADDRESSES);
  hop(watcher, 0, A, B, 300);
  hop(watcher, 30_000, A, B, 300);
  hop(watcher, 60_000, A, C, 300);
  hop(watcher, 70_000, C, D, 100);
  hop(watcher, 80_000, B, D, 100);
  assert.equal(watcher.loops, []);
  assert.is(watcher.packets, 1);
});

test("a copy that comes back and is refused is no loop", () => {
  const watcher = new ForwardingLoopWatcher(ADDRESSES);
  hop(watcher, 0, A, B, 300);
  hop(watcher, 1_000, B, A, 200);
  hop(watcher, 2_000, A, B, 300);
  assert.equal(watcher.loops, []);
});

test("what came over a narrow bearer may be said again after a copy has come back, and no more than that", () => {
  const watcher = new ForwardingLoopWatcher(ADDRESSES);
  hop(watcher, 0, B, C, 300);
  hop(watcher, 1_000, C, B, 200);
  hop(watcher, 30_000, B, C, 300);
  assert.equal(watcher.loops, []);
  hop(watcher, 31_000, B, D, 301);
  assert.match(watcher.loops[0] ?? "", /node 1 sends it up to/);
});

test("who is given a copy by a narrow frame may begin anew with it, nobody else", () => {
  const after = (sequence: number, next: number, isFirst = false): readonly string[] => {
    const watcher = new ForwardingLoopWatcher(ADDRESSES);
    const byRadio = (): void => {
      hop(watcher, 1_000, A, B, 300);
      hop(watcher, 2_000, B, C, 200);
    };
    if (!isFirst) byRadio();
    const octets = new Uint8Array(40);
    octets[0] = SealFormat.shared << 6;
    const header = { ...createDataHeader(), kind: FrameKind.unicast, source: 0x010b, destination: 0x010e };
    const given = { ...header, nextHop: (ADDRESSES[next] as number) & 0xff, sequence, potential: 250 };
    encodeNarrowDataHeader(given, octets, SHARED_HEADER_OCTETS);
    watcher.transmittedNarrow(isFirst ? 0 : 2_500, D, octets, octets.length);
    if (isFirst) byRadio();
    hop(watcher, 3_000, C, D, 240);
    return watcher.loops;
  };
  assert.equal(after(1, C), []);
  assert.equal(after(1, C, true), []);
  assert.is(after(1, D, true).length, 1);
  assert.is(after(1, D).length, 1);
  assert.is(after(2, C).length, 1);
});

test("who overhears a packet may send it on as it was, also after it was given one under repair", () => {
  const route = { ...createRepair(), failureCount: 1, routeLength: 1 };
  const sends = (potential: number, repair?: Repair): readonly string[] => {
    const watcher = new ForwardingLoopWatcher(ADDRESSES);
    hop(watcher, 0, A, B, 300);
    hop(watcher, 1_000, B, C, 3, 1, route);
    hop(watcher, 2_000, C, D, potential, 1, repair);
    return watcher.loops;
  };
  assert.equal(sends(290), []);
  assert.match(sends(301)[0] ?? "", /node 2 sends it up/);
  assert.match(sends(4, { ...route, failureCount: 0 })[0] ?? "", /node 2 sends it up/);
});

test("who overhears a packet may put it under repair once, whatever copy under repair it is given", () => {
  const found = (by: number): Repair => {
    const repair = { ...createRepair(), failureCount: 1, routeLength: 1 };
    repair.failures.set([(ADDRESSES[by] as number) & 0xff, 99]);
    return repair;
  };
  const repairs = (first: Repair, ...more: Repair[]): readonly string[] => {
    const watcher = new ForwardingLoopWatcher(ADDRESSES);
    hop(watcher, 0, A, B, 300);
    hop(watcher, 1_000, B, C, 3, 1, found(B));
    for (const [i, repair] of [first, ...more].entries()) hop(watcher, 2_000 + i, C, B, 3, 1, repair);
    return watcher.loops;
  };
  assert.equal(repairs(found(C)), []);
  assert.equal(repairs(found(C), found(C)), [], "a repetition");
  assert.match(repairs(found(B))[0] ?? "", /node 2 sends it up/, "what it was given, with nothing added");
  const further = { ...found(C), routeLength: 2 };
  assert.match(repairs(found(C), further)[0] ?? "", /node 2 sends it up/, "with more of a way than it had before");
});

test("nodes of two areas with the same local id are two", () => {
  const sends = (from: number): readonly string[] => {
    const watcher = new ForwardingLoopWatcher([...ADDRESSES, 0x20c]);
    hop(watcher, 0, A, B, 300);
    // To the node of the other area that has the local id of B.
    hop(watcher, 1_000, A, B, 500, 1, undefined, 2);
    hop(watcher, 2_000, from, C, 400);
    return watcher.loops;
  };
  assert.equal(sends(4), []);
  assert.match(sends(B)[0] ?? "", /node 1 sends it up/);
});

test("a packet to another area that takes a detour may pass a node again, in its stage it may not", () => {
  const returns = (from: number, back: number, again: number): ForwardingLoopWatcher => {
    const watcher = new ForwardingLoopWatcher(ADDRESSES);
    hop(watcher, 0, A, B, 0xc3_0300);
    hop(watcher, 1_000, B, C, from);
    hop(watcher, 2_000, C, B, back);
    hop(watcher, 3_000, B, D, again);
    return watcher;
  };
  // B itself takes the detour, or C does.
  assert.equal(returns(0xc2_0300, 0xc2_0200, 0x82_0300).loops, []);
  const watcher = returns(0xc2_0300, 0x82_0200, 0x82_0100);
  assert.equal(watcher.loops, []);
  hop(watcher, 4_000, D, B, 0x82_0080);
  hop(watcher, 5_000, B, C, 0x82_0040);
  assert.match(watcher.loops[0] ?? "", /node 1 forwards it again, to 2/);
  assert.match(returns(0xc2_0300, 0xc2_0200, 0xc2_0100).loops[0] ?? "", /node 1 forwards it again, to 3/);
});

test("a repetition is none, also after another copy has come", () => {
  const watcher = new ForwardingLoopWatcher(ADDRESSES);
  hop(watcher, 0, A, B, 300);
  // C does not know yet that it cannot get on; B hears no answer and begins anew.
  hop(watcher, 1_000, B, C, 107);
  hop(watcher, 2_000, C, B, 106);
  hop(watcher, 3_000, C, B, 106);
  hop(watcher, 4_000, B, C, 107);
  hop(watcher, 5_000, C, B, 106);
  assert.equal(watcher.loops, []);
  hop(watcher, 6_000, B, D, 100);
  assert.match(watcher.loops[0] ?? "", /node 1 forwards it again, to 3/);
});

test("a source that has no answer sends its packet another way, also after a copy has come back to it", () => {
  const watcher = new ForwardingLoopWatcher(ADDRESSES);
  hop(watcher, 0, A, B, 0xc1_0025);
  hop(watcher, 15_000, A, B, 0xc1_0025);
  hop(watcher, 20_000, B, A, 0xc1_0024);
  hop(watcher, 21_000, A, C, 0xc1_0014);
  assert.equal(watcher.loops, []);
});

test("planted: a node that forwards what came back is seen", () => {
  const watcher = new ForwardingLoopWatcher(ADDRESSES);
  hop(watcher, 0, A, B, 300);
  hop(watcher, 1_000, B, C, 200);
  hop(watcher, 2_000, C, D, 150);
  hop(watcher, 3_000, D, B, 140);
  assert.equal(watcher.loops, []);
  hop(watcher, 4_000, B, C, 120);
  assert.is(watcher.loops.length, 1);
  assert.match(watcher.loops[0] ?? "", /node 1 forwards it again, to 2/);
});

test("planted: a node that sends something up is seen", () => {
  const watcher = new ForwardingLoopWatcher(ADDRESSES);
  hop(watcher, 0, A, B, 300);
  hop(watcher, 1_000, B, C, 299);
  assert.equal(watcher.loops, []);
  hop(watcher, 2_000, C, D, 299);
  assert.match(watcher.loops[0] ?? "", /node 2 sends it up/);
});

test("another packet, or the same number much later, starts afresh", () => {
  const watcher = new ForwardingLoopWatcher(ADDRESSES);
  hop(watcher, 0, A, B, 300);
  hop(watcher, 1_000, B, A, 200);
  hop(watcher, 2_000, A, B, 100, 2);
  hop(watcher, 60_000_000, A, B, 100);
  assert.equal(watcher.loops, []);
  assert.is(watcher.packets, 3);
});

test.run();
