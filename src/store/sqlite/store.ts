/** The store on SQLite. The database is handed in: rooms may share one file and its commits. */
import { limits } from "../../model/limits.ts";
import type { Api, App, Egress, Namespace, Route, Rule } from "../../model/model.ts";
import type { Database, Row } from "../../sql/sql.ts";
import { Names } from "../../sql/sqlite/names.ts";
import { parseNamedCursor, toNamedPage, toPage } from "../page.ts";
import { missing, taken } from "../refusals.ts";
import type {
  Apps,
  GatewayApis,
  Key,
  Keys,
  LimitedNamespace,
  NamedRepository,
  Namespaces,
  Page,
  PageRequest,
  Routes,
  Rules,
  SkipRequest,
  Store,
} from "../store.ts";
import { SqliteActivations } from "./activations.ts";
import { apiTable, appTable, type Definition, namespaceExists, routeTable, ruleTable, triggerTable } from "./queries.ts";
import { SqliteFunctions } from "./functions.ts";
import { SqliteLayers } from "./layers.ts";
import { SqliteNotes } from "./notes.ts";
import { SqliteRepository } from "./repository.ts";
import { SqliteSchedules } from "./schedules.ts";

export interface SqliteStoreOptions {
  /** Revisions of each function that can be gone back to. (Default: 10) */
  readonly revisionsKept?: number | undefined;
}

/** A store on an open database that has `storeSchema`. `close` closes the database. */
export function sqliteStore(database: Database, options: SqliteStoreOptions = {}): Store {
  return {
    namespaces: namespaces(database),
    keys: keys(database),
    apps: new SqliteApps(database, appTable),
    functions: new SqliteFunctions(database, options.revisionsKept ?? limits.revisionsKept.default),
    notes: new SqliteNotes(database),
    layers: new SqliteLayers(database),
    routes: new SqliteRoutes(database, routeTable),
    triggers: new SqliteNamed(database, triggerTable),
    rules: new SqliteRules(database, ruleTable),
    schedules: new SqliteSchedules(database),
    gatewayApis: new SqliteApis(database, apiTable),
    activations: new SqliteActivations(database, new Names(database)),
    close: () => database.close(),
  };
}

/** Nouns whose name is unique in their namespace. */
class SqliteNamed<T extends Definition> extends SqliteRepository<T> implements NamedRepository<T> {
  getByName(namespace: string, name: string): Promise<T | undefined> {
    return this.find("namespace = ? AND name = ?", [namespace, name]);
  }

  list(namespace: string, page: PageRequest): Promise<Page<T>> {
    return this.page("namespace = ?", [namespace], page);
  }

  latest(namespace: string, page: SkipRequest): Promise<readonly T[]> {
    return this.latestOf("namespace = ?", [namespace], page);
  }

  count(namespace: string): Promise<number> {
    return this.countOf("namespace = ?", [namespace]);
  }
}

class SqliteApps extends SqliteNamed<App> implements Apps {
  latestPublished(namespace: string, page: SkipRequest): Promise<readonly App[]> {
    return this.latestOf("namespace = ? AND published = 1", [namespace], page);
  }

  countPublished(namespace: string): Promise<number> {
    return this.countOf("namespace = ? AND published = 1", [namespace]);
  }
}

class SqliteRules extends SqliteNamed<Rule> implements Rules {
  ofTrigger(namespace: string, triggerId: string): Promise<readonly Rule[]> {
    return this.all("namespace = ? AND trigger_id = ?", [namespace, triggerId], "id");
  }
}

class SqliteApis extends SqliteNamed<Api> implements GatewayApis {
  readonly #names: (namespace: string) => Promise<readonly Row[]>;

  constructor(database: Database, table: typeof apiTable) {
    super(database, table);
    this.#names = (namespace) => database.read("SELECT name FROM apis WHERE namespace = ?", [namespace]);
  }

  async names(namespace: string): Promise<readonly string[]> {
    return (await this.#names(namespace)).map(({ name }) => String(name));
  }

  titled(namespace: string, title: string): Promise<readonly Api[]> {
    return this.all("namespace = ? AND title = ?", [namespace, title], "updated_at DESC, id DESC");
  }
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
    setLimits: (name, given) =>
      database.write([
        {
          sql: "UPDATE namespaces SET limits_json = ? WHERE name = ?",
          params: [Object.keys(given).length === 0 ? null : JSON.stringify(given), name],
          oneRowElse: missing("Namespace", name),
        },
      ]),
    setEgress: (name, egress) =>
      database.write([
        {
          sql: "UPDATE namespaces SET egress_json = ? WHERE name = ?",
          params: [egress === null ? null : JSON.stringify(egress), name],
          oneRowElse: missing("Namespace", name),
        },
      ]),
    async withEgress() {
      const rows = await database.read("SELECT * FROM namespaces WHERE egress_json IS NOT NULL ORDER BY name", []);
      return rows.map(({ id, name, created_at: createdAt, egress_json: egress }) => {
        const said = JSON.parse(String(egress)) as Egress;
        return { id: String(id), name: String(name), createdAt: Number(createdAt), egress: said };
      });
    },
    async limited() {
      const rows = await database.read(
        "SELECT name, limits_json FROM namespaces WHERE limits_json IS NOT NULL ORDER BY name",
        [],
      );
      return rows.map((row) => ({
        namespace: String(row.name),
        limits: JSON.parse(String(row.limits_json)) as LimitedNamespace["limits"],
      }));
    },
  };
}

function toNamespace(row: Row): Namespace {
  const { egress_json: egress } = row;
  const said = egress === null ? {} : { egress: JSON.parse(String(egress)) as Egress };
  return { id: String(row.id), name: String(row.name), createdAt: Number(row.created_at), ...said };
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
