import type { TextRecord } from "../api/types.ts";
import { GROUP_DESTINATION, MAX_TEXT_OCTETS, type NodeEvent } from "../core/api.ts";
import { SkeinError } from "../shell/skein-error.ts";
import type { StoredText } from "../shell/store.ts";
import type { ServiceContext } from "./context.ts";

/** Texts shown to people; the store keeps more. */
const SHOWN_MAX = 200;
/** Received message ids handed to the core at start, so that a repeat after a restart is only acknowledged. */
const REMEMBERED_MAX = 4096;

/** Texts with signed-off states; every one is on stable storage before anything about it is on the air. */
export class TextService {
  readonly #context: ServiceContext;
  readonly #shown: StoredText[];
  readonly #encoder = new TextEncoder();
  // A body that is not UTF-8 is shown with replacement characters rather than lost.
  readonly #decoder = new TextDecoder();

  constructor(context: ServiceContext) {
    this.#context = context;
    this.#shown = context.store.texts(SHOWN_MAX);
  }

  /** After a restart: tells the core what it has delivered, and goes on with what was on its way. */
  resume(): void {
    const { core, store, address } = this.#context;
    for (const text of store.texts(REMEMBERED_MAX)) {
      if (text.state === "received") core.rememberText(text.from, text.messageId);
    }
    const nowUs = this.#context.nowUs();
    for (const { to, body, messageId, state, atMs } of store.pendingTexts(address)) {
      const octets = this.#encoder.encode(body);
      // A group gives no receipt: what is sent is only for those who come later.
      if (to < GROUP_DESTINATION || state === "queued") core.sendText(nowUs, to, octets, messageId);
      else core.keepText(nowUs, to, octets, messageId, Math.max(0, Date.now() - atMs) * 1000);
    }
    this.#context.touch();
  }

  /**
   * Queues a text and returns its record's id.
   * @throws SkeinError `text-too-long`, `text-to-self`.
   */
  send(to: number, body: string): string {
    const { core, store, address, journal } = this.#context;
    const octets = this.#encoder.encode(body);
    if (octets.length > MAX_TEXT_OCTETS) {
      throw new SkeinError("text-too-long", `${octets.length} octets, at most ${MAX_TEXT_OCTETS} go in one text`);
    }
    if (to === address) throw new SkeinError("text-to-self", "the text is addressed to this node itself");
    const nowUs = this.#context.nowUs();
    const messageId = core.sendText(nowUs, to, octets);
    const text: StoredText = { from: address, to, messageId, body, state: "queued", atMs: Date.now() };
    store.saveText(text);
    // Queued means: it survives a power cut from here on.
    store.commit();
    this.#show(text);
    journal.write("text-sent", nowUs, { messageId, to, lengthOctets: octets.length });
    this.#context.touch();
    return recordId(text);
  }

  onText(event: Extract<NodeEvent, { type: "text" }>, nowUs: number): void {
    const { store, journal } = this.#context;
    const { from, to, messageId } = event;
    // The core knows the last ids only; the store knows them all.
    if (store.hasText(from, messageId)) return;
    journal.write("text-received", nowUs, { from, to, messageId, lengthOctets: event.body.length });
    const body = this.#decoder.decode(event.body);
    const text: StoredText = { from, to, messageId, body, state: "received", atMs: Date.now() };
    store.saveText(text);
    this.#show(text);
    this.#context.announce("info", `Text from ${this.#context.nameOf(from)}: ${body.slice(0, 80)}`);
  }

  onState(event: Extract<NodeEvent, { type: "text-state" }>, nowUs: number): void {
    const { store, journal, address } = this.#context;
    const { messageId, to, state } = event;
    journal.write("text-state", nowUs, { messageId, to, state });
    store.setTextState(address, messageId, state);
    const shown = this.#shown.findLast((text) => text.from === address && text.messageId === messageId);
    if (shown) shown.state = state;
    if (state === "failed")
      this.#context.announce("warn", `Text to ${this.#context.nameOf(to)} could not be delivered`);
  }

  records(): TextRecord[] {
    return this.#shown.map(({ messageId: _, ...text }, i) => ({ id: recordId(this.#shown[i] as StoredText), ...text }));
  }

  #show(text: StoredText): void {
    this.#shown.push(text);
    if (this.#shown.length > SHOWN_MAX) this.#shown.shift();
  }
}

function recordId(text: StoredText): string {
  return `${text.from}:${text.messageId}`;
}
