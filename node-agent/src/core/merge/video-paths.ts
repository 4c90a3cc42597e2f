import { TrafficClass } from "../api.ts";
import { isClosed } from "../bearer-rules.ts";
import {
  MAX_BEARERS,
  VIDEO_AHEAD_US,
  VIDEO_CENT_DELAY_US,
  VIDEO_DEADLINE_US,
  VIDEO_SAME_PATH_US,
  VIDEO_SECOND_WAY_US,
} from "../limits.ts";
import type { Neighbour } from "../neighbour.ts";
import { isUsable, type Port } from "../port.ts";
import type { CoreState } from "../state.ts";
import { VideoWays } from "../video-ways.ts";
import { PathCapacity } from "./path-capacity.ts";
import type { PathMeter } from "./path-meter.ts";

const EVER = Number.POSITIVE_INFINITY;
/** More than anything else may count. */
const LATE_US = 1e9;
const SUSPECT_DELAY_US = 100_000;
/** Links that one does not see are used up to this share of what they pass, as far as is told of them: others send there, too. */
const BEYOND_SHARE = 0.9;
/** The way that forwarding has chosen, and another one beside it. */
const USUAL = 0;
export const SECOND = 1;

/** One of the paths to a node, as it is now. */
export interface VideoPath {
  port: Port | undefined;
  neighbour: Neighbour | undefined;
  capacity: PathCapacity | undefined;
  delayUs: number;
  /** What money and suspicion count as, in delay. */
  dearUs: number;
  roundTripUs: number;
  bps: number;
  /** When it could send one more packet. */
  readyUs: number;
  /** USUAL or SECOND. */
  way: number;
}

/**
 * The paths that video to one node may take now: the bearers to the next hop, and, where it begins here, a second way past
 * that one. Holds nothing between two times that they are gathered.
 */
