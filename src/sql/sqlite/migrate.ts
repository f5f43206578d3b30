/** Applies the numbered SQL files of each room, one transaction per file. */
import { readdirSync, readFileSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { PlatformError } from "../../model/error.ts";
import type { OpenOptions } from "./messages.ts";

interface Migration {
  readonly room: string;
  readonly number: number;
  readonly name: string;
  readonly file: URL;
}

/**
 * Brings the database to the newest version. Throws `internal` when it was written by a newer program or another line of
 * migrations, naming the ways on.
 */
export function migrate(database: DatabaseSync, schemas: OpenOptions["schemas"], path: string): void {
  const applied = appliedNames(database);
  for (const schema of schemas) {
    const migrations = listMigrations(schema.name, new URL(schema.folder));
    refuseUnknown(migrations, applied.get(schema.name), path);
    const known = applied.get(schema.name)?.size ?? 0;
    for (const migration of migrations.slice(known)) apply(database, migration, path);
  }
}

/** Names of applied migrations by room and number. */
function appliedNames(database: DatabaseSync): Map<string, Map<number, string>> {
  const applied = new Map<string, Map<number, string>>();
  if (!hasTable(database, "migrations")) return applied;
  for (const row of database.prepare("SELECT room, number, name FROM migrations").all()) {
    const room = String(row.room);
    const names = applied.get(room) ?? new Map<number, string>();
    applied.set(room, names.set(Number(row.number), String(row.name)));
  }
  return applied;
}

/** True when the database has a table of that name. */
export function hasTable(database: DatabaseSync, name: string): boolean {
  return database.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?").get(name) !== undefined;
}

function listMigrations(room: string, folder: URL): Migration[] {
  const migrations: Migration[] = [];
  for (const entry of readdirSync(folder).toSorted()) {
    const match = /^(\d{4})-([a-z0-9-]+)\.sql$/.exec(entry);
    if (match === null) continue;
    migrations.push({ room, number: Number(match[1]), name: String(match[2]), file: new URL(entry, folder) });
  }
  for (const [index, migration] of migrations.entries()) {
    if (migration.number === index + 1) continue;
    throw new PlatformError(
      "internal",
      `Migrations of ${room} are not numbered without gaps: found ${migration.number} at ${index + 1}`,
    );
  }
  return migrations;
}

function refuseUnknown(migrations: readonly Migration[], applied: Map<number, string> | undefined, path: string): void {
  for (const [number, name] of applied ?? []) {
    const ours = migrations[number - 1];
    if (ours?.name === name) continue;
    const message = `${path} was written by a newer version of this program (it has step ${number}, ${name}). Start that version, or use another data folder`;
    throw new PlatformError("internal", message, { details: { reason: "newer", number, name } });
  }
}

function apply(database: DatabaseSync, migration: Migration, path: string): void {
  database.exec("BEGIN IMMEDIATE");
  try {
    database.exec(readFileSync(migration.file, "utf8"));
    database
      .prepare("INSERT INTO migrations (room, number, name) VALUES (?, ?, ?)")
      .run(migration.room, migration.number, migration.name);
    database.exec("COMMIT");
  } catch (error) {
    if (database.isTransaction) database.exec("ROLLBACK");
    const message = `Step ${migration.number} (${migration.name}) of ${migration.room} could not be applied to ${path}; nothing of it was kept`;
    throw new PlatformError("internal", message, { cause: error });
  }
}
