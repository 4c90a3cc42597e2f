import { binary } from "./paths.ts";
import { runCommand } from "./run-command.ts";
import type { StepResult } from "./step.ts";

interface CruiseReport {
  modules: { source: string }[];
  summary: {
    totalCruised: number;
    totalDependenciesCruised: number;
    violations: { from: string; to: string; rule: { name: string; severity: string }; cycle?: { name: string }[] }[];
  };
}

/** Folders that must each show up in the graph; one that does not means that the tool stopped seeing it. */
const FOLDERS = ["codecs/src", "radio-hal/src", "node-agent/src/core", "node-agent/src", "controller/src", "scenarios"];

/**
 * Checks who imports whom by the rules in .dependency-cruiser.mjs. Fails too if a folder contributed no module or no
 * dependency at all was followed: a graph tool that lost its parser or resolver reports no violations.
 * @param folder top folder of the tree to check
 */
export async function checkDependencyGraph(folder: string, folders = FOLDERS): Promise<StepResult> {
  const packages = [...new Set(folders.map((path) => path.split("/")[0] ?? path))];
  const args = [binary("depcruise"), "--config", ".dependency-cruiser.mjs", "--output-type", "json", ...packages];
  const result = await runCommand(process.execPath, args, { cwd: folder, timeoutMs: 120_000 });
  let report: CruiseReport;
  try {
    report = JSON.parse(result.stdout);
  } catch {
    return { ok: false, summary: `no report (exit code ${result.code})`, details: result.output };
  }
  const { totalCruised, totalDependenciesCruised, violations } = report.summary;
  const problems = violations.map(({ rule, from, to, cycle }) => {
    const path = cycle === undefined ? to : cycle.map((step) => step.name).join(" -> ");
    return `${rule.name}: ${from} -> ${path}`;
  });
  for (const path of folders) {
    if (!report.modules.some((module) => module.source.startsWith(`${path}/`))) {
      problems.push(`saw-no-modules: ${path} contributed nothing to the graph`);
    }
  }
  if (totalCruised === 0 || totalDependenciesCruised === 0) problems.push("saw-no-modules: the graph is empty");
  return {
    ok: problems.length === 0,
    summary: `${totalCruised} modules, ${totalDependenciesCruised} dependencies, ${problems.length} violations`,
    details: problems.join("\n"),
  };
}
