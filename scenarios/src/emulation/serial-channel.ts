import type { Network } from "../scenario/schema.ts";
import { drawUint32, streamKey } from "../sim/random-streams.ts";
import type { World } from "../world/world.ts";

/** Start bit, 8 data bits, stop bit. */
const UART_BITS_PER_OCTET = 10;
/** Air time is worked off in steps of at most this length: the largest chunk that a receiver gets at once. */
const STEP_US = 5_000;
/** What a receiver needs to notice a carrier; the same figure as the simulator's. */
const CARRIER_DETECT_US = 3_000;
/** What a modem's output buffer holds. */
const BUFFER_OCTETS = 4096;
/** Of a lost frame one octet a chunk is flipped in this pattern, which a CRC-16 always sees. */
const ERROR_PATTERN = 0x5a;
/** What a demodulator makes of a preamble; also the end-of-frame octet of COBS, so that it changes nothing. */
const PREAMBLE_OCTET = 0;
const TWO_32_PER_PPM = 2 ** 32 / 1e6;
/** Fate of the frame under way, by transmitter and receiver; drawn when its first octet is on air. */
const UNDECIDED = 2;

export interface SerialCounters {
  transmissions: number;
  octetsOnAir: number;
  octetsDelivered: number;
  /** Times that two transmissions began to overlap at a receiver. */
  collisions: number;
  framesLost: number;
  /** Octets that a transmitter gave while its buffer was full or its power off. */
  octetsRefused: number;
}

/** One member's radio. */
interface Radio {
  readonly node: number;
  readonly buffer: Uint8Array;
  head: number;
  length: number;
  keyed: boolean;
  keyedUs: number;
  /** When the first octet of this transmission begins on air. */
  firstOctetUs: number;
  octetsSent: number;
  /** Octets of this step, taken from the buffer. */
  readonly chunk: Uint8Array;
  chunkLength: number;
  /** Carriers heard in this step and the one before. */
  carriers: number;
  carriersBefore: number;
  readonly inbox: Uint8Array;
  inboxLength: number;
}

/**
 * One radio channel behind UARTs, octet by octet and without I/O: time and octets come in, chunks of octets go out.
 *
 *   write -> | key-up | octet octet octet ... |     960 octets/s at 9600 bit/s 8N1
 *            carrier; receivers get preamble, then the octets, garbled where a second carrier is heard
 *
 * Half duplex: who transmits hears nothing. Loss is drawn per frame (COBS puts zero octets around one) and receiver
 * and shows as flipped bits. The owner calls `step` at `nextUs()`.
 */
export class SerialChannel {
  readonly counters: SerialCounters = {
    transmissions: 0,
    octetsOnAir: 0,
    octetsDelivered: 0,
    collisions: 0,
    framesLost: 0,
    octetsRefused: 0,
  };
  readonly #world: World;
  readonly #network: number;
  readonly #config: Extract<Network, { type: "serial" }>;
  readonly #deliver: (node: number, octets: Uint8Array, length: number) => void;
  readonly #radios: Radio[];
  readonly #octetUs: number;
  /** By [transmitter][receiver] position: stream of loss draws, draws taken, fate of the frame under way. */
  readonly #lossKeys: Int32Array;
  readonly #lossDraws: Uint32Array;
  readonly #fates: Uint8Array;
  readonly #noiseKey: number;
  #noiseDraws = 0;
  #nextUs = Number.POSITIVE_INFINITY;

