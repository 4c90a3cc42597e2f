import { Camera } from "./camera.ts";
import type { PathOptions } from "./profiles.ts";
import { HQ, SITE, TwoNodes } from "./two-nodes.ts";

/** Until the nodes know each other. */
const MEET_US = 4_000_000;

/** One camera from site to headquarters. */
export class VideoRun {
  readonly mesh: TwoNodes;
  readonly camera: Camera;

  constructor(paths: readonly PathOptions[], seed: number, bitrateBps: number) {
    this.mesh = new TwoNodes(paths, seed);
    this.camera = new Camera(this.mesh, SITE, this.mesh.address(HQ), bitrateBps);
    this.mesh.onEvent = (node, event) => {
      if (node === HQ && event.type === "video") this.camera.arrived(event.octets);
    };
    this.mesh.run(MEET_US);
  }

  /** Films for so long. */
  film(forUs: number): void {
    this.camera.start();
    this.mesh.run(forUs);
  }

  /** What the site has sent of parity so far. */
  parityOctets(): number {
    return this.mesh.cores[SITE]?.status(this.mesh.nowUs).counters["parity-octets"] ?? 0;
  }
}
