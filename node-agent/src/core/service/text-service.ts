import { decodeLinkVector, decodeTextPayload, encodeReceipt, encodeText, FrameKind, mix32 } from "@skein/codecs";
import { type Address, GROUP_DESTINATION, MAX_TEXT_OCTETS, Precedence, type TextState, TrafficClass } from "../api.ts";
import type { Forwarding } from "../forwarding.ts";
import { addIds, createIdSet, hasId, isSubset, removeId } from "../id-set.ts";
import {
  GROUP_TEXT_KEPT_US,
  MAX_KEPT_GROUP_TEXTS,
  MAX_OUTGOING_TEXTS,
  MAX_REMEMBERED_TEXTS,
  MAX_SAID_FOR_NEWCOMERS,
  SAID_FOR_NEWCOMERS_US,
} from "../limits.ts";
import type { Newcomers } from "../newcomers.ts";
import { type CoreState, emit } from "../state.ts";
import type { Outbox } from "./outbox.ts";

const FIRST_RETRY_US = 1_500_000;
/** The same to or from a node with slow radios alone: text and receipt wait for a turn each, and hops repeat by themselves. */
const FIRST_RETRY_SLOW_US = 5_000_000;
const SLOW_BPS = 64_000;
const MAX_RETRY_US = 20_000_000;
const NO_ROUTE_RETRY_US = 300_000;
/** A group text is said three times, spread out; whoever has it ignores the others. */
const GROUP_REPEATS_US = [1_000_000, 4_000_000] as const;

interface GroupText {
  readonly messageId: number;
  readonly to: number;
  readonly body: Uint8Array;
}
interface OutgoingText extends GroupText {
  state: TextState;
  /** Whom it is for is gone, or has started anew: it goes again when that one can be reached. */
  isAwaited: boolean;
  tries: number;
  triedUs: number;
  dueUs: number;
}

/** A text to all that has been said: for those who could not be reached then. */
interface KeptText {
  readonly text: GroupText;
  readonly sinceUs: number;
  /** Local ids that could be reached when it was said, and were not lost before they gave a sign of life. */
  readonly told: Uint32Array;
  saidUs: number;
  again: number;
  dueUs: number;
}

/**
 * Texts. Sender: queued -> sent (on its way) -> delivered (the receiver's receipt came back); repeated with
 * growing pauses until then. Receiver: each message id once, a receipt for every copy. What goes to all has no receipt: its
 * sender says it again when somebody comes within reach who was not when it was said.
 */
export class TextService {
  readonly #s: CoreState;
  readonly #outbox: Outbox;
  readonly #forwarding: Forwarding;
  readonly #newcomers: Newcomers;
  readonly #outgoing = new Map<number, OutgoingText>();
  #kept: KeptText[] = [];
  readonly #received = new Set<number>();
  #lastId: number;
  dueUs = Number.POSITIVE_INFINITY;

  constructor(state: CoreState, outbox: Outbox, forwarding: Forwarding, newcomers: Newcomers) {
    this.#s = state;
    this.#outbox = outbox;
    this.#forwarding = forwarding;
    this.#newcomers = newcomers;
    this.#lastId = mix32(state.options.bootEpoch) & 0xffff_0000;
  }

