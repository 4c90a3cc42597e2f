import type { PositionReport } from "@skein/node-agent/core";
import type { Network, Scenario, ScenarioNode } from "../scenario/schema.ts";
import type { FaultAction } from "./fault-actions.ts";
import { makeTrack, type Point, type Track } from "./mobility.ts";
import { CERTAIN_PPM, OUT_OF_RANGE, pathLossPpm } from "./propagation.ts";

/** How one node hears another on one network now. */
export interface Link {
  readonly up: boolean;
  /** Share of frames lost, 0..1. */
  readonly loss: number;
  readonly delayUs: number;
}

const METRES_PER_DEGREE = 111_195;
const DEAD = OUT_OF_RANGE;

/**
 * The ground truth of a scenario: who is where, who is on, who hears whom, what is broken. Pure: time is an
 * argument of `advance`, nothing is drawn at random outside named streams of the seed. Shared by simulator and
 * laboratory. Nodes and networks have dense indices in the order of the file.
 */
export class World {
  readonly scenario: Scenario;
  readonly nodes: readonly ScenarioNode[];
  readonly networks: readonly Network[];
  /** Counts changes of anything that `link` or `connected` answer. */
  version = 0;
  nowUs = 0;

  #nodeIndex = new Map<string, number>();
  #networkIndex = new Map<string, number>();
  #members: number[][];
  #isMember: Uint8Array;
  #tracks: Track[];
  #points: Point[];
  #moving: boolean;
  #nextStepUs = 0;
  #faults = new Map<number, FaultAction>();
  #nextFaultId = 1;
  #powered: Uint8Array;
  #controllerUp: Uint8Array;
  /** Loss by [network][from][to] without faults, and with them; parts per million or DEAD. */
  #pathPpm: Int32Array;
  #linkPpm: Int32Array;
  /** Smallest member index of each node's connected part. */
  #part: Int32Array;

