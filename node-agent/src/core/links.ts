import type { PathChange } from "./api.ts";
import type { AreaRoutes } from "./area-routes.ts";
import type { Hellos } from "./hellos.ts";
import {
  FLAP_FORGIVEN_US,
  FREE_FLAPS,
  LINK_HOLD_DOWN_US,
  MAX_FLAP_HOLD_US,
  MAX_PROBES,
  MERGED_PROBES,
  MIN_PROBES,
  NEIGHBOUR_LOST_INTERVALS,
  PROBE_MERGED_US,
  PROBE_US,
} from "./limits.ts";
import type { LinkAdvertising } from "./link-advertising.ts";
import type { Merging } from "./merge/merging.ts";
import { answerChance, longestRttUs, type Neighbour } from "./neighbour.ts";
import type { Port } from "./port.ts";
import { type CoreState, emit } from "./state.ts";

const EVER = Number.POSITIVE_INFINITY;
/** A neighbour's silence to probes is no chance when mere loss would explain it with less than this probability. */
const CHANCE = 0.001;

/** Links to neighbours, from the moment both ends hear each other: suspected, probed, trusted again, lost, held down. */
export class Links {
  readonly #s: CoreState;
  readonly #areas: AreaRoutes;
  readonly #hellos: Hellos;
  readonly #merging: Merging;
  readonly #advertising: LinkAdvertising;
  /** Told when a link may no longer be used (`lost`), or is not to be trusted, so that what waits for it goes another way. */
  onLost: (nowUs: number, port: Port, n: Neighbour, lost: boolean) => void = () => undefined;
  /** Told when a neighbour can be used. */
  onUp: (nowUs: number, port: Port, n: Neighbour) => void = () => undefined;

  constructor(
    state: CoreState,
    parts: {
      readonly areas: AreaRoutes;
      readonly hellos: Hellos;
      readonly merging: Merging;
      readonly advertising: LinkAdvertising;
    },
  ) {
    this.#s = state;
    this.#areas = parts.areas;
    this.#hellos = parts.hellos;
    this.#merging = parts.merging;
    this.#advertising = parts.advertising;
  }

