import { readFileSync } from "node:fs";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { IpPrefix } from "../ip/ip-prefix.ts";
import { fromHex, type GoldenVector, parseGoldenVectors, toHex } from "../testing/golden.ts";
import { type AreaRoute, MAX_AREA_HOPS, membersOf } from "./area-route.ts";
import {
  createDataHeader,
  DATA_FLAG_ENDS,
  type DataHeader,
  decodeNarrowDataHeader,
  decodeWideDataHeader,
  encodeNarrowDataHeader,
  encodeWideDataHeader,
  flowPotential,
  narrowPotential,
} from "./data-header.ts";
import { decodeLabelOffer, encodeLabelOffer, type LabelOffer } from "./flow-label.ts";
import { decodeFragmentHeader, encodeFragmentHeader, type FragmentHeader } from "./fragment.ts";
import { createHello, decodeHello, encodeHello, type Hello } from "./hello.ts";
import { decodeLinkSet, encodeLinkSet, linkSetOctets } from "./link-set.ts";
import {
  type Advertisement,
  advertisementOctets,
  type Delta,
  decodeAdvertisement,
  decodeDelta,
  encodeAdvertisement,
  encodeDelta,
  type LinkStateLink,
} from "./link-state.ts";
import { decodeLinkVector, encodeLinkVector, type LinkVector, VECTOR_GONE } from "./link-vector.ts";
import { createNarrowHello, decodeNarrowHello, encodeNarrowHello, type NarrowHello } from "./narrow-hello.ts";
import {
  compareSummaries,
  createNarrowPull,
  decodeNarrowPull,
  encodeNarrowPull,
  type NarrowPull,
  pullSummary,
} from "./narrow-pull.ts";
import {
  createParityHeader,
  decodeParityHeader,
  encodeParityHeader,
  encodeSymbol,
  PARITY_HEADER_OCTETS,
  type ParityHeader,
} from "./parity.ts";
import { decodeSuspicion, encodeSuspicion, type PathSuspicion } from "./path-suspicion.ts";
import { decodePull, encodePull, type Pull } from "./pull.ts";
import { createRepair, decodeRepair, encodeRepair, repairOctets } from "./repair.ts";
import { decodeReport, encodeReport, type Report } from "./report.ts";

const out = new Uint8Array(2048);

function vectorsOf(format: string): GoldenVector[] {
  const vectors = parseGoldenVectors(
    readFileSync(new URL(`../../vectors/${format}.json`, import.meta.url), "utf8"),
    false,
  );
  assert.ok(vectors.length > 0, format);
  return vectors;
}

/** Checks the vectors of a format whose value is exactly what the decoder returns. */
function golden<T>(format: string, encode: (value: T) => number, decode: (octets: Uint8Array) => T | undefined): void {
  test(`golden vectors: ${format}`, () => {
    for (const { name, hex, value } of vectorsOf(format)) {
      assert.equal(decode(fromHex(hex)), value, name);
      assert.is(toHex(out, encode(value as T)), hex, name);
    }
  });
}

golden<Delta>(
  "link-state-delta",
  (v) => encodeDelta(v, out, 0),
  (o) => decodeDelta(o, 0, o.length),
);
golden<Advertisement>(
  "link-state-advertisement",
  (v) => encodeAdvertisement(v, out, 0),
  (o) => decodeAdvertisement(o, 0, o.length),
);
golden<ParityHeader & { parity: Uint8Array }>(
  "parity",
  (v) => {
    const length = encodeParityHeader(v, out, 0);
    out.set(v.parity, length);
    return length + v.parity.length;
  },
  (o) => {
    const header = createParityHeader();
    if (!decodeParityHeader(o, 0, o.length, header)) return undefined;
    return { ...header, parity: o.slice(PARITY_HEADER_OCTETS) };
  },
);
golden<{ header: DataHeader; ends: boolean; payload: Uint8Array }>(
  "parity-symbol",
  (v) => encodeSymbol(v.header, v.ends, v.payload, 0, v.payload.length, out, 0),
  (o) => {
    const header = createDataHeader();
    const body = 2 + decodeWideDataHeader(o, 2, o.length, false, header);
    const ends = header.flags === DATA_FLAG_ENDS;
    header.flags = 0;
    return { header, ends, payload: o.slice(body) };
  },
);