export class VideoPaths {
  count = 0;
  /** Where the second way leads to, 0: there is none. */
  secondTo = 0;
  /** When what was placed on each way has left its slowest link behind the first hop, if that is as it was told. */
  readonly beyondUs = [0.5, 0.5];
  readonly #s: CoreState;
  readonly #ways: VideoWays;
  readonly #paths: VideoPath[] = Array.from({ length: MAX_BEARERS }, () => ({
    port: undefined,
    neighbour: undefined,
    capacity: undefined,
    delayUs: 0.5,
    dearUs: 0.5,
    roundTripUs: 0.5,
    bps: 0.5,
    readyUs: 0.5,
    way: USUAL,
  }));

  constructor(state: CoreState) {
    this.#s = state;
    this.#ways = new VideoWays(state);
  }

  at(index: number): VideoPath {
    return this.#paths[index] as VideoPath;
  }

  /** How many bearers lead to a node: less work than to gather them. */
  bearersTo(nowUs: number, nodeId: number): number {
    let count = 0;
    const { ports } = this.#s;
    for (let p = 0; p < ports.length; p++) {
      const port = ports[p] as Port;
      for (let i = 0; i < port.neighbours.length; i++)
        if (isPath(nowUs, port, port.neighbours[i] as Neighbour, nodeId)) count++;
    }
    return count;
  }

  /** Looks for the bearers to a node. */
  gather(nowUs: number, nodeId: number): void {
    this.count = 0;
    this.secondTo = 0;
    const { ports } = this.#s;
    for (let p = 0; p < ports.length; p++) {
      const port = ports[p] as Port;
      for (let i = 0; i < port.neighbours.length && this.count < MAX_BEARERS; i++) {
        const n = port.neighbours[i] as Neighbour;
        if (isPath(nowUs, port, n, nodeId)) this.#take(nowUs, port, n, n.meter as PathMeter);
      }
    }
  }

  /** Adds the way past `hop`, unless it begins on a channel that is in use already: there it would bring nothing. */
  addSecond(nowUs: number, destination: number, hop: Neighbour): void {
    const ways = this.#ways;
    const usual = this.count;
    if (usual === 0 || usual === MAX_BEARERS || !ways.find(nowUs, destination, hop)) return;
    const port = ways.port as Port;
    const n = ways.neighbour as Neighbour;
    if (!isPath(nowUs, port, n, n.nodeId)) return;
    for (let i = 0; port.shared && i < usual; i++) if ((this.#paths[i] as VideoPath).port === port) return;
    this.#take(nowUs, port, n, n.meter as PathMeter);
    const second = this.#paths[usual] as VideoPath;
    second.way = SECOND;
    const laterUs = ways.beyond.latencyUs - ways.beyondHop.latencyUs;
    second.delayUs += Math.max(0, laterUs);
    second.dearUs += VIDEO_SECOND_WAY_US + VIDEO_CENT_DELAY_US * ways.beyond.costCentsPerMegabyte;
    for (let i = 0; i < usual; i++) {
      const path = this.#paths[i] as VideoPath;
      path.delayUs += Math.max(0, -laterUs);
      path.dearUs += VIDEO_CENT_DELAY_US * ways.beyondHop.costCentsPerMegabyte;
    }
    this.secondTo = destination;
  }

  /** What passes behind the first hop of a path's way, where there are two ways. */
  beyondBps({ way }: VideoPath): number {
    if (this.secondTo === 0) return EVER;
    return BEYOND_SHARE * (way === SECOND ? this.#ways.beyond : this.#ways.beyondHop).goodputBps;
  }

  #take(nowUs: number, port: Port, n: Neighbour, meter: PathMeter): void {
    const path = this.#paths[this.count++] as VideoPath;
    const { latencyUs, bitrateBps } = port.config;
    meter.capacity ??= new PathCapacity(bitrateBps);
    path.port = port;
    path.neighbour = n;
    path.way = USUAL;
    path.capacity = meter.capacity;
    path.delayUs = meter.delayUs(0.5, latencyUs);
    path.dearUs = VIDEO_CENT_DELAY_US * port.costCentsPerMegabyte + suspicionUs(nowUs, n);
    path.roundTripUs = n.rttUs > 0 ? n.rttUs : 2 * latencyUs;
    path.bps = meter.capacity.pacingBps(path.roundTripUs);
    path.readyUs = Math.max(nowUs, meter.capacity.freeUs);
  }

  /** Begins to place packets on the paths, after those that have gone. */
  begin(nowUs: number, beyondUs: readonly number[]): void {
    for (let i = 0; i < this.count; i++) this.closeIfFull(nowUs, this.#paths[i] as VideoPath);
    this.beyondUs[USUAL] = beyondUs[USUAL] as number;
    this.beyondUs[SECOND] = beyondUs[SECOND] as number;
  }

  /** When a packet that takes a path is at its other end. */
  arrivalUs(path: VideoPath, octets: number): number {
    return path.readyUs + (octets * 8e6) / path.bps + path.delayUs;
  }

  /** Adds a packet that arrives then to what each way passes behind its first hop. */
  passBeyond(beyondUs: number[], path: VideoPath, arrivalUs: number, octets: number): void {
    if (this.secondTo === 0) return;
    const passedUs = Math.max(beyondUs[path.way] as number, arrivalUs) + (octets * 8e6) / this.beyondBps(path);
    beyondUs[path.way] = passedUs;
  }

  /** A path whose window is full can send again when reports have come. */
  closeIfFull(nowUs: number, path: VideoPath): void {
    const { port, capacity } = path;
    const waiting = (port as Port).queue.octetsOf(TrafficClass.video);
    if ((capacity as PathCapacity).roomOctets(nowUs, path.roundTripUs, waiting) > 0) return;
    path.readyUs = Math.max(path.readyUs, nowUs + VIDEO_AHEAD_US + 1 + path.roundTripUs / 2);
  }

  /**
   * The path on which it arrives first, all counted; but one that is late only if all are: neither money nor a suspicion is
   * worth a packet. `avoided`: bearers that count as later, as bits. `mayPart`: over the second way as well. What waits behind
   * the first hop of a way counts, too, but makes nothing late: of a rate there only the half or the whole is told.
   */
  best(octets: number, deadlineUs: number, avoided: number, mayPart: boolean): VideoPath | undefined {
    let best: VideoPath | undefined;
    let least = EVER;
    for (let i = 0; i < this.count; i++) {
      const path = this.#paths[i] as VideoPath;
      if (path.way === SECOND && !mayPart) continue;
      const { id } = (path.port as Port).config;
      const againUs = ((avoided >>> id) & 1) * VIDEO_SAME_PATH_US;
      const arrivalUs = this.arrivalUs(path, octets);
      const late = arrivalUs > deadlineUs ? LATE_US : 0;
      const queuedUs = Math.min(VIDEO_DEADLINE_US, Math.max(0, (this.beyondUs[path.way] as number) - arrivalUs));
      const countedUs = arrivalUs + queuedUs + path.dearUs + againUs + late;
      if (countedUs >= least) continue;
      least = countedUs;
      best = path;
    }
    return best;
  }

  /** When a packet is to arrive that comes now: as soon as any path could if that is later than video should be. */
  deadlineUs(nowUs: number): number {
    let least = EVER;
    for (let i = 0; i < this.count; i++) least = Math.min(least, (this.#paths[i] as VideoPath).delayUs);
    return nowUs + Math.max(VIDEO_DEADLINE_US, 2 * least);
  }

  /** Sets a packet on the second way. */
  part(slot: number): void {
    const { pool, counters } = this.#s;
    const { repair, potential, isCarried } = this.#ways;
    pool.setWay(slot, potential, isCarried ? repair : undefined);
    counters.count("video-parted");
  }
}

/** In time, and not under suspicion. */
export function isGood(path: VideoPath): boolean {
  return path.delayUs < VIDEO_DEADLINE_US && (path.neighbour as Neighbour).suspectSinceUs === EVER;
}

function isPath(nowUs: number, port: Port, n: Neighbour, nodeId: number): boolean {
  if (port.narrow || n.nodeId !== nodeId || n.meter === undefined || !isUsable(port, n, nowUs)) return false;
  if (isClosed(port.rules, n.closedTo, TrafficClass.video)) return false;
  return port.shared || n.receiverIndex >= 0;
}

/** A suspicion is mostly wrong, and less so the longer it lasts. */
function suspicionUs(nowUs: number, n: Neighbour): number {
  return n.suspectSinceUs === EVER ? 0 : SUSPECT_DELAY_US + nowUs - n.suspectSinceUs;
}
