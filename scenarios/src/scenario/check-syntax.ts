import { parseDurationUs } from "./duration.ts";

/** The services whose delivery is measured. */
export type Service = "voice" | "position" | "text" | "video";

/** One check of a scenario file, parsed. Shares are 0..1. */
export type Check =
  | { kind: "delivered"; service: Service; atLeast: number }
  | { kind: "airtime"; network: string; atMost: number }
  | { kind: "recover"; withinUs: number }
  | { kind: "sos"; withinUs: number }
  | { kind: "queues"; atMostUs: number }
  | { kind: "no_duplicates" }
  | { kind: "no_forwarding_loop" }
  | { kind: "unpowered_silence" };

export const CHECK_FORMS = [
  "delivered(voice|position|text|video) >= 97%",
  "airtime(NETWORK) <= 80%",
  "recover(voice) within 500ms",
  "sos acknowledged within 3s",
  "bounded_queues <= 2s",
  "no_duplicates",
  "no_forwarding_loop",
  "unpowered_silence",
];

const share = (percent: string | undefined): number => Number(percent) / 100;

/** Parses one line of `checks:`; undefined if it has none of CHECK_FORMS. */
export function parseCheck(text: string): Check | undefined {
  const line = text.trim();
  if (line === "no_duplicates" || line === "no_forwarding_loop" || line === "unpowered_silence") return { kind: line };
  const delivered = /^delivered\((voice|position|text|video)\)\s*>=\s*(\d+(?:\.\d+)?)%$/.exec(line);
  if (delivered) return { kind: "delivered", service: delivered[1] as Service, atLeast: share(delivered[2]) };
  const airtime = /^airtime\(([\w.-]+)\)\s*<=\s*(\d+(?:\.\d+)?)%$/.exec(line);
  if (airtime) return { kind: "airtime", network: airtime[1] ?? "", atMost: share(airtime[2]) };
  const timed = /^(recover\(voice\) within|sos acknowledged within|bounded_queues <=)\s+(\S+)$/.exec(line);
  const limitUs = parseDurationUs(timed?.[2] ?? "?");
  if (!timed || Number.isNaN(limitUs)) return undefined;
  if (timed[1]?.startsWith("recover")) return { kind: "recover", withinUs: limitUs };
  return timed[1]?.startsWith("sos") ? { kind: "sos", withinUs: limitUs } : { kind: "queues", atMostUs: limitUs };
}
