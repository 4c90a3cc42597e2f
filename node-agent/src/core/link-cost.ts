import { decodeLinkVector } from "@skein/codecs";
import { closedClasses } from "./bearer-rules.ts";

/**
 * What a link costs each traffic class, in units of 0.25 ms (at least 1, so that every hop descends).
 *
 *   voice    delay of a 60-octet frame, repetitions included; money does not matter
 *   command  delay of a 100-octet frame at half weight, money
 *   video    airtime of a 1000-octet packet, a quarter of the latency, money
 *   bulk     airtime of a 1400-octet packet, money above all
 *
 * Money enters as time: what one is willing to wait to save a cent per megabyte.
 */
export const CLASSES = 4;
export const UNREACHABLE = 0xffff;
export const COST_UNIT_US = 250;
/** Channel kind (`CoreBearer.kind`) of slow radios in link state. */
export const SERIAL_KIND = 1;
const FRAME_OCTETS = [60, 100, 1000, 1400] as const;
const LATENCY_WEIGHT = [1, 0.5, 0.25, 0.1] as const;
const MONEY_UNITS_PER_CENT = [0, 20, 20, 40] as const;
/** Also of a link that is closed to the class: what has any other way takes that. */
export const MAX_LINK_COST = 20_000;

/** The two ends of a link may see its rate and latency differ by so many steps of the vector, a factor of two each. */
const STEPS_APART = 2;

/** True if what the ends of a link say of its rate or latency cannot both be so. Loss may well differ. */
export function endsDisagree(vector: number, other: number): boolean {
  const rate = (vector >>> 12) - (other >>> 12);
  const latency = ((vector >>> 8) & 15) - ((other >>> 8) & 15);
  return Math.abs(rate) > STEPS_APART || Math.abs(latency) > STEPS_APART;
}

const cache = new Uint16Array(0x10000 * CLASSES);

/** Cost of a link with this vector for a class. Pure; the table fills as vectors are met. */
export function linkCost(vector: number, trafficClass: number): number {
  const key = vector * CLASSES + trafficClass;
  const known = cache[key] as number;
  if (known !== 0) return known;
  const link = decodeLinkVector(vector);
  if ((closedClasses(link.closed) >>> trafficClass) % 2 === 1) {
    cache[key] = MAX_LINK_COST;
    return MAX_LINK_COST;
  }
  const attempts = 1 / Math.max(0.02, 1 - link.loss);
  const airtimeUs = ((FRAME_OCTETS[trafficClass] as number) * 8e6) / link.bitrateBps;
  const timeUnits = (attempts * (airtimeUs + (LATENCY_WEIGHT[trafficClass] as number) * link.latencyUs)) / COST_UNIT_US;
  const money = (MONEY_UNITS_PER_CENT[trafficClass] as number) * link.costCentsPerMegabyte;
  const cost = Math.max(1, Math.min(MAX_LINK_COST, Math.round(1 + timeUnits + money)));
  cache[key] = cost;
  return cost;
}
