import {
  decodeVoiceHeaderInto,
  encodeVoiceHeader,
  FrameKind,
  VOICE_BURSTS,
  VOICE_HEADER_OCTETS,
  type VoiceHeader,
} from "@skein/codecs";
import { type Address, Precedence, TrafficClass, VoiceCodec } from "../api.ts";
import type { Forwarding } from "../forwarding.ts";
import type { Port } from "../port.ts";
import { type CoreState, emit } from "../state.ts";
import type { Outbox } from "./outbox.ts";
import { VoiceBorder } from "./voice-border.ts";

/**
 * Group voice. Opus stays on wide bearers, Codec2 on narrow ones; a border node has each frame transcoded
 * once and sends it under its own name with the talker in the header (`VoiceBorder`).
 */
export class VoiceService {
  readonly #s: CoreState;
  readonly #outbox: Outbox;
  readonly #border: VoiceBorder;
  readonly #header: VoiceHeader = { talker: 0, codec: 0, burst: 0, timestamp20ms: 0 };

  constructor(state: CoreState, outbox: Outbox, forwarding: Forwarding, nowUs: number) {
    this.#s = state;
    this.#outbox = outbox;
    this.#border = new VoiceBorder(state, forwarding, nowUs);
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
    encodeVoiceHeader(header, this.#outbox.payload, 0);
    this.#outbox.payload.set(payload, VOICE_HEADER_OCTETS);
    const kind = codec === VoiceCodec.opus && this.#hasWide() ? FrameKind.groupWide : this.#narrowKind(codec);
    const length = VOICE_HEADER_OCTETS + payload.length;
    // Whoever carries everybody's voice across must not run out of talk for them.
    this.#outbox.group(nowUs, kind, group, TrafficClass.voice, Precedence.routine, length, header.talker);
  }

  #hasWide(): boolean {
    return this.#s.ports.some((p) => !p.narrow);
  }

  /** Opus from a node that has narrow bearers only (no Codec2 there) goes everywhere. */
  #narrowKind(codec: VoiceCodec): FrameKind {
    return codec === VoiceCodec.opus ? FrameKind.groupAll : FrameKind.groupNarrow;
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
    const listens = this.#s.options.groups.includes(group);
    // In a narrow header a talker of another area would be somebody else.
    const serves = this.#border.serves(group) && source >>> 8 === this.#s.area;
    if (!listens && !serves) return true;
    const codec = header.codec === VoiceCodec.opus ? VoiceCodec.opus : VoiceCodec.codec2_1300;
    const payload = this.#s.slab.copyOf(octets, offset + VOICE_HEADER_OCTETS, offset + length);
    const frame = { codec, timestamp20ms: header.timestamp20ms, payload };
    const { burst } = header;
    let bridge = false;
    if (serves && source !== talker) this.#border.carried(nowUs, talker, group, burst, frame);
    else if (serves) {
      for (const due of this.#border.heard(nowUs, talker, group, burst, port, frame)) {
        if (due === frame) bridge = true;
        else emit(this.#s, { type: "voice", talker, group, burst, ...due, bridge: true, again: true });
      }
    }
    if (listens || bridge) emit(this.#s, { type: "voice", talker, group, burst, ...frame, bridge, again: false });
    return true;
  }
}
