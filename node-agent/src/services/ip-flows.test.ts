import { createIpHeader, decodeIpHeader } from "@skein/codecs";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { TrafficClass } from "../core/api.ts";
import { IpFlows } from "./ip-flows.ts";

const { voice, video, bulk } = TrafficClass;
const TCP = 6;
const UDP = 17;

/** An IPv4 packet whose header is all that is looked at. */
function packet(payload: Uint8Array, { ports = [40_001, 50_001], protocol = UDP } = {}): Uint8Array {
  const octets = new Uint8Array(28 + payload.length);
  const view = new DataView(octets.buffer);
  view.setUint8(0, 0x45);
  view.setUint16(2, octets.length);
  view.setUint8(9, protocol);
  octets.set([10, 1, 0, 1, 10, 2, 0, 1], 12);
  view.setUint16(20, ports[0] as number);
  view.setUint16(22, ports[1] as number);
  view.setUint16(24, 8 + payload.length);
  octets.set(payload, 28);
  return octets;
}

/** Classes that a flow's packets are given, with the gaps and octets that `next` says. */
function classesOf(
  packets: number,
  next: (n: number) => { gapUs: number; payload: Uint8Array },
  options?: Parameters<typeof packet>[1],
  flows = new IpFlows(),
): TrafficClass[] {
  const header = createIpHeader();
  let nowUs = 5_000_000;
  return Array.from({ length: packets }, (_, n) => {
    const { gapUs, payload } = next(n);
    const octets = packet(payload, options);
    nowUs += gapUs;
    assert.ok(decodeIpHeader(octets, 0, octets.length, header));
    return flows.recognise(nowUs, octets, header);
  });
}

/** Octets that look like nothing, as encrypted ones do. */
function noise(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => Math.imul(i + 1, 2_654_435_761 + seed) >>> 24);
}

function rtp(sequence: number, length: number): Uint8Array {
  const payload = noise(length, sequence);
  payload.set([0x80, 96, (sequence >>> 8) & 0xff, sequence & 0xff]);
  return payload;
}

test("small packets at a steady pace are a call within a third of a second, encrypted or not", () => {
  const call = classesOf(100, (n) => ({ gapUs: 20_000 + (n % 3) * 2_000, payload: noise(110, n) }));
  assert.equal(new Set(call.slice(16)), new Set([voice]));
  const packets = call.indexOf(voice);
  assert.ok(packets * 20_000 < 333_000, `${packets}`);
});

test("a call stays one across pauses", () => {
  const call = classesOf(200, (n) => ({ gapUs: n % 50 === 0 ? 3_000_000 : 20_000, payload: noise(80, n) }));
  assert.equal(new Set(call.slice(16)), new Set([voice]));
});

test("large RTP packets in order are video, and so is an MPEG transport stream", () => {
  const frames = classesOf(100, (n) => ({ gapUs: n % 5 === 0 ? 40_000 : 300, payload: rtp(65_500 + n, 1100) }));
  assert.equal(new Set(frames.slice(16)), new Set([video]));
  const cells = classesOf(100, (n) => {
    const payload = noise(7 * 188, n);
    for (let at = 0; at < payload.length; at += 188) payload[at] = 0x47;
    return { gapUs: 5_000, payload };
  });
  assert.equal(new Set(cells.slice(16)), new Set([video]));
});

test("downloads, short questions and TCP are bulk", () => {
  const download = classesOf(300, (n) => ({ gapUs: 500, payload: noise(1200, n) }));
  const questions = classesOf(300, (n) => ({
    gapUs: (Math.imul(n, 2_654_435_761) >>> 0) % 300_000,
    payload: noise(60, n),
  }));
  const flood = classesOf(300, (n) => ({ gapUs: 1_000, payload: noise(60, n) }));
  const tcp = classesOf(300, (n) => ({ gapUs: 20_000, payload: noise(60, n) }), { protocol: TCP });
  for (const classes of [download, flood, tcp]) assert.equal(new Set(classes), new Set([bulk]));
  assert.ok(questions.filter((c) => c !== bulk).length < 30, "they may keep a pace by chance");
});

test("a flow that changes is judged anew", () => {
  const classes = classesOf(200, (n) =>
    n < 100 ? { gapUs: 20_000, payload: noise(80, n) } : { gapUs: 500, payload: noise(1200, n) },
  );
  assert.is(classes[99], voice);
  assert.equal(new Set(classes.slice(130)), new Set([bulk]));
});

test("flows do not disturb each other, and those for which there is no place are bulk", () => {
  const flows = new IpFlows();
  const step = (port: number, n: number): TrafficClass =>
    classesOf(
      1,
      () => ({ gapUs: n * 20_000, payload: noise(80, n) }),
      { ports: [port, 9999] },
      flows,
    )[0] as TrafficClass;
  for (let n = 0; n < 30; n++) for (let port = 1; port <= 100; port++) step(port, n);
  const calls = Array.from({ length: 100 }, (_, i) => step(i + 1, 30)).filter((c) => c === voice).length;
  assert.ok(calls >= 95, `${calls}`);
  let judged = 0;
  for (let n = 31; n < 50; n++) {
    judged = 0;
    for (let port = 1; port <= 3000; port++) if (step(port, n) === voice) judged++;
  }
  assert.ok(judged >= 95 && judged <= 512, `${judged}`);
});

test("rubbish is a class of its own never, and never an exception", () => {
  const flows = new IpFlows();
  const header = createIpHeader();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(1e6), (payload, gapUs) => {
      const octets = packet(payload);
      assert.ok(decodeIpHeader(octets, 0, octets.length, header));
      assert.ok(flows.recognise(gapUs, octets, header) <= bulk);
    }),
    { numRuns: 2000 },
  );
});

test.run();
