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
  "end-to-end",
  "end-to-end-replayed",
  "no-session",
  "awaiting-key",
  "key-conflict",
  "key-stale",
  "key-flood",
  "key-table-full",
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
  "repeated",
  "reports-sent",
  "hellos-sent",
  "updates-sent",
  "pulls-sent",
  "said-again",
  "snapshots-sent",
  "snapshots-learned",
  "labels-offered",
  "flow-frames",
  "rerouted",
  "repaired",
  "searched",
  "detours",
  "kept",
  "suspicions",
  "flaps-damped",
  "contradicted",
  "ends-disagree",
  "rivals",
  "link-failures",
  "path-computations",
  "end-to-end-sealed",
  "end-to-end-opened",
  "keys-asked",
  "keys-answered",
  "sessions",
] as const;
export type Counted = (typeof COUNTED)[number];

export class Counters {
  readonly drops: Record<DropReason, number> = Object.fromEntries(DROP_REASONS.map((r) => [r, 0])) as Record<
    DropReason,
    number
  >;
  readonly counts: Record<Counted, number> = Object.fromEntries(COUNTED.map((c) => [c, 0])) as Record<Counted, number>;

  drop(reason: DropReason): void {
    this.drops[reason]++;
  }
  count(what: Counted): void {
    this.counts[what]++;
  }
}
