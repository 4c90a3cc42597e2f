/**
 * A team's channel in use: six radios at 9600 bit/s, all of which hear each other. For a minute each sends texts to others and
 * its position to all, at random, and one of them raises an SOS:
 *
 *   talk   a text and a position each every 10 s, while one after the other talks, 5 s each and 1 s apart (Codec2, a
 *          bundle each 120 ms)
 *   busy   a text and a position each every 2 s; nobody talks
 *
 * What is told: how long texts, positions, SOS and speech take from hand to hand, what of them is lost, and the time until a
 * talker's first bundle is on the air.
 */
import { VoiceCodec } from "@skein/node-agent/core";
import { RandomStream } from "../sim/random-streams.ts";
import { bundleOf } from "../sim/transcoder.ts";
import { airFrameUs, Field } from "./field.ts";
import { quantile } from "./figures.ts";
import { allPairs } from "./geometry.ts";
import { endProgress, printAtMost, printFigure, progress } from "./print.ts";

const SEEDS = 40;
const NODES = 6;
const EVERYONE = Array.from({ length: NODES }, (_, node) => node);
const SETTLE_US = 40_000_000;
const USE_US = 60_000_000;
/** What has not come by then is lost. */
const REST_US = 20_000_000;
const TALK_US = 5_000_000;
const PAUSE_US = 1_000_000;
const BUNDLE_US = 120_000;
const BUNDLE_TIMESTAMPS = 6;
const BUNDLE_FRAME_OCTETS = 39;
const GROUP = 1;
const TEXT_OCTETS = 30;
const SOS_KIND = 1;
const FIX = { latitudeDeg: 31.1, longitudeDeg: 103.6, altitudeM: 900, speedKmh: 3, courseDeg: 90, batteryPercent: 80 };

/** When something was handed to a core, by what it is and for whom, until it comes. */
class Delays {
  readonly #tookS: number[] = [];
  readonly #sentUs = new Map<string, number>();
  #sent = 0;

  send(key: string, atUs: number): void {
    this.#sentUs.set(key, atUs);
    this.#sent++;
  }

  came(key: string, atUs: number): void {
    const sentUs = this.#sentUs.get(key);
    if (sentUs === undefined) return;
    this.#sentUs.delete(key);
    this.#tookS.push((atUs - sentUs) / 1e6);
  }

  /** 0..1 of what was sent. */
  get lost(): number {
    return 1 - this.#tookS.length / this.#sent;
  }

  /** Seconds; NaN of nothing. */
  quantile(share: number): number {
    return quantile(this.#tookS, share);
  }
}

class Told {
  readonly texts = new Delays();
  readonly positions = new Delays();
  readonly alarms = new Delays();
  readonly speech = new Delays();
  readonly access = new Delays();
}

class Team {
  readonly #told: Told;
  readonly #random: RandomStream;
  readonly #field: Field;
  readonly #startUs: number;

