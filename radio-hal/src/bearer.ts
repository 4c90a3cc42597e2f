/**
 * The one contract for everything that carries frames: radios, modems, sockets.
 *
 * A bearer moves whole frames (octet strings of at most `mtuOctets`) and nothing else: it adds what
 * its medium needs (COBS and a CRC on a UART, a UDP datagram on IP), takes that off again, and never
 * looks inside. It holds no routing state and takes no decision.
 *
 * Life: `open()` -> events -> `close()`. A bearer whose device goes away emits `down`, keeps trying
 * by itself and emits `up` again; only a configuration that can never work rejects `open()`.
 */

/** What kind of device; also the channel kind that link-state advertisements carry. */
export type BearerKind = "udp" | "serial" | "satellite" | "cellular" | "mock";

/** `shared`: one transmission reaches everyone in range. `point-to-point`: one far end per endpoint. */
export type BearerMedium = "shared" | "point-to-point";

/** Fixed properties of an opened bearer. */
export interface BearerInfo {
  readonly name: string;
  readonly kind: BearerKind;
  readonly medium: BearerMedium;
  /** Largest frame that `send` takes, octets. */
  readonly mtuOctets: number;
  /** Nominal rate of the medium, bit/s. */
  readonly bitrateBps: number;
  /** True when the medium carries one transmission at a time in either direction. */
  readonly halfDuplex: boolean;
}

/** Counters since `open()`. Every frame or octet that is not passed on is in one of the drop counters. */
export interface BearerCounters {
  framesSent: number;
  framesReceived: number;
  octetsSent: number;
  octetsReceived: number;
  /** Frames refused or lost at the sender, by reason (for example `down`, `too-long`, `queue-full`, `io-error`). */
  dropsSent: Record<string, number>;
  /** Received octets or frames thrown away, by reason (for example `crc`, `cobs`, `too-long`, `own-echo`). */
  dropsReceived: Record<string, number>;
}

/** Endpoint number that means: everyone whom one transmission (or one copy each) can reach. */
export const ENDPOINT_ALL = -1;

/** Callbacks; set once by the owner before `open()`. They must not throw and must not keep `octets`. */
export interface BearerEvents {
  /** A whole frame. `octets[0..length)` is valid only during the call. `endpoint` names the sender: 0..n. */
  frame(endpoint: number, octets: Uint8Array, length: number): void;
  /** The device works (again). */
  up(): void;
  /** The device does not work. `reason` is a short sentence for people. */
  down(reason: string): void;
  /** Carrier sense, half-duplex media only: someone else is sending (true) or has stopped (false). */
  carrier(busy: boolean): void;
  /** Room again after `send` returned false. */
  drained(): void;
}

export interface Bearer {
  readonly info: BearerInfo;
  readonly counters: BearerCounters;
  /**
   * Opens the device. Resolves also when the device is missing for now (a `down` event follows, and `up`
   * when it appears); rejects with a SkeinError-like error {code, message} if the configuration is impossible.
   */
  open(events: BearerEvents): Promise<void>;
  /**
   * Sends one frame to an endpoint or to ENDPOINT_ALL. Copies what it needs before it returns.
   * Returns false when the frame was refused (counted in `dropsSent`); never throws on a running bearer.
   */
  send(endpoint: number, octets: Uint8Array, length: number): boolean;
  /** Stops, releases the device, emits nothing more. Idempotent. */
  close(): Promise<void>;
}
