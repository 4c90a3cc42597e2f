import { readFileSync } from "node:fs";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fromHex, type GoldenVector, parseGoldenVectors, toHex } from "../testing/golden.ts";
import { encodeUnreachable, UNREACHABLE_MAX_OCTETS } from "./icmp-unreachable.ts";
import { classifyIp, type IpClass, type IpRule } from "./ip-class.ts";
import { compressIp, decompressIp, IP_RULE_OCTETS } from "./ip-compression.ts";
import {
  createIpHeader,
  decodeIpHeader,
  decrementHopLimit,
  foldChecksum,
  IPV4_HEADER_OCTETS,
  sumOctets,
  transportChecksum,
} from "./ip-header.ts";
import {
  formatIpAddress,
  formatIpPrefix,
  parseCidr,
  parseIpAddress,
  parseIpPrefix,
  prefixCovers,
} from "./ip-prefix.ts";
import { meshAddressOf, meshIpv4Text, meshIpv6Text, writeMeshIp } from "./mesh-ip.ts";
import { clampTcpMss } from "./tcp-mss.ts";

const SOURCE = 0x0107;
const DESTINATION = 0x01fe;
const out = new Uint8Array(2048);
const back = new Uint8Array(2048);

function vectorsOf(format: string): GoldenVector[] {
  return parseGoldenVectors(readFileSync(new URL(`../../vectors/${format}.json`, import.meta.url), "utf8"), false);
}

interface PacketFields {
  family: 4 | 6;
  protocol: number;
  source: Uint8Array;
  destination: Uint8Array;
  trafficClass: number;
  hopLimit: number;
  flags: number;
  /** From the transport's header on; its checksum is put in place for UDP and TCP. */
  transport: Uint8Array;
}

/** A correct packet, as a kernel would write it. */
function makePacket(fields: PacketFields): Uint8Array {
  const { family, protocol, source, destination, trafficClass, hopLimit, flags, transport } = fields;
  const ipOctets = family === 6 ? 40 : 20;
  const packet = new Uint8Array(ipOctets + transport.length);
  const view = new DataView(packet.buffer);
  if (family === 6) {
    view.setUint16(0, 0x6000 | (trafficClass << 4));
    view.setUint16(4, transport.length);
    packet.set([protocol, hopLimit, ...source, ...destination], 6);
  } else {
    view.setUint16(0, 0x4500 | trafficClass);
    view.setUint16(2, packet.length);
    view.setUint16(6, flags);
    packet.set([hopLimit, protocol, 0, 0, ...source, ...destination], 8);
    view.setUint16(10, foldChecksum(sumOctets(packet, 0, 20, 0)));
  }
  packet.set(transport, ipOctets);
  const header = createIpHeader();
  if ((protocol === 17 || protocol === 6) && decodeIpHeader(packet, 0, packet.length, header)) {
    const at = ipOctets + (protocol === 17 ? 6 : 16);
    if (header.transportOffset >= 0 && at + 2 <= packet.length) {
      view.setUint16(at, 0);
      view.setUint16(at, transportChecksum(packet, header) || 0xffff);
    }
  }
  return packet;
}

function meshIp(address: number, family: 4 | 6): Uint8Array {
  const octets = new Uint8Array(family === 6 ? 16 : 4);
  writeMeshIp(address, family, octets, 0);
  return octets;
}

function udp(sourcePort: number, destinationPort: number, payload: Uint8Array): Uint8Array {
  const octets = new Uint8Array(8 + payload.length);
  const view = new DataView(octets.buffer);
  view.setUint16(0, sourcePort);
  view.setUint16(2, destinationPort);
  view.setUint16(4, octets.length);
  octets.set(payload, 8);
  return octets;
}

function voicePacket(change: Partial<PacketFields> = {}, ports: [number, number] = [5004, 5006]): Uint8Array {
  const rtp = Uint8Array.from({ length: 12 + 40 }, (_, i) => i);
  rtp[0] = 0x80;
  rtp[1] = 111;
  return makePacket({
    family: 6,
    protocol: 17,
    source: meshIp(SOURCE, change.family ?? 6),
    destination: meshIp(DESTINATION, change.family ?? 6),
    trafficClass: 0xb8,
    hopLimit: 64,
    flags: 0x4000,
    transport: udp(...ports, rtp),
    ...change,
  });
}

function compressed(packet: Uint8Array, source = SOURCE, destination = DESTINATION): Uint8Array {
  return out.slice(0, compressIp(packet, 0, packet.length, source, destination, out, 0));
}

