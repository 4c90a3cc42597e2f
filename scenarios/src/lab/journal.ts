import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** One line of an agent's journal: what happened when (CLOCK_MONOTONIC, microseconds) at which node. */
export interface JournalEvent {
  e: string;
  atUs: number;
  node: number;
  from?: number;
  to?: number;
  sequence?: number;
  group?: number;
  burst?: number;
  talker?: number;
  timestamp20ms?: number;
  stream?: number;
  frame?: number;
  lastOfFrame?: boolean;
  rtpTimestamp?: number;
  messageId?: number;
  state?: string;
  sosId?: number;
  by?: number;
}

/** Parses journal lines. What is no event (a line cut off by a kill) is left out. */
export function parseJournal(text: string): JournalEvent[] {
  const events: JournalEvent[] = [];
  for (const line of text.split("\n")) {
    if (line === "") continue;
    try {
      const event = JSON.parse(line) as Partial<JournalEvent> | null;
      if (typeof event?.e === "string" && typeof event.atUs === "number" && typeof event.node === "number") {
        events.push(event as JournalEvent);
      }
    } catch {
      // The process was killed in the middle of the line.
    }
  }
  return events;
}

/** Every journal of a folder as one list in order of time. */
export function readJournals(folder: string): JournalEvent[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith(".jsonl"))
    .flatMap((name) => parseJournal(readFileSync(join(folder, name), "utf8")))
    .sort((a, b) => a.atUs - b.atUs);
}
