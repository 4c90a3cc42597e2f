import { decodeSuspicion, encodeSuspicion, type PathSuspicion, rebuildCounter } from "@skein/codecs";
import { DELAY_EDGES_MS, type PathStatus } from "../api.ts";
import { rtoUs } from "../hop-times.ts";
import {
  MAX_DELAYED_COPIES,
  MAX_HURRIES_SAVED,
  PACKETS_PER_HURRY,
  SUSPICION_GAP_US,
  TELL_AGAIN_US,
  TELL_PATHS,
} from "../limits.ts";
import { longestRttUs, type Neighbour } from "../neighbour.ts";
import { findNeighbour, isTrusted, isUsable, type Port } from "../port.ts";
import type { SentRing } from "../sent-ring.ts";
import { type CoreState, emit } from "../state.ts";
import { ParityDecoder } from "./parity-decoder.ts";
import { createPeer, PathMeter } from "./path-meter.ts";
import { type Copy, DEADLINE_US, Placement } from "./placement.ts";
import { StreamWatch } from "./silence.ts";
import { VideoPacing } from "./video-pacing.ts";

const EVER = Number.POSITIVE_INFINITY;
const SEQUENCES = 0x1_0000;
/** When this much of its time is over, a packet of which no copy was acknowledged goes again: twice, over a quick path. */
const IN_TIME_SHARE = 2 / 3;

/** What is being told to a node about one of its paths, and how often still. */
interface Tale {
  readonly silent: Neighbour;
  readonly highestLow: number;
  times: number;
  dueUs: number;
}

/**
 * Several bearers to the same node as one link. Holds what the paths have in common: the choice of copies, who misses
 * what, and copies that leave a little later. Suspicion only adds copies and may be wrong; what is given up is decided
 * elsewhere, slowly (`Adjacency.probe`).
 */
export class Merging {
  readonly #s: CoreState;
  readonly placement = new Placement();
  readonly video: VideoPacing;
  readonly parity: ParityDecoder;
  readonly #tales: Tale[] = [];
  readonly #suspicion: PathSuspicion = { target: 0, bearerId: 0, highestLow: 0 };
  readonly #delayed = new Int16Array(MAX_DELAYED_COPIES).fill(-1);
  readonly #delayedPort = new Uint8Array(MAX_DELAYED_COPIES);
  readonly #delayedUs = new Float64Array(MAX_DELAYED_COPIES);
  dueUs = EVER;
  /** Told of a path whose other end says that it is silent. */
  onSuspicion: (nowUs: number, port: Port, n: Neighbour) => void = () => undefined;

  constructor(state: CoreState) {
    this.#s = state;
    this.video = new VideoPacing(state);
    this.parity = new ParityDecoder(state);
  }

  /** Gives a neighbour that has just been met what its path is measured with. */
  meet(port: Port, n: Neighbour): void {
    if (port.narrow) return;
    const peer = this.#twin(port, n, () => true)?.meter?.peer ?? createPeer();
    n.meter = new PathMeter(peer);
    n.watch = new StreamWatch();
  }

