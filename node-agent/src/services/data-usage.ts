import type { PolicyCap, PolicyDocument } from "@skein/codecs";
import { CapLevel, type NodeEvent } from "../core/api.ts";
import type { ServiceContext } from "./context.ts";

/** What was used is written at most this often: a card wears with every write. */
const SAVE_EVERY_MS = 10_000;
const WORDS: Record<CapLevel, string> = {
  [CapLevel.open]: "is within its data cap again",
  [CapLevel.warned]: "has used four fifths of its data cap",
  [CapLevel.reserve]: "has used its data cap: only SOS and positions go on, out of the reserve",
  [CapLevel.spent]: "has used its data cap and the reserve: only SOS goes on",
};

/** A capped bearer: its period, and what was used of it as of the last time it was looked at. */
interface Meter {
  readonly per: PolicyCap["per"];
  period: string;
  octets: number;
}

/**
 * What bearers have used of their data caps, over restarts. Nothing is forgotten: what is written is as much ahead as the
 * last interval brought, so that a power cut counts too much rather than too little.
 */
export class DataUsage {
  readonly #context: ServiceContext;
  /** By bearer id. */
  readonly #meters = new Map<number, Meter>();
  #timer: NodeJS.Timeout | undefined;

  constructor(context: ServiceContext) {
    this.#context = context;
  }

  start(): void {
    this.#timer ??= setInterval(() => this.look(Date.now()), SAVE_EVERY_MS).unref();
  }

  /** To be called before the core gets a policy's rules. */
  rule(document: PolicyDocument, nowMs: number): void {
    this.#save(false);
    this.#meters.clear();
    for (const [id, { name }] of this.#context.config.bearers.entries()) {
      const cap = document.bearers[name]?.cap;
      if (cap === undefined) continue;
      const period = periodOf(cap.per, nowMs);
      const stored = this.#context.store.usage(name);
      // A clock that has gone back, or is not set yet, begins no new period.
      const octets = stored === undefined || isBefore(stored.period, period) ? 0 : stored.octets;
      this.#meters.set(id, { per: cap.per, period, octets });
      this.#context.core.setUsage(this.#context.nowUs(), id, octets);
    }
  }

  /** Writes what is used, and begins anew where a day or month has begun. */
  look(nowMs: number): void {
    for (const [id, meter] of this.#meters) {
      const period = periodOf(meter.per, nowMs);
      if (isBefore(meter.period, period)) {
        this.#context.core.setUsage(this.#context.nowUs(), id, 0);
        this.#context.touch();
        meter.octets = 0;
      }
      meter.period = period;
    }
    this.#save(true);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#save(false);
  }

  onCap({ bearerId, level }: Extract<NodeEvent, { type: "cap" }>): void {
    const name = this.#context.config.bearers[bearerId]?.name ?? "";
    this.#context.journal.write("cap", this.#context.nowUs(), { bearer: name, level });
    this.#context.announce(level === CapLevel.open ? "info" : "warn", `Bearer ${name} ${WORDS[level]}`);
  }

  #save(ahead: boolean): void {
    if (this.#meters.size === 0) return;
    const bearers = this.#context.core.bearerStatus(this.#context.nowUs());
    for (const [id, meter] of this.#meters) {
      const used = bearers[id]?.cap?.usedOctets ?? meter.octets;
      const margin = ahead ? Math.max(0, used - meter.octets) : 0;
      if (ahead && margin === 0) continue;
      meter.octets = used;
      this.#context.store.saveUsage(bearers[id]?.name ?? "", meter.period, used + margin);
    }
    this.#context.store.commit();
  }
}

/** The day or the month, UTC. */
function periodOf(per: PolicyCap["per"], nowMs: number): string {
  return new Date(nowMs).toISOString().slice(0, per === "day" ? 10 : 7);
}

/** True if a period has ended, or is of another kind. */
function isBefore(stored: string, period: string): boolean {
  return stored.length !== period.length || stored < period;
}
