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
    await this.#database.write([found, current, kept, write]);
  }

  async provisioned(namespace: string | null, page: PageRequest): Promise<Page<FnNotes>> {
    // The plus keeps the primary key out of it, which would lead through all notes of the namespace.
    const inside = namespace === null ? "" : " AND +namespace = ?";
    const sql = `SELECT notes_json FROM notes WHERE provisioned = 1 AND function_id > ?${inside} ORDER BY function_id LIMIT ?`;
    const params = [page.after ?? "", ...(namespace === null ? [] : [namespace]), page.limit + 1];
    const rows = await this.#database.read(sql, params);
    const found = rows.map((row) => JSON.parse(String(row.notes_json)) as FnNotes);
    return toPage(found, page.limit, ({ functionId }) => functionId);
  }
}
