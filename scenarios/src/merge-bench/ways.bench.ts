import { Precedence, TrafficClass } from "@skein/node-agent/core";
import { quantile } from "../routing-bench/figures.ts";
import { endProgress, printAtLeast, printAtMost, progress } from "../routing-bench/print.ts";
import { NumberedStream } from "./numbered-stream.ts";
import { StreamRun } from "./stream-run.ts";
import { ADHOC, AIR, FAR, HQ, type Link, LTE, makeField, NEAR, silence, VEHICLE } from "./ways-field.ts";

/** Streams and speech over ways of several hops, and what is left of them when one falls silent. */
const SEEDS = [1, 2, 3, 4, 5, 6];
/** Of the sum of what the links carry; as for one hop. */
const SHARE = 0.92;
const STALL_MS = 200;
const FROM_US = 3_000_000;
const CUT_US = 10_000_000;
const END_US = 16_000_000;
const ENOUGH_OCTETS = 1e9;
const PACKET_US = 20_000;
const VOICE_OCTETS = 200;
/** A hundred cuts may all go well where six hundred do not. */
const CUTS = 600;
/** As for one hop, the ways being alike, and the time in which a hop repeats what it has lost: 5 % on each of the two. */
const GAP_MS = 55;

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

interface Bulk {
  readonly mbps: number;
  readonly stallMs: number;
  /** What comes from one to three seconds after the cut, of what is left. */
  readonly share: number;
}

function bulk(name: string, links: readonly Link[], isCut: (link: Link) => boolean, leftMbps: number): Bulk {
  const runs = SEEDS.map((seed) => {
    progress(`bulk, ${name}: seed ${seed} of ${SEEDS.length}`);
    const field = makeField(links, seed);
    const startUs = field.nowUs;
    const run = new StreamRun(field, VEHICLE, HQ, ENOUGH_OCTETS);
    field.run(CUT_US);
    silence(field, links, isCut);
    const cutUs = field.nowUs;
    field.run(END_US - CUT_US);
    return {
      mbps: run.arrivals.goodputMbps(startUs + FROM_US, cutUs),
      stallMs: run.arrivals.longestGapMs(cutUs, field.nowUs),
      share: run.arrivals.goodputMbps(cutUs + 1e6, cutUs + 3e6) / leftMbps,
    };
  });
  return {
    mbps: mean(runs.map((r) => r.mbps)),
    stallMs: Math.max(...runs.map((r) => r.stallMs)),
    share: mean(runs.map((r) => r.share)),
  };
}

/** Critical speech from vehicle to headquarters while the relay on its way dies. */
function speak(seed: number, into: { lost: number; gapsMs: number[] }): void {
  const field = makeField(FAR, seed);
  const stream = new NumberedStream();
  const octets = new Uint8Array(VOICE_OCTETS);
  const view = new DataView(octets.buffer);
  field.onEvent = (node, event) => {
    if (node !== HQ || event.type !== "ip") return;
    const { buffer, byteOffset } = event.octets;
    stream.arrived(new DataView(buffer, byteOffset).getUint32(0), field.nowUs);
  };
  let isTalking = true;
  const say = (): void => {
    if (!isTalking) return;
    view.setUint32(0, stream.sent(field.nowUs));
    field.use(VEHICLE, (core, nowUs) => {
      const to = field.addresses[HQ] as number;
      core.sendIp(nowUs, to, TrafficClass.voice, Precedence.routine, true, octets, 0, octets.length);
    });
    field.at(field.nowUs + PACKET_US, say);
  };
  say();
  field.run(2_000_000 + ((seed * 7919) % PACKET_US));
  const relay = field.cores[VEHICLE]?.explainRoute(field.nowUs, field.addresses[HQ] as number).classes[0]?.hops[0]?.to;
  const dead = field.addresses.indexOf(relay as number);
  const cutUs = field.nowUs;
  silence(field, FAR, ({ of }) => of.includes(dead));
  field.run(3_000_000);
  isTalking = false;
  field.run(2_000_000);
  into.lost += stream.delaysUs(0, field.nowUs).filter((us) => us === Number.POSITIVE_INFINITY).length;
  into.gapsMs.push(stream.longestGapUs(cutUs, field.nowUs) / 1000);
}

const carried = ({ bitrateBps, loss }: typeof LTE): number => (bitrateBps / 1e6) * (1 - loss);
const near = bulk("near", NEAR, ({ like }) => like === LTE, carried(ADHOC));
const far = bulk("far", FAR, ({ of }) => of.includes(AIR), carried(ADHOC));
const speech = { lost: 0, gapsMs: [] as number[] };
for (let seed = 1; seed <= CUTS; seed++) {
  progress(`speech: cut ${seed} of ${CUTS}`);
  speak(seed, speech);
}
endProgress();
printAtLeast("merge.ways.nearMbps", near.mbps, "Mbit/s", SHARE * (carried(LTE) + carried(ADHOC)));
printAtMost("merge.ways.nearCutStallMs", near.stallMs, "ms", STALL_MS);
printAtLeast("merge.ways.nearShareAfter1s", near.share, "ratio", 0.9);
printAtLeast("merge.ways.farMbps", far.mbps, "Mbit/s", SHARE * 2 * carried(ADHOC));
printAtMost("merge.ways.farCutStallMs", far.stallMs, "ms", STALL_MS);
printAtLeast("merge.ways.farShareAfter1s", far.share, "ratio", 0.9);
printAtMost("merge.ways.voiceLost", speech.lost, "packets", 0);
printAtMost("merge.ways.voiceGapP99Ms", quantile(speech.gapsMs, 0.99), "ms", GAP_MS);
