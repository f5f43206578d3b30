/**
 * Texts that very many rows repeat, as small numbers. A ref never changes and is never given again, so what is known once
 * is known for as long as the process lives.
 */
import type { Database } from "../sql.ts";

/** Beyond so many the memory is emptied and filled anew: some 10 MB. */
const knownMax = 100_000;

/** The refs of one database. */
export class Names {
  readonly #database: Database;
  #known = new Map<string, number>();

  constructor(database: Database) {
    this.#database = database;
  }

  /** A map in which each of the texts has its ref. Asks the database only for those it has not seen. */
  async refs(texts: Iterable<string>): Promise<ReadonlyMap<string, number>> {
    if (this.#known.size > knownMax) this.#known = new Map();
    const known = this.#known;
    const unknown = [...texts].filter((text) => !known.has(text));
    if (unknown.length === 0) return known;
    const list = JSON.stringify(unknown);
    await this.#database.write([{ sql: insertNames, params: [list] }]);
    for (const row of await this.#database.read(selectNames, [list])) known.set(String(row.text), Number(row.ref));
    return known;
  }
}

const insertNames = "INSERT INTO names (text) SELECT value FROM json_each(?) WHERE true ON CONFLICT DO NOTHING";
const selectNames = "SELECT ref, text FROM names WHERE text IN (SELECT value FROM json_each(?))";
