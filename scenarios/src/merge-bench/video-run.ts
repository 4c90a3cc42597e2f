import {
  createRtpHeader,
  createVp8Descriptor,
  encodeVp8Packet,
  type Vp8Packetiser,
  vp8PacketCount,
} from "@skein/codecs";
import { NumberedStream } from "./numbered-stream.ts";
import type { PathOptions } from "./profiles.ts";
import { HQ, SITE, TwoNodes } from "./two-nodes.ts";

/** A camera of a vehicle: 30 frames a second, a key frame every two seconds that is four times the others. */
const FRAME_US = 33_333;
const FRAMES_PER_S = 30;
const KEY_INTERVAL = 60;
const KEY_WEIGHT = 4;
const PACKET_OCTETS = 1100;
const VIDEO_CLOCK_HZ = 90_000;
const STREAM = 1;
/** A decoder that waits for 0.4 s is the last that one talks through. */
export const VIDEO_DEADLINE_US = 400_000;

/** One camera from site to headquarters. */
export class VideoRun {
  readonly mesh: TwoNodes;
  readonly stream = new NumberedStream();
  /** Payload octets of the camera so far. */
  octets = 0;
  bitrateBps: number;
  readonly #packetiser: Vp8Packetiser = {
    header: { ...createRtpHeader(), payloadType: 96, ssrc: 1 },
    pictureId: -1,
    descriptor: createVp8Descriptor(),
  };
  readonly #numbers = new Map<number, number>();
  readonly #packet = new Uint8Array(PACKET_OCTETS);
  #frame = 0;
  #filming = false;

  constructor(paths: readonly PathOptions[], seed: number, bitrateBps: number) {
    this.bitrateBps = bitrateBps;
    this.mesh = new TwoNodes(paths, seed);
    this.mesh.onEvent = (node, event) => {
      if (node === HQ && event.type === "video") this.#arrived(event.octets);
    };
    this.mesh.run(4_000_000);
  }

  /** Films for so long. */
  film(forUs: number): void {
    if (!this.#filming) {
      this.#filming = true;
      this.#shoot();
    }
    this.mesh.run(forUs);
  }

  /** What the site has sent of parity so far. */
  parityOctets(): number {
    return this.mesh.cores[SITE]?.status(this.mesh.nowUs).counters["parity-octets"] ?? 0;
  }

  stop(): void {
    this.#filming = false;
  }

  #shoot(): void {
    if (!this.#filming) return;
    const { mesh } = this;
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
    mesh.use(SITE, (core, nowUs) => {
      for (let i = 0; i < packets; i++) {
        this.#numbers.set(header.sequence, this.stream.sent(nowUs));
        const length = encodeVp8Packet(this.#packetiser, frame, i, packets, this.#packet, 0);
        this.octets += length;
        core.sendVideo(nowUs, mesh.address(HQ), STREAM, this.#packet.subarray(0, length));
      }
    });
  }

  #arrived(octets: Uint8Array): void {
    const sequence = new DataView(octets.buffer, octets.byteOffset).getUint16(2);
    this.stream.arrived(this.#numbers.get(sequence) as number, this.mesh.nowUs);
  }
}
