import {
  CODEC2_BUNDLE_OCTETS,
  codec2Bundles,
  decodeVoiceHeaderInto,
  encodeVoiceHeader,
  FrameKind,
  VOICE_BURSTS,
  VOICE_HEADER_OCTETS,
  type VoiceHeader,
} from "@skein/codecs";
import { type Address, Precedence, TrafficClass, VoiceCodec } from "../api.ts";
import type { Forwarding } from "../forwarding.ts";
import { VOICE_BUNDLE_UNITS, VOICE_BUNDLE_US } from "../limits.ts";
import { MultipointRelays } from "../multipoint-relays.ts";
import type { Port } from "../port.ts";
import { type CoreState, emit } from "../state.ts";
import type { Outbox } from "./outbox.ts";
import { VoiceBorder, type VoiceFrame } from "./voice-border.ts";
import { VoiceBundles } from "./voice-bundles.ts";

/**
 * Group voice. Opus stays on wide bearers, Codec2 on narrow ones; a border node has each frame transcoded
 * once and sends it under its own name with the talker in the header (`VoiceBorder`).
 */
export class VoiceService {
  readonly #s: CoreState;
  readonly #outbox: Outbox;
  readonly #border: VoiceBorder;
  readonly #bundles: VoiceBundles;
  readonly #header: VoiceHeader = { talker: 0, codec: 0, burst: 0, timestamp20ms: 0 };

  constructor(state: CoreState, outbox: Outbox, forwarding: Forwarding, nowUs: number) {
    this.#s = state;
    this.#outbox = outbox;
    const bundles = new VoiceBundles(state, new MultipointRelays(state), (atUs, group, header, payload) =>
      this.#packet(atUs, FrameKind.groupNarrow, group, header, payload),
    );
    this.#bundles = bundles;
    this.#border = new VoiceBorder(state, forwarding, nowUs, (atUs) => bundles.packetUs(atUs));
  }

  get dueUs(): number {
    return this.#bundles.dueUs;
  }

  handleTimeout(nowUs: number): void {
    this.#bundles.handleTimeout(nowUs);
  }

  send(
    nowUs: number,
    talker: Address,
    group: number,
    burst: number,
    codec: VoiceCodec,
    timestamp20ms: number,
    payload: Uint8Array,
  ): void {
    const header = { talker: talker & 0xff, codec, burst: burst % VOICE_BURSTS, timestamp20ms: timestamp20ms & 0xffff };
    if (VOICE_HEADER_OCTETS + payload.length > this.#outbox.payload.length) {
      this.#s.counters.drop("too-long");
      return;
    }
    if (codec !== VoiceCodec.opus) return this.#bundles.add(nowUs, group, header, payload);
    // Opus from a node that has narrow bearers only (no Codec2 there) goes everywhere.
    this.#packet(nowUs, this.#hasWide() ? FrameKind.groupWide : FrameKind.groupAll, group, header, payload);
  }

  #packet(nowUs: number, kind: FrameKind, group: number, header: VoiceHeader, payload: Uint8Array): void {
    encodeVoiceHeader(header, this.#outbox.payload, 0);
    this.#outbox.payload.set(payload, VOICE_HEADER_OCTETS);
    const length = VOICE_HEADER_OCTETS + payload.length;
    // Whoever carries everybody's voice across must not run out of talk for them.
    this.#outbox.group(nowUs, kind, group, TrafficClass.voice, Precedence.routine, length, header.talker);
  }

  #hasWide(): boolean {
    return this.#s.ports.some((p) => !p.narrow);
  }

  handle(
    nowUs: number,
    source: Address,
    group: number,
    port: Port,
    octets: Uint8Array,
    offset: number,
    length: number,
  ): boolean {
    const header = this.#header;
    if (!decodeVoiceHeaderInto(octets, offset, length, header)) return false;
    const talker = (source & 0xff00) | header.talker;
    if (talker === this.#s.options.address) return true;
    if (!this.#s.options.groups.includes(group) && !this.#serves(source, group)) return true;
    const isOpus = header.codec === VoiceCodec.opus;
    const frameOctets = isOpus ? length : CODEC2_BUNDLE_OCTETS;
    const end = offset + length;
    const packetUs = codec2Bundles(length - VOICE_HEADER_OCTETS) * VOICE_BUNDLE_US;
    for (let from = offset + VOICE_HEADER_OCTETS; from < end; from += frameOctets) {
      const payload = this.#s.slab.copyOf(octets, from, Math.min(end, from + frameOctets));
      const codec = isOpus ? VoiceCodec.opus : VoiceCodec.codec2_1300;
      this.#frame(nowUs, source, group, port, { codec, timestamp20ms: header.timestamp20ms, payload }, packetUs);
      header.timestamp20ms = (header.timestamp20ms + VOICE_BUNDLE_UNITS) & 0xffff;
    }
    return true;
  }

  /** One coded frame of a packet whose header has been read, and which holds speech of `packetUs`. */
  #frame(nowUs: number, source: Address, group: number, port: Port, frame: VoiceFrame, packetUs: number): void {
    const listens = this.#s.options.groups.includes(group);
    const serves = this.#serves(source, group);
    const { burst } = this.#header;
    const talker = (source & 0xff00) | this.#header.talker;
    let bridge = false;
    if (serves && source !== talker) this.#border.carried(nowUs, talker, group, burst, frame, packetUs);
    else if (serves) {
      for (const due of this.#border.heard(nowUs, talker, group, burst, port, frame, packetUs)) {
        if (due === frame) bridge = true;
        else emit(this.#s, { type: "voice", talker, group, burst, ...due, bridge: true, again: true });
      }
    }
    if (listens || bridge) emit(this.#s, { type: "voice", talker, group, burst, ...frame, bridge, again: false });
  }

  /** In a narrow header a talker of another area would be somebody else. */
  #serves(source: Address, group: number): boolean {
    return this.#border.serves(group) && source >>> 8 === this.#s.area;
  }
}
