import { Counters } from "../counters.ts";
import { createNeighbour } from "../neighbour.ts";
import { PacketPool } from "../packet-pool.ts";
import { createPort, type Port } from "../port.ts";
import { NARROW } from "./virtual-mesh.ts";

/** A half-duplex channel as each of `members` sees it: one port each, with all the others, and `others`, as neighbours. */
export function memberPorts(members: readonly number[], others: readonly number[] = []): Port[] {
  const config = { ...NARROW, id: 0, name: "radio", medium: "shared", costCentsPerMegabyte: 0 };
  return members.map((own) => {
    const port = createPort(config as Port["config"], new PacketPool(4), new Counters());
    for (const other of [...members, ...others])
      if (other !== own) port.neighbours.push(createNeighbour(port.neighbours.length, other, 256 + other, 0, 0));
    return port;
  });
}
