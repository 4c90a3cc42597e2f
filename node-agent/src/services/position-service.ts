import type { GnssFix } from "@skein/codecs";
import type { AgentStatus } from "../api/types.ts";
import type { NodeEvent, PositionReport } from "../core/api.ts";
import type { Battery } from "./battery.ts";
import type { ServiceContext } from "./context.ts";
import type { PositionSource } from "./position-source.ts";
import { FIRST_SPREAD_MS, newcomersPauseS, reportPauseMs } from "./report-times.ts";

/** Fixes older than this many report intervals are not reported any more: a place where nobody is misleads. */
const STALE_INTERVALS = 3;
const STALE_MIN_S = 10;
const NODES_MAX = 1024;

interface Known {
  report: PositionReport;
  atUs: number;
}

/** Reports where this node is at about a fixed interval, and keeps where everybody else is. */
export class PositionService {
  readonly #context: ServiceContext;
  readonly #source: PositionSource | undefined;
  readonly #battery: Battery;
  readonly #known = new Map<number, Known>();
  #fix: { fix: GnssFix; atUs: number } | undefined;
  #saidAgainUs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  /** Called with every position of the mesh, the own included. */
  onPosition: (address: number, report: PositionReport) => void = () => undefined;

  constructor(context: ServiceContext, source: PositionSource | undefined, battery: Battery) {
    this.#context = context;
    this.#source = source;
    this.#battery = battery;
  }

  start(): void {
    this.#source?.start((fix) => {
      const isFirst = this.#fix === undefined;
      this.#fix = { fix, atUs: this.#context.nowUs() };
      if (isFirst) this.#reportIn(Math.random() * FIRST_SPREAD_MS);
    });
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#source?.stop();
  }

  get counters(): Readonly<Record<string, number>> {
    return this.#source?.counters ?? {};
  }

  /** Own last position with the battery, NaN where unknown. */
  own(): PositionReport {
    const fix = this.#fix?.fix;
    return {
      latitudeDeg: fix?.latitudeDeg ?? Number.NaN,
      longitudeDeg: fix?.longitudeDeg ?? Number.NaN,
      altitudeM: fix?.altitudeM ?? Number.NaN,
      speedKmh: fix?.speedKmh ?? Number.NaN,
      courseDeg: fix?.courseDeg ?? Number.NaN,
      batteryPercent: this.#battery.percent,
    };
  }

  /** Sends one report now, unless there is no fresh fix. */
  report(): void {
    const nowUs = this.#context.nowUs();
    const { intervalS } = this.#context.config.position;
    const staleUs = Math.max(STALE_MIN_S, STALE_INTERVALS * intervalS) * 1e6;
    if (this.#fix === undefined || nowUs - this.#fix.atUs > staleUs) return;
    const report = this.own();
    const sequence = this.#context.core.reportPosition(nowUs, report);
    const { latitudeDeg, longitudeDeg } = report;
    this.#context.journal.write("position-sent", nowUs, { sequence, latitudeDeg, longitudeDeg });
    this.#keep(this.#context.address, report, nowUs);
    this.#context.touch();
  }

  /** Nodes have come that have heard no report of this node: they need not wait for the next one. */
  onNewcomers(): void {
    const nowUs = this.#context.nowUs();
    const pauseUs = newcomersPauseS(this.#context.config.position.intervalS) * 1e6;
    if (this.#fix === undefined || nowUs - this.#saidAgainUs < pauseUs) return;
    this.#saidAgainUs = nowUs;
    this.report();
  }

  onEvent(event: Extract<NodeEvent, { type: "position" }>, nowUs: number): void {
    const { from, sequence, report, late } = event;
    const { latitudeDeg, longitudeDeg } = report;
    this.#context.journal.write("position-received", nowUs, { from, sequence, latitudeDeg, longitudeDeg });
    if (!late) this.#keep(from, report, nowUs);
  }

  status(nowUs: number): AgentStatus["positions"] {
    return [...this.#known].map(([address, { report, atUs }]) => {
      return { address, report, ageS: Math.max(0, Math.round((nowUs - atUs) / 1e5) / 10) };
    });
  }

  #reportIn(pauseMs: number): void {
    this.#timer = setTimeout(() => {
      this.#reportIn(reportPauseMs(this.#context.config.position.intervalS, Math.random()));
      this.report();
    }, pauseMs);
  }

  #keep(address: number, report: PositionReport, atUs: number): void {
    if (!this.#known.has(address) && this.#known.size >= NODES_MAX) return;
    this.#known.set(address, { report, atUs });
    this.onPosition(address, report);
  }
}
