import { areaRouteOctets, HELLO_FLAG_AREAS, type Hello, helloEntry, MAX_HELLO_ENTRIES } from "@skein/codecs";
import type { AreaTold } from "./area-routes.ts";
import type { Neighbour } from "./neighbour.ts";
import type { Port } from "./port.ts";

/** A neighbour of another area in a hello; and seal, hello header and counts, at most. */
const FOREIGN_ENTRY_OCTETS = 3;
const FOREIGN_DIRECT_ENTRY_OCTETS = 9;
const HELLO_REST_OCTETS = 48;
/** Fills a hello with whom this node hears of its own area. */
export function listNeighbours(nowUs: number, port: Port, hello: Hello): void {
  for (const n of port.neighbours) if (!n.foreign) listNeighbour(nowUs, hello, n);
}

/** Adds those of other areas and what they are told, of the routes as many as fit. */
export function listForeign(nowUs: number, port: Port, hello: Hello, { part, members, routes }: AreaTold): void {
  hello.flags |= HELLO_FLAG_AREAS;
  for (const n of port.foreign) listNeighbour(nowUs, hello, n);
  const entryOctets = port.shared ? FOREIGN_ENTRY_OCTETS : FOREIGN_DIRECT_ENTRY_OCTETS;
  hello.part = part;
  hello.members = members;
  let room = port.config.mtuOctets - HELLO_REST_OCTETS - hello.entryCount * entryOctets - members.length;
  hello.routes = routes.filter((route) => {
    room -= areaRouteOctets(route);
    return room >= 0;
  });
}

function listNeighbour(nowUs: number, hello: Hello, n: Neighbour): void {
  // One that is held down is not listed: both ends leave the link alone for as long.
  if (!n.alive || nowUs < n.heldDownUntilUs || hello.entryCount === MAX_HELLO_ENTRIES) return;
  const entry = helloEntry(hello, hello.entryCount++);
  entry.area = n.foreign ? n.area : -1;
  entry.local = n.local;
  entry.quality = Math.round(n.rxQuality * 255);
  entry.receiverIndex = n.index;
  entry.slot = n.index + 1;
  entry.counter = n.directCounter % 0x1_0000_0000;
}
