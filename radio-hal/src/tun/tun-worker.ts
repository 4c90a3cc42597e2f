import { readSync } from "node:fs";
import { workerData } from "node:worker_threads";
import { systemCode } from "../hal-error.ts";
import { type RingMemory, RingWriter } from "./packet-ring.ts";

/**
 * The thread that reads a TUN: it sleeps in `read` until the kernel has a packet, which lands in shared memory
 * without a copy. `read` fails when the interface is deleted, and that is how the thread ends.
 */
const { fd, memory } = workerData as { fd: number; memory: RingMemory };
const ring = new RingWriter(memory);
const aside = new Uint8Array(memory.slotOctets);

function readInto(octets: Uint8Array, at: number): number {
  for (;;) {
    try {
      return readSync(fd, octets, at, memory.slotOctets, null);
    } catch (error) {
      if (systemCode(error) !== "EINTR" && systemCode(error) !== "EAGAIN") return -1;
    }
  }
}

for (;;) {
  ring.passGate();
  const at = ring.room();
  const length = at === -1 ? readInto(aside, 0) : readInto(ring.packets, at);
  if (length < 0) break;
  if (at === -1) ring.drop();
  else if (length > 0) ring.commit(length);
}
ring.end();
