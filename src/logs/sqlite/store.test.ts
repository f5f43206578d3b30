import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { logsContract } from "../../../test/contract/logs.ts";
import { realWorld } from "../../lib/world.ts";
import type { Database, SqlValue } from "../../sql/sql.ts";
import { openDatabase } from "../../sql/sqlite/database.ts";
import { logSchema } from "./migrations.ts";
import { sqliteLogStore } from "./store.ts";

test("every list is a walk along an index: nothing is scanned or sorted", async () => {
  const folder = await mkdtemp(join(tmpdir(), "polykiln-logs-"));
  const database = await openDatabase({ path: join(folder, "logs.db"), schemas: [logSchema], newId: realWorld().newId });
  const asked: { sql: string; params: readonly SqlValue[] }[] = [];
  const watched: Database = {
    read(sql, params = []) {
      asked.push({ sql, params });
      return database.read(sql, params);
    },
    write: (statements) => database.write(statements),
    writeReturning: (statements) => database.writeReturning(statements),
    counts: database.counts,
    close: () => database.close(),
  };
  const store = sqliteLogStore(watched);
  for (const order of ["newest", "oldest"] as const) {
    for (const filter of [
      {},
      { functionId: "f" },
      { activationId: "a" },
      { appId: "a", from: 5, text: "x" },
      { functionId: "f", from: 5 },
    ]) {
      await store.list("guest", filter, { order, limit: 10, after: 1000 });
    }
  }
  assert.equal(asked.length, 10);
  for (const { sql, params } of asked) {
    const plan = (await database.read(`EXPLAIN QUERY PLAN ${sql}`, params)).map((row) => String(row.detail));
    assert.ok(!plan.some((step) => /SCAN|TEMP B-TREE/.test(step)), plan.join("; "));
  }
  await database.close();
  await rm(folder, { recursive: true });
});

logsContract("sqlite", async () => {
  const folder = await mkdtemp(join(tmpdir(), "polykiln-logs-"));
  const database = await openDatabase({ path: join(folder, "logs.db"), schemas: [logSchema], newId: realWorld().newId });
  const close = async () => {
    await database.close();
    await rm(folder, { recursive: true });
  };
  return { store: sqliteLogStore(database), close };
});
