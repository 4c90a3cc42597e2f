/**
 * Which class of traffic an IP packet is: what the operator's rules say, else what its DSCP says (RFC 4594; a sender
 * that marks knows best), else voice that nobody has marked, else bulk.
 *
 *   voice    EF 46, VOICE-ADMIT 44
 *   video    AF41 34, AF42 36, AF43 38, CS4 32, CS5 40
 *   command  CS6 48, CS7 56, AF31 26, AF32 28, AF33 30, CS3 24
 *   bulk     everything else
 */
import { type IpHeader, IpProtocol, UDP_HEADER_OCTETS } from "./ip-header.ts";

/** Values on the wire, as in the data header. */
const VOICE = 0;
const COMMAND = 1;
const VIDEO = 2;
const BULK = 3;
const ROUTINE = 0;
const IMMEDIATE = 2;

const CLASS_OF_DSCP = new Uint8Array(64).fill(BULK);
for (const dscp of [44, 46]) CLASS_OF_DSCP[dscp] = VOICE;
for (const dscp of [32, 34, 36, 38, 40]) CLASS_OF_DSCP[dscp] = VIDEO;
for (const dscp of [24, 26, 28, 30, 48, 56]) CLASS_OF_DSCP[dscp] = COMMAND;
const CS6 = 48;
const CS7 = 56;

/** Audio of 20 to 60 ms fits into this, header and all; video does not. */
const VOICE_MAX_OCTETS = 300;
const RTP_HEADER_OCTETS = 12;
const PORT_MIN = 1024;
/** RFC 5761 4: payload types 64..95 collide with RTCP and are not used for RTP. */
const RTCP_FIRST = 64;
const RTCP_LAST = 95;

/** One kind of traffic as the operator knows it: by ports, of which both ends are looked at, by mark, or by both. */
export interface IpRule {
  /** -1: any ports, or none. */
  readonly first: number;
  readonly last: number;
  /** Any where it is left out. */
  readonly dscp?: number;
  /** IP protocol, 0 for any. */
  readonly protocol: number;
  readonly trafficClass: number;
  /** Routine where it is left out. */
  readonly precedence?: number;
  /** Sent twice over disjoint paths where there are two. */
  readonly critical: boolean;
}

export interface IpClass {
  trafficClass: number;
  precedence: number;
  critical: boolean;
}

/**
 * Fills `into`. The first rule that fits decides. False if the packet says nothing itself and is called bulk for that
 * reason only: then its flow may tell more.
 */
export function classifyIp(octets: Uint8Array, header: IpHeader, rules: readonly IpRule[], into: IpClass): boolean {
  const dscp = header.trafficClassOctet >>> 2;
  into.critical = false;
  into.precedence = ROUTINE;
  for (let i = 0; i < rules.length; i++) {
    const rule = rules[i] as IpRule;
    if (!fits(rule, header, dscp)) continue;
    into.trafficClass = rule.trafficClass;
    into.precedence = rule.precedence ?? ROUTINE;
    into.critical = rule.critical;
    return true;
  }
  into.trafficClass = CLASS_OF_DSCP[dscp] as number;
  if (dscp === CS6 || dscp === CS7) into.precedence = IMMEDIATE;
  else if (into.trafficClass === BULK && looksLikeVoice(octets, header)) into.trafficClass = VOICE;
  return dscp !== 0 || into.trafficClass !== BULK;
}

function fits(rule: IpRule, header: IpHeader, dscp: number): boolean {
  if (rule.protocol !== 0 && rule.protocol !== header.protocol) return false;
  if (rule.dscp !== undefined && rule.dscp !== dscp) return false;
  const { first, last } = rule;
  if (first === -1) return true;
  if (header.sourcePort === -1) return false;
  const { sourcePort, destinationPort } = header;
  return (destinationPort >= first && destinationPort <= last) || (sourcePort >= first && sourcePort <= last);
}

function looksLikeVoice(octets: Uint8Array, header: IpHeader): boolean {
  const { sourcePort, destinationPort } = header;
  if (header.protocol !== IpProtocol.udp || header.lengthOctets > VOICE_MAX_OCTETS) return false;
  if (sourcePort <= PORT_MIN || destinationPort <= PORT_MIN || ((sourcePort | destinationPort) & 1) !== 0) return false;
  return looksLikeRtp(octets, header);
}

/** True if what lies behind the UDP header could be RTP (RFC 3550 5.1), of whatever it is made. */
export function looksLikeRtp(octets: Uint8Array, header: IpHeader): boolean {
  const rtp = header.transportOffset + UDP_HEADER_OCTETS;
  if (header.offset + header.lengthOctets - rtp < RTP_HEADER_OCTETS) return false;
  const payloadType = (octets[rtp + 1] as number) & 0x7f;
  return (octets[rtp] as number) >>> 6 === 2 && (payloadType < RTCP_FIRST || payloadType > RTCP_LAST);
}
