import { MAX_FRAME_OCTETS } from "@skein/node-agent/core";
import { RandomStream } from "../sim/random-streams.ts";
import type { LinkTable } from "./link-table.ts";

/** Everyone whose link has no latency of its own. */
const EVERYONE = -1;

/** What a radio asks of its field. */
export interface RadioHost {
  schedule(atUs: number, flight: number): void;
  deliver(to: number, from: number, octets: Uint8Array, length: number): void;
}

interface Flight {
  from: number;
  to: number;
  length: number;
  readonly octets: Uint8Array;
}

/**
 * A wide medium without contention: what is sent reaches whoever has a link from the sender when it arrives, after
 * time on air and latency, unless it is lost. The core paces itself by the bitrate, so that its own frames follow
 * each other. As `wires` a frame for one endpoint goes to that one alone.
 */
export class Radio {
  readonly #links: LinkTable;
  readonly #host: RadioHost;
  readonly #bitrateBps: number;
  readonly #latencyUs: number;
  readonly #wires: boolean;
  readonly #random: RandomStream;
  readonly #flights: Flight[] = [];
  readonly #free: number[] = [];
  lost = 0;

  constructor(
    name: string,
    links: LinkTable,
    air: { bitrateBps: number; latencyUs: number; wires: boolean },
    seed: number,
    host: RadioHost,
  ) {
    this.#links = links;
    this.#host = host;
    this.#bitrateBps = air.bitrateBps;
    this.#latencyUs = air.latencyUs;
    this.#wires = air.wires;
    this.#random = new RandomStream(seed, `loss/${name}`);
  }

  send(nowUs: number, from: number, endpoint: number, octets: Uint8Array, length: number): void {
    const arrivalUs = nowUs + this.#latencyUs + Math.ceil((length * 8e6) / this.#bitrateBps);
    const only = this.#wires && endpoint >= 0 ? endpoint : EVERYONE;
    let near = 0;
    for (const link of this.#links.of(from)) {
      if (only !== EVERYONE && link.to !== only) continue;
      if (link.extraUs === 0 && only === EVERYONE) near++;
      else this.#host.schedule(arrivalUs + link.extraUs, this.#hold(from, link.to, octets, length));
    }
    if (near > 0) this.#host.schedule(arrivalUs, this.#hold(from, EVERYONE, octets, length));
  }

  arrive(handle: number): void {
    const flight = this.#flights[handle] as Flight;
    // The list may not change meanwhile: links change between events.
    for (const link of this.#links.of(flight.from)) {
      if (flight.to === EVERYONE ? link.extraUs !== 0 : link.to !== flight.to) continue;
      if (link.loss > 0 && this.#random.unit() < link.loss) this.lost++;
      else this.#host.deliver(link.to, flight.from, flight.octets, flight.length);
    }
    this.#free.push(handle);
  }

  #hold(from: number, to: number, octets: Uint8Array, length: number): number {
    let handle = this.#free.pop();
    if (handle === undefined) {
      handle = this.#flights.length;
      this.#flights.push({ from, to, length, octets: new Uint8Array(MAX_FRAME_OCTETS) });
    }
    const flight = this.#flights[handle] as Flight;
    flight.from = from;
    flight.to = to;
    flight.length = length;
    for (let i = 0; i < length; i++) flight.octets[i] = octets[i] as number;
    return handle;
  }
}