function decompressed(octets: Uint8Array, source = SOURCE, destination = DESTINATION): Uint8Array {
  return back.slice(0, decompressIp(octets, 0, octets.length, source, destination, back, 0));
}

const familyArbitrary = fc.constantFrom<4 | 6>(4, 6);
const packetArbitrary = familyArbitrary.chain((family) => {
  const width = family === 6 ? 16 : 4;
  const address = fc.oneof(
    fc.constantFrom(SOURCE, DESTINATION, 0x0201).map((mesh) => meshIp(mesh, family)),
    fc.uint8Array({ minLength: width, maxLength: width }),
  );
  const payload = fc.uint8Array({ maxLength: 200 });
  const port = fc.nat(0xffff);
  return fc
    .record({
      family: fc.constant(family),
      protocol: fc.constantFrom(17, 17, 17, 6, 58, 1, 0),
      source: address,
      destination: address,
      trafficClass: fc.oneof(fc.constantFrom(0, 0xb8), fc.nat(255)),
      hopLimit: fc.oneof(fc.constant(64), fc.nat(255)),
      flags: fc.constantFrom(0x4000, 0x4000, 0, 0x2000, 0x00b9),
      ports: fc.oneof(
        fc.tuple(port, port),
        port.map((p) => [p, p] as [number, number]),
      ),
      payload,
    })
    .map(({ ports, payload: octets, ...rest }) =>
      makePacket({ ...rest, transport: rest.protocol === 17 ? udp(...ports, octets) : octets }),
    );
});

test("golden vectors: compressed packets", () => {
  const vectors = vectorsOf("ip-compression");
  assert.ok(vectors.length > 0);
  for (const { name, hex, value } of vectors) {
    const { source, destination, packet } = value as { source: number; destination: number; packet: Uint8Array };
    assert.is(toHex(compressed(packet, source, destination)), hex, name);
    assert.is(toHex(decompressed(fromHex(hex), source, destination)), toHex(packet), name);
  }
});

test("voice between two nodes takes five octets of headers, three with equal ports", () => {
  for (const family of [4, 6] as const) {
    const packet = voicePacket({ family });
    const headers = family === 6 ? 48 : 28;
    assert.is(compressed(packet).length, packet.length - headers + 5);
    assert.is(compressed(voicePacket({ family }, [5004, 5004])).length, packet.length - headers + 3);
  }
});

test("every packet comes back as it was, and grows by one octet at most", () => {
  fc.assert(
    fc.property(packetArbitrary, fc.constantFrom(SOURCE, 0x0201), fc.constantFrom(DESTINATION, 0), (packet, s, d) => {
      const octets = compressed(packet, s, d);
      assert.ok(octets.length <= packet.length + IP_RULE_OCTETS);
      assert.is(toHex(decompressed(octets, s, d)), toHex(packet));
    }),
    { numRuns: 1000 },
  );
});

test("TCP and ICMP between two nodes take two octets of IP", () => {
  for (const family of [4, 6] as const) {
    const ipOctets = family === 6 ? 40 : 20;
    for (const protocol of [1, 6, 50, 58]) {
      const packet = voicePacket({ family, protocol, trafficClass: 0, transport: new Uint8Array(24).fill(7) });
      assert.is(compressed(packet).length, packet.length - ipOctets + 2);
      assert.is(toHex(decompressed(compressed(packet))), toHex(packet));
    }
  }
});

test("a wrong checksum of UDP and a missing one arrive as they are", () => {
  const wrong = voicePacket();
  wrong[46] = (wrong[46] as number) ^ 1;
  const missing = voicePacket({ family: 4 });
  missing.set([0, 0], IPV4_HEADER_OCTETS + 6);
  for (const packet of [wrong, missing]) assert.is(toHex(decompressed(compressed(packet))), toHex(packet));
});

test("IPv4 that may be fragmented, has options or a wrong checksum goes whole", () => {
  const damaged = voicePacket({ family: 4 });
  damaged[10] = (damaged[10] as number) ^ 1;
  const options = voicePacket({ family: 4 });
  options[0] = 0x46;
  for (const packet of [voicePacket({ family: 4, flags: 0 }), damaged, options]) {
    assert.is(compressed(packet)[0], 0);
    assert.is(toHex(decompressed(compressed(packet))), toHex(packet));
  }
});