  constructor(seed: number, told: Told) {
    this.#told = told;
    this.#random = new RandomStream(seed, "team");
    const field = new Field({ nodes: NODES, seed, media: [{ name: "air", kind: "air9600" }] });
    this.#field = field;
    for (const [a, b] of allPairs(EVERYONE)) field.join(0, a, b);
    for (const node of EVERYONE) field.at(field.nowUs + this.#random.unit() * 200_000, () => field.start(node));
    field.run(SETTLE_US);
    this.#startUs = field.nowUs;
    this.#listen();
  }

  use(everyUs: number): void {
    for (const node of EVERYONE) {
      this.#often(everyUs, () => this.#write(node));
      this.#often(everyUs, () => this.#report(node, false));
    }
    const alarmUs = this.#startUs + (0.2 + 0.6 * this.#random.unit()) * USE_US;
    this.#field.at(alarmUs, () => this.#report(this.#someone(), true));
    this.#field.run(USE_US + REST_US);
  }

  talk(): void {
    const { access, speech } = this.#told;
    const endUs = this.#startUs + USE_US;
    let burst = 0;
    for (let fromUs = this.#startUs; fromUs + TALK_US <= endUs; fromUs += TALK_US + PAUSE_US, burst++) {
      const talker = this.#someone();
      const name = `${this.#field.addresses[talker]}/${burst}`;
      this.#field.at(fromUs, () => access.send(name, fromUs));
      for (let bundle = 0; bundle * BUNDLE_US < TALK_US; bundle++) {
        const own = burst;
        const timestamp = bundle * BUNDLE_TIMESTAMPS;
        this.#field.at(fromUs + bundle * BUNDLE_US, () =>
          this.#field.use(talker, (core, nowUs) => {
            core.sendVoice(nowUs, GROUP, own, VoiceCodec.codec2_1300, timestamp, bundleOf(0, 0b111));
            for (const node of EVERYONE) if (node !== talker) speech.send(`${name}/${timestamp}/${node}`, nowUs);
          }),
        );
      }
    }
  }

  #listen(): void {
    const { texts, positions, alarms, speech, access } = this.#told;
    this.#field.onEvent = (node, event) => {
      const { nowUs } = this.#field;
      if (event.type === "text") texts.came(`${event.from}/${event.messageId}`, nowUs);
      else if (event.type === "position") positions.came(`${event.from}/${event.sequence}/${node}`, nowUs);
      else if (event.type === "sos") alarms.came(`${event.from}/${event.sosId}/${node}`, nowUs);
      else if (event.type === "voice") {
        const name = `${event.talker}/${event.burst}`;
        speech.came(`${name}/${event.timestamp20ms}/${node}`, nowUs);
        if (event.timestamp20ms === 0) access.came(name, nowUs - airFrameUs(BUNDLE_FRAME_OCTETS));
      }
    };
  }

  #someone(): number {
    return Math.floor(this.#random.unit() * NODES);
  }

  #often(everyUs: number, action: () => void): void {
    for (let us = this.#random.unit() * everyUs; us < USE_US; us += everyUs * (0.5 + this.#random.unit()))
      this.#field.at(this.#startUs + us, action);
  }

  #write(node: number): void {
    const to = (node + 1 + Math.floor(this.#random.unit() * (NODES - 1))) % NODES;
    this.#field.use(node, (core, nowUs) => {
      const messageId = core.sendText(nowUs, this.#field.addresses[to] as number, new Uint8Array(TEXT_OCTETS));
      this.#told.texts.send(`${this.#field.addresses[node]}/${messageId}`, nowUs);
    });
  }

  #report(node: number, sos: boolean): void {
    const delays = sos ? this.#told.alarms : this.#told.positions;
    this.#field.use(node, (core, nowUs) => {
      const id = sos ? core.raiseSos(nowUs, SOS_KIND, FIX) : core.reportPosition(nowUs, FIX);
      for (const other of EVERYONE)
        if (other !== node) delays.send(`${this.#field.addresses[node]}/${id}/${other}`, nowUs);
    });
  }
}

for (const [situation, everyUs] of [
  ["talk", 10_000_000],
  ["busy", 2_000_000],
] as const) {
  const told = new Told();
  for (let seed = 1; seed <= SEEDS; seed++) {
    progress(`a team's channel, ${situation}: seed ${seed} of ${SEEDS}`);
    const team = new Team(seed, told);
    if (situation === "talk") team.talk();
    team.use(everyUs);
  }
  endProgress();
  const name = `routing.air9600.${situation}`;
  printFigure(`${name}.text.s`, told.texts.quantile(0.5), "s");
  printAtMost(`${name}.text.p95S`, told.texts.quantile(0.95), "s", 4);
  printAtMost(`${name}.text.lost`, told.texts.lost, "ratio", 0);
  printFigure(`${name}.position.s`, told.positions.quantile(0.5), "s");
  printAtMost(`${name}.position.p95S`, told.positions.quantile(0.95), "s", 4);
  printAtMost(`${name}.position.lost`, told.positions.lost, "ratio", 0.01);
  printAtMost(`${name}.sos.p95S`, told.alarms.quantile(0.95), "s", 1);
  printAtMost(`${name}.sos.lost`, told.alarms.lost, "ratio", 0);
  if (situation === "busy") continue;
  printAtMost(`${name}.voice.p95Ms`, 1e3 * told.speech.quantile(0.95), "ms", 200);
  printAtMost(`${name}.voice.lost`, told.speech.lost, "ratio", 0.01);
  printAtMost(`${name}.access.p95Ms`, 1e3 * told.access.quantile(0.95), "ms", 300);
}
