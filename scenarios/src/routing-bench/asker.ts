import { type MeshCore, type NodeEvent, Precedence, TrafficClass } from "@skein/node-agent/core";
import type { Field } from "./field.ts";

/** What payloads begin with. */
export const MARKER = Uint8Array.of(0x5b, 0xe1, 0xa7, 0x3c);
const QUESTION = 1;
const ANSWER = 2;
const KIND_AT = MARKER.length;
const ID_AT = KIND_AT + 1;
/** Shortest payload: marker, question or answer, number. */
export const MIN_PAYLOAD_OCTETS = ID_AT + 4;

export interface Tally {
  asked: number;
  delivered: number;
}

/**
 * Unicast packets with a number. Each question is answered by whom it reaches, unless the asker is `oneWay`: then it
 * is delivered when it arrives. Takes the field's events; `onOther` gets those that are no business of its.
 */
export class Asker {
  /** By question: when it was asked, and when it was delivered (Infinity: not yet). */
  readonly askedUs: number[] = [];
  readonly deliveredUs: number[] = [];
  onOther: (node: number, event: NodeEvent) => void = () => undefined;
  readonly #field: Field;
  readonly #oneWay: boolean;
  readonly #payload: Uint8Array;

  constructor(field: Field, payloadOctets: number, oneWay = false) {
    this.#field = field;
    this.#oneWay = oneWay;
    this.#payload = new Uint8Array(Math.max(payloadOctets, MIN_PAYLOAD_OCTETS));
    this.#payload.set(MARKER);
    field.onEvent = (node, event) => this.#handle(node, event);
  }

  /** Asks now; returns the question's number. */
  ask(from: number, to: number): number {
    const id = this.askedUs.push(this.#field.nowUs) - 1;
    this.deliveredUs.push(Number.POSITIVE_INFINITY);
    this.#field.use(from, (core) => this.#send(core, this.#field.addresses[to] as number, QUESTION, id));
    return id;
  }

  /** Which of the questions `ids` were delivered within `deadlineUs`. */
  tally(ids: readonly number[], deadlineUs: number): Tally {
    const inTime = (id: number): boolean =>
      (this.deliveredUs[id] as number) - (this.askedUs[id] as number) <= deadlineUs;
    return { asked: ids.length, delivered: ids.filter(inTime).length };
  }

  #send(core: MeshCore, to: number, kind: number, id: number): void {
    const payload = this.#payload;
    payload[KIND_AT] = kind;
    new DataView(payload.buffer).setUint32(ID_AT, id);
    sendPacket(core, this.#field.nowUs, to, payload);
  }

  #handle(node: number, event: NodeEvent): void {
    if (event.type !== "ip" || event.octets[0] !== MARKER[0]) return this.onOther(node, event);
    const id = questionId(event.octets, 0);
    if (event.octets[KIND_AT] === QUESTION && !this.#oneWay)
      this.#send(this.#field.cores[node] as MeshCore, event.from, ANSWER, id);
    else if (this.deliveredUs[id] === Number.POSITIVE_INFINITY) this.deliveredUs[id] = this.#field.nowUs;
  }
}

/** Number of the question in a payload that begins at `offset`. */
export function questionId(octets: Uint8Array, offset: number): number {
  const at = offset + ID_AT;
  const [a, b, c, d] = [octets[at], octets[at + 1], octets[at + 2], octets[at + 3]] as [number, number, number, number];
  return (a * 0x1000000 + (b << 16)) | (c << 8) | d;
}

/** What benches ask with: a datagram, whose content no core looks at. */
export function sendPacket(core: MeshCore, nowUs: number, to: number, payload: Uint8Array): void {
  core.sendIp(nowUs, to, TrafficClass.video, Precedence.routine, false, payload, 0, payload.length);
}

/** Asks `pairs` one after the other, evenly from now on over `spanUs`; the numbers are complete when that time is over. */
export function askAll(
  field: Field,
  asker: Asker,
  pairs: readonly (readonly [number, number])[],
  spanUs: number,
): number[] {
  const ids: number[] = [];
  for (const [i, [from, to]] of pairs.entries())
    field.at(field.nowUs + (i * spanUs) / pairs.length, () => ids.push(asker.ask(from, to)));
  return ids;
}
