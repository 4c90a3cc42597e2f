/**
 * The screen of `skein top` as lines, made from two statuses, and what keys do to it. Knows no terminal.
 */
import type { AgentStatus } from "@skein/node-agent/api";
import { formatAddress } from "./agent-client.ts";
import { CLASSES, formatCap, nameOf } from "./status-text.ts";
import { type Cell, formatTable, type Paint } from "./table.ts";

type Bearer = AgentStatus["core"]["bearers"][number];
type Drop = Bearer["drops"][number];

/** A status and when it came, on the reader's monotonic clock. */
export interface Sample {
  readonly status: AgentStatus;
  readonly atMs: number;
}

export interface View {
  readonly sort: number;
  readonly descending: boolean;
  /** Id of the bearer whose drops and neighbours are shown, -1: the first. */
  readonly selected: number;
  readonly paused: boolean;
  readonly help: boolean;
}
export const FIRST_VIEW: View = { sort: 0, descending: false, selected: -1, paused: false, help: false };

/** One bearer, with rates since the sample before; null where there is none. */
interface Row {
  readonly bearer: Bearer;
  readonly sentBps: number | null;
  readonly receivedBps: number | null;
  readonly framesPerS: number | null;
  /** Of packets; frames that were not taken have no class. */
  readonly drops: number;
  readonly dropsPerS: number | null;
}

interface Column {
  readonly title: string;
  readonly value: (row: Row) => number | string;
  readonly cell: (row: Row) => Cell;
}

/** Worth a colour: a queue in which voice would be too old, airtime that leaves nothing for others. */
const LONG_QUEUE_MS = 250;
const BUSY_SHARE = 0.8;

const figure = (value: number | null, digits = 0): string => (value === null ? "-" : value.toFixed(digits));
const kilo = (bps: number | null): string => figure(bps === null ? null : bps / 1000, 1);

function queueColumn(title: string, trafficClass: number): Column {
  return {
    title,
    value: ({ bearer }) => bearer.queues[trafficClass]?.ms ?? 0,
    cell: ({ bearer }) => queueCell(bearer.queues[trafficClass]?.ms ?? 0),
  };
}

function queueCell(ms: number): Cell {
  return ms >= LONG_QUEUE_MS ? { text: figure(ms), style: "yellow" } : figure(ms);
}

const COLUMNS: readonly Column[] = [
  { title: "bearer", value: ({ bearer }) => bearer.name, cell: ({ bearer }) => bearer.name },
  {
    title: "state",
    value: ({ bearer }) => (bearer.up ? "up" : "DOWN"),
    cell: ({ bearer }) => (bearer.up ? "up" : { text: "DOWN", style: "red" }),
  },
  { title: "tx kbit/s", value: (row) => row.sentBps ?? 0, cell: (row) => kilo(row.sentBps) },
  { title: "rx kbit/s", value: (row) => row.receivedBps ?? 0, cell: (row) => kilo(row.receivedBps) },
  { title: "tx frames/s", value: (row) => row.framesPerS ?? 0, cell: (row) => figure(row.framesPerS) },
  {
    title: "air %",
    value: ({ bearer }) => bearer.airtimeShare,
    cell: ({ bearer }) => {
      const text = figure(100 * bearer.airtimeShare);
      return bearer.airtimeShare >= BUSY_SHARE ? { text, style: "yellow" } : text;
    },
  },
  { title: "queue ms", value: ({ bearer }) => bearer.queuedMs, cell: ({ bearer }) => queueCell(bearer.queuedMs) },
  ...CLASSES.map((name, trafficClass) => queueColumn(name, trafficClass)),
  {
    title: "cap",
    value: ({ bearer: { cap } }) => (cap == null ? 0 : cap.usedOctets / Math.max(1, cap.capOctets)),
    cell: ({ bearer }) => formatCap(bearer.cap),
  },
  { title: "drops", value: (row) => row.drops, cell: (row) => figure(row.drops) },
  {
    title: "drops/s",
    value: (row) => row.dropsPerS ?? 0,
    cell: (row) =>
      (row.dropsPerS ?? 0) > 0 ? { text: figure(row.dropsPerS, 1), style: "red" } : figure(row.dropsPerS, 1),
  },
];

