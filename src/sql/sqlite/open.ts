/**
 * Opens a database file, or says why not. Everything that is not plainly ours and whole is refused before a byte of it is
 * changed: a server must never start empty, or on somebody else's data, by silence.
 */
import { closeSync, existsSync, mkdirSync, openSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { PlatformError } from "../../model/error.ts";
import { isDamage } from "./failures.ts";
import { takeLock } from "./lock.ts";
import { Marker, type MarkerContent, markerPath, readMarker } from "./marker.ts";
import type { OpenOptions } from "./messages.ts";
import { hasTable, migrate } from "./migrate.ts";

/** "pkln" in the header of the file, where `file` and SQLite's tools look for it. */
const applicationId = 0x706b6c6e;

/** Up to here the whole file is checked at open, about 10 ms; beyond it only the tables that are small. */
const fullCheckBytesMax = 8 * 1024 * 1024;

/** A table of more rows is not checked at open: a million functions would take seconds. What is damaged in it shows when it is read. */
const checkedRowsMax = 50_000;

/** The write-ahead log is copied into the file when it has so many pages of 4 KiB: fewer, larger flushes than the default 1000. */
const checkpointPages = 4000;

/** An open, checked, locked database. */
export interface OpenedFile {
  readonly database: DatabaseSync;
  readonly marker: Marker;
  /** As the database says. */
  readonly commits: number;
  readonly unlock: () => void;
}

interface Identity {
  readonly id: string;
  readonly commits: number;
}

/**
 * Opens or creates. Throws `conflict` when another process has it, `internal` when it is damaged, foreign, from a newer
 * version, or when it has lost what its marker remembers.
 */
export function openFile(options: OpenOptions): OpenedFile {
  const { path } = options;
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const unlock = takeLock(path, () => holder(markerPath(path)));
  try {
    const remembered = readMarker(markerPath(path));
    refuseVanished(path, remembered);
    inspect(options, remembered);
    return { ...bringUp(options, remembered), unlock };
  } catch (error) {
    unlock();
    throw isDamage(error) ? damaged(path, error) : error;
  }
}

/** The lock's holder may be just starting and the marker not there yet. */
function holder(marker: string): number | undefined {
  try {
    return readMarker(marker)?.pid;
  } catch {
    return undefined;
  }
}

function refuseVanished(path: string, remembered: MarkerContent | undefined): void {
  if (existsSync(path) && statSync(path).size > 0) return;
  if (remembered !== undefined) {
    const state = existsSync(path) ? "is empty" : "is gone";
    throw refusal(
      "vanished",
      `${path} ${state}, but ${markerPath(path)} remembers a database with ${remembered.commits} changes. Restore the database from a backup, or delete ${markerPath(path)} to start empty`,
    );
  }
  if (existsSync(`${path}-wal`) && statSync(`${path}-wal`).size > 0) {
    throw refusal(
      "vanished",
      `${path} is gone, but its log ${path}-wal is there. Restore the database from a backup, or delete ${path}-wal to start empty`,
    );
  }
}

/**
 * Looks at what is there through a connection that cannot write. Closing one that can would fold a damaged log into the
 * file and delete it, and with it what might still be rescued.
 */
function inspect(options: OpenOptions, remembered: MarkerContent | undefined): void {
  const { path } = options;
  if (!existsSync(path)) return;
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    refuseForeign(database, path, remembered);
    if (isBlank(database)) return;
    refuseLoss(path, readIdentity(database), remembered);
    check(database, options);
  } finally {
    database.close();
  }
}

function bringUp(options: OpenOptions, remembered: MarkerContent | undefined): Omit<OpenedFile, "unlock"> {
  const { path } = options;
  const database = connect(path);
  try {
    setPragmas(database);
    if (isBlank(database)) database.exec(`PRAGMA application_id = ${applicationId}`);
    migrate(database, options.schemas, path);
    const identity = readIdentity(database) ?? createIdentity(database, options.creationId);
    const marker = new Marker(markerPath(path), { ...identity, pid: process.pid }, remembered === undefined ? "new" : "known");
    return { database, marker, commits: identity.commits };
  } catch (error) {
    database.close();
    throw error;
  }
}

