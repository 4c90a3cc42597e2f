import { decodePositionReport, encodePositionReport, FrameKind } from "@skein/codecs";
import { type Address, type PositionReport, Precedence, TrafficClass } from "../api.ts";
import { type CoreState, emit } from "../state.ts";
import type { Outbox } from "./outbox.ts";

/** Reports remembered of each node, and for how long: sequences have eight bits and come round. */
const REMEMBERED = 8;
const REMEMBER_US = 120_000_000;
/**
 * A report is not held to be an earlier one that comes late when the other came so long ago: repair takes less, and a node that
 * starts anew may begin with just such a sequence.
 */
const LATE_US = 15_000_000;

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
    const late = heard.some((h) => isBehind(sequence, h.sequence) && nowUs - h.atUs < LATE_US);
    heard.push({ sequence, atUs: nowUs });
    if (heard.length > REMEMBERED) heard.shift();
    this.#heard.set(from, heard);
    emit(this.#s, { type: "position", from, sequence, report, late });
    return true;
  }
}

/** True of a sequence that the other one followed within a few reports. */
function isBehind(sequence: number, other: number): boolean {
  const behind = (other - sequence) & 0xff;
  return behind > 0 && behind <= REMEMBERED;
}
