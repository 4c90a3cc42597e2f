import { quantile } from "../routing-bench/figures.ts";
import { endProgress, printAtMost, printFigure, progress } from "../routing-bench/print.ts";
import type { PipeOptions } from "./lossy-pipe.ts";
import { PROFILES } from "./profiles.ts";
import { HQ, SITE } from "./two-nodes.ts";
import { LATE_US, VoiceRun } from "./voice-run.ts";

/** What a path that behaves badly, or a clock, costs protected voice that two good ones carry beside it. */
const SETTLE_US = 3_000_000;
const TALK_US = 120_000_000;
const FLAP_US = 50_000;
const JUMP_EVERY_US = 10_000_000;
const JUMP_US = 5_000_000;

interface Bad {
  readonly name: string;
  /** The third path, better than the others by what it says of itself. */
  readonly pipe: PipeOptions;
  readonly bitrateBps?: number;
  readonly begin?: (run: VoiceRun, path: number) => void;
}

const GOOD = PROFILES.default.filter((path) => path.name !== "sat");
const pipe: PipeOptions = { rateBps: 10e6, delayUs: 3_000, queueOctets: 125_000 };

function flap(run: VoiceRun, path: number): void {
  const { mesh } = run;
  let up = true;
  const turn = (): void => {
    up = !up;
    mesh.setUp(path, up);
    mesh.at(mesh.nowUs + FLAP_US, turn);
  };
  turn();
}

/** The clocks of both ends jump ahead in turn. */
function jump(run: VoiceRun): void {
  const { mesh } = run;
  let node = HQ;
  const turn = (): void => {
    mesh.jump(node, JUMP_US);
    node = node === HQ ? SITE : HQ;
    mesh.at(mesh.nowUs + JUMP_EVERY_US, turn);
  };
  turn();
}

const CASES: Bad[] = [
  { name: "halfLost", pipe: { ...pipe, loss: 0.5 } },
  { name: "lyingRate", pipe: { ...pipe, rateBps: 64e3, queueOctets: 16_000 }, bitrateBps: 100e6 },
  { name: "disorder", pipe: { ...pipe, jitterUs: 40_000, disorder: true, twice: 0.3 } },
  { name: "flapping", pipe, begin: flap },
  {
    name: "roaming",
    pipe,
    begin: (run, path) => {
      run.mesh.roaming = path;
    },
  },
  { name: "clockJumps", pipe, begin: jump },
];

interface Voice {
  delaysUs: number[];
  inTime: number;
  lost: number;
  duplicates: number;
  overhead: number;
}

function voice(bad: Bad | undefined): Voice {
  const paths = [...GOOD];
  const bearer = { kind: 4, bitrateBps: bad?.bitrateBps ?? 10e6, latencyUs: 3_000 };
  if (bad !== undefined) paths.push({ name: "bad", ...bad.pipe, bearer });
  const run = new VoiceRun({ paths, seed: 31, critical: true });
  run.talk(SETTLE_US);
  bad?.begin?.(run, run.mesh.pathOf("bad"));
  const fromUs = run.mesh.nowUs;
  const overhead = run.overhead(TALK_US).there;
  const endUs = run.mesh.nowUs;
  run.stop();
  run.mesh.run(2_000_000);
  const delaysUs = run.stream.delaysUs(fromUs, endUs);
  const inTime = delaysUs.filter((us) => us <= LATE_US).length / delaysUs.length;
  const lost = delaysUs.filter((us) => us === Number.POSITIVE_INFINITY).length;
  return { delaysUs, inTime, lost, duplicates: run.stream.duplicates, overhead };
}

const without = voice(undefined);
for (const bad of CASES) {
  progress(bad.name);
  const beside = voice(bad);
  const name = `merge.hostile.${bad.name}`;
  printAtMost(`${name}.costShare`, Math.max(0, 1 - beside.inTime / without.inTime), "share", 0.01);
  printAtMost(`${name}.lost`, beside.lost, "packets", 0);
  printAtMost(`${name}.duplicates`, beside.duplicates, "packets", 0);
  printFigure(`${name}.p50Ms`, quantile(beside.delaysUs, 0.5) / 1000, "ms");
  printFigure(`${name}.p99Ms`, quantile(beside.delaysUs, 0.99) / 1000, "ms");
  printFigure(`${name}.overhead`, beside.overhead, "x");
}
endProgress();
