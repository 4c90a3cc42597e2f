import { type IpHeader, IpProtocol, mix32 } from "@skein/codecs";

/** How long a packet is remembered, microseconds: longer than any way round through another network. */
const REMEMBER_US = 5_000_000;
/** Packets remembered, each way; the oldest gives way. */
const PACKETS_MAX = 1024;

/** Group packets that have passed a gateway lately, by what does not change on their way. */
export class EchoFilter {
  readonly #seen = new Map<number, number>();

  remember(fingerprint: number, nowUs: number): void {
    this.#seen.delete(fingerprint);
    this.#seen.set(fingerprint, nowUs);
    if (this.#seen.size <= PACKETS_MAX) return;
    for (const oldest of this.#seen.keys()) {
      this.#seen.delete(oldest);
      return;
    }
  }

  has(fingerprint: number, nowUs: number): boolean {
    const atUs = this.#seen.get(fingerprint);
    return atUs !== undefined && nowUs - atUs < REMEMBER_US;
  }
}

/** Hash over addresses, identification, protocol and everything behind the IP header: not over what a router changes. */
export function fingerprintOf(octets: Uint8Array, header: IpHeader): number {
  const end = header.offset + header.lengthOctets;
  const addresses = header.family === 6 ? 32 : 8;
  let hash = mixOctets(octets, header.sourceOffset, header.sourceOffset + addresses, header.protocol);
  const from = header.transportOffset === -1 ? header.sourceOffset + addresses : header.transportOffset;
  const isUdp = header.protocol === IpProtocol.udp && header.transportOffset !== -1 && end - from >= 8;
  // The checksum of UDP may be left to hardware on one way and be there on the other.
  hash = mixOctets(octets, from, isUdp ? from + 6 : from, hash);
  return mixOctets(octets, isUdp ? from + 8 : from, end, hash);
}

function mixOctets(octets: Uint8Array, from: number, end: number, start: number): number {
  let hash = start;
  for (let at = from; at < end; at++) hash = Math.imul(hash, 31) + (octets[at] as number);
  return mix32(hash ^ (end - from));
}
