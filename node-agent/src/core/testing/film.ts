import { VIDEO_DEADLINE_US } from "../limits.ts";
import { type Medium, VirtualMesh } from "./virtual-mesh.ts";

const PACKET_OCTETS = 1_000;
const FRAME_US = 33_333;

/** A camera at the first node of a mesh that films for the last. */
export class Film {
  readonly mesh: VirtualMesh;
  readonly media: readonly Medium[];
  /** Frames with video in them, by sender and medium ("0 on lte"); delays of what arrived. */
  readonly frames = new Map<string, number>();
  readonly delaysUs: number[] = [];
  readonly rates: { bps: number; atUs: number }[] = [];
  sent = 0;
  readonly #last: number;

  constructor(media: readonly Medium[], nodes = 2) {
    this.media = media;
    this.#last = nodes - 1;
    this.mesh = new VirtualMesh(nodes, [...media]);
    this.mesh.onFrame = (from, medium, octets) => {
      if (octets.length < PACKET_OCTETS) return;
      const place = `${from} on ${medium.name}`;
      this.frames.set(place, this.on(place) + 1);
    };
    if (!this.mesh.run(5_000_000, () => this.mesh.allReachable())) throw new Error("the nodes do not reach each other");
    this.mesh.run(3_000_000);
  }

  on(place: string): number {
    return this.frames.get(place) ?? 0;
  }

  get inTime(): number {
    return this.delaysUs.filter((us) => us <= VIDEO_DEADLINE_US).length;
  }

  /** What its encoder was told, with the time, since this was last asked. */
  told(): { bps: number; atUs: number }[] {
    return this.rates.splice(0);
  }

  drops(reason: string): number {
    return this.mesh.node(0).core.status(this.mesh.nowUs).drops[reason] ?? 0;
  }

  /** Frames of so many packets every 33 ms, and then nothing for `thenUs`. */
  shoot(frames: number, packets: number, thenUs = 1_000_000): void {
    const { mesh } = this;
    const payload = new Uint8Array(PACKET_OCTETS);
    for (let f = 0; f < frames; f++) {
      for (let p = 0; p < packets; p++) {
        new DataView(payload.buffer).setFloat64(0, mesh.nowUs);
        mesh.node(0).core.sendVideo(mesh.nowUs, this.#to, 1, payload);
        this.sent++;
      }
      mesh.drain(0);
      mesh.run(FRAME_US, () => this.#watch());
    }
    mesh.run(thenUs, () => this.#watch());
  }

  get #to(): number {
    return this.mesh.node(this.#last).options.address;
  }

  #watch(): boolean {
    for (const event of this.mesh.node(0).events.splice(0))
      if (event.type === "video-rate" && event.to === this.#to)
        this.rates.push({ bps: event.bps, atUs: this.mesh.nowUs });
    for (const event of this.mesh.node(this.#last).events.splice(0)) {
      if (event.type !== "video") continue;
      const view = new DataView(event.octets.buffer, event.octets.byteOffset);
      this.delaysUs.push(this.mesh.nowUs - view.getFloat64(0));
    }
    return false;
  }

  /** The link of a medium falls silent, or is back. */
  silence(name: string, isSilent = true): void {
    const medium = this.media.find((m) => m.name === name) as Medium;
    const [a, b] = medium.members as [number, number];
    if (isSilent) this.mesh.cut(a, b, medium);
    else this.mesh.restore(a, b, medium);
  }
}
