import type { Scenario } from "../scenario/schema.ts";
import { withExtraFaults } from "./extra-faults.ts";
import { resultOf, type SimulationResult } from "./result.ts";
import { Simulation } from "./simulation.ts";

/** How a scenario is played besides what its file says. */
export interface Terms {
  /** Faults more than the file has, drawn for each seed. */
  readonly extraFaults: number;
  readonly durationUs: number;
}

/** One run from start to verdict. `run` lets it happen. */
export function play(
  scenario: Scenario,
  seed: number,
  { extraFaults, durationUs }: Terms,
  run: (simulation: Simulation) => void = (simulation) => simulation.run(),
): SimulationResult {
  const startedMs = performance.now();
  const startedCpu = process.threadCpuUsage();
  const played = withExtraFaults(scenario, seed, extraFaults, durationUs);
  const simulation = new Simulation({ scenario: played, seed, durationUs });
  run(simulation);
  const wallS = (performance.now() - startedMs) / 1000;
  const cpu = process.threadCpuUsage(startedCpu);
  return resultOf(simulation, seed, wallS, (cpu.user + cpu.system) / 1e6);
}
