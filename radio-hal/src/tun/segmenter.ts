import {
  copyOctets,
  createIpHeader,
  decodeIpHeader,
  foldChecksum,
  IPV6_HEADER_OCTETS,
  type IpHeader,
  IpProtocol,
  readU16,
  readU32,
  sumOctets,
  UDP_HEADER_OCTETS,
  writeU16,
  writeU32,
} from "@skein/codecs";
import {
  createVirtioHeader,
  GsoType,
  readVirtioHeader,
  TCP_SUM_AT,
  UDP_SUM_AT,
  VIRTIO_HEADER_OCTETS,
} from "./virtio-header.ts";

const FIN = 0x01;
const PUSH = 0x08;
const CONGESTION_WINDOW_REDUCED = 0x80;
const TCP_LEAST_OCTETS = 20;
/** No packet that stands for others has a longer one. */
const HEADER_MAX_OCTETS = 120;

export type OnPacket = (octets: Uint8Array, offset: number, length: number) => void;

/** Makes whole packets, checksums included, of what a TUN with IFF_VNET_HDR gives. */
export class Segmenter {
  readonly #virtio = createVirtioHeader();
  readonly #header = createIpHeader();
  readonly #packet: Uint8Array;

  /** Packets are at most `mtuOctets` long. */
  constructor(mtuOctets: number) {
    this.#packet = new Uint8Array(mtuOctets);
  }

  /**
   * Hands over the packets in octets[from, from + length), virtio header first; false if they are not what that says.
   * They are valid, and free to change, during the call.
   */
  each(octets: Uint8Array, from: number, length: number, onPacket: OnPacket): boolean {
    if (length <= VIRTIO_HEADER_OCTETS) return false;
    readVirtioHeader(octets, from, this.#virtio);
    const at = from + VIRTIO_HEADER_OCTETS;
    const end = from + length;
    if (this.#virtio.gsoType !== GsoType.none) return this.#segments(octets, at, end, onPacket);
    if (this.#virtio.needsSum && !this.#complete(octets, at, end)) return false;
    onPacket(octets, at, end - at);
    return true;
  }

  /** Completes the checksum of one packet. */
  #complete(octets: Uint8Array, at: number, end: number): boolean {
    const from = at + this.#virtio.sumFrom;
    const stored = from + this.#virtio.sumAt;
    if (stored + 2 > end) return false;
    storeSum(octets, stored, foldChecksum(sumOctets(octets, from, end, 0)));
    return true;
  }

  #segments(octets: Uint8Array, at: number, end: number, onPacket: OnPacket): boolean {
    const header = this.#header;
    const { gsoType, segmentOctets } = this.#virtio;
    if (!decodeIpHeader(octets, at, end - at, header) || header.sourcePort === -1) return false;
    const isTcp = header.protocol === IpProtocol.tcp;
    if (isTcp === (gsoType === GsoType.udp) || at + header.lengthOctets !== end) return false;
    const payload = header.transportOffset + transportOctets(octets, header);
    const headerOctets = payload - at;
    if (payload > end || headerOctets > HEADER_MAX_OCTETS || segmentOctets === 0) return false;
    if (headerOctets + segmentOctets > this.#packet.length) return false;
    // What the pseudo-headers of all packets have in common (RFC 8200 8.1).
    const addresses = header.family === 6 ? 32 : 8;
    const common = sumOctets(octets, header.sourceOffset, header.sourceOffset + addresses, header.protocol);
    for (let index = 0, next = payload; next < end; index++, next += segmentOctets) {
      const upTo = Math.min(end, next + segmentOctets);
      copyOctets(octets, at, payload, this.#packet, 0);
      copyOctets(octets, next, upTo, this.#packet, headerOctets);
      this.#finish(header, index, next - payload, headerOctets + upTo - next, upTo === end, common);
      onPacket(this.#packet, 0, headerOctets + upTo - next);
    }
    return true;
  }

  /** Writes what differs from packet to packet: this one's payload begins `ahead` octets into that of all. */
  #finish(
    { family, offset, transportOffset, protocol }: IpHeader,
    index: number,
    ahead: number,
    length: number,
    isLast: boolean,
    common: number,
  ): void {
    const packet = this.#packet;
    const transport = transportOffset - offset;
    if (family === 4) {
      writeU16(packet, 2, length);
      writeU16(packet, 4, readU16(packet, 4) + index);
      writeU16(packet, 10, 0);
      writeU16(packet, 10, foldChecksum(sumOctets(packet, 0, transport, 0)));
    } else writeU16(packet, 4, length - IPV6_HEADER_OCTETS);
    if (protocol === IpProtocol.tcp) {
      writeU32(packet, transport + 4, readU32(packet, transport + 4) + ahead);
      let flags = packet[transport + 13] as number;
      if (!isLast) flags &= ~(FIN | PUSH);
      if (ahead > 0) flags &= ~CONGESTION_WINDOW_REDUCED;
      packet[transport + 13] = flags;
    } else writeU16(packet, transport + 4, length - transport);
    const stored = transport + (protocol === IpProtocol.tcp ? TCP_SUM_AT : UDP_SUM_AT);
    writeU16(packet, stored, 0);
    storeSum(packet, stored, foldChecksum(sumOctets(packet, transport, length, common + length - transport)));
  }
}

function transportOctets(octets: Uint8Array, { protocol, transportOffset }: IpHeader): number {
  if (protocol === IpProtocol.udp) return UDP_HEADER_OCTETS;
  return Math.max(TCP_LEAST_OCTETS, 4 * ((octets[transportOffset + 12] as number) >>> 4));
}

/** RFC 768: 0 on the wire means that there is none. TCP knows no difference between the two zeros. */
function storeSum(octets: Uint8Array, at: number, sum: number): void {
  writeU16(octets, at, sum === 0 ? 0xffff : sum);
}
