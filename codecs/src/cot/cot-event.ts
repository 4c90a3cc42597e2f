/**
 * Cursor on Target events (MITRE CoT 2.0 base schema) as XML.
 *
 *   <event version="2.0" uid type how time start stale [...]>
 *     <point lat lon hae ce le/>          degrees, metres; 9999999 is unknown
 *     <detail> any elements </detail>
 *   </event>
 *
 * The inside of <detail> is kept as octets and written back as it came, so that what Skein does not know survives.
 */
import { assert } from "../assert.ts";
import { encodeUtf8Into, utf8Length } from "../text/utf8.ts";
import { formatIsoTime, parseIsoTime } from "./iso-time.ts";
import { XmlScanner, XmlToken } from "./xml-scanner.ts";
import { escapeXml } from "./xml-text.ts";

export interface CotEvent {
  uid: string;
  /** Such as `a-f-G-U-C`: atom, friend, ground, unit, combat. */
  type: string;
  /** Such as `m-g`: machine, GPS. Empty if absent. */
  how: string;
  /** Milliseconds since 1970. */
  timeMs: number;
  startMs: number;
  staleMs: number;
  latitudeDeg: number;
  longitudeDeg: number;
  /** Above the WGS 84 ellipsoid; NaN if unknown. */
  heightM: number;
  /** NaN if unknown. */
  circularErrorM: number;
  /** NaN if unknown. */
  linearErrorM: number;
  /** Other attributes of <event> (access, qos, opex, ...), in order. */
  attributes: readonly (readonly [name: string, value: string])[];
  /** What stands between <detail> and </detail>, UTF-8. */
  detail: Uint8Array;
}

/** Largest event: what fits one UDP datagram. */
export const MAX_COT_OCTETS = 65_507;
/** How CoT says that a height or an error is unknown. */
export const COT_UNKNOWN = 9_999_999;

const NUMBER = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,2})?\s*$/;
const KNOWN_ATTRIBUTES: ReadonlySet<string> = new Set(["uid", "type", "how", "time", "start", "stale", "version"]);
const NO_DETAIL = new Uint8Array(0);
/** One at a time is enough: decoding never gives up control half-way. */
const scanner = new XmlScanner();

/** Reads one event that fills the octets (white space around it is allowed); undefined if it is malformed. */
export function decodeCotEvent(octets: Uint8Array, offset: number, length: number): CotEvent | undefined {
  if (offset < 0 || length < 1 || length > MAX_COT_OCTETS || offset + length > octets.length) return undefined;
  if (!scanner.start(octets, offset, length, false)) return undefined;
  if (scanner.next() !== XmlToken.open || !scanner.nameIs("event")) return undefined;
  const event = readEventAttributes();
  if (event === undefined || !readChildren(event, octets)) return undefined;
  return scanner.next() === XmlToken.end ? event : undefined;
}

function readEventAttributes(): CotEvent | undefined {
  const uid = scanner.attribute("uid") ?? "";
  const type = scanner.attribute("type") ?? "";
  const timeMs = parseIsoTime(scanner.attribute("time") ?? "");
  const startMs = parseIsoTime(scanner.attribute("start") ?? "");
  const staleMs = parseIsoTime(scanner.attribute("stale") ?? "");
  if (uid === "" || type === "") return undefined;
  if (timeMs === undefined || startMs === undefined || staleMs === undefined) return undefined;
  return {
    uid,
    type,
    how: scanner.attribute("how") ?? "",
    timeMs,
    startMs,
    staleMs,
    latitudeDeg: Number.NaN,
    longitudeDeg: Number.NaN,
    heightM: Number.NaN,
    circularErrorM: Number.NaN,
    linearErrorM: Number.NaN,
    attributes: readOtherAttributes(),
    detail: NO_DETAIL,
  };
}

function readOtherAttributes(): [string, string][] {
  const others: [string, string][] = [];
  for (let index = 0; index < scanner.attributeCount; index++) {
    const name = scanner.attributeName(index);
    if (!KNOWN_ATTRIBUTES.has(name)) others.push([name, scanner.attributeValue(index)]);
  }
  return others;
}