function connect(path: string): DatabaseSync {
  // SQLite would make the file readable by all; its log inherits the mode.
  closeSync(openSync(path, "a", 0o600));
  return new DatabaseSync(path, { timeout: 5000, enableForeignKeyConstraints: true });
}

/** A file with no tables is ours to fill unless the marker remembers more. */
function refuseForeign(database: DatabaseSync, path: string, remembered: MarkerContent | undefined): void {
  const id = database.prepare("PRAGMA application_id").get()?.application_id;
  const blank = isBlank(database);
  if (id === applicationId && !blank) return;
  if (blank && (id === applicationId || id === 0) && remembered === undefined) return;
  throw refusal(
    "foreign",
    `${path} is a database, but not one of this program. Name another data folder, or move that file away`,
  );
}

function isBlank(database: DatabaseSync): boolean {
  return database.prepare("SELECT 1 FROM sqlite_schema LIMIT 1").get() === undefined;
}

function setPragmas(database: DatabaseSync): void {
  database.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA cache_size = -32768;
    PRAGMA temp_store = MEMORY;
    PRAGMA wal_autocheckpoint = ${checkpointPages};
    PRAGMA journal_size_limit = ${8 * checkpointPages * 4096};
  `);
}

/** The whole file while that is quick, else the tables whose loss nobody would see, and which are small enough. */
function check(database: DatabaseSync, options: OpenOptions): void {
  if (statSync(options.path).size <= fullCheckBytesMax) return quickCheck(database, "PRAGMA quick_check(1)", options.path);
  const bulk = new Set(options.schemas.flatMap((schema) => schema.bulkTables));
  for (const row of database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").all()) {
    const name = String(row.name);
    if (!bulk.has(name) && !isLarge(database, name)) quickCheck(database, `PRAGMA quick_check(${name})`, options.path);
  }
}

/** Steps over as many entries of an index, which takes a few milliseconds. */
function isLarge(database: DatabaseSync, table: string): boolean {
  return database.prepare(`SELECT 1 FROM ${table} LIMIT 1 OFFSET ${checkedRowsMax}`).get() !== undefined;
}

function quickCheck(database: DatabaseSync, pragma: string, path: string): void {
  const finding = database.prepare(pragma).get()?.quick_check;
  if (finding !== "ok") throw damaged(path, new Error(String(finding)));
}

function readIdentity(database: DatabaseSync): Identity | undefined {
  if (!hasTable(database, "identity")) return undefined;
  const row = database.prepare("SELECT creation_id, commits FROM identity").get();
  return row === undefined ? undefined : { id: String(row.creation_id), commits: Number(row.commits) };
}

function createIdentity(database: DatabaseSync, creationId: string): Identity {
  database.prepare("INSERT INTO identity (only, creation_id, commits) VALUES (1, ?, 0)").run(creationId);
  return { id: creationId, commits: 0 };
}

function refuseLoss(path: string, identity: Identity | undefined, remembered: MarkerContent | undefined): void {
  if (remembered === undefined) return;
  const marker = markerPath(path);
  if (identity === undefined || remembered.id !== identity.id) {
    throw refusal(
      "foreign",
      `${path} is not the database that ${marker} remembers: it was replaced. Put the right file back, or delete ${marker} to go on with this one`,
    );
  }
  const lost = remembered.commits - identity.commits;
  if (lost <= 0) return;
  throw refusal(
    "lost",
    `${path} has lost its newest ${lost} of ${remembered.commits} changes: its log ${path}-wal was cut, damaged or removed. Restore a backup, or delete ${marker} to go on without them`,
  );
}

function damaged(path: string, cause: unknown): PlatformError {
  const message = `${path} is damaged or not a database. Restore it from a backup, or move it and ${markerPath(path)} away to start empty`;
  return new PlatformError("internal", message, { details: { reason: "damaged" }, cause });
}

function refusal(reason: "vanished" | "foreign" | "lost", message: string): PlatformError {
  return new PlatformError("internal", message, { details: { reason } });
}
