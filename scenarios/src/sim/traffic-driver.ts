import { type MeshCore, type NodeEvent, VoiceCodec } from "@skein/node-agent/core";
import { talkTurns } from "../scenario/load.ts";
import type { Scenario, ScenarioNode } from "../scenario/schema.ts";
import type { World } from "../world/world.ts";
import { hasWideRadio } from "./core-options.ts";
import { EventKind } from "./event-kind.ts";
import { NO_NODE } from "./event-queue.ts";
import { PositionDriver } from "./position-driver.ts";
import { SosDriver } from "./sos-driver.ts";
import { TextDriver } from "./text-driver.ts";
import {
  bundleOf,
  FLUSH_US,
  FRAMES_PER_BUNDLE,
  framesOfBundle,
  makerOf,
  opusFrame,
  type Transcoded,
  Transcoder,
} from "./transcoder.ts";
import { VideoDriver } from "./video-driver.ts";
import { VOICE_FRAME_US, VoiceLedger } from "./voice-ledger.ts";

/** Decoding and coding one frame. */
const TRANSCODE_US = 5_000;
const FIRST_POLICY_US = 2_000_000;
const POLICY_OCTETS = 96;
const UNITS_PER_FRAME = 2;
/** Maker of a payload that nobody transcoded. */
const TALKER = 0;
const FIRST_FRAME = [0];

/** What the driver asks of the kernel. */
export interface TrafficHost {
  schedule(atUs: number, kind: number, node: number, argument: number): void;
  core(node: number): MeshCore | undefined;
  indexOf(address: number): number;
  addressOf(node: number): number;
  /** The driver has called a core: its owner must look after it. */
  touched(node: number): void;
}

interface Turn {
  readonly by: number;
  readonly group: number;
  readonly fromUs: number;
  readonly toUs: number;
  readonly narrow: boolean;
  burst: number;
  frame: number;
}

/** Speaks, films, writes and reports as the scenario says, and keeps the books on what arrives. */
export class TrafficDriver {
  readonly voice = new VoiceLedger();
  readonly positions: PositionDriver;
  readonly texts: TextDriver;
  readonly video: VideoDriver;
  readonly sos: SosDriver;

  readonly #scenario: Scenario;
  readonly #world: World;
  readonly #host: TrafficHost;
  readonly #turns: Turn[];
  readonly #bursts: Uint16Array;
  readonly #transcoders: Transcoder[];
  readonly #transcoded: Transcoded[] = [];
  readonly #freeTranscoded: number[] = [];
  readonly #policies: { version: number; octets: Uint8Array }[];
  #policyVersion = 0;

  readonly #heardBy: (a: number, b: number) => boolean;

