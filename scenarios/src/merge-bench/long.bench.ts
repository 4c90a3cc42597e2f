import { quantile } from "../routing-bench/figures.ts";
import { endProgress, printAtLeast, printAtMost, printFigure, progress } from "../routing-bench/print.ts";
import { RandomStream } from "../sim/random-streams.ts";
import { type PathOptions, PROFILES } from "./profiles.ts";
import { HQ, SITE, TwoNodes } from "./two-nodes.ts";
import { LATE_US, VoiceRun } from "./voice-run.ts";

const HOUR_US = 3_600_000_000;
const DAYS_PER_HOUR = 24;
const MINUTE_US = 60_000_000;

/** A path that is there all the time is called down while another one loses 5 % in runs of six. */
function falseDown(): void {
  const paths = PROFILES.default.map((path) => (path.name === "adhoc" ? { ...path, loss: 0.05, burst: 6 } : path));
  const run = new VoiceRun({ paths, seed: 3, critical: true });
  let down = 0;
  const voice = run.mesh.onEvent;
  run.mesh.onEvent = (node, event) => {
    if (event.type === "neighbour" && !event.up) down++;
    voice(node, event);
  };
  for (let minute = 0; minute < 60; minute++) {
    progress(`false DOWN: minute ${minute}`);
    run.talk(MINUTE_US);
  }
  printAtMost("merge.detect.falseDownPerHour", down, "1/h", 0.99);
  const { suspicions = 0 } = run.mesh.cores[SITE]?.status(run.mesh.nowUs).counters ?? {};
  printFigure("merge.detect.falseSuspectPerHour", suspicions, "1/h");
}

/** What two nodes that say nothing cost on a path that is paid for. */
function idle(): void {
  const mesh = new TwoNodes(PROFILES.default, 5);
  mesh.run(MINUTE_US);
  const metered = ["sat", "lte"].map((name) => mesh.pipes[mesh.pathOf(name)] ?? []);
  const octets = (): number[] => metered.map((pair) => pair.reduce((sum, pipe) => sum + pipe.octets, 0));
  const before = octets();
  mesh.run(HOUR_US);
  const perDay = octets().map((after, i) => ((after - (before[i] as number)) * DAYS_PER_HOUR) / 1e6);
  printAtMost("merge.idle.megabytesPerDay", Math.max(...perDay), "MB/day", 1);
}

const CALLS_EACH = 12;
const RIGS = 280;
const CALL_EVERY_US = 8_000_000;
const IN_TIME_US = 5_000_000;

/** SOS and position from the site with two paths silent and a fifth of the packets lost on the third. */
function emergencies(): void {
  let calls = 0;
  let heard = 0;
  let seen = 0;
  const fix = { latitudeDeg: 31, longitudeDeg: 103.5, altitudeM: 900, speedKmh: 4, courseDeg: 0, batteryPercent: 50 };
  for (const left of ["sat", "lte", "adhoc"]) {
    const paths = PROFILES.clean.map((path) => (path.name === left ? { ...path, loss: 0.2 } : path));
    for (let rig = 0; rig < RIGS; rig++) {
      progress(`SOS over ${left}: ${rig} of ${RIGS}`);
      const mesh = new TwoNodes(paths, 100 + rig);
      let calledUs = 0;
      let sosId = -1;
      let sequence = -1;
      mesh.onEvent = (node, event) => {
        if (node !== HQ || mesh.nowUs - calledUs > IN_TIME_US) return;
        if (event.type === "sos" && event.sosId === sosId) heard++;
        if (event.type === "position" && event.sequence === sequence) seen++;
      };
      mesh.run(3_000_000 + 1_000 * rig);
      for (const [path, name] of mesh.names.entries()) if (name !== left) mesh.setUp(path, false);
      for (let call = 0; call < CALLS_EACH; call++) {
        calledUs = mesh.nowUs;
        calls++;
        // The frames leave after both calls, so that the numbers are known when they arrive.
        mesh.use(SITE, (core, nowUs) => {
          sosId = core.raiseSos(nowUs, 1, fix);
          sequence = core.reportPosition(nowUs, fix);
        });
        mesh.run(CALL_EVERY_US);
      }
    }
  }
  printAtLeast("merge.sos.delivered", heard / calls, "share", 0.9999);
  printAtLeast("merge.position.delivered", seen / calls, "share", 0.9999);
}

