import { createDataHeader, type DataHeader, FrameKind } from "@skein/codecs";
import { Precedence, TrafficClass } from "./api.ts";
import { isClosed } from "./bearer-rules.ts";
import { MAX_PAYLOAD_OCTETS, PATH_FRAME_AGE_US } from "./limits.ts";
import type { Neighbour } from "./neighbour.ts";
import { findNeighbour, isUsable, type Port } from "./port.ts";
import { type CoreState, emit } from "./state.ts";

/** Frames over a bearer that their sender chose: neither routed, nor acknowledged, nor repeated here. */
export class PathFrames {
  readonly #s: CoreState;
  readonly #header: DataHeader = createDataHeader();

  constructor(state: CoreState) {
    this.#s = state;
    this.#header.kind = FrameKind.path;
    this.#header.trafficClass = TrafficClass.bulk;
    this.#header.precedence = Precedence.routine;
  }

  bearersTo(nowUs: number, address: number): Port[] {
    return this.#s.ports.filter((port) => this.#neighbour(nowUs, port, address) !== undefined);
  }

  send(nowUs: number, address: number, port: Port, octets: Uint8Array, from: number, length: number): boolean {
    const { pool, counters } = this.#s;
    const n = this.#neighbour(nowUs, port, address);
    if (n === undefined) return false;
    if (!this.#s.classRules.admits(nowUs, TrafficClass.bulk, length)) {
      counters.drop("class-rate", TrafficClass.bulk, port.config.id);
      return false;
    }
    if (length > MAX_PAYLOAD_OCTETS) {
      counters.drop("too-long");
      return false;
    }
    const slot = pool.allocate(this.#header, undefined, octets, from, length);
    if (slot === -1) {
      counters.drop("pool-empty");
      return false;
    }
    pool.neighbour[slot] = n.index;
    pool.deadlineUs[slot] = nowUs + PATH_FRAME_AGE_US;
    port.queue.push(slot);
    port.lastDataUs = nowUs;
    return true;
  }

  /** What stands behind the kind of a frame; false if it is malformed. */
  handle(nowUs: number, port: Port, n: Neighbour, octets: Uint8Array, from: number, end: number): boolean {
    if (end - from < (port.shared ? 2 : 1)) return false;
    // On a shared bearer everybody hears it; ids are those of the own area.
    if (port.shared && (n.foreign || octets[from] !== this.#s.local)) {
      this.#s.counters.count("overheard");
      return true;
    }
    port.lastDataUs = nowUs;
    const body = port.shared ? from + 1 : from;
    emit(this.#s, {
      type: "bulk",
      from: n.address,
      bearerId: port.config.id,
      octets: this.#s.slab.copyOf(octets, body, end),
    });
    return true;
  }

  #neighbour(nowUs: number, port: Port, address: number): Neighbour | undefined {
    if (port.narrow) return undefined;
    const n = findNeighbour(port, this.#s.area, address);
    if (n === undefined || !isUsable(port, n, nowUs) || (port.shared && n.foreign)) return undefined;
    if (isClosed(port.rules, n.closedTo, TrafficClass.bulk)) return undefined;
    return port.shared || n.receiverIndex >= 0 ? n : undefined;
  }
}
