import type { Scenario } from "../scenario/schema.ts";
import type { World } from "../world/world.ts";
import { DeliveryLedger } from "./delivery-ledger.ts";
import { EventKind } from "./event-kind.ts";
import { NO_NODE } from "./event-queue.ts";
import type { TrafficHost } from "./traffic-driver.ts";

/** RTP payload of a packet, and what is in front of it here: frame number 4, packet 1, packets 1. */
const PACKET_OCTETS = 1100;
const HEADER_OCTETS = 6;
/** A key frame each so many frames, and its size in ordinary frames. */
const KEY_INTERVAL = 30;
const KEY_WEIGHT = 4;

interface Film {
  readonly by: number;
  readonly to: number;
  readonly untilUs: number;
  readonly frameUs: number;
  readonly frameOctets: number;
  frame: number;
}

/** Sends video as packets of numbered frames and puts them together again: a frame counts when it is whole. */
export class VideoDriver {
  readonly frames: DeliveryLedger;
  packetsSent = 0;
  packetsReceived = 0;
  duplicatePackets = 0;
  readonly #world: World;
  readonly #host: TrafficHost;
  readonly #films: Film[];
  readonly #packet = new Uint8Array(PACKET_OCTETS + HEADER_OCTETS);
  readonly #view = new DataView(this.#packet.buffer);
  /** By sender: bit set of packets received, by frame number. */
  readonly #received: Map<number, number>[];

  constructor(scenario: Scenario, untilUs: number, world: World, host: TrafficHost) {
    this.#world = world;
    this.#host = host;
    this.frames = new DeliveryLedger(scenario.nodes.length);
    this.#received = scenario.nodes.map(() => new Map<number, number>());
    this.#films = scenario.traffic.video.map((v) => ({
      by: world.nodeIndex(v.by),
      to: world.nodeIndex(v.to),
      untilUs: Math.min(v.until ?? untilUs, untilUs),
      frameUs: Math.round(1e6 / v.framesPerS),
      // Key frames weigh more: the mean over a key interval is the bit rate.
      frameOctets: (v.bitrateBps / 8 / v.framesPerS) * (KEY_INTERVAL / (KEY_INTERVAL - 1 + KEY_WEIGHT)),
      frame: 0,
    }));
    for (const [i, v] of scenario.traffic.video.entries()) host.schedule(v.from, EventKind.video, NO_NODE, i);
  }

  film(nowUs: number, index: number): void {
    const film = this.#films[index] as Film;
    const nextUs = nowUs + film.frameUs;
    if (nextUs < film.untilUs) this.#host.schedule(nextUs, EventKind.video, NO_NODE, index);
    const frame = film.frame++;
    const core = this.#host.core(film.by);
    if (core === undefined) return;
    const octets = Math.round(film.frameOctets * (frame % KEY_INTERVAL === 0 ? KEY_WEIGHT : 1));
    const packets = Math.ceil(octets / PACKET_OCTETS);
    if (this.#world.connected(film.by, film.to)) this.frames.sent(nowUs, film.by, frame).expected[film.to] = 1;
    for (let packet = 0; packet < packets; packet++) {
      const length = HEADER_OCTETS + Math.min(PACKET_OCTETS, octets - packet * PACKET_OCTETS);
      this.#view.setUint32(0, frame);
      this.#packet[4] = packet;
      this.#packet[5] = packets;
      this.packetsSent++;
      core.sendVideo(nowUs, this.#host.addressOf(film.to), index, this.#packet.subarray(0, length));
    }
    this.#host.touched(film.by);
  }

  received(nowUs: number, node: number, from: number, octets: Uint8Array): void {
    const sets = this.#received[from];
    if (sets === undefined || octets.length < HEADER_OCTETS) return;
    const frame = new DataView(octets.buffer, octets.byteOffset).getUint32(0);
    const bit = 1 << (octets[4] as number);
    const before = sets.get(frame) ?? 0;
    this.packetsReceived++;
    if (before & bit) this.duplicatePackets++;
    if (before & bit) return;
    sets.set(frame, before | bit);
    if ((before | bit) === (1 << (octets[5] as number)) - 1) this.frames.delivered(nowUs, from, frame, node);
  }
}
