import {
  advertisementOctets,
  type DataHeader,
  encodeAdvertisement,
  isKeyPacket,
  isShortKeyQuestion,
} from "@skein/codecs";
import type { Address } from "./api.ts";
import { KEY_ANSWER_BURST, KEY_ANSWER_EACH_US, KEY_QUESTION_US } from "./limits.ts";
import type { Neighbour } from "./neighbour.ts";
import type { Port } from "./port.ts";
import type { CoreState } from "./state.ts";

/** What was asked on one narrow bearer, by local id of whose key it is. */
interface Questions {
  readonly askedUs: Float64Array;
  /** Local id of whoever waits for the answer on this channel. */
  readonly asker: Uint8Array;
  /** Told to this node: an answer that comes later is passed on. */
  readonly owed: Uint8Array;
}

/**
 * Questions for keys on their way over narrow bearers. Whoever has the advertisement of the destination tells it, and what
 * goes on of the question only introduces the asker; so does each node that the question has passed, as soon as the
 * advertisement comes by. Nothing is vouched for on the way that is not in link state: an answer is an update like any
 * other, believed and contradicted as those are. It goes before everything else, and who asked has the turn after it.
 */
export class KeyAnswers {
  readonly #s: CoreState;
  /** By bearer. */
  readonly #questions: Questions[];
  #paidUs = 0;
  /** Local id of who has asked for what `encode` wrote. */
  asker = 0;

  constructor(state: CoreState) {
    this.#s = state;
    this.#questions = state.ports.map(() => ({
      askedUs: new Float64Array(256).fill(Number.NEGATIVE_INFINITY),
      asker: new Uint8Array(256),
      owed: new Uint8Array(256),
    }));
  }

  /** A question of this node goes out, over whatever bearer. */
  asked(nowUs: number, to: Address): void {
    for (const port of this.#s.ports) this.#note(nowUs, port, this.#s.local, to & 0xff, false);
  }

  /** True if a unicast packet, octets[from, end), was a question that has been answered here: it need not go on. */
  answers(
    nowUs: number,
    port: Port,
    n: Neighbour,
    header: DataHeader,
    octets: Uint8Array,
    from: number,
    end: number,
  ): boolean {
    if (!this.#isQuestion(port, header) || !isShortKeyQuestion(octets, from, end)) return false;
    const local = header.destination & 0xff;
    this.asked(nowUs, header.destination);
    this.#note(nowUs, port, this.#waitingFor(port, n, header), local, true);
    return this.#s.db.node(local)?.advertisement.publicKey !== undefined && this.#answer(nowUs, port, local);
  }

  /** Somebody has asked somebody else, who is to answer it. */
  overheard(nowUs: number, port: Port, n: Neighbour, header: DataHeader): void {
    if (!this.#isQuestion(port, header)) return;
    this.#note(nowUs, port, this.#waitingFor(port, n, header), header.destination & 0xff, false);
  }

  /** The database knows an advertisement with a key. */
  learned(nowUs: number, local: number): void {
    for (const port of this.#s.ports) {
      const { askedUs, owed } = this.#questionsOn(port);
      if (owed[local] === 1 && nowUs - (askedUs[local] as number) < KEY_QUESTION_US) this.#answer(nowUs, port, local);
      owed[local] = 0;
    }
  }

  /** An advertisement has been said on this bearer; returns the local id of who has asked for it, 0: nobody. */
  said(nowUs: number, port: Port, local: number): number {
    const { askedUs, asker, owed } = this.#questionsOn(port);
    const open = nowUs - (askedUs[local] as number) < KEY_QUESTION_US;
    askedUs[local] = Number.NEGATIVE_INFINITY;
    owed[local] = 0;
    const at = port.keyAnswers.indexOf(local);
    if (at !== -1) port.keyAnswers.splice(at, 1);
    return open ? (asker[local] as number) : 0;
  }

  /** Body (after the kind octet) of an update with answers that are due, as many as fit. */
  encode(nowUs: number, port: Port, out: Uint8Array, offset: number, roomOctets: number): number {
    let at = offset;
    out[at++] = 0;
    while (port.keyAnswers.length > 0) {
      const local = port.keyAnswers[0] as number;
      const advertisement = this.#s.db.node(local)?.advertisement;
      const needed = advertisement === undefined ? 0 : advertisementOctets(advertisement, true);
      if (at > offset + 1 && at - offset + needed > roomOctets) break;
      this.asker = this.said(nowUs, port, local);
      if (advertisement === undefined || 1 + needed > roomOctets) continue;
      at += encodeAdvertisement(advertisement, out, at, true);
      port.saidUs[local] = nowUs;
      port.updateFull.delete(local);
    }
    return at - offset > 1 ? at - offset : 0;
  }

  #isQuestion(port: Port, { kind, trafficClass, precedence, destination }: DataHeader): boolean {
    return port.narrow && isKeyPacket(kind, trafficClass, precedence) && destination >>> 8 === this.#s.area;
  }

  /** Whose question it is, if that one is on the channel itself; a question that was brought there is its bearer's. */
  #waitingFor(port: Port, n: Neighbour, { source }: DataHeader): number {
    if (source === this.#s.options.address) return this.#s.local;
    const first = source >>> 8 === this.#s.area ? port.byLocal[source & 0xff] : undefined;
    return first?.alive === true ? first.local : n.local;
  }

  #questionsOn(port: Port): Questions {
    return this.#questions[port.config.id] as Questions;
  }

  #note(nowUs: number, port: Port, asker: number, local: number, owed: boolean): void {
    const questions = this.#questionsOn(port);
    questions.askedUs[local] = nowUs;
    questions.asker[local] = asker;
    if (owed) questions.owed[local] = 1;
  }

  /** False, and counted, if there have been too many of late: then link state gets there in its own time. */
  #answer(nowUs: number, port: Port, local: number): boolean {
    if (port.keyAnswers.includes(local)) return true;
    if (this.#paidUs > nowUs + KEY_ANSWER_BURST * KEY_ANSWER_EACH_US) {
      this.#s.counters.drop("key-answers", undefined, port.config.id);
      return false;
    }
    this.#paidUs = Math.max(this.#paidUs, nowUs) + KEY_ANSWER_EACH_US;
    this.#s.counters.count("keys-answered-for-others");
    port.keyAnswers.push(local);
    return true;
  }
}