/** A path that was cut comes back while somebody talks. */
function failback(): void {
  let lost = 0;
  for (let seed = 1; seed <= 20; seed++) {
    progress(`failback ${seed}`);
    const run = new VoiceRun({ paths: PROFILES.default, seed, critical: true });
    run.talk(3_000_000);
    const path = run.mesh.pathOf(seed % 2 === 0 ? "adhoc" : "lte");
    run.mesh.setUp(path, false);
    run.talk(6_000_000);
    const fromUs = run.mesh.nowUs;
    run.mesh.setUp(path, true);
    run.talk(20_000_000);
    run.stop();
    const endUs = run.mesh.nowUs;
    run.mesh.run(2_000_000);
    lost += run.stream.delaysUs(fromUs, endUs).filter((us) => us === Number.POSITIVE_INFINITY).length;
  }
  printAtMost("merge.failback.lost", lost, "packets", 0);
}

/** Half an hour of voice over bursty paths of which one at a time fails for a while, again and again. */
function soak(): void {
  const run = new VoiceRun({ paths: PROFILES.bursty, seed: 11, critical: true });
  const random = new RandomStream(11, "soak");
  const startUs = run.mesh.nowUs;
  for (let round = 0; run.mesh.nowUs - startUs < HOUR_US / 2; round++) {
    progress(`soak: round ${round}`);
    const path = Math.floor(random.unit() * 3);
    run.talk(2_000_000 + Math.floor(random.unit() * 20_000_000));
    run.mesh.setUp(path, false);
    run.talk(200_000 + Math.floor(random.unit() * 8_000_000));
    run.mesh.setUp(path, true);
  }
  run.stop();
  const endUs = run.mesh.nowUs;
  run.mesh.run(3_000_000);
  printAtMost("merge.soak.duplicates", run.stream.duplicates, "packets", 0);
  const delays = run.stream.delaysUs(0, endUs);
  printFigure(
    "merge.soak.lostShare",
    delays.filter((us) => us === Number.POSITIVE_INFINITY).length / delays.length,
    "share",
  );
}

/** What voice over two good paths loses by a third: in its median delay, or in the share that comes in time. */
function costShare(name: string, third: PathOptions, bound: number): void {
  const two = PROFILES.default.filter((path) => path.name !== "sat");
  const [without, withThird] = [two, [...two, third]].map((paths) => {
    const free = paths.map((path) => ({ ...path, bearer: { ...path.bearer, costCentsPerMegabyte: 0 } }));
    const run = new VoiceRun({ paths: free, seed: 21, critical: true });
    run.talk(3_000_000);
    const fromUs = run.mesh.nowUs;
    run.talk(5 * MINUTE_US);
    const delays = run.stream.delaysUs(fromUs, run.mesh.nowUs - 1_000_000);
    return { middleUs: quantile(delays, 0.5), inTime: delays.filter((us) => us <= LATE_US).length / delays.length };
  }) as [Voice, Voice];
  const slower = withThird.middleUs / without.middleUs - 1;
  printAtMost(name, Math.max(0, slower, 1 - withThird.inTime / without.inTime), "share", bound);
}
interface Voice {
  middleUs: number;
  inTime: number;
}

falseDown();
idle();
emergencies();
failback();
soak();
costShare("merge.addSatellite.costShare", PROFILES.default[0] as PathOptions, 0.01);
costShare(
  "merge.lossyPath.costShare",
  {
    name: "lossy",
    rateBps: 5e6,
    delayUs: 8_000,
    loss: 0.5,
    queueOctets: 62_500,
    bearer: { kind: 4, bitrateBps: 5e6, latencyUs: 8_000 },
  },
  0.01,
);
endProgress();
