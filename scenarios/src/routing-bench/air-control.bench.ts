/**
 * What the mesh adds to a shared channel of 9600 bit/s (half duplex, 20 ms of key-up, 10 bits an octet) on which
 * everyone reports a position: airtime of all frames that carry no position, and of what is in position frames
 * beyond the plain ones, over 10 minutes after 3 minutes of settling. All members hear each other. Frames that collide
 * count each, so that a channel in trouble may have a share above 1.
 *
 *   members   a position each   positions' share of the airtime at 23 octets: 48 ms
 *   10        10 s              4.8 %
 *   30        30 s              4.8 %
 *   100       60 s              8.0 %
 */
import { FrameKind, kindOf } from "@skein/codecs";
import { RandomStream } from "../sim/random-streams.ts";
import { AIR_OCTET_US, airFrameUs, Field } from "./field.ts";
import { kindOctetOf } from "./frame-view.ts";
import { allPairs } from "./geometry.ts";
import { endProgress, printAtMost, printFigure, progress } from "./print.ts";

const SEED = 1;
const SETTLE_S = 180;
const MEASURE_S = 600;
/** What positions travel in carries this of the mesh's own. */
const DIGEST_OCTETS = 2;

function measure(members: number, everyS: number, bound: number): void {
  const field = new Field({ nodes: members, seed: SEED, signalled: true, media: [{ name: "air", kind: "air9600" }] });
  const random = new RandomStream(SEED, `air${members}`);
  field.setLinks(0, allPairs([...field.cores.keys()]));
  let controlUs = 0;
  let positionUs = 0;
  let heard = 0;
  let reported = 0;
  field.onFrame = (_node, _medium, _endpoint, octets, length) => {
    const position = kindOf(kindOctetOf(octets)) === FrameKind.positions;
    const beyond = position ? DIGEST_OCTETS * AIR_OCTET_US : airFrameUs(length);
    controlUs += beyond;
    if (position) positionUs += airFrameUs(length) - beyond;
  };
  field.onEvent = (_node, event) => {
    if (event.type === "position") heard++;
  };
  for (const node of field.cores.keys()) {
    field.at(field.nowUs + random.unit() * 10e6, () => field.start(node));
    const report = (): void => {
      reported++;
      field.use(node, (core, nowUs) => core.reportPosition(nowUs, place(node)));
      field.at(field.nowUs + everyS * 1e6, report);
    };
    field.at(field.nowUs + 10e6 + random.unit() * everyS * 1e6, report);
  }
  for (let s = 0; s < SETTLE_S + MEASURE_S; s++) {
    if (s === SETTLE_S) {
      controlUs = 0;
      positionUs = 0;
      heard = 0;
      reported = 0;
    }
    progress(`${members} members: ${s} s of ${SETTLE_S + MEASURE_S}`);
    field.run(1_000_000);
  }
  endProgress();
  const name = `routing.air9600.control${members}`;
  const delivered = heard / (reported * (members - 1));
  const complete = field.cores.reduce((n, core) => n + field.addresses.filter((a) => core.isReachable(a)).length, 0);
  // Silence must not look like thrift: positions have to arrive, and everyone has to know everyone.
  const valid = delivered >= 0.9 && complete === members ** 2;
  printAtMost(`${name}.share`, controlUs / (MEASURE_S * 1e6), "ratio", bound, valid);
  printFigure(`${name}.positionShare`, positionUs / (MEASURE_S * 1e6), "ratio");
  printFigure(`${name}.positionsDelivered`, delivered, "ratio");
  printFigure(`${name}.reachable`, complete / members ** 2, "ratio");
}

function place(node: number) {
  return {
    latitudeDeg: 30 + node / 1000,
    longitudeDeg: 104,
    altitudeM: 500,
    speedKmh: 5,
    courseDeg: 90,
    batteryPercent: 80,
  };
}

measure(10, 10, 0.015);
measure(30, 30, 0.02);
measure(100, 60, 0.04);
