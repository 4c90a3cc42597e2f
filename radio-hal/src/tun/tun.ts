import { closeSync, constants as files, openSync, writeSync } from "node:fs";
import { getCompileCacheDir } from "node:module";
import { dirname } from "node:path";
import { Worker } from "node:worker_threads";
import { type Cidr, parseCidr } from "@skein/codecs";
import { HalError, systemCode } from "../hal-error.ts";
import { DirectReader } from "./direct-reader.ts";
import { errorName, type TunCalls, tunCalls } from "./libc.ts";
import { Netlink } from "./netlink.ts";
import { createRingMemory, RingReader } from "./packet-ring.ts";

export interface TunOptions {
  /** Name of the interface to make, at most 15 octets. */
  readonly name: string;
  readonly mtuOctets: number;
  /** Own addresses, `ADDRESS/LENGTH`. */
  readonly addresses: readonly string[];
  /** Networks that lie behind the interface, `ADDRESS/LENGTH`. */
  readonly routes: readonly string[];
}

export interface TunCounters {
  packetsRead: number;
  octetsRead: number;
  packetsWritten: number;
  octetsWritten: number;
  /** Packets that came faster than they were taken. */
  droppedRead: number;
  /** Packets that the kernel refused. */
  droppedWritten: number;
}

/** A network interface whose other side is this process: what the kernel routes into it arrives at `onPacket`. */
export interface TunDevice {
  readonly name: string;
  readonly mtuOctets: number;
  readonly counters: Readonly<TunCounters>;
  /** Hands a packet to the kernel as if it had come in here; false (counted) if the kernel did not take it. */
  write(octets: Uint8Array, offset: number, length: number): boolean;
  /** Leads a network (`ADDRESS/LENGTH`) into the interface; false if the kernel refused. */
  addRoute(to: string): boolean;
  removeRoute(to: string): boolean;
  /** Removes the interface with its addresses and routes. Idempotent. */
  close(): Promise<void>;
}

export const TUN_FILE = "/dev/net/tun";
/** Packets that wait for the main thread. */
const RING_SLOTS = 256;
/** Packets handed over in one turn at most: sockets and timers get their turn in between. */
const PACKETS_PER_TURN_MAX = 64;
/** So many at a time are worth to be read here, while the thread rests. */
const MANY_PACKETS = 4;
const NAME_MAX_OCTETS = 15;
/** Kernel's own way of telling 4 from 0: an interface that is asked for must not already be there. */
const IFREQ_OCTETS = 40;
const IFREQ_FLAGS = 16;
const TUNSETIFF = 0x400454ca;
const IFF_TUN = 0x0001;
const IFF_NO_PI = 0x1000;
/** What the kernel says to an IPv6 address where there is no IPv6, or none on this interface. */
const WITHOUT_IPV6 = ["EAFNOSUPPORT", "EOPNOTSUPP", "EACCES"];
/** Behind the routes of real interfaces: those go first where both lead to the same network. */
const METRIC = 2000;

/**
 * Makes a TUN interface, sets it up with addresses and routes, and reads it on a thread of its own.
 * `onPacket` gets whole IP packets, octets[offset, offset + length), valid (and free to change) during the call.
 * @throws HalError `tun-missing`, `tun-denied`, `tun-in-use`, `tun-unavailable`, `bad-option`
 */
export function openTun(
  options: TunOptions,
  onPacket: (octets: Uint8Array, offset: number, length: number) => void,
): Promise<TunDevice> {
  // Synchronous work, but refusals are rejections.
  return Promise.resolve().then(() => {
    const addresses = options.addresses.map(parseNetwork);
    const routes = options.routes.map(parseNetwork);
    if (!/^[\w.-]+$/.test(options.name) || options.name.length > NAME_MAX_OCTETS) {
      throw new HalError(
        "bad-option",
        `${options.name}: not a name for an interface`,
        "take 1 to 15 letters and digits",
      );
    }
    return attach(tunCalls(), options, addresses, routes, onPacket);
  });
}

