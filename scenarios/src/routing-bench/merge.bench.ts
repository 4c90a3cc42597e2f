/**
 * Two partitions of 30 nodes meet (see `partitions.ts`): from the first frame that one hears from the other until a first packet
 * from an inner node of one side is with an inner node of the other. The worst of some seeds.
 */
import { median } from "./figures.ts";
import { type Meeting, Partitions } from "./partitions.ts";
import { endProgress, printAtMost, printFigure, progress } from "./print.ts";

const SEEDS = Array.from({ length: 25 }, (_, i) => i + 1);
const SIDE = 30;
/** Of two teams that are all on one channel. */
const TEAM = 15;
/** What has not happened by then is printed as this. */
const LIMIT_US = 120_000_000;
/** Of what the design has no figure for: twice what it has for two border nodes, though thirty hellos are 3 s of airtime. */
const TYPICAL_S = 2;

function measure(meeting: Meeting): number[] {
  const times = SEEDS.map((seed) => {
    progress(`merge, ${meeting}: seed ${seed} of ${SEEDS.length}`);
    return new Partitions(meeting, meeting === "teams" ? TEAM : SIDE, seed).meet(LIMIT_US);
  });
  endProgress();
  return times;
}

const air = measure("air");
printAtMost("routing.merge.air9600.firstPacketS", Math.max(...air) / 1e6, "s", 1);
printFigure("routing.merge.air9600.firstPacketMedianS", median(air) / 1e6, "s");
for (const meeting of ["gateway", "teams"] as const) {
  const times = measure(meeting);
  printAtMost(`routing.merge.${meeting}9600.firstPacketMedianS`, median(times) / 1e6, "s", TYPICAL_S);
  printFigure(`routing.merge.${meeting}9600.firstPacketS`, Math.max(...times) / 1e6, "s");
}
const ip = measure("ip");
printAtMost("routing.merge.ip.firstPacketMs", Math.max(...ip) / 1e3, "ms", 300);
printFigure("routing.merge.ip.firstPacketMedianMs", median(ip) / 1e3, "ms");