  send(nowUs: number, to: number, body: Uint8Array, messageId?: number): number {
    const id = messageId ?? ++this.#lastId >>> 0;
    if (body.length > MAX_TEXT_OCTETS || this.#outgoing.size >= MAX_OUTGOING_TEXTS) {
      this.#s.counters.drop(body.length > MAX_TEXT_OCTETS ? "too-long" : "texts-full");
      emit(this.#s, { type: "text-state", messageId: id, to, state: "failed" });
      return id;
    }
    const text: OutgoingText = {
      messageId: id,
      to,
      body: body.slice(),
      state: "queued",
      isAwaited: false,
      tries: 0,
      triedUs: nowUs,
      dueUs: nowUs,
    };
    this.#outgoing.set(id, text);
    emit(this.#s, { type: "text-state", messageId: id, to, state: "queued" });
    this.#try(nowUs, text);
    return id;
  }

  /** A text to all that was said before a restart: nobody is known to have had it. */
  keep(nowUs: number, to: number, body: Uint8Array, messageId: number, ageUs: number): void {
    this.#keep(nowUs, { messageId, to, body: body.slice() }, nowUs - ageUs, createIdSet());
  }

  remember(from: Address, messageId: number): void {
    if (this.#received.size >= MAX_REMEMBERED_TEXTS) {
      for (const oldest of this.#received) {
        this.#received.delete(oldest);
        break;
      }
    }
    this.#received.add(from * 0x1_0000_0000 + messageId);
  }

  handle(nowUs: number, from: Address, to: number, octets: Uint8Array, offset: number, length: number): boolean {
    const message = decodeTextPayload(octets, offset, length);
    if (message === undefined) return false;
    if (message.service === "receipt") {
      const text = this.#outgoing.get(message.messageId);
      if (text?.to === from) this.#finish(text);
      return true;
    }
    if (!this.#received.has(from * 0x1_0000_0000 + message.messageId)) {
      this.remember(from, message.messageId);
      emit(this.#s, { type: "text", from, to, messageId: message.messageId, body: message.body });
    }
    if (to >= GROUP_DESTINATION) return true;
    const receipt = encodeReceipt({ messageId: message.messageId, state: "delivered" }, this.#outbox.payload, 0);
    this.#outbox.unicast(nowUs, from, TrafficClass.command, Precedence.priority, receipt);
    return true;
  }

  /**
   * What has waited for the key of this address need not wait any longer. With a new session, what was sent under another one
   * may not open there.
   */
  hurry(nowUs: number, to: Address, isNewSession: boolean): void {
    for (const text of this.#outgoing.values())
      if (text.to === to && (isNewSession || text.state === "queued")) text.dueUs = nowUs;
    this.#schedule();
  }

  /**
   * A node of another area has given a sign of life. Nothing else tells whether it can be reached: what has gone unanswered
   * may have been sent while it could not.
   */
  heardFrom(nowUs: number, from: Address): void {
    for (const text of this.#outgoing.values())
      if (text.to === from) text.dueUs = Math.min(text.dueUs, Math.max(nowUs, text.triedUs + this.#firstRetryUs(from)));
    this.#schedule();
  }

  /** Others have come within reach: what waits for them need not wait any longer, and what was said to all is for them, too. */
  newcomersCame(nowUs: number): void {
    for (const text of this.#outgoing.values()) {
      if (!text.isAwaited || !hasId(this.#newcomers.reached, text.to & 0xff)) continue;
      text.isAwaited = false;
      text.tries = 0;
      text.dueUs = nowUs;
    }
    const isStale = ({ sinceUs, again }: KeptText): boolean =>
      nowUs - sinceUs > GROUP_TEXT_KEPT_US || again >= MAX_SAID_FOR_NEWCOMERS;
    this.#kept = this.#kept.filter((kept) => !isStale(kept));
    let dueUs = nowUs;
    for (const kept of this.#kept) {
      if (kept.dueUs !== Number.POSITIVE_INFINITY || isSubset(this.#newcomers.reached, kept.told)) continue;
      kept.dueUs = dueUs;
      dueUs += SAID_FOR_NEWCOMERS_US;
    }
    this.#schedule();
  }

  /**
   * A node cannot be reached any more, or has started anew. That is noticed after seconds, where little is said after minutes:
   * what was said since its last sign of life, at `heardUs`, may have missed it.
   */
  nodeGone(local: number, heardUs: number): void {
    const address = (this.#s.area << 8) | local;
    for (const text of this.#outgoing.values()) if (text.to === address) text.isAwaited = true;
    for (const kept of this.#kept) if (heardUs < kept.saidUs) removeId(kept.told, local);
  }

  handleTimeout(nowUs: number): void {
    for (const text of this.#outgoing.values()) if (text.dueUs <= nowUs) this.#try(nowUs, text);
    for (const kept of this.#kept) if (kept.dueUs <= nowUs) this.#sayForNewcomers(nowUs, kept);
    this.#schedule();
  }

  #schedule(): void {
    this.dueUs = Number.POSITIVE_INFINITY;
    for (const text of this.#outgoing.values()) this.dueUs = Math.min(this.dueUs, text.dueUs);
    for (const kept of this.#kept) this.dueUs = Math.min(this.dueUs, kept.dueUs);
  }

  #try(nowUs: number, text: OutgoingText): void {
    if (text.to >= GROUP_DESTINATION) this.#tryGroup(nowUs, text);
    else this.#tryUnicast(nowUs, text);
    this.#schedule();
  }

  #tryUnicast(nowUs: number, text: OutgoingText): void {
    if (!this.#forwarding.reachable(text.to)) {
      text.dueUs = nowUs + NO_ROUTE_RETRY_US;
      return;
    }
    text.triedUs = nowUs;
    const length = encodeText(text, this.#outbox.payload, 0);
    if (!this.#outbox.unicast(nowUs, text.to, TrafficClass.command, Precedence.priority, length)) {
      text.dueUs = nowUs + NO_ROUTE_RETRY_US;
      return;
    }
    text.dueUs = nowUs + Math.min(MAX_RETRY_US, this.#firstRetryUs(text.to) * 2 ** text.tries++);
    this.#setState(text, "sent");
  }

  #firstRetryUs(to: Address): number {
    const { local, area } = this.#s;
    const isSlow = this.#isSlow(local) || (to >>> 8 === area && this.#isSlow(to & 0xff));
    return isSlow ? FIRST_RETRY_SLOW_US : FIRST_RETRY_US;
  }

  /** True of a node that is known to have slow links alone. */
  #isSlow(local: number): boolean {
    const links = this.#s.db.node(local)?.advertisement.links ?? [];
    return links.length > 0 && links.every(({ vector }) => decodeLinkVector(vector).bitrateBps <= SLOW_BPS);
  }

  #tryGroup(nowUs: number, text: OutgoingText): void {
    this.#sayToGroup(nowUs, text);
    this.#setState(text, "sent");
    const pause = GROUP_REPEATS_US[text.tries++];
    if (pause !== undefined) {
      text.dueUs = nowUs + pause;
      return;
    }
    this.#outgoing.delete(text.messageId);
    this.#keep(nowUs, text, nowUs, this.#newcomers.reached.slice());
  }

  #sayToGroup(nowUs: number, text: GroupText): void {
    const length = encodeText(text, this.#outbox.payload, 0);
    this.#outbox.group(
      nowUs,
      FrameKind.groupAll,
      text.to - GROUP_DESTINATION,
      TrafficClass.command,
      Precedence.priority,
      length,
    );
  }

  #keep(nowUs: number, text: GroupText, sinceUs: number, told: Uint32Array): void {
    this.#kept.push({ text, sinceUs, told, saidUs: nowUs, again: 0, dueUs: Number.POSITIVE_INFINITY });
    if (this.#kept.length > MAX_KEPT_GROUP_TEXTS) this.#kept.shift();
  }

  #sayForNewcomers(nowUs: number, kept: KeptText): void {
    kept.dueUs = Number.POSITIVE_INFINITY;
    kept.saidUs = nowUs;
    kept.again++;
    this.#s.counters.count("said-for-newcomers");
    this.#sayToGroup(nowUs, kept.text);
    addIds(kept.told, this.#newcomers.reached);
  }

  #setState(text: OutgoingText, state: TextState): void {
    if (text.state === state) return;
    text.state = state;
    emit(this.#s, { type: "text-state", messageId: text.messageId, to: text.to, state });
  }

  #finish(text: OutgoingText): void {
    this.#setState(text, "delivered");
    this.#outgoing.delete(text.messageId);
    this.#schedule();
  }
}
