/**
 * What the classes of traffic cost each other on a bearer that has more to carry than it can, with real cores in
 * virtual time:
 *
 *   wire   three sources - relay - sink over point-to-point bearers; the last one, 2 Mbit/s, is the bottleneck
 *   chain  four sources in a row, each a relay of those behind it, and a sink; 2 Mbit/s between neighbours
 *   air    four members of a half-duplex serial channel at 9600 bit/s, with carrier sense and collisions; three seeds
 */
import { Precedence, TrafficClass, VoiceCodec } from "@skein/node-agent/core";
import { airFrameUs, Field } from "../routing-bench/field.ts";
import { sum } from "../routing-bench/figures.ts";
import { printAtLeast, printAtMost, printFigure } from "../routing-bench/print.ts";
import { delaysUs, deliveredShare, type Flow, type FlowPlan, jain, Load, quantile, type TalkPlan } from "./load.ts";

const SEED = 1;
const AIR_SEEDS = [1, 2, 3];
const SECOND_US = 1_000_000;
const WIRE_BPS = 2_000_000;
const WIRE_SETTLE_US = 10 * SECOND_US;
const AIR_SETTLE_US = 60 * SECOND_US;
const WIRE_SPAN_US = 20 * SECOND_US;
const AIR_SPAN_US = 240 * SECOND_US;
const { video, bulk, voice } = TrafficClass;

// The wire: sources 0, 1, 2 and the relay 3 on fast ones, the relay and the sink 4 on the slow one.
const RELAY = 3;
const SINK = 4;
const BULK_OCTETS = 1200;
/** Largest frame of the flows below with its headers, in time on the slow wire. */
const WIRE_FRAME_US = ((BULK_OCTETS + 30) * 8e6) / WIRE_BPS;

function wire(): Field {
  const field = new Field({
    nodes: 5,
    seed: SEED,
    signalled: true,
    media: [
      { name: "fast", kind: "wires", members: [0, 1, 2, RELAY], bearer: { bitrateBps: 100_000_000 } },
      { name: "slow", kind: "wires", members: [RELAY, SINK], bearer: { bitrateBps: WIRE_BPS } },
    ],
  });
  for (const source of [0, 1, 2]) field.join(0, source, RELAY);
  field.join(1, RELAY, SINK);
  for (const node of field.cores.keys()) field.start(node);
  field.run(WIRE_SETTLE_US);
  return field;
}

/** A flow over the slow wire that would take `share` of it. */
function wireFlow(from: number, trafficClass: TrafficClass, share: number, octets = BULK_OCTETS): FlowPlan {
  return { from, to: SINK, trafficClass, octets, intervalUs: Math.round((octets * 8e6) / (WIRE_BPS * share)) };
}

function run(field: Field, plans: readonly FlowPlan[], spanUs: number): Flow[] {
  const load = new Load(field);
  const flows = plans.map((plan) => load.send(plan, spanUs));
  field.run(spanUs + 5 * SECOND_US);
  return flows;
}

/** IP voice through the relay, alone and beside video and bulk that would fill the slow wire twice. */
function wireVoice(): number {
  const call: FlowPlan = { from: 0, to: SINK, trafficClass: voice, octets: 80, intervalUs: 20_000, afterUs: 7_000 };
  const heavy = [wireFlow(1, video, 1), wireFlow(2, bulk, 1), wireFlow(0, bulk, 0.5)];
  const [alone] = run(wire(), [call], WIRE_SPAN_US) as [Flow];
  const [loaded] = run(wire(), [call, ...heavy], WIRE_SPAN_US) as [Flow];
  const base = quantile(delaysUs(alone), 0.5);
  const delays = delaysUs(loaded);
  printFigure("bearers.qos.wire.voiceDelivered", deliveredShare(loaded), "ratio");
  const p99 = (quantile(delays, 0.99) - base) / WIRE_FRAME_US;
  printFigure("bearers.qos.wire.voiceAddedFramesP99", p99, "frames");
  const worst = ((delays.at(-1) as number) - base) / WIRE_FRAME_US;
  printAtMost("bearers.qos.wire.voiceAddedFrames", worst, "frames", 2);
  return worst;
}

/** The same for one flash packet now and then. */
function wireFlash(): void {
  const alarm: FlowPlan = {
    from: 0,
    to: SINK,
    trafficClass: TrafficClass.command,
    precedence: Precedence.flash,
    octets: 40,
    intervalUs: 97_000,
  };
  const heavy = [
    wireFlow(1, video, 1),
    wireFlow(2, bulk, 1),
    { ...wireFlow(1, voice, 0.2, 200), afterUs: 500 },
    wireFlow(0, TrafficClass.command, 0.2, 100),
  ];
  const [alone] = run(wire(), [alarm], WIRE_SPAN_US) as [Flow];
  const [loaded] = run(wire(), [alarm, ...heavy], WIRE_SPAN_US) as [Flow];
  const base = quantile(delaysUs(alone), 0.5);
  const worst = delaysUs(loaded).at(-1) as number;
  printAtMost("bearers.qos.wire.flashAddedFrames", (worst - base) / WIRE_FRAME_US, "frames", 1);
}

