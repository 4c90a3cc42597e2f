import type { LogEvent } from "../api/types.ts";
import type { AgentConfig } from "../config/schema.ts";
import type { MeshCore } from "../core/api.ts";
import type { Log } from "../shell/log.ts";
import type { Store } from "../shell/store.ts";
import type { Journal } from "./journal.ts";

/** What every service of an agent works with. */
export interface ServiceContext {
  readonly config: AgentConfig;
  readonly address: number;
  readonly core: MeshCore;
  readonly store: Store;
  readonly journal: Journal;
  readonly log: Log;
  /** CLOCK_MONOTONIC, integer microseconds. */
  nowUs(): number;
  /** To be called after each call into the core: what it queued goes out at the end of this turn. */
  touch(): void;
  /** The same; it goes out at once if this is all that happens. Not while something else of the caller is half done. */
  touchNow(): void;
  /** Adds a line to the event log that people see. */
  announce(level: LogEvent["level"], text: string): void;
  /** A node as people know it: its name, or its address while no name is known. */
  nameOf(address: number): string;
}
