import { closeSync, constants as files, openSync, writeSync } from "node:fs";
import { type Cidr, copyOctets, parseCidr } from "@skein/codecs";
import { HalError, systemCode } from "../hal-error.ts";
import { Coalescer } from "./coalescer.ts";
import { errorName, type TunCalls, tunCalls } from "./libc.ts";
import { Netlink } from "./netlink.ts";
import { Readable } from "./readable.ts";
import { type OnPacket, Segmenter } from "./segmenter.ts";
import { GsoType, VIRTIO_HEADER_OCTETS } from "./virtio-header.ts";

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
  /** What the kernel gave that made no sense. */
  droppedMalformed: number;
  /** Packets that the kernel refused. */
  droppedWritten: number;
}

/** A network interface whose other side is this process: what the kernel routes into it arrives at `onPacket`. */
export interface TunDevice {
  readonly name: string;
  readonly mtuOctets: number;
  readonly counters: Readonly<TunCounters>;
  /**
   * Hands a packet to the kernel as if it had come in here, at the end of this turn of the event loop at the latest. False
   * (counted) if the kernel did not take it; of one that waits for others that is only counted.
   */
  write(octets: Uint8Array, offset: number, length: number): boolean;
  /** Leads a network (`ADDRESS/LENGTH`) into the interface; false if the kernel refused. */
  addRoute(to: string): boolean;
  removeRoute(to: string): boolean;
  /** Removes the interface with its addresses and routes. Idempotent. */
  close(): Promise<void>;
}

export const TUN_FILE = "/dev/net/tun";
/** Packets handed over in one turn at most, but for the last ones that came as one: sockets and timers get their turn. */
const PACKETS_PER_TURN_MAX = 64;
/** What the kernel may give at once as one packet of a flow. More would keep everything else waiting. */
const GSO_MAX_OCTETS = 16_384;
const NAME_MAX_OCTETS = 15;
/** Kernel's own way of telling 4 from 0: an interface that is asked for must not already be there. */
const IFREQ_OCTETS = 40;
const IFREQ_FLAGS = 16;
const TUNSETIFF = 0x400454ca;
const IFF_TUN = 0x0001;
const IFF_NO_PI = 0x1000;
const IFF_VNET_HDR = 0x4000;
const TUNSETVNETLE = 0x400454dc;
const TUNSETOFFLOAD = 0x400454d0;
/** Checksums, TCP over IPv4 and IPv6 with and without congestion notification; UDP (Linux 6.2). */
const OFFLOAD_TCP = 0x01 | 0x02 | 0x04 | 0x08;
const OFFLOAD_UDP = 0x20 | 0x40;
/** What the kernel says to an IPv6 address where there is no IPv6, or none on this interface. */
const WITHOUT_IPV6 = ["EAFNOSUPPORT", "EOPNOTSUPP", "EACCES"];
/** Behind the routes of real interfaces: those go first where both lead to the same network. */
const METRIC = 2000;

/**
 * Makes a TUN interface, sets it up with addresses and routes, and reads it.
 * `onPacket` gets whole IP packets, octets[offset, offset + length), valid (and free to change) during the call.
 * @throws HalError `tun-missing`, `tun-denied`, `tun-in-use`, `tun-unavailable`, `bad-option`
 */
export function openTun(options: TunOptions, onPacket: OnPacket): Promise<TunDevice> {
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
  onPacket: OnPacket,
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
    check(link.setUp(index, mtuOctets, GSO_MAX_OCTETS), "setting up");
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
    return openSync(TUN_FILE, files.O_RDWR | files.O_NONBLOCK);
  } catch (error) {
    const code = systemCode(error);
    if (code === "EACCES" || code === "EPERM") throw denied(code, error);
    throw new HalError("tun-missing", `${TUN_FILE}: ${code}`, "load the kernel's module: modprobe tun", error);
  }
}

function createInterface(calls: TunCalls, fd: number, name: string): void {
  const request = new Uint8Array(IFREQ_OCTETS);
  for (let i = 0; i < name.length; i++) request[i] = name.charCodeAt(i);
  new Uint16Array(request.buffer)[IFREQ_FLAGS / 2] = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR;
  const result = calls.ioctl(fd, TUNSETIFF, request);
  if (result >= 0) return offload(calls, fd);
  const reason = errorName(-result);
  if (reason === "EPERM" || reason === "EACCES") throw denied(reason);
  if (reason === "EBUSY" || reason === "EEXIST") throw inUse(name);
  throw new HalError(
    "tun-missing",
    `${TUN_FILE} makes no interface: ${reason}`,
    "load the kernel's module: modprobe tun",
  );
}

