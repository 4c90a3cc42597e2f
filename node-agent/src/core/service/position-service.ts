import { decodePositionReport, encodePositionReport, FrameKind } from "@skein/codecs";
import { type Address, type PositionReport, Precedence, TrafficClass } from "../api.ts";
import { type CoreState, emit } from "../state.ts";
import type { Outbox } from "./outbox.ts";

/** Reports remembered of each node, and for how long: sequences have eight bits and come round. */
const REMEMBERED = 8;
const REMEMBER_US = 120_000_000;

interface Heard {
  sequence: number;
  atUs: number;
}

/** Position reports of everyone to everyone, each told once: a report may outlive a restart in a neighbour's repair. */
export class PositionService {
  readonly #s: CoreState;
  readonly #outbox: Outbox;
  readonly #heard = new Map<Address, Heard[]>();

  constructor(state: CoreState, outbox: Outbox) {
    this.#s = state;
    this.#outbox = outbox;
  }

  /** Returns the low 8 bits of the report's sequence. */
  report(nowUs: number, report: PositionReport): number {
    const length = encodePositionReport(report, this.#outbox.payload, 0);
    return this.#outbox.group(nowUs, FrameKind.groupAll, 0, TrafficClass.command, Precedence.routine, length);
  }

  handle(nowUs: number, from: Address, sequence: number, octets: Uint8Array, offset: number, length: number): boolean {
    const report = decodePositionReport(octets, offset, length);
    if (report === undefined) return false;
    const heard = this.#heard.get(from) ?? [];
    if (heard.some((h) => h.sequence === sequence && nowUs - h.atUs < REMEMBER_US)) {
      this.#s.counters.count("duplicates");
      return true;
    }
    heard.push({ sequence, atUs: nowUs });
    if (heard.length > REMEMBERED) heard.shift();
    this.#heard.set(from, heard);
    emit(this.#s, { type: "position", from, sequence, report });
    return true;
  }
}