const HELP = [
  "Up, Down     choose a bearer: below are its drops by class and reason, and its neighbours",
  "Left, Right  sort by another column",
  "r            the other way round",
  "p, Space     pause, and go on",
  "?, h         this help",
  "q, Ctrl-C    leave",
  "",
  "queue ms and the four columns behind it: time on air of what waits, in all and by class",
  "cap          used of the policy's data cap; RESERVE: SOS and positions only, USED: SOS only",
  "drops        packets that were not sent on, since the agent started; without what was not taken from the air",
];

/** Keys in what a terminal sent at once: arrows take three characters, others one. */
export function keysIn(text: string): string[] {
  const keys: string[] = [];
  for (let at = 0; at < text.length; at += keys.at(-1)?.length ?? 1)
    keys.push(text.slice(at, at + (text.startsWith("\u001b[", at) ? 3 : 1)));
  return keys;
}

/** What a key does; undefined: leave. `bearers` are the ids in the order in which they are shown. */
export function pressKey(view: View, key: string, bearers: readonly number[]): View | undefined {
  switch (key) {
    case "q":
    case "Q":
    case "\u0003":
      return undefined;
    case "\u001b[A":
    case "k":
      return { ...view, selected: neighbourOf(view.selected, bearers, -1) };
    case "\u001b[B":
    case "j":
      return { ...view, selected: neighbourOf(view.selected, bearers, 1) };
    case "\u001b[C":
      return { ...view, sort: (view.sort + 1) % COLUMNS.length };
    case "\u001b[D":
      return { ...view, sort: (view.sort + COLUMNS.length - 1) % COLUMNS.length };
    case "r":
      return { ...view, descending: !view.descending };
    case "p":
    case " ":
      return { ...view, paused: !view.paused };
    case "?":
    case "h":
      return { ...view, help: !view.help };
    default:
      return view;
  }
}

function neighbourOf(id: number, ids: readonly number[], step: number): number {
  const at = Math.max(0, ids.indexOf(id)) + step;
  return ids[Math.min(ids.length - 1, Math.max(0, at))] ?? -1;
}

/** Bearers in the order in which they are shown. */
export function sortedBearers(sample: Sample, before: Sample | undefined, view: View): number[] {
  return sortedRows(sample, before, view).map(({ bearer }) => bearer.id);
}

/** The whole screen; at most `height` lines, or all. */
export function formatTop(
  sample: Sample,
  before: Sample | undefined,
  view: View,
  paint: Paint,
  height = Number.POSITIVE_INFINITY,
): string[] {
  const lines = [...formatHead(sample.status, view, paint), ""];
  if (view.help) return [...lines, ...HELP].slice(0, height);
  const rows = sortedRows(sample, before, view);
  const selected = rows.find(({ bearer }) => bearer.id === view.selected) ?? rows[0];
  lines.push(...formatBearers(rows, selected, view, paint));
  if (selected !== undefined) {
    const last = before === undefined ? undefined : bearerOf(before, selected.bearer.id);
    const elapsedS = before === undefined ? 0 : (sample.atMs - before.atMs) / 1000;
    lines.push("", ...formatDrops(selected.bearer, last, elapsedS, paint));
    lines.push("", ...formatNeighbours(sample.status, selected.bearer, paint));
  }
  return lines.slice(0, height);
}

function formatHead(status: AgentStatus, view: View, paint: Paint): string[] {
  const { core } = status;
  const reachable = core.nodes.filter((node) => node.reachable).length;
  const title = `${paint("bold", status.name)} (${formatAddress(core.address)})  up ${figure(status.uptimeMs / 1000)} s`;
  const state = view.paused ? `  ${paint("yellow", "paused")}` : "";
  const lines = [`${title}  ${reachable} of ${core.nodes.length} nodes reachable${state}`];
  for (const sos of status.sos.filter((record) => !record.confirmed))
    lines.push(paint("red", `SOS from ${nameOf(status, sos.from)}`));
  return lines;
}

