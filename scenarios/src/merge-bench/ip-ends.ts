import { compressIp, decompressIp, FlowCompressor, FlowDecompressor } from "@skein/codecs";

const PACKET_MAX_OCTETS = 2048;

/** One way between the gateways of two nodes: IP packets as frames carry them. Buffers are used again for the next packet. */
export class IpEnds {
  readonly #source: number;
  readonly #destination: number;
  readonly #compressor: FlowCompressor;
  readonly #decompressor = new FlowDecompressor();
  readonly #form = new Uint8Array(PACKET_MAX_OCTETS);
  readonly #shortened = new Uint8Array(PACKET_MAX_OCTETS);
  readonly #longer = new Uint8Array(PACKET_MAX_OCTETS);
  readonly #restored = new Uint8Array(PACKET_MAX_OCTETS);

  /** Addresses of the two nodes. */
  constructor(source: number, destination: number, seed: number) {
    this.#source = source;
    this.#destination = destination;
    this.#compressor = new FlowCompressor(seed);
  }

  /** The packet that `compressIp` would make such a form of, which is its shortest notation. */
  packetOf(form: Uint8Array): Uint8Array {
    const packet = new Uint8Array(PACKET_MAX_OCTETS);
    return packet.subarray(0, decompressIp(form, 0, form.length, this.#source, this.#destination, packet, 0));
  }

  /** What a frame carries of a packet. */
  compress(packet: Uint8Array): Uint8Array {
    const form = this.#form;
    const written = compressIp(packet, 0, packet.length, this.#source, this.#destination, form, 0);
    const length = this.#compressor.compress(form, 0, written, this.#destination, this.#shortened, 0);
    return this.#shortened.subarray(0, length);
  }

  /** The packet that a frame carried; empty if its context has not come. */
  restore(octets: Uint8Array): Uint8Array {
    let form = octets;
    if (FlowDecompressor.reads(octets[0] as number)) {
      const length = this.#decompressor.decompress(octets, 0, octets.length, this.#source, this.#longer, 0);
      form = this.#longer.subarray(0, length);
    }
    const length = decompressIp(form, 0, form.length, this.#source, this.#destination, this.#restored, 0);
    return this.#restored.subarray(0, length);
  }
}
