/** One open database on the thread it lives on: prepared statements, reads, and groups of writes in one commit. */
import type { StatementSync } from "node:sqlite";
import type { CommitCounts, Row, SqlValue, WriteStatement } from "../sql.ts";
import { insertBulk, runBulk } from "./bulk.ts";
import { RefusedError, toFailure } from "./failures.ts";
import type { Answer, OpenOptions, ReadRequest, WriteRequest } from "./messages.ts";
import { type OpenedFile, openFile } from "./open.ts";

interface Prepared {
  readonly statement: StatementSync;
  /** True for a SELECT: it is asked for a row instead of being counted. */
  readonly answersRows: boolean;
}

/** Blocks its thread while it works: only the worker has one. */
export class Connection {
  readonly #file: OpenedFile;
  readonly #prepared = new Map<string, Prepared>();
  readonly #commitsAtOpen: number;
  #commits: number;
  #writes = 0;

  /** Opens the file (`openFile` tells what it refuses). */
  constructor(options: OpenOptions) {
    this.#file = openFile(options);
    this.#commits = this.#file.commits;
    this.#commitsAtOpen = this.#file.commits;
  }

  get counts(): CommitCounts {
    return { commits: this.#commits - this.#commitsAtOpen, writes: this.#writes };
  }

  read(request: ReadRequest): Answer {
    try {
      const { statement } = this.#prepare(request.sql);
      return { id: request.id, rows: statement.all(...request.params) as Row[] };
    } catch (error) {
      return { id: request.id, failure: toFailure(error) };
    }
  }

  /**
   * Runs the writes in one transaction, each in a savepoint of its own: a refused one leaves no trace and the others stand.
   * When the transaction itself fails (no room, no disk), nothing of the group is kept and all are told.
   */
  commit(requests: readonly WriteRequest[]): Answer[] {
    try {
      this.#run("BEGIN IMMEDIATE");
      const answers = requests.map((request) => this.#attempt(request));
      this.#finish(answers);
      return answers;
    } catch (error) {
      this.#abandon();
      const failure = toFailure(error);
      return requests.map(({ id }) => ({ id, failure }));
    }
  }

  close(): void {
    this.#file.database.close();
    this.#file.marker.close();
    this.#file.unlock();
  }

  #attempt(request: WriteRequest): Answer {
    this.#run("SAVEPOINT one");
    try {
      const rows = request.returning ? request.statements.flatMap((statement) => this.#rows(statement)) : this.#apply(request);
      this.#run("RELEASE one");
      return { id: request.id, rows };
    } catch (error) {
      // Some errors (a full disk) have rolled the whole transaction back already: the group is lost, not this write alone.
      if (!this.#file.database.isTransaction) throw error;
      this.#run("ROLLBACK TO one");
      this.#run("RELEASE one");
      return { id: request.id, failure: toFailure(error) };
    }
  }

  #finish(answers: readonly Answer[]): void {
    const kept = answers.filter((answer) => answer.failure === undefined).length;
    if (kept === 0) return this.#run("ROLLBACK");
    this.#run("UPDATE identity SET commits = commits + 1");
    this.#run("COMMIT");
    this.#commits++;
    this.#writes += kept;
    this.#note();
  }

  /** The commit stands whether or not the marker could be written: it may lag. */
  #note(): void {
    try {
      this.#file.marker.advance(this.#commits);
    } catch {
      // A disk that is full or broken shows itself in the next commit.
    }
  }

  #abandon(): void {
    if (this.#file.database.isTransaction) this.#run("ROLLBACK");
  }

  #apply(request: WriteRequest): undefined {
    for (const statement of request.statements) this.#execute(statement);
  }

  #rows(statement: WriteStatement): Row[] {
    if ("columns" in statement || !this.#prepare(statement.sql).answersRows) {
      this.#execute(statement);
      return [];
    }
    const rows = this.#prepare(statement.sql).statement.all(...(statement.params ?? [])) as Row[];
    if (statement.oneRowElse !== undefined && rows.length !== 1) throw new RefusedError(statement.oneRowElse);
    return rows;
  }

  #execute(statement: WriteStatement): void {
    if ("into" in statement) return insertBulk(this.#prepareBulk, statement);
    if ("columns" in statement) return runBulk(this.#prepareBulk, statement);
    const prepared = this.#prepare(statement.sql);
    const params = statement.params ?? [];
    const found = prepared.answersRows
      ? countRows(prepared.statement, params)
      : Number(prepared.statement.run(...params).changes);
    if (statement.oneRowElse !== undefined && found !== 1) throw new RefusedError(statement.oneRowElse);
  }

  #run(sql: string): void {
    this.#prepare(sql).statement.run();
  }

  readonly #prepareBulk = (sql: string): StatementSync => this.#prepare(sql).statement;

  #prepare(sql: string): Prepared {
    const known = this.#prepared.get(sql);
    if (known !== undefined) return known;
    const statement = this.#file.database.prepare(sql);
    const prepared = { statement, answersRows: statement.columns().length > 0 };
    this.#prepared.set(sql, prepared);
    return prepared;
  }
}

function countRows(statement: StatementSync, params: readonly SqlValue[]): number {
  return statement.get(...params) === undefined ? 0 : 1;
}