function formatBearers(rows: readonly Row[], selected: Row | undefined, view: View, paint: Paint): string[] {
  const titles = COLUMNS.map(({ title }, i) => (i === view.sort ? `${title}${view.descending ? " v" : " ^"}` : title));
  const cells = rows.map((row) => [row === selected ? ">" : "", ...COLUMNS.map((column) => column.cell(row))]);
  return formatTable(["", ...titles], cells, paint);
}

function formatDrops(bearer: Bearer, last: Bearer | undefined, elapsedS: number, paint: Paint): string[] {
  if (bearer.drops.length === 0) return [`${bearer.name}: no drops`];
  const rows = bearer.drops
    .toSorted((a, b) => b.count - a.count)
    .map((drop): Cell[] => {
      const since = last === undefined ? null : (drop.count - countOf(last, drop)) / elapsedS;
      return [classOf(drop), drop.reason, String(drop.count), figure(since, 1)];
    });
  return formatTable([`${bearer.name}: dropped`, "because", "packets", "each s"], rows, paint);
}

function formatNeighbours(status: AgentStatus, bearer: Bearer, paint: Paint): string[] {
  const rows = status.core.neighbours
    .filter(({ bearerId }) => bearerId === bearer.id)
    .map((neighbour): Cell[] => [
      nameOf(status, neighbour.address),
      figure(100 * neighbour.rxQuality),
      figure(100 * neighbour.txQuality),
      neighbour.rttMs > 0 ? figure(neighbour.rttMs, 1) : "-",
      neighbour.suspected ? { text: "SUSPECTED", style: "red" } : neighbour.bidirectional ? "both ways" : "one way",
    ]);
  return formatTable([`${bearer.name}: neighbour`, "rx %", "tx %", "rtt ms", "state"], rows, paint);
}

function classOf({ trafficClass }: Drop): string {
  return trafficClass === null ? "-" : (CLASSES[trafficClass] ?? "?");
}

function countOf(bearer: Bearer, { trafficClass, reason }: Drop): number {
  return bearer.drops.find((drop) => drop.trafficClass === trafficClass && drop.reason === reason)?.count ?? 0;
}

function bearerOf(sample: Sample, id: number): Bearer | undefined {
  return sample.status.core.bearers.find((bearer) => bearer.id === id);
}

function sortedRows(sample: Sample, before: Sample | undefined, view: View): Row[] {
  const { value } = COLUMNS[view.sort] as Column;
  const rows = sample.status.core.bearers.map((bearer) => toRow(sample, before, bearer));
  const sign = view.descending ? -1 : 1;
  return rows.toSorted((a, b) => {
    const [x, y] = [value(a), value(b)];
    return sign * (typeof x === "string" ? x.localeCompare(String(y)) : x - Number(y)) || a.bearer.id - b.bearer.id;
  });
}

/** A counter that went back means that the agent started anew: there are no rates yet. */
function toRow(sample: Sample, before: Sample | undefined, bearer: Bearer): Row {
  const last = before === undefined ? undefined : bearerOf(before, bearer.id);
  const elapsedS = before === undefined ? 0 : (sample.atMs - before.atMs) / 1000;
  const restarted = before !== undefined && sample.status.core.bootEpoch !== before.status.core.bootEpoch;
  const known = last !== undefined && elapsedS > 0 && !restarted;
  const drops = totalDrops(bearer);
  const rate = (now: number, then: number): number | null => (known ? Math.max(0, now - then) / elapsedS : null);
  return {
    bearer,
    sentBps: rate(8 * bearer.octetsSent, 8 * (last?.octetsSent ?? 0)),
    receivedBps: rate(8 * bearer.octetsReceived, 8 * (last?.octetsReceived ?? 0)),
    framesPerS: rate(bearer.framesSent, last?.framesSent ?? 0),
    drops,
    dropsPerS: rate(drops, last === undefined ? 0 : totalDrops(last)),
  };
}

function totalDrops(bearer: Bearer): number {
  return bearer.drops.reduce((sum, { trafficClass, count }) => (trafficClass === null ? sum : sum + count), 0);
}
