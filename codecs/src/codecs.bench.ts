/**
 * Octets on the air by format, and how fast each is written and read. Rates count CPU time of this process, so that
 * a busy machine does not change them much. One JSON object a line.
 */
import { readFileSync } from "node:fs";
import type { PolicyDocument } from "./bundle/policy.ts";
import { decodePolicyEnvelope, encodePolicyEnvelope } from "./bundle/policy-envelope.ts";
import type { CotEvent } from "./cot/cot-event.ts";
import { decodeCotEvent, encodeCotEvent } from "./cot/cot-event.ts";
import type { CotPosition } from "./cot/cot-position.ts";
import { CotType, cotToPosition, positionToCot } from "./cot/cot-position.ts";
import { formatNmeaSentence, NmeaParser } from "./legacy/nmea.ts";
import { NARROW_DATA_HEADER_OCTETS, WIDE_DATA_HEADER_OCTETS } from "./mesh/data-header.ts";
import { DELTA_OCTETS } from "./mesh/link-state.ts";
import {
  createPositionReport,
  decodePositionReportInto,
  encodePositionReport,
  POSITION_REPORT_OCTETS,
} from "./position/position-report.ts";
import { createRtpHeader, decodeRtpHeaderInto, encodeRtpHeader } from "./rtp/rtp.ts";
import { createVp8Descriptor, encodeVp8Packet, vp8PacketCount } from "./rtp/vp8.ts";
import { Vp8Reassembler } from "./rtp/vp8-reassembler.ts";
import {
  DIRECT_HEADER_OCTETS,
  FLOW_HEADER_OCTETS,
  NARROW_TAG_OCTETS,
  SHARED_HEADER_OCTETS,
  WIDE_TAG_OCTETS,
} from "./seal/layout.ts";
import { decodeSos, encodeSos, SOS_ACKNOWLEDGEMENT_OCTETS, SOS_OCTETS } from "./sos/sos.ts";
import { parseGoldenVectors } from "./testing/golden.ts";
import { decodeTextPayload, encodeText, RECEIPT_OCTETS, TEXT_HEADER_OCTETS } from "./text/text-message.ts";
import { encodeUtf8 } from "./text/utf8.ts";
import { CODEC2_BUNDLE_OCTETS, packCodec2Bundle, unpackCodec2Bundle } from "./voice/codec2-bundle.ts";
import { decodeVoiceHeaderInto, encodeVoiceHeader, VOICE_HEADER_OCTETS } from "./voice/voice-header.ts";

const MEASURE_US = 120_000;
/** Results go through here, so that no loop is empty to the optimiser. */
let sink = 0;

function print(name: string, value: number, unit: string, target: number | null, pass: boolean): void {
  console.log(JSON.stringify({ name, value, unit, target, pass }));
}

function octets(name: string, value: number, atMost: number | null = null): void {
  print(name, value, "octets", atMost, atMost === null || value <= atMost);
}

/** Prints how often `run` runs in a second of CPU time; the best of three, after a warm-up. */
function rate(name: string, unit: string, atLeast: number | null, run: (index: number) => number): void {
  let best = 0;
  for (let round = 0; round < 4; round++) {
    const start = process.cpuUsage();
    let runs = 0;
    let spentUs = 0;
    while (spentUs < MEASURE_US) {
      for (let index = 0; index < 256; index++) sink = (sink + run(runs + index)) | 0;
      runs += 256;
      const spent = process.cpuUsage(start);
      spentUs = spent.user + spent.system;
    }
    if (round > 0) best = Math.max(best, runs / (spentUs / 1e6));
  }
  print(name, Math.round(best), unit, atLeast, atLeast === null || best >= atLeast);
}

function sizes(): void {
  const narrow = SHARED_HEADER_OCTETS + NARROW_DATA_HEADER_OCTETS + NARROW_TAG_OCTETS;
  const flow = FLOW_HEADER_OCTETS + NARROW_TAG_OCTETS;
  octets("position report", POSITION_REPORT_OCTETS, 11);
  octets("SOS payload", SOS_OCTETS, 8);
  octets("SOS on air, narrow band", narrow + SOS_OCTETS, 23);
  octets("SOS acknowledgement", SOS_ACKNOWLEDGEMENT_OCTETS);
  octets("voice header", VOICE_HEADER_OCTETS, 4);
  octets("voice headers in all, narrow-band flow", flow + VOICE_HEADER_OCTETS, 13);
  octets("Codec2 bundle of 120 ms", CODEC2_BUNDLE_OCTETS, 20);
  octets("text before the body", TEXT_HEADER_OCTETS);
  octets("receipt", RECEIPT_OCTETS);
  octets("link-state delta", DELTA_OCTETS, 6);
  octets("frame over the payload, narrow-band flow", flow, 9);
  octets("frame over the payload, narrow band without flow", narrow, 15);
  octets("security on an IP bearer", DIRECT_HEADER_OCTETS + WIDE_TAG_OCTETS, 12);
  octets("routing on an IP bearer", WIDE_DATA_HEADER_OCTETS, 10);
}

const out = new Uint8Array(8192);
const report = {
  latitudeDeg: 31.0002,
  longitudeDeg: 103.4001,
  altitudeM: 1326,
  speedKmh: 4.3,
  courseDeg: 102.5,
  batteryPercent: 87,
};

