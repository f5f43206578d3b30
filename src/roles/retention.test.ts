import assert from "node:assert/strict";
import { test } from "node:test";
import { aMessage } from "../../test/contract/queue.ts";
import { setWorld } from "../../test/set-world.ts";
import { loadConfig } from "../config/load.ts";
import { memoryLogStore } from "../logs/memory/store.ts";
import { memoryQueue } from "../queue/memory/queue.ts";
import type { Queue } from "../queue/queue.ts";
import { memoryStore } from "../store/memory/store.ts";
import type { LogFields } from "../telemetry/logger.ts";
import { Retention } from "./retention.ts";

const dayMs = 86_400_000;

test("dead letters over their age or number go, which is counted and told once a round", async () => {
  const world = setWorld();
  const queue = memoryQueue(world);
  await die(queue, "old");
  world.pass(31 * dayMs);
  for (const id of ["a", "b", "c"]) await die(queue, id);
  const told: (number | undefined)[] = [];
  const logger = { info: (_: string, fields?: LogFields) => void told.push(fields?.count), warn: () => {} };
  const config = { ...loadConfig({}), deadLetterRetentionCount: 2 };
  const retention = new Retention({ config, world, logger, queue, logStore: memoryLogStore(), store: memoryStore() });
  for (let round = 0; told.length === 0 && round < 1000; round++) {
    world.pass(100);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await retention.close();
  assert.deepEqual(told, [2]);
  const { items } = await queue.listDead("guest", undefined, { limit: 9 });
  assert.deepEqual([items.map(({ id }) => id), retention.deadLettersRemoved], [["c", "b"], 2]);
});

async function die(queue: Queue, id: string): Promise<void> {
  await queue.send([aMessage(id)]);
  const [delivery] = await queue.receive({ namespace: "guest", name: "fn1", suspect: false }, 1, 1000);
  assert.ok(delivery);
  await queue.settle([{ type: "bury", receipt: delivery.receipt, failure: null, send: [] }]);
}
