import { CODEC2_BUNDLE_OCTETS, VOICE_HEADER_OCTETS, type VoiceHeader } from "@skein/codecs";
import { NARROW_EXTRA_OCTETS } from "../group-relay.ts";
import { MAX_VOICE_BUNDLES, VOICE_BUNDLE_UNITS, VOICE_BUNDLE_US } from "../limits.ts";
import type { MultipointRelays } from "../multipoint-relays.ts";
import { airtimeUs, type Port } from "../port.ts";
import type { CoreState } from "../state.ts";
import { isSettling } from "../turn-taking.ts";

const EVER = Number.POSITIVE_INFINITY;
/** Speech may take this share of a channel, with its relays. */
const MAX_SHARE = 0.6;
/** The next bundle of a burst comes after its own length, and no later than this, or there is none. */
const BUNDLE_LATE_US = 60_000;

/** Bundles of one burst that wait for the next. */
interface Waiting {
  readonly group: number;
  readonly header: VoiceHeader;
  readonly payload: Uint8Array;
  bundles: number;
  dueUs: number;
}

/**
 * How many Codec2 bundles go in one packet. Key-up, seal and headers are two thirds of a frame with one bundle: where others have to
 * say it again on the same channel, which would be more than that carries, several go together.
 */
export class VoiceBundles {
  readonly #s: CoreState;
  readonly #relays: MultipointRelays;
  readonly #send: (nowUs: number, group: number, header: VoiceHeader, payload: Uint8Array) => void;
  readonly #waiting: Waiting[] = [];
  /** What was sent last. */
  #last: Waiting | undefined;
  dueUs = EVER;

  constructor(
    state: CoreState,
    relays: MultipointRelays,
    send: (nowUs: number, group: number, header: VoiceHeader, payload: Uint8Array) => void,
  ) {
    this.#s = state;
    this.#relays = relays;
    this.#send = send;
  }

  /** How much speech goes in a packet now. */
  packetUs(nowUs: number): number {
    return Math.max(1, ...this.#s.ports.map((port) => this.#together(nowUs, port))) * VOICE_BUNDLE_US;
  }

  /** One more bundle, for narrow bearers. */
  add(nowUs: number, group: number, header: VoiceHeader, bundle: Uint8Array): void {
    let index = this.#waiting.findIndex((w) => isSameBurst(w, group, header));
    if (index >= 0 && !append(nowUs, this.#waiting[index] as Waiting, header, bundle)) {
      this.#go(nowUs, index);
      index = -1;
    }
    if (index < 0) index = this.#waiting.push(begin(nowUs, group, header, bundle)) - 1;
    // In a burst packets grow by a bundle each: a border node in reserve takes a longer pause for silence.
    const before = this.#last !== undefined && isSameBurst(this.#last, group, header) ? this.#last.bundles : EVER;
    const bundles = Math.min(this.packetUs(nowUs) / VOICE_BUNDLE_US, before + 1);
    if ((this.#waiting[index] as Waiting).bundles >= bundles) this.#go(nowUs, index);
    this.#reckonDue();
  }

  /** Sends what no other bundle has followed. */
  handleTimeout(nowUs: number): void {
    for (let i = this.#waiting.length - 1; i >= 0; i--)
      if ((this.#waiting[i] as Waiting).dueUs <= nowUs) this.#go(nowUs, i);
    this.#reckonDue();
  }

  #go(nowUs: number, index: number): void {
    const [waiting] = this.#waiting.splice(index, 1) as [Waiting];
    this.#last = waiting;
    const { group, header, payload, bundles } = waiting;
    this.#send(nowUs, group, header, payload.subarray(0, bundles * CODEC2_BUNDLE_OCTETS));
  }

  #reckonDue(): void {
    this.dueUs = Math.min(EVER, ...this.#waiting.map((w) => w.dueUs));
  }

  /** How many bundles go together on a bearer. */
  #together(nowUs: number, port: Port): number {
    // While newcomers settle nobody relays.
    if (!port.narrow || !port.up || isSettling(port, nowUs)) return 1;
    const transmissions = this.#relays.transmissions(port);
    if (transmissions <= 1) return 1;
    let bundles = 1;
    while (
      bundles < MAX_VOICE_BUNDLES &&
      transmissions * voiceAirtimeUs(port, bundles) > MAX_SHARE * bundles * VOICE_BUNDLE_US
    )
      bundles++;
    return bundles;
  }
}

function begin(nowUs: number, group: number, header: VoiceHeader, bundle: Uint8Array): Waiting {
  const payload = new Uint8Array(MAX_VOICE_BUNDLES * CODEC2_BUNDLE_OCTETS);
  payload.set(bundle);
  return { group, header: { ...header }, payload, bundles: 1, dueUs: nowUs + VOICE_BUNDLE_US + BUNDLE_LATE_US };
}

/** False if it does not follow what waits. */
function append(nowUs: number, waiting: Waiting, { timestamp20ms }: VoiceHeader, bundle: Uint8Array): boolean {
  const next = (waiting.header.timestamp20ms + waiting.bundles * VOICE_BUNDLE_UNITS) & 0xffff;
  if (timestamp20ms !== next || waiting.bundles >= MAX_VOICE_BUNDLES) return false;
  waiting.payload.set(bundle, waiting.bundles * CODEC2_BUNDLE_OCTETS);
  waiting.bundles++;
  waiting.dueUs = nowUs + VOICE_BUNDLE_US + BUNDLE_LATE_US;
  return true;
}

function isSameBurst(waiting: Waiting, group: number, { talker, burst }: VoiceHeader): boolean {
  return waiting.group === group && waiting.header.talker === talker && waiting.header.burst === burst;
}

function voiceAirtimeUs(port: Port, bundles: number): number {
  return airtimeUs(port.config, NARROW_EXTRA_OCTETS + VOICE_HEADER_OCTETS + bundles * CODEC2_BUNDLE_OCTETS);
}