  constructor(
    world: World,
    network: number,
    seed: number,
    deliver: (node: number, octets: Uint8Array, length: number) => void,
  ) {
    const config = world.networks[network];
    if (config?.type !== "serial") throw new TypeError("not a serial network");
    this.#world = world;
    this.#network = network;
    this.#config = config;
    this.#deliver = deliver;
    this.#octetUs = (UART_BITS_PER_OCTET * 1e6) / config.baud;
    const chunkOctets = 16 * (Math.ceil(STEP_US / this.#octetUs) + 1);
    this.#radios = world.members(network).map((node) => newRadio(node, chunkOctets));
    const cells = this.#radios.length ** 2;
    this.#lossKeys = new Int32Array(cells);
    this.#lossDraws = new Uint32Array(cells);
    this.#fates = new Uint8Array(cells);
    this.#noiseKey = streamKey(seed, `noise/${config.name}`);
    for (const [a, from] of this.#radios.entries()) {
      for (const [b, to] of this.#radios.entries()) {
        const stream = `loss/${config.name}/${world.nodes[from.node]?.name}/${world.nodes[to.node]?.name}`;
        this.#lossKeys[a * this.#radios.length + b] = streamKey(seed, stream);
      }
    }
  }

  /** When `step` has something to do; Infinity while the channel is idle. */
  nextUs(): number {
    return this.#nextUs;
  }

  /** Takes octets of a node's UART; the radio keys up if it was idle. */
  write(nowUs: number, node: number, octets: Uint8Array, length: number): void {
    const radio = this.#radios.find((r) => r.node === node);
    if (radio === undefined || !this.#world.powered(node)) {
      this.counters.octetsRefused += length;
      return;
    }
    const taken = Math.min(length, BUFFER_OCTETS - radio.length);
    this.counters.octetsRefused += length - taken;
    for (let i = 0; i < taken; i++) radio.buffer[(radio.head + radio.length + i) % BUFFER_OCTETS] = octets[i] as number;
    radio.length += taken;
    if (!radio.keyed && radio.length > 0) this.#keyUp(nowUs, radio);
  }

  /** Puts on air what belongs there until `nowUs` and hands it to those who hear it. */
  step(nowUs: number): void {
    for (const radio of this.#radios) {
      radio.inboxLength = 0;
      radio.carriers = 0;
      if (radio.keyed && !this.#world.powered(radio.node)) this.#fallSilent(radio);
      if (radio.keyed) this.#takeChunk(nowUs, radio);
    }
    for (const [i, radio] of this.#radios.entries()) if (radio.keyed) this.#radiate(nowUs, i, radio);
    this.#nextUs = Number.POSITIVE_INFINITY;
    for (const radio of this.#radios) {
      this.#receive(radio);
      if (radio.keyed && radio.length === 0) radio.keyed = false;
      if (radio.keyed) this.#nextUs = Math.min(this.#nextUs, this.#wantedUs(nowUs, radio));
    }
  }

  /** Receivers are to notice a carrier as soon as they can, and the end of a frame when it ends. */
  #wantedUs(nowUs: number, radio: Radio): number {
    const noticedUs = radio.keyedUs + CARRIER_DETECT_US;
    if (nowUs < noticedUs) return noticedUs;
    const endUs = radio.firstOctetUs + Math.ceil((radio.octetsSent + radio.length) * this.#octetUs);
    return Math.min(nowUs + STEP_US, Math.max(endUs, nowUs + 1));
  }

  #keyUp(nowUs: number, radio: Radio): void {
    radio.keyed = true;
    radio.keyedUs = nowUs;
    radio.firstOctetUs = nowUs + this.#config.keyUpMs * 1000;
    radio.octetsSent = 0;
    this.counters.transmissions++;
    const row = this.#radios.indexOf(radio) * this.#radios.length;
    this.#fates.fill(UNDECIDED, row, row + this.#radios.length);
    this.#nextUs = Math.min(this.#nextUs, this.#wantedUs(nowUs, radio));
  }

  #fallSilent(radio: Radio): void {
    this.counters.octetsRefused += radio.length;
    radio.keyed = false;
    radio.length = 0;
  }

  #takeChunk(nowUs: number, radio: Radio): void {
    const due = Math.floor((nowUs - radio.firstOctetUs) / this.#octetUs) - radio.octetsSent;
    const count = Math.max(0, Math.min(due, radio.length, radio.chunk.length));
    for (let i = 0; i < count; i++) radio.chunk[i] = radio.buffer[(radio.head + i) % BUFFER_OCTETS] as number;
    radio.head = (radio.head + count) % BUFFER_OCTETS;
    radio.length -= count;
    radio.octetsSent += count;
    radio.chunkLength = count;
    this.counters.octetsOnAir += count;
  }

  /** Adds this transmission to what each listener hears in this step. */
  #radiate(nowUs: number, position: number, from: Radio): void {
    for (const [i, to] of this.#radios.entries()) {
      if (to === from || (to.keyed && this.#config.halfDuplex)) continue;
      if (this.#world.lossPpm(this.#network, from.node, to.node) < 0) continue;
      to.carriers++;
      if (from.chunkLength > 0) this.#mix(position * this.#radios.length + i, from, to);
      else if (to.inboxLength === 0 && nowUs - from.keyedUs >= CARRIER_DETECT_US)
        to.inbox[to.inboxLength++] = PREAMBLE_OCTET;
    }
  }

  #mix(cell: number, from: Radio, to: Radio): void {
    let isFirst = true;
    for (let i = 0; i < from.chunkLength; i++) {
      const octet = from.chunk[i] as number;
      if (octet !== 0 && this.#fates[cell] === UNDECIDED) this.#drawLoss(cell, from.node, to.node);
      const isHit = octet !== 0 && isFirst && this.#fates[cell] === 1;
      isFirst = octet === 0;
      const already = i < to.inboxLength ? (to.inbox[i] as number) : 0;
      to.inbox[i] = already ^ (isHit ? octet ^ ERROR_PATTERN : octet);
      if (octet === 0) this.#fates[cell] = UNDECIDED;
    }
    if (from.chunkLength > to.inboxLength) to.inboxLength = from.chunkLength;
  }

  /** Decides whether the frame under way from one node reaches the other. */
  #drawLoss(cell: number, from: number, to: number): void {
    const ppm = this.#world.lossPpm(this.#network, from, to);
    const draws = this.#lossDraws[cell] as number;
    this.#lossDraws[cell] = draws + 1;
    const isLost = ppm > 0 && drawUint32(this.#lossKeys[cell] as number, draws) < ppm * TWO_32_PER_PPM;
    this.#fates[cell] = isLost ? 1 : 0;
    if (isLost) this.counters.framesLost++;
  }

  #receive(radio: Radio): void {
    const isCollision = radio.carriers > 1;
    if (isCollision && radio.carriersBefore <= 1) this.counters.collisions++;
    radio.carriersBefore = radio.carriers;
    if (radio.inboxLength === 0) return;
    if (isCollision) this.#garble(radio);
    this.counters.octetsDelivered += radio.inboxLength;
    this.#deliver(radio.node, radio.inbox, radio.inboxLength);
  }

  #garble(radio: Radio): void {
    for (let i = 0; i < radio.inboxLength; i++) {
      radio.inbox[i] = (radio.inbox[i] as number) ^ (drawUint32(this.#noiseKey, this.#noiseDraws++) & 0xff);
    }
  }
}

function newRadio(node: number, chunkOctets: number): Radio {
  return {
    node,
    buffer: new Uint8Array(BUFFER_OCTETS),
    head: 0,
    length: 0,
    keyed: false,
    keyedUs: 0,
    firstOctetUs: 0,
    octetsSent: 0,
    chunk: new Uint8Array(chunkOctets),
    chunkLength: 0,
    carriers: 0,
    carriersBefore: 0,
    inbox: new Uint8Array(chunkOctets),
    inboxLength: 0,
  };
}
