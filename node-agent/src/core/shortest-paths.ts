import { CLASSES, linkCost, UNREACHABLE } from "./link-cost.ts";
import type { LinkStateDb } from "./link-state-db.ts";

/**
 * Distances over the two-way links of the database (Dijkstra, one run per root and class), by local id.
 * The graph is laid out once per database version; runs are made when somebody asks.
 */
export class ShortestPaths {
  readonly #db: LinkStateDb;
  #version = -1;
  /** Edges of node n: #edgeStart[n] .. #edgeStart[n + 1]. */
  readonly #edgeStart = new Int32Array(257);
  #edgeTo = new Uint8Array(256);
  #edgeVector = new Uint16Array(256);
  /** Distances by root and class, valid for #version. */
  readonly #runs = new Map<number, Uint16Array>();
  readonly #spare: Uint16Array[] = [];
  #heap = new Float64Array(1024);
  computations = 0;

  constructor(db: LinkStateDb) {
    this.#db = db;
  }

  /** Distances from `root` to every local id for a class; UNREACHABLE where there is no path. */
  from(root: number, trafficClass: number): Uint16Array {
    this.#refresh();
    const key = root * CLASSES + trafficClass;
    let distances = this.#runs.get(key);
    if (distances === undefined) {
      distances = this.#spare.pop() ?? new Uint16Array(256);
      this.#run(root, trafficClass, distances);
      this.#runs.set(key, distances);
    }
    return distances;
  }

  #refresh(): void {
    if (this.#version === this.#db.version) return;
    this.#version = this.#db.version;
    for (const distances of this.#runs.values()) this.#spare.push(distances);
    this.#runs.clear();
    let edges = 0;
    for (let local = 0; local < 256; local++) {
      this.#edgeStart[local] = edges;
      const record = this.#db.node(local);
      if (record === undefined) continue;
      for (const link of record.advertisement.links) {
        if (!this.#db.isTwoWay(local, link.neighbour, link.channel)) continue;
        if (edges === this.#edgeTo.length) this.#grow();
        this.#edgeTo[edges] = link.neighbour;
        this.#edgeVector[edges++] = link.vector;
      }
    }
    this.#edgeStart[256] = edges;
  }

  #grow(): void {
    const to = new Uint8Array(this.#edgeTo.length * 2);
    to.set(this.#edgeTo);
    this.#edgeTo = to;
    const vector = new Uint16Array(this.#edgeVector.length * 2);
    vector.set(this.#edgeVector);
    this.#edgeVector = vector;
    this.#heap = new Float64Array(this.#edgeTo.length * 4);
  }

  /** Heap entries are distance x 256 + node, so that comparing numbers compares both; stale ones are skipped. */
  #run(root: number, trafficClass: number, distances: Uint16Array): void {
    this.computations++;
    distances.fill(UNREACHABLE);
    distances[root] = 0;
    const heap = this.#heap;
    let size = 0;
    heap[size++] = root;
    while (size > 0) {
      const top = heap[0] as number;
      size = siftDown(heap, size);
      const node = top % 256;
      const distance = (top - node) / 256;
      if (distance > (distances[node] as number)) continue;
      const end = this.#edgeStart[node + 1] as number;
      for (let e = this.#edgeStart[node] as number; e < end; e++) {
        const to = this.#edgeTo[e] as number;
        const through = distance + linkCost(this.#edgeVector[e] as number, trafficClass);
        if (through >= (distances[to] as number)) continue;
        distances[to] = through;
        size = siftUp(heap, size, through * 256 + to);
      }
    }
  }
}

function siftUp(heap: Float64Array, size: number, value: number): number {
  let at = size;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if ((heap[parent] as number) <= value) break;
    heap[at] = heap[parent] as number;
    at = parent;
  }
  heap[at] = value;
  return size + 1;
}

/** Removes the smallest; returns the new size. */
function siftDown(heap: Float64Array, size: number): number {
  const last = heap[size - 1] as number;
  const rest = size - 1;
  let at = 0;
  for (let child = 1; child < rest; child = 2 * at + 1) {
    if (child + 1 < rest && (heap[child + 1] as number) < (heap[child] as number)) child++;
    if ((heap[child] as number) >= last) break;
    heap[at] = heap[child] as number;
    at = child;
  }
  if (rest > 0) heap[at] = last;
  return rest;
}