/** Packets of one flow may come as one. A kernel that refuses gives them one by one, through the same headers. */
function offload(calls: TunCalls, fd: number): void {
  const yes = new Uint8Array(Int32Array.of(1).buffer);
  if (calls.ioctl(fd, TUNSETVNETLE, yes) < 0) return;
  if (calls.setFlags(fd, TUNSETOFFLOAD, OFFLOAD_TCP | OFFLOAD_UDP) < 0) calls.setFlags(fd, TUNSETOFFLOAD, OFFLOAD_TCP);
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

class KernelTun implements TunDevice {
  readonly name: string;
  readonly mtuOctets: number;
  readonly #counters: TunCounters = {
    packetsRead: 0,
    octetsRead: 0,
    packetsWritten: 0,
    octetsWritten: 0,
    droppedMalformed: 0,
    droppedWritten: 0,
  };
  readonly #fd: number;
  readonly #link: Netlink;
  readonly #index: number;
  readonly #segmenter: Segmenter;
  readonly #coalescer: Coalescer;
  readonly #onPacket: OnPacket;
  readonly #calls: TunCalls;
  readonly #readable: Readable;
  readonly #read: Uint8Array<ArrayBuffer>;
  readonly #readAt: number;
  #isFlushDue = false;
  #closing: Promise<void> | undefined;

  constructor(options: TunOptions, calls: TunCalls, fd: number, link: Netlink, index: number, onPacket: OnPacket) {
    this.name = options.name;
    this.mtuOctets = options.mtuOctets;
    this.#fd = fd;
    this.#link = link;
    this.#index = index;
    this.#segmenter = new Segmenter(options.mtuOctets);
    this.#coalescer = new Coalescer((octets, length, packets) => this.#writeNow(octets, length, packets));
    this.#onPacket = (octets, offset, length) => {
      this.#counters.packetsRead++;
      this.#counters.octetsRead += length;
      onPacket(octets, offset, length);
    };
    this.#calls = calls;
    this.#read = new Uint8Array(new ArrayBuffer(VIRTIO_HEADER_OCTETS + Math.max(GSO_MAX_OCTETS, options.mtuOctets)));
    this.#readAt = calls.addressOf(this.#read.buffer);
    this.#readable = new Readable(calls, fd, this.#read, (length) => this.#take(length));
  }

  get counters(): Readonly<TunCounters> {
    return this.#counters;
  }

  write(octets: Uint8Array, offset: number, length: number): boolean {
    if (this.#closing !== undefined) return false;
    const good = this.#coalescer.add(octets, offset, length);
    if (!this.#isFlushDue && !this.#coalescer.isEmpty) {
      this.#isFlushDue = true;
      queueMicrotask(this.#flush);
    }
    return good;
  }

  readonly #flush = (): void => {
    this.#isFlushDue = false;
    if (this.#closing === undefined) this.#coalescer.flush();
  };

  #writeNow(octets: Uint8Array, length: number, packets: number): boolean {
    try {
      writeSync(this.#fd, octets, 0, length);
    } catch (error) {
      // No packet is worth more than a count: not one that the kernel finds malformed, nor one for an interface that is down.
      if (packets > 1) {
        if (octets[1] === GsoType.udp && systemCode(error) === "EINVAL") this.#coalescer.leaveUdpAlone();
        return this.#writeSingly(octets, length);
      }
      this.#counters.droppedWritten++;
      return false;
    }
    this.#counters.packetsWritten += packets;
    this.#counters.octetsWritten += length - VIRTIO_HEADER_OCTETS;
    return true;
  }

  /** One by one, what the kernel did not take as one. */
  #writeSingly(octets: Uint8Array, length: number): boolean {
    let good = true;
    const single = new Uint8Array(VIRTIO_HEADER_OCTETS + this.mtuOctets);
    // Not `#segmenter`: that may be at work on what this is the answer to.
    const isWhole = new Segmenter(this.mtuOctets).each(octets, 0, length, (packet, offset, packetOctets) => {
      copyOctets(packet, offset, offset + packetOctets, single, VIRTIO_HEADER_OCTETS);
      if (!this.#writeNow(single, VIRTIO_HEADER_OCTETS + packetOctets, 1)) good = false;
    });
    return good && isWhole;
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
    this.#link.deleteLink(this.#index);
    this.#link.close();
    await this.#readable.close();
    closeSync(this.#fd);
  }

  /** Hands over what has come, and what else there is by now, up to this turn's share. */
  #take(first: number): void {
    const upTo = this.#counters.packetsRead + PACKETS_PER_TURN_MAX;
    let length = first;
    while (length > 0 && this.#closing === undefined) {
      if (!this.#segmenter.each(this.#read, 0, length, this.#onPacket)) this.#counters.droppedMalformed++;
      if (this.#counters.packetsRead >= upTo) return;
      length = this.#calls.read(this.#fd, this.#readAt, this.#read.length);
    }
  }
}
