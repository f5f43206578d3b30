import { declared } from "../../model/declared.ts";
import type { Fn, TrafficShare } from "../../model/model.ts";
import type { Database, Statement } from "../../sql/sql.ts";
import { toPage } from "../page.ts";
import { missing, missingRevision } from "../refusals.ts";
import type { Functions, Page, PageRequest, SkipRequest } from "../store.ts";
import { functionTable } from "./queries.ts";
import { SqliteRepository } from "./repository.ts";

/** Functions, and what was deployed under their names before. */
export class SqliteFunctions extends SqliteRepository<Fn> implements Functions {
  readonly #database: Database;

  constructor(database: Database, revisionsKept: number) {
    super(database, functionTable, (fn) => keepRevision(fn, revisionsKept));
    this.#database = database;
  }

  // IS, not =, so that null finds the null app.
  getByName(namespace: string, appId: string | null, name: string): Promise<Fn | undefined> {
    return this.find("namespace = ? AND app_id IS ? AND name = ?", [namespace, appId, name]);
  }

  list(namespace: string, appId: string | null, page: PageRequest): Promise<Page<Fn>> {
    return this.page("namespace = ? AND app_id IS ?", [namespace, appId], page);
  }

  async getByPath(namespace: string, appId: string, path: string): Promise<Fn | undefined> {
    // As in the index.
    const declares = `annotations_json ->> '$."${declared.path}"' = ?`;
    const [found] = await this.select(
      `namespace = ? AND app_id = ? AND ${declares}`,
      [namespace, appId, JSON.stringify(path)],
      "id",
      0,
    );
    return found;
  }

  async revision(namespace: string, id: string, revision: number): Promise<Fn | undefined> {
    const sql = "SELECT fn_json FROM revisions WHERE namespace = ? AND function_id = ? AND revision = ?";
    const [row] = await this.#database.read(sql, [namespace, id, revision]);
    return row === undefined ? undefined : toFn(row.fn_json);
  }

  async revisions(namespace: string, id: string, page: PageRequest): Promise<Page<Fn>> {
    const sql =
      "SELECT fn_json FROM revisions WHERE namespace = ? AND function_id = ? AND revision < ? ORDER BY revision DESC LIMIT ?";
    const before = page.after === undefined ? Number.MAX_SAFE_INTEGER : Number(page.after);
    const rows = await this.#database.read(sql, [namespace, id, before, page.limit + 1]);
    return toPage(
      rows.map((row) => toFn(row.fn_json)),
      page.limit,
      (fn) => String(fn.revision),
    );
  }

  async provisioned(namespace: string | null, page: PageRequest): Promise<Page<Fn>> {
    // The plus keeps the primary key out of it, which would lead through all functions of the namespace.
    const inside = namespace === null ? "" : " AND +namespace = ?";
    const params = namespace === null ? [] : [namespace];
    const found = await this.select(`provisioned > 0${inside} AND id > ?`, [...params, page.after ?? ""], "id", page.limit);
    return toPage(found, page.limit, (fn) => fn.id);
  }

  latest(namespace: string, appId: string | null | undefined, page: SkipRequest): Promise<readonly Fn[]> {
    const { condition, params } = inApp(namespace, appId);
    return this.latestOf(condition, params, page);
  }

  count(namespace: string, appId: string | null | undefined): Promise<number> {
    const { condition, params } = inApp(namespace, appId);
    return this.countOf(condition, params);
  }

  /** Ids begin with the time: the primary key has them in this order. */
  newest(namespace: string, limit: number): Promise<readonly Fn[]> {
    return this.select("namespace = ?", [namespace], "id DESC", limit - 1);
  }

  async usesCode(digest: string, id: string | null): Promise<boolean> {
    const [ofFunction, params] = id === null ? ["", []] : [" AND function_id = ?", [id]];
    // As in the index, which has the beginning of a digest: a million of them are 50 MB less.
    const sql = `SELECT 1 FROM revisions WHERE substr(fn_json ->> '$.source.digest', 1, 16) = ?${ofFunction} LIMIT 1`;
    const rows = await this.#database.read(sql, [digest.slice(0, 16), ...params]);
    return rows.length > 0 || (await this.#hasLayer(digest, ofFunction, params));
  }

  async #hasLayer(digest: string, ofFunction: string, params: readonly string[]): Promise<boolean> {
    const layers = "fn_json ->> '$.source.layers'";
    const sql = `SELECT 1 FROM revisions WHERE ${layers} IS NOT NULL${ofFunction}
      AND EXISTS (SELECT 1 FROM json_each(${layers}) AS layer WHERE layer.value ->> '$.digest' = ?) LIMIT 1`;
    const rows = await this.#database.read(sql, [...params, digest]);
    return rows.length > 0;
  }

  async exists(id: string): Promise<boolean> {
    // By the primary key, which begins with the namespace.
    const sql = "SELECT 1 FROM functions WHERE namespace IN (SELECT name FROM namespaces) AND id = ? LIMIT 1";
    const rows = await this.#database.read(sql, [id]);
    return rows.length > 0;
  }

  async setTraffic(namespace: string, id: string, traffic: readonly TrafficShare[]): Promise<void> {
    const kept = traffic.map(
      ({ revision }): Statement => ({
        sql: "SELECT 1 FROM revisions WHERE namespace = ? AND function_id = ? AND revision = ?",
        params: [namespace, id, revision],
        oneRowElse: missingRevision(revision),
      }),
    );
    const update: Statement = {
      sql: "UPDATE functions SET traffic_json = ? WHERE namespace = ? AND id = ?",
      params: [JSON.stringify(traffic), namespace, id],
      oneRowElse: missing("Function", id),
    };
    await this.#database.write([update, ...kept]);
  }
}

function inApp(namespace: string, appId: string | null | undefined): { condition: string; params: (string | null)[] } {
  if (appId === undefined) return { condition: "namespace = ?", params: [namespace] };
  return { condition: "namespace = ? AND app_id IS ?", params: [namespace, appId] };
}

const versioned =
  "SELECT version.value ->> '$.revision' FROM notes, json_each(notes_json, '$.versions') AS version WHERE namespace = ? AND function_id = ?";

/** Runs in the transaction that creates or changes the function. */
function keepRevision(fn: Fn, revisionsKept: number): readonly Statement[] {
  const { namespace, id, revision } = fn;
  const routed = fn.traffic.map((share) => share.revision);
  return [
    {
      sql: "INSERT INTO revisions (namespace, function_id, revision, fn_json) VALUES (?, ?, ?, ?)",
      params: [namespace, id, revision, JSON.stringify({ ...fn, traffic: [] })],
    },
    {
      sql: `DELETE FROM revisions WHERE namespace = ? AND function_id = ? AND revision <= ? AND revision NOT IN (${routed.map(() => "?").join(", ")}) AND revision NOT IN (${versioned})`,
      params: [namespace, id, revision - revisionsKept, ...routed, namespace, id],
    },
  ];
}

function toFn(json: unknown): Fn {
  return JSON.parse(String(json)) as Fn;
}
