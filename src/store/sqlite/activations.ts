/** Records of calls: appended in bulk, read newest first along an index. */
import type { Activation } from "../../model/model.ts";
import { PlatformError } from "../../model/error.ts";
import type { BulkStatement, Database, Row, SqlValue } from "../../sql/sql.ts";
import type { Names } from "../../sql/sqlite/names.ts";
import { toPage } from "../page.ts";
import { refuse, unknownCursor } from "../refusals.ts";
import type { ActivationFilter, Activations, CallResult, Page, PageRequest } from "../store.ts";
import { textOrNull } from "./queries.ts";

/** Records that go in one transaction: others wait for it. */
const pruneRowsMax = 500;

/** Records of all namespaces that are walked through for one answer in the order of writing. */
const walkedMax = 500;

const refOf = "(SELECT ref FROM names WHERE text = ?)";

/** The `Activations` of a SQLite store. */
export class SqliteActivations implements Activations {
  readonly #database: Database;
  readonly #names: Names;

  constructor(database: Database, names: Names) {
    this.#database = database;
    this.#names = names;
  }

  async append(records: readonly Activation[], results: readonly CallResult[] = []): Promise<void> {
    if (records.length === 0) return;
    const refs = await this.#names.refs(namesOf(records));
    const statements = [{ sql: insert, columns: Object.values(toColumns(records, refs)) }];
    if (results.length > 0) statements.push({ sql: insertResult, columns: resultColumns(results) });
    await this.#database.write(statements);
  }

  async get(namespace: string, id: string): Promise<Activation | undefined> {
    const [row] = await this.#database.read("SELECT * FROM activation_records WHERE id = ? AND namespace = ?", [id, namespace]);
    return row === undefined ? undefined : fromRow(row);
  }

  async result(namespace: string, id: string): Promise<CallResult | undefined> {
    const [row] = await this.#database.read("SELECT * FROM results WHERE activation = ? AND namespace = ?", [id, namespace]);
    return row === undefined ? undefined : toResult(row);
  }

  async list(namespace: string, filter: ActivationFilter, page: PageRequest): Promise<Page<Activation>> {
    const query = conditions(namespace, filter);
    if (page.after !== undefined) await this.#startAfter(query, namespace, page.after);
    const sql = `SELECT * FROM activation_records WHERE seq IN (
      SELECT seq FROM activations INDEXED BY ${indexFor(filter)} WHERE ${query.sql.join(" AND ")} ORDER BY started_at DESC, seq DESC LIMIT ?
    ) ORDER BY started_at DESC, seq DESC`;
    const rows = await this.#database.read(sql, [...query.params, page.limit + 1]);
    return toPage(rows.map(fromRow), page.limit, (record) => record.id);
  }

  async lastPlace(): Promise<number> {
    const [row] = await this.#database.read("SELECT max(seq) AS seq FROM activations");
    return Number(row?.seq ?? 0);
  }

  async place(namespace: string, id: string): Promise<number | undefined> {
    const sql = `SELECT seq FROM activations WHERE id = ? AND namespace = ${refOf}`;
    const [row] = await this.#database.read(sql, [id, namespace]);
    return row === undefined ? undefined : Number(row.seq);
  }

  async writtenAfter(namespace: string, place: number) {
    const last = await this.lastPlace();
    const end = Math.min(place + walkedMax, last);
    const sql = `SELECT * FROM activation_records WHERE seq IN (
      SELECT seq FROM activations WHERE seq > ? AND seq <= ? AND +namespace = ${refOf}
    ) ORDER BY seq`;
    const rows = await this.#database.read(sql, [place, end, namespace]);
    return { items: rows.map(fromRow), next: end < last ? end : null };
  }

  /**
   * Along the order of writing, which is nearly that of time and needs no index. Records that a clock dated ahead of its time go
   * when it is past.
   */
  async prune(before: number): Promise<boolean> {
    const oldest = `SELECT seq FROM (SELECT seq, started_at FROM activations ORDER BY seq LIMIT ${pruneRowsMax}) WHERE started_at < ?`;
    const [found] = await this.#database.read(`SELECT count(*) AS count FROM (${oldest})`, [before]);
    if (Number(found?.count) === 0) return false;
    await this.#database.write([
      { sql: `DELETE FROM results WHERE activation IN (SELECT id FROM activations WHERE seq IN (${oldest}))`, params: [before] },
      { sql: `DELETE FROM activations WHERE seq IN (${oldest})`, params: [before] },
    ]);
    return true;
  }

  async #startAfter(query: Conditions, namespace: string, id: string): Promise<void> {
    const sql = `SELECT started_at, seq FROM activations WHERE id = ? AND namespace = ${refOf}`;
    const [last] = await this.#database.read(sql, [id, namespace]);
    if (last === undefined) throw refuse(unknownCursor(id));
    add(query, "(started_at, seq) < (?, ?)", Number(last.started_at), Number(last.seq));
  }
}

interface Conditions {
  readonly sql: string[];
  readonly params: SqlValue[];
}

function add(query: Conditions, sql: string, ...params: SqlValue[]): void {
  query.sql.push(sql);
  query.params.push(...params);
}

/** Named rather than left to the planner: a wrong guess among hundreds of millions of rows would stop the server. */
function indexFor(filter: ActivationFilter): string {
  if (filter.status !== undefined && filter.status !== "success") return "activations_failed";
  return filter.functionId === undefined ? "activations_by_namespace" : "activations_by_function";
}

