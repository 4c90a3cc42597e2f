import { CLASS_COUNT, SealFormat, sealFormat } from "@skein/codecs";
import { TrafficClass, type TransmitSlot } from "./api.ts";
import { FLASH_LEVELS, HEAVY_LEVEL, URGENT_LEVELS } from "./bearer-queue.ts";
import { type ControlParts, ControlSender } from "./control-sender.ts";
import { noteControl } from "./control-share.ts";
import { type DataParts, DataSender, windowOf } from "./data-sender.ts";
import type { Hellos } from "./hellos.ts";
import { CATCH_UP_US } from "./limits.ts";
import { OutgoingFrame } from "./outgoing-frame.ts";
import { airtimeUs, type Port } from "./port.ts";
import type { CoreState } from "./state.ts";
import { drawOrder, giveFirstTurn, keepFirstTurn, noticeTurn } from "./turn-order.ts";
import {
  accessUs,
  burstAirtimeUs,
  channelQuiet,
  inBurst,
  isSettling,
  mayFollow,
  tellsOfTalk,
  type Urgency,
} from "./turn-taking.ts";

const EVER = Number.POSITIVE_INFINITY;

/**
 * The way out: decides what each bearer sends next, and when. Order on a bearer: flash and voice, repetitions, reports,
 * hellos and link state (before repetitions while newcomers to a narrow channel settle), the rest.
 */
export class Transmitter {
  readonly #s: CoreState;
  readonly #hellos: Hellos;
  readonly #frame: OutgoingFrame;
  readonly #control: ControlSender;
  readonly #data: DataSender;
  /** Bearers in turn, the quickest first. */
  readonly #ports: readonly Port[];
  #nextPort = 0;
  /** When it was last asked for a frame. */
  #polledUs = 0;

  constructor(state: CoreState, parts: ControlParts & DataParts) {
    this.#s = state;
    this.#ports = state.ports.toSorted((a, b) => a.config.latencyUs - b.config.latencyUs);
    this.#hellos = parts.hellos;
    this.#frame = new OutgoingFrame(state, parts.arq);
    this.#control = new ControlSender(state, this.#frame, parts);
    this.#data = new DataSender(state, this.#frame, parts);
  }