  constructor(scenario: Scenario, seed: number, untilUs: number, world: World, host: TrafficHost) {
    this.#scenario = scenario;
    this.#world = world;
    this.#host = host;
    this.positions = new PositionDriver(scenario, seed, world, host);
    this.texts = new TextDriver(scenario, untilUs, world, host);
    this.video = new VideoDriver(scenario, untilUs, world, host);
    this.sos = new SosDriver(scenario, world, host);
    this.#heardBy = (a, b) => world.connected(a, b);
    this.#bursts = new Uint16Array(scenario.nodes.length);
    this.#policies = scenario.nodes.map(() => ({ version: 0, octets: new Uint8Array(0) }));
    this.#transcoders = scenario.nodes.map((_, i) => new Transcoder(i + 1));
    this.#turns = talkTurns(scenario, untilUs).map((t) => {
      const by = world.nodeIndex(t.by);
      const narrow = !hasWideRadio(scenario, scenario.nodes[by] as ScenarioNode);
      return { by, group: t.group, fromUs: t.fromUs, toUs: t.toUs, narrow, burst: 0, frame: 0 };
    });
    this.#schedule();
  }

  happen(nowUs: number, kind: number, node: number, argument: number): void {
    switch (kind) {
      case EventKind.voice:
        return this.#speak(nowUs, argument);
      case EventKind.video:
        return this.video.film(nowUs, argument);
      case EventKind.transcoded:
        return this.#sendTranscoded(nowUs, node, argument);
      case EventKind.flush:
        return this.#afterTranscoding(nowUs, node, (this.#transcoders[node] as Transcoder).flush(nowUs));
      case EventKind.position:
        return this.positions.happen(nowUs, node, argument);
      case EventKind.text:
        return this.texts.write(nowUs, argument);
      case EventKind.sos:
        return this.sos.raise(nowUs, argument);
      case EventKind.policy:
        return this.#publish(nowUs, node);
    }
  }

  /** A core handed something up. */
  event(nowUs: number, node: number, event: NodeEvent): void {
    switch (event.type) {
      case "voice":
        return this.#heard(nowUs, node, event);
      case "video":
        return this.video.received(nowUs, node, this.#host.indexOf(event.from), event.octets);
      case "position":
        this.positions.reports.delivered(nowUs, this.#host.indexOf(event.from), event.sequence, node);
        return;
      case "policy":
        this.#policies[node] = { version: event.version, octets: event.octets.slice() };
        return;
      case "newcomers":
        return this.positions.othersHaveCome(nowUs, node);
      case "text":
        return this.texts.delivered(nowUs, node, event);
      case "text-state":
        return this.texts.changed(node, event);
      case "sos-acknowledged":
        if (this.#host.indexOf(event.from) === node) this.sos.acknowledged(nowUs, node, event.sosId);
    }
  }

  /** A node starts, with what its storage kept: the policy, texts and calls for help, not positions. */
  booted(nowUs: number, node: number, core: MeshCore): void {
    this.positions.booted(nowUs, node);
    const policy = this.#policies[node];
    if (policy !== undefined) core.restorePolicy(policy.version, policy.octets);
    this.texts.booted(nowUs, node, core);
    this.sos.booted(nowUs, node, core);
  }

  /** Nodes have moved, or links and nodes have gone or come back; also to be told before the books are read. */
  pathsChanged(nowUs: number): void {
    this.texts.pathsChanged(nowUs);
    this.sos.pathsChanged(nowUs);
  }

  controllerIsBack(nowUs: number): void {
    for (const [i, n] of this.#scenario.nodes.entries()) {
      if (n.controller) this.#host.schedule(nowUs, EventKind.policy, i, 0);
    }
  }

  #schedule(): void {
    for (const [i, node] of this.#scenario.nodes.entries()) {
      if (node.controller) this.#host.schedule(FIRST_POLICY_US, EventKind.policy, i, 0);
    }
    for (const [i, turn] of this.#turns.entries()) {
      this.#host.schedule(turn.fromUs + this.#stepUs(turn), EventKind.voice, NO_NODE, i);
    }
    for (const [i, atUs] of this.texts.dueUs.entries()) this.#host.schedule(atUs, EventKind.text, NO_NODE, i);
    for (const [i, sos] of this.#scenario.traffic.sos.entries()) this.#host.schedule(sos.at, EventKind.sos, NO_NODE, i);
  }

  /** Speech that one call of `sendVoice` takes: a frame, or a bundle of three on nodes with a narrow radio alone. */
  #stepUs(turn: Turn): number {
    return turn.narrow ? VOICE_FRAME_US * FRAMES_PER_BUNDLE : VOICE_FRAME_US;
  }

  #speak(nowUs: number, index: number): void {
    const turn = this.#turns[index] as Turn;
    const core = this.#host.core(turn.by);
    if (turn.frame === 0) this.#press(turn);
    const stepUs = this.#stepUs(turn);
    if (nowUs + stepUs <= turn.toUs) this.#host.schedule(nowUs + stepUs, EventKind.voice, NO_NODE, index);
    const frames = turn.narrow ? FRAMES_PER_BUNDLE : 1;
    const first = turn.frame;
    turn.frame += frames;
    if (core === undefined) return;
    for (let i = 0; i < frames; i++) this.voice.sent(turn.by, turn.burst, first + i, this.#heardBy);
    const payload = turn.narrow ? bundleOf(TALKER, 0b111) : opusFrame(TALKER);
    const codec = turn.narrow ? VoiceCodec.codec2_1300 : VoiceCodec.opus;
    core.sendVoice(nowUs, turn.group, turn.burst, codec, first * UNITS_PER_FRAME, payload);
    this.#host.touched(turn.by);
  }

  #press(turn: Turn): void {
    turn.burst = ((this.#bursts[turn.by] as number) + 1) % 32;
    this.#bursts[turn.by] = turn.burst;
    const members = this.#scenario.groups.find((g) => g.number === turn.group)?.members ?? [];
    const listeners = members.map((m) => this.#world.nodeIndex(m)).filter((i) => i !== turn.by);
    const frames = Math.ceil((turn.toUs - turn.fromUs) / VOICE_FRAME_US) + FRAMES_PER_BUNDLE;
    this.voice.begin(turn.by, turn.burst, turn.group, turn.fromUs, listeners, frames);
  }

  #heard(nowUs: number, node: number, event: NodeEvent & { type: "voice" }): void {
    const talker = this.#host.indexOf(event.talker);
    const first = event.timestamp20ms / UNITS_PER_FRAME;
    const maker = makerOf(event.payload);
    const frames = event.codec === VoiceCodec.opus ? FIRST_FRAME : framesOfBundle(event.payload);
    if (!event.again) for (const i of frames) this.voice.arrived(nowUs, node, talker, event.burst, first + i, maker);
    if (!event.bridge) return;
    const { group, burst, timestamp20ms, payload } = event;
    const transcoder = this.#transcoders[node] as Transcoder;
    if (event.codec === VoiceCodec.opus) {
      this.#afterTranscoding(nowUs, node, transcoder.pushOpus(nowUs, event.talker, group, burst, timestamp20ms));
      this.#host.schedule(nowUs + FLUSH_US, EventKind.flush, node, 0);
    } else {
      this.#afterTranscoding(nowUs, node, transcoder.pushBundle(event.talker, group, burst, timestamp20ms, payload));
    }
  }

  #afterTranscoding(nowUs: number, node: number, frames: Transcoded[]): void {
    for (const frame of frames) {
      const slot = this.#freeTranscoded.pop() ?? this.#transcoded.length;
      this.#transcoded[slot] = frame;
      this.#host.schedule(nowUs + TRANSCODE_US, EventKind.transcoded, node, slot);
    }
  }

  #sendTranscoded(nowUs: number, node: number, slot: number): void {
    const f = this.#transcoded[slot] as Transcoded;
    this.#freeTranscoded.push(slot);
    const core = this.#host.core(node);
    if (core === undefined) return;
    core.sendBridgedVoice(nowUs, f.talker, f.group, f.burst, f.codec, f.timestamp20ms, f.payload);
    this.#host.touched(node);
  }

  #publish(nowUs: number, node: number): void {
    const core = this.#host.core(node);
    if (core === undefined || !this.#world.controllerUp(node)) return;
    const octets = new Uint8Array(POLICY_OCTETS).fill(++this.#policyVersion);
    core.publishPolicy(nowUs, this.#policyVersion, octets);
    this.#policies[node] = { version: this.#policyVersion, octets };
    this.#host.touched(node);
  }
}