  constructor(scenario: Scenario, seed: number = scenario.seed) {
    this.scenario = scenario;
    this.nodes = scenario.nodes;
    this.networks = scenario.networks;
    for (const [i, n] of this.nodes.entries()) this.#nodeIndex.set(n.name, i);
    for (const [i, n] of this.networks.entries()) this.#networkIndex.set(n.name, i);
    this.#members = this.networks.map((w) =>
      [...this.nodes.keys()].filter((i) => this.#node(i).networks.includes(w.name)),
    );
    this.#isMember = new Uint8Array(this.networks.length * this.nodes.length);
    for (const [w, list] of this.#members.entries())
      for (const i of list) this.#isMember[w * this.nodes.length + i] = 1;
    this.#tracks = this.nodes.map((n) => makeTrack(n.at, seed, n.name));
    this.#points = this.nodes.map(() => ({ eastM: 0, northM: 0, altitudeM: 0 }));
    this.#moving = this.nodes.some((n) => !Array.isArray(n.at));
    this.#powered = new Uint8Array(this.nodes.length).fill(1);
    this.#controllerUp = Uint8Array.from(this.nodes, (n) => (n.controller ? 1 : 0));
    this.#pathPpm = new Int32Array(this.networks.length * this.nodes.length ** 2).fill(DEAD);
    this.#linkPpm = new Int32Array(this.#pathPpm.length).fill(DEAD);
    this.#part = new Int32Array(this.nodes.length);
    this.#move(0);
  }

  /** Index of a node, -1 if there is none of this name. */
  nodeIndex(name: string): number {
    return this.#nodeIndex.get(name) ?? -1;
  }
  networkIndex(name: string): number {
    return this.#networkIndex.get(name) ?? -1;
  }
  /** Node indices on a network, in the order of the file. */
  members(network: number): readonly number[] {
    return this.#members[network] ?? [];
  }

  /** Moves everyone to `nowUs` (never back); works in whole mobility steps. True if a link may have changed. */
  advance(nowUs: number): boolean {
    this.nowUs = nowUs;
    if (!this.#moving || nowUs < this.#nextStepUs) return false;
    const stepUs = this.scenario.mobilityStep;
    this.#move(nowUs - (nowUs % stepUs));
    return true;
  }
  /** When `advance` next has something to do; Infinity if nobody moves. */
  nextStepUs(): number {
    return this.#moving ? this.#nextStepUs : Number.POSITIVE_INFINITY;
  }

  /** Breaks something; returns the handle for `revert`. Faults may overlap. */
  apply(action: FaultAction): number {
    const id = this.#nextFaultId++;
    this.#faults.set(id, action);
    this.#rebuild();
    return id;
  }
  /** Mends what `apply` broke. False if it is mended already. */
  revert(id: number): boolean {
    if (!this.#faults.delete(id)) return false;
    this.#rebuild();
    return true;
  }
  /** What is broken now, by handle. */
  activeFaults(): ReadonlyMap<number, FaultAction> {
    return this.#faults;
  }

  powered(node: number): boolean {
    return this.#powered[node] === 1;
  }
  controllerUp(node: number): boolean {
    return this.#controllerUp[node] === 1 && this.powered(node);
  }

  /** Loss from one node to another, parts per million; negative if nothing passes. The fast form of `link`. */
  lossPpm(network: number, from: number, to: number): number {
    return this.#linkPpm[this.#cell(network, from, to)] ?? DEAD;
  }
  link(network: number, from: number, to: number): Link {
    const ppm = this.lossPpm(network, from, to);
    const up = ppm >= 0 && ppm < CERTAIN_PPM;
    const delayUs = Math.round((this.networks[network]?.latencyMs ?? 0) * 1000);
    return { up, loss: up ? ppm / CERTAIN_PPM : 1, delayUs };
  }
  /** True if a path of links that work in both directions joins the two, over nodes that are on. */
  connected(a: number, b: number): boolean {
    return this.powered(a) && this.powered(b) && this.#part[a] === this.#part[b];
  }

  /** Place of a node at the last mobility step. */
  point(node: number): Readonly<Point> {
    return this.#points[node] as Point;
  }
  /** What the node's receiver would tell at `nowUs`. */
  positionReport(node: number, nowUs: number): PositionReport {
    const here: Point = { eastM: 0, northM: 0, altitudeM: 0 };
    const next: Point = { eastM: 0, northM: 0, altitudeM: 0 };
    this.#tracks[node]?.(nowUs, here);
    this.#tracks[node]?.(nowUs + 1_000_000, next);
    const { latitude, longitude } = this.scenario.origin;
    const metresPerDegreeEast = METRES_PER_DEGREE * Math.cos((latitude * Math.PI) / 180);
    const east = next.eastM - here.eastM;
    const north = next.northM - here.northM;
    const speedMps = Math.hypot(east, north);
    const course = (Math.atan2(east, north) * 180) / Math.PI;
    return {
      latitudeDeg: latitude + here.northM / METRES_PER_DEGREE,
      longitudeDeg: longitude + here.eastM / metresPerDegreeEast,
      altitudeM: here.altitudeM,
      speedKmh: speedMps * 3.6,
      courseDeg: speedMps < 0.01 ? Number.NaN : (course + 360) % 360,
      batteryPercent: this.batteryPercent(node, nowUs),
    };
  }
  /** Straight-line discharge, 0..100. */
  batteryPercent(node: number, nowUs: number): number {
    const { percent, percentPerHour } = this.#node(node).battery;
    return Math.max(0, percent - (percentPerHour * nowUs) / 3.6e9);
  }

  #node(index: number): ScenarioNode {
    return this.nodes[index] as ScenarioNode;
  }
  #cell(network: number, from: number, to: number): number {
    const n = this.nodes.length;
    return (network * n + from) * n + to;
  }

  #move(atUs: number): void {
    for (const [i, track] of this.#tracks.entries()) track(atUs, this.#points[i] as Point);
    for (const [w, network] of this.networks.entries()) {
      const members = this.#members[w] ?? [];
      // By index: this is done for all pairs at every step, and an iterator is an object.
      for (let i = 0; i < members.length; i++) {
        for (let j = i + 1; j < members.length; j++) {
          const a = members[i] as number;
          const b = members[j] as number;
          const airborne = this.#node(a).role === "airborne" || this.#node(b).role === "airborne";
          const ppm = pathLossPpm(network, this.point(a), this.point(b), airborne);
          this.#pathPpm[this.#cell(w, a, b)] = ppm;
          this.#pathPpm[this.#cell(w, b, a)] = ppm;
        }
      }
    }
    this.#nextStepUs = atUs + this.scenario.mobilityStep;
    this.#rebuild();
  }

  /** Puts the faults on top of the paths; then works out who is connected. */
  #rebuild(): void {
    this.version++;
    this.#linkPpm.set(this.#pathPpm);
    this.#powered.fill(1);
    for (const [i, n] of this.nodes.entries()) this.#controllerUp[i] = n.controller ? 1 : 0;
    for (const action of this.#faults.values()) this.#put(action);
    for (const [i, on] of this.#powered.entries()) if (on === 0) this.#worsen(undefined, i, undefined, false, 1);
    this.#findParts();
  }

  #put(action: FaultAction): void {
    const loss = "loss" in action ? action.loss : 1;
    switch (action.kind) {
      case "power":
        this.#powered[this.nodeIndex(action.node)] = 0;
        return;
      case "controller":
        this.#controllerUp[this.nodeIndex(action.node)] = 0;
        return;
      case "cut-network":
      case "degrade-network":
        this.#worsen(action.network, undefined, undefined, false, loss);
        return;
      case "cut-node":
      case "degrade-node":
        this.#worsen(action.network, this.nodeIndex(action.node), undefined, false, loss);
        return;
      case "cut-link":
      case "degrade-link":
        this.#worsen(action.network, this.nodeIndex(action.from), this.nodeIndex(action.to), action.oneWay, loss);
    }
  }

  /** Adds an independent loss to all links that match; undefined matches all. */
  #worsen(
    network: string | undefined,
    from: number | undefined,
    to: number | undefined,
    oneWay: boolean,
    loss: number,
  ): void {
    for (const w of this.networks.keys()) {
      if (network !== undefined && this.networks[w]?.name !== network) continue;
      for (const a of this.#members[w] ?? []) {
        for (const b of this.#members[w] ?? []) {
          const forward = (from === undefined || a === from) && (to === undefined || b === to);
          const backward = !oneWay && (from === undefined || b === from) && (to === undefined || a === to);
          if (forward || backward) this.#worsenCell(this.#cell(w, a, b), loss);
        }
      }
    }
  }
  #worsenCell(cell: number, loss: number): void {
    const ppm = this.#linkPpm[cell] as number;
    if (ppm < 0) return;
    const worse = Math.round(CERTAIN_PPM - (CERTAIN_PPM - ppm) * (1 - loss));
    this.#linkPpm[cell] = worse >= CERTAIN_PPM ? DEAD : worse;
  }

  /** Labels each node with the smallest index that it can reach. */
  #findParts(): void {
    const unseen = -1;
    this.#part.fill(unseen);
    const stack: number[] = [];
    for (const start of this.nodes.keys()) {
      if (this.#part[start] !== unseen) continue;
      this.#part[start] = start;
      stack.push(start);
      for (let at = stack.pop(); at !== undefined; at = stack.pop()) this.#visit(at, start, unseen, stack);
    }
  }
  #visit(at: number, label: number, unseen: number, stack: number[]): void {
    for (const w of this.networks.keys()) {
      if (this.#isMember[w * this.nodes.length + at] === 0) continue;
      for (const next of this.#members[w] ?? []) {
        if (this.#part[next] !== unseen) continue;
        if (this.lossPpm(w, at, next) < 0 || this.lossPpm(w, next, at) < 0) continue;
        this.#part[next] = label;
        stack.push(next);
      }
    }
  }
}
