import { type FnNotes, provisionedRevisions } from "../../model/fn-notes.ts";
import type { Database, Statement } from "../../sql/sql.ts";
import { missing, missingVersion, staleNotes } from "../refusals.ts";
import { toPage } from "../page.ts";
import type { Notes, Page, PageRequest } from "../store.ts";

/** Notes as rows. */
export class SqliteNotes implements Notes {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async get(namespace: string, functionId: string): Promise<FnNotes | undefined> {
    const sql = "SELECT notes_json FROM notes WHERE namespace = ? AND function_id = ?";
    const [row] = await this.#database.read(sql, [namespace, functionId]);
    return row === undefined ? undefined : (JSON.parse(String(row.notes_json)) as FnNotes);
  }

  async put(notes: FnNotes): Promise<void> {
    const { namespace, functionId, revision } = notes;
    const key = [namespace, functionId];
    const found: Statement = {
      sql: "SELECT 1 FROM functions WHERE namespace = ? AND id = ?",
      params: key,
      oneRowElse: missing("Function", functionId),
    };
    const current: Statement = {
      sql: "SELECT 1 WHERE coalesce((SELECT revision FROM notes WHERE namespace = ? AND function_id = ?), 0) = ?",
      params: [...key, revision - 1],
      oneRowElse: staleNotes(functionId, revision),
    };
    const kept: Statement = {
      sql: `SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM json_each(?) AS version WHERE NOT EXISTS (
        SELECT 1 FROM revisions WHERE namespace = ? AND function_id = ? AND revision = version.value))`,
      params: [JSON.stringify(notes.versions.map((version) => version.revision)), ...key],
      oneRowElse: missingVersion(functionId),
    };
    const write: Statement = {
      sql: `INSERT INTO notes (namespace, function_id, revision, provisioned, notes_json) VALUES (?, ?, ?, ?, ?)
        ON CONFLICT (namespace, function_id)
        DO UPDATE SET revision = excluded.revision, provisioned = excluded.provisioned, notes_json = excluded.notes_json`,
      params: [...key, revision, provisionedRevisions(notes).size > 0 ? 1 : 0, JSON.stringify(notes)],
    };
    const urlsGone: Statement = { sql: "DELETE FROM function_urls WHERE namespace = ? AND function_id = ?", params: key };
    const urls = (notes.urls ?? []).map(
      ({ id }): Statement => ({
        sql: "INSERT INTO function_urls (id, namespace, function_id) VALUES (?, ?, ?)",
        params: [id, ...key],
      }),
    );
    await this.#database.write([found, current, kept, write, urlsGone, ...urls]);
  }

  async byUrl(id: string): Promise<FnNotes | undefined> {
    const sql = `SELECT notes_json FROM function_urls JOIN notes USING (namespace, function_id) WHERE function_urls.id = ?`;
    const [row] = await this.#database.read(sql, [id]);
    return row === undefined ? undefined : (JSON.parse(String(row.notes_json)) as FnNotes);
  }

  async provisioned(namespace: string | null, page: PageRequest): Promise<Page<FnNotes>> {
    // The plus keeps the primary key out of it, which would lead through all notes of the namespace.
    const inside = namespace === null ? "" : " AND +namespace = ?";
    const sql = `SELECT notes_json FROM notes WHERE provisioned = 1 AND function_id > ?${inside} ORDER BY function_id LIMIT ?`;
    return await this.#page(sql, [page.after ?? "", ...(namespace === null ? [] : [namespace])], page.limit);
  }

  async standing(page: PageRequest): Promise<Page<FnNotes>> {
    // As in the index.
    const isStanding = "coalesce(notes_json ->> '$.callsMax', notes_json ->> '$.readying') IS NOT NULL";
    const sql = `SELECT notes_json FROM notes WHERE ${isStanding} AND function_id > ? ORDER BY function_id LIMIT ?`;
    return await this.#page(sql, [page.after ?? ""], page.limit);
  }

  async #page(sql: string, params: readonly string[], limit: number): Promise<Page<FnNotes>> {
    const rows = await this.#database.read(sql, [...params, limit + 1]);
    const found = rows.map((row) => JSON.parse(String(row.notes_json)) as FnNotes);
    return toPage(found, limit, ({ functionId }) => functionId);
  }
}