  poll(nowUs: number, slot: TransmitSlot): boolean {
    // Handing a frame to the system takes a tenth of a millisecond: of two copies the quicker goes first.
    if (nowUs !== this.#polledUs) this.#nextPort = 0;
    this.#polledUs = nowUs;
    const ports = this.#ports;
    for (let i = 0; i < ports.length; i++) {
      const port = ports[(this.#nextPort + i) % ports.length] as Port;
      if (!port.up || port.carrierBusy || (nowUs < this.#accessUs(port) && !mayFollow(port, this.#s.local, nowUs)))
        continue;
      this.#frame.trafficClass = CLASS_COUNT;
      this.#frame.session = -1;
      this.#frame.tellsOfTalkUs = tellsOfTalk(port, nowUs) ? nowUs : -1;
      if (port.burstNews.length > 0 && !inBurst(port, nowUs)) port.burstNews.length = 0;
      if (!this.#pollPort(nowUs, port, slot)) continue;
      slot.bearerId = port.config.id;
      this.#onAir(nowUs, port, slot);
      this.#nextPort = (this.#nextPort + i + 1) % ports.length;
      return true;
    }
    return false;
  }

  /** When this bearer could send something that is waiting; Infinity if nothing waits. */
  nextUs(port: Port): number {
    if (!port.up || port.carrierBusy) return EVER;
    if (
      port.queue.isReady(windowOf(port)) ||
      port.repeats.length > 0 ||
      port.direct.length > 0 ||
      port.suspicions.length > 0 ||
      port.keyAnswers.length > 0 ||
      this.#data.fragmentReady(port)
    )
      return this.#accessUs(port);
    const controlUs = Math.min(this.#control.helloDueUs(port), this.#control.paced(port, port.updateDueUs));
    return Math.max(
      Math.min(
        controlUs,
        port.newsAgainDueUs,
        port.badNewsDueUs,
        port.snapshotDueUs,
        port.labelDueUs,
        port.answerDueUs,
      ),
      this.#accessUs(port),
    );
  }

  /** When this bearer may next begin to transmit: its own pace, and on half-duplex media its turn. */
  #accessUs(port: Port): number {
    if (!port.config.halfDuplex) return port.accessUs;
    return Math.max(port.accessUs, accessUs(port, this.#s.local, urgencyOf(port), this.#polledUs));
  }

  #onAir(nowUs: number, port: Port, slot: TransmitSlot): void {
    const length = slot.length;
    const air = burstAirtimeUs(port, nowUs, airtimeUs(port.config, length));
    port.framesSent++;
    port.octetsSent += length;
    port.traffic.sent(this.#frame.trafficClass, length);
    port.rules.sent(length);
    port.airtimeUs += air;
    const second = Math.floor(nowUs / 1e6);
    if (second !== port.airtimeSecond) {
      for (let s = Math.max(port.airtimeSecond + 1, second - 9); s <= second; s++) port.airtimeBySecond[s % 10] = 0;
      port.airtimeSecond = second;
    }
    port.airtimeBySecond[second % 10] = (port.airtimeBySecond[second % 10] as number) + air;
    // Bitrate pacing; the last frame may overlap the next by nothing, so that the device's own queue stays empty.
    // A process that sleeps makes up for what it could have sent meanwhile; who shares a channel must not.
    port.accessUs = Math.max(port.accessUs, port.config.halfDuplex ? nowUs : nowUs - CATCH_UP_US) + air;
    if (port.narrow) this.#onNarrowAir(nowUs, port, air);
    if (port.config.halfDuplex) this.#onHalfDuplexAir(nowUs, port, slot);
  }

  #onHalfDuplexAir(nowUs: number, port: Port, slot: TransmitSlot): void {
    const isShared = sealFormat(slot.octets) === SealFormat.shared;
    const isVoice = isShared && this.#frame.trafficClass === TrafficClass.voice;
    noticeTurn(port, this.#s.local, isVoice, port.burstStartUs, nowUs - port.quietSinceUs);
    channelQuiet(port, port.accessUs, this.#s.random);
    drawOrder(port, slot.octets, slot.length - port.tagOctets, isVoice);
    const { turnFirst } = this.#frame;
    if (turnFirst === this.#s.local) keepFirstTurn(port, turnFirst, port.accessUs);
    else if (turnFirst > 0) giveFirstTurn(port, turnFirst, port.accessUs);
    this.#frame.turnFirst = 0;
  }

  #onNarrowAir(nowUs: number, port: Port, airUs: number): void {
    if (this.#frame.isControl) noteControl(port, nowUs, airUs, this.#s.local);
    this.#frame.isControl = false;
    this.#hellos.sentAny(nowUs, port);
  }

  #pollPort(nowUs: number, port: Port, slot: TransmitSlot): boolean {
    if (port.queue.count > 0 && this.#hellos.introducesItself(nowUs, port))
      return this.#control.hello(nowUs, port, slot);
    if (port.suspicions.length > 0 && this.#control.suspicion(port, slot)) return true;
    if (port.keyAnswers.length > 0 && this.#control.keyAnswer(nowUs, port, slot)) return true;
    if (port.queue.urgency() < URGENT_LEVELS && this.#data.fromQueue(nowUs, port, slot)) return true;
    if (port.newsAgainDueUs <= nowUs) this.#data.sayAgain(nowUs, port);
    if (port.badNewsDueUs <= nowUs) return this.#control.update(nowUs, port, slot, true);
    if (port.labelDueUs <= nowUs && this.#control.labelOffer(port, slot)) return true;
    if (port.snapshotDueUs <= nowUs && this.#control.snapshot(nowUs, port, slot)) return true;
    // Newcomers wait for a way to everybody: that is soon said, and what they have to say themselves needs it.
    if (isSettling(port, nowUs) && this.#control.due(nowUs, port, slot)) return true;
    return (
      this.#data.repeat(nowUs, port, slot) ||
      this.#control.answers(nowUs, port, slot) ||
      // A turn on a narrow channel comes seldom, and link state is told for the sake of such messages.
      (port.narrow && this.#command(nowUs, port, slot)) ||
      this.#control.due(nowUs, port, slot) ||
      (!port.narrow && this.#command(nowUs, port, slot)) ||
      this.#data.fragment(nowUs, port, this.#data.fragmentingOf(port, true), slot) ||
      this.#data.fromQueue(nowUs, port, slot)
    );
  }

  /** What is more urgent than video and bulk: one that is on its way in parts, then others. */
  #command(nowUs: number, port: Port, slot: TransmitSlot): boolean {
    if (this.#data.fragment(nowUs, port, this.#data.fragmentingOf(port, false), slot)) return true;
    return port.queue.urgency() < HEAVY_LEVEL && this.#data.fromQueue(nowUs, port, slot);
  }

  /** What was just sent on this channel was sent over somebody else. */
  spoiled(port: Port): void {
    this.#data.spoiled(port);
  }
}

/** Nobody can open the frames of a node before its hello: that does not wait until somebody has finished talking. */
function urgencyOf(port: Port): Urgency {
  if (port.turnUrgent) return "flash";
  if (port.keyAnswers.length > 0 || port.snapshotUrgent) return "flash";
  const level = port.queue.urgency();
  if (level < 0 || level >= URGENT_LEVELS) return "ordinary";
  return level < FLASH_LEVELS ? "flash" : "voice";
}
