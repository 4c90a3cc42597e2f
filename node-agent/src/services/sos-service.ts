import type { SosRecord } from "../api/types.ts";
import type { NodeEvent, PositionReport } from "../core/api.ts";
import { SkeinError } from "../shell/skein-error.ts";
import type { StoredSos } from "../shell/store.ts";
import type { ServiceContext } from "./context.ts";

const SHOWN_MAX = 100;

/** Calls for help: raised here, heard from others, acknowledged by the headquarters, confirmed by a person. */
export class SosService {
  readonly #context: ServiceContext;
  readonly #ownPosition: () => PositionReport;
  #shown: StoredSos[];

  /** `ownPosition` gives the last known position of this node, NaN where unknown. */
  constructor(context: ServiceContext, ownPosition: () => PositionReport) {
    this.#context = context;
    this.#ownPosition = ownPosition;
    this.#shown = context.store.sos(SHOWN_MAX);
  }

  /** After a restart: a call of this node that nobody has acknowledged is raised again. */
  resume(): void {
    const { store, address } = this.#context;
    for (const sos of this.#shown.filter((s) => s.from === address && s.acknowledgedBy === null)) {
      store.removeSos(sos.from, sos.sosId);
      this.#shown = this.#shown.filter((s) => s !== sos);
      this.raise(sos.kind, sos.report);
    }
  }

  /** Raises an SOS and returns its record's id. */
  raise(kind: number, report = this.#ownPosition()): string {
    const { core, address, journal, store } = this.#context;
    const nowUs = this.#context.nowUs();
    const sosId = core.raiseSos(nowUs, kind, report);
    journal.write("sos-raised", nowUs, { sosId, kind });
    const id = this.#keep({
      from: address,
      sosId,
      kind,
      report,
      atMs: Date.now(),
      acknowledgedBy: null,
      confirmed: false,
    });
    store.commit();
    this.#context.announce("alarm", "SOS raised on this node");
    this.#context.touch();
    return id;
  }

  /** @throws SkeinError `unknown-sos`. */
  confirm(id: string): void {
    const sos = this.#shown.find((s) => recordId(s) === id);
    if (sos === undefined) throw new SkeinError("unknown-sos", `there is no SOS ${id}`);
    if (sos.confirmed) return;
    sos.confirmed = true;
    this.#context.store.saveSos(sos);
    this.#context.store.commit();
    this.#context.announce("info", `SOS of ${this.#context.nameOf(sos.from)} confirmed by the operator`);
  }

  onSos(event: Extract<NodeEvent, { type: "sos" }>, nowUs: number): void {
    const { from, sosId, kind, report } = event;
    this.#context.journal.write("sos-received", nowUs, { from, sosId, kind });
    this.#keep({ from, sosId, kind, report, atMs: Date.now(), acknowledgedBy: null, confirmed: false });
    this.#context.announce("alarm", `SOS from ${this.#context.nameOf(from)}${placeOf(report)}`);
  }

  onAcknowledged(event: Extract<NodeEvent, { type: "sos-acknowledged" }>, nowUs: number): void {
    const { from, sosId, by } = event;
    this.#context.journal.write("sos-acknowledged", nowUs, { from, sosId, by });
    const sos = this.#shown.findLast((s) => s.from === from && s.sosId === sosId);
    if (sos === undefined || sos.acknowledgedBy !== null) return;
    sos.acknowledgedBy = by;
    this.#context.store.saveSos(sos);
    const { nameOf } = this.#context;
    this.#context.announce("info", `SOS of ${nameOf(from)} acknowledged by ${nameOf(by)}`);
  }

  records(): SosRecord[] {
    return this.#shown.map((sos) => {
      const { sosId: _, ...rest } = sos;
      return { id: recordId(sos), ...rest };
    });
  }

  /** Ids are counted modulo 16 for each caller: a new call takes the place of an old one with its id. */
  #keep(sos: StoredSos): string {
    this.#shown = this.#shown.filter((s) => s.from !== sos.from || s.sosId !== sos.sosId);
    this.#shown.push(sos);
    if (this.#shown.length > SHOWN_MAX) this.#shown.shift();
    this.#context.store.saveSos(sos);
    return recordId(sos);
  }
}

function recordId(sos: StoredSos): string {
  return `${sos.from}:${sos.sosId}`;
}

function placeOf(report: PositionReport): string {
  if (Number.isNaN(report.latitudeDeg) || Number.isNaN(report.longitudeDeg)) return ", position unknown";
  return ` at ${report.latitudeDeg.toFixed(5)}, ${report.longitudeDeg.toFixed(5)}`;
}
