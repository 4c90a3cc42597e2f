import { CLASS_COUNT } from "@skein/codecs";
import type { BearerDrop, TrafficClass } from "./api.ts";
import { MAX_BEARERS } from "./limits.ts";

/** Named counters: every drop has a reason, every reason a number. Dense ids, nothing allocated to count. */

const DROP_REASONS = [
  "frame-length",
  "bearer-down",
  "key-phase",
  "malformed-header",
  "unknown-transmitter",
  "unknown-index",
  "unknown-label",
  "authentication",
  "replayed",
  "stale-epoch",
  "own-frame",
  "address-conflict",
  "malformed-body",
  "unknown-kind",
  "neighbour-table-full",
  "key-cache-full",
  "pool-empty",
  "queue-full",
  "expired",
  "no-route",
  "no-descent",
  "foreign-area",
  "too-long",
  "retries-exhausted",
  "unacknowledged",
  "reassembly-full",
  "reassembly-incomplete",
  "relay-table-full",
  "event-queue-full",
  "texts-full",
  "bearer-lost",
  "control-share",
  "sources-forgotten",
  "copies-full",
  "end-to-end",
  "end-to-end-replayed",
  "no-session",
  "earlier-boot",
  "awaiting-key",
  "key-answers",
  "key-conflict",
  "key-stale",
  "key-flood",
  "key-table-full",
  "policy-unsigned",
  "policy-forged",
  "policy-stale",
  "policy-flood",
  "cap",
  "class-rule",
  "class-rate",
  "video-late",
  "parity-short",
] as const;
export type DropReason = (typeof DROP_REASONS)[number];

const COUNTED = [
  "frames-opened",
  "frames-sealed",
  "duplicates",
  "overheard",
  "sent-on-overheard",
  "forwarded",
  "delivered",
  "relayed",
  "relays-saved",
  "relays-missed",
  "awaited-company",
  "said-for-newcomers",
  "sos-said-again",
  "repeated",
  "risked",
  "hurried",
  "reports-sent",
  "hellos-sent",
  "updates-sent",
  "pulls-sent",
  "said-again",
  "news-spoiled",
  "snapshots-sent",
  "snapshots-learned",
  "snapshots-spared",
  "labels-offered",
  "flow-frames",
  "rerouted",
  "repaired",
  "searched",
  "detours",
  "kept",
  "suspicions",
  "suspicions-told",
  "suspicions-refused",
  "paths-missed",
  "copied",
  "flaps-damped",
  "contradicted",
  "ends-disagree",
  "rivals",
  "link-failures",
  "path-computations",
  "end-to-end-sealed",
  "end-to-end-opened",
  "policies-asked",
  "keys-asked",
  "keys-answered",
  "keys-answered-for-others",
  "sessions",
  "rules-ignored",
  "video-parted",
  "parity-sent",
  "parity-octets",
  "parity-received",
  "parity-rebuilt",
] as const;
export type Counted = (typeof COUNTED)[number];

/** Row of drops that concern no bearer, column of those that concern no class. */
const NO_BEARER = MAX_BEARERS;
const NO_CLASS = CLASS_COUNT;
const COLUMNS = CLASS_COUNT + 1;

const INDEX = Object.fromEntries(DROP_REASONS.map((reason, index) => [reason, index])) as Record<DropReason, number>;

export class Counters {
  /** Bearer that what is being handled came by. */
  #bearerId = NO_BEARER;
  /** By bearer, class and reason. */
  readonly #drops = new Uint32Array((MAX_BEARERS + 1) * COLUMNS * DROP_REASONS.length);
  readonly drops: Record<DropReason, number> = Object.fromEntries(DROP_REASONS.map((r) => [r, 0])) as Record<
    DropReason,
    number
  >;
  readonly counts: Record<Counted, number> = Object.fromEntries(COUNTED.map((c) => [c, 0])) as Record<Counted, number>;

  /** What is dropped from now on has come by this bearer, unless another one is named; by none if it is left out. */
  receiveOn(bearerId = NO_BEARER): void {
    this.#bearerId = bearerId;
  }

  /** Class and bearer of what is dropped, where they are known. */
  drop(reason: DropReason, trafficClass: number = NO_CLASS, bearerId: number = this.#bearerId): void {
    this.drops[reason]++;
    const at = (bearerId * COLUMNS + trafficClass) * DROP_REASONS.length + INDEX[reason];
    this.#drops[at] = (this.#drops[at] as number) + 1;
  }

  /** What was dropped on a bearer, one entry for each class and reason that there has been. */
  dropsOn(bearerId: number): BearerDrop[] {
    const found: BearerDrop[] = [];
    for (let c = 0; c < COLUMNS; c++) {
      const from = (bearerId * COLUMNS + c) * DROP_REASONS.length;
      // By index: most are 0, and an iterator is an object for each of them.
      for (let i = 0; i < DROP_REASONS.length; i++) {
        const count = this.#drops[from + i] as number;
        if (count === 0) continue;
        const reason = DROP_REASONS[i] as DropReason;
        found.push({ trafficClass: c === NO_CLASS ? null : (c as TrafficClass), reason, count });
      }
    }
    return found;
  }

  count(what: Counted, by = 1): void {
    this.counts[what] += by;
  }
}
