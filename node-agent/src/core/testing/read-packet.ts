import {
  createDataHeader,
  createRepair,
  DATA_FLAG_REPAIR,
  DIRECT_HEADER_OCTETS,
  decodeRepair,
  decodeWideDataHeader,
  END_TO_END_OCTETS,
} from "@skein/codecs";

const POTENTIALS = 0x1_0000;
const REPAIR_STATES = 10_000;
/** Tag, what protects the packet end to end, and the two last octets of the payload before it. */
const MARK_FROM_END = 10 + END_TO_END_OCTETS;

interface Packet {
  /** Second last octet of its payload. */
  mark: number;
  stage: number;
  repaired: boolean;
  /**
   * How far it is from the end of a way on which it cannot return, as one number that falls at every hop. The stage of
   * a way to another area comes before all else; then ordinary descent before repair; then each generation, hop of a
   * search, failure, and hop of the route.
   */
  remaining: number;
}

/** A packet in a direct frame sealed by the null crypto, if its payload ends with `magic` and a mark. */
export function readPacket(octets: Uint8Array, magic: number): Packet | undefined {
  if (octets.length < 100 || octets[octets.length - MARK_FROM_END] !== magic) return undefined;
  const header = createDataHeader();
  const body = DIRECT_HEADER_OCTETS + decodeWideDataHeader(octets, DIRECT_HEADER_OCTETS, octets.length, false, header);
  const stage = header.potential >>> 16;
  const repaired = (header.flags & DATA_FLAG_REPAIR) !== 0;
  let inStage = REPAIR_STATES + (header.potential % POTENTIALS);
  if (repaired) {
    const repair = createRepair();
    if (decodeRepair(octets, body, octets.length, repair) === 0) return undefined;
    inStage =
      (((3 - repair.generation) * 3 + repair.searchHops) * 5 + 4 - repair.failureCount) * 100 + repair.routeLength;
  }
  const mark = octets[octets.length - MARK_FROM_END + 1] as number;
  return { mark, stage, repaired, remaining: stage * (REPAIR_STATES + POTENTIALS) + inStage };
}
