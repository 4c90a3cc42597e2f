import {
  copyOctets,
  createIpHeader,
  decodeIpHeader,
  foldChecksum,
  IPV4_HEADER_OCTETS,
  IPV6_HEADER_OCTETS,
  type IpHeader,
  IpProtocol,
  readU16,
  readU32,
  sumOctets,
  transportChecksum,
  UDP_HEADER_OCTETS,
  writeU16,
} from "@skein/codecs";
import {
  GsoType,
  TCP_SUM_AT,
  UDP_SUM_AT,
  VIRTIO_HEADER_OCTETS,
  writeGsoHeader,
  writePlainHeader,
} from "./virtio-header.ts";

const AT = VIRTIO_HEADER_OCTETS;
/** What is handed to the kernel at once; more would only wait. */
const PACKETS_MAX = 44;
const OCTETS_MAX = 0xffff;
const ACKNOWLEDGES = 0x10;
const PUSH = 0x08;
const TCP_LEAST_OCTETS = 20;
const DONT_FRAGMENT = 0x4000;

/** Gives the kernel `length` octets, virtio header first, that stand for `packets`; false if it does not take them. */
export type Write = (octets: Uint8Array, length: number, packets: number) => boolean;

/**
 * Packets of one flow that follow one another go into the kernel as one (generic segmentation offload, the other way
 * round): it then walks its way up the stack once for all of them, and a TCP that receives them acknowledges once. Nothing
 * is changed that a receiver could see: only packets whose headers are equal but for lengths, sequence and checksums are
 * put together, their checksums must be right, and what another flow sends in between ends a run.
 */
export class Coalescer {
  readonly #write: Write;
  readonly #memory = new Uint8Array(AT + OCTETS_MAX);
  readonly #header = createIpHeader();
  #packets = 0;
  #length = 0;
  #headerOctets = 0;
  #transport = 0;
  #segmentOctets = 0;
  #isTcp = false;
  #isIpv6 = false;
  /** TCP's next octet. */
  #nextSequence = 0;
  /** Nothing can follow. */
  #isClosed = false;
  #joinsUdp = true;

  constructor(write: Write) {
    this.#write = write;
  }

  get isEmpty(): boolean {
    return this.#packets === 0;
  }

  /** This kernel takes no UDP packets that stand for several (before Linux 6.2). */
  leaveUdpAlone(): void {
    this.#joinsUdp = false;
  }

