/**
 * Connections and group commit of each database engine, shared by the rooms that keep things (`store/`, `logs/`).
 *
 * Promises: a write that resolved is on disk; a write is all or nothing, and its checks are decided inside its transaction;
 * writes that are asked for in one turn share one commit, in their order, and so do those that arrive while another is being
 * committed; a read sees every write that resolved before it was asked, and nothing that could still be rolled back.
 * Deliberately absent: nouns, queries, an object mapper, a query builder.
 */
import type { ErrorCode } from "../model/error.ts";

/** What a column can hold here. Bytes are copied on their way: a small view of a large buffer takes all of the buffer along. */
export type SqlValue = string | number | Uint8Array | null;

/** A row by column name. */
export type Row = Readonly<Record<string, SqlValue>>;

/** Why a write is refused: what becomes a PlatformError at the caller. */
export interface Refusal {
  readonly code: ErrorCode;
  /** Safe to show. */
  readonly message: string;
  readonly details?: Readonly<Record<string, unknown>> | undefined;
}

/** One statement of a write. */
export interface Statement {
  readonly sql: string;
  readonly params?: readonly SqlValue[] | undefined;
  /** The statement must find (SELECT) or change exactly one row, else the whole write is refused with this. */
  readonly oneRowElse?: Refusal | undefined;
}

/**
 * One statement run once per row, with one list per column: handing columns to a thread costs a tenth of handing rows. All
 * lists are of one length. Typed arrays go fastest; those of shared memory are not copied, and must stay as they are until the
 * write is over.
 */
export interface BulkStatement {
  readonly sql: string;
  readonly columns: readonly BulkColumn[];
}

/** Rows for a table, given as the columns of a bulk statement by their names; the fastest way in. */
export interface BulkInsert {
  readonly into: string;
  readonly columns: Readonly<Record<string, BulkColumn>>;
  /** A row that has something a unique index has already: left out, or the whole write is refused. */
  readonly whenTaken: "skip" | "refuse";
}

/** In a Float64Array NaN stands for NULL. */
export type BulkColumn = readonly SqlValue[] | Float64Array | CodedColumn | BytesColumn | PiecesColumn;

export type WriteStatement = Statement | BulkStatement | BulkInsert;

/** Values that repeat: a row has that of its code. */
export interface CodedColumn {
  readonly codes: Uint32Array;
  readonly values: readonly SqlValue[];
}

/** Byte strings of any length, one after the other: where each ends. */
export interface PiecesColumn {
  readonly bytes: Uint8Array;
  readonly ends: Uint32Array;
}

/** Byte strings of one length, one after the other. */
export interface BytesColumn {
  readonly bytes: Uint8Array;
  readonly width: number;
}

/** Numbered SQL files of one room, applied in order at open and never changed once released. */
export interface Schema {
  /** The room, as the table of migrations names it. */
  readonly name: string;
  /** Folder with `0001-what.sql`, `0002-what.sql`, … */
  readonly folder: URL;
  /** Tables that grow without bound: in a big file they are left out of the check at open. */
  readonly bulkTables: readonly string[];
}

/** Counters since open. */
export interface CommitCounts {
  readonly commits: number;
  readonly writes: number;
}

/**
 * An open database. Rejections are PlatformErrors: the refusal of a check; `overloaded` with `details.reason` "disk_full" when
 * there is no room; `internal` for everything else.
 */
export interface Database {
  /** Rows of a SELECT. */
  read(sql: string, params?: readonly SqlValue[]): Promise<readonly Row[]>;
  /** Runs the statements as one transaction; resolves after the commit. */
  write(statements: readonly WriteStatement[]): Promise<void>;
  /** As `write`; resolves with the rows that its statements give (`RETURNING`, `SELECT`), one after the other. */
  writeReturning(statements: readonly Statement[]): Promise<readonly Row[]>;
  readonly counts: CommitCounts;
  /** Finishes what was asked before, then ends. Safe to call again. */
  close(): Promise<void>;
}
