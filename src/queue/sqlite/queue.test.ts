import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { aMessage, queueContract } from "../../../test/contract/queue.ts";
import { realWorld, type World } from "../../lib/world.ts";
import { PlatformError } from "../../model/error.ts";
import type { Database } from "../../sql/sql.ts";
import { openDatabase } from "../../sql/sqlite/database.ts";
import type { Lane } from "../queue.ts";
import { queueSchema } from "./migrations.ts";
import { insertMessages, takeDue } from "./queries.ts";
import { sqliteQueue } from "./queue.ts";

const world = realWorld();
const lane: Lane = { namespace: "guest", name: "fn1", suspect: false };

async function opened(path: string, given: World = world) {
  const database = await openDatabase({ path, schemas: [queueSchema], newId: world.newId });
  return { database, queue: await sqliteQueue(database, given) };
}

async function inFolder<T>(run: (path: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "polykiln-queue-"));
  try {
    return await run(join(folder, "queue.db"));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

queueContract("sqlite", async (given) => {
  const folder = await mkdtemp(join(tmpdir(), "polykiln-queue-"));
  const { database, queue } = await opened(join(folder, "queue.db"), given);
  const close = async () => {
    await database.close();
    await rm(folder, { recursive: true, force: true });
  };
  return { queue, close };
});

test("everything is there after the process has ended; what was on lease is due at once, and suspect", () =>
  inFolder(async (path) => {
    const before = await opened(path);
    await before.queue.send([aMessage("a"), aMessage("b"), aMessage("c", { delayMs: 60_000 })]);
    await before.queue.receive(lane, 1, 60_000);
    await before.database.close();
    const after = await opened(path);
    assert.equal(after.queue.waitingCount("guest"), 3);
    const { due } = await after.queue.lanes();
    assert.deepEqual(due.map(({ suspect }) => suspect).toSorted(), [false, true]);
    const [a] = await after.queue.receive({ ...lane, suspect: true }, 9, 60_000);
    assert.deepEqual([a?.id, a?.attempt], ["a", 2]);
    assert.deepEqual(
      (await after.queue.receive(lane, 9, 60_000)).map(({ id }) => id),
      ["b"],
    );
    assert.deepEqual((await after.queue.stats()).ready, 1);
    assert.equal(after.queue.waitingCount("guest"), 1);
    await after.database.close();
  }));

test("a payload that changed on the disk is found out", () =>
  inFolder(async (path) => {
    const { database, queue } = await opened(path);
    await queue.send([aMessage("small"), aMessage("large", { body: Buffer.alloc(100_000, 1) })]);
    await database.write([{ sql: "UPDATE queue_messages SET body = x'00' WHERE id = 'small'" }]);
    await database.write([{ sql: "UPDATE queue_bodies SET body = x'00'" }]);
    const [small] = await queue.receive(lane, 9, 60_000);
    assert.equal(small?.damaged, true);
    await assert.rejects(queue.body("guest", "large"), (error) => error instanceof PlatformError && error.code === "internal");
    await database.close();
  }));

test("what is sent at the same time shares a commit", () =>
  inFolder(async (path) => {
    const { database, queue } = await opened(path);
    const { commits } = database.counts;
    await Promise.all(Array.from({ length: 500 }, (_, index) => queue.send([aMessage(`m${index}`)])));
    assert.ok(database.counts.commits - commits <= 3, `${database.counts.commits - commits} commits`);
    await database.close();
  }));

test("taking is a walk along an index, however long the queue is", () =>
  inFolder(async (path) => {
    const { database } = await opened(path);
    await database.write(insertMessages([aMessage("a")], 0));
    const plan = await planOf(database);
    assert.ok(
      plan.some((step) => step.includes("USING COVERING INDEX queue_ready")),
      plan.join("\n"),
    );
    assert.ok(!plan.some((step) => step.startsWith("SCAN") || step.includes("TEMP B-TREE")), plan.join("\n"));
    await database.close();
  }));

async function planOf(database: Database): Promise<string[]> {
  const rows = await database.read(`EXPLAIN QUERY PLAN ${takeDue}`, ["guest", "fn1", 0, 9, 9]);
  return rows.map((row) => String(row.detail));
}
