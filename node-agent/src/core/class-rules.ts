import type { CoreRules } from "./api.ts";
import { CLASS_BURST_OCTETS, CLASS_BURST_S } from "./limits.ts";
import { CLASSES } from "./link-cost.ts";

const EVER = Number.POSITIVE_INFINITY;

/** What the policy says of traffic classes: copies over several bearers, and how much of each this node may send. */
export class ClassRules {
  /** Copies of a packet to a node that several bearers lead to: ordinarily, and while one of them is in doubt. */
  readonly calm = new Uint8Array(CLASSES).fill(1);
  readonly risk = new Uint8Array(CLASSES).fill(1);
  readonly #octetsPerS = new Float64Array(CLASSES).fill(EVER);
  /** Octets that may go at once, as of then. */
  readonly #credit = new Float64Array(CLASSES);
  readonly #atUs = new Float64Array(CLASSES);

  set(classes: CoreRules["classes"]): void {
    for (let c = 0; c < CLASSES; c++) {
      const rule = classes[c];
      this.calm[c] = rule?.copiesCalm ?? 1;
      this.risk[c] = rule?.copiesRisk ?? 1;
      this.#octetsPerS[c] = rule?.rateBps === undefined ? EVER : rule.rateBps / 8;
      this.#credit[c] = this.#burst(c);
    }
  }

  #burst(trafficClass: number): number {
    return Math.max(CLASS_BURST_OCTETS, CLASS_BURST_S * (this.#octetsPerS[trafficClass] as number));
  }

  /**
   * Takes a packet of the node's own from its class's rate (a token bucket); false if there is none left. `spare`: half of
   * what may go at once is left to others.
   */
  admits(nowUs: number, trafficClass: number, octets: number, spare = false): boolean {
    const rate = this.#octetsPerS[trafficClass] as number;
    if (rate === EVER) return true;
    const gained = ((nowUs - (this.#atUs[trafficClass] as number)) * rate) / 1e6;
    const credit = Math.min(this.#burst(trafficClass), (this.#credit[trafficClass] as number) + gained);
    this.#atUs[trafficClass] = nowUs;
    const enough = credit >= octets + (spare ? this.#burst(trafficClass) / 2 : 0);
    this.#credit[trafficClass] = enough ? credit - octets : credit;
    return enough;
  }
}
