import { createSnapshot, decodeSnapshot, encodeSnapshot } from "@skein/codecs";
import type { Forwarding } from "./forwarding.ts";
import {
  SNAPSHOT_AGAIN_US,
  SNAPSHOT_GAP_US,
  SNAPSHOT_SAID,
  SNAPSHOT_SPREAD_US,
  SNAPSHOT_TRIES,
  STRANGER_ALONE_US,
} from "./limits.ts";
import { UNREACHABLE } from "./link-cost.ts";
import type { Links } from "./links.ts";
import type { Neighbour } from "./neighbour.ts";
import type { Port } from "./port.ts";
import type { CoreState } from "./state.ts";
import { keepFirstTurn } from "./turn-order.ts";

/** No snapshot that has to wait for nothing but others' frames is due later than so. */
const SNAPSHOT_SOON_US = (SNAPSHOT_SPREAD_US * 5) / 4;
/** A link to a stranger may cost so many times that to the member which has it. */
const WAY_MARGIN = 2;

/**
 * Distance snapshots out and in. Who hears a stranger on a narrow channel tells it at once whom it reaches; who learns of
 * nodes that its database lacks tells its other bearers that it reaches them now.
 */
export class Snapshots {
  readonly #s: CoreState;
  readonly #links: Links;
  readonly #forwarding: Forwarding;
  readonly #snapshot = createSnapshot();

  constructor(state: CoreState, links: Links, forwarding: Forwarding) {
    this.#s = state;
    this.#links = links;
    this.#forwarding = forwarding;
  }

  /** Somebody is heard whom the database does not know: of a partition perhaps, all of which hear the answer. */
  meet(nowUs: number, port: Port, n: Neighbour): void {
    // Whoever has just heard the stranger has a turn of its own after it.
    if (nowUs - port.strangerUs >= STRANGER_ALONE_US) {
      this.#offer(nowUs, port, n.local, true);
      // Nor can the stranger open what is said by one that it does not know.
      port.needFullHello = true;
    }
    port.strangerUs = nowUs;
  }

