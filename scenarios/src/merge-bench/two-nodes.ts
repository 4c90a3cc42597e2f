import {
  type CoreBearer,
  type CoreOptions,
  createCore,
  MAX_FRAME_OCTETS,
  type MeshCore,
  type NodeEvent,
  Role,
  type TransmitSlot,
} from "@skein/node-agent/core";
import { EventQueue } from "../sim/event-queue.ts";
import { RandomStream, streamKey } from "../sim/random-streams.ts";
import { SimCrypto } from "../sim/sim-crypto.ts";
import { SimIdentity } from "../sim/sim-identity.ts";
import { LossyPipe } from "./lossy-pipe.ts";
import type { PathOptions } from "./profiles.ts";

/** Headers of IPv4 and UDP around each frame. */
const OUTER_OCTETS = 28;
/** Site and headquarters. */
export const SITE = 0;
export const HQ = 1;
const ADDRESSES = [0x101, 0x102] as const;
const ROAM_US = 1_000_000;
/** Order among what happens at the same microsecond. */
const Kind = { arrival: 0, call: 1, wake: 2, stop: 3 } as const;

const WIDE: Omit<CoreBearer, "id" | "name"> = {
  kind: 0,
  medium: "point-to-point",
  layout: "wide",
  mtuOctets: 1400,
  bitrateBps: 10e6,
  latencyUs: 5_000,
  costCentsPerMegabyte: 0,
  keyUpUs: 0,
  halfDuplex: false,
};

interface Flight {
  node: number;
  path: number;
  octets: Uint8Array;
  length: number;
}

/** Two real cores joined by several paths, in virtual time. The same seed gives the same run. */
export class TwoNodes {
  nowUs = 1_000_000;
  readonly cores: MeshCore[] = [];
  /** By path, then by sender. */
  readonly pipes: LossyPipe[][];
  readonly names: string[];
  /** Path on which the site's address changes every second, -1: none. Headquarters finds out by what comes from there. */
  roaming = -1;
  onEvent: (node: number, event: NodeEvent) => void = () => undefined;
  readonly #queue = new EventQueue();
  readonly #flights: Flight[] = [];
  readonly #freeFlights: number[] = [];
  readonly #calls: (() => void)[] = [];
  readonly #freeCalls: number[] = [];
  /** How far the clock of each node is ahead of this one. */
  readonly #aheadUs: [number, number] = [0, 0];
  readonly #wakeUs = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  readonly #slot: TransmitSlot = { bearerId: 0, endpoint: 0, octets: new Uint8Array(MAX_FRAME_OCTETS), length: 0 };

  constructor(paths: readonly PathOptions[], seed: number, change: (options: CoreOptions) => CoreOptions = (o) => o) {
    this.names = paths.map((path) => path.name);
    this.pipes = paths.map((path) =>
      [SITE, HQ].map((node) => new LossyPipe(path, new RandomStream(seed, `pipe/${path.name}/${node}`))),
    );
    const crypto = new SimCrypto(seed);
    for (const node of [SITE, HQ]) {
      const options = change({
        address: ADDRESSES[node] as number,
        nodeId: 1000 + node,
        identity: new SimIdentity(1000 + node),
        peerKeys: [],
        nameUtf8: new TextEncoder().encode(node === SITE ? "site" : "hq"),
        role: node === SITE ? Role.vehicle : Role.headquarters,
        seed: streamKey(seed, `core/${node}`),
        bootEpoch: 1,
        crypto,
        bearers: paths.map((path, id) => ({ ...WIDE, ...path.bearer, id, name: path.name })),
        groups: [1],
        bridgedGroups: [],
        narrowVoice: false,
        acknowledgesSos: node === HQ,
        prefixes: [],
      });
      this.cores.push(createCore(options, this.nowUs));
    }
    for (const node of [SITE, HQ]) {
      for (const id of paths.keys()) (this.cores[node] as MeshCore).handleBearer(this.nowUs, id, true);
      this.#service(node);
    }
  }

  address(node: number): number {
    return ADDRESSES[node] as number;
  }

  pathOf(name: string): number {
    return this.names.indexOf(name);
  }

  /** Both directions vanish from now on, or work again; nobody is told. */
  setUp(path: number, up: boolean): void {
    for (const pipe of this.pipes[path] as LossyPipe[]) pipe.up = up;
  }

  /** Octets offered to the paths by a node so far, in all. */
  octetsFrom(node: number): number {
    return this.pipes.reduce((sum, pair) => sum + (pair[node] as LossyPipe).octets, 0);
  }

