/**
 * A team's channel in use: six radios at 9600 bit/s, all of which hear each other. For a minute one after the other talks,
 * 5 s each and 1 s apart (Codec2, a bundle each 120 ms). Meanwhile each, the talker too, sends a text to one of the others and
 * its position to all, both every 10 s or so, and one of them raises an SOS. What is told: the delays of texts, positions,
 * SOS and speech, from hand to hand, and the time from the first bundle of a talker until it is on the air.
 */
import { VoiceCodec } from "@skein/node-agent/core";
import { RandomStream } from "../sim/random-streams.ts";
import { bundleOf } from "../sim/transcoder.ts";
import { airFrameUs, Field } from "./field.ts";
import { median } from "./figures.ts";
import { allPairs } from "./geometry.ts";
import { endProgress, printAtMost, printFigure, progress } from "./print.ts";

const SEEDS = 40;
const NODES = 6;
const SETTLE_US = 40_000_000;
const TALK_US = 60_000_000;
/** What has not come by then is lost. */
const REST_US = 20_000_000;
const TURN_US = 5_000_000;
const PAUSE_US = 1_000_000;
const BUNDLE_US = 120_000;
const BUNDLE_TIMESTAMPS = 6;
const GROUP = 1;
const EVERY_US = 10_000_000;
const TEXT_OCTETS = 30;
const SOS_KIND = 1;
const FIX = { latitudeDeg: 31.1, longitudeDeg: 103.6, altitudeM: 900, speedKmh: 3, courseDeg: 90, batteryPercent: 80 };
const EVERYONE = Array.from({ length: NODES }, (_, node) => node);

/** When something was handed to a core, by what and to whom, until it comes; and how long that took, seconds. */
class Delays {
  readonly tookS: number[] = [];
  readonly #sentUs = new Map<string, number>();
  sent = 0;

  send(key: string, atUs: number): void {
    this.#sentUs.set(key, atUs);
    this.sent++;
  }

  came(key: string, atUs: number): void {
    const sentUs = this.#sentUs.get(key);
    if (sentUs === undefined) return;
    this.#sentUs.delete(key);
    this.tookS.push((atUs - sentUs) / 1e6);
  }

  /** 0..1 of what was sent. */
  get lost(): number {
    return 1 - this.tookS.length / this.sent;
  }

  p95(): number {
    return this.tookS.toSorted((a, b) => a - b)[Math.floor(0.95 * this.tookS.length)] ?? Number.NaN;
  }
}

const texts = new Delays();
const positions = new Delays();
const alarms = new Delays();
const speech = new Delays();
const access = new Delays();

function listen(field: Field): void {
  const firstBundleUs = airFrameUs(39);
  field.onEvent = (node, event) => {
    const now = field.nowUs;
    if (event.type === "text") texts.came(`${event.from}/${event.messageId}`, now);
    else if (event.type === "position") positions.came(`${event.from}/${event.sequence}/${node}`, now);
    else if (event.type === "sos") alarms.came(`${event.from}/${event.sosId}/${node}`, now);
    else if (event.type === "voice") {
      speech.came(`${event.talker}/${event.burst}/${event.timestamp20ms}/${node}`, now);
      if (event.timestamp20ms === 0) access.came(`${event.talker}/${event.burst}`, now - firstBundleUs);
    }
  };
}

function talk(field: Field, startUs: number, random: RandomStream): void {
  let burst = 0;
  for (let fromUs = startUs; fromUs + TURN_US <= startUs + TALK_US; fromUs += TURN_US + PAUSE_US) {
    const talker = Math.floor(random.unit() * NODES);
    const from = field.addresses[talker] as number;
    const own = burst++ % 32;
    for (let bundle = 0; bundle * BUNDLE_US < TURN_US; bundle++) {
      const timestamp = bundle * BUNDLE_TIMESTAMPS;
      field.at(fromUs + bundle * BUNDLE_US, () => {
        if (bundle === 0) access.send(`${from}/${own}`, field.nowUs);
        for (const node of EVERYONE)
          if (node !== talker) speech.send(`${from}/${own}/${timestamp}/${node}`, field.nowUs);
        field.use(talker, (core, nowUs) =>
          core.sendVoice(nowUs, GROUP, own, VoiceCodec.codec2_1300, timestamp, bundleOf(0, 0b111)),
        );
      });
    }
  }
}

/** Calls `action` about every EVERY_US while they talk. */
function often(field: Field, startUs: number, random: RandomStream, action: () => void): void {
  for (let us = random.unit() * EVERY_US; us < TALK_US; us += EVERY_US * (0.5 + random.unit()))
    field.at(startUs + us, action);
}

function write(field: Field, node: number, random: RandomStream): void {
  const to = (node + 1 + Math.floor(random.unit() * (NODES - 1))) % NODES;
  field.use(node, (core, nowUs) => {
    const messageId = core.sendText(nowUs, field.addresses[to] as number, new Uint8Array(TEXT_OCTETS));
    texts.send(`${field.addresses[node]}/${messageId}`, nowUs);
  });
}

function report(field: Field, node: number, sos: boolean): void {
  const delays = sos ? alarms : positions;
  field.use(node, (core, nowUs) => {
    const id = sos ? core.raiseSos(nowUs, SOS_KIND, FIX) : core.reportPosition(nowUs, FIX);
    for (const other of EVERYONE) if (other !== node) delays.send(`${field.addresses[node]}/${id}/${other}`, nowUs);
  });
}

function run(seed: number): void {
  progress(`a team's channel in use: seed ${seed} of ${SEEDS}`);
  const random = new RandomStream(seed, "talk");
  const field = new Field({ nodes: NODES, seed, media: [{ name: "air", kind: "air9600" }] });
  for (const [a, b] of allPairs(EVERYONE)) field.join(0, a, b);
  for (const node of EVERYONE) field.at(field.nowUs + random.unit() * 200_000, () => field.start(node));
  field.run(SETTLE_US);
  const startUs = field.nowUs;
  listen(field);
  talk(field, startUs, random);
  for (const node of EVERYONE) {
    often(field, startUs, random, () => write(field, node, random));
    often(field, startUs, random, () => report(field, node, false));
  }
  field.at(startUs + (0.2 + 0.6 * random.unit()) * TALK_US, () =>
    report(field, Math.floor(random.unit() * NODES), true),
  );
  field.run(TALK_US + REST_US);
}

for (let seed = 1; seed <= SEEDS; seed++) run(seed);
endProgress();
const name = "routing.air9600.talk";
printFigure(`${name}.text.s`, median(texts.tookS), "s");
printAtMost(`${name}.text.p95S`, texts.p95(), "s", 4);
printAtMost(`${name}.text.lost`, texts.lost, "ratio", 0);
printFigure(`${name}.position.s`, median(positions.tookS), "s");
printAtMost(`${name}.position.p95S`, positions.p95(), "s", 5);
printAtMost(`${name}.position.lost`, positions.lost, "ratio", 0.01);
printAtMost(`${name}.sos.p95S`, alarms.p95(), "s", 1);
printAtMost(`${name}.sos.lost`, alarms.lost, "ratio", 0);
printAtMost(`${name}.voice.p95Ms`, 1e3 * speech.p95(), "ms", 200);
printAtMost(`${name}.voice.lost`, speech.lost, "ratio", 0.01);
printAtMost(`${name}.access.p95Ms`, 1e3 * access.p95(), "ms", 300);
