import { lookup } from "node:dns/promises";
import type { Bearer, BearerEvents, BearerInfo } from "../../bearer.ts";
import { ENDPOINT_ALL } from "../../bearer.ts";
import { HalError, systemCode } from "../../hal-error.ts";
import { Counters } from "../counters.ts";
import type { HostPort } from "../host-port.ts";
import { Discovery } from "./discovery.ts";
import { canonicalAddress, type Endpoint, EndpointTable } from "./endpoint-table.ts";
import { hasAddress } from "./interface-watch.ts";
import { openUdpPort } from "./open-udp-port.ts";
import { planUdp, type UdpBearerOptions, type UdpPlan } from "./udp-options.ts";
import type { UdpPort } from "./udp-port.ts";

/** How often interfaces and names are looked at. */
const LOOK_MS = 1000;
/** A name that has been found is looked up again after this long: a neighbour on a cellular network moves. */
const NAME_KEEP_MS = 60_000;

/** Datagrams to static neighbours and to those found by multicast. */
class UdpBearer implements Bearer {
  readonly info: BearerInfo;
  readonly counters = new Counters();
  readonly #plan: UdpPlan;
  readonly #table = new EndpointTable();
  readonly #discovery: Discovery | undefined;
  readonly #acceptUnknown: boolean;
  readonly #batch: boolean;
  /** Sockets of the static neighbours, by IP version. */
  readonly #sockets = new Map<4 | 6, UdpPort>();
  readonly #namedAtMs: number[];
  #events: BearerEvents | undefined;
  #opening: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  /** What the owner was told; undefined before anything. */
  #isUp: boolean | undefined;
  #refusedFull = false;
  #looking: Promise<void> | undefined;