function conditions(namespace: string, filter: ActivationFilter): Conditions {
  const query: Conditions = { sql: [], params: [] };
  add(query, `namespace = ${refOf}`, namespace);
  if (filter.functionId !== undefined) add(query, `function = ${refOf}`, filter.functionId);
  if (filter.status !== undefined) add(query, "status = ?", filter.status);
  // In the words of the index's own condition, without which it may not be used.
  if (filter.status !== undefined && filter.status !== "success") add(query, "status <> 'success'");
  if (filter.from !== undefined) add(query, "started_at >= ?", filter.from);
  if (filter.to !== undefined) add(query, "started_at <= ?", filter.to);
  return query;
}

function namesOf(records: readonly Activation[]): Set<string> {
  const names = new Set<string>();
  for (const record of records) {
    names.add(record.namespace).add(record.functionId).add(record.functionName);
    if (record.appId !== null) names.add(record.appId);
    if (record.routeId !== null) names.add(record.routeId);
  }
  return names;
}

type Column = BulkStatement["columns"][number];

/** The columns of a batch by name. */
function toColumns(records: readonly Activation[], refs: ReadonlyMap<string, number>): Readonly<Record<string, Column>> {
  const texts = (value: (record: Activation) => string | null) => records.map(value);
  const numbers = (value: (record: Activation) => number) => fill(records, value);
  const names = (value: (record: Activation) => string | null) => fill(records, (record) => refIn(refs, value(record)));
  return {
    id: texts((record) => record.id),
    status: texts((record) => record.status),
    start: texts((record) => record.start),
    error_code: texts((record) => record.error?.code ?? null),
    error_message: texts((record) => record.error?.message ?? null),
    trace_id: texts((record) => record.traceId ?? null),
    namespace: names((record) => record.namespace),
    function: names((record) => record.functionId),
    function_name: names((record) => record.functionName),
    app: names((record) => record.appId),
    route: names((record) => record.routeId),
    revision: numbers((record) => record.revision),
    attempt: numbers((record) => record.attempt),
    started_at: numbers((record) => record.startedAt),
    ended_at: numbers((record) => record.endedAt),
    wait_ms: numbers((record) => record.waitMs),
    create_ms: numbers((record) => record.createMs),
    init_ms: numbers((record) => record.initMs),
    run_ms: numbers((record) => record.runMs),
    request_bytes: numbers((record) => record.requestBytes),
    response_bytes: numbers((record) => record.responseBytes),
    billed_units: numbers((record) => record.billedUnits),
  };
}

const columnNames = Object.keys(toColumns([], new Map()));
const insert = `INSERT INTO activations (${columnNames.join(", ")}) VALUES (${columnNames.map(() => "?").join(", ")}) ON CONFLICT DO NOTHING`;

const insertResult =
  "INSERT INTO results (activation, namespace, status, content_type, bytes, body) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";

function resultColumns(results: readonly CallResult[]): Column[] {
  return [
    results.map(({ activationId }) => activationId),
    results.map(({ namespace }) => namespace),
    results.map(({ status }) => status),
    results.map(({ contentType }) => contentType),
    results.map(({ bytes }) => bytes),
    // A copy: a view of a shared buffer would take all of it along to the thread.
    results.map(({ body }) => new Uint8Array(body)),
  ];
}

function toResult(row: Row): CallResult {
  return {
    activationId: String(row.activation),
    namespace: String(row.namespace),
    status: Number(row.status),
    contentType: textOrNull(row.content_type),
    bytes: Number(row.bytes),
    body: row.body instanceof Uint8Array ? row.body : new Uint8Array(),
  };
}

/** Three times as fast as Float64Array.from. */
function fill(records: readonly Activation[], value: (record: Activation) => number): Float64Array {
  const column = new Float64Array(records.length);
  for (let index = 0; index < records.length; index++) column[index] = value(records[index] as Activation);
  return column;
}

/** NaN, which is NULL there, for what has no name. */
function refIn(refs: ReadonlyMap<string, number>, text: string | null): number {
  if (text === null) return Number.NaN;
  const ref = refs.get(text);
  if (ref === undefined) throw new PlatformError("internal", "A record names something that is not Unicode text");
  return ref;
}

function fromRow(row: Row): Activation {
  const errorCode = textOrNull(row.error_code);
  return {
    id: String(row.id),
    namespace: String(row.namespace),
    appId: textOrNull(row.app_id),
    functionId: String(row.function_id),
    functionName: String(row.function_name),
    revision: Number(row.revision),
    routeId: textOrNull(row.route_id),
    status: String(row.status) as Activation["status"],
    start: String(row.start) as Activation["start"],
    attempt: Number(row.attempt),
    error: errorCode === null ? null : { code: errorCode, message: String(row.error_message) },
    startedAt: Number(row.started_at),
    endedAt: Number(row.ended_at),
    waitMs: Number(row.wait_ms),
    createMs: Number(row.create_ms),
    initMs: Number(row.init_ms),
    runMs: Number(row.run_ms),
    requestBytes: Number(row.request_bytes),
    responseBytes: Number(row.response_bytes),
    billedUnits: Number(row.billed_units),
    ...(row.trace_id === null ? {} : { traceId: String(row.trace_id) }),
  };
}
