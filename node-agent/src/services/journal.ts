import { closeSync, mkdirSync, openSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { SkeinError } from "../shell/skein-error.ts";

/**
 * The journal: one JSON object a line of what was measured, for evaluation afterwards. Every line has
 *
 *   e      name of the event, see below
 *   atUs   CLOCK_MONOTONIC in microseconds: comparable between all processes of one machine
 *   node   address of the node that wrote the line
 *
 *   e                    further fields
 *   -------------------  ---------------------------------------------------------------------------------
 *   start                nodeId, bootEpoch, name, pid
 *   stop                 -
 *   neighbour            bearer (name), address, up (true, false), reason
 *   address-conflict     address, nodeId (who has it here), other (who claims it)
 *   address-changed      address (so far), other (who has it, too), to
 *   bearer               bearer (name), up, reason
 *   voice-sent           group, burst, timestamp20ms: one 40 ms frame of the own microphone left the coder
 *   voice-played         talker, group, burst, timestamp20ms: a real frame (not concealment) was played
 *   talk                 on (true, false), group, burst, codec (0 Opus, 1 Codec2 1300), source (live, file)
 *   video-out            stream, frame, rtpTimestamp, lastOfFrame, lengthOctets, to: one packet given to the mesh
 *   video-in             from, stream, lengthOctets: one packet came out of the mesh
 *   video-frame          from, stream, rtpTimestamp, keyFrame, lengthOctets: a whole frame was reassembled
 *   position-sent        sequence, latitudeDeg, longitudeDeg
 *   position-received    from, sequence, latitudeDeg, longitudeDeg
 *   text-sent            messageId, to, lengthOctets: taken over for sending (state queued)
 *   text-state           messageId, to, state (queued, sent, delivered, failed)
 *   text-received        from, to, messageId, lengthOctets
 *   sos-raised           sosId, kind
 *   sos-received         from, sosId, kind
 *   sos-acknowledged     from, sosId, by
 *   policy               version
 *   cot-received         uid, type, lengthOctets: a CoT event of the local network
 *   cot-sent             uid, lengthOctets
 *
 * For voice and video the instant is the media process's own; for the others it is when the agent took the event out
 * of the core or handed it in. Lines are buffered for at most 100 ms, and written at the end.
 */
export interface Journal {
  /** `atUs` in the fields takes the place of the given instant. */
  write(e: string, atUs: number, fields: Record<string, unknown>): void;
  close(): void;
}

const FLUSH_MS = 100;
const FLUSH_LENGTH = 64 * 1024;

/** A journal that keeps nothing, for nodes without one configured. */
export const noJournal: Journal = { write: () => undefined, close: () => undefined };

/**
 * Opens a journal for appending.
 * @throws SkeinError `journal-not-writable`.
 */
export function openJournal(file: string, node: number): Journal {
  return new FileJournal(openForAppend(file), node);
}

function openForAppend(file: string): number {
  try {
    mkdirSync(dirname(file), { recursive: true });
    return openSync(file, "a");
  } catch (error) {
    const remedy = "choose another `journal` path, or leave it out";
    throw new SkeinError("journal-not-writable", `journal: ${(error as Error).message}`, remedy, error);
  }
}

class FileJournal implements Journal {
  readonly #file: number;
  readonly #node: number;
  #timer: NodeJS.Timeout | undefined;
  #pending = "";
  #closed = false;

  constructor(file: number, node: number) {
    this.#file = file;
    this.#node = node;
  }

  write(e: string, atUs: number, fields: Record<string, unknown>): void {
    if (this.#closed) return;
    this.#pending += `${JSON.stringify({ e, atUs, node: this.#node, ...fields })}\n`;
    if (this.#pending.length > FLUSH_LENGTH) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), FLUSH_MS).unref();
  }

  close(): void {
    if (this.#closed) return;
    this.#flush();
    this.#closed = true;
    closeSync(this.#file);
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#pending === "") return;
    const text = this.#pending;
    this.#pending = "";
    try {
      writeSync(this.#file, text);
    } catch {
      // A full disk costs measurements, never the mission: the lines are given up.
    }
  }
}