  constructor(options: UdpBearerOptions) {
    const { name, kind, medium, mtuOctets, bitrateBps, discover } = options;
    this.info = { name, kind, medium, mtuOctets, bitrateBps, halfDuplex: false };
    this.#plan = planUdp(options);
    this.#acceptUnknown = options.acceptUnknown ?? false;
    this.#batch = options.batch ?? true;
    for (const { host, port, family } of this.#plan.neighbours) {
      this.#table.addStatic(family === 0 ? "" : canonicalAddress(host), port);
    }
    this.#namedAtMs = this.#plan.neighbours.map(() => Number.NEGATIVE_INFINITY);
    if (discover !== undefined) {
      this.#discovery = new Discovery(discover, mtuOctets, this.#batch, {
        datagram: (octets, length, address, port, socket) => this.#receive(octets, length, address, port, socket, true),
        done: (lengthOctets, good) => this.#transmitted(lengthOctets, good),
        ownEcho: () => this.counters.drop("own-echo"),
        gone: (socket) => this.#forget(socket),
      });
    }
  }

  open(events: BearerEvents): Promise<void> {
    if (this.#closed) return Promise.reject(new HalError("bearer-closed", `${this.info.name} was closed`));
    this.#events ??= events;
    this.#opening ??= this.#start();
    return this.#opening;
  }

  send(endpoint: number, octets: Uint8Array, length: number): boolean {
    if (length < 1) return this.counters.refuse("empty");
    if (length > this.info.mtuOctets) return this.counters.refuse("too-long");
    if (this.#isUp !== true) return this.counters.refuse("down");
    if (endpoint === ENDPOINT_ALL) return this.#sendAll(octets, length);
    const target = this.#table.at(endpoint);
    if (target === undefined || target.address === "") return this.counters.refuse("no-endpoint");
    target.isAnswered = true;
    return this.#sendTo(target.socket, target.address, target.port, octets, length);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#events = undefined;
    this.#isUp = false;
    clearInterval(this.#timer);
    await this.#opening?.catch(() => undefined);
    await this.#looking;
    await this.#discovery?.close();
    await Promise.all([...this.#sockets.values()].map((socket) => socket.close()));
    this.#sockets.clear();
  }

  async #start(): Promise<void> {
    try {
      for (const family of this.#plan.families) await this.#bind(family);
    } catch (error) {
      await Promise.all([...this.#sockets.values()].map((socket) => socket.close()));
      this.#sockets.clear();
      throw error;
    }
    await this.#discovery?.update();
    if (this.#closed) return;
    this.#tellState();
    const names = this.#plan.neighbours.some((neighbour) => neighbour.family === 0);
    if (names) void this.#look();
    if (!names && this.#discovery === undefined && this.#plan.families.length === 0) return;
    this.#timer = setInterval(() => void this.#look(), LOOK_MS);
  }

  /** Opens the socket of a family; one whose address is absent for now stays away. */
  async #bind(family: 4 | 6): Promise<void> {
    const host = this.#plan.bind?.host ?? (family === 6 ? "::" : "0.0.0.0");
    const port = this.#plan.bind?.port ?? 0;
    try {
      const socket: UdpPort = await openUdpPort(
        { family, host, port, mtuOctets: this.info.mtuOctets, batch: this.#batch },
        {
          datagram: (octets, length, address, from) =>
            this.#receive(octets, length, address, from, socket, this.#acceptUnknown),
          done: (lengthOctets, good) => this.#transmitted(lengthOctets, good),
          failed: () => void this.#unbind(family),
        },
      );
      if (this.#closed) {
        await socket.close();
        return;
      }
      this.#sockets.set(family, socket);
      for (const endpoint of this.#table.all) this.#giveSocket(endpoint);
    } catch (error) {
      if (systemCode(error) !== "address-missing") throw error;
    }
  }

  async #unbind(family: 4 | 6): Promise<void> {
    const socket = this.#sockets.get(family);
    if (socket === undefined) return;
    this.#sockets.delete(family);
    this.#forget(socket);
    this.#tellState();
    await socket.close();
  }

  #giveSocket(endpoint: Endpoint): void {
    if (!endpoint.isStatic || endpoint.address === "") return;
    endpoint.socket = this.#sockets.get(endpoint.address.includes(":") ? 6 : 4);
  }

  #forget(socket: UdpPort): void {
    for (const endpoint of this.#table.all) if (endpoint.socket === socket) endpoint.socket = undefined;
  }

  /** Follows addresses, interfaces and names as they change. Never rejects. */
  #look(): Promise<void> {
    this.#looking ??= this.#lookOnce().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #lookOnce(): Promise<void> {
    for (const family of this.#plan.families) {
      const there = hasAddress(this.#plan.bind?.host ?? "::");
      const open = this.#sockets.has(family);
      if (open && !there) await this.#unbind(family);
      // A port that somebody else took in the meantime: down, and the next look tries again.
      if (!open && there) await this.#bind(family).catch(() => undefined);
    }
    await this.#discovery?.update();
    if (!this.#closed) this.#tellState();
    await Promise.all(this.#plan.neighbours.map((neighbour, index) => this.#findName(neighbour, index)));
  }

  async #findName(neighbour: HostPort, index: number): Promise<void> {
    const nowMs = performance.now();
    const endpoint = this.#table.at(index);
    if (neighbour.family !== 0 || endpoint === undefined) return;
    if (nowMs - this.#namedAtMs[index]! < NAME_KEEP_MS) return;
    try {
      const found = await lookup(neighbour.host, { family: this.#plan.families[0] ?? 4 });
      this.#namedAtMs[index] = nowMs;
      this.#table.move(endpoint, canonicalAddress(found.address), neighbour.port);
      this.#giveSocket(endpoint);
    } catch {
      // No name service now: the endpoint keeps what it had, and the next look asks again.
    }
  }

  #tellState(): void {
    const isUp = this.#sockets.size > 0 || this.#discovery?.up === true;
    if (this.#isUp === isUp) return;
    this.#isUp = isUp;
    if (isUp) this.#events?.up();
    else this.#events?.down(this.#downReason());
  }

  #downReason(): string {
    const { bind } = this.#plan;
    if (bind !== undefined) return `${bind.host} is not an address of this machine now`;
    return this.#discovery?.reason ?? "no socket";
  }

  #sendAll(octets: Uint8Array, length: number): boolean {
    let good = false;
    let tried = false;
    for (const { socket, address, port, isStatic } of this.#table.all) {
      if (address === "" || !(isStatic || this.#isStaticSocket(socket))) continue;
      tried = true;
      if (this.#sendTo(socket, address, port, octets, length)) good = true;
    }
    this.#discovery?.sendAll((socket, group, port) => {
      tried = true;
      if (this.#sendTo(socket, group, port, octets, length)) good = true;
    });
    return tried ? good : this.counters.refuse("no-endpoint");
  }

  #isStaticSocket(socket: UdpPort | undefined): boolean {
    return socket !== undefined && (socket === this.#sockets.get(4) || socket === this.#sockets.get(6));
  }

  #sendTo(socket: UdpPort | undefined, address: string, port: number, octets: Uint8Array, length: number): boolean {
    if (socket === undefined) return this.counters.refuse("down");
    if (socket.send(octets, length, address, port)) return true;
    this.#refusedFull = true;
    return this.counters.refuse("queue-full");
  }

  #transmitted(lengthOctets: number, good: boolean): void {
    if (good) this.counters.sent(lengthOctets);
    else this.counters.refuse("io-error");
    if (!this.#refusedFull || this.#closed) return;
    this.#refusedFull = false;
    this.#events?.drained();
  }

  #receive(octets: Uint8Array, length: number, address: string, port: number, socket: UdpPort, admit: boolean): void {
    if (length === 0 || length > this.info.mtuOctets) {
      this.counters.drop(length === 0 ? "empty" : "too-long");
      return;
    }
    const nowMs = performance.now();
    const known = this.#table.find(address, port);
    const endpoint = known ?? (admit ? this.#table.admit(address, port, nowMs) : undefined);
    if (endpoint === undefined) {
      this.counters.drop(admit ? "endpoints-full" : "unknown-sender");
      return;
    }
    endpoint.heardAtMs = nowMs;
    if (!endpoint.isStatic) endpoint.socket = socket;
    this.counters.received(length);
    this.#events?.frame(endpoint.index, octets, length);
  }
}

/**
 * A bearer over UDP; nothing is opened yet. `open` rejects with `port-in-use` or `bind-failed`.
 * @throws HalError `bad-option`, `bad-address`
 */
export function createUdpBearer(options: UdpBearerOptions): Bearer {
  return new UdpBearer(options);
}
