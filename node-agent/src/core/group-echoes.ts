import type { DataHeader } from "@skein/codecs";
import { addId, addIds, countIds, createIdSet, hasId, removeIds } from "./id-set.ts";
import { ECHO_US, MAX_ECHO_REPEATS, MAX_ECHOES } from "./limits.ts";
import type { MultipointRelays } from "./multipoint-relays.ts";
import type { Neighbour } from "./neighbour.ts";
import type { Port } from "./port.ts";
import type { CoreState } from "./state.ts";

interface Echo {
  port: Port | undefined;
  source: number;
  sequence: number;
  trafficClass: number;
  /** Local ids that were heard to send it, and whom they reach. */
  readonly covered: Uint32Array;
  /** Relays that have it from the own frame first; those who heard another one before do as that one's relays. */
  expected: readonly number[];
  /** Counter of the own frame, -1: not sent yet. */
  counter: number;
  /** How often that frame had been sent when it was looked for last. */
  tries: number;
  sentUs: number;
  /** Repetitions that are left. */
  repeats: number;
  dueUs: number;
}

/**
 * Group frames that were sent into a narrow channel, until those who are to relay them are heard to do so. Nobody
 * acknowledges a group frame, and a gap shows with the next frame only: one that met another at a relay is repeated sooner so
 * (passive acknowledgement, as in RFC 4728).
 */
export class GroupEchoes {
  readonly #s: CoreState;
  readonly #relays: MultipointRelays;
  readonly #echoes: Echo[] = [];
  readonly #left = createIdSet();
  #next = 0;
  dueUs = Number.POSITIVE_INFINITY;
  /** Told of a relay that was not heard, whatever was sent. */
  onGone: (nowUs: number, port: Port, n: Neighbour) => void = () => undefined;

  constructor(state: CoreState, relays: MultipointRelays) {
    this.#s = state;
    this.#relays = relays;
  }

  /** `n` was heard to send a group frame on `port`. */
  heard(port: Port, n: Neighbour, { source, sequence, trafficClass }: DataHeader): void {
    const echo = this.#of(port, source, sequence, trafficClass);
    addId(echo.covered, n.local);
    addIds(echo.covered, n.reach);
  }

  /** This node has sent a packet for all, in the frame with this counter: so long as it takes `relays` to send it, one after the other, it listens for them. */
  sent(nowUs: number, port: Port, packet: number, counter: number, turnUs: number): void {
    const { local, pool, options } = this.#s;
    const source = pool.source[packet] as number;
    const sequence = pool.sequence[packet] as number;
    const relays = this.#relays.of(port, local, source & 0xff, sequence);
    if (relays.length === 0) return;
    const echo = this.#of(port, source, sequence, pool.trafficClass[packet] as number);
    const isOwn = source === options.address;
    echo.expected = isOwn ? relays : relays.filter((relay) => !hasId(echo.covered, relay));
    if (echo.expected.length === 0) return;
    echo.counter = counter;
    echo.tries = 1;
    echo.sentUs = nowUs;
    // Somebody else's frame may have come to a relay before, from where this node does not hear it.
    echo.repeats = isOwn ? MAX_ECHO_REPEATS : 1;
    addId(echo.covered, local);
    addIds(echo.covered, this.#relays.reachOf(port, local));
    this.#listen(nowUs, echo, relays.length * turnUs);
  }

  #listen(nowUs: number, echo: Echo, forUs: number): void {
    echo.dueUs = nowUs + forUs + ECHO_US + this.#s.random.below(ECHO_US / 2);
    this.dueUs = Math.min(this.dueUs, echo.dueUs);
  }

  handleTimeout(nowUs: number): void {
    this.dueUs = Number.POSITIVE_INFINITY;
    for (const echo of this.#echoes) {
      if (echo.dueUs <= nowUs) this.#look(nowUs, echo);
      this.dueUs = Math.min(this.dueUs, echo.dueUs);
    }
  }

  #look(nowUs: number, echo: Echo): void {
    const port = echo.port as Port;
    echo.dueUs = Number.POSITIVE_INFINITY;
    if (!echo.expected.some((local) => this.#isMissed(port, echo, local))) return;
    if (echo.repeats === 0) return this.#giveUp(nowUs, port, echo);
    const index = port.sent.indexOf(echo.counter);
    if (index === -1) return;
    echo.repeats--;
    this.#s.counters.count("relays-missed");
    const tries = port.sent.tries[index] as number;
    // Whoever shares the frame may have had it repeated.
    if (tries === echo.tries) {
      port.sent.tries[index] = tries + 1;
      port.repeats.push(echo.counter * 256);
    }
    echo.tries = port.sent.tries[index] as number;
    this.#listen(nowUs, echo, ECHO_US);
  }

  /** Whoever has not been heard at all since the frame was first sent is gone, as far as relaying is concerned. */
  #giveUp(nowUs: number, port: Port, echo: Echo): void {
    if (echo.source !== this.#s.options.address) return;
    for (const local of echo.expected) {
      const n = port.byLocal[local];
      if (n?.twoWay && n.lastHeardUs < echo.sentUs && this.#isMissed(port, echo, local)) this.onGone(nowUs, port, n);
    }
  }

  /** True of a relay that is there, and neither it nor others were heard to send the frame to all whom it reaches. */
  #isMissed(port: Port, { covered }: Echo, local: number): boolean {
    if (port.byLocal[local]?.alive !== true) return false;
    const left = this.#left;
    left.set(this.#relays.reachOf(port, local));
    removeIds(left, covered);
    return countIds(left) > 0;
  }

  #of(port: Port, source: number, sequence: number, trafficClass: number): Echo {
    for (const echo of this.#echoes) {
      // Narrow frames carry the low octet, and nobody rebuilds it for the source.
      const isSame = echo.source === source && ((echo.sequence ^ sequence) & 0xff) === 0;
      if (isSame && echo.port === port && echo.trafficClass === trafficClass) return echo;
    }
    const echo = this.#free();
    echo.port = port;
    echo.source = source;
    echo.sequence = sequence;
    echo.trafficClass = trafficClass;
    echo.covered.set(this.#relays.reachOf(port, source & 0xff));
    addId(echo.covered, source & 0xff);
    echo.counter = -1;
    echo.dueUs = Number.POSITIVE_INFINITY;
    return echo;
  }

  /** The oldest gives way. */
  #free(): Echo {
    if (this.#echoes.length < MAX_ECHOES) {
      const echo: Echo = {
        port: undefined,
        source: 0,
        sequence: 0,
        trafficClass: 0,
        covered: createIdSet(),
        expected: [],
        counter: -1,
        tries: 0,
        sentUs: 0,
        repeats: 0,
        dueUs: Number.POSITIVE_INFINITY,
      };
      this.#echoes.push(echo);
      return echo;
    }
    this.#next = (this.#next + 1) % MAX_ECHOES;
    return this.#echoes[this.#next] as Echo;
  }
}