test("the flow label is what a compressed packet loses", () => {
  const packet = voicePacket();
  packet.set([packet[1]! | 0x0a, 0xbc, 0xde], 1);
  const there = decompressed(compressed(packet));
  assert.equal([...there.subarray(1, 4)], [packet[1]! & 0xf0, 0, 0]);
  assert.equal(there.subarray(4), packet.subarray(4));
});

test("nothing throws on random octets", () => {
  const header = createIpHeader();
  const into: IpClass = { trafficClass: 0, precedence: 0, critical: false };
  const rules: IpRule[] = [{ first: 1, last: 9, protocol: 17, trafficClass: 1, critical: true }];
  // A first octet that looks like something, so that more than the version is ever read.
  const first = fc.constantFrom(0x45, 0x60, 0x4f, 0x00, 0x80, 0xc0, 0xff);
  const octets = fc.tuple(first, fc.uint8Array({ maxLength: 120 })).map(([head, rest]) => Uint8Array.of(head, ...rest));
  fc.assert(
    fc.property(octets, fc.nat(255), fc.nat(255), (given, protocol, length) => {
      const version = (given[0] as number) >>> 4;
      if (version === 6 && given.length > 40) {
        given[4] = 0;
        given[5] = Math.min(length, given.length - 40);
        given[6] = protocol;
      } else if (version === 4 && given.length > 20) {
        given[2] = 0;
        given[3] = Math.min(length, given.length);
        given[9] = protocol;
      }
      decompressIp(given, 0, given.length, SOURCE, DESTINATION, back, 0);
      if (!decodeIpHeader(given, 0, given.length, header)) return;
      classifyIp(given, header, rules, into);
      encodeUnreachable(given, header, out);
      decrementHopLimit(given, header);
      clampTcpMss(given, header, 1280);
      assert.ok(decompressIp(given, 0, given.length, 0, 0, new Uint8Array(8), 0) <= 8);
    }),
    { numRuns: 5000 },
  );
});

test("extension headers are walked over to the ports", () => {
  const transport = udp(1000, 2000, new Uint8Array(4));
  const chain = Uint8Array.of(60, 0, 0, 0, 0, 0, 0, 0, 44, 1, ...new Array<number>(14).fill(0));
  const fragment = Uint8Array.of(17, 0, 0, 1, 0, 0, 0, 9);
  const packet = voicePacket({ protocol: 0, transport: Uint8Array.of(...chain, ...fragment, ...transport) });
  const header = createIpHeader();
  assert.ok(decodeIpHeader(packet, 0, packet.length, header));
  assert.is(header.protocol, 17);
  assert.equal([header.sourcePort, header.destinationPort, header.isFragment], [1000, 2000, true]);
  packet[40 + 24 + 3] = 8;
  assert.ok(decodeIpHeader(packet, 0, packet.length, header));
  assert.equal([header.sourcePort, header.transportOffset], [-1, -1], "a later fragment has no ports");
});

test("golden vectors: classes of packets", () => {
  const vectors = vectorsOf("ip-class");
  assert.ok(vectors.length > 0);
  const header = createIpHeader();
  for (const { name, hex, value } of vectors) {
    const { rules, expected } = value as { rules: IpRule[]; expected: IpClass };
    const into: IpClass = { trafficClass: 9, precedence: 9, critical: false };
    const packet = fromHex(hex);
    assert.ok(decodeIpHeader(packet, 0, packet.length, header), name);
    classifyIp(packet, header, rules, into);
    assert.equal(into, expected, name);
  }
});

function synPacket(family: 4 | 6, mss: number, lead: number[]): Uint8Array {
  const options = [...lead, 2, 4, mss >>> 8, mss & 0xff];
  while (options.length % 4 !== 0) options.push(0);
  const words = 5 + options.length / 4;
  const transport = Uint8Array.of(9, 9, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, words << 4, 2, 255, 255, 0, 0, 0, 0, ...options);
  return voicePacket({ family, protocol: 6, transport });
}

test("the segment size of a SYN is lowered and its checksum stays right", () => {
  const header = createIpHeader();
  for (const family of [4, 6] as const) {
    // With one octet of padding the value lies across two words of the checksum.
    for (const lead of [[], [1], [1, 3, 3, 7]]) {
      const packet = synPacket(family, 1460, lead);
      assert.ok(decodeIpHeader(packet, 0, packet.length, header));
      assert.ok(clampTcpMss(packet, header, 1280));
      assert.is(transportChecksum(packet, header), 0);
      assert.not(clampTcpMss(packet, header, 1280), "it is low enough now");
      const at = header.transportOffset + 20 + lead.length + 2;
      assert.is(((packet[at] as number) << 8) | (packet[at + 1] as number), family === 6 ? 1220 : 1240);
    }
  }
});