function smallFormats(): void {
  const into = createPositionReport();
  rate("position encode", "reports/s", null, () => encodePositionReport(report, out, 0));
  rate("position decode", "reports/s", null, () => (decodePositionReportInto(out, 0, 11, into) ? 1 : 0));
  const header = { talker: 7, codec: 0, burst: 3, timestamp20ms: 0 };
  rate("voice header encode", "headers/s", null, (index) => {
    header.timestamp20ms = index & 0xffff;
    return encodeVoiceHeader(header, out, 0);
  });
  rate("voice header decode", "headers/s", null, () => (decodeVoiceHeaderInto(out, 0, 60, header) ? 1 : 0));
  const frames = new Uint8Array(21).fill(0x50);
  rate("Codec2 bundle pack and unpack", "bundles/s", null, () => {
    packCodec2Bundle(frames, 0, out, 0);
    return unpackCodec2Bundle(out, 0, 20, frames, 0) ? 1 : 0;
  });
  const sos = { ...report, kind: 2, sosId: 5 };
  rate("SOS encode and decode", "alarms/s", null, () => {
    encodeSos(sos, out, 0);
    return decodeSos(out, 0, SOS_OCTETS)?.sosId ?? 0;
  });
  const body = encodeUtf8("需支援：二号楼有三名伤员，路已断");
  rate("text encode and decode", "texts/s", null, (index) => {
    const length = encodeText({ messageId: index, body }, out, 0);
    return decodeTextPayload(out, 0, length)?.messageId ?? 0;
  });
}

function documents(): void {
  const document: PolicyDocument = {
    version: 3,
    bearers: {
      satellite: {
        costCentsPerMegabyte: 500,
        preference: -20,
        cap: { megabytes: 50, per: "month", reservePercent: 5, counts: "both" },
      },
      lte: { costCentsPerMegabyte: 2, cap: { megabytes: 500, per: "day", reservePercent: 5, counts: "both" } },
      mesh: { preference: 10 },
    },
    classes: { voice: { copies: { calm: 1, risk: 2 } }, bulk: { never: ["satellite"], maxKbps: 512 } },
  };
  const policyOctets = encodePolicyEnvelope({ publisher: 257, publishedS: 1.8e9, document, signed: true }, out);
  octets("signed policy, three bearers with two caps and two classes", policyOctets, 200);
  const envelope = out.slice(0, policyOctets);
  rate("policy decode", "policies/s", null, () => decodePolicyEnvelope(3, envelope)?.document.version ?? 0);

  const file = readFileSync(new URL("../vectors/cot-event.json", import.meta.url), "utf8");
  const vector = parseGoldenVectors(file, true)[0]?.value as { xml: string; event: CotEvent };
  const xml = encodeUtf8(vector.xml);
  octets("CoT event of an ATAK client, as it comes", xml.length);
  rate("CoT parse", "events/s", 25_000, () => decodeCotEvent(xml, 0, xml.length)?.detail.length ?? 0);
  rate("CoT parse with detail", "events/s", 25_000, () => {
    const event = decodeCotEvent(xml, 0, xml.length) as CotEvent;
    return cotToPosition(event)?.callsign.length ?? 0;
  });
  const position: CotPosition = {
    uid: "skein-00000007",
    type: CotType.person,
    callsign: "team a 1",
    groupName: "Cyan",
    groupRole: "Team Member",
    timeMs: 1_795_462_758_123,
    staleMs: 1_795_462_818_123,
    report,
  };
  rate("CoT write from a position", "events/s", null, () =>
    encodeCotEvent(positionToCot(position) as CotEvent, out, 0),
  );
  const sentence = encodeUtf8(
    formatNmeaSentence("GNRMC,193918.25,A,3100.01405,N,10324.00740,E,10.0,102.57,231126,,,A"),
  );
  const parser = new NmeaParser();
  rate("NMEA RMC", "sentences/s", null, () => {
    parser.push(sentence, 0, sentence.length);
    return parser.poll()?.speedKmh ?? 0;
  });
}

function video(): void {
  const header = { ...createRtpHeader(), payloadType: 96, ssrc: 1 };
  rate("RTP header encode and decode", "headers/s", null, () => {
    encodeRtpHeader(header, out, 0);
    return decodeRtpHeaderInto(out, 0, 1200, header) ? 1 : 0;
  });
  const frame = new Uint8Array(3000).fill(1);
  const state = { header, pictureId: 0, descriptor: createVp8Descriptor() };
  const count = vp8PacketCount(frame.length, 1200, 0);
  const reassembler = new Vp8Reassembler();
  rate("VP8 frame of 3000 octets packetised and reassembled", "frames/s", null, (index) => {
    header.timestamp = (index * 6000) >>> 0;
    for (let packet = 0; packet < count; packet++) {
      const length = encodeVp8Packet(state, frame, packet, count, out, 0);
      reassembler.push(out, 0, length);
    }
    return reassembler.poll()?.octets.length ?? 0;
  });
}

sizes();
smallFormats();
documents();
video();
if (!Number.isInteger(sink)) throw new Error("the measured loops gave nothing");
