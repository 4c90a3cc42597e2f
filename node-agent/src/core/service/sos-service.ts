import {
  createDataHeader,
  type DataHeader,
  decodeSos,
  decodeSosAcknowledgement,
  encodeSos,
  encodeSosAcknowledgement,
  FrameKind,
  SOS_IDS,
  type SosAcknowledgement,
} from "@skein/codecs";
import { type Address, type PositionReport, Precedence, TrafficClass } from "../api.ts";
import type { GroupRelay } from "../group-relay.ts";
import { MAX_SOS } from "../limits.ts";
import type { Neighbour } from "../neighbour.ts";
import type { Port } from "../port.ts";
import { type CoreState, emit } from "../state.ts";
import type { Outbox } from "./outbox.ts";

/** Pauses between repetitions until somebody acknowledges. On a busy channel three calls in forty are sent over somebody else. */
const REPEAT_US = [300_000, 700_000, 1_400_000, 3_000_000] as const;
/** Then so often for two minutes, for who could answer may come back any time, and less often after that. */
const STEADY_US = 6_000_000;
const STEADY_TRIES = 20;
const LATE_US = 15_000_000;
/**
 * On serial channels alone, whoever speaks unheard by the caller leaves some milliseconds between bundles, 120 ms apart, in which a
 * call gets through. After so many repetitions that were neither answered nor heard to be passed on, it tries at this distance,
 * so often: that comes to each moment of the talker's step.
 */
const SWEEP_AFTER = 2;
const SWEEP_US = 73_000;
const SWEEP_TRIES = 20;
/** The same id of the same node is a new call after this long. */
const FORGET_US = 600_000_000;
/** An answer is told to who comes within reach so long: it may have passed while the way back was still coming up. */
const ANSWER_AGAIN_US = 10_000_000;

interface OwnCall {
  readonly sosId: number;
  readonly kind: number;
  readonly report: PositionReport;
  /** Somebody was heard to pass on a frame of it. */
  isPassedOn: boolean;
  tries: number;
  sweeps: number;
  dueUs: number;
}
/** What a frame to all said. */
interface Said {
  readonly from: Address;
  readonly sequence: number;
  readonly octets: Uint8Array;
  readonly atUs: number;
}
interface HeardCall {
  readonly atUs: number;
  /** The frame that brought it last; undefined while only an answer has come. */
  call: Said | undefined;
  acknowledged: boolean;
  /** The first frame to all that said so; undefined if this node has answered, or heard of it on narrow bearers alone. */
  answer: Said | undefined;
}