test("parity without members, of an impossible row, or without a source is refused", () => {
  const good = { source: 0x101, first: 7, membersLow: 1, membersHigh: 0, potential: 9, row: 0 };
  const into = createParityHeader();
  const read = (header: ParityHeader, parity = 3): boolean => {
    const length = encodeParityHeader(header, out, 0) + parity;
    return decodeParityHeader(out, 0, length, into);
  };
  assert.ok(read(good));
  assert.not.ok(read({ ...good, membersLow: 0 }));
  assert.ok(read({ ...good, membersLow: 0, membersHigh: 1 }));
  assert.not.ok(read({ ...good, row: 16 }));
  assert.not.ok(read({ ...good, source: 0 }));
  assert.not.ok(read(good, 2));
});
golden<Pull>(
  "pull",
  (v) => encodePull(v, out, 0),
  (o) => decodePull(o, 0, o.length),
);
golden<LabelOffer>(
  "flow-label",
  (v) => encodeLabelOffer(v, out, 0),
  (o) => decodeLabelOffer(o, 0, o.length),
);
golden<Report>(
  "report",
  (v) => encodeReport(v, out, 0),
  (o) => {
    const report: Report = { target: 0, area: -1, slot: 0, highestLow: 0, bitmap: 0, arrival: -1 };
    return decodeReport(o, 0, o.length, report) ? report : undefined;
  },
);
golden<PathSuspicion>(
  "path-suspicion",
  (v) => encodeSuspicion(v, out, 0),
  (o) => {
    const suspicion: PathSuspicion = { target: 0, bearerId: 0, highestLow: 0 };
    return decodeSuspicion(o, 0, o.length, suspicion) ? suspicion : undefined;
  },
);
golden<{ generation: number; searchHops: number; failures: number[]; route: number[] }>(
  "repair",
  (v) => {
    const repair = createRepair();
    Object.assign(repair, { generation: v.generation, searchHops: v.searchHops });
    repair.failureCount = v.failures.length / 2;
    repair.failures.set(v.failures);
    repair.routeLength = v.route.length;
    repair.route.set(v.route);
    assert.is(encodeRepair(repair, out, 0), repairOctets(repair));
    return repairOctets(repair);
  },
  (o) => {
    const repair = createRepair();
    if (decodeRepair(o, 0, o.length, repair) !== o.length) return undefined;
    return {
      generation: repair.generation,
      searchHops: repair.searchHops,
      failures: [...repair.failures.slice(0, 2 * repair.failureCount)],
      route: [...repair.route.slice(0, repair.routeLength)],
    };
  },
);
golden<FragmentHeader>(
  "fragment",
  (v) => encodeFragmentHeader(v, out, 0),
  (o) => {
    const header: FragmentHeader = { nextHop: 0, id: 0, index: 0, count: 0 };
    const withPart = new Uint8Array(o.length + 1);
    withPart.set(o);
    return decodeFragmentHeader(withPart, 0, withPart.length, header) ? header : undefined;
  },
);

test("golden vectors: data headers of all layouts", () => {
  for (const { name, hex, value } of vectorsOf("data-header")) {
    const { layout, header, encodedPotential } = value as {
      layout: string;
      header: DataHeader;
      encodedPotential: number;
    };
    const octets = fromHex(hex);
    const back = createDataHeader();
    const shared = layout === "wide-shared";
    const given = { ...header, potential: encodedPotential };
    if (layout === "narrow") {
      assert.is(decodeNarrowDataHeader(octets, 0, octets.length, 1, back), octets.length, name);
      assert.is(toHex(out, encodeNarrowDataHeader(given, out, 0)), hex, name);
    } else {
      assert.is(decodeWideDataHeader(octets, 0, octets.length, shared, back), octets.length, name);
      assert.is(toHex(out, encodeWideDataHeader(given, shared, out, 0)), hex, name);
    }
    assert.equal(back, header, name);
  }
});

test("golden vectors: hello on wide bearers", () => {
  for (const { name, hex, value } of vectorsOf("hello")) {
    const { withAddress, hello } = value as { withAddress: boolean; hello: Hello };
    const octets = fromHex(hex);
    const back = createHello();
    assert.ok(decodeHello(octets, 0, octets.length, withAddress, back), name);
    assert.equal({ ...back, entries: back.entries.slice(0, back.entryCount) }, hello, name);
    assert.is(toHex(out, encodeHello(hello, withAddress, out, 0)), hex, name);
    assert.not(decodeHello(octets, 0, octets.length - 1, withAddress, back), `${name}, cut short`);
  }
});

