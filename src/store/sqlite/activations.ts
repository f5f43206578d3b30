/** Records of calls: appended in bulk, read newest first along an index. */
import type { Activation } from "../../model/model.ts";
import type { Database, SqlValue } from "../../sql/sql.ts";
import type { Names } from "../../sql/sqlite/names.ts";
import { PackedRecords } from "../packed-records.ts";
import { toPage } from "../page.ts";
import { refuse, unknownCursor } from "../refusals.ts";
import type { ActivationFilter, Activations, CallResult, Page, PageRequest, SkipRequest } from "../store.ts";
import { idParam, insertRecords, toActivation, toResult } from "./activation-rows.ts";

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

  async append(records: Iterable<Activation>, results?: ReadonlyMap<string, CallResult>): Promise<void> {
    const batch = PackedRecords.of(records, results);
    if (batch.count === 0) return;
    const refs = await this.#names.refs(batch.names.filter((name) => name !== null));
    await this.#database.write([insertRecords(batch, refs)]);
  }

  async get(namespace: string, id: string): Promise<Activation | undefined> {
    const [row] = await this.#database.read("SELECT * FROM activation_records WHERE id = ? AND namespace = ?", [
      idParam(id),
      namespace,
    ]);
    return row === undefined ? undefined : toActivation(row);
  }

  async result(namespace: string, id: string): Promise<CallResult | undefined> {
    const sql = `SELECT result_status, result_type, result_bytes, rules, result FROM activations WHERE id = ? AND namespace = ${refOf} AND result_status > 0`;
    const [row] = await this.#database.read(sql, [idParam(id), namespace]);
    return row === undefined ? undefined : toResult(row);
  }

  async list(namespace: string, filter: ActivationFilter, page: PageRequest): Promise<Page<Activation>> {
    const query = conditions(namespace, filter);
    if (page.after !== undefined) await this.#startAfter(query, namespace, page.after);
    const found = await this.#select(query, filter, { skip: 0, limit: page.limit + 1 });
    return toPage(found, page.limit, (record) => record.id);
  }

  latest(namespace: string, filter: ActivationFilter, page: SkipRequest): Promise<readonly Activation[]> {
    return this.#select(conditions(namespace, filter), filter, page);
  }

  async count(namespace: string, filter: ActivationFilter): Promise<number> {
    const { sql, params } = conditions(namespace, filter);
    const count = `SELECT count(*) AS count FROM activations INDEXED BY ${indexFor(filter)} WHERE ${sql.join(" AND ")}`;
    const [row] = await this.#database.read(count, params);
    return Number(row?.count ?? 0);
  }

  async lastPlace(): Promise<number> {
    const [row] = await this.#database.read("SELECT max(seq) AS seq FROM activations");
    return Number(row?.seq ?? 0);
  }

  async place(namespace: string, id: string): Promise<number | undefined> {
    const sql = `SELECT seq FROM activations WHERE id = ? AND namespace = ${refOf}`;
    const [row] = await this.#database.read(sql, [idParam(id), namespace]);
    return row === undefined ? undefined : Number(row.seq);
  }

  async writtenAfter(namespace: string, place: number) {
    const last = await this.lastPlace();
    const end = Math.min(place + walkedMax, last);
    const sql = `SELECT * FROM activation_records WHERE seq IN (
      SELECT seq FROM activations WHERE seq > ? AND seq <= ? AND +namespace = ${refOf}
    ) ORDER BY seq`;
    const rows = await this.#database.read(sql, [place, end, namespace]);
    return { items: rows.map(toActivation), next: end < last ? end : null };
  }

  /**
   * Along the order of writing, which is nearly that of time and needs no index. Records that a clock dated ahead of its time go
   * when it is past.
   */
  async prune(before: number): Promise<boolean> {
    const oldest = `SELECT seq FROM (SELECT seq, started_at FROM activations ORDER BY seq LIMIT ${pruneRowsMax}) WHERE started_at < ?`;
    const [found] = await this.#database.read(`SELECT count(*) AS count FROM (${oldest})`, [before]);
    if (Number(found?.count) === 0) return false;
    await this.#database.write([{ sql: `DELETE FROM activations WHERE seq IN (${oldest})`, params: [before] }]);
    return true;
  }

  async #select(query: Conditions, filter: ActivationFilter, { skip, limit }: SkipRequest): Promise<readonly Activation[]> {
    const sql = `SELECT * FROM activation_records WHERE seq IN (
      SELECT seq FROM activations INDEXED BY ${indexFor(filter)} WHERE ${query.sql.join(" AND ")} ORDER BY started_at DESC, seq DESC LIMIT ? OFFSET ?
    ) ORDER BY started_at DESC, seq DESC`;
    const rows = await this.#database.read(sql, [...query.params, limit, skip]);
    return rows.map(toActivation);
  }

  async #startAfter(query: Conditions, namespace: string, id: string): Promise<void> {
    const sql = `SELECT started_at, seq FROM activations WHERE id = ? AND namespace = ${refOf}`;
    const [last] = await this.#database.read(sql, [idParam(id), namespace]);
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
