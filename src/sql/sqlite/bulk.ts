/** Statements that run for many rows, as fast as rows go in. */
import type { StatementSync } from "node:sqlite";
import { PlatformError } from "../../model/error.ts";
import type { BulkColumn, BulkInsert, BulkStatement, BytesColumn, CodedColumn, PiecesColumn, SqlValue } from "../sql.ts";

/** Rows that one statement inserts, the most first: it opens the table and its indexes once for all of them. */
const rowsAtOnce = [32, 8, 1] as const;

type Prepare = (sql: string) => StatementSync;

/** Throws `internal` when the columns differ in length, and whatever SQLite throws. */
export function runBulk(prepare: Prepare, { sql, columns }: BulkStatement): void {
  runRows(prepare(sql), columns, 0, commonLength(columns), 1);
}

/** As `runBulk`. */
export function insertBulk(prepare: Prepare, insert: BulkInsert): void {
  const columns = Object.values(insert.columns);
  const rows = commonLength(columns);
  let from = 0;
  for (const step of rowsAtOnce) {
    const to = rows - ((rows - from) % step);
    if (from < to) runRows(prepare(insertSql(insert, step)), columns, from, to, step);
    from = to;
  }
}

/**
 * Who fails rolls back to a savepoint, so what the statement has done before need not be undone: with `FAIL` SQLite does not keep a
 * copy of every page for that.
 */
function insertSql({ into, columns, whenTaken }: BulkInsert, rows: number): string {
  const names = Object.keys(columns).join(", ");
  const key = `${into} ${names} ${rows} ${whenTaken}`;
  const known = insertTexts.get(key);
  if (known !== undefined) return known;
  const row = `(${names.replaceAll(/\w+/g, "?")})`;
  const values = Array.from({ length: rows }, () => row).join(", ");
  const text = `INSERT OR FAIL INTO ${into} (${names}) VALUES ${values}${whenTaken === "skip" ? " ON CONFLICT DO NOTHING" : ""}`;
  insertTexts.set(key, text);
  return text;
}

/** By what they insert: the text of many rows is long, and there are as many as there are tables. */
const insertTexts = new Map<string, string>();

/** `step`: rows that the statement takes at a time. */
function runRows(statement: StatementSync, columns: readonly BulkColumn[], from: number, to: number, step: number): void {
  const width = columns.length;
  const params = Array.from<SqlValue>({ length: width * step }).fill(null);
  const fillers = columns.map((column, at) => fillerOf(column, params, at, width));
  for (let row = from; row < to; row += step) {
    for (const fill of fillers) fill(row);
    // Not `run`, which makes an object each time to say what changed.
    statement.get(...params);
  }
}

/** Puts the values of a column for the rows from `row` in their places among the parameters. */
type Filler = (row: number) => void;

function fillerOf(column: BulkColumn, params: SqlValue[], at: number, width: number): Filler {
  if ("codes" in column) return codedFiller(column, params, at, width);
  if ("width" in column) return bytesFiller(column, params, at, width);
  if ("ends" in column) return piecesFiller(column, params, at, width);
  if (column instanceof Float64Array) return numberFiller(column, params, at, width);
  return (row) => {
    for (let to = at; to < params.length; to += width) params[to] = column[row++] ?? null;
  };
}

function numberFiller(column: Float64Array, params: SqlValue[], at: number, width: number): Filler {
  return (row) => {
    for (let to = at; to < params.length; to += width) params[to] = column[row++] as number;
  };
}

function codedFiller({ codes, values }: CodedColumn, params: SqlValue[], at: number, width: number): Filler {
  return (row) => {
    for (let to = at; to < params.length; to += width) params[to] = values[codes[row++] as number] ?? null;
  };
}

/** SQLite copies what it is given, so the same arrays serve all rows. */
function bytesFiller({ bytes, width: length }: BytesColumn, params: SqlValue[], at: number, width: number): Filler {
  for (let to = at; to < params.length; to += width) params[to] = new Uint8Array(length);
  return (row) => {
    let from = row * length;
    for (let to = at; to < params.length; to += width) {
      const value = params[to] as Uint8Array;
      for (let index = 0; index < length; index++) value[index] = bytes[from++] as number;
    }
  };
}

function piecesFiller({ bytes, ends }: PiecesColumn, params: SqlValue[], at: number, width: number): Filler {
  return (row) => {
    for (let to = at; to < params.length; to += width) {
      params[to] = bytes.subarray(row === 0 ? 0 : ends[row - 1], ends[row]);
      row++;
    }
  };
}

function commonLength(columns: readonly BulkColumn[]): number {
  const lengths = new Set(columns.map(lengthOf));
  if (lengths.size > 1) throw new PlatformError("internal", "The columns of a bulk statement differ in length");
  return lengths.values().next().value ?? 0;
}

function lengthOf(column: BulkColumn): number {
  if ("codes" in column) return column.codes.length;
  if ("width" in column) return column.bytes.length / column.width;
  if ("ends" in column) return column.ends.length;
  return column.length;
}
