import { strict as assert } from "node:assert";
import { copyOctets } from "@skein/codecs";
import { MAX_FRAME_OCTETS } from "@skein/node-agent/core";
import type { Network } from "../scenario/schema.ts";
import type { World } from "../world/world.ts";
import { drawUint32, streamKey } from "./random-streams.ts";

/** IPv6 (40), UDP (8) and a radio's own framing. */
const IP_OVERHEAD_OCTETS = 60;
/** COBS code octet, CRC-16 and delimiter around a frame on a UART. */
const UART_OVERHEAD_OCTETS = 4;
/** Start bit, 8 data bits, stop bit. */
const UART_BITS_PER_OCTET = 10;
/** What a receiver needs to notice a carrier. */
const CARRIER_DETECT_US = 3_000;
/** An IP radio waits a random time of at most this when the channel has become quiet. */
const BACKOFF_US = 400;
const TWO_32_PER_PPM = 2 ** 32 / 1e6;

/** What the medium needs to know of the world. */
export type MediumWorld = Pick<World, "networks" | "members" | "lossPpm"> & {
  readonly nodes: readonly { readonly name: string }[];
};

/** What the medium asks of the kernel. Handles of frames are small integers. */
export interface MediumHost {
  scheduleArrival(atUs: number, frame: number): void;
  scheduleCarrier(atUs: number, frame: number, busy: boolean): void;
  scheduleAccess(atUs: number, node: number, network: number): void;
  /** A frame of `from` is heard; `octets` is the medium's: the next listener hears the same. */
  deliver(node: number, network: number, endpoint: number, octets: Uint8Array, length: number, from: number): void;
  carrier(node: number, network: number, busy: boolean): void;
}

export interface MediumCounters {
  sent: number;
  delivered: number;
  lost: number;
  collided: number;
  refused: number;
  longestQueueUs: number;
}

interface Frame {
  network: number;
  from: number;
  /** Node index, or -1 for everyone. */
  to: number;
  queuedUs: number;
  startUs: number;
  endUs: number;
  length: number;
  readonly octets: Uint8Array;
  /** Receivers at which another transmission overlapped. */
  readonly spoiled: Uint8Array;
  /** Receivers that have noticed the carrier. */
  readonly noticed: Uint8Array;
}

/**
 * Everything between a transmitter and its receivers: rate, queue, delay, loss, collisions.
 *
 *   shared IP radio   carrier sense is the radio's own: a transmission waits until it is quiet where its sender is;
 *                     hidden senders do not spoil each other (the radio's own slots or handshakes see to that)
 *   serial radio      half duplex: starts at once, spoils what overlaps at a receiver, cannot hear meanwhile
 *   point to point    one pipe a direction with its own queue
 */
export class Medium {
  readonly counters: MediumCounters = { sent: 0, delivered: 0, lost: 0, collided: 0, refused: 0, longestQueueUs: 0 };
  readonly #world: MediumWorld;
  readonly #host: MediumHost;
  readonly #nodes: number;
  readonly #frames: Frame[] = [];
  readonly #free: number[] = [];
  /** By [network][node]: when the channel is quiet there, and what the device has queued; by cell for pipes. */
  readonly #quietUs: Float64Array;
  readonly #waiting: number[][];
  readonly #backoffKeys: Int32Array;
  readonly #backoffDraws: Uint32Array;
  readonly #pipeUs: Float64Array;
  readonly #airtimeUs: Float64Array;
  /** Until when the time on air is counted already: what overlaps counts once. */
  readonly #countedUs: Float64Array;
  readonly #carriers: Uint8Array;
  readonly #offUs: Float64Array;
  readonly #lossKeys: Int32Array;
  readonly #lossDraws: Uint32Array;
  /** Handles of frames on the air, per network; half-duplex networks only. */
  readonly #onAir: number[][];

  constructor(world: MediumWorld, seed: number, host: MediumHost) {
    this.#world = world;
    this.#host = host;
    const nodes = world.nodes.length;
    const networks = world.networks.length;
    this.#nodes = nodes;
    this.#quietUs = new Float64Array(networks * nodes);
    this.#waiting = Array.from({ length: networks * nodes }, () => []);
    this.#backoffKeys = new Int32Array(networks * nodes);
    this.#backoffDraws = new Uint32Array(networks * nodes);
    this.#airtimeUs = new Float64Array(networks * nodes);
    this.#countedUs = new Float64Array(networks * nodes);
    this.#carriers = new Uint8Array(networks * nodes);
    this.#offUs = new Float64Array(nodes).fill(-1);
    this.#pipeUs = new Float64Array(networks * nodes * nodes);
    this.#lossDraws = new Uint32Array(networks * nodes * nodes);
    this.#lossKeys = new Int32Array(networks * nodes * nodes);
    this.#onAir = world.networks.map(() => []);
    for (let w = 0; w < networks; w++) this.#makeKeys(w, seed);
  }

