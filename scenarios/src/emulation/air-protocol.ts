import type { Scenario } from "../scenario/schema.ts";
import type { FaultAction } from "../world/fault-actions.ts";
import type { AirPorts } from "./air.ts";

/** Messages between the lab and the air's own process (a forked child). */
export type ToAir =
  | { type: "start"; scenario: Scenario; seed: number; timeline: string }
  | { type: "apply"; requestId: number; action: FaultAction }
  | { type: "revert"; requestId: number; faultId: number }
  /** Processes to end, should the lab vanish without a word: by id, only if their command line holds `mark`. */
  | { type: "guard"; mark: string; pids: number[] }
  | { type: "stop" };

export type FromAir =
  | { type: "ready"; ports: AirPorts }
  | { type: "failed"; message: string }
  /** Answer to `apply` (with the handle for `revert`) and `revert`; `atUs` is when it took effect. */
  | { type: "done"; requestId: number; faultId: number; atUs: number }
  /** Once a second. */
  | { type: "counters"; counters: Record<string, number> };
