/**
 * Whole VP8 frames from RTP packets that come in any order within a small window. No clock: a gap is given up
 * when enough later packets have come, or when the owner calls `giveUp`. The first frame to be whole begins the
 * stream; what belongs before it is late.
 *
 *   sequence   ... 41   42    43    44    45    46 ...
 *                 [S..][...M] [S.M]  ---  [..M] [S.M]
 *   frame          A     A     B      gap   C     D     A, B come out; C lost its start; D after the gap is given up
 */
import { assert } from "../assert.ts";
import type { RtpHeader } from "./rtp.ts";
import { createRtpHeader, decodeRtpHeaderInto } from "./rtp.ts";
import type { Vp8Descriptor } from "./vp8.ts";
import { createVp8Descriptor, decodeVp8DescriptorInto, isVp8KeyFrame } from "./vp8.ts";

export interface Vp8Frame {
  octets: Uint8Array;
  rtpTimestamp: number;
  keyFrame: boolean;
  /** False if something before it is missing, so that a frame that is no key frame may not decode. */
  contiguous: boolean;
}

export interface Vp8ReassemblerCounters {
  packets: number;
  malformedPackets: number;
  duplicatePackets: number;
  /** Came after their gap had been given up. */
  latePackets: number;
  lostPackets: number;
  framesComplete: number;
  /** Frames of which at least one packet came, but not all. */
  framesIncomplete: number;
}

interface Slot {
  /** Extended sequence number, -1 when empty. */
  sequence: number;
  timestamp: number;
  opensFrame: boolean;
  marker: boolean;
  payload: Uint8Array;
}

/** Packets held at most, a power of two; at 1200 octets a frame may have 1.2 MB. */
export const VP8_WINDOW_PACKETS = 1024;
const NOTHING = new Uint8Array(0);

export class Vp8Reassembler {
  readonly counters: Vp8ReassemblerCounters = {
    packets: 0,
    malformedPackets: 0,
    duplicatePackets: 0,
    latePackets: 0,
    lostPackets: 0,
    framesComplete: 0,
    framesIncomplete: 0,
  };
  readonly #slots: Slot[] = [];
  readonly #reorderPackets: number;
  readonly #header: RtpHeader = createRtpHeader();
  readonly #descriptor: Vp8Descriptor = createVp8Descriptor();
  #ssrc = -1;
  /** Extended sequence of the next packet to leave, -1 before the first packet. */
  #next = -1;
  #highest = -1;
  /** Something has left since the stream began, so that `#next` can no longer go back. */
  #started = false;
  #contiguous = true;
  /** Timestamp of the last frame counted as incomplete, so that each counts once. */
  #brokenTimestamp = -1;

  /** `reorderPackets`: how many later packets a missing one is waited for. */
  constructor(reorderPackets = 16) {
    assert(reorderPackets >= 1 && reorderPackets < VP8_WINDOW_PACKETS, "reorder window outside 1..1023");
    this.#reorderPackets = reorderPackets;
    for (let index = 0; index < VP8_WINDOW_PACKETS; index++) {
      this.#slots.push({ sequence: -1, timestamp: 0, opensFrame: false, marker: false, payload: NOTHING });
    }
  }

