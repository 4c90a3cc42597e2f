/** Datagrams that may wait for the kernel; more are refused. */
export const UDP_QUEUE_FRAMES = 256;
/**
 * Kernel buffers: 0.1 s of 10 Mbit/s, so that a pause of the event loop loses nothing. More would stand before speech: what
 * they hold is in order of arrival.
 */
export const KERNEL_BUFFER_OCTETS = 131_072;

export interface UdpPortOptions {
  readonly family: 4 | 6;
  readonly host: string;
  readonly port: number;
  /** Address (its name's scope for IPv6) of the interface on which `host`, a group, is joined: others may do that, too. */
  readonly groupOn?: string;
  readonly mtuOctets: number;
  /** Many datagrams a system call where the machine can; else, and for groups, Node's way. */
  readonly batch: boolean;
}

export interface UdpPortEvents {
  /** octets[0, length) are valid during the call only. */
  datagram(octets: Uint8Array, length: number, address: string, port: number): void;
  /** A datagram that `send` took has left, or was lost here if not `good`. */
  done(lengthOctets: number, good: boolean): void;
  /** The socket is of no use any more. */
  failed(error: Error): void;
}

/** One bound UDP socket with a bounded queue of datagrams to send. */
export interface UdpPort {
  readonly localAddress: string;
  readonly localPort: number;
  /** False if the queue is full. `address` is numeric, with its scope if it has one. */
  send(octets: Uint8Array, length: number, address: string, port: number): boolean;
  /** Sends multicast through the interface with this address (IPv6: this name as its scope). */
  multicastThrough(interfaceAddress: string): void;
  close(): Promise<void>;
}
