/**
 * Serial radios on one channel of 9600 bit/s of which not all hear each other, in use: each reports its position, on average
 * one of all every 2 s, and one sends a text of 40 octets to another every 8 s. Transmissions of a position, by whomever; how many
 * arrive, of all that were to; and how much of the time somebody transmits, which is more than 1 where several do that.
 */
import { isGroupKind, kindOf } from "@skein/codecs";
import { RandomStream } from "../sim/random-streams.ts";
import { airFrameUs, Field } from "./field.ts";
import { quantile } from "./figures.ts";
import { kindOctetOf } from "./frame-view.ts";
import { gridLinks, type Pair, starLinks } from "./geometry.ts";
import { endProgress, printFigure, progress } from "./print.ts";

const SEEDS = 8;
const START_US = 3_000_000;
const SETTLE_US = 120_000_000;
const MEASURE_US = 240_000_000;
/** What was sent last may still be on its way. */
const REST_US = 30_000_000;
const POSITION_EACH_US = 2_000_000;
const TEXT_EACH_US = 8_000_000;
const TEXT_OCTETS = 40;
const HERE = {
  latitudeDeg: 31,
  longitudeDeg: 103,
  altitudeM: 500,
  speedKmh: 3,
  courseDeg: 90,
  batteryPercent: 80,
};

interface Use {
  reported: number;
  positions: number;
  transmissions: number;
  airUs: number;
  sentTexts: number;
  /** How long each text took that arrived. */
  textsUs: number[];
}

/** Calls `action` again and again, on average each `everyUs`. */
function repeatedly(field: Field, random: RandomStream, everyUs: number, untilUs: number, action: () => void): void {
  const next = (): void => {
    if (field.nowUs > untilUs) return;
    action();
    field.at(field.nowUs + everyUs * (0.95 + 0.1 * random.unit()), next);
  };
  field.at(field.nowUs + everyUs * random.unit(), next);
}

function useOf(nodes: number, links: readonly Pair[], seed: number): Use {
  const random = new RandomStream(seed, "air-relay");
  const field = new Field({ nodes, seed, media: [{ name: "air", kind: "air9600" }] });
  field.setLinks(0, links);
  for (const node of field.cores.keys()) field.at(field.nowUs + node * START_US, () => field.start(node));
  field.run(SETTLE_US);
  const use: Use = { reported: 0, positions: 0, transmissions: 0, airUs: 0, sentTexts: 0, textsUs: [] };
  const sentUs = new Map<string, number>();
  const untilUs = field.nowUs + MEASURE_US;
  field.onFrame = (_node, _medium, _endpoint, octets, length) => {
    if (field.nowUs > untilUs) return;
    use.airUs += airFrameUs(length);
    if (isGroupKind(kindOf(kindOctetOf(octets)))) use.transmissions++;
  };
  field.onEvent = (_node, event) => {
    if (event.type === "position") use.positions++;
    const key = event.type === "text" ? `${event.from} ${event.messageId}` : "";
    if (sentUs.has(key)) use.textsUs.push(field.nowUs - (sentUs.get(key) as number));
    sentUs.delete(key);
  };
  for (const node of field.cores.keys()) {
    repeatedly(field, random, POSITION_EACH_US * nodes, untilUs, () => {
      use.reported++;
      field.use(node, (core, nowUs) => core.reportPosition(nowUs, HERE));
    });
  }
  repeatedly(field, random, TEXT_EACH_US, untilUs, () => {
    const from = random.uint32() % nodes;
    const to = (from + 1 + (random.uint32() % (nodes - 1))) % nodes;
    use.sentTexts++;
    field.use(from, (core, nowUs) => {
      const id = core.sendText(nowUs, field.addresses[to] as number, new Uint8Array(TEXT_OCTETS));
      sentUs.set(`${field.addresses[from]} ${id}`, nowUs);
    });
  });
  field.run(MEASURE_US + REST_US);
  return use;
}

function measure(name: string, nodes: number, links: readonly Pair[]): void {
  const uses = Array.from({ length: SEEDS }, (_, i) => {
    progress(`${name}: seed ${i + 1} of ${SEEDS}`);
    return useOf(nodes, links, i + 1);
  });
  endProgress();
  const total = (of: (use: Use) => number): number => uses.reduce((sum, use) => sum + of(use), 0);
  const reported = total((use) => use.reported);
  const print = (what: string, value: number, unit: string): void =>
    printFigure(`routing.air9600.${name}.${what}`, value, unit);
  print("positionsDelivered", total((use) => use.positions) / (reported * (nodes - 1)), "ratio");
  print("transmissionsPerPosition", total((use) => use.transmissions) / reported, "frames");
  print("textsDelivered", total((use) => use.textsUs.length) / total((use) => use.sentTexts), "ratio");
  const textsUs = uses.flatMap((use) => use.textsUs);
  print("textP95S", quantile(textsUs, 0.95) / 1e6, "s");
  print("airtime", total((use) => use.airUs) / (SEEDS * MEASURE_US), "ratio");
}

measure("relayChain5", 5, [
  [0, 1],
  [1, 2],
  [2, 3],
  [3, 4],
]);
measure("relayStar11", 11, starLinks(10));
measure("relayGrid9", 9, gridLinks(3));
