import type { Mobility, Place } from "../scenario/schema.ts";
import { RandomStream } from "../sim/random-streams.ts";

/** A place: metres east and north of the scenario's origin, metres above ground. */
export interface Point {
  eastM: number;
  northM: number;
  altitudeM: number;
}

/** Where a node is, by time; `out` is filled and no state is kept that depends on the order of calls. */
export type Track = (nowUs: number, out: Point) => void;

const KMH_TO_M_PER_US = 1 / 3.6e6;

/** Makes the track of one node. `name` names the random stream of nodes that wander. */
export function makeTrack(mobility: Mobility, seed: number, name: string): Track {
  if (Array.isArray(mobility)) return fixedTrack(mobility);
  if ("orbit" in mobility) return orbitTrack(mobility.orbit);
  if ("waypoints" in mobility) return legsTrack(pingPong(mobility.waypoints), mobility.speedKmh, 0);
  const { centre, radiusM, speedKmh, pause } = mobility.randomWaypoint;
  return legsTrack(randomPlaces(centre, radiusM, new RandomStream(seed, `mobility/${name}`)), speedKmh, pause);
}

function fixedTrack(place: Place): Track {
  return (_nowUs, out) => {
    out.eastM = place[0];
    out.northM = place[1];
    out.altitudeM = place[2] ?? 0;
  };
}

interface Orbit {
  centre: Place;
  radiusM: number;
  altitudeM: number;
  speedKmh: number;
  phaseDeg: number;
}
function orbitTrack(orbit: Orbit): Track {
  const radiansPerUs = (orbit.speedKmh * KMH_TO_M_PER_US) / orbit.radiusM;
  const phase = (orbit.phaseDeg * Math.PI) / 180;
  return (nowUs, out) => {
    const angle = phase + nowUs * radiansPerUs;
    out.eastM = orbit.centre[0] + orbit.radiusM * Math.cos(angle);
    out.northM = orbit.centre[1] + orbit.radiusM * Math.sin(angle);
    out.altitudeM = orbit.altitudeM;
  };
}

function pingPong(places: Place[]): Place[] {
  return [...places, ...places.slice(1, -1).reverse()];
}

/** 64 places in a disc, walked in a circle: enough that nobody sees the repetition. */
function randomPlaces(centre: Place, radiusM: number, stream: RandomStream): Place[] {
  return Array.from({ length: 64 }, (): Place => {
    const r = radiusM * Math.sqrt(stream.unit());
    const angle = 2 * Math.PI * stream.unit();
    return [centre[0] + r * Math.cos(angle), centre[1] + r * Math.sin(angle), centre[2] ?? 0];
  });
}

/** A closed walk over `places` at one speed, with a pause at each. */
function legsTrack(places: Place[], speedKmh: number, pauseUs: number): Track {
  const endsUs: number[] = [];
  let totalUs = 0;
  for (const [i, from] of places.entries()) {
    const to = places[(i + 1) % places.length] as Place;
    totalUs += pauseUs + Math.hypot(to[0] - from[0], to[1] - from[1]) / (speedKmh * KMH_TO_M_PER_US);
    endsUs.push(totalUs);
  }
  return (nowUs, out) => {
    const inRound = nowUs % totalUs;
    const leg = endsUs.findIndex((endUs) => inRound < endUs);
    const from = places[leg] as Place;
    const to = places[(leg + 1) % places.length] as Place;
    const startUs = (leg === 0 ? 0 : (endsUs[leg - 1] as number)) + pauseUs;
    const lengthUs = (endsUs[leg] as number) - startUs;
    const done = lengthUs > 0 ? Math.max(0, (inRound - startUs) / lengthUs) : 0;
    out.eastM = from[0] + (to[0] - from[0]) * done;
    out.northM = from[1] + (to[1] - from[1]) * done;
    out.altitudeM = (from[2] ?? 0) + ((to[2] ?? 0) - (from[2] ?? 0)) * done;
  };
}
