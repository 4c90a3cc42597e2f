import { connect, type Socket } from "node:net";
import { z } from "zod";
import type { Fix, PositionSource } from "./position-source.ts";

/** gpsd's client protocol (gpsd_json): one JSON object a line. */
const WATCH = '?WATCH={"enable":true,"json":true};\n';
/** Longest line that gpsd sends is about 10 kB (SKY with all satellites). */
const LINE_OCTETS_MAX = 64 * 1024;
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 10_000;
/** gpsd reports each second; silence this long means that the connection is dead. */
const SILENT_MS = 30_000;

const report = z.object({
  class: z.literal("TPV"),
  /** 0 unknown, 1 no fix, 2 two, 3 three dimensions. */
  mode: z.number().min(2),
  lat: z.number().min(-90).max(90),
  lon: z.number().min(-180).max(180),
  altMSL: z.number().optional(),
  alt: z.number().optional(),
  /** m/s */
  speed: z.number().optional(),
  /** degrees from true north */
  track: z.number().optional(),
});

/** Reads positions from a gpsd, on and on: a daemon that is not there (yet, or any more) is tried again. */
export class GpsdSource implements PositionSource {
  readonly counters: Record<string, number> = { reports: 0, rubbish: 0, connects: 0 };
  readonly #host: string;
  readonly #port: number;
  #socket: Socket | undefined;
  #retry: NodeJS.Timeout | undefined;
  #retryMs = FIRST_RETRY_MS;
  #pending = "";
  #onFix: (fix: Fix) => void = () => undefined;
  #stopped = false;

  constructor(host: string, port: number) {
    this.#host = host;
    this.#port = port;
  }

  start(onFix: (fix: Fix) => void): void {
    this.#onFix = onFix;
    this.#connect();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#retry);
    this.#socket?.destroy();
  }

  #connect(): void {
    this.#pending = "";
    const socket = connect({ host: this.#host, port: this.#port });
    this.#socket = socket;
    socket.setEncoding("utf8");
    socket.setTimeout(SILENT_MS, () => socket.destroy());
    socket.on("connect", () => {
      this.#count("connects");
      this.#retryMs = FIRST_RETRY_MS;
      socket.write(WATCH);
    });
    socket.on("data", (text: string) => this.#data(text));
    // `close` follows each error and carries on from there.
    socket.on("error", () => this.#count("errors"));
    socket.on("close", () => {
      if (this.#stopped) return;
      this.#retry = setTimeout(() => this.#connect(), this.#retryMs);
      this.#retryMs = Math.min(LAST_RETRY_MS, this.#retryMs * 2);
    });
  }

  #data(text: string): void {
    this.#pending += text;
    for (let end = this.#pending.indexOf("\n"); end >= 0; end = this.#pending.indexOf("\n")) {
      this.#line(this.#pending.slice(0, end));
      this.#pending = this.#pending.slice(end + 1);
    }
    if (this.#pending.length > LINE_OCTETS_MAX) {
      this.#count("rubbish");
      this.#pending = "";
    }
  }

  #line(line: string): void {
    const fix = parseTpv(line);
    if (fix === "rubbish") this.#count("rubbish");
    else if (fix !== undefined) {
      this.#count("reports");
      this.#onFix(fix);
    }
  }

  #count(name: string): void {
    this.counters[name] = (this.counters[name] ?? 0) + 1;
  }
}

/** A fix out of one line of gpsd; undefined for other reports and for no fix. */
export function parseTpv(line: string): Fix | "rubbish" | undefined {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    return "rubbish";
  }
  const result = report.safeParse(json);
  if (!result.success) return undefined;
  const { lat, lon, altMSL, alt, speed, track } = result.data;
  return {
    latitudeDeg: lat,
    longitudeDeg: lon,
    altitudeM: altMSL ?? alt ?? Number.NaN,
    speedKmh: speed === undefined ? Number.NaN : speed * 3.6,
    courseDeg: track ?? Number.NaN,
  };
}