test("golden vectors: hello on narrow bearers", () => {
  for (const { name, hex, value } of vectorsOf("narrow-hello")) {
    const { withAddress, hello } = value as { withAddress: boolean; hello: NarrowHello };
    const octets = fromHex(hex);
    const back = createNarrowHello();
    assert.ok(decodeNarrowHello(octets, 0, octets.length, withAddress, back), name);
    assert.equal(back, hello, name);
    assert.is(toHex(out, encodeNarrowHello(hello, withAddress, out, 0)), hex, name);
    assert.not(decodeNarrowHello(octets, 0, octets.length - 1, withAddress, back), `${name}, cut short`);
  }
});

test("golden vectors: pull on narrow bearers", () => {
  for (const { name, hex, value } of vectorsOf("narrow-pull")) {
    const { known, ...rest } = value as Omit<NarrowPull, "summaries"> & { known: [number, number][] };
    const octets = fromHex(hex);
    const given: NarrowPull = { ...createNarrowPull(), ...rest };
    for (const [local, summary] of known) given.summaries[local] = summary;
    const back = createNarrowPull();
    assert.ok(decodeNarrowPull(octets, 0, octets.length, back), name);
    assert.equal(back, given, name);
    assert.is(toHex(out, encodeNarrowPull(given, out, 0)), hex, name);
    assert.not(decodeNarrowPull(octets, 0, octets.length - 1, back), `${name}, cut short`);
  }
});

test("of two summaries the newer one is told apart while they are near", () => {
  fc.assert(
    fc.property(fc.nat(0xffff), fc.nat(0xf000), fc.nat(7), fc.integer({ min: 1, max: 2047 }), (epoch, seq, de, ds) => {
      const before = pullSummary(epoch, seq);
      const after = pullSummary(epoch + de, seq + ds);
      assert.ok(compareSummaries(after, before) > 0);
      assert.ok(compareSummaries(before, after) < 0);
      assert.is(compareSummaries(after, after), 0);
    }),
  );
});

test("of two summaries at least one is newer, unless they are the same", () => {
  const any = fc.nat(0xffff);
  fc.assert(
    fc.property(any, any, (a, b) => {
      assert.is(compareSummaries(a, b) > 0 || compareSummaries(b, a) > 0, a !== b);
    }),
    {
      examples: [
        [0x0000, 0x8000],
        [0x1000, 0x1800],
      ],
    },
  );
});

golden<LinkStateLink[]>(
  "link-set",
  (v) => {
    const length = encodeLinkSet(v, out, 0);
    assert.is(length, linkSetOctets(v));
    return length;
  },
  (o) => {
    const links: LinkStateLink[] = [];
    return decodeLinkSet(o, 0, o.length, 100, links) === o.length ? links : undefined;
  },
);

test("golden vectors: link vector", () => {
  for (const { name, hex, value } of vectorsOf("link-vector")) {
    const { given, decoded } = value as { given: LinkVector; decoded: LinkVector };
    assert.is(encodeLinkVector(given), Number.parseInt(hex, 16), name);
    assert.equal(decodeLinkVector(Number.parseInt(hex, 16)), decoded, name);
  }
});

test("a link vector never says that the link is gone, and reading it again changes nothing", () => {
  const link = fc.record({
    bitrateBps: fc.integer({ min: 1, max: 1e9 }),
    latencyUs: fc.nat(2e7),
    loss: fc.double({ min: 0, max: 1, noNaN: true }),
    costCentsPerMegabyte: fc.nat(20_000),
    closed: fc.nat(3),
  });
  fc.assert(
    fc.property(link, (given) => {
      const packed = encodeLinkVector(given);
      assert.is.not(packed, VECTOR_GONE);
      const again = encodeLinkVector(decodeLinkVector(packed));
      assert.is(again >>> 5, packed >>> 5);
    }),
  );
});

test("potentials of fewer bits are monotone: descent in 8 or 6 bits is descent in 16", () => {
  for (let potential = 1; potential < 0x10000; potential++) {
    assert.ok(narrowPotential(potential) >= narrowPotential(potential - 1));
    assert.ok(flowPotential(potential) >= flowPotential(potential - 1));
  }
  assert.is(narrowPotential(0), 0);
  assert.is(narrowPotential(0xffff), 255);
  assert.is(flowPotential(0xffff), 63);
});

