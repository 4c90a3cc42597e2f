import { randomBytes, randomInt } from "node:crypto";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { SosRecord, TextRecord } from "../api/types.ts";
import type { Acquaintance, PeerKey, PositionReport } from "../core/api.ts";
import { errorMessage, SkeinError } from "./skein-error.ts";

/**
 * What must outlive a power cut: boot epoch, the key pair of this node and public keys of others, texts and their states,
 * received message ids, SOS, policy, used data, who was heard on slow radios, an address taken instead of the configured one.
 * Only the owner can read the file.
 *
 * One SQLite file, write-ahead log, `synchronous=FULL`: a committed record is on stable storage. The file is held
 * with an exclusive lock of the operating system as long as the process lives (also gone after kill -9), so that no
 * second agent can draw the same epoch. Writes of one event-loop turn share a transaction: `commit()` must be called
 * before anything is transmitted that depends on them.
 */
export interface Store {
  /** Incremented and on stable storage before `openStore` returned. */
  readonly bootEpoch: number;
  /** X25519, 32 octets: drawn from the system at the first start, on stable storage likewise. */
  readonly privateKey: Uint8Array;
  saveText(text: StoredText): void;
  setTextState(from: number, messageId: number, state: TextRecord["state"]): void;
  /** Newest last, at most `limit`. */
  texts(limit: number): StoredText[];
  /** Own texts that were on their way when the process ended. */
  pendingTexts(from: number): StoredText[];
  hasText(from: number, messageId: number): boolean;
  saveSos(sos: StoredSos): void;
  removeSos(from: number, sosId: number): void;
  sos(limit: number): StoredSos[];
  savePolicy(version: number, octets: Uint8Array): void;
  policy(): { version: number; octets: Uint8Array } | undefined;
  /** Octets that a bearer has used of its data cap in a period. */
  saveUsage(bearer: string, period: string, octets: number): void;
  usage(bearer: string): { period: string; octets: number } | undefined;
  /** What is kept for a node id first stays. On stable storage some seconds later, and when the store is closed. */
  savePeerKey(nodeId: number, publicKey: Uint8Array): void;
  peerKeys(): PeerKey[];
  /** Replaces what is kept of that address on that bearer; on stable storage as late as keys are. */
  saveAcquaintance(bearer: string, acquaintance: StoredAcquaintance): void;
  acquaintances(bearer: string): StoredAcquaintance[];
  /** Replaces what others have told of their links; on stable storage as late as keys are. */
  saveLinkState(mission: string, octets: Uint8Array, atMs: number): void;
  /** The same, if it is of this mission and not older than an hour; a clock that was set back makes it no older. */
  linkState(mission: string, nowMs: number): Uint8Array | undefined;
  /** The address of a node that is configured as `configured`: another one since it had to yield that. */
  address(configured: number): number;
  /** How often the address was changed since then. */
  addressChanges(sinceMs: number): number;
  /** Takes another address; what this node has written goes with it. On stable storage before it returns. */
  changeAddress(configured: number, from: number, to: number, atMs: number): void;
  /** Ends the turn's transaction: everything written so far, but what has been learned of others, is on stable storage afterwards. */
  commit(): void;
  /**
   * Called when a write fails after a good start (disk full, card gone). The node goes on without durability rather
   * than leave the mesh: whoever owns the store tells people.
   */
  onFailure: (error: unknown) => void;
  close(): void;
}

export interface StoredText {
  from: number;
  to: number;
  messageId: number;
  body: string;
  state: TextRecord["state"];
  atMs: number;
}

/** Bearers are kept by name: their numbers change with the configuration. */
export type StoredAcquaintance = Omit<Acquaintance, "bearerId">;

export interface StoredSos extends Omit<SosRecord, "id"> {
  sosId: number;
}

const SCHEMA_VERSION = 1;
const EPOCH_MAX = 0xffffffff;
/** Texts kept; older ones are removed at start. */
const TEXTS_MAX = 10_000;
const PRIVATE_KEY_OCTETS = 32;
/**
 * Keys of others, who was heard and link state are written together, so long after the first. Whole meshes prove their keys
 * within seconds, and a node that waits for its disk at each carries nobody's traffic meanwhile. What a power cut takes is
 * learned anew.
 */