  /** Takes a packet; what cannot wait for others, and what waits before it, is written at once. False if that fails. */
  add(octets: Uint8Array, offset: number, length: number): boolean {
    const header = this.#header;
    const isFit = decodeIpHeader(octets, offset, length, header) && header.lengthOctets === length;
    const headerOctets = isFit ? joinableHeaderOctets(octets, header) : 0;
    if (headerOctets > 0 && this.#follows(octets, headerOctets)) {
      this.#append(octets, headerOctets);
      if (this.#packets === PACKETS_MAX) this.flush();
      return true;
    }
    this.flush();
    writePlainHeader(this.#memory);
    copyOctets(octets, offset, offset + length, this.#memory, AT);
    if (headerOctets === 0) return this.#write(this.#memory, AT + length, 1);
    this.#begin(headerOctets);
    return true;
  }

  /** Writes what waits. */
  flush(): void {
    const packets = this.#packets;
    if (packets === 0) return;
    this.#packets = 0;
    if (packets > 1) this.#finish();
    this.#write(this.#memory, this.#length, packets);
  }

  /** The packet in the memory is the first of a run. */
  #begin(headerOctets: number): void {
    const { family, offset, transportOffset, lengthOctets, protocol } = this.#header;
    const memory = this.#memory;
    this.#packets = 1;
    this.#length = AT + lengthOctets;
    this.#headerOctets = headerOctets;
    this.#transport = AT + transportOffset - offset;
    this.#segmentOctets = lengthOctets - headerOctets;
    this.#isTcp = protocol === IpProtocol.tcp;
    this.#isIpv6 = family === 6;
    this.#isClosed = this.#isTcp && ((memory[this.#transport + 13] as number) & PUSH) !== 0;
    if (this.#isTcp) this.#nextSequence = (readU32(memory, this.#transport + 4) + this.#segmentOctets) >>> 0;
  }

  /** True if the packet in `#header` is the next of the run. */
  #follows(octets: Uint8Array, headerOctets: number): boolean {
    if (this.#packets === 0 || this.#isClosed || headerOctets !== this.#headerOctets) return false;
    const header = this.#header;
    const { offset, transportOffset, lengthOctets } = header;
    const payloadOctets = lengthOctets - headerOctets;
    if (payloadOctets > this.#segmentOctets || this.#length - AT + payloadOctets > OCTETS_MAX) return false;
    if ((header.family === 6) !== this.#isIpv6 || (header.protocol === IpProtocol.tcp) !== this.#isTcp) return false;
    if (!this.#isTcp && !this.#joinsUdp) return false;
    if (this.#isTcp && readU32(octets, transportOffset + 4) !== this.#nextSequence) return false;
    if (!this.#areHeadersAlike(octets, offset, transportOffset, headerOctets)) return false;
    return transportChecksum(octets, header) === 0 && this.#isRunRight();
  }

  #areHeadersAlike(octets: Uint8Array, offset: number, transportOffset: number, headerOctets: number): boolean {
    const memory = this.#memory;
    for (let i = 0; i < headerOctets; i++) {
      if (memory[AT + i] === octets[offset + i] || this.#mayDiffer(i, offset + i - transportOffset)) continue;
      const onlyPushes = this.#isTcp && offset + i - transportOffset === 13;
      if (!onlyPushes || ((memory[AT + i] as number) ^ (octets[offset + i] as number)) !== PUSH) return false;
    }
    return true;
  }

  /** Octet `i` of the packet, which is octet `t` of the transport's header: length, identification, sequence, checksum. */
  #mayDiffer(i: number, t: number): boolean {
    if (t < 0) return this.#isIpv6 ? i === 4 || i === 5 : (i >= 2 && i <= 5) || i === 10 || i === 11;
    return this.#isTcp ? (t >= 4 && t <= 7) || t === 16 || t === 17 : t >= 4;
  }

  /** The first of a run is looked at when a second comes. */
  #isRunRight(): boolean {
    if (this.#packets > 1) return true;
    const { family, sourceOffset, offset, protocol } = this.#header;
    const memory = this.#memory;
    const length = this.#length - this.#transport;
    const source = AT + sourceOffset - offset;
    const sum = sumOctets(memory, source, source + (family === 6 ? 32 : 8), protocol + length);
    return foldChecksum(sumOctets(memory, this.#transport, this.#length, sum)) === 0;
  }

  #append(octets: Uint8Array, headerOctets: number): void {
    const { offset, transportOffset, lengthOctets } = this.#header;
    const payloadOctets = lengthOctets - headerOctets;
    copyOctets(octets, offset + headerOctets, offset + lengthOctets, this.#memory, this.#length);
    this.#length += payloadOctets;
    this.#packets++;
    this.#isClosed = payloadOctets < this.#segmentOctets;
    if (!this.#isTcp) return;
    this.#nextSequence = (this.#nextSequence + payloadOctets) >>> 0;
    if (((octets[transportOffset + 13] as number) & PUSH) === 0) return;
    this.#memory[this.#transport + 13] = (this.#memory[this.#transport + 13] as number) | PUSH;
    this.#isClosed = true;
  }

  /** Writes lengths, what stands for the checksum, and the virtio header. */
  #finish(): void {
    const memory = this.#memory;
    const length = this.#length - AT;
    const transport = this.#transport;
    const source = AT + (this.#isIpv6 ? 8 : 12);
    if (this.#isIpv6) writeU16(memory, AT + 4, length - IPV6_HEADER_OCTETS);
    else {
      writeU16(memory, AT + 2, length);
      writeU16(memory, AT + 10, 0);
      writeU16(memory, AT + 10, foldChecksum(sumOctets(memory, AT, transport, 0)));
    }
    const transportOctets = this.#length - transport;
    if (!this.#isTcp) writeU16(memory, transport + 4, transportOctets);
    const protocol = this.#isTcp ? IpProtocol.tcp : IpProtocol.udp;
    const pseudo = sumOctets(memory, source, source + (this.#isIpv6 ? 32 : 8), protocol + transportOctets);
    const sumAt = this.#isTcp ? TCP_SUM_AT : UDP_SUM_AT;
    writeU16(memory, transport + sumAt, ~foldChecksum(pseudo) & 0xffff);
    const type = this.#isTcp ? (this.#isIpv6 ? GsoType.tcpv6 : GsoType.tcpv4) : GsoType.udp;
    writeGsoHeader(memory, type, this.#headerOctets, this.#segmentOctets, transport - AT, sumAt);
  }
}

/** Octets of the headers of a packet that may be joined to others; 0 if it may not. */
function joinableHeaderOctets(octets: Uint8Array, header: IpHeader): number {
  const { family, offset, transportOffset, lengthOctets, protocol, isFragment, sourcePort } = header;
  if (isFragment || sourcePort === -1) return 0;
  // The identification of IPv4 is lost, and is of no use only where nobody may fragment (RFC 6864 4).
  if (family === 4 && readU16(octets, offset + 6) !== DONT_FRAGMENT) return 0;
  if (transportOffset - offset !== (family === 6 ? IPV6_HEADER_OCTETS : IPV4_HEADER_OCTETS)) return 0;
  if (protocol === IpProtocol.udp) {
    const octetsBefore = transportOffset - offset + UDP_HEADER_OCTETS;
    const isWhole = readU16(octets, transportOffset + 4) === lengthOctets - (transportOffset - offset);
    // Without a checksum, none may appear.
    return isWhole && lengthOctets > octetsBefore && readU16(octets, transportOffset + UDP_SUM_AT) !== 0
      ? octetsBefore
      : 0;
  }
  if (protocol !== IpProtocol.tcp || ((octets[transportOffset + 13] as number) & ~PUSH) !== ACKNOWLEDGES) return 0;
  const tcpOctets = 4 * ((octets[transportOffset + 12] as number) >>> 4);
  const octetsBefore = transportOffset - offset + tcpOctets;
  return tcpOctets >= TCP_LEAST_OCTETS && lengthOctets > octetsBefore ? octetsBefore : 0;
}