test("advertisements round-trip and know their length", () => {
  const plain = { noNullPrototype: true };
  const link = fc.record({ neighbour: fc.nat(255), channel: fc.nat(255), vector: fc.nat(0xffff) }, plain);
  const ipPrefix = fc
    .record({ six: fc.boolean(), lengthBits: fc.nat(128), octets: fc.uint8Array({ minLength: 16, maxLength: 16 }) })
    .map(({ six, lengthBits, octets }): IpPrefix => {
      const bits = six ? lengthBits : lengthBits % 33;
      const kept = octets.slice(0, (bits + 7) >>> 3);
      if ((bits & 7) !== 0) kept[kept.length - 1]! &= 0xff00 >>> (bits & 7);
      return { family: six ? 6 : 4, lengthBits: bits, octets: kept };
    });
  const areaRoute = fc
    .record({
      path: fc.uniqueArray(
        fc.oneof(
          fc.nat(255).map((area) => area << 8),
          fc.nat(0xffff),
        ),
        {
          minLength: 1,
          maxLength: MAX_AREA_HOPS,
        },
      ),
      members: fc.array(fc.nat(255), { maxLength: 5 }),
      costs: fc.array(fc.nat(255), { minLength: 4, maxLength: 4 }),
    })
    .map(({ path, costs, members }): AreaRoute => {
      const [to = 0, ...via] = path;
      return { to, members: membersOf(members), via, costs: [...costs] };
    });
  const advertisement = fc.record(
    {
      originator: fc.nat(0xfe).map((local) => 0x0100 | Math.max(1, local)),
      nodeId: fc.integer({ min: 1, max: 0xffffffff }),
      bootEpoch: fc.nat(0xffffffff),
      sequence: fc.nat(0xffff),
      role: fc.nat(15),
      capabilities: fc.nat(3),
      name: fc.uint8Array({ maxLength: 12 }),
      links: fc.array(link, { maxLength: 100 }),
      prefixes: fc.array(ipPrefix, { maxLength: 8 }),
      areas: fc.uniqueArray(areaRoute, { maxLength: 20, selector: (route) => route.to }),
    },
    plain,
  );
  const key = fc.option(fc.uint8Array({ minLength: 32, maxLength: 32 }), { nil: undefined });
  fc.assert(
    fc.property(advertisement, key, (rest, publicKey) => {
      const given = publicKey === undefined ? rest : { ...rest, publicKey };
      const length = encodeAdvertisement(given, out, 0);
      assert.is(length, advertisementOctets(given));
      assert.equal(decodeAdvertisement(out, 0, length), given);
      // As a link set each link comes once, by channel and neighbour.
      const once = new Map(given.links.map((l) => [l.channel * 256 + l.neighbour, l]));
      const links = [...once].sort(([a], [b]) => a - b).map(([, link]) => link);
      const narrowLength = encodeAdvertisement(given, out, 0, true);
      assert.is(narrowLength, advertisementOctets(given, true));
      assert.equal(decodeAdvertisement(out, 0, narrowLength, true), { ...given, links });
    }),
  );
});

test("no decoder throws on random octets", () => {
  const report: Report = { target: 0, area: -1, slot: 0, highestLow: 0, bitmap: 0, arrival: -1 };
  const fragment: FragmentHeader = { nextHop: 0, id: 0, index: 0, count: 0 };
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), fc.boolean(), (octets, a, b) => {
      const end = octets.length;
      decodeDelta(octets, 0, end);
      decodeAdvertisement(octets, 0, end);
      decodeAdvertisement(octets, 0, end, true);
      decodeLinkSet(octets, 0, end, 100, []);
      decodeNarrowPull(octets, 0, end, createNarrowPull());
      decodeNarrowHello(octets, 0, end, a, createNarrowHello());
      decodePull(octets, 0, end);
      decodeRepair(octets, 0, end, createRepair());
      decodeLabelOffer(octets, 0, end);
      decodeReport(octets, 0, end, report);
      decodeSuspicion(octets, 0, end, { target: 0, bearerId: 0, highestLow: 0 });
      decodeFragmentHeader(octets, 0, end, fragment);
      decodeHello(octets, 0, end, b, createHello());
      decodeWideDataHeader(octets, 0, end, a, createDataHeader());
      decodeNarrowDataHeader(octets, 0, end, 1, createDataHeader());
    }),
    { numRuns: 2000 },
  );
});

test.run();