const LEARNED_WITHIN_MS = 2_000;
/** Links that are older tell little, and the nodes of a mission that has ended are nobody's business in the next. */
const LINK_STATE_MAX_AGE_MS = 3_600_000;

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS boot (one INTEGER PRIMARY KEY CHECK (one = 1), epoch INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS text (
    "from" INTEGER NOT NULL, message_id INTEGER NOT NULL, "to" INTEGER NOT NULL,
    body TEXT NOT NULL, state TEXT NOT NULL, at_ms INTEGER NOT NULL,
    PRIMARY KEY ("from", message_id)) STRICT;
  CREATE TABLE IF NOT EXISTS sos (
    "from" INTEGER NOT NULL, sos_id INTEGER NOT NULL, kind INTEGER NOT NULL, report TEXT NOT NULL,
    at_ms INTEGER NOT NULL, acknowledged_by INTEGER, confirmed INTEGER NOT NULL,
    PRIMARY KEY ("from", sos_id)) STRICT;
  CREATE TABLE IF NOT EXISTS policy (
    one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER NOT NULL, octets BLOB NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS usage (bearer TEXT PRIMARY KEY, period TEXT NOT NULL, octets INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS identity (
    one INTEGER PRIMARY KEY CHECK (one = 1), private_key BLOB NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS peer (node_id INTEGER PRIMARY KEY, public_key BLOB NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS acquaintance (
    bearer TEXT NOT NULL, address INTEGER NOT NULL, node_id INTEGER NOT NULL, boot_epoch INTEGER NOT NULL,
    remote_bearer INTEGER NOT NULL, counter INTEGER NOT NULL, PRIMARY KEY (bearer, address)) STRICT;
  CREATE TABLE IF NOT EXISTS link_state (
    one INTEGER PRIMARY KEY CHECK (one = 1), mission TEXT NOT NULL, octets BLOB NOT NULL, at_ms INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS address (at_ms INTEGER NOT NULL, configured INTEGER NOT NULL, taken INTEGER NOT NULL) STRICT;
`;

/**
 * Opens the state folder (made if missing) and draws the next boot epoch.
 * @throws SkeinError `state-in-use` (another agent holds it), `state-not-writable`, `state-damaged`, `state-newer`.
 */
export function openStore(folder: string): Store {
  let database: DatabaseSync | undefined;
  try {
    mkdirSync(folder, { recursive: true });
    const file = join(folder, "skein.sqlite");
    // Made by hand for its mode, which SQLite gives to the log beside it.
    closeSync(openSync(file, "a", 0o600));
    database = new DatabaseSync(file);
    prepareDatabase(database);
    return new SqliteStore(database, drawEpoch(database), drawKey(database));
  } catch (error) {
    closeQuietly(database);
    throw storeError(folder, error);
  }
}

function prepareDatabase(database: DatabaseSync): void {
  // Exclusive mode takes the lock with the first access and keeps it: one file, one owner, no shared memory.
  database.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
  database.exec("BEGIN EXCLUSIVE");
  const { user_version: version } = database.prepare("PRAGMA user_version").get() as { user_version: number };
  if (version > SCHEMA_VERSION) {
    throw new SkeinError("state-newer", `written by a newer version (${version})`, "start that version of Skein");
  }
  database.exec(SCHEMA);
  database.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`);
  database.exec(`DELETE FROM text WHERE state IN ('received', 'delivered', 'failed') AND rowid NOT IN
    (SELECT rowid FROM text ORDER BY at_ms DESC LIMIT ${TEXTS_MAX})`);
  database.exec("COMMIT");
}

/**
 * Next boot epoch, committed. A new store starts at a random epoch in the lower half: if somebody removes the folder
 * of a node that has transmitted before, its nonces still do not come twice (but for 1 in 2^31 a boot).
 */
function drawEpoch(database: DatabaseSync): number {
  const row = database.prepare("SELECT epoch FROM boot WHERE one = 1").get() as { epoch: number } | undefined;
  const epoch = row === undefined ? randomInt(1, 0x8000_0000) : row.epoch + 1;
  if (epoch > EPOCH_MAX) throw new SkeinError("epoch-exhausted", "the boot epoch is used up", "give the node a new id");
  database.prepare("INSERT OR REPLACE INTO boot (one, epoch) VALUES (1, ?)").run(epoch);
  return epoch;
}

/** The private key of this node, made and committed if there is none. */
function drawKey(database: DatabaseSync): Uint8Array {
  const row = database.prepare("SELECT private_key FROM identity WHERE one = 1").get();
  if (row !== undefined) return (row as { private_key: Uint8Array }).private_key;
  const privateKey = Uint8Array.from(randomBytes(PRIVATE_KEY_OCTETS));
  database.prepare("INSERT INTO identity (one, private_key) VALUES (1, ?)").run(privateKey);
  return privateKey;
}

function closeQuietly(database: DatabaseSync | undefined): void {
  try {
    database?.close();
  } catch {
    // Never opened, or already closed: the first error is the one to report.
  }
}

const SQLITE_BUSY = 5;
const SQLITE_LOCKED = 6;
const SQLITE_CORRUPT = 11;
const SQLITE_NOTADB = 26;

function storeError(folder: string, error: unknown): SkeinError {
  const sqlite = (error as { errcode?: number }).errcode;
  const primary = sqlite === undefined ? undefined : sqlite & 0xff;
  if (primary === SQLITE_BUSY || primary === SQLITE_LOCKED) {
    const remedy = "stop the other agent, or give this one its own `state` folder";
    return new SkeinError("state-in-use", `${folder}: another agent is using this state folder`, remedy, error);
  }
  if (primary === SQLITE_CORRUPT || primary === SQLITE_NOTADB) {
    const remedy = "move the folder away; a new one starts with a fresh boot epoch, its texts are lost";
    return new SkeinError("state-damaged", `${folder}: the state is damaged (${errorMessage(error)})`, remedy, error);
  }
  if (error instanceof SkeinError) return new SkeinError(error.code, `${folder}: ${error.message}`, error.remedy);
  const remedy = "make the folder writable: without it the node cannot be sure never to repeat a nonce";
  return new SkeinError("state-not-writable", `${folder}: cannot be written: ${errorMessage(error)}`, remedy, error);
}

type Row = Record<string, number | string | null | Uint8Array>;

class SqliteStore implements Store {
  readonly bootEpoch: number;
  readonly privateKey: Uint8Array;
  readonly #database: DatabaseSync;
  readonly #insertText: StatementSync;
  readonly #updateText: StatementSync;
  readonly #findText: StatementSync;
  readonly #insertSos: StatementSync;
  readonly #deleteSos: StatementSync;
  readonly #insertPolicy: StatementSync;
  readonly #insertUsage: StatementSync;
  readonly #insertPeer: StatementSync;
  readonly #insertAcquaintance: StatementSync;
  readonly #insertLinkState: StatementSync;
  readonly #newPeers: PeerKey[] = [];
  readonly #newAcquaintances: [string, StoredAcquaintance][] = [];
  #newLinkState: [string, Uint8Array, number] | undefined;
  #learnedTimer: NodeJS.Timeout | undefined;
  #inTransaction = false;
  #closed = false;
  onFailure: (error: unknown) => void = () => undefined;

  constructor(database: DatabaseSync, bootEpoch: number, privateKey: Uint8Array) {
    this.#database = database;
    this.bootEpoch = bootEpoch;
    this.privateKey = privateKey;
    this.#insertText = database.prepare(
      `INSERT OR REPLACE INTO text ("from", message_id, "to", body, state, at_ms) VALUES (?, ?, ?, ?, ?, ?)`,
    );
    this.#updateText = database.prepare(`UPDATE text SET state = ? WHERE "from" = ? AND message_id = ?`);
    this.#findText = database.prepare(`SELECT 1 FROM text WHERE "from" = ? AND message_id = ?`);
    this.#insertSos = database.prepare(
      `INSERT OR REPLACE INTO sos ("from", sos_id, kind, report, at_ms, acknowledged_by, confirmed)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#deleteSos = database.prepare(`DELETE FROM sos WHERE "from" = ? AND sos_id = ?`);
    this.#insertPolicy = database.prepare("INSERT OR REPLACE INTO policy (one, version, octets) VALUES (1, ?, ?)");
    this.#insertUsage = database.prepare("INSERT OR REPLACE INTO usage (bearer, period, octets) VALUES (?, ?, ?)");
    this.#insertPeer = database.prepare("INSERT OR IGNORE INTO peer (node_id, public_key) VALUES (?, ?)");
    this.#insertAcquaintance = database.prepare(
      `INSERT OR REPLACE INTO acquaintance (bearer, address, node_id, boot_epoch, remote_bearer, counter)
       VALUES (?, ?, ?, ?, ?, ?)`,
    );
    this.#insertLinkState = database.prepare(
      "INSERT OR REPLACE INTO link_state (one, mission, octets, at_ms) VALUES (1, ?, ?, ?)",
    );
  }

  saveText(text: StoredText): void {
    const { from, messageId, to, body, state, atMs } = text;
    this.#write(this.#insertText, from, messageId, to, body, state, atMs);
  }

  setTextState(from: number, messageId: number, state: TextRecord["state"]): void {
    this.#write(this.#updateText, state, from, messageId);
  }

  texts(limit: number): StoredText[] {
    const rows = this.#database.prepare("SELECT * FROM text ORDER BY at_ms DESC, rowid DESC LIMIT ?").all(limit);
    return (rows as Row[]).reverse().map(textOf);
  }

  pendingTexts(from: number): StoredText[] {
    const query = `SELECT * FROM text WHERE "from" = ? AND state IN ('queued', 'sent') ORDER BY at_ms, rowid`;
    return (this.#database.prepare(query).all(from) as Row[]).map(textOf);
  }

  hasText(from: number, messageId: number): boolean {
    return this.#findText.get(from, messageId) !== undefined;
  }

  saveSos(sos: StoredSos): void {
    const report = JSON.stringify(sos.report);
    const { from, sosId, kind, atMs, acknowledgedBy, confirmed } = sos;
    this.#write(this.#insertSos, from, sosId, kind, report, atMs, acknowledgedBy, confirmed ? 1 : 0);
  }

  removeSos(from: number, sosId: number): void {
    this.#write(this.#deleteSos, from, sosId);
  }

  sos(limit: number): StoredSos[] {
    const rows = this.#database.prepare("SELECT * FROM sos ORDER BY at_ms DESC, rowid DESC LIMIT ?").all(limit);
    return (rows as Row[]).reverse().map(sosOf);
  }

  savePolicy(version: number, octets: Uint8Array): void {
    this.#write(this.#insertPolicy, version, octets);
  }

  policy(): { version: number; octets: Uint8Array } | undefined {
    const row = this.#database.prepare("SELECT version, octets FROM policy WHERE one = 1").get();
    return row as { version: number; octets: Uint8Array } | undefined;
  }

  saveUsage(bearer: string, period: string, octets: number): void {
    this.#write(this.#insertUsage, bearer, period, Math.round(octets));
  }

  usage(bearer: string): { period: string; octets: number } | undefined {
    const row = this.#database.prepare("SELECT period, octets FROM usage WHERE bearer = ?").get(bearer);
    return row as { period: string; octets: number } | undefined;
  }

  savePeerKey(nodeId: number, publicKey: Uint8Array): void {
    this.#newPeers.push({ nodeId, publicKey });
    this.#writeLearnedSoon();
  }

  #writeLearnedSoon(): void {
    this.#learnedTimer ??= setTimeout(() => this.#writeLearned(), LEARNED_WITHIN_MS).unref();
  }

  #writeLearned(): void {
    clearTimeout(this.#learnedTimer);
    this.#learnedTimer = undefined;
    for (const { nodeId, publicKey } of this.#newPeers.splice(0)) this.#write(this.#insertPeer, nodeId, publicKey);
    for (const [bearer, { address, nodeId, bootEpoch, remoteBearerId, counter }] of this.#newAcquaintances.splice(0))
      this.#write(this.#insertAcquaintance, bearer, address, nodeId, bootEpoch, remoteBearerId, counter);
    if (this.#newLinkState !== undefined) this.#write(this.#insertLinkState, ...this.#newLinkState);
    this.#newLinkState = undefined;
    this.commit();
  }

  saveLinkState(mission: string, octets: Uint8Array, atMs: number): void {
    this.#newLinkState = [mission, octets, atMs];
    this.#writeLearnedSoon();
  }

  linkState(mission: string, nowMs: number): Uint8Array | undefined {
    const row = this.#database.prepare("SELECT * FROM link_state WHERE one = 1").get() as Row | undefined;
    if (row?.mission !== mission || nowMs - (row.at_ms as number) > LINK_STATE_MAX_AGE_MS) return undefined;
    return row.octets as Uint8Array;
  }

  saveAcquaintance(bearer: string, acquaintance: StoredAcquaintance): void {
    this.#newAcquaintances.push([bearer, acquaintance]);
    this.#writeLearnedSoon();
  }

  acquaintances(bearer: string): StoredAcquaintance[] {
    const rows = this.#database.prepare("SELECT * FROM acquaintance WHERE bearer = ?").all(bearer) as Row[];
    return rows.map((row) => ({
      address: row.address as number,
      nodeId: row.node_id as number,
      bootEpoch: row.boot_epoch as number,
      remoteBearerId: row.remote_bearer as number,
      counter: row.counter as number,
    }));
  }

  peerKeys(): PeerKey[] {
    const rows = this.#database.prepare("SELECT node_id, public_key FROM peer ORDER BY rowid DESC").all() as Row[];
    return rows.map((row) => ({ nodeId: row.node_id as number, publicKey: row.public_key as Uint8Array }));
  }

  address(configured: number): number {
    const row = this.#database.prepare("SELECT * FROM address ORDER BY rowid DESC LIMIT 1").get() as Row | undefined;
    // Whoever configures another one means that.
    return row?.configured === configured ? (row.taken as number) : configured;
  }

  addressChanges(sinceMs: number): number {
    const row = this.#database.prepare("SELECT count(*) AS n FROM address WHERE at_ms >= ?").get(sinceMs) as Row;
    return row.n as number;
  }

  changeAddress(configured: number, from: number, to: number, atMs: number): void {
    this.#write(this.#database.prepare("INSERT INTO address VALUES (?, ?, ?)"), atMs, configured, to);
    for (const table of ["text", "sos"]) {
      // Nothing of the other node is in there: what comes from the own address is never taken in.
      this.#write(this.#database.prepare(`UPDATE OR IGNORE ${table} SET "from" = ? WHERE "from" = ?`), to, from);
    }
    this.commit();
  }

  commit(): void {
    if (!this.#inTransaction) return;
    this.#inTransaction = false;
    try {
      this.#database.exec("COMMIT");
    } catch (error) {
      this.#fail(error);
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#writeLearned();
    this.#closed = true;
    this.#database.close();
  }

  #write(statement: StatementSync, ...values: (number | string | null | Uint8Array)[]): void {
    try {
      if (!this.#inTransaction) this.#database.exec("BEGIN IMMEDIATE");
      this.#inTransaction = true;
      statement.run(...values);
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    this.#inTransaction = false;
    if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
    this.onFailure(error);
  }
}

function textOf(row: Row): StoredText {
  return {
    from: row.from as number,
    to: row.to as number,
    messageId: row.message_id as number,
    body: row.body as string,
    state: row.state as TextRecord["state"],
    atMs: row.at_ms as number,
  };
}

function sosOf(row: Row): StoredSos {
  return {
    from: row.from as number,
    sosId: row.sos_id as number,
    kind: row.kind as number,
    report: reportFromJson(row.report as string),
    atMs: row.at_ms as number,
    acknowledgedBy: row.acknowledged_by as number | null,
    confirmed: row.confirmed === 1,
  };
}

/** JSON has no NaN: unknown values come back from null. */
function reportFromJson(json: string): PositionReport {
  const read = JSON.parse(json) as Partial<Record<keyof PositionReport, number | null>>;
  return {
    latitudeDeg: read.latitudeDeg ?? Number.NaN,
    longitudeDeg: read.longitudeDeg ?? Number.NaN,
    altitudeM: read.altitudeM ?? Number.NaN,
    speedKmh: read.speedKmh ?? Number.NaN,
    courseDeg: read.courseDeg ?? Number.NaN,
    batteryPercent: read.batteryPercent ?? Number.NaN,
  };
}
