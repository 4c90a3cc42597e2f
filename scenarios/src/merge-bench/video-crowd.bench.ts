import { decodeBitrateRequest, encodeBitrateRequest } from "@skein/codecs";
import { ReceivedVideo } from "@skein/node-agent/received-video";
import { jain } from "../bearer-bench/load.ts";
import { endProgress, printAtLeast, printFigure, progress } from "../routing-bench/print.ts";
import { Camera } from "./camera.ts";
import { ADHOC, makeField } from "./ways-field.ts";
import { printWorst } from "./worst.ts";

/** More video than a relay passes on: what its cameras' receiver asks them for, and what comes of it. */
const SEEDS = [1, 2, 3, 4, 5, 6];
const CAMERA_BPS = 4e6;
const STREAM = 1;
/** In which cameras find their rates. */
const FIND_US = 5_000_000;
const FILM_US = 60_000_000;
const LAST_US = 1_000_000;
/** As over one hop. */
const RESIDUAL_LOSS = 0.001;
/** Of what the relay passes; a cut to 0.85 of it, and the way back. */
const USED_SHARE = 0.8;

interface Figures {
  /** Share of the packets that does not come in time, once rates are found, and before. */
  readonly residual: number;
  readonly first: number;
  /** What comes of all cameras, bits per second, and how alike it is. */
  readonly bps: number;
  readonly jain: number;
}

/** Cameras, the relay that each has a link to, and headquarters behind it, whose link passes no more than one of theirs. */
function film(cameras: number, seed: number, asks: boolean): Figures {
  const [relay, hq] = [cameras, cameras + 1];
  const links = [...Array.from({ length: cameras }, (_, i) => [i, relay] as const), [relay, hq] as const];
  const field = makeField(
    links.map((of) => ({ of, like: ADHOC })),
    seed,
  );

  const to = field.addresses[hq] as number;
  const all = Array.from({ length: cameras }, (_, i) => new Camera(field, i, to, CAMERA_BPS));
  const received = all.map(() => new ReceivedVideo());
  const carried = all.map(() => CAMERA_BPS);
  const asked = all.map(() => CAMERA_BPS);
  const came = all.map(() => 0);
  const hold = (node: number): void => {
    (all[node] as Camera).bitrateBps = Math.min(CAMERA_BPS, carried[node] as number, asked[node] as number);
  };
  field.onEvent = (node, event) => {
    if (event.type === "video-rate" && node < cameras) {
      carried[node] = event.bps;
      hold(node);
    }
    if (event.type !== "video") return;
    const request = decodeBitrateRequest(event.octets);
    if (request !== undefined) {
      asked[node] = request.bitrateBps;
      hold(node);
    } else if (node === hq) {
      const from = field.addresses.indexOf(event.from);
      all[from]?.arrived(event.octets);
      came[from] = (came[from] as number) + event.octets.length;
      const stream = received[from] as ReceivedVideo;
      if (!stream.take(field.nowUs, event.octets) || !asks) return;
      const octets = encodeBitrateRequest({ bitrateBps: stream.askedBps, ssrc: stream.ssrc });
      field.use(hq, (core, nowUs) => core.sendVideo(nowUs, event.from, STREAM, octets));
    }
  };
  for (const camera of all) camera.start();
  const fromUs = field.nowUs;
  field.run(FIND_US);
  const foundUs = field.nowUs;
  came.fill(0);
  field.run(FILM_US);
  const endUs = field.nowUs;
  const rates = came.map((octets) => (octets * 8e6) / FILM_US);
  for (const camera of all) camera.stop();
  field.run(LAST_US);
  const most = (from: number, until: number): number => Math.max(...all.map((one) => one.residualLoss(from, until)));
  return {
    residual: most(foundUs, endUs),
    first: most(fromUs, foundUs),
    bps: rates.reduce((a, b) => a + b, 0),
    jain: jain(rates),
  };
}

const residual: Record<string, number> = {};
let used = Number.POSITIVE_INFINITY;
let fair = 1;
for (const cameras of [2, 4]) {
  progress(`${cameras} cameras, told nothing`);
  printFigure(`merge.crowd.residualLossUntold.${cameras}`, film(cameras, 1, false).residual, "share");
  const runs = SEEDS.map((seed) => {
    progress(`${cameras} cameras behind one relay: seed ${seed} of ${SEEDS.length}`);
    return film(cameras, seed, true);
  });
  residual[cameras] = Math.max(...runs.map((run) => run.residual));
  printFigure(`merge.crowd.firstLoss.${cameras}`, Math.max(...runs.map((run) => run.first)), "share");
  used = Math.min(used, ...runs.map((run) => run.bps / ADHOC.bitrateBps));
  fair = Math.min(fair, ...runs.map((run) => run.jain));
}
endProgress();
printWorst("merge.crowd.residualLoss", "share", RESIDUAL_LOSS, residual);
printAtLeast("merge.crowd.usedShare", used, "ratio", USED_SHARE);
printAtLeast("merge.crowd.jain", fair, "ratio", 0.95);