  /** Takes one RTP packet; false if it was dropped (and counted). Drain `poll` afterwards. */
  push(octets: Uint8Array, offset: number, length: number): boolean {
    this.counters.packets++;
    const header = this.#header;
    if (!decodeRtpHeaderInto(octets, offset, length, header)) return this.#malformed();
    const size = decodeVp8DescriptorInto(octets, header.payloadOffset, header.payloadOctets, this.#descriptor);
    if (size === 0) return this.#malformed();
    if (header.ssrc !== this.#ssrc) this.#restart(header.ssrc);
    const sequence = this.#extend(header.sequence);
    if (!this.#admit(sequence)) return false;
    const slot = this.#slot(sequence);
    if (slot.sequence === sequence) {
      this.counters.duplicatePackets++;
      return false;
    }
    const from = header.payloadOffset + size;
    slot.sequence = sequence;
    slot.timestamp = header.timestamp;
    slot.opensFrame = this.#descriptor.start && this.#descriptor.partition === 0;
    slot.marker = header.marker;
    slot.payload = octets.slice(from, header.payloadOffset + header.payloadOctets);
    if (sequence > this.#highest) this.#highest = sequence;
    return true;
  }

  /** The next whole frame in the sender's order; undefined while none is ready. */
  poll(): Vp8Frame | undefined {
    while (this.#next >= 0 && this.#next <= this.#highest) {
      const first = this.#slot(this.#next);
      if (first.sequence === this.#next && !first.opensFrame) {
        this.#breakFrame(this.#next + 1);
        continue;
      }
      const end = this.#frameEnd();
      const last = this.#slot(end);
      const present = last.sequence === end;
      if (present && last.marker && last.timestamp === first.timestamp) return this.#take(end);
      if (present) this.#breakFrame(end);
      else if (end <= this.#highest - this.#reorderPackets) this.#skipGap(end);
      else return undefined;
    }
    return undefined;
  }

  /** Gives up the packet that everything waits for; false if nothing waits. Drain `poll` afterwards. */
  giveUp(): boolean {
    if (this.#next < 0 || this.#next > this.#highest) return false;
    const end = this.#frameEnd();
    if (end > this.#highest) return false;
    this.#skipGap(end);
    return true;
  }

  #malformed(): false {
    this.counters.malformedPackets++;
    return false;
  }

  /** RFC 3550 8: a new SSRC is a new stream, with a sequence of its own. */
  #restart(ssrc: number): void {
    if (this.#next >= 0) for (let at = this.#next; at <= this.#highest; at++) this.#clear(at);
    this.#ssrc = ssrc;
    this.#next = -1;
    this.#highest = -1;
    this.#started = false;
    this.#contiguous = true;
    this.#brokenTimestamp = -1;
  }

  /** The extended sequence nearest to the highest one so far (RFC 3550 A.1). */
  #extend(sequence: number): number {
    if (this.#highest < 0) return 0x10000 + sequence;
    const distance = (sequence - this.#highest) & 0xffff;
    return this.#highest + (distance < 0x8000 ? distance : distance - 0x10000);
  }

  /** Makes room for `sequence`; false if its place has passed. */
  #admit(sequence: number): boolean {
    if (this.#next < 0) this.#next = sequence;
    if (sequence < this.#next) {
      if (this.#started || this.#highest - sequence >= this.#reorderPackets) {
        this.counters.latePackets++;
        return false;
      }
      this.#next = sequence;
    }
    if (sequence - this.#next >= VP8_WINDOW_PACKETS) this.#jump(sequence);
    return true;
  }

  /** So far ahead that nothing held can be completed. */
  #jump(sequence: number): void {
    while (this.#next <= this.#highest) {
      const end = this.#frameEnd();
      if (this.#slot(end).sequence === end) this.#breakFrame(end + 1);
      else this.#skipGap(end);
    }
    this.counters.lostPackets += sequence - this.#next;
    this.#next = sequence;
    this.#contiguous = false;
  }

  /**
   * From `#next` on: the packet that ends the frame, or the first that is missing, or the first of another frame
   * where the marker never came.
   */
  #frameEnd(): number {
    const first = this.#slot(this.#next);
    if (first.sequence !== this.#next) return this.#next;
    let at = this.#next;
    for (;;) {
      const slot = this.#slot(at);
      if (slot.sequence !== at || slot.timestamp !== first.timestamp) return at;
      if (slot.marker) return at;
      at++;
    }
  }

  /** Drops the packets of a frame that cannot be completed, up to but without `to`. */
  #breakFrame(to: number): void {
    for (let at = this.#next; at < to; at++) {
      const slot = this.#slot(at);
      if (slot.sequence === at && slot.timestamp !== this.#brokenTimestamp) {
        this.#brokenTimestamp = slot.timestamp;
        this.counters.framesIncomplete++;
      }
      this.#clear(at);
    }
    this.#next = to;
    this.#started = true;
    this.#contiguous = false;
  }

  #skipGap(missing: number): void {
    this.counters.lostPackets++;
    this.#breakFrame(missing + 1);
  }

  #take(end: number): Vp8Frame {
    let length = 0;
    for (let at = this.#next; at <= end; at++) length += this.#slot(at).payload.length;
    const octets = new Uint8Array(length);
    let filled = 0;
    for (let at = this.#next; at <= end; at++) {
      const { payload } = this.#slot(at);
      octets.set(payload, filled);
      filled += payload.length;
    }
    const rtpTimestamp = this.#slot(end).timestamp;
    for (let at = this.#next; at <= end; at++) this.#clear(at);
    const frame = { octets, rtpTimestamp, keyFrame: isVp8KeyFrame(octets, 0), contiguous: this.#contiguous };
    this.#next = end + 1;
    this.#started = true;
    this.#contiguous = true;
    this.counters.framesComplete++;
    return frame;
  }

  #slot(sequence: number): Slot {
    return this.#slots[sequence & (VP8_WINDOW_PACKETS - 1)] as Slot;
  }

  #clear(sequence: number): void {
    const slot = this.#slot(sequence);
    if (slot.sequence !== sequence) return;
    slot.sequence = -1;
    slot.payload = NOTHING;
  }
}