  /** A snapshot is to go out: to somebody heard for the first time, or to everybody (0); at once if no other node has it. */
  #offer(nowUs: number, port: Port, target: number, alone: boolean): void {
    if (!port.narrow) return;
    port.snapshotTarget = target;
    port.snapshotIntroduced = false;
    port.snapshotTries = 0;
    const spreadUs = alone ? 0 : SNAPSHOT_SOON_US - SNAPSHOT_SPREAD_US + this.#s.random.below(SNAPSHOT_SPREAD_US);
    port.snapshotDueUs = Math.max(nowUs + spreadUs, port.snapshotSentUs + SNAPSHOT_GAP_US);
    // Whoever has something for the nodes that it tells of waits for that, and then for turns of its own.
    port.snapshotUrgent = target === 0 && port.snapshotDueUs === nowUs;
  }

  /** A full hello goes out: a snapshot that would follow soon follows at once, under the same key-up. */
  accompany(nowUs: number, port: Port): void {
    if (port.snapshotDueUs - nowUs <= SNAPSHOT_SOON_US) port.snapshotDueUs = nowUs;
  }

  /** Body (after the kind octet) of the snapshot that is due; 0 if there is nothing to tell. */
  encode(nowUs: number, port: Port, out: Uint8Array, offset: number, roomOctets: number): number {
    const { distances } = this.#snapshot;
    const target = port.snapshotTarget;
    port.snapshotDueUs = Number.POSITIVE_INFINITY;
    port.snapshotUrgent = false;
    // Who says that it hears this node has been told.
    if (target !== 0 && port.snapshotTries > 0 && port.byLocal[target]?.twoWay !== false) return 0;
    this.#snapshot.target = target;
    distances.fill(-1);
    for (let local = 1; local < 255; local++) {
      if (local === this.#s.local || local === target) continue;
      const address = (this.#s.area << 8) | local;
      const distance = this.#forwarding.farthest(nowUs, address);
      if (distance === UNREACHABLE) continue;
      // Whoever has told of a node need not hear of it.
      if (target !== 0 && this.#s.hearsay.saidBy(nowUs, local) === target) continue;
      // A stranger's side knows nobody of this one; here all know what the database does.
      if (target === 0 && !this.#isNews(nowUs, port, local)) continue;
      distances[local] = distance;
    }
    const octets = encodeSnapshot(this.#snapshot, out, offset, roomOctets);
    if (octets > 0) this.#sent(nowUs, port);
    return octets;
  }

  #sent(nowUs: number, port: Port): void {
    port.snapshotSentUs = nowUs;
    const toAll = port.snapshotTarget === 0;
    if (++port.snapshotTries === (toAll ? SNAPSHOT_SAID : SNAPSHOT_TRIES)) return;
    // First those have their say who have something for the nodes that it told of.
    const againUs = toAll ? SNAPSHOT_GAP_US : SNAPSHOT_AGAIN_US;
    port.snapshotDueUs = nowUs + againUs + this.#s.random.below(SNAPSHOT_AGAIN_US);
  }

  /** What was just sent on this channel was sent over somebody else: if that told all of nodes, it is said again at once. */
  spoiled(nowUs: number, port: Port): void {
    if (port.snapshotTarget !== 0 || port.snapshotSentUs < port.burstStartUs || port.snapshotTries >= SNAPSHOT_SAID)
      return;
    port.snapshotDueUs = nowUs;
    port.snapshotUrgent = true;
  }

  #isNews(nowUs: number, port: Port, local: number): boolean {
    if (!this.#forwarding.isHearsay(nowUs, local)) return false;
    return this.#forwarding.bestPort(nowUs, (this.#s.area << 8) | local, 1) !== port;
  }

  handle(nowUs: number, port: Port, n: Neighbour, octets: Uint8Array, offset: number, end: number): boolean {
    const { distances } = this.#snapshot;
    if (!port.narrow || !decodeSnapshot(octets, offset, end, this.#snapshot)) return false;
    const toldToMe = this.#snapshot.target === this.#s.local;
    if (toldToMe) this.#links.up(nowUs, port, n);
    else this.#spareOwn(nowUs, port, n.local);
    port.snapshotIntroduced ||= toldToMe && n.local === port.snapshotTarget;
    if (this.#snapshot.target === 0) keepFirstTurn(port, n.local, nowUs);
    const via = this.#wayTo(port, n);
    const beyond = via === n.local ? 0 : WAY_MARGIN * this.#forwarding.farthest(nowUs, (this.#s.area << 8) | via);
    let news = this.#learn(nowUs, n.local, n.local, via, beyond);
    for (let local = 1; local < 255; local++) {
      const distance = distances[local] as number;
      if (distance >= 0 && this.#learn(nowUs, local, n.local, via, beyond + distance)) news = true;
    }
    if (!news) return true;
    this.#s.counters.count("snapshots-learned");
    this.#forwarding.custody.linksChanged(nowUs);
    // Others have heard what was told to one or to all, and may be on the same channels: the one goes first.
    for (const other of this.#s.ports) if (other !== port) this.#offer(nowUs, other, 0, toldToMe);
    return true;
  }

  /**
   * Whom to go by to what `n` reaches: nobody knows yet who else than the one that it answers is heard by it, but to that one
   * there may be a link.
   */
  #wayTo(port: Port, n: Neighbour): number {
    const { target } = this.#snapshot;
    if (n.twoWay || this.#reaches(n.local) || port.byLocal[target]?.twoWay !== true) return n.local;
    return this.#reaches(target) ? target : n.local;
  }

  /** True if the database has a way to a node. */
  #reaches(local: number): boolean {
    return this.#s.paths.from(this.#s.local, 1)[local] !== UNREACHABLE;
  }

  /** A member of the same channel has told a stranger: if that was all that this node has to tell it, it has been told. */
  #spareOwn(nowUs: number, port: Port, by: number): void {
    const { target, distances } = this.#snapshot;
    if (target === 0 || target !== port.snapshotTarget || port.snapshotDueUs === Number.POSITIVE_INFINITY) return;
    for (let local = 1; local < 255; local++) {
      if (local === by || local === target || (distances[local] as number) >= 0) continue;
      if (local === this.#s.local || this.#hasToTell(nowUs, local, target)) return;
    }
    port.snapshotDueUs = Number.POSITIVE_INFINITY;
    this.#s.counters.count("snapshots-spared");
  }

  /** True if this node reaches one that `target` has not told of itself. */
  #hasToTell(nowUs: number, local: number, target: number): boolean {
    if (this.#forwarding.farthest(nowUs, (this.#s.area << 8) | local) === UNREACHABLE) return false;
    return this.#s.hearsay.saidBy(nowUs, local) !== target;
  }

  #learn(nowUs: number, local: number, by: number, via: number, distance: number): boolean {
    if (local === this.#s.local || this.#reaches(local)) return false;
    return this.#s.hearsay.learn(nowUs, local, by, via, distance);
  }
}
