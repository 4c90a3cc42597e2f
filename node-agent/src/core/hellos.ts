import {
  createHello,
  createNarrowHello,
  encodeHello,
  encodeNarrowHello,
  HELLO_FLAG_DIRECT,
  HELLO_FLAG_REPLY,
  HELLO_FLAG_SAME,
  type Hello,
  policyMark,
} from "@skein/codecs";
import { type AreaRoutes, hasForeign } from "./area-routes.ts";
import { longestPauseUs, nextCadence } from "./cadence.ts";
import { listForeign, listNeighbours } from "./hello-list.ts";
import { hasId } from "./id-set.ts";
import {
  ASK_AGAIN_PER_MEMBER_US,
  ASK_AGAIN_US,
  BUSY_US,
  DIGEST_NARROW_US,
  DIGEST_TRIES,
  HELLO_BUSY_WIDE_US,
  HELLO_FIRST_WIDE_US,
  HELLO_GAP_NARROW_US,
  HELLO_GAP_WIDE_US,
  HELLO_IDLE_METERED_US,
  HELLO_IDLE_WIDE_US,
  HELLO_NEWCOMER_NARROW_US,
  LONELY_HELLOS,
  SPREAD_PER_MEMBER_US,
} from "./limits.ts";
import type { Neighbour } from "./neighbour.ts";
import { isAlone, isUnheard, type Port } from "./port.ts";
import type { CoreState } from "./state.ts";
import { isSettling } from "./turn-taking.ts";

const FULL_HELLO_EVERY = 8;

/** Hellos out: when they are due on each bearer, whether in full, and what they say. */
export class Hellos {
  readonly #s: CoreState;
  readonly #areas: AreaRoutes;
  readonly #wide: Hello = createHello();
  readonly #narrow = createNarrowHello();

  constructor(state: CoreState, areas: AreaRoutes) {
    this.#s = state;
    this.#areas = areas;
  }

