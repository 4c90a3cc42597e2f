import { type IpHeader, IpProtocol, looksLikeRtp, mix32, readU16 } from "@skein/codecs";
import { TrafficClass } from "../core/api.ts";

/** Flows that are followed; two that fall on the same two places share what there is, and one of them stays bulk. */
const FLOWS = 512;
/** A flow without packets for so long has ended. */
const ENDED_US = 10_000_000;
/** A longer gap is a pause: nobody speaks, and it says nothing of the pace. */
const PAUSE_US = 200_000;
/** So many packets make a judgement: a quarter of a second of speech. */
const ENOUGH_PACKETS = 12;
/** Weight of the newest packet in the means. */
const GAIN = 1 / 8;
const UDP_HEADER_OCTETS = 8;

/** Speech: packets of 10 to 60 ms, whatever its codec and encryption, at a pace that is kept. */
const VOICE_MAX_OCTETS = 300;
const VOICE_MIN_GAP_US = 7_000;
const VOICE_MAX_GAP_US = 75_000;
const VOICE_DEVIATION = 0.4;

/** Video is RTP whose numbers follow each other, or MPEG transport stream (ISO 13818-1 2.4.3.2): whole cells of 188 octets. */
const RTP_IN_ORDER = 8;
const TS_CELL_OCTETS = 188;
const TS_SYNC = 0x47;

interface Flow {
  key: number;
  lastUs: number;
  packets: number;
  meanOctets: number;
  meanGapUs: number;
  deviationUs: number;
  rtpSequence: number;
  /** Packets in order lately, of RTP or of a transport stream. */
  inOrder: number;
}

/**
 * What the packets of one UDP flow (RFC 8837 calls it a 5-tuple) show of what they are, where neither operator nor
 * sender says it: small ones at a steady pace are a call, large ones in RTP or MPEG-TS are video, all else is bulk.
 * What is encrypted altogether and comes in large packets stays bulk: a download must not pass for video.
 */
export class IpFlows {
  readonly #flows: Flow[] = Array.from({ length: FLOWS }, () => ({
    key: 0,
    lastUs: Number.NEGATIVE_INFINITY,
    packets: 0,
    meanOctets: 0,
    meanGapUs: 0,
    deviationUs: 0,
    rtpSequence: -1,
    inOrder: 0,
  }));

  /** Class of a packet, by it and those of its flow before it. */
  recognise(nowUs: number, octets: Uint8Array, header: IpHeader): TrafficClass {
    if (header.protocol !== IpProtocol.udp || header.sourcePort === -1) return TrafficClass.bulk;
    const flow = this.#find(nowUs, keyOf(octets, header));
    if (flow === undefined) return TrafficClass.bulk;
    learn(flow, nowUs, octets, header);
    if (flow.packets < ENOUGH_PACKETS) return TrafficClass.bulk;
    if (flow.meanOctets > VOICE_MAX_OCTETS)
      return flow.inOrder >= RTP_IN_ORDER ? TrafficClass.video : TrafficClass.bulk;
    const paced = flow.meanGapUs >= VOICE_MIN_GAP_US && flow.meanGapUs <= VOICE_MAX_GAP_US;
    return paced && flow.deviationUs <= VOICE_DEVIATION * flow.meanGapUs ? TrafficClass.voice : TrafficClass.bulk;
  }

  /** The flow's place, one that has become free, or none. */
  #find(nowUs: number, key: number): Flow | undefined {
    const first = this.#flows[key % FLOWS] as Flow;
    const second = this.#flows[(key >>> 16) % FLOWS] as Flow;
    if (first.key === key) return first;
    if (second.key === key) return second;
    const free = nowUs - first.lastUs > ENDED_US ? first : nowUs - second.lastUs > ENDED_US ? second : undefined;
    if (free === undefined) return undefined;
    free.key = key;
    free.packets = 0;
    free.rtpSequence = -1;
    free.inOrder = 0;
    return free;
  }
}

function learn(flow: Flow, nowUs: number, octets: Uint8Array, header: IpHeader): void {
  const gapUs = nowUs - flow.lastUs;
  flow.lastUs = nowUs;
  learnOrder(flow, octets, header);
  if (flow.packets++ === 0) {
    flow.meanOctets = header.lengthOctets;
    flow.meanGapUs = 0;
    flow.deviationUs = 0;
    return;
  }
  flow.meanOctets += GAIN * (header.lengthOctets - flow.meanOctets);
  if (gapUs > PAUSE_US) return;
  // The first gap is the first mean.
  if (flow.meanGapUs === 0) flow.meanGapUs = gapUs;
  flow.deviationUs += GAIN * (Math.abs(gapUs - flow.meanGapUs) - flow.deviationUs);
  flow.meanGapUs += GAIN * (gapUs - flow.meanGapUs);
}

function learnOrder(flow: Flow, octets: Uint8Array, header: IpHeader): void {
  const payload = header.transportOffset + UDP_HEADER_OCTETS;
  const rtp = looksLikeRtp(octets, header);
  const sequence = rtp ? readU16(octets, payload + 2) : -1;
  const follows = rtp && sequence === ((flow.rtpSequence + 1) & 0xffff);
  flow.rtpSequence = sequence;
  if (follows || isTransportStream(octets, payload, header.offset + header.lengthOctets))
    flow.inOrder = Math.min(2 * RTP_IN_ORDER, flow.inOrder + 1);
  else flow.inOrder = Math.max(0, flow.inOrder - 2);
}

function isTransportStream(octets: Uint8Array, from: number, end: number): boolean {
  if (end === from || (end - from) % TS_CELL_OCTETS !== 0) return false;
  for (let at = from; at < end; at += TS_CELL_OCTETS) if (octets[at] !== TS_SYNC) return false;
  return true;
}

/** Hash over addresses and ports, never 0. */
function keyOf(octets: Uint8Array, header: IpHeader): number {
  const addresses = header.family === 6 ? 32 : 8;
  let hash = (header.sourcePort << 16) | header.destinationPort;
  for (let at = 0; at < addresses; at++) hash = Math.imul(hash, 31) + (octets[header.sourceOffset + at] as number);
  return mix32(hash) >>> 0 || 1;
}
