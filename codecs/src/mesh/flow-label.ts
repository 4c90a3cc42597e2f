/**
 * Flow label offer (narrow bearers): the receiver of an established unicast flow gives it a label, which
 * from then on stands for transmitter, source, destination, class, precedence and kind in flow frames.
 *
 *   +--------+----------+---------+----------+---------------+--------+------------+
 *   | kind 1 | target 1 | label 1 | source 1 | destination 1 | flow 1 | sequence 1 |
 *   +--------+----------+---------+----------+---------------+--------+------------+
 *
 * Target: local id of the transmitter that may use the label. Flow: bit 4 set for datagrams, class and precedence below
 * as in the kind octet.
 * Sequence: low 8 bits of the last sequence received; the 2 bits in a flow frame continue from there.
 */
export const LABEL_OFFER_OCTETS = 6;
const DATAGRAM = 0x10;

export interface LabelOffer {
  target: number;
  label: number;
  source: number;
  destination: number;
  trafficClass: number;
  precedence: number;
  datagram: boolean;
  sequenceLow: number;
}

export function createLabelOffer(): LabelOffer {
  return {
    target: 0,
    label: 0,
    source: 0,
    destination: 0,
    trafficClass: 0,
    precedence: 0,
    datagram: false,
    sequenceLow: 0,
  };
}

/** Writes everything after the kind octet. */
export function encodeLabelOffer(offer: LabelOffer, out: Uint8Array, offset: number): number {
  out[offset] = offer.target;
  out[offset + 1] = offer.label;
  out[offset + 2] = offer.source;
  out[offset + 3] = offer.destination;
  out[offset + 4] = (offer.datagram ? DATAGRAM : 0) | (offer.trafficClass << 2) | offer.precedence;
  out[offset + 5] = offer.sequenceLow;
  return LABEL_OFFER_OCTETS;
}

export function decodeLabelOffer(octets: Uint8Array, offset: number, end: number): LabelOffer | undefined {
  if (end - offset !== LABEL_OFFER_OCTETS || (octets[offset + 4] as number) >= 2 * DATAGRAM) return undefined;
  return {
    target: octets[offset] as number,
    label: octets[offset + 1] as number,
    source: octets[offset + 2] as number,
    destination: octets[offset + 3] as number,
    trafficClass: ((octets[offset + 4] as number) >>> 2) & 3,
    precedence: (octets[offset + 4] as number) & 3,
    datagram: (octets[offset + 4] as number) >= DATAGRAM,
    sequenceLow: octets[offset + 5] as number,
  };
}
