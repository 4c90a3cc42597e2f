import {
  type Advertisement,
  createHello,
  createNarrowHello,
  decodeHello,
  decodeLinkVector,
  decodeNarrowHello,
  HELLO_FLAG_AREAS,
  HELLO_FLAG_DIRECT,
  HELLO_FLAG_REPLY,
  HELLO_FLAG_SAME,
  type Hello,
  helloEntry,
  type LinkStateLink,
  rebuildCounter,
  replayAdvance,
  replayIsNew,
  VECTOR_GONE,
} from "@skein/codecs";
import type { Acquaintances } from "./acquaintances.ts";
import { hearRival, noteConflict } from "./address-conflict.ts";
import type { AreaRoutes } from "./area-routes.ts";
import { closedClasses } from "./bearer-rules.ts";
import { nextCadence } from "./cadence.ts";
import type { DatabasePulls } from "./database-pulls.ts";
import type { Hellos } from "./hellos.ts";
import { addId } from "./id-set.ts";
import {
  CLAIM_SURE_US,
  MAX_NEIGHBOURS_PER_BEARER,
  PROBE_US,
  REACH_REMEMBERED_US,
  SILENCE_NARROW_US,
  STRANGER_SILENCE_US,
} from "./limits.ts";
import type { LinkAdvertising } from "./link-advertising.ts";
import type { Links } from "./links.ts";
import type { Merging } from "./merge/merging.ts";
import { createNeighbour, type Neighbour } from "./neighbour.ts";
import { findNeighbour, type Port } from "./port.ts";
import { resetWindows, type Stranger } from "./secure-channel.ts";
import type { CoreState } from "./state.ts";
import { channelUnsettled, diceUs } from "./turn-taking.ts";

const EVER = Number.POSITIVE_INFINITY;
/** A quality reading weighs by the frames it rests on: one of these many replaces what was known. */
const QUALITY_MEMORY_FRAMES = 400;
/** Frames that a reading rests on at least. */
const QUALITY_FRAMES = 6;
/** The same on a narrow channel. */
const QUALITY_FRAMES_NARROW = 12;

/**
 * Who is around: whom a frame comes from and whether it is let in, hellos, and whom a neighbour says that it hears.
 */
export class Adjacency {
  readonly #s: CoreState;
  readonly #pulls: DatabasePulls;
  readonly #areas: AreaRoutes;
  readonly #hellos: Hellos;
  readonly #merging: Merging;
  readonly #links: Links;
  readonly #advertising: LinkAdvertising;
  readonly #acquaintances: Acquaintances;
  readonly #hello: Hello = createHello();
  readonly #narrowHello = createNarrowHello();
  /** Told of a node on a narrow channel that the database does not know. */
  onStranger: (nowUs: number, port: Port, n: Neighbour) => void = () => undefined;
  /** Told of a node that says hello under an address that another one has. */
  onClaimed: (nowUs: number, port: Port, local: number) => void = () => undefined;
  /** Told which policy a neighbour on a narrow channel says that it has. */
  onPolicy: (nowUs: number, n: Neighbour, mark: number) => void = () => undefined;

  constructor(
    state: CoreState,
    parts: {
      readonly pulls: DatabasePulls;
      readonly areas: AreaRoutes;
      readonly hellos: Hellos;
      readonly merging: Merging;
      readonly links: Links;
      readonly advertising: LinkAdvertising;
      readonly acquaintances: Acquaintances;
    },
  ) {
    this.#s = state;
    this.#pulls = parts.pulls;
    this.#areas = parts.areas;
    this.#hellos = parts.hellos;
    this.#merging = parts.merging;
    this.#links = parts.links;
    this.#advertising = parts.advertising;
    this.#acquaintances = parts.acquaintances;
  }

  // Frames in

