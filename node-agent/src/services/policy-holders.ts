import type { NodeEvent } from "../core/api.ts";
import type { ServiceContext } from "./context.ts";

/** A node tells that it has got a policy after so long, drawn anew each time: they all got it at once. */
const TELL_FIRST_MS = 500;
const TELL_SPREAD_MS = 8_000;
/** Who has not told is asked after so long, then after twice that, and so on. */
const ASK_US = 20_000_000;
const ASK_MAX_US = 640_000_000;
const ASK_EVERY_MS = 5_000;
/** Nodes asked in one round. */
const ASKED_AT_ONCE = 4;
/** Nodes of whom is kept what they have: two areas' worth. */
const MAX_HOLDERS = 512;

interface Holder {
  version: number;
  askedUs: number;
  waitUs: number;
}

/**
 * Who has got the policy. Every node tells its publisher once; the publisher asks who has not told, ever more seldom. Who
 * answers with an older one is sent the policy again by the core.
 */
export class PolicyHolders {
  readonly #context: ServiceContext;
  readonly #version: () => number;
  readonly #holders = new Map<number, Holder>();
  #publishing = false;
  #telling: NodeJS.Timeout | undefined;
  #asking: NodeJS.Timeout | undefined;

  /** `version`: of the policy in force here. */
  constructor(context: ServiceContext, version: () => number) {
    this.#context = context;
    this.#version = version;
  }

  /** The version that each node has last told of. */
  known(): { address: number; version: number }[] {
    return [...this.#holders].map(([address, { version }]) => ({ address, version }));
  }

  start(): void {
    this.#asking ??= setInterval(() => this.ask(), ASK_EVERY_MS).unref();
  }

  stop(): void {
    clearInterval(this.#asking);
    clearTimeout(this.#telling);
  }

  /** This node has published one: it wants to know who has it. */
  published(): void {
    this.#publishing = true;
    const nowUs = this.#context.nowUs();
    for (const holder of this.#holders.values()) {
      holder.askedUs = nowUs;
      holder.waitUs = ASK_US;
    }
  }

  /** A newer policy has come: its publisher hears of it in a moment. */
  received(publisher: number): void {
    this.#publishing = publisher === this.#context.address;
    clearTimeout(this.#telling);
    if (this.#publishing) return;
    const waitMs = TELL_FIRST_MS + Math.random() * TELL_SPREAD_MS;
    this.#telling = setTimeout(() => this.#tell(publisher, false), waitMs).unref();
  }

  onState({ from, version, ask }: Extract<NodeEvent, { type: "policy-state" }>, nowUs: number): void {
    const holder = this.#holderOf(from, nowUs);
    if (holder === undefined) return;
    holder.version = version;
    if (ask) this.#tell(from, false);
  }

  /** Asks nodes that have not told of the version in force. */
  ask(): void {
    const version = this.#version();
    if (!this.#publishing || version === 0) return;
    const nowUs = this.#context.nowUs();
    let asked = 0;
    for (const { address, reachable } of this.#context.core.status(nowUs).nodes) {
      if (!reachable || address === this.#context.address || asked === ASKED_AT_ONCE) continue;
      const holder = this.#holderOf(address, nowUs);
      if (holder === undefined || holder.version >= version || nowUs - holder.askedUs < holder.waitUs) continue;
      holder.askedUs = nowUs;
      holder.waitUs = Math.min(2 * holder.waitUs, ASK_MAX_US);
      asked++;
      this.#tell(address, true);
    }
  }

  #holderOf(address: number, nowUs: number): Holder | undefined {
    const known = this.#holders.get(address);
    if (known !== undefined || this.#holders.size >= MAX_HOLDERS) return known;
    const holder = { version: 0, askedUs: nowUs, waitUs: ASK_US };
    this.#holders.set(address, holder);
    return holder;
  }

  #tell(to: number, ask: boolean): void {
    this.#context.core.sendPolicyState(this.#context.nowUs(), to, this.#version(), ask);
    this.#context.touch();
  }
}
