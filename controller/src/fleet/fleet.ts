import type { PathReport } from "@skein/node-agent/api";
import type { AgentReport } from "./agent-status.ts";
import { type BearerCount, bearerPictures, bearerRates } from "./bearers.ts";
import { MAX_EVENTS, MAX_TEXTS, VIDEO_LIVE_S } from "./limits.ts";
import { type KnownLink, linkPictures, mergeLinks } from "./links.ts";
import { type KnownNode, mergeNodes, nodePictures } from "./nodes.ts";
import { extendPaths, NO_PATHS } from "./path-history.ts";
import type { FleetEvent, Picture, PictureVideo, Track, TrackPoint } from "./picture.ts";
import { extendTracks } from "./tracks.ts";

/**
 * All that the controller knows, as one value. `reduceFleet` makes the next value from an input; nothing here
 * reads a clock or does I/O, so that every rule about what is live, stale or lost is a plain function.
 */
export interface FleetState {
  readonly connected: boolean;
  readonly status: AgentReport | null;
  readonly statusAtMs: number;
  readonly nodes: ReadonlyMap<number, KnownNode>;
  readonly links: ReadonlyMap<number, KnownLink>;
  readonly tracks: ReadonlyMap<number, readonly TrackPoint[]>;
  readonly bearerCounts: ReadonlyMap<number, BearerCount>;
  readonly videoRates: ReadonlyMap<string, number>;
  readonly paths: PathReport;
  readonly events: readonly FleetEvent[];
  /** Agent events already taken over, oldest first: `atMs:sequence`, because a restart counts from zero again. */
  readonly seenEvents: ReadonlySet<string>;
  readonly nextSequence: number;
}

type AgentEvent = AgentReport["recentEvents"][number];
export type FleetInput =
  | { type: "status"; status: AgentReport; nowMs: number }
  | { type: "event"; event: AgentEvent; nowMs: number }
  | { type: "paths"; paths: PathReport }
  | { type: "agent"; connected: boolean; nowMs: number }
  | { type: "note"; level: FleetEvent["level"]; text: string; nowMs: number };

const NO_POLICY: AgentReport["policy"] = {
  version: 0,
  document: null,
  publisher: 0,
  publishedMs: 0,
  signature: "none",
  key: null,
  octets: 0,
  nodes: [],
};

export function emptyFleet(): FleetState {
  return {
    connected: false,
    status: null,
    statusAtMs: 0,
    nodes: new Map(),
    links: new Map(),
    tracks: new Map(),
    bearerCounts: new Map(),
    videoRates: new Map(),
    paths: NO_PATHS,
    events: [],
    seenEvents: new Set(),
    nextSequence: 1,
  };
}

/** The next state; the given one is left as it is. */
export function reduceFleet(state: FleetState, input: FleetInput): FleetState {
  switch (input.type) {
    case "status":
      return takeStatus(state, input.status, input.nowMs);
    case "event":
      return takeAgentEvents(state, [input.event]);
    case "paths":
      return { ...state, paths: extendPaths(state.paths, input.paths) };
    case "agent":
      if (state.connected === input.connected) return state;
      return addEvent(
        { ...state, connected: input.connected },
        {
          atMs: input.nowMs,
          level: input.connected ? "info" : "warn",
          source: "controller",
          text: input.connected ? "agent connected" : "agent connection lost",
        },
      );
    case "note":
      return addEvent(state, { atMs: input.nowMs, level: input.level, source: "controller", text: input.text });
  }
}

function takeStatus(state: FleetState, status: AgentReport, nowMs: number): FleetState {
  const next: FleetState = {
    ...state,
    connected: true,
    status,
    statusAtMs: nowMs,
    nodes: mergeNodes(state.nodes, status, nowMs),
    links: mergeLinks(state.links, status, nowMs),
    tracks: extendTracks(state.tracks, status, nowMs),
    bearerCounts: bearerRates(state.bearerCounts, status, nowMs),
    videoRates: videoRates(state, status, nowMs),
  };
  return takeAgentEvents(next, status.recentEvents);
}

