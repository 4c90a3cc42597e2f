import { createHash, type Hash } from "node:crypto";
import { copyOctets } from "@skein/codecs";
import type { NodeEvent } from "@skein/node-agent/core";

const CHUNK_OCTETS = 1 << 16;
/** Room for the largest frame and its preamble. */
const RESERVE_OCTETS = 2048;
const TRANSMISSION = 1;
const EVENT = 2;

/** Codes of event types in the trace; order never changes. */
const EVENT_CODE: Record<NodeEvent["type"], number> = {
  neighbour: 1,
  routes: 2,
  text: 3,
  "text-state": 4,
  position: 5,
  sos: 6,
  "sos-acknowledged": 7,
  voice: 8,
  video: 9,
  policy: 10,
  ip: 11,
  "address-conflict": 12,
  "peer-key": 13,
  "key-conflict": 14,
  bulk: 15,
  path: 16,
  "policy-state": 17,
  cap: 18,
  "video-rate": 19,
  "address-lost": 20,
  newcomers: 21,
  acquaintance: 22,
};
const PATH_CODE = { missed: 1, suspected: 2, trusted: 3 };
const STATE_CODE = { queued: 1, sent: 2, delivered: 3, failed: 4 };

/**
 * SHA-256 over every transmission (time, node, bearer, endpoint, octets) and every event (time, node, fields), in
 * the order in which they happen. Two runs with the same trace did the same.
 */
export class Trace {
  readonly #hash: Hash = createHash("sha256");
  readonly #octets = new Uint8Array(CHUNK_OCTETS);
  readonly #view = new DataView(this.#octets.buffer);
  #at = 0;

  transmission(
    nowUs: number,
    node: number,
    bearerId: number,
    endpoint: number,
    octets: Uint8Array,
    length: number,
  ): void {
    this.#begin(TRANSMISSION, nowUs, node);
    this.#u32(bearerId);
    this.#u32(endpoint);
    this.#blob(octets, length);
  }

  event(nowUs: number, node: number, event: NodeEvent): void {
    this.#begin(EVENT, nowUs, node);
    this.#u32(EVENT_CODE[event.type]);
    switch (event.type) {
      case "newcomers":
        return;
      case "acquaintance":
        return this.#numbers(event.acquaintance.bearerId, event.acquaintance.address, event.acquaintance.counter);
      case "neighbour":
        return this.#numbers(event.bearerId, event.address, event.up ? 1 : 0);
      case "path":
        return this.#numbers(event.bearerId, event.address, PATH_CODE[event.change]);
      case "routes":
        return this.#numbers(event.version);
      case "text":
        this.#numbers(event.from, event.to, event.messageId);
        return this.#blob(event.body, event.body.length);
      case "text-state":
        return this.#numbers(event.messageId, event.to, STATE_CODE[event.state]);
      case "position":
        this.#numbers(event.from, event.sequence, event.late ? 1 : 0);
        return this.#place(event.report.latitudeDeg, event.report.longitudeDeg);
      case "sos":
        this.#numbers(event.from, event.sosId, event.kind);
        return this.#place(event.report.latitudeDeg, event.report.longitudeDeg);
      case "sos-acknowledged":
        return this.#numbers(event.from, event.sosId, event.by);
      case "voice":
        this.#numbers(event.talker, event.group, event.burst, event.codec, event.timestamp20ms);
        this.#numbers((event.bridge ? 1 : 0) + (event.again ? 2 : 0));
        return this.#blob(event.payload, event.payload.length);
      case "video":
        this.#numbers(event.from, event.stream);
        return this.#blob(event.octets, event.octets.length);
      case "ip":
        this.#numbers(event.from, event.to);
        return this.#blob(event.octets, event.octets.length);
      case "bulk":
        this.#numbers(event.from, event.bearerId);
        return this.#blob(event.octets, event.octets.length);
      case "address-conflict":
        return this.#numbers(event.address, event.nodeId, event.other);
      case "address-lost":
        return this.#numbers(event.address, event.other);
      case "peer-key":
        this.#numbers(event.nodeId);
        return this.#blob(event.publicKey, event.publicKey.length);
      case "key-conflict":
        return this.#numbers(event.address, event.nodeId);
      case "policy":
        this.#numbers(event.version);
        return this.#blob(event.octets, event.octets.length);
      case "policy-state":
        return this.#numbers(event.from, event.version, event.ask ? 1 : 0);
      case "video-rate":
        return this.#numbers(event.to, event.bps);
      case "cap":
        return this.#numbers(event.bearerId, event.level);
    }
  }

  /** Ends the trace; 64 hexadecimal digits. */
  digest(): string {
    this.#flush();
    return this.#hash.digest("hex");
  }

  #begin(tag: number, nowUs: number, node: number): void {
    if (this.#at > CHUNK_OCTETS - RESERVE_OCTETS) this.#flush();
    this.#octets[this.#at++] = tag;
    this.#octets[this.#at++] = node;
    this.#view.setFloat64(this.#at, nowUs);
    this.#at += 8;
  }
  #numbers(...values: number[]): void {
    // By index: this is done for every event, and an iterator is an object.
    for (let i = 0; i < values.length; i++) this.#u32(values[i] as number);
  }
  #u32(value: number): void {
    this.#view.setUint32(this.#at, value >>> 0);
    this.#at += 4;
  }
  #place(latitudeDeg: number, longitudeDeg: number): void {
    this.#view.setFloat64(this.#at, latitudeDeg);
    this.#view.setFloat64(this.#at + 8, longitudeDeg);
    this.#at += 16;
  }
  #blob(octets: Uint8Array, length: number): void {
    this.#u32(length);
    copyOctets(octets, 0, length, this.#octets, this.#at);
    this.#at += length;
  }
  #flush(): void {
    this.#hash.update(this.#octets.subarray(0, this.#at));
    this.#at = 0;
  }
}