/** Octets that arrived of a flow while all were sending. */
function carried(flow: Flow, fromUs: number, untilUs: number): number {
  return flow.arrivedUs.filter((atUs) => atUs >= fromUs && atUs < untilUs).length * (flow.plan.octets + 30);
}

/** Three sources that want more than their share, by a little and by a lot, with short and long packets. */
function wireFairness(): number {
  const field = wire();
  const startUs = field.nowUs;
  const flows = run(
    field,
    [wireFlow(0, bulk, 0.5, 300), wireFlow(1, bulk, 1), wireFlow(2, bulk, 4, 1000)],
    WIRE_SPAN_US,
  );
  const shares = flows.map((flow) => carried(flow, startUs + SECOND_US, startUs + WIRE_SPAN_US));
  printAtLeast("bearers.qos.wire.jain", jain(shares), "ratio", 0.95);
  return jain(shares);
}

/** Sources at one to four hops, each of which wants the whole way. */
function chainFairness(): number {
  const links = [0, 1, 2, 3].map((node) => ({
    name: `hop${node}`,
    kind: "wires" as const,
    members: [node, node + 1],
    bearer: { bitrateBps: WIRE_BPS },
  }));
  const field = new Field({ nodes: 5, seed: SEED, signalled: true, media: links });
  for (const node of [0, 1, 2, 3]) field.join(node, node, node + 1);
  for (const node of field.cores.keys()) field.start(node);
  field.run(WIRE_SETTLE_US);
  const startUs = field.nowUs;
  const flows = run(
    field,
    [0, 1, 2, 3].map((source) => wireFlow(source, bulk, 1)),
    WIRE_SPAN_US,
  );
  const shares = flows.map((flow) => carried(flow, startUs + 2 * SECOND_US, startUs + WIRE_SPAN_US));
  printAtLeast("bearers.qos.chain.jain", jain(shares), "ratio", 0.95);
  return jain(shares);
}

/** What a flood is made of, and the precedence that it claims. */
const FLOODS = [
  ["flash", TrafficClass.command, Precedence.flash],
  ["voice", voice, Precedence.routine],
  ["command", TrafficClass.command, Precedence.immediate],
  ["video", video, Precedence.immediate],
  ["bulk", bulk, Precedence.routine],
] as const;

/** Largest share of the honest traffic `plans` that a flood costs, whatever it is made of. */
function floodCost(
  medium: string,
  plans: readonly FlowPlan[],
  flood: FlowPlan,
  measure: (plans: readonly FlowPlan[]) => Flow[],
): void {
  const octets = (flows: readonly Flow[]): number =>
    sum(
      flows
        .filter(({ plan }) => plans.includes(plan))
        .map((flow) => deliveredShare(flow) * flow.sentUs.length * flow.plan.octets),
    );
  const calm = octets(measure(plans));
  const costs = FLOODS.map(([name, trafficClass, precedence]) => {
    const cost = 1 - octets(measure([...plans, { ...flood, trafficClass, precedence }])) / calm;
    printFigure(`bearers.qos.${medium}.floodCost.${name}`, cost, "ratio");
    return cost;
  });
  printAtMost(`bearers.qos.${medium}.floodCost`, Math.max(...costs), "ratio", 0.1);
}

/** Two honest sources whose traffic would fit, together 60 %, and one that floods with five times what the wire takes. */
function wireHostile(): void {
  const honest = [
    wireFlow(0, bulk, 0.2),
    wireFlow(1, video, 0.2, 1000),
    { from: 0, to: SINK, trafficClass: voice, octets: 80, intervalUs: 20_000 },
    { from: 1, to: SINK, trafficClass: TrafficClass.command, octets: 60, intervalUs: 50_000 },
    wireFlow(1, bulk, 0.1),
  ];
  floodCost("wire", honest, wireFlow(2, bulk, 5, 400), (plans) => run(wire(), plans, WIRE_SPAN_US));
}

// The air: four members that all hear each other.
const MEMBERS = 4;
const AIR_OCTETS = 200;
const AIR_FRAME_US = airFrameUs(240);

function air(seed: number): Field {
  const field = new Field({ nodes: MEMBERS, seed, media: [{ name: "air", kind: "air9600" }] });
  for (let a = 0; a < MEMBERS; a++) for (let b = 0; b < a; b++) field.join(0, a, b);
  for (const node of field.cores.keys()) field.start(node);
  field.run(AIR_SETTLE_US);
  return field;
}

/** A flow over the channel that would take about `share` of it. */
function airFlow(from: number, trafficClass: TrafficClass, share: number, octets = AIR_OCTETS): FlowPlan {
  const to = (from + 1) % MEMBERS;
  return { from, to, trafficClass, octets, intervalUs: Math.round(airFrameUs(octets + 15) / share) };
}