test("one hop less, the checksum of IPv4 stays right, a last hop is left", () => {
  const header = createIpHeader();
  const packet = voicePacket({ family: 4, hopLimit: 2 });
  assert.ok(decodeIpHeader(packet, 0, packet.length, header));
  decrementHopLimit(packet, header);
  assert.is(packet[8], 1);
  assert.is(foldChecksum(sumOctets(packet, 0, 20, 0)), 0);
  decrementHopLimit(packet, header);
  assert.is(packet[8], 1);
});

test("unreachable: right checksums, quotes the packet, never answers an error or a group", () => {
  const header = createIpHeader();
  const answer = createIpHeader();
  const room = new Uint8Array(UNREACHABLE_MAX_OCTETS);
  for (const family of [4, 6] as const) {
    const packet = voicePacket({ family });
    assert.ok(decodeIpHeader(packet, 0, packet.length, header));
    const length = encodeUnreachable(packet, header, room);
    assert.ok(decodeIpHeader(room, 0, length, answer));
    assert.equal(
      room.slice(answer.destinationOffset, answer.destinationOffset + 4),
      meshIp(SOURCE, family).slice(0, 4),
    );
    if (family === 6) assert.is(transportChecksum(room, answer), 0);
    else assert.is(foldChecksum(sumOctets(room, 20, length, 0)), 0);
    assert.is(encodeUnreachable(room, answer, new Uint8Array(UNREACHABLE_MAX_OCTETS)), 0, "no error about errors");
    const group = voicePacket({ family, destination: parseIpAddress(family === 6 ? "ff05::1" : "239.2.3.1")! });
    assert.ok(decodeIpHeader(group, 0, group.length, header));
    assert.is(encodeUnreachable(group, header, room), 0);
  }
});

test("addresses and networks in text", () => {
  for (const text of [
    "10.115.1.7",
    "fd73:6b65:696e::107",
    "::",
    "::1",
    "1::",
    "1:2:3:4:5:6:7:8",
    "2001:db8::1:0:0:1",
  ]) {
    assert.is(formatIpAddress(parseIpAddress(text)!), text);
  }
  for (const text of [
    "",
    "1.2.3",
    "1.2.3.256",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "g::",
    "12345::",
    "::1%a",
  ]) {
    assert.is(parseIpAddress(text), undefined, text);
  }
  assert.is(formatIpPrefix(parseIpPrefix("10.9.0.0/15") ?? parseIpPrefix("10.8.0.0/15")!), "10.8.0.0/15");
  assert.is(formatIpPrefix(parseIpPrefix("2001:db8::/46")!), "2001:db8::/46");
  assert.is(parseIpPrefix("10.9.0.1/24"), undefined, "bits behind the length");
  assert.is(parseCidr("10.9.0.1/33"), undefined);
  assert.is(parseCidr("10.9.0.1")?.lengthBits, 32);
  assert.is(meshIpv6Text(SOURCE), formatIpAddress(meshIp(SOURCE, 6)));
  assert.is(meshIpv4Text(SOURCE), formatIpAddress(meshIp(SOURCE, 4)));
});

test("a network covers its own addresses and no others", () => {
  const prefix = parseIpPrefix("10.8.0.0/13")!;
  assert.ok(prefixCovers(prefix, parseIpAddress("10.15.255.255")!, 0));
  assert.not(prefixCovers(prefix, parseIpAddress("10.16.0.0")!, 0));
  assert.ok(prefixCovers(parseIpPrefix("0.0.0.0/0")!, parseIpAddress("1.2.3.4")!, 0));
});

test("implicit addresses and mesh addresses belong together", () => {
  fc.assert(
    fc.property(fc.nat(254), fc.integer({ min: 1, max: 254 }), familyArbitrary, (area, local, family) => {
      const address = (area << 8) | local;
      assert.is(meshAddressOf(meshIp(address, family), 0, family), address);
    }),
  );
  assert.is(meshAddressOf(parseIpAddress("10.115.1.255")!, 0, 4), 0);
  assert.is(meshAddressOf(parseIpAddress("10.114.1.1")!, 0, 4), 0);
});

test.run();
