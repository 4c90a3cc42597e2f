import { FrameKind } from "@skein/codecs";
import { TrafficClass } from "../api.ts";
import {
  MAX_WAITING_VIDEO,
  MIN_RTO_DIRECT_US,
  SENT_RING_FRAMES,
  VIDEO_AHEAD_US,
  VIDEO_LOOK_AGAIN_US,
  VIDEO_RATE_RISE_US,
} from "../limits.ts";
import type { Neighbour } from "../neighbour.ts";
import type { Port } from "../port.ts";
import { type CoreState, emit } from "../state.ts";
import { type ParityBlock, ParityEncoder } from "./parity-encoder.ts";
import type { PathLoss } from "./parity-plan.ts";
import type { PathCapacity } from "./path-capacity.ts";
import type { PathMeter } from "./path-meter.ts";
import { sharesRisk } from "./placement.ts";
import { isGood, SECOND, type VideoPath, VideoPaths } from "./video-paths.ts";
import { VideoRate } from "./video-rate.ts";

const EVER = Number.POSITIVE_INFINITY;
/** Headers and tag around a packet, about; octets. */
const FRAME_EXTRA_OCTETS = 24;

/** Video to one node that waits for a path, oldest first. */
class WaitingVideo {
  readonly nodeId: number;
  readonly slots = new Int16Array(MAX_WAITING_VIDEO);
  /** Where a packet may take a second way to, by place; 0: it may not. */
  readonly partTo = new Uint16Array(MAX_WAITING_VIDEO);
  count = 0;
  dueUs = EVER;
  /** Own video among it: where to, when the last of it came, and what its encoder was told. */
  destination = 0;
  ownUs = Number.NEGATIVE_INFINITY;
  /** When what was sent on each way has left its slowest link behind the first hop, if that is as it was told. */
  readonly beyondUs = [0.5, 0.5];
  readonly rate = new VideoRate();

  constructor(nodeId: number) {
    this.nodeId = nodeId;
  }

  add(slot: number, partTo: number): void {
    this.slots[this.count] = slot;
    this.partTo[this.count++] = partTo;
  }

  remove(index: number): void {
    this.slots.copyWithin(index, index + 1, this.count);
    this.partTo.copyWithin(index, index + 1, this.count--);
  }
}

/**
 * Video over point-to-point bearers, or several of any kind, to one node: each packet takes the path on which it arrives
 * first (earliest delivery path first: one-way delay, plus what is ahead of it there over the path's rate). It waits here
 * until that path can send it, so that it can still take another one, or be dropped, oldest first, when it would be late.
 */
export class VideoPacing {
  readonly #s: CoreState;
  readonly #queues: WaitingVideo[] = [];
  readonly #paths: VideoPaths;
  readonly #parity: ParityEncoder;
  readonly #loss: PathLoss = { loss: 0.5, run: 0.5, timeUs: 0.5, tryUs: 0.5, framesPerTry: 0.5 };
  dueUs = EVER;

  constructor(state: CoreState) {
    this.#s = state;
    this.#paths = new VideoPaths(state);
    this.#parity = new ParityEncoder(state);
    this.#parity.onBlock = (nowUs, block, rows) => this.#pushParity(nowUs, block, rows);
  }

