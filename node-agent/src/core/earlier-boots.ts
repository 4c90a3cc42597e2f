import type { DataHeader } from "@skein/codecs";
import type { Address } from "./api.ts";
import type { Custody } from "./custody.ts";
import { isSealedFor } from "./end-to-end.ts";
import { MAX_RESTARTS } from "./limits.ts";
import type { CoreState } from "./state.ts";

/**
 * Packets that are sealed for a boot of their destination which is over. It cannot open them, nobody will acknowledge them,
 * and whoever holds one would try every way to where it is heard: relays drop them as soon as they know. Sources say again
 * what matters when they know.
 */
export class EarlierBoots {
  readonly #s: CoreState;
  readonly #custody: Custody;
  /** When a node was last known to have started anew. */
  readonly #restartedUs = new Map<Address, number>();

  constructor(state: CoreState, custody: Custody) {
    this.#s = state;
    this.#custody = custody;
  }

  /** A node has started anew: what waits for it is of no use. */
  restarted(nowUs: number, address: Address): void {
    if (this.#restartedUs.size >= MAX_RESTARTS) this.#restartedUs.clear();
    this.#restartedUs.set(address, nowUs);
    const { pool, ports } = this.#s;
    const isFor = (slot: number): boolean =>
      isSealedFor(
        {
          kind: pool.kind[slot] as number,
          trafficClass: pool.trafficClass[slot] as number,
          precedence: pool.precedence[slot] as number,
          destination: pool.destination[slot] as number,
          flags: pool.flags[slot] as number,
        },
        address,
      );
    for (const port of ports)
      for (let slot = port.queue.takeFirst(isFor); slot !== -1; slot = port.queue.takeFirst(isFor)) {
        this.#drop(pool.trafficClass[slot] as number, port.config.id);
        pool.release(slot);
      }
    for (const slot of this.#custody.takeAll(isFor)) {
      this.#drop(pool.trafficClass[slot] as number);
      pool.release(slot);
    }
  }

  /** True, and counted, of a packet that this node has sent at `sentUs` for a boot that is over. */
  drops(header: DataHeader, sentUs: number, bearerId: number): boolean {
    const restartedUs = this.#restartedUs.get(header.destination) ?? Number.NEGATIVE_INFINITY;
    if (sentUs > restartedUs || !isSealedFor(header, header.destination)) return false;
    this.#drop(header.trafficClass, bearerId);
    return true;
  }

  #drop(trafficClass: number, bearerId?: number): void {
    this.#s.counters.drop("earlier-boot", trafficClass, bearerId);
  }
}
