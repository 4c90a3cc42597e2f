import {
  createIpHeader,
  decodeIpHeader,
  foldChecksum,
  IpProtocol,
  sumOctets,
  transportChecksum,
  writeU16,
  writeU32,
} from "@skein/codecs";
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Coalescer } from "./coalescer.ts";
import { Segmenter } from "./segmenter.ts";
import { createVirtioHeader, GsoType, readVirtioHeader, VIRTIO_HEADER_OCTETS } from "./virtio-header.ts";

const test = suite("offload");
const MTU_OCTETS = 1280;
const ACK = 0x10;
const PSH = 0x08;
const FIN = 0x01;

interface Draft {
  readonly family: 4 | 6;
  readonly isTcp: boolean;
  readonly port: number;
  readonly sequence: number;
  readonly payloadOctets: number;
  readonly flags?: number;
  readonly identification?: number;
  readonly mayFragment?: boolean;
  /** Octets of TCP options, a multiple of 4. */
  readonly options?: number;
}

/** A packet of a flow, its payload told by its sequence. */
function packetOf(draft: Draft): Uint8Array {
  const { family, isTcp, port, sequence, payloadOctets, flags = ACK, identification = 0, options = 0 } = draft;
  const ip = family === 6 ? 40 : 20;
  const transport = isTcp ? 20 + options : 8;
  const packet = new Uint8Array(ip + transport + payloadOctets);
  const protocol = isTcp ? IpProtocol.tcp : IpProtocol.udp;
  if (family === 6) {
    packet[0] = 0x60;
    writeU16(packet, 4, transport + payloadOctets);
    packet[6] = protocol;
    packet[7] = 64;
    packet.fill(0x11, 8, 24);
    packet.fill(0x22, 24, 40);
  } else {
    packet[0] = 0x45;
    writeU16(packet, 2, packet.length);
    writeU16(packet, 4, identification);
    writeU16(packet, 6, draft.mayFragment ? 0 : 0x4000);
    packet[8] = 64;
    packet[9] = protocol;
    packet.set([10, 0, 0, 1, 10, 0, 0, 2], 12);
    writeU16(packet, 10, foldChecksum(sumOctets(packet, 0, 20, 0)));
  }
  writeU16(packet, ip, port);
  writeU16(packet, ip + 2, 7000);
  if (isTcp) {
    writeU32(packet, ip + 4, sequence);
    packet[ip + 12] = (transport / 4) << 4;
    packet[ip + 13] = flags;
    writeU16(packet, ip + 14, 500);
    packet.fill(1, ip + 20, ip + transport);
  } else writeU16(packet, ip + 4, 8 + payloadOctets);
  for (let i = 0; i < payloadOctets; i++) packet[ip + transport + i] = (sequence + i) * 7;
  const header = createIpHeader();
  assert.ok(decodeIpHeader(packet, 0, packet.length, header));
  const sum = transportChecksum(packet, header);
  writeU16(packet, ip + (isTcp ? 16 : 6), sum === 0 ? 0xffff : sum);
  return packet;
}

interface Written {
  readonly octets: Uint8Array;
  readonly packets: number;
}

function coalesce(packets: Uint8Array[]): Written[] {
  const written: Written[] = [];
  const coalescer = new Coalescer((octets, length, count) => {
    written.push({ octets: octets.slice(0, length), packets: count });
    return true;
  });
  for (const packet of packets) coalescer.add(Uint8Array.of(9, 9, ...packet), 2, packet.length);
  coalescer.flush();
  return written;
}

function segment(written: Written[]): Uint8Array[] {
  const packets: Uint8Array[] = [];
  const segmenter = new Segmenter(MTU_OCTETS);
  for (const { octets } of written) {
    const good = segmenter.each(octets, 0, octets.length, (packet, offset, length) => {
      packets.push(packet.slice(offset, offset + length));
    });
    assert.ok(good);
  }
  return packets;
}

function run(family: 4 | 6, isTcp: boolean, count: number, last: Partial<Draft> = {}): Uint8Array[] {
  return Array.from({ length: count }, (_, i) =>
    packetOf({
      family,
      isTcp,
      port: 5000,
      sequence: 0xffff_f000 + i * 1000,
      payloadOctets: 1000,
      identification: 77 + i,
      ...(i === count - 1 ? last : {}),
    }),
  );
}

for (const family of [4, 6] as const) {
  for (const isTcp of [true, false]) {
    test(`a run of ${isTcp ? "TCP" : "UDP"} over IPv${family} becomes one, and comes apart as it was`, () => {
      const packets = run(family, isTcp, 10, { payloadOctets: 300, ...(isTcp ? { flags: ACK | PSH } : {}) });
      const written = coalesce(packets);
      assert.equal(
        written.map((w) => w.packets),
        [10],
      );
      const header = createVirtioHeader();
      readVirtioHeader((written[0] as Written).octets, 0, header);
      assert.ok(header.needsSum);
      assert.is(header.segmentOctets, 1000);
      assert.is(header.gsoType, isTcp ? (family === 6 ? GsoType.tcpv6 : GsoType.tcpv4) : GsoType.udp);
      assert.equal(segment(written), packets);
    });
  }
}

