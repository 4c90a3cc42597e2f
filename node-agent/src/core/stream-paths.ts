import { DISJOINT, ROUTED, type StreamPath, TrafficClass } from "./api.ts";
import { sumOfLinks, type Way, wayOf } from "./explain-route.ts";
import type { Choice, Forwarding } from "./forwarding.ts";
import { MAX_PAYLOAD_OCTETS, MIN_SECOND_WAY_BPS } from "./limits.ts";
import type { Port } from "./port.ts";
import type { CoreState } from "./state.ts";

/** Around what goes on a bearer in a frame: direct header 4, kind 1, next hop 1, tag 8. */
const FRAME_OCTETS = 14;
/** What goes over other nodes has a routing header as well, and nobody knows the smallest frame on its way. */
const WAY_ROOM_OCTETS = 1200;
/** What is said of a way of which the database does not know. */
const UNKNOWN: Way = { bitrateBps: 400_000, goodputBps: 400_000, latencyUs: 50_000, costCentsPerMegabyte: 0 };

/**
 * What a stream that chooses its paths itself may use to a node: `bearers`, which lead there straight, and ways over other
 * nodes. A second way is one only if it adds something: it has a channel of its own where it begins, and none on it
 * that is slow or closed to bulk.
 */
export function readStreamPaths(
  s: CoreState,
  forwarding: Forwarding,
  nowUs: number,
  to: number,
  bearers: readonly Port[],
): StreamPath[] {
  const paths = bearers.map((port) => ofBearer(port));
  const isNear = bearers.length > 0;
  const routed = forwarding.choices(nowUs, to, TrafficClass.bulk).first;
  const end = to >>> 8 === s.area ? to & 0xff : -1;
  // Of what leaves the area only the beginning is known.
  if (end === -1 || routed === undefined) return isNear ? paths : [ofWay(ROUTED, UNKNOWN)];
  const used = [...bearers];
  const add = (path: number, choice: Choice, isOnly: boolean): void => {
    if (isNear && choice.local === end) return;
    const port = s.ports[choice.bearerId] as Port;
    const way = describe(s, end, choice);
    const adds = way !== undefined && way.bitrateBps >= MIN_SECOND_WAY_BPS && !port.narrow;
    if (!isOnly && (!adds || (port.shared && used.includes(port)))) return;
    used.push(port);
    paths.push(ofWay(path, way ?? UNKNOWN));
  };
  add(ROUTED, routed, !isNear);
  const disjoint = forwarding.disjoint(nowUs, to, TrafficClass.bulk);
  if (disjoint !== undefined) add(DISJOINT, disjoint, false);
  return paths;
}

function ofBearer(port: Port): StreamPath {
  const { id, bitrateBps, latencyUs, mtuOctets } = port.config;
  const roomOctets = Math.min(MAX_PAYLOAD_OCTETS, mtuOctets - FRAME_OCTETS);
  const { costCentsPerMegabyte } = port;
  return { path: id, bitrateBps, latencyUs, costCentsPerMegabyte, preferenceUs: port.rules.preferenceUs, roomOctets };
}

function ofWay(path: number, way: Way): StreamPath {
  const { bitrateBps, latencyUs, costCentsPerMegabyte } = way;
  return { path, bitrateBps, latencyUs, costCentsPerMegabyte, preferenceUs: 0, roomOctets: WAY_ROOM_OCTETS };
}

/** What the links of a way are like together; undefined if one of them is not known, or closed to bulk. */
function describe(s: CoreState, end: number, choice: Choice): Way | undefined {
  const way = wayOf(s.paths, choice, end, TrafficClass.bulk);
  return way.at(-1) === end ? sumOfLinks(s.db, [s.local, ...way], TrafficClass.bulk) : undefined;
}
