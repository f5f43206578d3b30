import type { Layer } from "../../model/layer.ts";
import type { Database, Statement } from "../../sql/sql.ts";
import { toPage } from "../page.ts";
import { missing, stale } from "../refusals.ts";
import type { Layers, Page, PageRequest } from "../store.ts";

/** Layers as rows, and another row for each version's content. */
export class SqliteLayers implements Layers {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async get(namespace: string, name: string): Promise<Layer | undefined> {
    const [row] = await this.#database.read("SELECT layer_json FROM layers WHERE namespace = ? AND name = ?", [namespace, name]);
    return row === undefined ? undefined : layerOf(row);
  }

  async put(layer: Layer): Promise<void> {
    const { namespace, name, revision, versions } = layer;
    const key = [namespace, name];
    const found: Statement = {
      sql: "SELECT 1 FROM namespaces WHERE name = ?",
      params: [namespace],
      oneRowElse: missing("Namespace", namespace),
    };
    const current: Statement = {
      sql: "SELECT 1 WHERE coalesce((SELECT revision FROM layers WHERE namespace = ? AND name = ?), 0) = ?",
      params: [...key, revision - 1],
      oneRowElse: stale("Layer", name, revision),
    };
    const write: Statement = {
      sql: `INSERT INTO layers (namespace, name, revision, versions, layer_json) VALUES (?, ?, ?, ?, ?)
        ON CONFLICT (namespace, name)
        DO UPDATE SET revision = excluded.revision, versions = excluded.versions, layer_json = excluded.layer_json`,
      params: [...key, revision, versions.length, JSON.stringify(layer)],
    };
    const forget: Statement = { sql: "DELETE FROM layer_contents WHERE namespace = ? AND name = ?", params: key };
    const contents: Statement = {
      sql: `INSERT INTO layer_contents (digest, namespace, name)
        SELECT DISTINCT value, ?, ? FROM json_each(?)`,
      params: [...key, JSON.stringify(versions.map(({ digest }) => digest))],
    };
    await this.#database.write([found, current, write, forget, contents]);
  }

  async list(namespace: string, page: PageRequest): Promise<Page<Layer>> {
    const sql = "SELECT layer_json FROM layers WHERE namespace = ? AND name > ? AND versions > 0 ORDER BY name LIMIT ?";
    const rows = await this.#database.read(sql, [namespace, page.after ?? "", page.limit + 1]);
    return toPage(rows.map(layerOf), page.limit, ({ name }) => name);
  }

  async usesCode(digest: string): Promise<boolean> {
    const rows = await this.#database.read("SELECT 1 FROM layer_contents WHERE digest = ? LIMIT 1", [digest]);
    return rows.length > 0;
  }
}

function layerOf(row: Readonly<Record<string, unknown>>): Layer {
  return JSON.parse(String(row["layer_json"])) as Layer;
}