  /** Takes a frame from a node's bearer. `endpoint` as in the bearer contract: -1 everyone, else a far end. */
  send(nowUs: number, network: number, from: number, endpoint: number, octets: Uint8Array, length: number): void {
    this.counters.sent++;
    const config = this.#world.networks[network] as Network;
    if (config.medium === "shared") {
      this.#sendOverRadio(nowUs, network, from, octets, length);
      return;
    }
    const members = this.#world.members(network);
    for (let i = 0, far = 0; i < members.length; i++) {
      const to = members[i] as number;
      if (to === from) continue;
      if (endpoint === -1 || endpoint === far) this.#sendOverPipe(nowUs, network, from, to, octets, length);
      far++;
    }
  }

  /** The frame has reached its receivers. */
  arrive(handle: number): void {
    const frame = this.#frames[handle] as Frame;
    const config = this.#world.networks[frame.network] as Network;
    if (isHalfDuplex(config)) removeFrom(this.#onAir[frame.network] as number[], handle);
    const offUs = this.#offUs[frame.from] as number;
    const cutShort = offUs >= frame.startUs && offUs < frame.endUs;
    if (!cutShort) {
      if (frame.to >= 0) this.#reach(frame, frame.to);
      else this.#reachAll(frame);
    }
    this.#free.push(handle);
  }

  /** A carrier begins or ends at everyone who hears the frame's sender. */
  changeCarrier(handle: number, busy: boolean): void {
    const frame = this.#frames[handle] as Frame;
    for (const to of this.#world.members(frame.network)) {
      if (to === frame.from) continue;
      if (busy ? this.#world.lossPpm(frame.network, frame.from, to) < 0 : frame.noticed[to] === 0) continue;
      frame.noticed[to] = busy ? 1 : 0;
      const cell = frame.network * this.#nodes + to;
      const before = this.#carriers[cell] as number;
      const after = busy ? before + 1 : before - 1;
      this.#carriers[cell] = after;
      if ((before === 0) !== (after === 0)) this.#host.carrier(to, frame.network, busy);
    }
  }

  /** The node's radios fall silent in the middle of what they send. */
  powerOff(nowUs: number, node: number): void {
    this.#offUs[node] = nowUs;
    for (let network = 0; network < this.#world.networks.length; network++) {
      const waiting = this.#waiting[network * this.#nodes + node] as number[];
      this.#free.push(...waiting);
      waiting.length = 0;
    }
  }

  carrierAt(network: number, node: number): boolean {
    return (this.#carriers[network * this.#nodes + node] as number) > 0;
  }

  /** Largest share of `spanUs` for which the channel was held, over all nodes of the network. */
  airtimeShare(network: number, spanUs: number): number {
    let most = 0;
    for (const node of this.#world.members(network)) {
      most = Math.max(most, (this.#airtimeUs[network * this.#nodes + node] as number) / spanUs);
    }
    return most;
  }

  #makeKeys(network: number, seed: number): void {
    const name = this.#world.networks[network]?.name;
    for (const a of this.#world.members(network)) {
      this.#backoffKeys[network * this.#nodes + a] = streamKey(seed, `backoff/${name}/${this.#world.nodes[a]?.name}`);
      for (const b of this.#world.members(network)) {
        const stream = `loss/${name}/${this.#world.nodes[a]?.name}/${this.#world.nodes[b]?.name}`;
        this.#lossKeys[this.#cell(network, a, b)] = streamKey(seed, stream);
      }
    }
  }
  #cell(network: number, from: number, to: number): number {
    return (network * this.#nodes + from) * this.#nodes + to;
  }

  /** One direction of a point-to-point bearer: its transmissions follow each other, so that times are known at once. */
  #sendOverPipe(nowUs: number, network: number, from: number, to: number, octets: Uint8Array, length: number): void {
    const config = this.#world.networks[network] as Network;
    const cell = this.#cell(network, from, to);
    const startUs = Math.max(nowUs, this.#pipeUs[cell] as number);
    if (startUs - nowUs > config.queueMs * 1000) {
      this.counters.refused++;
      return;
    }
    const handle = this.#hold(nowUs, network, from, to, octets, length);
    this.#pipeUs[cell] = this.#start(startUs, handle);
  }

  /** A shared radio: at once if it is quiet, else behind what waits already. */
  #sendOverRadio(nowUs: number, network: number, from: number, octets: Uint8Array, length: number): void {
    const cell = network * this.#nodes + from;
    const waiting = this.#waiting[cell] as number[];
    const first = waiting.length > 0 ? this.#frames[waiting[0] as number] : undefined;
    if (first !== undefined && nowUs - first.queuedUs > (this.#world.networks[network] as Network).queueMs * 1000) {
      this.counters.refused++;
      return;
    }
    const handle = this.#hold(nowUs, network, from, -1, octets, length);
    const config = this.#world.networks[network] as Network;
    if (isHalfDuplex(config) && (this.#quietUs[cell] as number) > nowUs) {
      // Behind an own frame that is still on the air: the transmitter stays keyed.
      this.#occupy(handle, this.#start(this.#quietUs[cell] as number, handle, true));
      return;
    }
    if (waiting.length === 0 && (this.#quietUs[cell] as number) <= nowUs) {
      this.#occupy(handle, this.#start(nowUs, handle));
      return;
    }
    waiting.push(handle);
    if (waiting.length === 1) this.#tryLater(cell, network, from);
  }

  /** The channel may be quiet: the next frame that waits at this node goes out, or tries again later. */
  access(nowUs: number, node: number, network: number): void {
    const cell = network * this.#nodes + node;
    const waiting = this.#waiting[cell] as number[];
    if (waiting.length === 0) return;
    if ((this.#quietUs[cell] as number) <= nowUs) {
      const handle = waiting.shift() as number;
      this.#occupy(handle, this.#start(nowUs, handle));
    }
    if (waiting.length > 0) this.#tryLater(cell, network, node);
  }

  #tryLater(cell: number, network: number, node: number): void {
    const draws = this.#backoffDraws[cell] as number;
    this.#backoffDraws[cell] = draws + 1;
    const backoffUs = drawUint32(this.#backoffKeys[cell] as number, draws) % BACKOFF_US;
    this.#host.scheduleAccess((this.#quietUs[cell] as number) + backoffUs, node, network);
  }

  /** Puts a frame on the air; returns when it ends. */
  #start(startUs: number, handle: number, keyed = false): number {
    const frame = this.#frames[handle] as Frame;
    const config = this.#world.networks[frame.network] as Network;
    const cell = frame.network * this.#nodes + frame.from;
    const keyUpUs = keyed && config.type === "serial" ? Math.round(config.keyUpMs * 1000) : 0;
    const spanUs = airtimeUs(config, frame.length) - keyUpUs;
    frame.startUs = startUs;
    frame.endUs = startUs + spanUs;
    if (startUs - frame.queuedUs > this.counters.longestQueueUs)
      this.counters.longestQueueUs = startUs - frame.queuedUs;
    this.#countAirtime(cell, startUs, frame.endUs);
    this.#host.scheduleArrival(frame.endUs + Math.round(config.latencyMs * 1000), handle);
    return frame.endUs;
  }

  #hold(nowUs: number, network: number, from: number, to: number, octets: Uint8Array, length: number): number {
    if (length > MAX_FRAME_OCTETS) assert.fail("frame too long for any bearer");
    let handle = this.#free.pop();
    if (handle === undefined) {
      handle = this.#frames.length;
      this.#frames.push(makeFrame(this.#nodes));
    }
    const frame = this.#frames[handle] as Frame;
    frame.network = network;
    frame.from = from;
    frame.to = to;
    frame.queuedUs = nowUs;
    frame.length = length;
    copyOctets(octets, 0, length, frame.octets, 0);
    return handle;
  }

  #reachAll(frame: Frame): void {
    const members = this.#world.members(frame.network);
    // By index, here and below: this is done for every frame, and an iterator is an object.
    for (let i = 0; i < members.length; i++) {
      const to = members[i] as number;
      if (to !== frame.from) this.#reach(frame, to);
    }
  }

  /** Holds a shared channel at everyone in range; on half-duplex radios spoils what it meets. */
  #occupy(handle: number, endUs: number): void {
    const frame = this.#frames[handle] as Frame;
    const half = isHalfDuplex(this.#world.networks[frame.network] as Network);
    this.#quietUs[frame.network * this.#nodes + frame.from] = endUs;
    const members = this.#world.members(frame.network);
    for (let i = 0; i < members.length; i++) {
      const to = members[i] as number;
      if (to === frame.from || this.#world.lossPpm(frame.network, frame.from, to) < 0) continue;
      const cell = frame.network * this.#nodes + to;
      this.#countAirtime(cell, frame.startUs, endUs);
      if (!half && (this.#quietUs[cell] as number) < endUs) this.#quietUs[cell] = endUs;
    }
    if (!half) return;
    frame.spoiled.fill(0);
    for (const other of this.#onAir[frame.network] as number[]) this.#collide(frame, this.#frames[other] as Frame);
    (this.#onAir[frame.network] as number[]).push(handle);
    this.#host.scheduleCarrier(Math.min(frame.startUs + CARRIER_DETECT_US, frame.endUs), handle, true);
    this.#host.scheduleCarrier(frame.endUs, handle, false);
  }

  #countAirtime(cell: number, startUs: number, endUs: number): void {
    const fromUs = Math.max(startUs, this.#countedUs[cell] as number);
    if (endUs <= fromUs) return;
    this.#airtimeUs[cell] = (this.#airtimeUs[cell] as number) + endUs - fromUs;
    this.#countedUs[cell] = endUs;
  }

  #collide(a: Frame, b: Frame): void {
    if (a.startUs >= b.endUs || b.startUs >= a.endUs) return;
    for (const to of this.#world.members(a.network)) {
      const hearsA = to === a.from || this.#world.lossPpm(a.network, a.from, to) >= 0;
      const hearsB = to === b.from || this.#world.lossPpm(b.network, b.from, to) >= 0;
      if (!hearsA || !hearsB) continue;
      a.spoiled[to] = 1;
      b.spoiled[to] = 1;
    }
  }

  #reach(frame: Frame, to: number): void {
    const cell = this.#cell(frame.network, frame.from, to);
    const ppm = this.#world.lossPpm(frame.network, frame.from, to);
    if (ppm < 0) return;
    const draws = this.#lossDraws[cell] as number;
    this.#lossDraws[cell] = draws + 1;
    if (drawUint32(this.#lossKeys[cell] as number, draws) < ppm * TWO_32_PER_PPM) {
      this.counters.lost++;
      return;
    }
    const config = this.#world.networks[frame.network] as Network;
    if (isHalfDuplex(config) && frame.spoiled[to] === 1) {
      this.counters.collided++;
      return;
    }
    this.counters.delivered++;
    this.#host.deliver(to, frame.network, this.#endpointOf(frame, to), frame.octets, frame.length, frame.from);
  }

  /** The far end's number on a pipe; on a shared radio there is one endpoint, the radio itself. */
  #endpointOf(frame: Frame, at: number): number {
    if (frame.to < 0) return 0;
    let endpoint = 0;
    for (const member of this.#world.members(frame.network)) {
      if (member === frame.from) return endpoint;
      if (member !== at) endpoint++;
    }
    return endpoint;
  }
}

/** Time on air of a frame, key-up included, whole microseconds. */
export function airtimeUs(network: Network, lengthOctets: number): number {
  if (network.type === "serial") {
    const bits = (lengthOctets + UART_OVERHEAD_OCTETS) * UART_BITS_PER_OCTET;
    return Math.round(network.keyUpMs * 1000 + (bits * 1e6) / network.baud);
  }
  return Math.ceil(((lengthOctets + IP_OVERHEAD_OCTETS) * 8e6) / network.bitrateBps);
}

function makeFrame(nodes: number): Frame {
  return {
    network: 0,
    from: 0,
    to: -1,
    queuedUs: 0,
    startUs: 0,
    endUs: 0,
    length: 0,
    octets: new Uint8Array(MAX_FRAME_OCTETS),
    spoiled: new Uint8Array(nodes),
    noticed: new Uint8Array(nodes),
  };
}

function isHalfDuplex(network: Network): boolean {
  return network.type === "serial" && network.halfDuplex;
}

function removeFrom(list: number[], value: number): void {
  const at = list.indexOf(value);
  if (at < 0) return;
  list[at] = list[list.length - 1] as number;
  list.pop();
}
