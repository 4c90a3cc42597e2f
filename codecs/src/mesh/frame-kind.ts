/**
 * First octet of the plaintext of every sealed frame but a flow frame:
 *
 *     7 6 5 4 | 3 2   | 1 0
 *     kind      class   precedence
 */
export const FrameKind = {
  hello: 0,
  linkState: 1,
  pull: 2,
  report: 3,
  unicast: 4,
  /** Group traffic for every bearer. */
  groupAll: 5,
  /** Group traffic that stays on wide bearers (Opus voice). */
  groupWide: 6,
  /** On narrow bearers, where group traffic for wide ones never is: positions of several nodes (see `positions.ts`). */
  positions: 6,
  /** Group traffic that stays on narrow bearers (Codec2 voice). */
  groupNarrow: 7,
  label: 8,
  fragment: 9,
  /** Unicast that carries an IP packet (see `ip/ip-compression.ts`). */
  datagram: 10,
  /** Narrow frames only: unicast and datagram with a repair extension, which wide frames say in their flags. */
  repairedUnicast: 11,
  repairedDatagram: 12,
  /** Whom the transmitter reaches, on narrow bearers (see `snapshot.ts`). */
  snapshot: 13,
  /** Wide frames: one of the transmitter's other paths to this node is silent (see `path-suspicion.ts`). */
  suspicion: 14,
  /** Narrow frames: somebody talks, and the frame follows (see `talk-notice.ts`). */
  talkNotice: 14,
  /**
   * Octets for a neighbour over the bearer that the sender chose, not acknowledged and not passed on: for what numbers and
   * repeats by itself (class bulk, see `bulk/bulk-packet.ts`), and for parity (class video, see `parity.ts`). Behind the kind:
   * next hop, 1 octet, on shared bearers; then the octets.
   */
  path: 15,
} as const;
export type FrameKind = (typeof FrameKind)[keyof typeof FrameKind];

/** Traffic classes that there are. */
export const CLASS_COUNT = 4;

export function kindOctet(kind: number, trafficClass: number, precedence: number): number {
  return (kind << 4) | (trafficClass << 2) | precedence;
}
export function kindOf(octet: number): number {
  return octet >>> 4;
}
export function classOf(octet: number): number {
  return (octet >>> 2) & 3;
}
export function precedenceOf(octet: number): number {
  return octet & 3;
}
/** Kinds that go to one node, hop by hop, each hop acknowledged. */
export function isUnicastKind(kind: number): boolean {
  return kind === FrameKind.unicast || (kind >= FrameKind.datagram && kind <= FrameKind.repairedDatagram);
}
export function isGroupKind(kind: number): boolean {
  return kind >= FrameKind.groupAll && kind <= FrameKind.groupNarrow;
}
