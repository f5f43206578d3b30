/** Lines on SQLite. The database is handed in, and closed by who opened it: rooms may share one file and its commits. */
import { PlatformError } from "../../model/error.ts";
import type { LogLine } from "../../model/model.ts";
import type { Database, SqlValue } from "../../sql/sql.ts";
import { Names } from "../../sql/sqlite/names.ts";
import type { LogEntry, LogFilter, LogPage, LogPageRequest, LogRetention, LogStore, StoredLine } from "../logs.ts";
import { matchesLine } from "../logs.ts";
import { linesJson, type LogRow, parseLines, rowBytes, rowLinesMax, seqsAMs, toRows, toStored } from "./rows.ts";

/** A log store on an open database that has `logSchema`. */
export function sqliteLogStore(database: Database): LogStore {
  return new SqliteLogStore(database);
}

const insert = `INSERT INTO log_lines (seq, activation, namespace, app, function, function_name, bytes, lines_json)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?)`;
const select = `SELECT lines_json FROM log_lines
  WHERE activation = ? AND namespace = (SELECT ref FROM names WHERE text = ?) ORDER BY seq`;

/** Rows that are read at a time, and at most for one page. */
const rowsAtOnce = 20;
const rowsMax = 1000;

/** Rows that go in one transaction: others wait for it. */
const pruneRowsMax = 500;

class SqliteLogStore implements LogStore {
  readonly #database: Database;
  readonly #names: Names;
  /** The newest `seq`; known once the first write has looked. */
  #lastSeq: Promise<number> | number | undefined;

  constructor(database: Database) {
    this.#database = database;
    this.#names = new Names(database);
  }

  async append(entries: readonly LogEntry[]): Promise<readonly number[]> {
    if (entries.length === 0) return [];
    const rows = toRows(entries);
    const seqs = await this.#takeSeqs(rows);
    const refs = await this.#names.refs(new Set(rows.flatMap(namesOf)));
    const columns = [
      seqs,
      rows.map((row) => row.activationId),
      rows.map((row) => refIn(refs, row.namespace)),
      rows.map((row) => (row.appId === null ? null : refIn(refs, row.appId))),
      rows.map((row) => refIn(refs, row.functionId)),
      rows.map((row) => refIn(refs, row.functionName)),
      rows.map(rowBytes),
      rows.map((row) => linesJson(row.lines)),
    ];
    const bytes = rows.reduce((sum, row) => sum + rowBytes(row), 0);
    await this.#database.write([
      { sql: insert, columns },
      { sql: "UPDATE log_size SET bytes = bytes + ?", params: [bytes] },
    ]);
    return positionsOf(rows, seqs, entries.length);
  }

  async read(namespace: string, activationId: string): Promise<readonly LogLine[]> {
    const rows = await this.#database.read(select, [activationId, namespace]);
    return rows.flatMap((row) => parseLines(String(row.lines_json)));
  }

  async list(namespace: string, filter: LogFilter, page: LogPageRequest): Promise<LogPage> {
    const newest = page.order === "newest";
    const items: StoredLine[] = [];
    let after = page.after;
    for (let read = 0; read < rowsMax; read += rowsAtOnce) {
      const query = rowsQuery(namespace, filter, newest, after);
      const rows = await this.#database.read(query.sql, query.params);
      for (const row of rows) {
        const lines = newest ? toStored(row).toReversed() : toStored(row);
        for (const line of lines) {
          if (after !== undefined && (newest ? line.position >= after : line.position <= after)) continue;
          if (items.length === page.limit) return { items, next: after ?? null };
          after = line.position;
          if (matchesLine(filter, line)) items.push(line);
        }
      }
      if (rows.length < rowsAtOnce) return { items, next: null };
    }
    return { items, next: after ?? null };
  }

  async prune({ before, bytesMax }: LogRetention): Promise<boolean> {
    const beforeSeq = Math.max(0, Math.floor(before)) * seqsAMs;
    const sql = "SELECT (SELECT bytes FROM log_size) AS bytes, (SELECT seq FROM log_lines ORDER BY seq LIMIT 1) AS oldest";
    const [state] = await this.#database.read(sql);
    if (state === undefined || state.oldest === null) return false;
    const excess = Number(state.bytes) - bytesMax;
    if (Number(state.oldest) < beforeSeq) await this.#remove("seq < ?", beforeSeq);
    else if (excess > 0) await this.#remove("freed < ?", excess);
    else return false;
    return true;
  }

  /** The size first: it asks for the rows that go. */
  async #remove(condition: string, bound: number): Promise<void> {
    const going = `SELECT seq, bytes FROM (
        SELECT seq, bytes, sum(bytes) OVER (ORDER BY seq) - bytes AS freed
        FROM (SELECT seq, bytes FROM log_lines ORDER BY seq LIMIT ${pruneRowsMax})
      ) WHERE ${condition}`;
    await this.#database.write([
      { sql: `UPDATE log_size SET bytes = bytes - (SELECT coalesce(sum(bytes), 0) FROM (${going}))`, params: [bound] },
      { sql: `DELETE FROM log_lines WHERE seq IN (SELECT seq FROM (${going}))`, params: [bound] },
    ]);
  }

  /** Gives each row its place, in the order of the calls. */
  async #takeSeqs(rows: readonly LogRow[]): Promise<number[]> {
    if (typeof this.#lastSeq !== "number") {
      this.#lastSeq ??= this.#readLastSeq();
      const last = await this.#lastSeq;
      if (typeof this.#lastSeq !== "number") this.#lastSeq = last;
    }
    const newestAt = rows.reduce((at, row) => Math.max(at, row.lines.at(-1)?.at ?? 0), 0);
    let next = Math.max((this.#lastSeq as number) + 1, newestAt * seqsAMs);
    const seqs = rows.map(() => next++);
    this.#lastSeq = next - 1;
    return seqs;
  }

  async #readLastSeq(): Promise<number> {
    const [row] = await this.#database.read("SELECT max(seq) AS seq FROM log_lines");
    return Number(row?.seq ?? 0);
  }
}

