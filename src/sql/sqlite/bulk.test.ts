import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { PlatformError } from "../../model/error.ts";
import type { BulkColumn, BulkInsert } from "../sql.ts";
import { insertBulk, runBulk } from "./bulk.ts";

function opened() {
  const database = new DatabaseSync(":memory:");
  database.exec("CREATE TABLE things (id INTEGER PRIMARY KEY, number REAL, text TEXT, coded TEXT, bytes BLOB) STRICT");
  const prepare = (sql: string) => database.prepare(sql);
  const rows = () => structuredClone(database.prepare("SELECT * FROM things ORDER BY id").all());
  return { prepare, rows };
}

/** Of each kind one, with rows numbered from `first`. */
function columnsOf(first: number, rows: number): Record<string, BulkColumn> {
  const numbers = Array.from({ length: rows }, (_, index) => first + index);
  return {
    id: Float64Array.from(numbers),
    number: Float64Array.from(numbers, (number) => (number % 5 === 0 ? Number.NaN : number / 8)),
    text: numbers.map((number) => (number % 3 === 0 ? null : `text ${number}`)),
    coded: { codes: Uint32Array.from(numbers, (number) => number % 3), values: [null, "one", "two"] },
    bytes: { bytes: Uint8Array.from(numbers.flatMap((number) => [number, 0, 255])), width: 3 },
  };
}

function rowOf(id: number) {
  return {
    id,
    number: id % 5 === 0 ? null : id / 8,
    text: id % 3 === 0 ? null : `text ${id}`,
    coded: [null, "one", "two"][id % 3],
    bytes: Uint8Array.of(id, 0, 255),
  };
}

const insertOf = (columns: BulkInsert["columns"], whenTaken: BulkInsert["whenTaken"] = "refuse"): BulkInsert => ({
  into: "things",
  columns,
  whenTaken,
});

test("columns of every kind go in as rows, however many there are", () => {
  for (const rows of [0, 1, 31, 32, 33, 64, 101]) {
    const things = opened();
    insertBulk(things.prepare, insertOf(columnsOf(1, rows)));
    assert.deepEqual(
      things.rows(),
      Array.from({ length: rows }, (_, index) => rowOf(index + 1)),
    );
  }
});

test("a row that is taken is skipped and its neighbours are not, or nobody gets by", () => {
  const things = opened();
  insertBulk(things.prepare, insertOf(columnsOf(20, 5)));
  insertBulk(things.prepare, insertOf({ ...columnsOf(1, 40), text: Array.from({ length: 40 }, () => "late") }, "skip"));
  const texts = things.rows().map(({ text }) => text);
  assert.equal(texts.length, 40);
  assert.deepEqual(texts.slice(18, 25), ["late", "text 20", null, "text 22", "text 23", null, "late"]);
  assert.throws(() => insertBulk(things.prepare, insertOf(columnsOf(40, 40))), /UNIQUE/);
});

test("a statement runs once for each row", () => {
  const things = opened();
  insertBulk(things.prepare, insertOf(columnsOf(0, 50)));
  const ids = Array.from({ length: 40 }, (_, index) => index);
  runBulk(things.prepare, { sql: "UPDATE things SET text = ? WHERE id = ?", columns: [ids.map((id) => `new ${id}`), ids] });
  assert.deepEqual(
    things.rows().map(({ text }) => text),
    [...ids.map((id) => `new ${id}`), ...[40, 41, 42, 43, 44, 45, 46, 47, 48, 49].map((id) => rowOf(id).text)],
  );
});

test("columns of different lengths are refused before anything is done", () => {
  const things = opened();
  const columns = { ...columnsOf(0, 40), text: [] };
  assert.throws(() => insertBulk(things.prepare, insertOf(columns)), PlatformError);
  assert.throws(
    () => runBulk(things.prepare, { sql: "INSERT INTO things (id, text) VALUES (?, ?)", columns: [[1, 2], ["a"]] }),
    PlatformError,
  );
  assert.deepEqual(things.rows(), []);
});