  /** The other end shows that it hears us: by a hello, its advertisement, or what else it sends. */
  up(nowUs: number, port: Port, n: Neighbour): void {
    if (n.twoWay || !n.alive || n.heldDownUntilUs > nowUs || (!port.shared && n.receiverIndex < 0)) return;
    n.twoWay = true;
    n.meter?.isUp(nowUs);
    this.#hellos.unsettle(port);
    emit(this.#s, { type: "neighbour", bearerId: port.config.id, address: n.address, up: true, reason: "two-way" });
    this.#advertising.refresh(nowUs, port, n);
    this.#advertising.answered(nowUs, port, n);
    if (n.foreign) this.#areas.refresh(nowUs);
    this.onUp(nowUs, port, n);
    if (!port.narrow) this.#hellos.hurry(nowUs, port, 40_000);
  }

  /** The link may not be used. `hearsay`: others say so, and the link is not left alone for that. */
  lose(nowUs: number, port: Port, n: Neighbour, reason: string, hearsay = false): void {
    const was = n.twoWay;
    n.twoWay = false;
    n.suspectSinceUs = EVER;
    if (!was) {
      // It may have been advertised all the same: to be heard is enough for that.
      this.#advertising.refresh(nowUs, port, n);
      return;
    }
    n.meter?.isDown(nowUs);
    this.#hellos.lost(nowUs, port);
    if (!hearsay) this.#damp(nowUs, n);
    emit(this.#s, { type: "neighbour", bearerId: port.config.id, address: n.address, up: false, reason });
    this.#advertising.refresh(nowUs, port, n);
    if (n.foreign) this.#areas.refresh(nowUs);
    this.onLost(nowUs, port, n, true);
  }

  /** The neighbour itself is not heard any more. `hearsay` as in `lose`. */
  gone(nowUs: number, port: Port, n: Neighbour, reason: string, hearsay = false): void {
    n.alive = false;
    this.lose(nowUs, port, n, reason, hearsay);
  }

  /** A link that goes again and again is left alone, longer each time: each change of its is news to everybody. */
  #damp(nowUs: number, n: Neighbour): void {
    n.flaps = Math.max(0, n.flaps - (nowUs - n.lastFlapUs) / FLAP_FORGIVEN_US) + 1;
    n.lastFlapUs = nowUs;
    if (n.flaps <= FREE_FLAPS) return;
    const holdUs = Math.min(MAX_FLAP_HOLD_US, LINK_HOLD_DOWN_US * 2 ** (n.flaps - FREE_FLAPS - 1));
    n.heldDownUntilUs = Math.max(n.heldDownUntilUs, nowUs + holdUs);
    this.#s.counters.count("flaps-damped");
  }

  /** Traffic to it goes unanswered: what has another way takes that, while hellos ask whether it is still there. */
  suspect(nowUs: number, port: Port, n: Neighbour, reason: string): void {
    if (n.suspectSinceUs !== EVER || !n.twoWay) return;
    this.#tellPath(nowUs, port, n, "suspected", reason);
    n.suspectSinceUs = nowUs;
    n.meter?.isSuspected(nowUs);
    n.probes = 0;
    n.heardAtProbeUs = nowUs;
    // Where other paths serve, what is still sent on this one asks as well as any hello.
    const patienceUs = this.#merging.hasOther(nowUs, port, n) ? PROBE_MERGED_US : 0;
    port.probeDueUs = Math.min(port.probeDueUs, nowUs + patienceUs);
    this.#s.counters.count("suspicions");
    this.onLost(nowUs, port, n, false);
  }

  /** It has answered: a suspicion, if there was one, is over. */
  trust(nowUs: number, port: Port, n: Neighbour): void {
    if (n.suspectSinceUs === EVER) return;
    n.suspectSinceUs = EVER;
    this.#tellPath(nowUs, port, n, "trusted", "answered");
  }

  #tellPath(nowUs: number, port: Port, n: Neighbour, change: PathChange, reason: string): void {
    if (port.narrow) return;
    const silentMs = (nowUs - n.lastHeardUs) / 1000;
    emit(this.#s, { type: "path", bearerId: port.config.id, address: n.address, change, reason, silentMs });
  }

  /** Probes neighbours under suspicion, and fails links whose other end stays silent. Sets when to look again. */
  probe(nowUs: number, port: Port): void {
    port.probeDueUs = EVER;
    for (const n of port.neighbours) {
      if (n.suspectSinceUs === EVER || !n.twoWay) continue;
      const merged = this.#merging.hasOther(nowUs, port, n);
      const patience = merged ? MERGED_PROBES : probesBeforeFailure(n);
      // What was still on its way when the suspicion began must not count as life for ever.
      if (n.lastHeardUs > n.heardAtProbeUs) {
        n.heardAtProbeUs = n.lastHeardUs;
        n.probes = 0;
      }
      const isAsked = n.probes >= patience;
      // Of what was asked last the answer has a round trip to come.
      const everyUs = merged ? PROBE_MERGED_US : PROBE_US;
      const dueUs = n.probedUs + everyUs + (isAsked ? longestRttUs(n, 2 * port.config.latencyUs) : 0);
      if (n.probes > 0 && nowUs < dueUs) {
        port.probeDueUs = Math.min(port.probeDueUs, dueUs);
        continue;
      }
      if (isAsked) {
        this.gone(nowUs, port, n, "silent");
        continue;
      }
      n.probes++;
      n.probedUs = nowUs;
      port.helloReply = true;
      port.needFullHello = true;
      port.helloDueUs = Math.min(port.helloDueUs, nowUs);
      port.probeDueUs = Math.min(port.probeDueUs, nowUs + everyUs);
    }
  }

  /** Repeated silence to traffic: the link is not used for a while, whatever hellos say. */
  fail(nowUs: number, port: Port, n: Neighbour): void {
    n.heldDownUntilUs = nowUs + LINK_HOLD_DOWN_US;
    this.#s.counters.count("link-failures");
    this.lose(nowUs, port, n, "no acknowledgement");
  }

  /** A frame, or how often there is one, tells until when another one must come. */
  expectFrom(port: Port, n: Neighbour): void {
    port.expiryDueUs = Math.min(port.expiryDueUs, lostAtUs(n));
  }

  /** Drops neighbours that have been silent too long; sets when to look again. */
  expire(nowUs: number, port: Port): void {
    port.expiryDueUs = EVER;
    for (const n of port.neighbours) {
      if (!n.alive) continue;
      if (nowUs < lostAtUs(n)) {
        this.expectFrom(port, n);
        continue;
      }
      // On a wide bearer it costs little to ask before a neighbour is given up.
      if (n.twoWay && !port.narrow) {
        this.suspect(nowUs, port, n, "silent");
        continue;
      }
      this.gone(nowUs, port, n, "silent");
    }
  }
}

function probesBeforeFailure(n: Neighbour): number {
  const probes = Math.ceil(Math.log(CHANCE) / Math.log(1 - answerChance(n)));
  return Math.max(MIN_PROBES, Math.min(MAX_PROBES, probes));
}

/** Its next frame must come before that. */
function lostAtUs(n: Neighbour): number {
  return n.lastHeardUs + Math.max(300_000, NEIGHBOUR_LOST_INTERVALS * n.helloIntervalUs);
}