/** SOS: flash precedence, every bearer, repeated until acknowledged; heard by everyone. */
export class SosService {
  readonly #s: CoreState;
  readonly #outbox: Outbox;
  readonly #relay: GroupRelay;
  /** Of calls that are said again for others. */
  readonly #header: DataHeader = {
    ...createDataHeader(),
    kind: FrameKind.groupAll,
    trafficClass: TrafficClass.command,
    precedence: Precedence.flash,
  };
  readonly #own = new Map<number, OwnCall>();
  readonly #heard = new Map<number, HeardCall>();
  #nextId: number;
  dueUs = Number.POSITIVE_INFINITY;

  constructor(state: CoreState, outbox: Outbox, relay: GroupRelay) {
    this.#s = state;
    this.#outbox = outbox;
    this.#relay = relay;
    this.#nextId = state.options.bootEpoch % SOS_IDS;
  }

  raise(nowUs: number, kind: number, report: PositionReport): number {
    const sosId = this.#nextId;
    this.#nextId = (this.#nextId + 1) % SOS_IDS;
    const call: OwnCall = {
      sosId,
      kind,
      report: { ...report },
      isPassedOn: false,
      tries: 0,
      sweeps: 0,
      dueUs: nowUs,
    };
    this.#own.set(sosId, call);
    this.#send(nowUs, call);
    return sosId;
  }

  handle(nowUs: number, header: DataHeader, octets: Uint8Array, offset: number, length: number): boolean {
    const { kind, source: from, sequence } = header;
    const acknowledgement = decodeSosAcknowledgement(octets, offset, length);
    const said = { from, sequence, octets: octets.slice(offset, offset + length), atUs: nowUs };
    if (acknowledgement !== undefined) {
      const { area } = this.#s;
      // It crosses areas: where it names none, both are the one of who answers.
      const { sosId, originator, by, areas = { originator: from >>> 8, by: from >>> 8 } } = acknowledgement;
      const caller = (areas.originator << 8) | originator;
      // What was said on narrow bearers alone has numbers of its own, which mean nothing elsewhere.
      const answer = kind === FrameKind.groupAll ? said : undefined;
      const isNew = this.#acknowledged(nowUs, caller, sosId, (areas.by << 8) | by, answer);
      // On narrow bearers nobody of another area can be named as the sender.
      if (isNew && areas.originator === area && from >>> 8 !== area) this.#sayOnNarrow(nowUs, acknowledgement);
      return true;
    }
    const sos = decodeSos(octets, offset, length);
    if (sos === undefined) return false;
    const heard = this.#callOf(nowUs, from, sos.sosId);
    const isNew = heard.call === undefined;
    heard.call = said;
    if (isNew) {
      const report = {
        latitudeDeg: sos.latitudeDeg,
        longitudeDeg: sos.longitudeDeg,
        altitudeM: Number.NaN,
        speedKmh: Number.NaN,
        courseDeg: Number.NaN,
        batteryPercent: sos.batteryPercent,
      };
      emit(this.#s, { type: "sos", from, sosId: sos.sosId, kind: sos.kind, report });
    }
    if (this.#s.options.acknowledgesSos) this.#acknowledge(nowUs, from, sos.sosId);
    return true;
  }

  /** The record of a call, made if it is new. */
  #callOf(nowUs: number, from: Address, sosId: number): HeardCall {
    const key = from * SOS_IDS + sosId;
    const known = this.#heard.get(key);
    if (known !== undefined && nowUs - known.atUs < FORGET_US) return known;
    if (this.#heard.size >= MAX_SOS) {
      for (const oldest of this.#heard.keys()) {
        this.#heard.delete(oldest);
        break;
      }
    }
    const heard: HeardCall = { atUs: nowUs, call: undefined, acknowledged: false, answer: undefined };
    this.#heard.set(key, heard);
    return heard;
  }

  #acknowledge(nowUs: number, caller: Address, sosId: number): void {
    const { area, local: by } = this.#s;
    const short = { sosId, originator: caller & 0xff, by };
    const answer = caller >>> 8 === area ? short : { ...short, areas: { originator: caller >>> 8, by: area } };
    const length = encodeSosAcknowledgement(answer, this.#outbox.payload, 0);
    this.#outbox.group(nowUs, FrameKind.groupAll, 0, TrafficClass.command, Precedence.flash, length);
    this.#acknowledged(nowUs, caller, sosId, this.#s.options.address);
  }

  #sayOnNarrow(nowUs: number, acknowledgement: SosAcknowledgement): void {
    const length = encodeSosAcknowledgement(acknowledgement, this.#outbox.payload, 0);
    this.#outbox.group(nowUs, FrameKind.groupNarrow, 0, TrafficClass.command, Precedence.flash, length);
  }

  /** True if that is news. */
  #acknowledged(nowUs: number, caller: Address, sosId: number, by: Address, answer?: Said): boolean {
    if (caller === this.#s.options.address) {
      if (!this.#own.delete(sosId)) return false;
      this.#schedule();
    } else {
      // An answer may be quicker than what it answers.
      const heard = this.#callOf(nowUs, caller, sosId);
      heard.answer ??= answer;
      if (heard.acknowledged) return false;
      heard.acknowledged = true;
    }
    emit(this.#s, { type: "sos-acknowledged", from: caller, sosId, by });
    return true;
  }

  /** Others have come within reach, who may be the ones to answer. */
  newcomersCame(nowUs: number): void {
    for (const call of this.#own.values()) call.dueUs = nowUs;
    this.#schedule();
  }

  /**
   * A neighbour has come who may be the one to answer, or on the way there: it is told what nobody has answered. Or it is on the
   * way back: it is told what has just been answered.
   */
  linkUp(nowUs: number, port: Port, n: Neighbour): void {
    this.newcomersCame(nowUs);
    for (const { atUs, call, acknowledged, answer } of this.#heard.values()) {
      if (nowUs - atUs >= FORGET_US) continue;
      if (!acknowledged) this.#sayAgain(nowUs, port, n, call);
      else if (answer !== undefined && nowUs - answer.atUs < ANSWER_AGAIN_US) this.#sayAgain(nowUs, port, n, answer);
    }
  }

  #sayAgain(nowUs: number, port: Port, n: Neighbour, said: Said | undefined): void {
    if (said === undefined || said.from === n.address) return;
    // There is no room for an area in a narrow header.
    if (port.narrow && (n.foreign || said.from >>> 8 !== this.#s.area)) return;
    this.#header.source = said.from;
    this.#header.sequence = said.sequence;
    this.#s.counters.count("sos-said-again");
    this.#relay.again(nowUs, port, n, this.#header, said.octets, 0, said.octets.length);
  }

  handleTimeout(nowUs: number): void {
    for (const call of this.#own.values()) if (call.dueUs <= nowUs) this.#send(nowUs, call);
  }

  #send(nowUs: number, call: OwnCall): void {
    const { latitudeDeg, longitudeDeg, batteryPercent } = call.report;
    const length = encodeSos(
      { kind: call.kind, sosId: call.sosId, latitudeDeg, longitudeDeg, batteryPercent },
      this.#outbox.payload,
      0,
    );
    this.#outbox.group(nowUs, FrameKind.groupAll, 0, TrafficClass.command, Precedence.flash, length);
    call.dueUs = nowUs + this.#pauseUs(call);
    this.#schedule();
  }

  #pauseUs(call: OwnCall): number {
    const mayBeDrowned =
      !call.isPassedOn && this.#s.ports.every((port) => !port.up || (port.narrow && port.config.halfDuplex));
    if (call.tries >= SWEEP_AFTER && call.sweeps < SWEEP_TRIES && mayBeDrowned) {
      call.sweeps++;
      return SWEEP_US;
    }
    const isLate = call.tries >= REPEAT_US.length + STEADY_TRIES;
    return REPEAT_US[call.tries++] ?? (isLate ? LATE_US : STEADY_US);
  }

  /** Somebody was heard to pass on a flash frame of this node. */
  passedOn(): void {
    for (const call of this.#own.values()) call.isPassedOn = true;
  }

  #schedule(): void {
    this.dueUs = Number.POSITIVE_INFINITY;
    for (const call of this.#own.values()) this.dueUs = Math.min(this.dueUs, call.dueUs);
  }
}