/** Reads <point> and <detail>, each at most once and <point> always; other children are stepped over. */
function readChildren(event: CotEvent, octets: Uint8Array): boolean {
  let points = 0;
  let details = 0;
  for (;;) {
    const token = scanner.next();
    if (token === XmlToken.text) continue;
    if (token === XmlToken.close) return points === 1 && details <= 1;
    if (token !== XmlToken.open) return false;
    if (scanner.nameIs("point")) {
      points++;
      if (!readPoint(event) || !scanner.skipElement()) return false;
    } else if (scanner.nameIs("detail")) {
      details++;
      if (!readDetail(event, octets)) return false;
    } else if (!scanner.skipElement()) return false;
  }
}

function readPoint(event: CotEvent): boolean {
  event.latitudeDeg = parseNumber(scanner.attribute("lat"));
  event.longitudeDeg = parseNumber(scanner.attribute("lon"));
  event.heightM = parseMeasure(scanner.attribute("hae"));
  event.circularErrorM = parseMeasure(scanner.attribute("ce"));
  event.linearErrorM = parseMeasure(scanner.attribute("le"));
  return Math.abs(event.latitudeDeg) <= 90 && Math.abs(event.longitudeDeg) <= 180;
}

function parseNumber(text: string | undefined): number {
  return text !== undefined && NUMBER.test(text) ? Number(text) : Number.NaN;
}

function parseMeasure(text: string | undefined): number {
  const value = parseNumber(text);
  return Math.abs(value) >= COT_UNKNOWN ? Number.NaN : value;
}

function readDetail(event: CotEvent, octets: Uint8Array): boolean {
  const from = scanner.at;
  if (!scanner.skipElement()) return false;
  // The last token is </detail>, empty where <detail/> closed itself.
  if (scanner.tokenFrom > from) event.detail = octets.slice(from, scanner.tokenFrom);
  return true;
}

/**
 * Writes the event as XML at `offset` and returns the octets written; 0 if it is more than one datagram, as an event
 * that came in just below that may be once its characters are escaped.
 */
export function encodeCotEvent(event: CotEvent, out: Uint8Array, offset: number): number {
  const head = formatHead(event);
  const tail = "</detail></event>";
  const total = utf8Length(head) + event.detail.length + tail.length;
  if (total > MAX_COT_OCTETS) return 0;
  assert(offset >= 0 && offset + total <= out.length, "CoT event does not fit");
  let at = offset + encodeUtf8Into(head, out, offset);
  out.set(event.detail, at);
  at += event.detail.length;
  return at + encodeUtf8Into(tail, out, at) - offset;
}

function formatHead(event: CotEvent): string {
  const { latitudeDeg, longitudeDeg } = event;
  assert(Math.abs(latitudeDeg) <= 90 && Math.abs(longitudeDeg) <= 180, "a CoT event has a place");
  const names = [
    ["uid", event.uid],
    ["type", event.type],
    ...(event.how === "" ? [] : [["how", event.how]]),
    ["time", formatIsoTime(event.timeMs)],
    ["start", formatIsoTime(event.startMs)],
    ["stale", formatIsoTime(event.staleMs)],
    ...event.attributes,
  ];
  const attributes = names.map(([name, value]) => ` ${name}="${escapeXml(value as string)}"`).join("");
  const point =
    `<point lat="${formatDegrees(latitudeDeg)}" lon="${formatDegrees(longitudeDeg)}"` +
    ` hae="${formatMeasure(event.heightM)}" ce="${formatMeasure(event.circularErrorM)}"` +
    ` le="${formatMeasure(event.linearErrorM)}"/>`;
  return `<?xml version="1.0" encoding="UTF-8"?><event version="2.0"${attributes}>${point}<detail>`;
}

/** Seven digits are 11 mm. */
function formatDegrees(value: number): string {
  return String(Number(value.toFixed(7)));
}

function formatMeasure(value: number): string {
  return Number.isNaN(value) ? String(COT_UNKNOWN) : String(Number(value.toFixed(2)));
}