function namesOf(row: LogRow): string[] {
  const names = [row.namespace, row.functionId, row.functionName];
  return row.appId === null ? names : [...names, row.appId];
}

function positionsOf(rows: readonly LogRow[], seqs: readonly number[], count: number): number[] {
  const positions = Array.from({ length: count }, () => 0);
  rows.forEach(({ sources }, row) => {
    sources.forEach((source, index) => {
      positions[source] = (seqs[row] as number) * rowLinesMax + index;
    });
  });
  return positions;
}

/** The index is named: a wrong guess of the planner would read the whole table. */
function rowsQuery(namespace: string, filter: LogFilter, newest: boolean, after: number | undefined) {
  const { functionId, activationId, appId, from } = filter;
  const conditions = ["l.namespace = (SELECT ref FROM names WHERE text = ?)"];
  const params: SqlValue[] = [namespace];
  const add = (sql: string, value: SqlValue) => {
    conditions.push(sql);
    params.push(value);
  };
  if (functionId !== undefined) add("l.function = (SELECT ref FROM names WHERE text = ?)", functionId);
  if (activationId !== undefined) add("l.activation = ?", activationId);
  if (appId !== undefined) add("l.app IS (SELECT ref FROM names WHERE text = ?)", appId);
  if (from !== undefined) add("l.seq >= ?", Math.floor(from) * seqsAMs);
  if (after !== undefined) add(newest ? "l.seq <= ?" : "l.seq >= ?", Math.floor(after / rowLinesMax));
  const index = activationId !== undefined ? "activation" : functionId !== undefined ? "function" : "namespace";
  const sql = `SELECT l.seq, l.activation, l.lines_json, n.text AS namespace, f.text AS function_id, m.text AS function_name,
      (SELECT text FROM names WHERE ref = l.app) AS app_id
    FROM log_lines AS l INDEXED BY log_lines_by_${index}
    CROSS JOIN names AS n ON n.ref = l.namespace
    CROSS JOIN names AS f ON f.ref = l.function
    CROSS JOIN names AS m ON m.ref = l.function_name
    WHERE ${conditions.join(" AND ")} ORDER BY l.seq ${newest ? "DESC" : "ASC"} LIMIT ${rowsAtOnce}`;
  return { sql, params };
}

function refIn(refs: ReadonlyMap<string, number>, text: string): number {
  const ref = refs.get(text);
  if (ref === undefined) throw new PlatformError("internal", "A log entry names something that is not Unicode text");
  return ref;
}
