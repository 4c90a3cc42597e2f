/**
 * What stands before each packet that goes through a TUN opened with IFF_VNET_HDR (virtio 1.2, 5.1.6; linux/virtio_net.h),
 * integers little-endian:
 *
 *   +---------+------------+-----------------+----------------+-----------------+-----------------+
 *   | flags 1 | GSO type 1 | header octets 2 | segment size 2 | sum begins at 2 | sum stored at 2 |
 *   +---------+------------+-----------------+----------------+-----------------+-----------------+
 *
 * A packet with a GSO type stands for several of one flow: their payloads are in a row behind one header, cut every `segment
 * size` octets. With NEEDS_SUM the transport's checksum is that of the pseudo-header alone, and whoever lets the packet out
 * completes it: the octets from `sum begins` to the end, stored so many octets behind that.
 */
export const VIRTIO_HEADER_OCTETS = 10;
const NEEDS_SUM = 1;
export const GsoType = { none: 0, tcpv4: 1, tcpv6: 4, udp: 5 } as const;
/** Beside a type: the flow uses explicit congestion notification. */
const GSO_ECN = 0x80;

/** Where the checksum is in a transport's header: `sum stored at`. */
export const TCP_SUM_AT = 16;
export const UDP_SUM_AT = 6;

export interface VirtioHeader {
  needsSum: boolean;
  gsoType: number;
  /** Payload octets of a packet. */
  segmentOctets: number;
  /** From the beginning of the packet. */
  sumFrom: number;
  /** From `sumFrom`. */
  sumAt: number;
}

export function createVirtioHeader(): VirtioHeader {
  return { needsSum: false, gsoType: GsoType.none, segmentOctets: 0, sumFrom: 0, sumAt: 0 };
}

export function readVirtioHeader(octets: Uint8Array, at: number, into: VirtioHeader): void {
  into.needsSum = ((octets[at] as number) & NEEDS_SUM) !== 0;
  into.gsoType = (octets[at + 1] as number) & ~GSO_ECN;
  into.segmentOctets = readLittle(octets, at + 4);
  into.sumFrom = readLittle(octets, at + 6);
  into.sumAt = readLittle(octets, at + 8);
}

/** Of one packet that is complete. */
export function writePlainHeader(octets: Uint8Array): void {
  octets.fill(0, 0, VIRTIO_HEADER_OCTETS);
}

/** Of several packets whose headers take `headerOctets`, the transport's from `transportOctets` on. */
export function writeGsoHeader(
  octets: Uint8Array,
  gsoType: number,
  headerOctets: number,
  segmentOctets: number,
  sumFrom: number,
  sumAt: number,
): void {
  octets[0] = NEEDS_SUM;
  octets[1] = gsoType;
  writeLittle(octets, 2, headerOctets);
  writeLittle(octets, 4, segmentOctets);
  writeLittle(octets, 6, sumFrom);
  writeLittle(octets, 8, sumAt);
}

function readLittle(octets: Uint8Array, at: number): number {
  return (octets[at] as number) | ((octets[at + 1] as number) << 8);
}
function writeLittle(octets: Uint8Array, at: number, value: number): void {
  octets[at] = value;
  octets[at + 1] = value >>> 8;
}
