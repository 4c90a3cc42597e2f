import {
  type Advertisement,
  createHello,
  decodeHello,
  encodeHello,
  encodeLinkVector,
  HELLO_FLAG_DIRECT,
  HELLO_FLAG_REPLY,
  HELLO_FLAG_SAME,
  type Hello,
  helloEntry,
  LOSS_STEPS,
  MAX_HELLO_ENTRIES,
  rebuildCounter,
  replayIsNew,
  VECTOR_GONE,
} from "@skein/codecs";
import {
  BUSY_US,
  FLAP_FORGIVEN_US,
  FREE_FLAPS,
  HELLO_BUSY_WIDE_US,
  HELLO_FIRST_WIDE_US,
  HELLO_GAP_NARROW_US,
  HELLO_GAP_WIDE_US,
  HELLO_IDLE_METERED_US,
  HELLO_IDLE_WIDE_US,
  HELLO_NARROW_US,
  HELLO_NEWCOMER_NARROW_US,
  HELLO_SETTLING_NARROW_US,
  LINK_HOLD_DOWN_US,
  MAX_FLAP_HOLD_US,
  MAX_NEIGHBOURS_PER_BEARER,
  MAX_PROBES,
  MIN_PROBES,
  NEIGHBOUR_LOST_INTERVALS,
  PROBE_US,
} from "./limits.ts";
import type { LinkStateFlooding } from "./link-state-flooding.ts";
import { answerChance, createNeighbour, type Neighbour, type Port } from "./port.ts";
import { resetWindows } from "./secure-channel.ts";
import { type CoreState, emit } from "./state.ts";
import { channelUnsettled, SETTLING_US } from "./turn-taking.ts";

const EVER = Number.POSITIVE_INFINITY;
const FULL_HELLO_EVERY = 8;
/** A quality that differs is advertised when the difference has lasted; sooner when it has become bad. */
const VECTOR_SETTLE_US = 15_000_000;
const VECTOR_SETTLE_BAD_US = 2_000_000;
const BAD_LOSS = 0.2;
/** Loss must leave the advertised step by these factors before it counts as different at all. */
const LOSS_HYSTERESIS_UP = 1.5;
const LOSS_HYSTERESIS_DOWN = 0.5;
/** A quality reading weighs by the frames it rests on: one of these many replaces what was known. */
const QUALITY_MEMORY_FRAMES = 400;
const QUALITY_FRAMES = 6;
/** A neighbour's silence to probes is no chance when mere loss would explain it with less than this probability. */
const CHANCE = 0.001;
/** The money field of a link vector. */
const COST_MASK = 7 << 2;

/**
 * Who is around: hellos out and in, neighbours from first frame to loss, and the links that are worth
 * advertising. A link is used once both ends hear each other.
 */
export class Adjacency {
  readonly #s: CoreState;
  readonly #flooding: LinkStateFlooding;
  readonly #hello: Hello = createHello();
  /** Told when a link may no longer be used (`lost`), or is not to be trusted, so that what waits for it goes another way. */
  onLinkLost: (nowUs: number, port: Port, n: Neighbour, lost: boolean) => void = () => undefined;
  /** Told when a neighbour can be used. */
  onLinkUp: (nowUs: number, port: Port, n: Neighbour) => void = () => undefined;

  constructor(state: CoreState, flooding: LinkStateFlooding) {
    this.#s = state;
    this.#flooding = flooding;
  }

  // Hellos out

