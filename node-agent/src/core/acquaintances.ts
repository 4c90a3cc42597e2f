import { rebuildCounter, SHARED_COUNTER_BITS } from "@skein/codecs";
import type { Acquaintance } from "./api.ts";
import { ACQUAINTANCE_COUNTERS, STRANGER_BEARERS, STRANGER_BOOTS, STRANGER_SPANS } from "./limits.ts";
import type { Neighbour } from "./neighbour.ts";
import type { Port } from "./port.ts";
import type { Stranger } from "./secure-channel.ts";
import { type CoreState, emit } from "./state.ts";

/**
 * Who may have sent a frame on a narrow bearer that names nobody whom one knows by a hello: a question for that, and the
 * answer, take turns that a channel in use has not got for seconds. Every guess is tried against the frame's tag.
 */
export class Acquaintances {
  readonly #s: CoreState;
  readonly #guesses: Stranger[] = [];

  constructor(state: CoreState) {
    this.#s = state;
    for (const port of state.ports) {
      const onIt = state.options.acquaintances?.filter(({ bearerId }) => bearerId === port.config.id);
      port.membersBefore = new Set(onIt?.map(({ address }) => address)).size;
    }
  }

  /** Who `local` may be, by what was heard of it before this start and by link state, likeliest first. Good until the next call. */
  guesses(port: Port, local: number, counterBits: number): readonly Stranger[] {
    this.#guesses.length = 0;
    const address = (this.#s.area << 8) | local;
    for (const known of this.#s.options.acquaintances ?? [])
      if (known.address === address && known.bearerId === port.config.id) this.#guessBoots(known, counterBits);
    const told = this.#s.db.node(local)?.advertisement;
    if (told === undefined) return this.#guesses;
    const { nodeId, bootEpoch } = told;
    for (let i = 0; i < STRANGER_BEARERS; i++)
      this.#guesses.push({ nodeId, bootEpoch, bearerId: port.config.id ^ i, counter: counterBits });
    return this.#guesses;
  }

  /** Which boot of a neighbour a frame may be of that is not of the one it is known by. Good until the next call. */
  laterBoots(n: Neighbour, counterBits: number): readonly Stranger[] {
    this.#guesses.length = 0;
    for (let i = 1; i <= STRANGER_BOOTS; i++) this.#guessBoot(n.nodeId, n.bootEpoch + i, n.remoteBearerId, counterBits);
    return this.#guesses;
  }

  /** A frame of a neighbour on a narrow bearer has come: now and then the owner is told what to keep. */
  heard(port: Port, n: Neighbour): void {
    if (n.window.highest < n.toldAtCounter) return;
    const { address, nodeId, bootEpoch, remoteBearerId } = n;
    const counter = n.window.highest;
    n.toldAtCounter = counter + ACQUAINTANCE_COUNTERS;
    const acquaintance = { bearerId: port.config.id, address, nodeId, bootEpoch, remoteBearerId, counter };
    emit(this.#s, { type: "acquaintance", acquaintance });
  }

  #guessBoots({ nodeId, bootEpoch, remoteBearerId, counter }: Acquaintance, counterBits: number): void {
    const next = rebuildCounter(counterBits, SHARED_COUNTER_BITS, counter);
    for (let i = 0; i < STRANGER_SPANS; i++) {
      const guess = next + i * 2 ** SHARED_COUNTER_BITS;
      // An older one has come before, or somebody has recorded it.
      if (guess > counter) this.#guessBoot(nodeId, bootEpoch, remoteBearerId, guess);
    }
    for (let i = 1; i <= STRANGER_BOOTS; i++) this.#guessBoot(nodeId, bootEpoch + i, remoteBearerId, counterBits);
  }

  #guessBoot(nodeId: number, bootEpoch: number, bearerId: number, counter: number): void {
    this.#guesses.push({ nodeId, bootEpoch, bearerId, counter });
  }
}
