/**
 * Octets around what a call and a packet of IP carry, security and routing included, with real cores: what a gateway
 * hands to its core, against what is on the air. Over one relay, and between neighbours, where a frame is sealed once.
 */
import { END_TO_END_OCTETS } from "@skein/codecs";
import { Precedence, TrafficClass } from "@skein/node-agent/core";
import { IpEnds } from "../merge-bench/ip-ends.ts";
import { Field, type MediumKind } from "../routing-bench/field.ts";
import { mean } from "../routing-bench/figures.ts";
import { findMarker } from "../routing-bench/frame-view.ts";
import { printAtMost, printFigure } from "../routing-bench/print.ts";

const SEED = 1;
const PACKETS = 200;
/** After these the flow counts as established. */
const FIRST_PACKETS = 5;
const PACKET_US = 400_000;
const SETTLE_US = 60_000_000;
const SOUND = Uint8Array.of(0x5b, 0xe1, 0xa7, 0x3c, 0x77, 0x19, 0xd4, 0x02, 0x88, 0x6e);
const [SOURCE, RELAY, SINK] = [0, 1, 2];

function chain(kind: MediumKind, relayed: boolean): Field {
  const field = new Field({ nodes: 3, seed: SEED, signalled: true, media: [{ name: "air", kind }] });
  field.join(0, SOURCE, RELAY);
  field.join(0, RELAY, SINK);
  if (!relayed) field.join(0, SOURCE, SINK);
  for (const node of field.cores.keys()) field.start(node);
  field.run(SETTLE_US);
  return field;
}

/** An IPv6 packet of RTP between the two ends, 20 ms of sound each. */
function rtpPacket(ends: IpEnds, n: number): Uint8Array {
  const payload = Uint8Array.of(0x80, 111, n >>> 8, n, 0, 0, 0, 0, 0x0b, 0xad, 0xca, 0xfe, ...SOUND);
  new DataView(payload.buffer).setUint32(4, 960 * n);
  // EF, addresses of the nodes, two ports.
  return ends.packetOf(Uint8Array.of(0x90, 0x13, 0x8c, 0x13, 0x8e, ...payload));
}

interface Call {
  /** Octets beyond the sound of each frame that carried it, on all hops. */
  beyond: number[];
  /** Packets that came out as they had gone in. */
  whole: number;
}

function call(kind: MediumKind, relayed = true): Call {
  const field = chain(kind, relayed);
  const [from, to] = [field.addresses[SOURCE] as number, field.addresses[SINK] as number];
  const ends = new IpEnds(from, to, SEED);
  const sent: Uint8Array[] = [];
  const result: Call = { beyond: [], whole: 0 };
  field.onFrame = (_node, _medium, _endpoint, octets, length) => {
    if (sent.length > FIRST_PACKETS && findMarker(octets, length, SOUND) >= 0)
      result.beyond.push(length - SOUND.length);
  };
  field.onEvent = (node, event) => {
    if (node !== SINK || event.type !== "ip") return;
    const hex = Buffer.from(ends.restore(event.octets)).toString("hex");
    if (sent.some((one) => Buffer.from(one).toString("hex") === hex)) result.whole++;
  };
  for (let n = 0; n < PACKETS; n++) {
    const packet = rtpPacket(ends, n);
    sent.push(packet);
    const octets = ends.compress(packet);
    field.use(SOURCE, (core, nowUs) =>
      core.sendIp(nowUs, to, TrafficClass.voice, Precedence.routine, false, octets, 0, octets.length),
    );
    field.run(PACKET_US);
  }
  return result;
}

const narrow = call("air9600");
const valid = narrow.whole >= 0.95 * PACKETS;
printFigure("bearers.header.ipWhole", narrow.whole / PACKETS, "ratio");
printFigure("bearers.header.ipOctetsMost", Math.max(...narrow.beyond), "octets");
// The design has 13 for such a call, and 17 (9 and 8) for any packet that is protected from end to end: this one is.
printAtMost("bearers.header.ipOctets", mean(narrow.beyond), "octets", 13, valid);
printFigure("bearers.header.ipOctetsOfHops", mean(narrow.beyond) - END_TO_END_OCTETS, "octets");
// On IP bearers: 12 for the hop, 10 for routing, 8 from end to end, and 4 as on narrow ones for IP, UDP and RTP.
const wide = call("radio");
printAtMost("bearers.header.wideVoiceOctets", mean(wide.beyond), "octets", 34, wide.whole >= 0.95 * PACKETS);
// What the design has for tunnels over merged bearers.
const direct = call("wires", false);
printAtMost("bearers.header.directVoiceOctets", mean(direct.beyond), "octets", 28, direct.whole >= 0.95 * PACKETS);
