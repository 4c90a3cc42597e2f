import { type CoreOptions, type MeshCore, type PathStatus, Precedence, TrafficClass } from "@skein/node-agent/core";
import { IpEnds } from "./ip-ends.ts";
import type { LossyPipe } from "./lossy-pipe.ts";
import { NumberedStream } from "./numbered-stream.ts";
import type { PathOptions } from "./profiles.ts";
import { HQ, SITE, TwoNodes } from "./two-nodes.ts";

/** As in the lab: 172 octets 50 times a second, by UDP over IPv4 between two hosts behind the nodes. */
export const PACKET_US = 20_000;
const VOICE_OCTETS = 172;
/** EF, both addresses, both ports; see `compressIp`. */
const HEADERS = Uint8Array.of(0xd6, 10, 1, 0, 7, 10, 2, 0, 9, 0x13, 0x8c, 0x13, 0x8e);
/** Nobody would play it later. */
export const LATE_US = 150_000;
const OFFERED_US = 3_000_000;

export interface VoiceRunOptions {
  readonly paths: readonly PathOptions[];
  readonly seed: number;
  /** Protected voice: to be sent over two paths. */
  readonly critical: boolean;
  /** Time for the nodes to meet, before the first packet. */
  readonly settleUs?: number;
  readonly change?: (options: CoreOptions) => CoreOptions;
}

/** One voice stream from site to headquarters. */
export class VoiceRun {
  readonly mesh: TwoNodes;
  readonly stream = new NumberedStream();
  readonly #critical: boolean;
  readonly #ends: IpEnds;
  #talking = false;

  constructor(options: VoiceRunOptions) {
    this.mesh = new TwoNodes(options.paths, options.seed, options.change);
    this.#critical = options.critical;
    this.#ends = new IpEnds(this.mesh.address(SITE), this.mesh.address(HQ), options.seed);
    this.mesh.onEvent = (node, event) => {
      if (node === HQ && event.type === "ip") this.#arrived(event.octets);
    };
    this.mesh.run(options.settleUs ?? 4_000_000);
  }

  /** Talks for so long. */
  talk(forUs: number): void {
    if (!this.#talking) {
      this.#talking = true;
      this.#say();
    }
    this.mesh.run(forUs);
  }

  stop(): void {
    this.#talking = false;
  }

  #say(): void {
    if (!this.#talking) return;
    const { mesh } = this;
    const form = new Uint8Array(HEADERS.length + VOICE_OCTETS);
    form.set(HEADERS);
    new DataView(form.buffer).setUint32(HEADERS.length, this.stream.sent(mesh.nowUs));
    const octets = this.#ends.compress(this.#ends.packetOf(form));
    mesh.use(SITE, (core, nowUs) => {
      const to = mesh.address(HQ);
      core.sendIp(nowUs, to, TrafficClass.voice, Precedence.routine, this.#critical, octets, 0, octets.length);
    });
    mesh.at(mesh.nowUs + PACKET_US, () => this.#say());
  }

  #arrived(octets: Uint8Array): void {
    const packet = this.#ends.restore(octets);
    if (packet.length < VOICE_OCTETS) return;
    const view = new DataView(packet.buffer, packet.byteOffset + packet.length - VOICE_OCTETS);
    this.stream.arrived(view.getUint32(0), this.mesh.nowUs);
  }

  /** Octets on all paths, both ways, by octets of voice, while it talks for so long; the first counts the way there only. */
  overhead(forUs: number): { there: number; both: number } {
    const before = [SITE, HQ].map((node) => this.mesh.octetsFrom(node)) as [number, number];
    const { sentUs } = this.stream;
    const packets = sentUs.length;
    this.talk(forUs);
    const voice = (sentUs.length - packets) * VOICE_OCTETS;
    const there = (this.mesh.octetsFrom(SITE) - before[0]) / voice;
    return { there, both: there + (this.mesh.octetsFrom(HQ) - before[1]) / voice };
  }

  /** What the site knows of the paths to headquarters. */
  paths(): PathStatus[] {
    return (this.mesh.cores[SITE] as MeshCore).paths(this.mesh.clock(SITE), this.mesh.address(HQ));
  }

  stateOf(bearerId: number): PathStatus["state"] {
    return this.paths().find((path) => path.bearerId === bearerId)?.state ?? "down";
  }

  /** Talks for three seconds and tells which path carried most. */
  carrier(): number {
    const offered = (): number[] => this.mesh.pipes.map((pair) => (pair[SITE] as LossyPipe).octets);
    const before = offered();
    this.talk(OFFERED_US);
    const carried = offered().map((octets, path) => octets - (before[path] as number));
    return carried.indexOf(Math.max(...carried));
  }
}