function takeAgentEvents(state: FleetState, incoming: readonly AgentEvent[]): FleetState {
  let next = state;
  for (const { sequence, atMs, level, text } of incoming) {
    const key = `${atMs}:${sequence}`;
    if (next.seenEvents.has(key)) continue;
    const seen = [...next.seenEvents, key].slice(-2 * MAX_EVENTS);
    next = addEvent({ ...next, seenEvents: new Set(seen) }, { atMs, level, source: "agent", text });
  }
  return next;
}

function addEvent(state: FleetState, event: Omit<FleetEvent, "sequence">): FleetState {
  const events = [...state.events, { ...event, sequence: state.nextSequence }].slice(-MAX_EVENTS);
  return { ...state, events, nextSequence: state.nextSequence + 1 };
}

function videoRates(state: FleetState, status: AgentReport, nowMs: number): Map<string, number> {
  const elapsedS = (nowMs - state.statusAtMs) / 1000;
  const rates = new Map<string, number>();
  for (const { from, stream, framesComplete } of status.video) {
    const before = state.status?.video.find((v) => v.from === from && v.stream === stream);
    const frames = before === undefined ? 0 : Math.max(0, framesComplete - before.framesComplete);
    rates.set(`${from}:${stream}`, elapsedS > 0 ? frames / elapsedS : 0);
  }
  return rates;
}

/** Counters of the controller itself, added to the picture under `controller.`. */
export type OwnCounters = Readonly<Record<string, number>>;

/** The picture at one moment. Before the first status it is empty and says so in `agent`. */
export function pictureOf(state: FleetState, nowMs: number, lab: boolean, own: OwnCounters): Picture {
  const { status } = state;
  const sinceStatusS = Math.max(0, (nowMs - state.statusAtMs) / 1000);
  const counters: Record<string, number> = {};
  for (const [name, value] of Object.entries(status?.core.drops ?? {})) counters[`drop.${name}`] = value;
  for (const [name, value] of Object.entries(status?.voice.counters ?? {})) counters[`voice.${name}`] = value;
  for (const [name, value] of Object.entries(own)) counters[`controller.${name}`] = value;
  return {
    atMs: nowMs,
    agent: {
      connected: state.connected,
      address: status?.core.address ?? 0,
      name: status?.name ?? "",
      version: status?.version ?? "",
      uptimeS: status === null ? 0 : status.uptimeMs / 1000 + sinceStatusS,
      ageS: status === null ? null : sinceStatusS,
      batteryPercent: status?.battery.percent ?? null,
    },
    lab,
    nodes: nodePictures(state, nowMs),
    links: linkPictures(state.links, state.connected, nowMs),
    bearers: status === null ? [] : bearerPictures(status, state.bearerCounts, state.connected),
    texts: status?.texts.slice(-MAX_TEXTS) ?? [],
    sos: status?.sos ?? [],
    voice:
      state.connected && status !== null ? status.voice : { talkers: [], groups: [], talkingIn: null, counters: {} },
    video: videoPictures(state, sinceStatusS),
    policy: status?.policy ?? NO_POLICY,
    counters,
  };
}

function videoPictures(state: FleetState, sinceStatusS: number): PictureVideo[] {
  return (state.status?.video ?? []).map(({ from, stream, framesComplete }) => {
    const framesPerSecond = state.videoRates.get(`${from}:${stream}`) ?? 0;
    const live = state.connected && framesPerSecond > 0 && sinceStatusS < VIDEO_LIVE_S;
    return { from, stream, framesComplete, framesPerSecond, live };
  });
}

/** All tracks, for a browser that has just come. */
export function tracksOf(state: FleetState): Track[] {
  return [...state.tracks].map(([address, points]) => ({ address, points: [...points] }));
}
