/** Create, get, update and remove, alike for every defined noun. Refusals are decided inside the transaction. */
import type { Database, Statement } from "../../sql/sql.ts";
import { toPage } from "../page.ts";
import { missing, stale, taken } from "../refusals.ts";
import type { Page, PageRequest, Repository, SkipRequest } from "../store.ts";
import type { Definition, Table } from "./queries.ts";

/** One noun's repository. `finders` of the store are built on `find` and `page`. */
export class SqliteRepository<T extends Definition> implements Repository<T> {
  readonly #database: Database;
  readonly #table: Table<T>;
  readonly #kept: (item: T) => readonly Statement[];

  /** `kept`: what is written in the same transaction whenever an item is created or updated. */
  constructor(database: Database, table: Table<T>, kept: (item: T) => readonly Statement[] = () => []) {
    this.#database = database;
    this.#table = table;
    this.#kept = kept;
  }

  async create(item: T): Promise<T> {
    const { noun, table } = this.#table;
    const row = { namespace: item.namespace, id: item.id, ...this.#table.toColumns(item) };
    const columns = Object.keys(row);
    const insert: Statement = {
      sql: `INSERT INTO ${table} (${columns.join(", ")}) VALUES (${columns.map(() => "?").join(", ")}) ON CONFLICT DO NOTHING`,
      params: Object.values(row),
      oneRowElse: taken(noun, item.name),
    };
    await this.#database.write([...this.#table.parents(item), insert, ...this.#kept(item)]);
    return item;
  }

  get(namespace: string, id: string): Promise<T | undefined> {
    return this.find("namespace = ? AND id = ?", [namespace, id]);
  }

  async update(change: T): Promise<T> {
    const { noun, table } = this.#table;
    const key = [change.namespace, change.id];
    const columns = this.#table.toColumns(change);
    const found: Statement = {
      sql: `SELECT 1 FROM ${table} WHERE namespace = ? AND id = ?`,
      params: key,
      oneRowElse: missing(noun, change.id),
    };
    const current: Statement = {
      sql: `SELECT 1 FROM ${table} WHERE namespace = ? AND id = ? AND revision = ?`,
      params: [...key, change.revision - 1],
      oneRowElse: stale(noun, change.name, change.revision),
    };
    const update: Statement = {
      sql: `UPDATE OR IGNORE ${table} SET ${Object.keys(columns)
        .map((column) => `${column} = ?`)
        .join(", ")} WHERE namespace = ? AND id = ?`,
      params: [...Object.values(columns), ...key],
      oneRowElse: taken(noun, change.name),
    };
    await this.#database.write([found, current, ...this.#table.parents(change), update, ...this.#kept(change)]);
    return change;
  }

  remove(namespace: string, id: string): Promise<void> {
    const { noun, table } = this.#table;
    const sql = `DELETE FROM ${table} WHERE namespace = ? AND id = ?`;
    return this.#database.write([{ sql, params: [namespace, id], oneRowElse: missing(noun, id) }]);
  }

  /** The one item of which the condition holds. */
  async find(condition: string, params: readonly (string | null)[]): Promise<T | undefined> {
    const [row] = await this.#database.read(`SELECT * FROM ${this.#table.table} WHERE ${condition}`, params);
    return row === undefined ? undefined : this.#table.fromRow(row);
  }

  /** One item more than `limit` of those of which the condition holds, if there are so many. */
  async select(condition: string, params: readonly (string | null)[], order: string, limit: number): Promise<readonly T[]> {
    const sql = `SELECT * FROM ${this.#table.table} WHERE ${condition} ORDER BY ${order} LIMIT ?`;
    const rows = await this.#database.read(sql, [...params, limit + 1]);
    return rows.map((row) => this.#table.fromRow(row));
  }

  /** All of which the condition holds. */
  async all(condition: string, params: readonly (string | null)[], order: string): Promise<readonly T[]> {
    const sql = `SELECT * FROM ${this.#table.table} WHERE ${condition} ORDER BY ${order}`;
    const rows = await this.#database.read(sql, params);
    return rows.map((row) => this.#table.fromRow(row));
  }

  /** Those of which the condition holds, whatever changed last first. */
  async latestOf(condition: string, params: readonly (string | null)[], { skip, limit }: SkipRequest): Promise<readonly T[]> {
    const { table } = this.#table;
    const sql = `SELECT * FROM ${table} INDEXED BY ${table}_by_change WHERE ${condition} ORDER BY updated_at DESC, id DESC LIMIT ? OFFSET ?`;
    const rows = await this.#database.read(sql, [...params, limit, skip]);
    return rows.map((row) => this.#table.fromRow(row));
  }

  async countOf(condition: string, params: readonly (string | null)[]): Promise<number> {
    const sql = `SELECT count(*) AS count FROM ${this.#table.table} WHERE ${condition}`;
    const [row] = await this.#database.read(sql, params);
    return Number(row?.count ?? 0);
  }

  /** A page in order of names, which are unique under the condition. */
  async page(condition: string, params: readonly (string | null)[], page: PageRequest): Promise<Page<T>> {
    const found = await this.select(`${condition} AND name > ?`, [...params, page.after ?? ""], "name", page.limit);
    return toPage(found, page.limit, (item) => item.name);
  }
}