  /**
   * Looks which paths lead to the node of `hop`; true if `push` is to be used: there are several, or one that nobody else
   * sends on, and the video is this node's own. A channel that is shared passes now more, now less, and its reports are
   * too late to tell; and where video of others waits, the bearer's queue is fair to all. `partTo`: where to a packet may
   * take a way past that node as well; 0: it may not.
   */
  paces(nowUs: number, hop: Neighbour, isOwn: boolean, partTo: number): boolean {
    const paths = this.#paths;
    // Who hands on over the only bearer has nothing to choose.
    if (!isOwn && paths.bearersTo(nowUs, hop.nodeId) < 2 && !this.#wasTold(hop.nodeId)) return false;
    paths.gather(nowUs, hop.nodeId);
    const isAlone = paths.count === 1 && paths.at(0).port?.shared === false;
    const paced = paths.count > 1 || (isAlone && isOwn);
    if (paced && partTo !== 0) paths.addSecond(nowUs, partTo, hop);
    if (!paced && this.#wasTold(hop.nodeId)) this.#reckonRate(nowUs, this.#queueOf(hop.nodeId));
    return paced;
  }

  /** An encoder goes by what was told of this node's paths, though there is only one left. */
  #wasTold(nodeId: number): boolean {
    for (let i = 0; i < this.#queues.length; i++) {
      const queue = this.#queues[i] as WaitingVideo;
      if (queue.nodeId === nodeId) return queue.rate.toldBps > 0;
    }
    return false;
  }

  /** Tells what the paths just gathered carry: those that are not under suspicion and come in time. */
  #reckonRate(nowUs: number, queue: WaitingVideo): void {
    let trusted = 0;
    for (let i = 0; i < this.#paths.count; i++) if (isGood(this.#paths.at(i))) trusted++;
    if (!queue.rate.isDue(nowUs, trusted)) return;
    let bps = 0;
    for (let i = 0; i < this.#paths.count; i++) {
      const path = this.#paths.at(i);
      if (!isGood(path) && trusted > 0) continue;
      const { loss } = (path.neighbour as Neighbour).meter as PathMeter;
      bps += Math.min((path.capacity as PathCapacity).bps(path.roundTripUs), this.#paths.beyondBps(path)) * (1 - loss);
    }
    if (!queue.rate.take(nowUs, bps / (1 + this.#parity.share))) return;
    emit(this.#s, { type: "video-rate", to: queue.destination, bps: queue.rate.toldBps });
  }

  /** Takes a packet whose deadline is that of its arrival; to be called right after `paces`. */
  push(nowUs: number, hop: Neighbour, slot: number, partTo: number): void {
    const queue = this.#queueOf(hop.nodeId);
    if (queue.count === MAX_WAITING_VIDEO) this.#drop(queue, this.#firstParity(queue), "queue-full");
    queue.add(slot, partTo);
    if (this.#s.pool.source[slot] === this.#s.options.address) this.#noteOwn(nowUs, queue, slot);
    this.#send(nowUs, queue);
  }

  /** Questions for key frames go to others among a picture's packets. */
  #noteOwn(nowUs: number, queue: WaitingVideo, slot: number): void {
    const destination = this.#s.pool.destination[slot] as number;
    if (destination !== queue.destination) {
      if (nowUs - queue.ownUs < VIDEO_RATE_RISE_US) return;
      queue.destination = destination;
      queue.rate.forget();
    }
    queue.ownUs = nowUs;
    this.#reckonRate(nowUs, queue);
  }

  /** What goes first from a full queue: parity, else what is oldest. */
  #firstParity(queue: WaitingVideo): number {
    for (let i = 0; i < queue.count; i++) if (this.#s.pool.kind[queue.slots[i] as number] === FrameKind.path) return i;
    return 0;
  }

  #queueOf(nodeId: number): WaitingVideo {
    for (let i = 0; i < this.#queues.length; i++) {
      const queue = this.#queues[i] as WaitingVideo;
      if (queue.nodeId === nodeId) return queue;
    }
    const queue = new WaitingVideo(nodeId);
    this.#queues.push(queue);
    return queue;
  }

  /** Parity of a block waits behind what is there, and not at all where that has long been waiting. */
  #pushParity(nowUs: number, block: ParityBlock, rows: number): void {
    const { pool, options, classRules, counters } = this.#s;
    const queue = this.#queueOf(block.nodeId);
    const avoided = this.#mostly(block);
    for (let row = 0; row < rows && queue.count < MAX_WAITING_VIDEO / 2; row++) {
      if (block.source === options.address && !classRules.admits(nowUs, TrafficClass.video, block.octets, true))
        return counters.drop("class-rate", TrafficClass.video);
      const slot = this.#parity.allocate(block, row);
      if (slot === -1) return;
      pool.potential[slot] = avoided;
      pool.deadlineUs[slot] = block.deadlineUs;
      queue.add(slot, 0);
      counters.count("parity-sent");
      counters.count("parity-octets", pool.length[slot]);
    }
    queue.dueUs = nowUs;
  }

  /** The bearer that most of a block went over, and those that share a risk with it, as bits. */
  #mostly(block: ParityBlock): number {
    const { ports } = this.#s;
    let most = 0;
    for (let p = 1; p < ports.length; p++) if ((block.on[p] as number) > (block.on[most] as number)) most = p;
    let bits = 1 << most;
    for (let p = 0; p < ports.length; p++) if (sharesRisk(ports[p] as Port, ports[most] as Port)) bits |= 1 << p;
    return bits;
  }

  #drop(queue: WaitingVideo, index: number, reason: "queue-full" | "video-late"): void {
    const slot = queue.slots[index] as number;
    queue.remove(index);
    this.#s.counters.drop(reason, TrafficClass.video);
    this.#s.pool.release(slot);
  }

  /** When a packet is to arrive that comes now; to be called right after `paces`. */
  deadlineUs(nowUs: number): number {
    return this.#paths.deadlineUs(nowUs);
  }

  handleTimeout(nowUs: number): void {
    if (this.#parity.dueUs <= nowUs) this.#parity.handleTimeout(nowUs);
    for (let i = 0; i < this.#queues.length; i++) {
      const queue = this.#queues[i] as WaitingVideo;
      if (queue.dueUs > nowUs) continue;
      this.#paths.gather(nowUs, queue.nodeId);
      const isFilming = this.#paths.count > 0 && nowUs - queue.ownUs < VIDEO_RATE_RISE_US;
      if (isFilming) this.#paths.addSecond(nowUs, queue.destination, this.#paths.at(0).neighbour as Neighbour);
      this.#send(nowUs, queue);
    }
    this.#reckonDue();
  }

  /** A report on a path to the node: there may be room again. */
  reported(nowUs: number, nodeId: number): void {
    for (let i = 0; i < this.#queues.length; i++) {
      const queue = this.#queues[i] as WaitingVideo;
      if (queue.nodeId === nodeId && queue.count > 0) queue.dueUs = nowUs;
    }
    this.#reckonDue();
  }

  #reckonDue(): void {
    this.dueUs = this.#parity.dueUs;
    for (let i = 0; i < this.#queues.length; i++)
      this.dueUs = Math.min(this.dueUs, (this.#queues[i] as WaitingVideo).dueUs);
  }

  /** Sends what its best path can send now. What waits counts as sent where it would go, for those behind it. */
  #send(nowUs: number, queue: WaitingVideo): void {
    const { pool } = this.#s;
    const paths = this.#paths;
    paths.begin(nowUs, queue.beyondUs);
    queue.dueUs = EVER;
    for (let index = 0; index < queue.count; ) {
      const slot = queue.slots[index] as number;
      const octets = (pool.length[slot] as number) + FRAME_EXTRA_OCTETS;
      const isParity = pool.kind[slot] === FrameKind.path;
      const deadlineUs = pool.deadlineUs[slot] as number;
      const mayPart = paths.secondTo !== 0 && queue.partTo[index] === paths.secondTo;
      const path = paths.best(octets, deadlineUs, isParity ? (pool.potential[slot] as number) : 0, mayPart);
      const arrivalUs = path === undefined ? EVER : paths.arrivalUs(path, octets);
      // Those behind the first may still move up.
      if (arrivalUs > deadlineUs && index === 0) {
        this.#drop(queue, 0, "video-late");
        continue;
      }
      if (path === undefined) return;
      const goes = path.readyUs <= nowUs + VIDEO_AHEAD_US;
      if (!goes) queue.dueUs = Math.min(queue.dueUs, path.readyUs - VIDEO_AHEAD_US);
      // Packets behind parity that waits do not wait for it.
      if (goes || !isParity) {
        path.readyUs += (octets * 8e6) / path.bps;
        paths.passBeyond(paths.beyondUs, path, arrivalUs, octets);
      }
      if (!goes) {
        index++;
        continue;
      }
      paths.passBeyond(queue.beyondUs, path, arrivalUs, octets);
      queue.remove(index);
      this.#start(nowUs, slot, path, octets);
    }
    this.dueUs = Math.min(this.dueUs, this.#parity.dueUs);
    if (queue.count > 0) queue.dueUs = Math.max(nowUs + 1, Math.min(queue.dueUs, nowUs + VIDEO_LOOK_AGAIN_US));
    this.dueUs = Math.min(this.dueUs, queue.dueUs);
  }

  /** A packet that is not paced has been queued for a neighbour on a point-to-point bearer: it may have parity yet. */
  queued(nowUs: number, slot: number, hop: Neighbour): void {
    this.#paths.gather(nowUs, hop.nodeId);
    if (this.#paths.count !== 1) return;
    this.#protect(nowUs, slot, this.#paths.at(0));
    this.dueUs = Math.min(this.dueUs, this.#parity.dueUs);
  }

  /** Adds a packet that goes over a path to the parity of its block. */
  #protect(nowUs: number, slot: number, path: VideoPath): void {
    const loss = this.#loss;
    const n = path.neighbour as Neighbour;
    const meter = n.meter as PathMeter;
    loss.loss = meter.loss;
    loss.run = meter.lossRun;
    loss.timeUs = keptUs(nowUs, this.#s.pool.deadlineUs[slot] as number, path);
    loss.tryUs = Math.max(MIN_RTO_DIRECT_US, path.roundTripUs + 4 * n.rttVarianceUs);
    loss.framesPerTry = loss.tryUs / (path.capacity as PathCapacity).spacingUs;
    this.#parity.add(nowUs, slot, n.nodeId, n.address, (path.port as Port).config.id, loss);
  }

  #start(nowUs: number, slot: number, path: VideoPath, octets: number): void {
    const { pool } = this.#s;
    const capacity = path.capacity as PathCapacity;
    capacity.freeUs = Math.max(nowUs, capacity.freeUs) + (octets * 8e6) / path.bps;
    const n = path.neighbour as Neighbour;
    pool.neighbour[slot] = n.index;
    if (path.way === SECOND) this.#paths.part(slot);
    if (pool.kind[slot] !== FrameKind.path) this.#protect(nowUs, slot, path);
    // It is repeated as long as that is in time.
    pool.deadlineUs[slot] = (pool.deadlineUs[slot] as number) - path.delayUs;
    (path.port as Port).queue.push(slot);
    if (capacity.roomOctets(nowUs, path.roundTripUs, (path.port as Port).queue.octetsOf(TrafficClass.video)) <= 0)
      this.#paths.closeIfFull(nowUs, path);
  }
}

/** How long a frame may still be repeated: it is forgotten when its place is needed for another one. */
function keptUs(nowUs: number, deadlineUs: number, path: VideoPath): number {
  const port = path.port as Port;
  const ring = port.shared ? port.sent : (path.neighbour as Neighbour).directSent;
  const { spacingUs } = path.capacity as PathCapacity;
  return Math.min(deadlineUs - nowUs - path.delayUs, (ring?.frames ?? SENT_RING_FRAMES) * spacingUs);
}
