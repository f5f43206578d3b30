import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { storeContract } from "../../../test/contract/store.ts";
import { realWorld } from "../../lib/world.ts";
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
