import type { AgentReport } from "./agent-status.ts";
import { LINK_FORGET_AFTER_S, LINK_LOST_AFTER_S, MAX_LINKS, SERIAL_LINK_LOST_AFTER_S } from "./limits.ts";
import type { Liveness, PictureChannel, PictureLink } from "./picture.ts";

/** Both directions and all channels between two nodes, with the last time both ends agreed that it is up. */
export interface KnownLink {
  readonly from: number;
  readonly to: number;
  readonly channels: readonly PictureChannel[];
  readonly upAtMs: number;
}

/** `PictureChannel.kind` of a serial radio. */
const SERIAL = 1;
/** A position report or a syllable with its headers: what a link's delay is given for, octets. */
const TYPICAL_FRAME_OCTETS = 64;

type Advertised = AgentReport["core"]["links"][number];

/** Key of an unordered pair. */
function pairKey(a: number, b: number): number {
  return Math.min(a, b) * 0x10000 + Math.max(a, b);
}

/**
 * Pairs up the advertised directions. A link counts only while both ends advertise it: the advertisement of a dead
 * node outlives the node, its neighbours' do not (OSPF, RFC 2328 16.1, asks for the same link back).
 */
export function mergeLinks(
  known: ReadonlyMap<number, KnownLink>,
  status: AgentReport,
  nowMs: number,
): Map<number, KnownLink> {
  const next = new Map<number, KnownLink>();
  for (const [key, link] of known) if (nowMs - link.upAtMs < LINK_FORGET_AFTER_S * 1000) next.set(key, link);
  const byDirection = new Map<string, Advertised>();
  for (const link of status.core.links) byDirection.set(`${link.from}>${link.to}/${link.kind}`, link);
  const channels = new Map<number, PictureChannel[]>();
  for (const forth of byDirection.values()) {
    if (forth.from >= forth.to) continue;
    const back = byDirection.get(`${forth.to}>${forth.from}/${forth.kind}`);
    if (back === undefined) continue;
    const key = pairKey(forth.from, forth.to);
    channels.set(key, [...(channels.get(key) ?? []), channelOf(forth, back)]);
  }
  for (const [key, list] of channels) {
    if (!next.has(key) && next.size >= MAX_LINKS) continue;
    const from = Math.floor(key / 0x10000);
    next.set(key, { from, to: key % 0x10000, channels: list.sort(bestFirst), upAtMs: nowMs });
  }
  return next;
}

function channelOf(forth: Advertised, back: Advertised): PictureChannel {
  const worst = (a: number | null, b: number | null): number => Math.max(a ?? 0, b ?? 0);
  const bitrateBps = Math.min(forth.bitrateBps ?? 0, back.bitrateBps ?? 0);
  // Advertised is the way through the air alone; on a slow channel most of the time goes by in sending.
  const sendingMs = bitrateBps > 0 ? (TYPICAL_FRAME_OCTETS * 8000) / bitrateBps : 0;
  return {
    kind: forth.kind,
    bitrateBps,
    delayMs: worst(forth.latencyMs, back.latencyMs) + sendingMs,
    loss: worst(forth.loss, back.loss),
    costCentsPerMegabyte: worst(forth.costCentsPerMegabyte, back.costCentsPerMegabyte),
  };
}

/** Free before paid, then clean before lossy, then fast before slow: what an operator would rather use. */
function bestFirst(a: PictureChannel, b: PictureChannel): number {
  return a.costCentsPerMegabyte - b.costCentsPerMegabyte || a.loss - b.loss || b.bitrateBps - a.bitrateBps;
}

function linkLiveness(ageS: number, channels: readonly PictureChannel[], connected: boolean): Liveness {
  const isSerial = channels.every((channel) => channel.kind === SERIAL);
  if (ageS >= (isSerial ? SERIAL_LINK_LOST_AFTER_S : LINK_LOST_AFTER_S)) return "lost";
  return connected && ageS < LINK_LOST_AFTER_S ? "live" : "stale";
}

export function linkPictures(links: ReadonlyMap<number, KnownLink>, connected: boolean, nowMs: number): PictureLink[] {
  return [...links.values()]
    .sort((a, b) => a.from - b.from || a.to - b.to)
    .map(({ from, to, channels, upAtMs }) => {
      const ageS = Math.max(0, (nowMs - upAtMs) / 1000);
      return { from, to, liveness: linkLiveness(ageS, channels, connected), ageS, channels: [...channels] };
    });
}
