/**
 * The part of CoT detail that Skein reads and writes; see cot-event.ts for what happens to the rest.
 *
 *   <contact callsign endpoint/>  <__group name role/>  <track course speed/>  <status battery/>  <remarks>
 */
import { encodeUtf8 } from "../text/utf8.ts";
import { XmlScanner, XmlToken } from "./xml-scanner.ts";
import { escapeXml } from "./xml-text.ts";

export interface CotDetail {
  callsign?: string;
  /** Where the TAK client takes messages, such as `*:-1:stcp`. */
  endpoint?: string;
  /** Colour of the team, such as `Cyan`. */
  groupName?: string;
  /** Such as `Team Member`, `HQ`. */
  groupRole?: string;
  /** Clockwise from true north. */
  courseDeg?: number;
  speedMps?: number;
  batteryPercent?: number;
  remarks?: string;
}

const scanner = new XmlScanner();

/** Reads what is known from the inside of <detail>; unknown, empty or unreadable parts are left out. */
export function readCotDetail(octets: Uint8Array): CotDetail {
  const detail: CotDetail = {};
  if (!scanner.start(octets, 0, octets.length, true)) return detail;
  for (;;) {
    const token = scanner.next();
    if (token === XmlToken.end || token === XmlToken.malformed) return detail;
    if (token !== XmlToken.open) continue;
    if (scanner.nameIs("remarks")) readRemarks(detail);
    else {
      readElement(detail);
      if (!scanner.skipElement()) return detail;
    }
  }
}

function readElement(detail: CotDetail): void {
  if (scanner.nameIs("contact")) {
    putText(detail, "callsign", scanner.attribute("callsign"));
    putText(detail, "endpoint", scanner.attribute("endpoint"));
  } else if (scanner.nameIs("__group")) {
    putText(detail, "groupName", scanner.attribute("name"));
    putText(detail, "groupRole", scanner.attribute("role"));
  } else if (scanner.nameIs("track")) {
    putNumber(detail, "courseDeg", scanner.attribute("course"), 0, 360);
    putNumber(detail, "speedMps", scanner.attribute("speed"), 0, 10_000);
  } else if (scanner.nameIs("status")) {
    putNumber(detail, "batteryPercent", scanner.attribute("battery"), 0, 100);
  }
}

function readRemarks(detail: CotDetail): void {
  const depth = scanner.depth;
  let text = "";
  for (;;) {
    const token = scanner.next();
    if (token === XmlToken.end || token === XmlToken.malformed) return;
    if (token === XmlToken.text && scanner.depth === depth) text += scanner.text();
    if (token === XmlToken.close && scanner.depth < depth) break;
  }
  if (text !== "") detail.remarks = text;
}

type TextKey = "callsign" | "endpoint" | "groupName" | "groupRole";
type NumberKey = "courseDeg" | "speedMps" | "batteryPercent";

function putText(detail: CotDetail, key: TextKey, value: string | undefined): void {
  if (value !== undefined && value !== "") detail[key] = value;
}

function putNumber(
  detail: CotDetail,
  key: NumberKey,
  text: string | undefined,
  minimum: number,
  maximum: number,
): void {
  if (text === undefined || text.trim() === "") return;
  const value = Number(text);
  if (value >= minimum && value <= maximum) detail[key] = value;
}

/** The inside of <detail> for a new event. */
export function formatCotDetail(detail: CotDetail): Uint8Array {
  const elements = [
    formatElement("contact", [
      ["callsign", detail.callsign],
      ["endpoint", detail.endpoint],
    ]),
    formatElement("__group", [
      ["name", detail.groupName],
      ["role", detail.groupRole],
    ]),
    formatElement("track", [
      ["course", detail.courseDeg?.toFixed(1)],
      ["speed", detail.speedMps?.toFixed(2)],
    ]),
    formatElement("status", [["battery", detail.batteryPercent?.toFixed(0)]]),
    detail.remarks === undefined ? "" : `<remarks>${escapeXml(detail.remarks)}</remarks>`,
  ];
  return encodeUtf8(elements.join(""));
}

function formatElement(name: string, attributes: readonly (readonly [string, string | undefined])[]): string {
  const present = attributes.filter(([, value]) => value !== undefined);
  if (present.length === 0) return "";
  return `<${name}${present.map(([key, value]) => ` ${key}="${escapeXml(value as string)}"`).join("")}/>`;
}
