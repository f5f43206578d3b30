/** The store on SQLite. The database is handed in: rooms may share one file and its commits. */
import { limits } from "../../model/limits.ts";
import type { Namespace, Route } from "../../model/model.ts";
import type { Database, Row } from "../../sql/sql.ts";
import { Names } from "../../sql/sqlite/names.ts";
import { parseNamedCursor, toNamedPage, toPage } from "../page.ts";
import { missing, taken } from "../refusals.ts";
import type { Apps, Key, Keys, Namespaces, Page, PageRequest, Routes, Rules, Store, Triggers } from "../store.ts";
import { SqliteActivations } from "./activations.ts";
import { appTable, type Definition, namespaceExists, routeTable, ruleTable, type Table, triggerTable } from "./queries.ts";
import { SqliteFunctions } from "./functions.ts";
import { SqliteRepository } from "./repository.ts";

export interface SqliteStoreOptions {
  /** Revisions of each function that can be gone back to. (Default: 10) */
  readonly revisionsKept?: number | undefined;
}

/** A store on an open database that has `storeSchema`. `close` closes the database. */
export function sqliteStore(database: Database, options: SqliteStoreOptions = {}): Store {
  return {
    namespaces: namespaces(database),
    keys: keys(database),
    apps: named(database, appTable) satisfies Apps,
    functions: new SqliteFunctions(database, options.revisionsKept ?? limits.revisionsKept.default),
    routes: new SqliteRoutes(database, routeTable),
    triggers: named(database, triggerTable) satisfies Triggers,
    rules: named(database, ruleTable) satisfies Rules,
    activations: new SqliteActivations(database, new Names(database)),
    close: () => database.close(),
  };
}

/** Nouns whose name is unique in their namespace. */
class NamedRepository<T extends Definition> extends SqliteRepository<T> {
  getByName(namespace: string, name: string): Promise<T | undefined> {
    return this.find("namespace = ? AND name = ?", [namespace, name]);
  }

  list(namespace: string, page: PageRequest): Promise<Page<T>> {
    return this.page("namespace = ?", [namespace], page);
  }
}

function named<T extends Definition>(database: Database, table: Table<T>): NamedRepository<T> {
  return new NamedRepository(database, table);
}

class SqliteRoutes extends SqliteRepository<Route> implements Routes {
  getBySource(namespace: string, appId: string, source: string): Promise<Route | undefined> {
    return this.find("namespace = ? AND app_id = ? AND source = ?", [namespace, appId, source]);
  }

  async list(namespace: string, appId: string, filter: Parameters<Routes["list"]>[2], page: PageRequest): Promise<Page<Route>> {
    const cursor = parseNamedCursor(page.after);
    const conditions = ["namespace = ?", "app_id = ?", cursor.id === null ? "name > ?" : "(name, id) > (?, ?)"];
    const params = [namespace, appId, cursor.name, ...(cursor.id === null ? [] : [cursor.id])];
    for (const [column, value] of [["function_id", filter.functionId] as const, ["name", filter.name] as const]) {
      if (value === undefined) continue;
      conditions.push(`${column} = ?`);
      params.push(value);
    }
    return toNamedPage(await this.select(conditions.join(" AND "), params, "name, id", page.limit), page.limit);
  }
}

function namespaces(database: Database): Namespaces {
  return {
    create: ({ id, name, createdAt }) =>
      database.write([
        {
          sql: "INSERT INTO namespaces (name, id, created_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
          params: [name, id, createdAt],
          oneRowElse: taken("Namespace", name),
        },
      ]),
    async getByName(name) {
      const [row] = await database.read("SELECT * FROM namespaces WHERE name = ?", [name]);
      return row === undefined ? undefined : toNamespace(row);
    },
    async list(page) {
      const sql = "SELECT * FROM namespaces WHERE name > ? ORDER BY name LIMIT ?";
      const rows = await database.read(sql, [page.after ?? "", page.limit + 1]);
      return toPage(rows.map(toNamespace), page.limit, (namespace) => namespace.name);
    },
  };
}

function toNamespace(row: Row): Namespace {
  return { id: String(row.id), name: String(row.name), createdAt: Number(row.created_at) };
}

function keys(database: Database): Keys {
  return {
    create: (key) =>
      database.write([
        namespaceExists(key.namespace),
        {
          sql: "INSERT INTO keys (id, namespace, secret_hash, created_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
          params: [key.id, key.namespace, key.secretHash, key.createdAt],
          oneRowElse: taken("Key", key.id),
        },
      ]),
    async get(id) {
      const [row] = await database.read("SELECT * FROM keys WHERE id = ?", [id]);
      return row === undefined ? undefined : toKey(row);
    },
    async list(namespace) {
      const rows = await database.read("SELECT * FROM keys WHERE namespace = ? ORDER BY id", [namespace]);
      return rows.map(toKey);
    },
    remove: (namespace, id) =>
      database.write([
        { sql: "DELETE FROM keys WHERE namespace = ? AND id = ?", params: [namespace, id], oneRowElse: missing("Key", id) },
      ]),
  };
}

function toKey(row: Row): Key {
  return {
    id: String(row.id),
    namespace: String(row.namespace),
    secretHash: String(row.secret_hash),
    createdAt: Number(row.created_at),
  };
}