  /** Calls `action` at a time that is not past. */
  at(timeUs: number, action: () => void): void {
    const handle = this.#freeCalls.pop() ?? this.#calls.length;
    this.#calls[handle] = action;
    this.#queue.add(Math.max(this.nowUs, Math.round(timeUs)), Kind.call, 0, handle);
  }

  /** Talks to a core, then sees to what it wants to send. */
  use(node: number, talk: (core: MeshCore, nowUs: number) => void): void {
    talk(this.cores[node] as MeshCore, this.clock(node));
    this.#service(node);
  }

  /** The clock of a node jumps ahead: its process was stopped, or the machine asleep, for so long. */
  jump(node: number, byUs: number): void {
    this.#aheadUs[node] = (this.#aheadUs[node] as number) + byUs;
    this.#service(node);
  }

  /** What a node takes for now. */
  clock(node: number): number {
    return this.nowUs + (this.#aheadUs[node] as number);
  }

  /** Lets time pass. */
  run(forUs: number): void {
    const queue = this.#queue;
    queue.add(Math.round(this.nowUs + forUs), Kind.stop, 0, 0);
    while (queue.take()) {
      this.nowUs = queue.timeUs;
      if (queue.kind === Kind.stop) return;
      if (queue.kind === Kind.call) this.#call(queue.argument);
      else if (queue.kind === Kind.arrival) this.#arrive(queue.argument);
      else this.#wake(queue.argument);
    }
  }

  #call(handle: number): void {
    const action = this.#calls[handle] as () => void;
    this.#freeCalls.push(handle);
    action();
  }

  #arrive(handle: number): void {
    const { node, path, octets, length } = this.#flights[handle] as Flight;
    this.#freeFlights.push(handle);
    // The emulator drops what is in flight when a path is cut.
    if (!(this.pipes[path] as LossyPipe[])[1 - node]?.up) return;
    const endpoint = path === this.roaming && node === HQ ? this.#siteAddress() : 0;
    (this.cores[node] as MeshCore).handleFrame(this.clock(node), path, endpoint, octets, length);
    this.#service(node);
  }

  #wake(node: number): void {
    if (this.#wakeUs[node] !== this.nowUs) return;
    this.#wakeUs[node] = Number.POSITIVE_INFINITY;
    (this.cores[node] as MeshCore).handleTimeout(this.clock(node));
    this.#service(node);
  }

  #service(node: number): void {
    const core = this.cores[node] as MeshCore;
    for (let event = core.pollEvent(); event !== undefined; event = core.pollEvent()) this.onEvent(node, event);
    while (core.pollTransmit(this.clock(node), this.#slot)) this.#send(node);
    for (let event = core.pollEvent(); event !== undefined; event = core.pollEvent()) this.onEvent(node, event);
    const nextUs = core.nextTimeoutUs() - (this.#aheadUs[node] as number);
    if (nextUs === Number.POSITIVE_INFINITY) return;
    const atUs = Math.max(this.nowUs + 1, Math.ceil(nextUs));
    if (this.#wakeUs[node] === atUs) return;
    this.#wakeUs[node] = atUs;
    this.#queue.add(atUs, Kind.wake, 0, node);
  }

  #send(node: number): void {
    const { bearerId, endpoint, length } = this.#slot;
    const pipe = (this.pipes[bearerId] as LossyPipe[])[node] as LossyPipe;
    const atUs = pipe.send(this.nowUs, length + OUTER_OCTETS);
    // Nobody lives at an old address any more.
    const gone = bearerId === this.roaming && node === HQ && endpoint >= 0 && endpoint !== this.#siteAddress();
    if (atUs < 0 || gone) return;
    this.#fly(node, bearerId, atUs);
    if (pipe.again()) this.#fly(node, bearerId, atUs + 1);
  }

  /** Endpoint of the site on the path on which it roams: another one every second. */
  #siteAddress(): number {
    return Math.floor(this.nowUs / ROAM_US);
  }

  #fly(node: number, bearerId: number, atUs: number): void {
    const { octets, length } = this.#slot;
    const handle = this.#freeFlights.pop() ?? this.#flights.length;
    let flight = this.#flights[handle];
    if (flight === undefined) {
      flight = { node: 0, path: 0, octets: new Uint8Array(MAX_FRAME_OCTETS), length: 0 };
      this.#flights[handle] = flight;
    }
    flight.node = 1 - node;
    flight.path = bearerId;
    flight.length = length;
    flight.octets.set(octets.subarray(0, length));
    this.#queue.add(Math.max(this.nowUs, atUs), Kind.arrival, 0, handle);
  }
}
