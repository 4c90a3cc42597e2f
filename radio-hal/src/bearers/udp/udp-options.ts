import { HalError } from "../../hal-error.ts";
import { type HostPort, parseHostPort } from "../host-port.ts";

/** IP radios, LANs and fixed neighbours; the fields are those of the agent's configuration. */
export interface UdpBearerOptions {
  readonly name: string;
  readonly kind: "udp" | "satellite" | "cellular";
  /** Local HOST:PORT for the static neighbours; without it any address and a free port. */
  readonly bind?: string | undefined;
  /** Multicast discovery. */
  readonly discover?: DiscoverOptions | undefined;
  /** Static neighbours, HOST:PORT; endpoint i is neighbour i. */
  readonly neighbours: readonly string[];
  readonly medium: "shared" | "point-to-point";
  readonly bitrateBps: number;
  readonly mtuOctets: number;
  /** Take frames from senders that are neither configured nor found by multicast (false if undefined). */
  readonly acceptUnknown?: boolean | undefined;
  /** Many datagrams a system call where the machine can (true if undefined); else Node's way alone. */
  readonly batch?: boolean | undefined;
}

export interface DiscoverOptions {
  /** Interface names, for example `eth0`. */
  readonly interfaces: readonly string[];
  /** Port of the multicast group. */
  readonly port: number;
  /** `auto` (if undefined): IPv6 where the interface has a link-local address, else IPv4. */
  readonly family?: "auto" | "ipv4" | "ipv6" | undefined;
}

/** Largest UDP payload that fits an Ethernet frame over IPv6: 1500 - 40 - 8. */
const MTU_MAX_OCTETS = 1452;

/** Options in the shape that the bearer works with. */
export interface UdpPlan {
  readonly bind: HostPort | undefined;
  readonly neighbours: readonly HostPort[];
  /** Families of the sockets for static neighbours; names count for the first of them. */
  readonly families: readonly (4 | 6)[];
}

function refuse(message: string, remedy: string): never {
  throw new HalError("bad-option", message, remedy);
}

/** @throws HalError `bad-option`, `bad-address` */
export function planUdp(options: UdpBearerOptions): UdpPlan {
  const { name, mtuOctets } = options;
  if (mtuOctets < 1 || mtuOctets > MTU_MAX_OCTETS) {
    refuse(`${name}: mtu of ${mtuOctets} octets`, `take 1..${MTU_MAX_OCTETS}`);
  }
  const neighbours = options.neighbours.map(parseHostPort);
  const bind = options.bind === undefined ? undefined : parseHostPort(options.bind);
  if (neighbours.length === 0 && options.discover === undefined && bind === undefined) {
    refuse(`${name}: nobody to talk to`, "give `discover`, `neighbours` or `bind`");
  }
  return { bind, neighbours, families: socketFamilies(name, bind, neighbours) };
}

function socketFamilies(name: string, bind: HostPort | undefined, neighbours: readonly HostPort[]): (4 | 6)[] {
  const found = new Set(neighbours.map((neighbour) => neighbour.family).filter((family) => family !== 0));
  if (bind !== undefined) {
    if (bind.family === 0) refuse(`${name}: bind to ${bind.host}`, "give an address of this machine, not a name");
    found.delete(bind.family);
    if (found.size > 0) refuse(`${name}: neighbours of another IP version than \`bind\``, "make two bearers of it");
    return [bind.family === 6 ? 6 : 4];
  }
  if (neighbours.length > 0 && found.size === 0) return [4];
  return [...found].map((family) => (family === 6 ? 6 : 4));
}
