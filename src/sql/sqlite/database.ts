/** A SQLite database in a worker thread: the serving thread never waits for a disk. */
import { Worker } from "node:worker_threads";
import { PlatformError } from "../../model/error.ts";
import type { CommitCounts, Database, Row, Schema, SqlValue, Statement, WriteStatement } from "../sql.ts";
import { fromFailure } from "./failures.ts";
import type { Answer, OpenOptions, Report, Request } from "./messages.ts";

/** Where the database is and what belongs in it. */
export interface DatabaseOptions {
  /** The file; its folder is made when it is missing. Files of the same name ending in `.json` and `.lock` go beside it. */
  readonly path: string;
  /** Rooms that keep tables in it. */
  readonly schemas: readonly Schema[];
  /** Gives a fresh file its identity (`World.newId`). */
  readonly newId: () => string;
}

/** The tables that all rooms share. */
const baseSchema: Schema = { name: "base", folder: new URL("./migrations/", import.meta.url), bulkTables: ["names"] };

/**
 * Opens or creates the database and brings it up to date. Rejects with `conflict` when another server has it, and with
 * `internal` (reason in `details`, ways on in the message) when it is damaged, foreign, newer, gone or has lost changes.
 */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const workerData: OpenOptions = {
    path: options.path,
    creationId: options.newId(),
    schemas: [baseSchema, ...options.schemas].map((schema) => ({
      name: schema.name,
      folder: schema.folder.href,
      bulkTables: schema.bulkTables,
    })),
  };
  // The flags this process was started with are not the thread's business, and some forbid it to start.
  const worker = new Worker(workerFile(), { workerData, name: "sqlite", execArgv: [] });
  await opened(worker, options.path);
  return new SqliteDatabase(worker);
}

/** Beside this file, with the ending it was built with. */
function workerFile(): URL {
  return new URL(import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js", import.meta.url);
}

function opened(worker: Worker, path: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onMessage = (report: Report) => {
    worker.off("error", onError).off("exit", onExit);
    if (report.type === "refused") reject(fromFailure(report.failure));
    else resolve();
  };
  const onError = (cause: unknown) => reject(new PlatformError("internal", `${path} could not be opened`, { cause }));
  const onExit = () => onError(new Error("The database thread ended while it opened the file"));
  worker.once("message", onMessage).once("error", onError).once("exit", onExit);
  return promise;
}

interface Waiting {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: PlatformError) => void;
}

/** States: open; closing (nothing new is taken, what was asked is finished); ended (closed, or the thread died: all reject). */
class SqliteDatabase implements Database {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  readonly #ended = Promise.withResolvers<void>();
  /** Asked for in this turn. */
  #asked: Request[] = [];
  #state: "open" | "closing" | "ended" = "open";
  #lastId = 0;
  counts: CommitCounts = { commits: 0, writes: 0 };

  constructor(worker: Worker) {
    this.#worker = worker;
    worker.on("message", (report: Report) => this.#receive(report));
    worker.on("error", (error) => this.#end(error));
    worker.on("exit", () => this.#end(undefined));
  }

  async read(sql: string, params: readonly SqlValue[] = []): Promise<readonly Row[]> {
    const answer = await this.#ask((id) => ({ id, type: "read", sql, params }));
    return answer.rows ?? [];
  }

  async write(statements: readonly WriteStatement[]): Promise<void> {
    await this.#ask((id) => ({ id, type: "write", statements, returning: false }));
  }

  async writeReturning(statements: readonly Statement[]): Promise<readonly Row[]> {
    const answer = await this.#ask((id) => ({ id, type: "write", statements, returning: true }));
    return answer.rows ?? [];
  }

  close(): Promise<void> {
    if (this.#state === "open") {
      this.#state = "closing";
      this.#asked.push({ id: 0, type: "close" });
      this.#post();
    }
    return this.#ended.promise;
  }

  #ask(request: (id: number) => Request): Promise<Answer> {
    if (this.#state !== "open") return Promise.reject(closedError());
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#asked.push(request(id));
      // After all that promises still do in this turn.
      if (this.#asked.length === 1) process.nextTick(() => this.#post());
    });
  }

  /** One message for a turn's requests: each has its price, and what comes together is committed together. */
  #post(): void {
    if (this.#asked.length === 0) return;
    const requests = this.#asked;
    this.#asked = [];
    this.#worker.postMessage(requests, []);
  }

  #receive(report: Report): void {
    if (report.type !== "answers") return;
    this.counts = report.counts;
    for (const answer of report.answers) this.#settle(answer);
  }

  #settle(answer: Answer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if (answer.failure === undefined) waiting?.resolve(answer);
    else waiting?.reject(fromFailure(answer.failure));
  }

  #end(cause: unknown): void {
    this.#state = "ended";
    const error = cause === undefined ? closedError() : new PlatformError("internal", "The database thread failed", { cause });
    for (const waiting of this.#waiting.values()) waiting.reject(error);
    this.#waiting.clear();
    this.#ended.resolve();
  }
}

function closedError(): PlatformError {
  return new PlatformError("overloaded", "The database is closed: the server is stopping", { details: { reason: "closed" } });
}