  /** Another bearer's neighbour that is the same node, if one suits. */
  #twin(port: Port, n: Neighbour, suits: (other: Port, m: Neighbour) => boolean): Neighbour | undefined {
    const { ports } = this.#s;
    for (let p = 0; p < ports.length; p++) {
      const other = ports[p] as Port;
      if (other === port || other.narrow) continue;
      for (let i = 0; i < other.neighbours.length; i++) {
        const m = other.neighbours[i] as Neighbour;
        if (m.nodeId === n.nodeId && suits(other, m)) return m;
      }
    }
    return undefined;
  }

  /** True if another path to the node can be trusted now. */
  hasOther(nowUs: number, port: Port, n: Neighbour): boolean {
    return this.#twin(port, n, (other, m) => isTrusted(other, m, nowUs)) !== undefined;
  }

  // Copies

  /** What the copies of a packet have in common: its source and sequence. */
  keyOf(source: number, sequence: number): number {
    return source * SEQUENCES + sequence;
  }

  /** How long a copy waits for the acknowledgement of any of the copies before it is repeated. */
  patienceUs(trafficClass: number): number {
    let longest = 0;
    for (let i = 0; i < this.placement.count; i++) {
      const { neighbour, port } = this.placement.copies[i] as Copy;
      const n = neighbour as Neighbour;
      if (n.suspectSinceUs !== EVER) continue;
      longest = Math.max(longest, longestRttUs(n, 2.5 * (port as Port).config.latencyUs));
    }
    return Math.min(longest, IN_TIME_SHARE * (DEADLINE_US[trafficClass] as number));
  }

  /** A packet was sent to the node of `n` in copies. */
  copied(n: Neighbour): void {
    const peer = n.meter?.peer;
    if (peer !== undefined) peer.unhurried = Math.min(MAX_HURRIES_SAVED * PACKETS_PER_HURRY, peer.unhurried + 1);
  }

  /**
   * True, and spent, if a copy that `n` has not answered is to go again there before the other copies can be answered: it
   * would still come before them. One in so many packets only, for half of them will turn out to have been needless.
   */
  hurry(nowUs: number, port: Port, n: Neighbour): boolean {
    const peer = n.meter?.peer;
    if (peer === undefined || peer.unhurried < PACKETS_PER_HURRY) return false;
    const hereUs = rtoUs(port, n) + expectedUs(port, n);
    const isSooner = (other: Port, m: Neighbour): boolean =>
      isTrusted(other, m, nowUs) && expectedUs(other, m) < hereUs;
    if (this.#twin(port, n, isSooner) !== undefined) return false;
    peer.unhurried -= PACKETS_PER_HURRY;
    this.#s.counters.count("hurried");
    return true;
  }

  /** One copy was acknowledged: the others need not be repeated. Their silence still tells. */
  acknowledged(n: Neighbour, key: number): void {
    const { ports } = this.#s;
    for (let p = 0; p < ports.length; p++) {
      const port = ports[p] as Port;
      if (port.narrow) continue;
      for (let i = 0; i < port.neighbours.length; i++) {
        const m = port.neighbours[i] as Neighbour;
        if (m.nodeId !== n.nodeId) continue;
        const ring = port.shared ? port.sent : m.directSent;
        if (ring !== undefined) ring.settle(key);
      }
    }
  }

  /** True if another copy of the packet in a frame has arrived, or is on its way on a path that can be trusted. */
  isSafe(nowUs: number, n: Neighbour, ring: SentRing, index: number): boolean {
    const key = ring.copyKey[index] as number;
    if (key < 0) return false;
    if (ring.needless[index] === 1) return true;
    const { ports } = this.#s;
    for (let p = 0; p < ports.length; p++) {
      const port = ports[p] as Port;
      if (port.narrow) continue;
      for (let i = 0; i < port.neighbours.length; i++) {
        const m = port.neighbours[i] as Neighbour;
        if (m === n || m.nodeId !== n.nodeId || !isTrusted(port, m, nowUs)) continue;
        if ((port.shared ? port.sent : m.directSent)?.holds(key) === true) return true;
      }
    }
    return false;
  }

  /** Keeps a copy that is to leave later. */
  later(port: Port, slot: number, atUs: number): void {
    const place = this.#delayed.indexOf(-1);
    if (place === -1) {
      this.#s.counters.drop("copies-full");
      this.#s.pool.release(slot);
      return;
    }
    this.#delayed[place] = slot;
    this.#delayedPort[place] = port.config.id;
    this.#delayedUs[place] = atUs;
    this.dueUs = Math.min(this.dueUs, atUs);
  }

  #release(nowUs: number): void {
    for (let place = 0; place < MAX_DELAYED_COPIES; place++) {
      const slot = this.#delayed[place] as number;
      if (slot === -1) continue;
      const atUs = this.#delayedUs[place] as number;
      if (atUs > nowUs) {
        this.dueUs = Math.min(this.dueUs, atUs);
        continue;
      }
      this.#delayed[place] = -1;
      (this.#s.ports[this.#delayedPort[place] as number] as Port).queue.push(slot);
    }
  }

  // What is missed

  /** A voice packet of a stream came from `n`. */
  heard(nowUs: number, port: Port, n: Neighbour, source: number, sequence: number): void {
    if (n.watch === undefined) return;
    n.watch.heard(nowUs, source, sequence);
    const { ports } = this.#s;
    for (let p = 0; p < ports.length; p++) {
      const other = ports[p] as Port;
      if (other === port || other.narrow) continue;
      for (let i = 0; i < other.neighbours.length; i++) {
        const m = other.neighbours[i] as Neighbour;
        if (m.nodeId !== n.nodeId || m.watch === undefined || !m.twoWay) continue;
        m.watch.heardElsewhere(source, sequence);
        this.dueUs = Math.min(this.dueUs, m.watch.dueUs(nowUs));
      }
    }
  }

  handleTimeout(nowUs: number): void {
    this.dueUs = EVER;
    this.#release(nowUs);
    const { ports } = this.#s;
    for (let p = 0; p < ports.length; p++) {
      const port = ports[p] as Port;
      if (port.narrow) continue;
      for (let i = 0; i < port.neighbours.length; i++) {
        const n = port.neighbours[i] as Neighbour;
        if (n.watch === undefined) continue;
        const dueUs = n.watch.dueUs(nowUs);
        if (dueUs <= nowUs) this.#miss(nowUs, port, n);
        else this.dueUs = Math.min(this.dueUs, dueUs);
      }
    }
    this.#tellAll(nowUs);
  }

  #miss(nowUs: number, port: Port, n: Neighbour): void {
    const silentMs = (nowUs - (n.watch as StreamWatch).lastUs) / 1000;
    const reason = "others bring its packets";
    emit(this.#s, { type: "path", bearerId: port.config.id, address: n.address, change: "missed", reason, silentMs });
    n.watch?.told();
    this.#s.counters.count("paths-missed");
    const { highest } = port.shared ? n.window : n.directWindow;
    if (highest < 0 || this.#tales.some((tale) => tale.silent === n)) return;
    this.#tales.push({ silent: n, highestLow: highest & 0xffff, times: TELL_AGAIN_US.length, dueUs: nowUs });
  }

  #tellAll(nowUs: number): void {
    for (let i = this.#tales.length - 1; i >= 0; i--) {
      const tale = this.#tales[i] as Tale;
      if (tale.dueUs <= nowUs) {
        this.#tell(nowUs, tale);
        tale.dueUs = nowUs + (TELL_AGAIN_US[TELL_AGAIN_US.length - tale.times--] as number);
      }
      if (tale.times === 0) this.#tales.splice(i, 1);
      else this.dueUs = Math.min(this.dueUs, tale.dueUs);
    }
  }

  /** Says it over the fastest other paths to that node. */
  #tell(nowUs: number, tale: Tale): void {
    const { silent } = tale;
    const ways = this.#s.ports
      .filter((port) => !port.narrow)
      .flatMap((port) => port.neighbours.map((n) => ({ port, n })))
      .filter(({ port, n }) => n !== silent && n.nodeId === silent.nodeId && isTrusted(port, n, nowUs))
      .sort((a, b) => expectedUs(a.port, a.n) - expectedUs(b.port, b.n));
    for (const { port, n } of ways.slice(0, TELL_PATHS))
      port.suspicions.push({ neighbour: n.index, bearerId: silent.remoteBearerId, highestLow: tale.highestLow });
  }

  /** Body of the next suspicion that waits on a bearer; returns its end. */
  encodeSuspicion(port: Port, next: Port["suspicions"][number], out: Uint8Array, offset: number): number {
    const suspicion = this.#suspicion;
    suspicion.target = (port.neighbours[next.neighbour] as Neighbour).local;
    suspicion.bearerId = next.bearerId;
    suspicion.highestLow = next.highestLow;
    return offset + encodeSuspicion(suspicion, out, offset);
  }

  /** The other end misses what we send on one of our bearers. */
  handleSuspicion(nowUs: number, n: Neighbour, octets: Uint8Array, offset: number, end: number): boolean {
    const suspicion = this.#suspicion;
    if (!decodeSuspicion(octets, offset, end, suspicion)) return false;
    if (suspicion.target !== this.#s.local) return true;
    const port = this.#s.ports[suspicion.bearerId];
    if (port === undefined || port.narrow) return true;
    const silent = findNeighbour(port, this.#s.area, n.address);
    if (silent === undefined || silent.nodeId !== n.nodeId || silent.suspectSinceUs !== EVER) return true;
    const next = port.shared ? port.counter : silent.directCounter;
    const highest = rebuildCounter(suspicion.highestLow, 16, next - 1);
    // Nothing has been sent there since, or it has been answered: the other end is wrong.
    const needless = highest >= next - 1 || silent.lastAcknowledgedUs > nowUs - SUSPICION_GAP_US;
    this.#s.counters.count(needless ? "suspicions-refused" : "suspicions-told");
    if (!needless) this.onSuspicion(nowUs, port, silent);
    return true;
  }

  // For people, and for whoever places streams

  /** All paths to a node, best first. */
  paths(nowUs: number, address: number): PathStatus[] {
    const paths: PathStatus[] = [];
    for (const port of this.#s.ports) {
      const n = findNeighbour(port, this.#s.area, address);
      if (n?.meter === undefined) continue;
      const { meter } = n;
      const { latencyUs, bitrateBps } = port.config;
      paths.push({
        bearerId: port.config.id,
        state: stateOf(nowUs, port, n),
        delayMs: meter.delayUs(0.5, latencyUs) / 1000,
        delayShares: delayShares(meter, latencyUs),
        delayP95Ms: meter.delayUs(0.95, latencyUs) / 1000,
        rttMs: n.rttUs / 1000,
        loss: meter.loss,
        lossRun: meter.lossRun,
        bitrateBps,
        estimatedBps: meter.capacity?.bps(n.rttUs > 0 ? n.rttUs : 2 * latencyUs) ?? bitrateBps,
        costCentsPerMegabyte: port.costCentsPerMegabyte,
      });
    }
    return paths.sort((a, b) => a.delayMs - b.delayMs);
  }
}

function expectedUs(port: Port, n: Neighbour): number {
  return n.meter?.delayUs(0.5, port.config.latencyUs) ?? port.config.latencyUs;
}

/** Share of a path's delays in each range of DELAY_EDGES_MS. */
function delayShares(meter: PathMeter, latencyUs: number): number[] {
  const came = 1 - meter.loss;
  const upTo = DELAY_EDGES_MS.map((edge) => (came > 0 ? meter.chanceWithin(1000 * edge, latencyUs) / came : 0));
  return [...upTo, 1].map((share, i) => share - (i === 0 ? 0 : (upTo[i - 1] as number)));
}

function stateOf(nowUs: number, port: Port, n: Neighbour): PathStatus["state"] {
  if (!isUsable(port, n, nowUs)) return "down";
  if (n.suspectSinceUs !== EVER) return "suspect";
  return n.meter?.isSettled(nowUs) === true ? "up" : "probation";
}
