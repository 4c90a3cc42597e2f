import { connect, type Socket } from "node:net";
import { decodeGpsdLine, type GnssFix, GPSD_WATCH, MAX_GPSD_LINE_OCTETS } from "@skein/codecs";
import type { PositionSource } from "./position-source.ts";

const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 10_000;
/** gpsd reports each second; silence this long means that the connection is dead. */
const SILENT_MS = 30_000;

const LINE_FEED = 0x0a;

/** Reads positions from a gpsd, on and on: a daemon that is not there (yet, or any more) is tried again. */
export class GpsdSource implements PositionSource {
  readonly counters: Record<string, number> = { fixes: 0, malformed: 0, connects: 0 };
  readonly #host: string;
  readonly #port: number;
  #socket: Socket | undefined;
  #retry: NodeJS.Timeout | undefined;
  #retryMs = FIRST_RETRY_MS;
  readonly #line = new Uint8Array(MAX_GPSD_LINE_OCTETS);
  /** Octets in the line; more than fit means that the rest of it is skipped. */
  #length = 0;
  #onFix: (fix: GnssFix) => void = () => undefined;
  #stopped = false;

  constructor(host: string, port: number) {
    this.#host = host;
    this.#port = port;
  }

  start(onFix: (fix: GnssFix) => void): void {
    this.#onFix = onFix;
    this.#connect();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#retry);
    this.#socket?.destroy();
  }

  #connect(): void {
    this.#length = 0;
    const socket = connect({ host: this.#host, port: this.#port });
    this.#socket = socket;
    socket.setTimeout(SILENT_MS, () => socket.destroy());
    socket.on("connect", () => {
      this.#count("connects");
      this.#retryMs = FIRST_RETRY_MS;
      socket.write(GPSD_WATCH);
    });
    socket.on("data", (octets: Buffer) => this.#data(octets));
    // `close` follows each error and carries on from there.
    socket.on("error", () => this.#count("errors"));
    socket.on("close", () => {
      if (this.#stopped) return;
      this.#retry = setTimeout(() => this.#connect(), this.#retryMs);
      this.#retryMs = Math.min(LAST_RETRY_MS, this.#retryMs * 2);
    });
  }

  #data(octets: Buffer): void {
    for (const octet of octets) {
      if (octet === LINE_FEED) this.#endLine();
      else if (this.#length < this.#line.length) this.#line[this.#length++] = octet;
      else this.#length = this.#line.length + 1;
    }
  }

  #endLine(): void {
    const length = this.#length;
    this.#length = 0;
    if (length > this.#line.length) return this.#count("malformed");
    const report = decodeGpsdLine(this.#line, 0, length);
    if (report.kind === "malformed") this.#count("malformed");
    if (report.kind !== "fix") return;
    this.#count("fixes");
    this.#onFix(report.fix);
  }

  #count(name: string): void {
    this.counters[name] = (this.counters[name] ?? 0) + 1;
  }
}