function attach(
  calls: TunCalls,
  options: TunOptions,
  addresses: Cidr[],
  routes: Cidr[],
  onPacket: (octets: Uint8Array, offset: number, length: number) => void,
): TunDevice {
  const { name, mtuOctets } = options;
  // Nothing that existed is taken over: it would vanish at the end.
  if (calls.interfaceIndex(name) !== 0) throw inUse(name);
  const fd = openFile();
  let link: Netlink | undefined;
  try {
    createInterface(calls, fd, name);
    const index = calls.interfaceIndex(name);
    const socket = calls.openNetlink();
    check(socket, "netlink socket");
    link = new Netlink(calls, socket);
    check(link.setUp(index, mtuOctets), "setting up");
    setNetworks(link, index, addresses, routes);
    return new KernelTun(options, calls, fd, link, index, onPacket);
  } catch (error) {
    link?.close();
    closeSync(fd);
    throw error;
  }
}

/** A machine on which IPv6 is switched off gets the rest. */
function setNetworks(link: Netlink, index: number, addresses: Cidr[], routes: Cidr[]): void {
  let hasIpv6 = true;
  for (const address of addresses) {
    const result = link.addAddress(index, address);
    if (address.family === 6 && WITHOUT_IPV6.includes(errorName(-result))) hasIpv6 = false;
    else check(result, "address");
  }
  for (const route of routes) {
    if (route.family === 4 || hasIpv6) check(link.addRoute(index, route, METRIC), "route");
  }
}

function parseNetwork(text: string): Cidr {
  const cidr = parseCidr(text);
  if (cidr === undefined) throw new HalError("bad-option", `${text}: not an IP network`, "write ADDRESS/LENGTH");
  return cidr;
}

function openFile(): number {
  try {
    return openSync(TUN_FILE, files.O_RDWR);
  } catch (error) {
    const code = systemCode(error);
    if (code === "EACCES" || code === "EPERM") throw denied(code, error);
    throw new HalError("tun-missing", `${TUN_FILE}: ${code}`, "load the kernel's module: modprobe tun", error);
  }
}

function createInterface(calls: TunCalls, fd: number, name: string): void {
  const request = new Uint8Array(IFREQ_OCTETS);
  for (let i = 0; i < name.length; i++) request[i] = name.charCodeAt(i);
  new Uint16Array(request.buffer)[IFREQ_FLAGS / 2] = IFF_TUN | IFF_NO_PI;
  const result = calls.ioctl(fd, TUNSETIFF, request);
  if (result >= 0) return;
  const reason = errorName(-result);
  if (reason === "EPERM" || reason === "EACCES") throw denied(reason);
  if (reason === "EBUSY" || reason === "EEXIST") throw inUse(name);
  throw new HalError(
    "tun-missing",
    `${TUN_FILE} makes no interface: ${reason}`,
    "load the kernel's module: modprobe tun",
  );
}

function check(result: number, what: string): void {
  if (result >= 0) return;
  const reason = errorName(-result);
  if (reason === "EPERM") throw denied(reason);
  throw new HalError(
    "tun-unavailable",
    `TUN interface, ${what}: ${reason}`,
    "look at the other interfaces: ip address, ip route",
  );
}

function denied(reason: string, cause?: unknown): HalError {
  const remedy = "run as root or with CAP_NET_ADMIN, and with access to the device file";
  return new HalError("tun-denied", `no right to make a TUN interface (${reason})`, remedy, cause);
}

function inUse(name: string): HalError {
  return new HalError("tun-in-use", `there is an interface ${name} already`, "give another name in `ip.tun`");
}

/**
 * The thread shares this process's cache of compiled code (Node adds a folder per version to the one it is given):
 * without it, it would load what strips types, 35 ms and 20 MB.
 */
function workerEnvironment(): NodeJS.ProcessEnv {
  const own = getCompileCacheDir();
  return own === undefined ? process.env : { ...process.env, NODE_COMPILE_CACHE: dirname(own) };
}

