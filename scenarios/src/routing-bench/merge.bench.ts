/**
 * Two partitions of 30 nodes meet (see `partitions.ts`): from the first frame that one hears from the other until a first packet
 * from an inner node of one side is with an inner node of the other. The worst of some seeds.
 */
import { median } from "./figures.ts";
import { type Meeting, Partitions } from "./partitions.ts";
import { endProgress, printAtMost, printFigure, progress } from "./print.ts";

const SEEDS = Array.from({ length: 25 }, (_, i) => i + 1);
const SIDE = 30;
/** What has not happened by then is printed as this. */
const LIMIT_US = 120_000_000;
/** A gateway that all of a channel hear: the design has no figure. Thirty say hello to it, which is 3 s of airtime. */
const GATEWAY_S = 5;

function measure(meeting: Meeting): number[] {
  const times = SEEDS.map((seed) => {
    progress(`merge, ${meeting}: seed ${seed} of ${SEEDS.length}`);
    return new Partitions(meeting, SIDE, seed).meet(LIMIT_US);
  });
  endProgress();
  return times;
}

const air = measure("air");
printAtMost("routing.merge.air9600.firstPacketS", Math.max(...air) / 1e6, "s", 1);
printFigure("routing.merge.air9600.firstPacketMedianS", median(air) / 1e6, "s");
const gateway = measure("gateway");
printAtMost("routing.merge.gateway9600.firstPacketS", Math.max(...gateway) / 1e6, "s", GATEWAY_S);
printFigure("routing.merge.gateway9600.firstPacketMedianS", median(gateway) / 1e6, "s");
const ip = measure("ip");
printAtMost("routing.merge.ip.firstPacketMs", Math.max(...ip) / 1e3, "ms", 300);
printFigure("routing.merge.ip.firstPacketMedianMs", median(ip) / 1e3, "ms");