/** Somebody who speaks half of the time. */
const TALK: TalkPlan = {
  talker: 0,
  codec: VoiceCodec.codec2_1300,
  octets: 20,
  intervalUs: 120_000,
  pressedUs: 6 * SECOND_US,
  pauseUs: 6 * SECOND_US,
};

function talkDelays(plans: readonly FlowPlan[], seed: number): number[] {
  const field = air(seed);
  const load = new Load(field);
  for (const plan of plans) load.send(plan, AIR_SPAN_US);
  load.talk(TALK, AIR_SPAN_US);
  field.run(AIR_SPAN_US + 5 * SECOND_US);
  return load.spokenUs.flatMap((spokenUs, frame) =>
    [1, 2, 3].map((node) => (load.heardUs[frame]?.[node] ?? Number.POSITIVE_INFINITY) - spokenUs),
  );
}

/** Video and bulk of everybody, three times what the channel takes. */
const AIR_HEAVY = [
  airFlow(0, bulk, 0.5),
  airFlow(0, video, 0.5),
  airFlow(1, bulk, 1),
  airFlow(2, bulk, 0.5, 60),
  airFlow(3, video, 0.5),
];

/** Values of all seeds, in order. */
function overSeeds(measure: (seed: number) => readonly number[]): number[] {
  return AIR_SEEDS.flatMap(measure).toSorted((a, b) => a - b);
}

function airVoice(): number {
  const base = quantile(
    overSeeds((seed) => talkDelays([], seed)),
    0.5,
  );
  const delays = overSeeds((seed) => talkDelays(AIR_HEAVY, seed));
  const heard = delays.filter(Number.isFinite);
  printAtLeast("bearers.qos.air.voiceDelivered", heard.length / delays.length, "ratio", 0.99);
  printFigure("bearers.qos.air.voiceAddedFramesP50", (quantile(delays, 0.5) - base) / AIR_FRAME_US, "frames");
  printFigure("bearers.qos.air.voiceAddedFramesP99", (quantile(heard, 0.99) - base) / AIR_FRAME_US, "frames");
  const worst = ((heard.at(-1) as number) - base) / AIR_FRAME_US;
  printAtMost("bearers.qos.air.voiceAddedFrames", worst, "frames", 2);
  return worst;
}

/** An alarm now and then, on a channel whose turns may be held by others. */
function airFlash(): void {
  const alarm: FlowPlan = {
    from: 0,
    to: 1,
    trafficClass: TrafficClass.command,
    precedence: Precedence.flash,
    octets: 20,
    intervalUs: 3_100_000,
  };
  const delays = (plans: readonly FlowPlan[]): number[] =>
    overSeeds((seed) => delaysUs(run(air(seed), [alarm, ...plans], AIR_SPAN_US)[0] as Flow));
  const base = quantile(delays([]), 0.5);
  const loaded = delays(AIR_HEAVY);
  printFigure("bearers.qos.air.flashAddedFramesP50", (quantile(loaded, 0.5) - base) / AIR_FRAME_US, "frames");
  printFigure("bearers.qos.air.flashAddedFramesP99", (quantile(loaded, 0.99) - base) / AIR_FRAME_US, "frames");
}

/** Four members that all want the whole channel, with packets of different length. */
function airFairness(): number {
  const worst = Math.min(...AIR_SEEDS.map((seed) => jain(airShares(seed))));
  printAtLeast("bearers.qos.air.jain", worst, "ratio", 0.95);
  return worst;
}

/** Time on air of each member. */
function airShares(seed: number): number[] {
  const field = air(seed);
  const airUs = new Float64Array(MEMBERS);
  const startUs = field.nowUs;
  field.onFrame = (node, _medium, _endpoint, _octets, length) => {
    if (field.nowUs < startUs + AIR_SPAN_US) airUs[node] = (airUs[node] as number) + airFrameUs(length);
  };
  run(
    field,
    [airFlow(0, bulk, 1, 40), airFlow(1, bulk, 1, 80), airFlow(2, bulk, 1, 200), airFlow(3, bulk, 1, 200)],
    AIR_SPAN_US,
  );
  return [...airUs];
}

/** Three honest members that want half the channel together, and one whose agent is given twice the channel. */
function airHostile(): void {
  const honest = [0, 1, 2].flatMap((member) => [
    airFlow(member, bulk, 0.1),
    airFlow(member, TrafficClass.command, 0.04, 40),
  ]);
  floodCost("air", honest, airFlow(3, bulk, 2, 100), (plans) =>
    AIR_SEEDS.flatMap((seed) => run(air(seed), plans, AIR_SPAN_US)),
  );
}

const added = [wireVoice(), airVoice()];
printAtMost("bearers.qos.voiceAddedFrames", Math.max(...added), "frames", 2);
const fairness = [wireFairness(), chainFairness(), airFairness()];
printAtLeast("bearers.qos.jain", Math.min(...fairness), "ratio", 0.95);
wireFlash();
airFlash();
wireHostile();
airHostile();
