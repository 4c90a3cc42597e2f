import { TrafficClass } from "./api.ts";
import { addId, createIdSet, hasId, removeId } from "./id-set.ts";
import { NEWCOMERS_CALM_US, NEWCOMERS_LOOK_US, NEWCOMERS_SPREAD_US } from "./limits.ts";
import { UNREACHABLE } from "./link-cost.ts";
import { type CoreState, emit } from "./state.ts";
import { isSettling } from "./turn-taking.ts";

const NEVER = Number.NEGATIVE_INFINITY;

/**
 * Sees that nodes of the area can be reached which could not before, or have started anew: they do not know what was told
 * to all. The owner is told (event `newcomers`) when no more of them have come for a while, and those on narrow channels have
 * told of each other; a mesh that comes up is one such time.
 */
export class Newcomers {
  readonly #s: CoreState;
  /** Local ids that could be reached when it was last looked. */
  readonly reached = createIdSet();
  #haveCome = false;
  dueUs = Number.POSITIVE_INFINITY;
  /** Told when the owner is, */
  onCome: (nowUs: number) => void = () => undefined;
  /** and when somebody cannot be reached any more, or has started anew, who gave the last sign of life at that time. */
  onGone: (local: number, heardUs: number) => void = () => undefined;

  constructor(state: CoreState) {
    this.#s = state;
  }

  databaseChanged(nowUs: number): void {
    // Not for each change: while a mesh comes up there are hundreds a second.
    if (this.dueUs === Number.POSITIVE_INFINITY) this.dueUs = nowUs + NEWCOMERS_LOOK_US;
  }

  /** A node of the area has another boot epoch. */
  restarted(nowUs: number, local: number): void {
    removeId(this.reached, local);
    this.onGone(local, this.#s.db.node(local)?.heardBeforeUs ?? NEVER);
    this.databaseChanged(nowUs);
  }

  handleTimeout(nowUs: number): void {
    this.dueUs = Number.POSITIVE_INFINITY;
    if (this.#look()) this.#haveCome = true;
    else if (!this.#haveCome) return;
    else if (!this.#s.ports.some((port) => port.up && isSettling(port, nowUs))) {
      this.#haveCome = false;
      emit(this.#s, { type: "newcomers" });
      this.onCome(nowUs);
      return;
    }
    this.dueUs = nowUs + NEWCOMERS_CALM_US + this.#s.random.below(NEWCOMERS_SPREAD_US);
  }

  /** Notes who can be reached; true if that is anybody more. */
  #look(): boolean {
    const { local, paths } = this.#s;
    const distances = paths.from(local, TrafficClass.command);
    let more = false;
    for (let node = 1; node < 255; node++) {
      const isReached = node !== local && distances[node] !== UNREACHABLE;
      if (isReached === hasId(this.reached, node)) continue;
      if (isReached) {
        addId(this.reached, node);
        more = true;
      } else {
        removeId(this.reached, node);
        this.onGone(node, this.#s.db.node(node)?.heardUs ?? NEVER);
      }
    }
    return more;
  }
}
