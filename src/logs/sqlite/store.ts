/** Lines on SQLite. The database is handed in, and closed by who opened it: rooms may share one file and its commits. */
import type { LogLine } from "../../model/model.ts";
import { PlatformError } from "../../model/error.ts";
import type { Database } from "../../sql/sql.ts";
import { Names } from "../../sql/sqlite/names.ts";
import type { LogEntry, LogStore } from "../logs.ts";

/** A log store on an open database that has `logSchema`. */
export function sqliteLogStore(database: Database): LogStore {
  return new SqliteLogStore(database);
}

const insert = "INSERT INTO log_lines (activation, namespace, function, lines_json) VALUES (?, ?, ?, ?)";
const select = `SELECT lines_json FROM log_lines
  WHERE activation = ? AND namespace = (SELECT ref FROM names WHERE text = ?) ORDER BY seq`;

class SqliteLogStore implements LogStore {
  readonly #database: Database;
  readonly #names: Names;

  constructor(database: Database) {
    this.#database = database;
    this.#names = new Names(database);
  }

  async append(entries: readonly LogEntry[]): Promise<void> {
    if (entries.length === 0) return;
    const refs = await this.#names.refs(new Set(entries.flatMap((entry) => [entry.namespace, entry.functionId])));
    const groups = byActivation(entries);
    const columns = [
      groups.map((group) => group.activationId),
      groups.map((group) => refIn(refs, group.namespace)),
      groups.map((group) => refIn(refs, group.functionId)),
      groups.map((group) => JSON.stringify(group.lines.map(({ at, stream, text }) => [at, stream, text]))),
    ];
    await this.#database.write([{ sql: insert, columns }]);
  }

  async read(namespace: string, activationId: string): Promise<readonly LogLine[]> {
    const rows = await this.#database.read(select, [activationId, namespace]);
    return rows.flatMap((row) => parseLines(String(row.lines_json)));
  }
}

interface Group {
  readonly namespace: string;
  readonly functionId: string;
  readonly activationId: string;
  readonly lines: LogLine[];
}

function byActivation(entries: readonly LogEntry[]): Group[] {
  const groups = new Map<string, Group>();
  for (const { namespace, functionId, activationId, line } of entries) {
    const known = groups.get(activationId);
    if (known === undefined) groups.set(activationId, { namespace, functionId, activationId, lines: [line] });
    else known.lines.push(line);
  }
  return [...groups.values()];
}

function parseLines(text: string): LogLine[] {
  const lines = JSON.parse(text) as [number, LogLine["stream"], string][];
  return lines.map(([at, stream, line]) => ({ at, stream, text: line }));
}

function refIn(refs: ReadonlyMap<string, number>, text: string): number {
  const ref = refs.get(text);
  if (ref === undefined) throw new PlatformError("internal", "A log entry names something that is not Unicode text");
  return ref;
}