test("what stands for the checksum of several is the sum of their pseudo-header", () => {
  const { octets } = coalesce(run(6, true, 3))[0] as Written;
  const at = VIRTIO_HEADER_OCTETS;
  const length = octets.length - at - 40;
  const pseudo = sumOctets(octets, at + 8, at + 40, IpProtocol.tcp + length);
  assert.is(((octets[at + 56] as number) << 8) | (octets[at + 57] as number), ~foldChecksum(pseudo) & 0xffff);
});

test("what must stay apart stays apart, in order", () => {
  const base: Draft = { family: 6, isTcp: true, port: 1, sequence: 0, payloadOctets: 100 };
  const next = { ...base, sequence: 100 };
  const apart: [string, Draft, Draft][] = [
    ["another flow", base, { ...next, port: 2 }],
    ["a gap", base, { ...next, sequence: 200 }],
    ["a longer one", base, { ...next, payloadOctets: 101 }],
    ["behind a shorter one", { ...base, payloadOctets: 99 }, { ...next, sequence: 99 }],
    ["behind a push", { ...base, flags: ACK | PSH }, next],
    ["the end of a connection", base, { ...next, flags: ACK | FIN }],
    ["no payload", base, { ...next, payloadOctets: 0 }],
    ["other options", base, { ...next, options: 12 }],
    ["another protocol", base, { ...next, isTcp: false }],
    ["IPv4 that may be cut", { ...base, family: 4, mayFragment: true }, { ...next, family: 4, mayFragment: true }],
    ["another family", base, { ...next, family: 4 }],
  ];
  for (const [what, one, two] of apart) {
    const packets = [packetOf(one), packetOf(two)];
    const written = coalesce(packets);
    assert.is(written.length, 2, what);
    assert.equal(segment(written), packets, what);
  }
});

test("a packet whose checksum is wrong or missing goes alone and unchanged, first or second", () => {
  for (const isTcp of [true, false]) {
    for (const bad of [0, 1]) {
      const packets = run(4, isTcp, 2);
      const at = 20 + (isTcp ? 16 : 6);
      (packets[bad] as Uint8Array)[at] = ((packets[bad] as Uint8Array)[at] as number) ^ 1;
      const written = coalesce(packets);
      assert.is(written.length, 2);
      assert.equal(segment(written), packets);
    }
  }
  const without = run(4, false, 2);
  for (const packet of without) packet.fill(0, 26, 28);
  assert.equal(segment(coalesce(without)), without);
});

test("a kernel that takes no joined UDP gets none", () => {
  const lengths: number[] = [];
  const coalescer = new Coalescer((_, __, packets) => {
    lengths.push(packets);
    return true;
  });
  coalescer.leaveUdpAlone();
  for (const packet of run(6, false, 3)) coalescer.add(packet, 0, packet.length);
  coalescer.flush();
  assert.equal(lengths, [1, 1, 1]);
});

test("an unfinished checksum is finished", () => {
  for (const isTcp of [true, false]) {
    const [packet] = run(6, isTcp, 1) as [Uint8Array];
    const raw = new Uint8Array(VIRTIO_HEADER_OCTETS + packet.length);
    raw.set(packet, VIRTIO_HEADER_OCTETS);
    const sumAt = isTcp ? 16 : 6;
    raw.set([1, 0, 0, 0, 0, 0, 40, 0, sumAt, 0]);
    const pseudo = sumOctets(packet, 8, 40, (isTcp ? IpProtocol.tcp : IpProtocol.udp) + packet.length - 40);
    writeU16(raw, VIRTIO_HEADER_OCTETS + 40 + sumAt, ~foldChecksum(pseudo) & 0xffff);
    assert.equal(segment([{ octets: raw, packets: 1 }]), [packet]);
  }
});

test("any packets come out as they went in", () => {
  const draft = fc.record({
    port: fc.constantFrom(1, 1, 1, 2),
    isTcp: fc.boolean(),
    family: fc.constantFrom(4 as const, 6 as const),
    gap: fc.constantFrom(0, 0, 0, 5),
    payloadOctets: fc.constantFrom(0, 1, 500, 500, 500, 1000),
    flags: fc.constantFrom(ACK, ACK, ACK, ACK | PSH, ACK | FIN),
  });
  fc.assert(
    fc.property(fc.array(draft), (drafts) => {
      const next = new Map<string, number>();
      const packets = drafts.map(({ gap, ...rest }, i) => {
        const flow = `${rest.family} ${rest.isTcp} ${rest.port}`;
        const sequence = (next.get(flow) ?? 0) + gap;
        next.set(flow, sequence + rest.payloadOctets);
        return packetOf({ ...rest, sequence, identification: i });
      });
      assert.equal(segment(coalesce(packets)), packets);
    }),
    { numRuns: 300 },
  );
});

test("octets that no kernel would give do no harm", () => {
  const segmenter = new Segmenter(MTU_OCTETS);
  const joined = (coalesce(run(4, true, 4))[0] as Written).octets;
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(70), fc.nat(255)), { maxLength: 6 }),
      fc.nat(joined.length),
      (changes, length) => {
        const octets = joined.slice();
        for (const [at, value] of changes) octets[at] = value;
        segmenter.each(octets, 0, length, (packet, offset, packetOctets) => {
          assert.ok(offset + packetOctets <= packet.length);
        });
      },
    ),
    { numRuns: 2000 },
  );
});

test.run();
