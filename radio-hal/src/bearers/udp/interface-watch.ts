import { networkInterfaces } from "node:os";
import type { DiscoverOptions } from "./udp-options.ts";

/** Group of link-local scope, not assigned by anybody (RFC 4291 2.7: flag T, scope 2); the digits read "skei". */
const GROUP_IPV6 = "ff12::736b:6569";
/** Organisation's own range (RFC 2365 6.1), sent with a hop limit of 1. */
const GROUP_IPV4 = "239.255.83.75";

/** An interface that can be used for discovery now. */
export interface DiscoveryLink {
  readonly interfaceName: string;
  readonly family: 4 | 6;
  /** Own address, with scope for IPv6. */
  readonly address: string;
  /** Group's address, with scope for IPv6. */
  readonly group: string;
  /** How the system calls name the interface: `::%eth0`, or its address for IPv4. */
  readonly interfaceAddress: string;
  /** True if a datagram from this source came in through this interface. */
  owns(source: string): boolean;
}

/** The usable one of each configured interface; those that are absent or have no address are left out. */
export function discoveryLinks(options: DiscoverOptions): DiscoveryLink[] {
  const present = networkInterfaces();
  const family = options.family ?? "auto";
  const links: DiscoveryLink[] = [];
  for (const name of options.interfaces) {
    const addresses = present[name] ?? [];
    const six = addresses.find((a) => a.family === "IPv6" && a.address.startsWith("fe80:"));
    const four = addresses.find((a) => a.family === "IPv4");
    if (six !== undefined && family !== "ipv4") links.push(linkIpv6(name, six.address));
    else if (four !== undefined && family !== "ipv6") links.push(linkIpv4(name, four.address, four.netmask));
  }
  return links;
}

/** True if this machine has the address now; wildcards always count. */
export function hasAddress(host: string): boolean {
  if (host === "0.0.0.0" || host === "::") return true;
  const bare = host.split("%")[0];
  return Object.values(networkInterfaces()).some((addresses) => addresses?.some((a) => a.address === bare));
}

function linkIpv6(interfaceName: string, address: string): DiscoveryLink {
  const scope = `%${interfaceName}`;
  return {
    interfaceName,
    family: 6,
    address: address + scope,
    group: GROUP_IPV6 + scope,
    interfaceAddress: `::${scope}`,
    owns: (source) => source.endsWith(scope),
  };
}

function linkIpv4(interfaceName: string, address: string, netmask: string): DiscoveryLink {
  const mask = ipv4Number(netmask);
  const network = ipv4Number(address) & mask;
  return {
    interfaceName,
    family: 4,
    address,
    group: GROUP_IPV4,
    interfaceAddress: address,
    owns: (source) => (ipv4Number(source) & mask) === network,
  };
}

function ipv4Number(address: string): number {
  let value = 0;
  for (const part of address.split(".")) value = (value << 8) | Number(part);
  return value;
}
