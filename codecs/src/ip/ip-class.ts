/**
 * Which class of traffic an IP packet is: what the operator's port ranges say, else what its DSCP says
 * (RFC 4594; a sender that marks knows best), else voice that nobody has marked, else bulk.
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

/** Ports of one kind of traffic, as the operator knows it. Both ends are looked at. */
export interface PortRule {
  readonly first: number;
  readonly last: number;
  /** IP protocol, 0 for any. */
  readonly protocol: number;
  readonly trafficClass: number;
  /** Sent twice over disjoint paths where there are two. */
  readonly critical: boolean;
}

export interface IpClass {
  trafficClass: number;
  precedence: number;
  critical: boolean;
}

/** Fills `into`. The first rule that fits decides. */
export function classifyIp(octets: Uint8Array, header: IpHeader, rules: readonly PortRule[], into: IpClass): void {
  const dscp = header.trafficClassOctet >>> 2;
  into.critical = false;
  into.precedence = ROUTINE;
  for (let i = 0; i < rules.length; i++) {
    const rule = rules[i] as PortRule;
    if (!fits(rule, header)) continue;
    into.trafficClass = rule.trafficClass;
    into.critical = rule.critical;
    return;
  }
  into.trafficClass = CLASS_OF_DSCP[dscp] as number;
  if (dscp === CS6 || dscp === CS7) into.precedence = IMMEDIATE;
  else if (into.trafficClass === BULK && looksLikeVoice(octets, header)) into.trafficClass = VOICE;
}

function fits(rule: PortRule, header: IpHeader): boolean {
  if (header.sourcePort === -1 || (rule.protocol !== 0 && rule.protocol !== header.protocol)) return false;
  const { first, last } = rule;
  const { sourcePort, destinationPort } = header;
  return (destinationPort >= first && destinationPort <= last) || (sourcePort >= first && sourcePort <= last);
}

function looksLikeVoice(octets: Uint8Array, header: IpHeader): boolean {
  const { sourcePort, destinationPort } = header;
  if (header.protocol !== IpProtocol.udp || header.lengthOctets > VOICE_MAX_OCTETS) return false;
  if (sourcePort <= PORT_MIN || destinationPort <= PORT_MIN || ((sourcePort | destinationPort) & 1) !== 0) return false;
  const rtp = header.transportOffset + UDP_HEADER_OCTETS;
  if (header.offset + header.lengthOctets - rtp < RTP_HEADER_OCTETS) return false;
  const payloadType = (octets[rtp + 1] as number) & 0x7f;
  return (octets[rtp] as number) >>> 6 === 2 && (payloadType < RTCP_FIRST || payloadType > RTCP_LAST);
}