  #interval(nowUs: number, port: Port): number {
    if (port.narrow) return nowUs < port.turnSettledUs + SETTLING_US ? HELLO_SETTLING_NARROW_US : HELLO_NARROW_US;
    const idle = port.costCentsPerMegabyte > 0 ? HELLO_IDLE_METERED_US : HELLO_IDLE_WIDE_US;
    const longest = nowUs - port.lastDataUs < BUSY_US && port.costCentsPerMegabyte === 0 ? HELLO_BUSY_WIDE_US : idle;
    return Math.max(HELLO_FIRST_WIDE_US, Math.min(port.helloIntervalUs, longest));
  }

  /** Something about the neighbourhood has changed: hellos come close together again. */
  #unsettle(port: Port): void {
    port.helloIntervalUs = HELLO_FIRST_WIDE_US;
  }

  /** Brings the next hello forward to within `withinUs`, as far as the least gap allows. */
  hurryHello(nowUs: number, port: Port, withinUs: number): void {
    if (!port.up) return;
    const gap = port.narrow ? HELLO_GAP_NARROW_US : HELLO_GAP_WIDE_US;
    const due = Math.max(nowUs + withinUs / 4 + this.#s.random.below((withinUs * 3) / 4), port.lastHelloUs + gap);
    port.helloDueUs = Math.min(port.helloDueUs, due);
  }

  /** True if the next hello has to be self-contained. */
  wantsFullHello(nowUs: number, port: Port): boolean {
    return nowUs < port.turnSettledUs || port.needFullHello || port.hellosSinceFull >= FULL_HELLO_EVERY;
  }

  /** Body of a hello (after the kind octet); sets when the next one is due. */
  encodeHelloBody(nowUs: number, port: Port, full: boolean, out: Uint8Array, offset: number): number {
    const interval = this.#interval(nowUs, port);
    const hello = this.#hello;
    const anybody = port.neighbours.some((n) => n.alive);
    // While hellos are far apart nobody new is about: whom one hears is said in full ones only.
    const same = !full && !port.narrow && interval >= HELLO_BUSY_WIDE_US && nowUs - port.lastDataUs > BUSY_US;
    hello.flags =
      (port.helloReply || !anybody ? HELLO_FLAG_REPLY : 0) |
      (port.shared ? 0 : HELLO_FLAG_DIRECT) |
      (same ? HELLO_FLAG_SAME : 0);
    hello.address = this.#s.options.address;
    hello.interval100ms = Math.min(255, Math.round(interval / 100_000));
    hello.digest = this.#s.db.digest;
    hello.entryCount = 0;
    for (const n of port.neighbours) {
      // One that is held down is not listed: both ends leave the link alone for as long.
      if (same || !n.alive || nowUs < n.heldDownUntilUs || hello.entryCount === MAX_HELLO_ENTRIES) continue;
      const entry = helloEntry(hello, hello.entryCount++);
      entry.local = n.local;
      entry.quality = Math.round(n.rxQuality * 255);
      entry.receiverIndex = n.index;
      entry.slot = n.index + 1;
      entry.counter = n.directCounter % 0x1_0000_0000;
    }
    port.helloReply = false;
    port.hellosSinceFull = full ? 0 : port.hellosSinceFull + 1;
    if (full) port.needFullHello = false;
    port.lastHelloUs = nowUs;
    // A newcomer says it twice, one that knows nobody goes on asking; all jitter so that they do not fall into step.
    const soon = port.narrow ? HELLO_NEWCOMER_NARROW_US : HELLO_FIRST_WIDE_US;
    const isNew = (port.narrow && !anybody) || port.hellosSent < 2;
    port.helloIntervalUs = Math.min(2 * interval, HELLO_IDLE_METERED_US);
    const next = isNew ? Math.min(interval, soon) : interval;
    port.hellosSent++;
    port.helloDueUs = nowUs + next - this.#s.random.below(next / 8);
    this.#s.counters.count("hellos-sent");
    return encodeHello(hello, port.narrow, full, out, offset);
  }

  // Frames in

  /** Finds or makes the neighbour that a full frame names; undefined with a counted drop if it is not to be trusted. */
  admitFull(nowUs: number, port: Port, endpoint: number, address: number): Neighbour | undefined {
    const { nodeId, bootEpoch, bearerId, counter } = this.#s.secure.full;
    const local = address & 0xff;
    if (address >>> 8 !== this.#s.area) return this.#refuse("foreign-area");
    if (local === 0 || local === 255 || address === this.#s.options.address) return this.#refuse("address-conflict");
    let n = port.byLocal[local];
    if (n === undefined) {
      if (port.neighbours.length >= MAX_NEIGHBOURS_PER_BEARER) return this.#refuse("neighbour-table-full");
      n = createNeighbour(port.neighbours.length, nodeId, address, this.#s.secure.key(nodeId), nowUs);
      n.alive = false;
      n.bootEpoch = bootEpoch;
      port.neighbours.push(n);
      channelUnsettled(port, nowUs);
      port.byLocal[local] = n;
    }
    if (n.nodeId !== nodeId) return this.#refuse("address-conflict");
    if (bootEpoch < n.bootEpoch) return this.#refuse("stale-epoch");
    if (bootEpoch > n.bootEpoch) this.#restarted(nowUs, port, n, bootEpoch);
    if (!replayIsNew(n.window, counter)) return this.#refuse("replayed");
    this.#s.secure.accept(n, n.window, counter);
    n.remoteBearerId = bearerId;
    n.endpoint = endpoint;
    this.heard(nowUs, port, n);
    return n;
  }

  #refuse(reason: Parameters<CoreState["counters"]["drop"]>[0]): undefined {
    this.#s.counters.drop(reason);
    return undefined;
  }

  #restarted(nowUs: number, port: Port, n: Neighbour, bootEpoch: number): void {
    resetWindows(n);
    n.bootEpoch = bootEpoch;
    n.receiverIndex = -1;
    n.directRemoteSlot = 0;
    n.rxCount = 0;
    n.rxExpected = 0;
    this.#s.duplicates.restarted(n.address, bootEpoch);
    this.#lose(nowUs, port, n, "restarted");
  }

  /** Any authenticated frame of a neighbour. */
  heard(nowUs: number, port: Port, n: Neighbour): void {
    n.lastHeardUs = nowUs;
    this.#s.db.heard(n.local, nowUs);
    if (n.alive) return;
    n.alive = true;
    this.#unsettle(port);
    port.expiryDueUs = Math.min(port.expiryDueUs, lostAtUs(n));
    n.rxQuality = 1;
    n.rxCount = 0;
    n.rxExpected = 0;
    this.refreshVector(nowUs, port, n);
    if (!port.narrow) this.hurryHello(nowUs, port, 20_000);
  }

  /** A frame came that cannot be opened: ask for a full hello. */
  askForHello(nowUs: number, port: Port): void {
    port.helloReply = true;
    port.needFullHello = true;
    this.hurryHello(nowUs, port, port.narrow ? 2_000_000 : 200_000);
  }

  handleHello(
    nowUs: number,
    port: Port,
    n: Neighbour,
    full: boolean,
    octets: Uint8Array,
    offset: number,
    end: number,
  ): boolean {
    const hello = this.#hello;
    if (!decodeHello(octets, offset, end, port.narrow, full, hello)) return false;
    n.helloIntervalUs = Math.max(1, hello.interval100ms) * 100_000;
    port.expiryDueUs = Math.min(port.expiryDueUs, lostAtUs(n));
    if (hello.flags & HELLO_FLAG_REPLY) {
      port.needFullHello = true;
      this.hurryHello(nowUs, port, port.narrow ? 800_000 : 30_000);
    }
    this.#reckonQuality(n);
    if ((hello.flags & HELLO_FLAG_SAME) !== 0) {
      this.#flooding.compareDigest(nowUs, port, n, hello.digest);
      this.refreshVector(nowUs, port, n);
      return true;
    }
    let listed = false;
    n.reach.fill(0);
    for (let i = 0; i < hello.entryCount; i++) {
      const entry = helloEntry(hello, i);
      n.reach[entry.local >>> 5] = (n.reach[entry.local >>> 5] as number) | (1 << (entry.local & 31));
      if (entry.local !== this.#s.local) continue;
      listed = true;
      n.txQuality = entry.quality / 255;
      if (hello.flags & HELLO_FLAG_DIRECT) {
        n.receiverIndex = entry.receiverIndex;
        if (n.directRemoteSlot !== entry.slot || n.directWindow.highest < 0) {
          n.directRemoteSlot = entry.slot;
          if (entry.counter > 0) n.directWindow.highest = Math.max(n.directWindow.highest, entry.counter - 1);
        } else {
          const counter = rebuildCounter(entry.counter, 32, n.directWindow.highest);
          if (counter > n.directWindow.highest + 0x4000) n.directWindow.highest = counter - 1;
        }
      }
    }
    // After suspicion only what answers a probe counts: an older hello may have been on its way.
    if (listed && nowUs - n.suspectSinceUs > PROBE_US / 2) n.suspectSinceUs = EVER;
    if (listed) this.#hearsUs(nowUs, port, n);
    else this.#lose(nowUs, port, n, "does not hear us");
    // On narrow bearers link state says the same a little later, for less.
    if (!listed && !port.narrow) this.hurryHello(nowUs, port, 60_000);
    this.#flooding.compareDigest(nowUs, port, n, hello.digest);
    this.refreshVector(nowUs, port, n);
    return true;
  }

  #reckonQuality(n: Neighbour): void {
    if (n.rxExpected < QUALITY_FRAMES) return;
    const gain = Math.min(0.5, n.rxExpected / QUALITY_MEMORY_FRAMES);
    n.rxQuality += gain * (n.rxCount / n.rxExpected - n.rxQuality);
    n.rxCount = 0;
    n.rxExpected = 0;
  }

  // Links up and down

  /** The other end says that it hears us: by a hello or by its advertisement. */
  #hearsUs(nowUs: number, port: Port, n: Neighbour): void {
    if (n.twoWay || !n.alive || n.heldDownUntilUs > nowUs || (!port.shared && n.receiverIndex < 0)) return;
    n.twoWay = true;
    this.#unsettle(port);
    emit(this.#s, { type: "neighbour", bearerId: port.config.id, address: n.address, up: true, reason: "two-way" });
    this.refreshVector(nowUs, port, n);
    this.onLinkUp(nowUs, port, n);
    if (!port.narrow) this.hurryHello(nowUs, port, 40_000);
  }

  /** A node's advertisement has changed: it may have begun, or ceased, to list us. */
  advertisementChanged(nowUs: number, before: Advertisement | undefined, after: Advertisement): void {
    const local = after.originator & 0xff;
    for (const port of this.#s.ports) {
      const n = port.byLocal[local];
      if (n === undefined || !n.alive) continue;
      const had = before !== undefined && lists(before, this.#s.local, port.config.kind);
      if (lists(after, this.#s.local, port.config.kind)) this.#hearsUs(nowUs, port, n);
      else if (had) this.#lose(nowUs, port, n, "withdrawn by the other end");
    }
  }

  #lose(nowUs: number, port: Port, n: Neighbour, reason: string): void {
    const was = n.twoWay;
    n.twoWay = false;
    n.suspectSinceUs = EVER;
    if (!was) return;
    this.#unsettle(port);
    this.#damp(nowUs, n);
    emit(this.#s, { type: "neighbour", bearerId: port.config.id, address: n.address, up: false, reason });
    this.refreshVector(nowUs, port, n);
    this.onLinkLost(nowUs, port, n, true);
  }

  /** A link that goes again and again is left alone, longer each time: each change of its is news to everybody. */
  #damp(nowUs: number, n: Neighbour): void {
    n.flaps = Math.max(0, n.flaps - (nowUs - n.lastFlapUs) / FLAP_FORGIVEN_US) + 1;
    n.lastFlapUs = nowUs;
    if (n.flaps <= FREE_FLAPS) return;
    const holdUs = Math.min(MAX_FLAP_HOLD_US, LINK_HOLD_DOWN_US * 2 ** (n.flaps - FREE_FLAPS - 1));
    n.heldDownUntilUs = Math.max(n.heldDownUntilUs, nowUs + holdUs);
    this.#s.counters.count("flaps-damped");
  }

  /** Traffic to it goes unanswered: what has another way takes that, while hellos ask whether it is still there. */
  suspect(nowUs: number, port: Port, n: Neighbour): void {
    if (n.suspectSinceUs !== EVER || !n.twoWay) return;
    n.suspectSinceUs = nowUs;
    n.probes = 0;
    port.probeDueUs = Math.min(port.probeDueUs, nowUs);
    this.#s.counters.count("suspicions");
    this.onLinkLost(nowUs, port, n, false);
  }

  /** Probes neighbours under suspicion, and fails links whose other end stays silent. Sets when to look again. */
  probe(nowUs: number, port: Port): void {
    port.probeDueUs = EVER;
    for (const n of port.neighbours) {
      if (n.suspectSinceUs === EVER || !n.twoWay) continue;
      if (n.probes >= probesBeforeFailure(n) && n.lastHeardUs <= n.suspectSinceUs) {
        this.#giveUp(nowUs, port, n);
        continue;
      }
      n.probes++;
      port.helloReply = true;
      port.needFullHello = true;
      port.helloDueUs = Math.min(port.helloDueUs, nowUs);
      port.probeDueUs = nowUs + PROBE_US;
    }
  }

  #giveUp(nowUs: number, port: Port, n: Neighbour): void {
    n.alive = false;
    this.#lose(nowUs, port, n, "silent");
  }

  /** A modem has noticed that a station appeared or went. */
  handleStation(nowUs: number, port: Port, endpoint: number, up: boolean): void {
    if (!port.up) return;
    if (up) {
      port.helloReply = true;
      port.needFullHello = true;
      this.#unsettle(port);
      this.hurryHello(nowUs, port, 8_000);
      return;
    }
    for (const n of port.neighbours) {
      if (n.endpoint !== endpoint || !n.alive) continue;
      n.alive = false;
      this.#lose(nowUs, port, n, "the modem lost it");
      this.refreshVector(nowUs, port, n);
    }
  }

  /** Repeated silence to traffic: the link is not used for a while, whatever hellos say. */
  failLink(nowUs: number, port: Port, n: Neighbour): void {
    n.heldDownUntilUs = nowUs + LINK_HOLD_DOWN_US;
    this.#s.counters.count("link-failures");
    this.#lose(nowUs, port, n, "no acknowledgement");
  }

  /** Drops neighbours that have been silent too long; sets when to look again. */
  expire(nowUs: number, port: Port): void {
    port.expiryDueUs = Number.POSITIVE_INFINITY;
    for (const n of port.neighbours) {
      if (!n.alive) continue;
      if (nowUs < lostAtUs(n)) {
        port.expiryDueUs = Math.min(port.expiryDueUs, lostAtUs(n));
        continue;
      }
      // On a wide bearer it costs little to ask before a neighbour is given up.
      if (n.twoWay && !port.narrow) {
        this.suspect(nowUs, port, n);
        continue;
      }
      n.alive = false;
      this.#lose(nowUs, port, n, "silent");
    }
  }

  handleBearer(nowUs: number, port: Port, up: boolean): void {
    if (port.up === up) return;
    port.up = up;
    if (up) {
      port.needFullHello = true;
      port.helloReply = true;
      port.hellosSent = 0;
      port.turnDiceUntilUs = nowUs + SETTLING_US;
      channelUnsettled(port, nowUs);
      port.helloDueUs = nowUs + this.#s.random.below(port.narrow ? 600_000 : 20_000);
      return;
    }
    port.helloDueUs = Number.POSITIVE_INFINITY;
    for (const n of port.neighbours) {
      n.alive = false;
      this.#lose(nowUs, port, n, "bearer down");
    }
  }

  /** Advertises the link if what it is like has changed enough. */
  refreshVector(nowUs: number, port: Port, n: Neighbour): void {
    const vector = this.#vectorOf(nowUs, port, n);
    if (vector === n.advertisedVector) {
      n.vectorChangeUs = Number.POSITIVE_INFINITY;
      return;
    }
    if (n.vectorChangeUs === Number.POSITIVE_INFINITY) n.vectorChangeUs = nowUs;
    const gone = vector === VECTOR_GONE || n.advertisedVector === VECTOR_GONE;
    const money = (vector & COST_MASK) !== (n.advertisedVector & COST_MASK);
    const settleUs = 1 - n.txQuality > BAD_LOSS ? VECTOR_SETTLE_BAD_US : VECTOR_SETTLE_US;
    if (!gone && !money && nowUs - n.vectorChangeUs < settleUs) return;
    n.advertisedVector = vector;
    n.vectorChangeUs = Number.POSITIVE_INFINITY;
    this.#flooding.originate(nowUs, n.local, port.config.kind, this.#bestVector(n.local, port.config.kind));
  }

  #vectorOf(nowUs: number, port: Port, n: Neighbour): number {
    // Heard is enough: a link counts when both ends advertise it.
    if (!port.up || !n.alive || nowUs < n.heldDownUntilUs) return VECTOR_GONE;
    const { bitrateBps, latencyUs } = port.config;
    const loss = steadyLoss(n);
    const costCentsPerMegabyte = port.costCentsPerMegabyte;
    return encodeLinkVector({ bitrateBps, latencyUs, loss, costCentsPerMegabyte, energy: 0 });
  }

  /** Two bearers of one kind may reach the same neighbour: the less lossy one is advertised. */
  #bestVector(local: number, kind: number): number {
    let best = VECTOR_GONE;
    for (const port of this.#s.ports) {
      if (port.config.kind !== kind) continue;
      const vector = port.byLocal[local]?.advertisedVector ?? VECTOR_GONE;
      if (vector !== VECTOR_GONE && (best === VECTOR_GONE || lossField(vector) < lossField(best))) best = vector;
    }
    return best;
  }
}

function lists(advertisement: Advertisement, local: number, channel: number): boolean {
  return advertisement.links.some((l) => l.neighbour === local && l.channel === channel);
}

/** The measured loss, or the advertised one as long as the measurement is not clearly outside its step. */
function steadyLoss(n: Neighbour): number {
  const measured = 1 - n.txQuality;
  if (n.advertisedVector === VECTOR_GONE) return measured;
  const step = lossField(n.advertisedVector);
  const upper = LOSS_STEPS[step] as number;
  const lower = step === 0 ? 0 : (LOSS_STEPS[step - 1] as number);
  const inside = measured <= upper * LOSS_HYSTERESIS_UP && measured >= lower * LOSS_HYSTERESIS_DOWN;
  return inside ? upper : measured;
}

function probesBeforeFailure(n: Neighbour): number {
  const probes = Math.ceil(Math.log(CHANCE) / Math.log(1 - answerChance(n)));
  return Math.max(MIN_PROBES, Math.min(MAX_PROBES, probes));
}

function lossField(vector: number): number {
  return (vector >>> 5) & 7;
}

function lostAtUs(n: Neighbour): number {
  return n.lastHeardUs + Math.max(300_000, NEIGHBOUR_LOST_INTERVALS * n.helloIntervalUs);
}