  /** Finds or makes the neighbour that a full frame names; undefined with a counted drop if it is not to be trusted. */
  admitFull(nowUs: number, port: Port, endpoint: number, address: number): Neighbour | undefined {
    const { nodeId, bootEpoch, bearerId, counter } = this.#s.secure.full;
    const local = address & 0xff;
    // Areas meet on wide bearers: narrow frames have no room for more than local ids.
    if (port.narrow && address >>> 8 !== this.#s.area) return this.#refuse("foreign-area");
    if (local === 0 || local === 255) return this.#refuse("address-conflict");
    const { options } = this.#s;
    if (address === options.address) return this.#claimed(nowUs, port, address, options.nodeId, nodeId);
    let n = findNeighbour(port, this.#s.area, address);
    if (n !== undefined && n.nodeId !== nodeId && n.alive) return this.#claimed(nowUs, port, address, n.nodeId, nodeId);
    if (n === undefined || n.nodeId !== nodeId) {
      n = this.#meet(nowUs, port, { nodeId, bootEpoch, bearerId, counter }, address);
      if (n === undefined) return undefined;
      channelUnsettled(port, nowUs);
    }
    if (bootEpoch < n.bootEpoch) return this.#refuse("stale-epoch");
    if (bootEpoch > n.bootEpoch) this.#restarted(nowUs, port, n, bootEpoch);
    if (!replayIsNew(n.window, counter)) return this.#refuse("replayed");
    this.#s.secure.accept(n, n.window, counter);
    n.remoteBearerId = bearerId;
    n.endpoint = endpoint;
    this.heard(nowUs, port, n);
    return n;
  }

  /** Node `other` says hello under an address that is `nodeId`'s here. It is not let in, but told who has it. */
  #claimed(nowUs: number, port: Port, address: number, nodeId: number, other: number): undefined {
    const { conflicts, options } = this.#s;
    if (address === options.address) hearRival(this.#s, nowUs, other);
    else noteConflict(this.#s, nowUs, address, nodeId, other);
    if (nowUs - conflicts.answeredUs < CLAIM_SURE_US) return undefined;
    conflicts.answeredUs = nowUs;
    this.#hellos.again(nowUs, port);
    this.onClaimed(nowUs, port, address & 0xff);
    return undefined;
  }

  /** A new neighbour; it takes the place of one that had its address and is gone. */
  #meet(nowUs: number, port: Port, stranger: Stranger, address: number): Neighbour | undefined {
    const gone = findNeighbour(port, this.#s.area, address);
    const index = gone?.index ?? port.neighbours.length;
    if (index >= MAX_NEIGHBOURS_PER_BEARER) return this.#refuse("neighbour-table-full");
    const { nodeId } = stranger;
    const foreign = address >>> 8 !== this.#s.area;
    const n = createNeighbour(index, nodeId, address, this.#s.secure.key(nodeId), nowUs, foreign);
    n.alive = false;
    n.bootEpoch = stranger.bootEpoch;
    n.remoteBearerId = stranger.bearerId;
    if (!foreign) this.#s.db.forgetLost(n.local, nodeId);
    if (!foreign) n.closedTo = closedAt(this.#s.db.node(n.local)?.advertisement, this.#s.local, port.config.kind);
    this.#merging.meet(port, n);
    // Until its cadence is known.
    if (port.narrow) n.helloIntervalUs = STRANGER_SILENCE_US;
    port.neighbours[index] = n;
    if (foreign && gone !== undefined) port.foreign[port.foreign.indexOf(gone)] = n;
    else if (foreign) port.foreign.push(n);
    else port.byLocal[n.local] = n;
    return n;
  }

  /** Makes a neighbour of somebody who has not said hello here, and whose first frame has opened. */
  admitStranger(nowUs: number, port: Port, stranger: Stranger, local: number): Neighbour | undefined {
    const n = this.#meet(nowUs, port, stranger, (this.#s.area << 8) | local);
    if (n !== undefined) this.#s.secure.accept(n, n.window, stranger.counter);
    return n;
  }

  /** A neighbour has started anew: its first frame that arrived has opened. */
  admitBoot(nowUs: number, port: Port, n: Neighbour, { bootEpoch, counter }: Stranger): void {
    this.#restarted(nowUs, port, n, bootEpoch);
    this.#s.secure.accept(n, n.window, counter);
  }

  #refuse(reason: Parameters<CoreState["counters"]["drop"]>[0]): undefined {
    this.#s.counters.drop(reason);
    return undefined;
  }

  #restarted(nowUs: number, port: Port, n: Neighbour, bootEpoch: number): void {
    resetWindows(n);
    n.meter?.restart();
    n.bootEpoch = bootEpoch;
    n.receiverIndex = -1;
    n.directRemoteSlot = 0;
    n.toldAtCounter = 0;
    port.flows?.restarted(n);
    n.rxCount = 0;
    n.rxExpected = 0;
    this.#s.duplicates.restarted(n.address, bootEpoch, nowUs);
    if (port.narrow && n.alive) rememberReach(nowUs, n);
    this.#links.lose(nowUs, port, n, "restarted");
  }

  /** Any authenticated frame of a neighbour. */
  heard(nowUs: number, port: Port, n: Neighbour): void {
    if (port.narrow) {
      this.#acquaintances.heard(port, n);
      n.helloIntervalUs = nextCadence(port, n.helloIntervalUs, nowUs - n.lastHeardUs);
      if (n.rxExpected >= QUALITY_FRAMES_NARROW) this.#reckonNarrow(nowUs, port, n);
    }
    n.lastHeardUs = nowUs;
    if (port.narrow) this.#links.expectFrom(port, n);
    if (!n.foreign) this.#s.db.heard(n.local, nowUs, n.bootEpoch);
    if (n.alive) {
      if (port.narrow) this.#useAgain(nowUs, port, n);
      if (nowUs >= n.reachBeforeUntilUs) {
        forgetReach(n);
        this.#lookUp(nowUs, port, n);
      }
      return;
    }
    n.alive = true;
    if (port.narrow) rememberReach(nowUs, n);
    this.#hellos.unsettle(port);
    this.#links.expectFrom(port, n);
    n.rxQuality = 1;
    n.rxCount = 0;
    n.rxExpected = 0;
    this.#advertising.refresh(nowUs, port, n);
    if (port.narrow && this.#s.db.node(n.local) === undefined) this.onStranger(nowUs, port, n);
    if (port.narrow) this.#lookUp(nowUs, port, n);
    else this.#hellos.hurry(nowUs, port, 20_000);
  }

  /** A link that is no longer held down is told of again: on a narrow channel no hello would do that. */
  #useAgain(nowUs: number, port: Port, n: Neighbour): void {
    if (n.twoWay || nowUs < n.heldDownUntilUs) return;
    this.#advertising.refresh(nowUs, port, n);
    this.#lookUp(nowUs, port, n);
  }

  #reckonNarrow(nowUs: number, port: Port, n: Neighbour): void {
    this.#reckonQuality(n);
    this.#advertising.refresh(nowUs, port, n);
  }

  /** Its advertisement may have come before any frame of its own. */
  #lookUp(nowUs: number, port: Port, n: Neighbour): void {
    const advertisement = this.#s.db.node(n.local)?.advertisement;
    if (advertisement === undefined || advertisement.nodeId !== n.nodeId) return;
    if (advertisement.bootEpoch === n.bootEpoch) this.#readNarrow(nowUs, port, n, advertisement, false, false);
  }

  handleHello(
    nowUs: number,
    port: Port,
    n: Neighbour,
    full: boolean,
    octets: Uint8Array,
    offset: number,
    end: number,
  ): boolean {
    if (port.narrow) return this.#handleNarrowHello(nowUs, port, n, full, octets, offset, end);
    const hello = this.#hello;
    if (!decodeHello(octets, offset, end, full, hello)) return false;
    n.helloIntervalUs = Math.max(1, hello.interval100ms) * 100_000;
    this.#links.expectFrom(port, n);
    if (hello.flags & HELLO_FLAG_REPLY) {
      port.needFullHello = true;
      this.#hellos.hurry(nowUs, port, 30_000);
    }
    if (n.rxExpected >= QUALITY_FRAMES) this.#reckonQuality(n);
    if ((hello.flags & HELLO_FLAG_SAME) !== 0) {
      if (!n.foreign) this.#pulls.compareDigest(nowUs, port, n, hello.digest);
      this.#advertising.refresh(nowUs, port, n);
      return true;
    }
    let listed = false;
    n.reach.fill(0);
    for (let i = 0; i < hello.entryCount; i++) {
      const entry = helloEntry(hello, i);
      const area = entry.area < 0 ? n.area : entry.area;
      if (area !== this.#s.area) continue;
      addId(n.reach, entry.local);
      if (entry.local !== this.#s.local) continue;
      listed = true;
      n.txQuality = entry.quality / 255;
      if (hello.flags & HELLO_FLAG_DIRECT) {
        n.receiverIndex = entry.receiverIndex;
        if (n.directRemoteSlot !== entry.slot || n.directWindow.highest < 0) {
          n.directRemoteSlot = entry.slot;
          if (entry.counter > 0) replayAdvance(n.directWindow, entry.counter - 1);
        } else {
          const counter = rebuildCounter(entry.counter, 32, n.directWindow.highest);
          if (counter > n.directWindow.highest + 0x4000) replayAdvance(n.directWindow, counter - 1);
        }
      }
    }
    // After suspicion only what answers a probe counts: an older hello may have been on its way.
    if (listed && nowUs - n.suspectSinceUs > PROBE_US / 2) this.#links.trust(nowUs, port, n);
    if (listed) this.#links.up(nowUs, port, n);
    else this.#links.lose(nowUs, port, n, "does not hear us");
    if (!listed) this.#hellos.hurry(nowUs, port, 60_000);
    if (!n.foreign) this.#pulls.compareDigest(nowUs, port, n, hello.digest);
    this.#advertising.refresh(nowUs, port, n);
    if (n.foreign && (hello.flags & HELLO_FLAG_AREAS) !== 0) this.#areas.heard(nowUs, n, hello);
    return true;
  }

  #handleNarrowHello(
    nowUs: number,
    port: Port,
    n: Neighbour,
    full: boolean,
    octets: Uint8Array,
    offset: number,
    end: number,
  ): boolean {
    const hello = this.#narrowHello;
    if (!decodeNarrowHello(octets, offset, end, full, hello)) return false;
    n.helloIntervalUs = Math.max(SILENCE_NARROW_US, hello.silenceS * 1e6);
    if (hello.asked !== 0) port.askedUs[hello.asked] = nowUs;
    if (port.askedLocal !== 0 && (port.askedLocal === hello.asked || (full && port.askedLocal === n.local)))
      this.#hellos.askNoMore(port);
    if (hello.reply || hello.asked === this.#s.local) {
      port.needFullHello = true;
      port.helloUrgent ||= hello.asked === this.#s.local;
      this.#hellos.hurry(nowUs, port, hello.reply ? this.#hellos.spreadUs(port, 400_000) : 100_000);
    }
    this.#pulls.compareDigest(nowUs, port, n, hello.digest);
    this.onPolicy(nowUs, n, hello.policy);
    return true;
  }

  #reckonQuality(n: Neighbour): void {
    const gain = Math.min(0.5, n.rxExpected / QUALITY_MEMORY_FRAMES);
    n.rxQuality += gain * (n.rxCount / n.rxExpected - n.rxQuality);
    n.rxCount = 0;
    n.rxExpected = 0;
  }

  /**
   * A node's advertisement has changed: it may have begun, or ceased, to list us. By hearsay that it has ceased is no
   * more than a suspicion, for it may be forged: only the other end itself can take a link away.
   */
  advertisementChanged(nowUs: number, before: Advertisement | undefined, after: Advertisement, hearsay: boolean): void {
    const local = after.originator & 0xff;
    for (const port of this.#s.ports) {
      const n = port.byLocal[local];
      if (n === undefined) continue;
      n.closedTo = closedAt(after, this.#s.local, port.config.kind);
      if (!n.alive) continue;
      const had = before !== undefined && lists(before, this.#s.local, port.config.kind);
      if (port.narrow) {
        this.#readNarrow(nowUs, port, n, after, had, hearsay);
        if (!n.twoWay) this.#hellos.again(nowUs, port);
        continue;
      }
      if (lists(after, this.#s.local, port.config.kind)) this.#links.up(nowUs, port, n);
      else if (had && hearsay) this.#links.suspect(nowUs, port, n, "said to be withdrawn");
      else if (had) this.#links.lose(nowUs, port, n, "withdrawn by the other end");
    }
  }

  /** On narrow bearers an advertisement tells whom its node hears, and how well it hears us. */
  #readNarrow(
    nowUs: number,
    port: Port,
    n: Neighbour,
    advertisement: Advertisement,
    had: boolean,
    hearsay: boolean,
  ): void {
    n.reach.set(n.reachBefore);
    let us: LinkStateLink | undefined;
    for (const link of advertisement.links) {
      if (link.channel !== port.config.kind) continue;
      addId(n.reach, link.neighbour);
      if (link.neighbour === this.#s.local) us = link;
    }
    if (us !== undefined) {
      n.txQuality = 1 - decodeLinkVector(us.vector).loss;
      this.#links.up(nowUs, port, n);
    } else if (had) this.#links.lose(nowUs, port, n, "withdrawn by the other end", hearsay);
  }

  /** A modem has noticed that a station appeared or went. */
  handleStation(nowUs: number, port: Port, endpoint: number, up: boolean): void {
    if (!port.up) return;
    if (up) {
      // On a narrow channel a newcomer asks by itself, and of those known already any frame will do.
      port.helloReply = port.helloReply || !port.narrow;
      port.needFullHello = true;
      this.#hellos.unsettle(port);
      this.#hellos.hurry(nowUs, port, port.narrow ? this.#hellos.spreadUs(port, 20_000) : 8_000);
      return;
    }
    for (const n of port.neighbours) {
      if (n.endpoint !== endpoint || !n.alive) continue;
      this.#links.gone(nowUs, port, n, "the modem lost it");
    }
  }

  handleBearer(nowUs: number, port: Port, up: boolean): void {
    if (port.up === up) return;
    port.up = up;
    if (up) {
      port.needFullHello = true;
      port.helloReply = true;
      port.hellosSent = 0;
      port.lastSentUs = nowUs;
      port.cadenceUs = SILENCE_NARROW_US;
      port.turnDiceUntilUs = nowUs + diceUs(port);
      channelUnsettled(port, nowUs);
      port.helloDueUs = nowUs + this.#s.random.below(port.narrow ? 600_000 : 20_000);
      return;
    }
    port.helloDueUs = Number.POSITIVE_INFINITY;
    for (const n of port.neighbours) {
      this.#links.gone(nowUs, port, n, "bearer down");
    }
  }
}

/**
 * A member of a narrow channel is back. Whom it hears it can tell only when they have spoken, and they tell that they hear it
 * when they have a turn; until then those between them would repeat each word for them, and take the turns.
 */
function rememberReach(nowUs: number, n: Neighbour): void {
  n.reachBefore.set(n.reach);
  n.reachBeforeUntilUs = nowUs + REACH_REMEMBERED_US;
}

function forgetReach(n: Neighbour): void {
  n.reachBefore.fill(0);
  n.reachBeforeUntilUs = EVER;
}

/** Classes that an end does not want on its link to a node, as bits. */
function closedAt(advertisement: Advertisement | undefined, local: number, channel: number): number {
  const link = advertisement?.links.find((l) => l.neighbour === local && l.channel === channel);
  return link === undefined || link.vector === VECTOR_GONE ? 0 : closedClasses(decodeLinkVector(link.vector).closed);
}

function lists(advertisement: Advertisement, local: number, channel: number): boolean {
  return advertisement.links.some((l) => l.neighbour === local && l.channel === channel);
}
