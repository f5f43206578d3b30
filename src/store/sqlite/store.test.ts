import assert from "node:assert/strict";
import { copyFile, mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { storeContract } from "../../../test/contract/store.ts";
import { realWorld } from "../../lib/world.ts";
import { parseId } from "../../model/id.ts";
import type { Database, SqlValue } from "../../sql/sql.ts";
import { openDatabase } from "../../sql/sqlite/database.ts";
import { storeSchema } from "./migrations.ts";
import { sqliteStore } from "./store.ts";

async function openTemporary(): Promise<Database> {
  const folder = await mkdtemp(join(tmpdir(), "polykiln-store-"));
  const database = await openDatabase({ path: join(folder, "store.db"), schemas: [storeSchema], newId: realWorld().newId });
  const close = async () => {
    await database.close();
    await rm(folder, { recursive: true, force: true });
  };
  return {
    read: (...all) => database.read(...all),
    write: (all) => database.write(all),
    writeReturning: (all) => database.writeReturning(all),
    counts: database.counts,
    close,
  };
}

storeContract("sqlite", async () => sqliteStore(await openTemporary()));

test("what calls had answered before their results moved to their records is there", async () => {
  const folder = await mkdtemp(join(tmpdir(), "polykiln-store-"));
  const path = join(folder, "store.db");
  try {
    const migrations = new URL("migrations/", import.meta.url);
    const before = (await readdir(migrations)).filter((name) => name < "0011").toSorted();
    await mkdir(join(folder, "before"));
    for (const name of before) await copyFile(new URL(name, migrations), join(folder, "before", name));
    const schema = { ...storeSchema, folder: pathToFileURL(`${join(folder, "before")}/`) };
    const older = await openDatabase({ path, schemas: [schema], newId: realWorld().newId });
    await older.write([
      ...["guest", "f"].map((text) => ({ sql: "INSERT INTO names (text) VALUES (?)", params: [text] })),
      ...[1, 2].map((number) => ({ sql: oldRecord, params: [Buffer.alloc(16, number)] })),
      { sql: oldResult, params: [Buffer.alloc(16, 1), Buffer.from("body")] },
    ]);
    await older.close();
    const database = await openDatabase({ path, schemas: [storeSchema], newId: realWorld().newId });
    const { activations } = sqliteStore(database);
    const [first, second] = [1, 2].map((number) => parseId(Buffer.alloc(16, number).toString("hex")) as string) as [
      string,
      string,
    ];
    const found = await activations.result("guest", first);
    assert.deepEqual(found && { ...found, body: Buffer.from(found.body).toString() }, {
      status: 418,
      contentType: "text/plain",
      bytes: 4000,
      body: "body",
      rules: "[1]",
    });
    assert.equal(await activations.result("guest", second), undefined);
    assert.equal((await activations.list("guest", {}, { limit: 9 })).items.length, 2);
    await database.close();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

const oldRecord = `INSERT INTO activations (id, namespace, function, function_name, revision, status, start, attempt, started_at, ended_at,
  wait_ms, create_ms, init_ms, run_ms, request_bytes, response_bytes, billed_units)
  VALUES (?, 1, 2, 2, 1, 'success', 'hot', 1, 1, 2, 0, 0, 0, 1, 0, 0, 1)`;
const oldResult = `INSERT INTO results (activation, namespace, status, content_type, bytes, rules, body)
  VALUES (?, 'guest', 418, 'text/plain', 4000, '[1]', ?)`;

test("every list of activations is a walk along an index: nothing is scanned or sorted", async () => {
  const asked: { sql: string; params: readonly SqlValue[] }[] = [];
  const database = await openTemporary();
  const watched: Database = {
    ...database,
    read(sql, params = []) {
      asked.push({ sql, params });
      return database.read(sql, params);
    },
  };
  try {
    const { activations } = sqliteStore(watched);
    for (const functionId of [undefined, "fn1"]) {
      for (const status of [undefined, "success", "timeout"] as const) {
        for (const range of [{}, { from: 1, to: 2 }])
          await activations.list("guest", { functionId, status, ...range }, { limit: 5 });
      }
    }
    for (const { sql, params } of asked) {
      const plan = (await database.read(`EXPLAIN QUERY PLAN ${sql}`, params)).map((row) => String(row.detail));
      const walk = plan.filter((step) => /activations USING .*INDEX activations_/.test(step));
      assert.equal(walk.length, 1, plan.join("\n"));
      // The outer query sorts the one page it has found.
      assert.ok(plan.filter((step) => step.includes("TEMP B-TREE")).length <= 1, plan.join("\n"));
      assert.ok(!plan.some((step) => step.startsWith("SCAN")), plan.join("\n"));
      if (sql.includes("function =") && !sql.includes("status <>")) assert.match(walk.join(), /activations_by_function/);
    }
  } finally {
    await database.close();
  }
});
