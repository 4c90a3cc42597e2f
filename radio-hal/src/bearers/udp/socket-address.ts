import { SocketAddress } from "node:net";
import { AF_INET, AF_INET6, type KernelCalls } from "./kernel-calls.ts";

/**
 * Socket addresses as the kernel has them (ip(7), ipv6(7)); the port in network order, the rest of the integers in the
 * host's, which is little-endian wherever this is used:
 *
 *   +----------+--------+-------------+---------+
 *   | family 2 | port 2 | address 4   | zeros 8 |                 sockaddr_in
 *   +----------+--------+-------------+---------+--+---------+
 *   | family 2 | port 2 | flow info 4 | address 16 | scope 4 |    sockaddr_in6
 *   +----------+--------+-------------+------------+---------+
 */
export const SOCKADDR_OCTETS = 28;
const SOCKADDR_IN_OCTETS = 16;
const WORDS = SOCKADDR_OCTETS / 4;
/** Peers that are remembered in both spellings, by a hash: a place for each of a full table, and more. */
const PLACES = 512;

/** The far end of a datagram in both spellings. */
export interface Peer {
  /** Numeric, with its scope (`%eth0`) if it has one, as Node spells it. */
  readonly address: string;
  readonly port: number;
  readonly sockaddr: Uint32Array;
  readonly sockaddrOctets: number;
}

/** Translates between both spellings; nothing is allocated for a peer that was there before. */
export class Peers {
  readonly #calls: KernelCalls;
  readonly #bySockaddr = new Array<Peer | undefined>(PLACES).fill(undefined);
  readonly #byText = new Map<string, Peer[]>();
  #known = 0;

  constructor(calls: KernelCalls) {
    this.#calls = calls;
  }

  /** Looks everything up anew: an interface may have come back under another index. */
  forget(): void {
    this.#bySockaddr.fill(undefined);
    this.#byText.clear();
    this.#known = 0;
  }

  /** The peer whose sockaddr stands at `words[at]`. */
  ofSockaddr(words: Uint32Array, at: number): Peer {
    // Neighbours differ in the port, in the last octets of the address, or in both.
    let hash = words[at] as number;
    for (let i = 1; i < WORDS; i++) hash = (Math.imul(hash, 31) + (words[at + i] as number)) | 0;
    const place = (hash ^ (hash >>> 16)) & (PLACES - 1);
    const known = this.#bySockaddr[place];
    if (known !== undefined && isSame(known.sockaddr, words, at)) return known;
    const peer = readSockaddr(this.#calls, words.slice(at, at + WORDS));
    this.#bySockaddr[place] = peer;
    return peer;
  }

  ofText(address: string, port: number): Peer {
    const here = this.#byText.get(address);
    if (here !== undefined) for (let i = 0; i < here.length; i++) if (here[i]!.port === port) return here[i]!;
    if (++this.#known > PLACES) {
      this.#byText.clear();
      this.#known = 1;
    }
    const peer = writeSockaddr(this.#calls, address, port);
    const list = this.#byText.get(address);
    if (list === undefined) this.#byText.set(address, [peer]);
    else list.push(peer);
    return peer;
  }
}

function isSame(known: Uint32Array, words: Uint32Array, at: number): boolean {
  for (let i = 0; i < WORDS; i++) if (known[i] !== words[at + i]) return false;
  return true;
}

export function writeSockaddr(calls: KernelCalls, address: string, port: number): Peer {
  const sockaddr = new Uint32Array(WORDS);
  const octets = new Uint8Array(sockaddr.buffer);
  octets[2] = port >>> 8;
  octets[3] = port & 0xff;
  if (!address.includes(":")) {
    octets[0] = AF_INET;
    octets.set(address.split(".").map(Number), 4);
    return { address, port, sockaddr, sockaddrOctets: SOCKADDR_IN_OCTETS };
  }
  const [bare = "", scope = ""] = address.split("%");
  octets[0] = AF_INET6;
  octets.set(ipv6Octets(bare), 8);
  sockaddr[6] = /^\d+$/.test(scope) ? Number(scope) : scope === "" ? 0 : calls.interfaceIndex(scope);
  return { address, port, sockaddr, sockaddrOctets: SOCKADDR_OCTETS };
}

function readSockaddr(calls: KernelCalls, sockaddr: Uint32Array): Peer {
  const octets = new Uint8Array(sockaddr.buffer);
  const port = (octets[2] as number) * 256 + (octets[3] as number);
  if (octets[0] !== AF_INET6) {
    return { address: octets.subarray(4, 8).join("."), port, sockaddr, sockaddrOctets: SOCKADDR_IN_OCTETS };
  }
  const groups: string[] = [];
  for (let at = 8; at < 24; at += 2) groups.push((octets[at]! * 256 + octets[at + 1]!).toString(16));
  const { address } = new SocketAddress({ address: groups.join(":"), family: "ipv6" });
  const scope = sockaddr[6] as number;
  const suffix = scope === 0 ? "" : `%${calls.interfaceName(scope) || scope}`;
  return { address: address + suffix, port, sockaddr, sockaddrOctets: SOCKADDR_OCTETS };
}

/** Octets of an IPv6 address that is known to be one. */
function ipv6Octets(address: string): Uint8Array {
  const octets = new Uint8Array(16);
  // The last four may be written like IPv4 (RFC 4291 2.2).
  const plain = address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_all, ...parts: string[]) => {
    const [a = 0, b = 0, c = 0, d = 0] = parts.slice(0, 4).map(Number);
    return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
  });
  const [head = "", tail] = plain.split("::");
  const put = (groups: string[], from: number): void => {
    for (const [i, group] of groups.entries()) {
      const value = Number.parseInt(group, 16);
      octets[from + 2 * i] = value >>> 8;
      octets[from + 2 * i + 1] = value & 0xff;
    }
  };
  const split = (part: string): string[] => (part === "" ? [] : part.split(":"));
  put(split(head), 0);
  if (tail !== undefined) put(split(tail), 16 - 2 * split(tail).length);
  return octets;
}