class KernelTun implements TunDevice {
  readonly name: string;
  readonly mtuOctets: number;
  readonly #counters: TunCounters = {
    packetsRead: 0,
    octetsRead: 0,
    packetsWritten: 0,
    octetsWritten: 0,
    droppedRead: 0,
    droppedWritten: 0,
  };
  readonly #fd: number;
  readonly #link: Netlink;
  readonly #index: number;
  readonly #ring: RingReader;
  readonly #onPacket: (octets: Uint8Array, offset: number, length: number) => void;
  readonly #ended: Promise<void>;
  readonly #drain = (): void => this.#take();
  /** A process that ends without `close()` waits for its threads: this one sleeps until there is a packet. */
  readonly #letGo = (): void => {
    this.#link.deleteLink(this.#index);
    this.#ring.openGate();
  };
  readonly #direct: DirectReader;
  /** Packets handed over since there was none. */
  #inARow = 0;
  #closing: Promise<void> | undefined;

  constructor(
    options: TunOptions,
    calls: TunCalls,
    fd: number,
    link: Netlink,
    index: number,
    onPacket: (octets: Uint8Array, offset: number, length: number) => void,
  ) {
    this.name = options.name;
    this.mtuOctets = options.mtuOctets;
    this.#fd = fd;
    this.#link = link;
    this.#index = index;
    this.#onPacket = onPacket;
    const memory = createRingMemory(RING_SLOTS, 4 * Math.ceil(options.mtuOctets / 4));
    this.#ring = new RingReader(memory);
    this.#direct = new DirectReader(calls, fd, options.mtuOctets);
    const worker = new Worker(new URL("./tun-worker.ts", import.meta.url), {
      workerData: { fd, memory },
      name: options.name,
      env: workerEnvironment(),
      // It copies octets: the smallest heap will do.
      resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 1 },
    });
    this.#ended = new Promise((resolve) => worker.once("exit", () => resolve()));
    // An error ends the thread, and `exit` follows.
    worker.on("error", () => undefined);
    process.once("exit", this.#letGo);
    this.#take();
  }

  get counters(): Readonly<TunCounters> {
    this.#counters.droppedRead = this.#ring.dropped;
    return this.#counters;
  }

  write(octets: Uint8Array, offset: number, length: number): boolean {
    if (this.#closing !== undefined) return false;
    try {
      writeSync(this.#fd, octets, offset, length);
    } catch {
      // No packet is worth more than a count: not one that the kernel finds malformed, nor one for an interface that is down.
      this.#counters.droppedWritten++;
      return false;
    }
    this.#counters.packetsWritten++;
    this.#counters.octetsWritten += length;
    return true;
  }

  addRoute(to: string): boolean {
    return this.#closing === undefined && this.#link.addRoute(this.#index, parseNetwork(to), METRIC) === 0;
  }

  removeRoute(to: string): boolean {
    return this.#closing === undefined && this.#link.deleteRoute(this.#index, parseNetwork(to), METRIC) === 0;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    process.removeListener("exit", this.#letGo);
    // The thread's `read` fails when the interface has gone.
    this.#letGo();
    this.#link.close();
    await this.#ended;
    closeSync(this.#fd);
  }

  /** Hands over what has come, then sleeps until there is more. */
  #take(): void {
    for (let count = 0; count < PACKETS_PER_TURN_MAX; count++) {
      if (this.#closing !== undefined) return;
      if (!this.#takeOne()) return this.#sleep();
      // Here and not before sleeping: a thread that is stopped then has nothing to wake anybody for.
      if (++this.#inARow === MANY_PACKETS && this.#direct.works) this.#ring.closeGate();
    }
    setImmediate(this.#drain);
  }

  #takeOne(): boolean {
    const ring = this.#ring;
    let length = ring.length();
    if (length >= 0) {
      this.#handOver(ring.packets, ring.offset(), length);
      ring.release();
      return true;
    }
    if (!ring.isGateReached) return false;
    length = this.#direct.read();
    if (length >= 0) this.#handOver(this.#direct.octets, 0, length);
    return length >= 0;
  }

  #handOver(octets: Uint8Array, offset: number, length: number): void {
    this.#counters.packetsRead++;
    this.#counters.octetsRead += length;
    this.#onPacket(octets, offset, length);
  }

  #sleep(): void {
    this.#inARow = 0;
    this.#ring.openGate();
    if (this.#ring.ended) return;
    const woken = this.#ring.wait();
    if (woken === undefined) setImmediate(this.#drain);
    else woken.then(this.#drain);
  }
}
