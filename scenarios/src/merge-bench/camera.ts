import {
  createRtpHeader,
  createVp8Descriptor,
  encodeVp8Packet,
  type Vp8Packetiser,
  vp8PacketCount,
} from "@skein/codecs";
import type { Address, MeshCore } from "@skein/node-agent/core";
import { NumberedStream } from "./numbered-stream.ts";

/** A camera of a vehicle: 30 frames a second, a key frame every two seconds that is four times the others. */
const FRAME_US = 33_333;
const FRAMES_PER_S = 30;
const KEY_INTERVAL = 60;
const KEY_WEIGHT = 4;
const PACKET_OCTETS = 1100;
const VIDEO_CLOCK_HZ = 90_000;
const STREAM = 1;
/** A decoder that waits for 0.4 s is the last that one talks through. */
const VIDEO_DEADLINE_US = 400_000;

/** Cores in virtual time. */
export interface FilmedMesh {
  readonly nowUs: number;
  at(timeUs: number, action: () => void): void;
  use(node: number, talk: (core: MeshCore, nowUs: number) => void): void;
}

/** A camera at one node whose pictures go to another one. */
export class Camera {
  readonly stream = new NumberedStream();
  /** Payload octets so far. */
  octets = 0;
  bitrateBps: number;
  readonly #mesh: FilmedMesh;
  readonly #from: number;
  readonly #to: Address;
  readonly #packetiser: Vp8Packetiser = {
    header: { ...createRtpHeader(), payloadType: 96, ssrc: 1 },
    pictureId: -1,
    descriptor: createVp8Descriptor(),
  };
  readonly #numbers = new Map<number, number>();
  readonly #packet = new Uint8Array(PACKET_OCTETS);
  #frame = 0;
  #filming = false;

  constructor(mesh: FilmedMesh, from: number, to: Address, bitrateBps: number) {
    this.#mesh = mesh;
    this.#from = from;
    this.#to = to;
    this.bitrateBps = bitrateBps;
  }

  start(): void {
    if (this.#filming) return;
    this.#filming = true;
    this.#shoot();
  }

  stop(): void {
    this.#filming = false;
  }

  #shoot(): void {
    if (!this.#filming) return;
    const mesh = this.#mesh;
    mesh.at(mesh.nowUs + FRAME_US, () => this.#shoot());
    const index = this.#frame++;
    const key = index % KEY_INTERVAL === 0;
    const ordinary = (this.bitrateBps / 8 / FRAMES_PER_S) * (KEY_INTERVAL / (KEY_INTERVAL - 1 + KEY_WEIGHT));
    const frame = new Uint8Array(Math.round(ordinary * (key ? KEY_WEIGHT : 1)));
    // RFC 7741 4.3: the lowest bit of the first octet is 0 on a key frame.
    frame[0] = key ? 0 : 1;
    const { header } = this.#packetiser;
    header.timestamp = Math.round((index * VIDEO_CLOCK_HZ) / FRAMES_PER_S);
    const packets = vp8PacketCount(frame.length, PACKET_OCTETS, -1);
    mesh.use(this.#from, (core, nowUs) => {
      for (let i = 0; i < packets; i++) {
        this.#numbers.set(header.sequence, this.stream.sent(nowUs));
        const length = encodeVp8Packet(this.#packetiser, frame, i, packets, this.#packet, 0);
        this.octets += length;
        core.sendVideo(nowUs, this.#to, STREAM, this.#packet.subarray(0, length));
      }
    });
  }

  /** A packet of the camera has come to the other node. */
  arrived(octets: Uint8Array): void {
    const sequence = new DataView(octets.buffer, octets.byteOffset).getUint16(2);
    this.stream.arrived(this.#numbers.get(sequence) as number, this.#mesh.nowUs);
  }

  /** Share of the packets sent in [fromUs, toUs) that did not come in time. */
  residualLoss(fromUs: number, toUs: number): number {
    const delaysUs = this.stream.delaysUs(fromUs, toUs);
    return delaysUs.filter((us) => us > VIDEO_DEADLINE_US).length / delaysUs.length;
  }
}