  #interval(nowUs: number, port: Port): number {
    return Math.max(HELLO_FIRST_WIDE_US, Math.min(port.helloIntervalUs, longestWideUs(nowUs, port)));
  }

  /** Something about the neighbourhood has changed: hellos come close together again. */
  unsettle(port: Port): void {
    port.helloIntervalUs = HELLO_FIRST_WIDE_US;
  }

  /** A link is gone. If nobody is left, it may be there all the same, for a run of losses looks like that. */
  lost(nowUs: number, port: Port): void {
    this.unsettle(port);
    if (!port.narrow && isAlone(port)) this.hurry(nowUs, port, HELLO_FIRST_WIDE_US);
  }

  /** Brings the next hello forward to between `leastUs` and `withinUs` from now, as far as the least gap allows. */
  hurry(nowUs: number, port: Port, withinUs: number, leastUs = withinUs / 4): void {
    if (!port.up) return;
    const gap = port.narrow ? HELLO_GAP_NARROW_US : HELLO_GAP_WIDE_US;
    const due = Math.max(nowUs + leastUs + this.#s.random.below(withinUs - leastUs), port.lastHelloUs + gap);
    port.helloDueUs = Math.min(port.helloDueUs, due);
  }

  /** How far apart the answers of all members of a channel are, so that they do not fall over each other. */
  spreadUs(port: Port, leastUs: number): number {
    return port.narrow ? leastUs + port.neighbours.length * SPREAD_PER_MEMBER_US : leastUs;
  }

  /** True if the next hello has to be self-contained. */
  wantsFull(nowUs: number, port: Port): boolean {
    // Whom one does not know does not know oneself either, as a rule: it could not read the question.
    if (port.needFullHello || port.askedLocal !== 0) return true;
    return !port.narrow && (nowUs < port.turnSettledUs || port.hellosSinceFull >= FULL_HELLO_EVERY);
  }

  /**
   * True if the turn on a narrow channel is better spent on a hello in full: others are heard, and none of them is known
   * to hear this node. What it says otherwise they cannot open.
   */
  introducesItself(nowUs: number, port: Port): boolean {
    if (!port.narrow || !isUnheard(port) || nowUs - port.lastHelloUs < HELLO_NEWCOMER_NARROW_US) return false;
    port.needFullHello = true;
    return true;
  }

  /** The database has changed: who has missed that, or knows better, is to find out soon on narrow channels, too. */
  databaseChanged(nowUs: number): void {
    for (const port of this.#s.ports) {
      if (!port.narrow || !port.up) continue;
      port.changedUs = nowUs;
      port.digestTries = 0;
      this.#compareLater(nowUs, port);
    }
  }

  /** Of all who have the same change to tell of the first spares the others that (RFC 6206). */
  #compareLater(nowUs: number, port: Port): void {
    const us = (DIGEST_NARROW_US + port.neighbours.length * SPREAD_PER_MEMBER_US) * 2 ** port.digestTries;
    const isOver = port.digestTries === DIGEST_TRIES;
    port.digestDueUs = isOver ? Number.POSITIVE_INFINITY : nowUs + us / 2 + this.#s.random.below(us / 2);
  }

  /** Of the hello that is due: false if it would only tell what the database holds, and nobody needs that. */
  isWanted(nowUs: number, port: Port): boolean {
    if (port.digestDueUs > nowUs) return true;
    port.digestTries++;
    this.#compareLater(nowUs, port);
    return port.helloDueUs <= nowUs || !this.#isCompared(port);
  }

  /** True if all neighbours hold the same, as they or others whom they hear have said. */
  #isCompared(port: Port): boolean {
    const digest = this.#s.db.digest & 0xffff;
    const agrees = (n: Neighbour): boolean => n.alive && n.digestUs > port.changedUs && n.lastDigest === digest;
    return port.neighbours.every(
      (n) => !n.alive || n.foreign || agrees(n) || port.neighbours.some((m) => agrees(m) && hasId(m.reach, n.local)),
    );
  }

  /** Body of a hello (after the kind octet); sets when the next one is due. */
  encode(nowUs: number, port: Port, full: boolean, out: Uint8Array, offset: number): number {
    this.#s.counters.count("hellos-sent");
    return port.narrow
      ? this.#encodeNarrow(nowUs, port, full, out, offset)
      : this.#encodeWide(nowUs, port, full, out, offset);
  }

  #encodeNarrow(nowUs: number, port: Port, full: boolean, out: Uint8Array, offset: number): number {
    const hello = this.#narrow;
    const anybody = !isAlone(port);
    port.introductions = anybody && isUnheard(port) ? port.introductions + 1 : 0;
    hello.reply = port.helloReply || !anybody;
    hello.address = this.#s.options.address;
    hello.digest = this.#s.db.digest;
    hello.policy = policyMark(this.#s.policyVersion);
    hello.asked = port.askedLocal;
    this.#sent(nowUs, port, full);
    this.sentAny(nowUs, port);
    // A newcomer says it twice, one that knows nobody goes on asking.
    port.helloDueUs = nowUs + longestPauseUs(port);
    if (!anybody)
      port.helloDueUs = nowUs + HELLO_NEWCOMER_NARROW_US - this.#s.random.below(HELLO_NEWCOMER_NARROW_US / 8);
    if (!anybody || port.hellosSent === 0) port.needFullHello = true;
    if (port.hellosSent++ === 0) this.hurry(nowUs, port, this.spreadUs(port, HELLO_NEWCOMER_NARROW_US));
    hello.silenceS = Math.ceil(longestPauseUs(port) / 1e6);
    return encodeNarrowHello(hello, full, out, offset);
  }

  /** What was just sent on this channel was sent over somebody else: who has not been understood yet says it again at once. */
  spoiled(nowUs: number, port: Port): void {
    if (!port.narrow || port.lastHelloUs < port.burstStartUs || !isUnheard(port)) return;
    // It may be the radio that makes noise after each transmission.
    if (nowUs - port.helloSpoiledUs < HELLO_NEWCOMER_NARROW_US) return;
    port.helloSpoiledUs = nowUs;
    port.needFullHello = true;
    port.helloUrgent = true;
    port.helloDueUs = nowUs;
  }

  askNoMore(port: Port): void {
    port.askedLocal = 0;
    if (!port.needFullHello) port.helloDueUs = port.lastSentUs + longestPauseUs(port);
  }

  #sent(nowUs: number, port: Port, full: boolean): void {
    port.helloReply = false;
    port.askedLocal = 0;
    port.helloUrgent = false;
    port.hellosSinceFull = full ? 0 : port.hellosSinceFull + 1;
    if (full) port.needFullHello = false;
    port.lastHelloUs = nowUs;
  }

  /** A frame of whatever kind goes out on a narrow bearer: that is a sign of life, and puts off the next hello. */
  sentAny(nowUs: number, port: Port): void {
    port.cadenceUs = nextCadence(port, port.cadenceUs, nowUs - port.lastSentUs);
    port.lastSentUs = nowUs;
    if (!port.needFullHello && port.askedLocal === 0) port.helloDueUs = nowUs + longestPauseUs(port);
  }

  #encodeWide(nowUs: number, port: Port, full: boolean, out: Uint8Array, offset: number): number {
    const interval = this.#interval(nowUs, port);
    const hello = this.#wide;
    const anybody = !isAlone(port);
    // While hellos are far apart nobody new is about: whom one hears is said in full ones only.
    const same = !full && interval >= HELLO_BUSY_WIDE_US && nowUs - port.lastDataUs > BUSY_US;
    hello.flags =
      (port.helloReply || !anybody ? HELLO_FLAG_REPLY : 0) |
      (port.shared ? 0 : HELLO_FLAG_DIRECT) |
      (same ? HELLO_FLAG_SAME : 0);
    hello.address = this.#s.options.address;
    hello.interval100ms = Math.min(255, Math.round(interval / 100_000));
    hello.digest = this.#s.db.digest;
    hello.entryCount = 0;
    if (!same) {
      listNeighbours(nowUs, port, hello);
      if (hasForeign(port)) listForeign(nowUs, port, hello, this.#areas.told(nowUs));
    }
    this.#sent(nowUs, port, full);
    // A newcomer says it twice; all jitter so that they do not fall into step.
    // Whom nobody hears goes on for a while: answers may all have fallen into one run of losses.
    const isLonely = port.hellosSent < LONELY_HELLOS && !port.neighbours.some((n) => n.twoWay);
    port.helloIntervalUs = Math.min(2 * interval, isLonely ? HELLO_BUSY_WIDE_US : HELLO_IDLE_METERED_US);
    const next = port.hellosSent < 2 ? Math.min(interval, HELLO_FIRST_WIDE_US) : interval;
    port.hellosSent++;
    port.helloDueUs = nowUs + next - this.#s.random.below(next / 8);
    return encodeHello(hello, full, out, offset);
  }

  /** What lies behind this node has changed: neighbours of other areas hear it soon. */
  tellForeign(nowUs: number): void {
    for (const port of this.#s.ports) {
      if (!hasForeign(port)) continue;
      this.unsettle(port);
      this.hurry(nowUs, port, 40_000);
    }
  }

  /** A frame of `local` came that cannot be opened: ask for a full hello. */
  askFor(nowUs: number, port: Port, local: number): void {
    if (port.narrow) {
      const againUs = ASK_AGAIN_US + port.neighbours.length * ASK_AGAIN_PER_MEMBER_US;
      if (port.askedLocal !== 0 || nowUs - (port.askedUs[local] as number) < againUs) return;
      port.askedUs[local] = nowUs;
      port.askedLocal = local;
      port.helloUrgent = true;
      const withinUs = this.spreadUs(port, 1_000_000);
      // Of a whole channel that hears a stranger the first to ask is soon enough, and spares the others that.
      this.hurry(nowUs, port, withinUs, isSettling(port, nowUs) ? withinUs / 4 : 0);
      return;
    }
    port.helloReply = true;
    port.needFullHello = true;
    this.hurry(nowUs, port, 200_000);
  }

  /** Somebody tells whom it hears, and not this node: the hello has been lost, and it cannot ask whom it does not know. */
  again(nowUs: number, port: Port): void {
    const answeredUs = port.lastHelloUs + this.spreadUs(port, HELLO_NEWCOMER_NARROW_US);
    port.needFullHello = true;
    const jitterUs = this.#s.random.below(this.spreadUs(port, 200_000));
    port.helloDueUs = Math.min(port.helloDueUs, Math.max(nowUs, answeredUs) + jitterUs);
  }
}

function longestWideUs(nowUs: number, port: Port): number {
  if (port.costCentsPerMegabyte > 0) return HELLO_IDLE_METERED_US;
  return isAlone(port) || nowUs - port.lastDataUs < BUSY_US ? HELLO_BUSY_WIDE_US : HELLO_IDLE_WIDE_US;
}
