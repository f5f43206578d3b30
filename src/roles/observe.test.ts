import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { loadConfig } from "../config/load.ts";
import { realWorld } from "../lib/world.ts";
import { memoryLogStore } from "../logs/memory/store.ts";
import { PlatformError } from "../model/error.ts";
import { memoryQueue } from "../queue/memory/queue.ts";
import { fakeDriver } from "../sandbox/fake/driver.ts";
import type { Database } from "../sql/sql.ts";
import { memoryStore } from "../store/memory/store.ts";
import type { LogFields, Logger } from "../telemetry/logger.ts";
import { Observer } from "./observe.ts";

const world = realWorld();

/** An observer that notes what is logged; `disk` is what a commit comes to. */
function observe(disk: () => Promise<void> = async () => {}) {
  const logged: { sentence: string; fields: LogFields | undefined }[] = [];
  const note = (sentence: string, fields?: LogFields) => void logged.push({ sentence, fields });
  const logger: Logger = { debug: note, info: note, warn: note, error: note };
  const database: Database = {
    read: async () => [],
    write: disk,
    writeReturning: async () => [],
    counts: { commits: 0, writes: 0 },
    close: async () => {},
  };
  const config = { ...loadConfig({}), data: tmpdir() };
  const driver = fakeDriver({});
  const store = memoryStore();
  const observer = new Observer({
    config,
    world,
    logger,
    database,
    store,
    logStore: memoryLogStore(),
    queue: memoryQueue(world),
    driver,
  });
  return { observer, logged };
}

const call = { namespace: "guest", activationId: "01JD0000000000000000000001", traceId: "0af7651916cd43dd8448eb211c80319c" };

test("a call that fails by our fault is logged once, with its ids, however it reaches the door", async () => {
  const { observer, logged } = observe();
  const cause = new Error("a bug of ours");
  const error = new PlatformError("internal", "Internal error", { cause });
  observer.failed(error, call);
  // Doors tell of the cause where there is one.
  observer.bug(cause, "request-1");
  observer.bug(error, "request-1");
  assert.deepEqual(logged, [
    {
      sentence: "A call failed by our fault",
      fields: { err: cause, namespace: "guest", activationId: call.activationId, traceId: call.traceId },
    },
  ]);
  observer.bug(new Error("another"), "request-2");
  assert.equal(logged.length, 2);
  await observer.close();
});

test("a failure of the function or of the caller is not logged; limits are counted", async () => {
  const { observer, logged } = observe();
  observer.failed(new PlatformError("function_failed", "secret words of the function"), call);
  observer.failed(new PlatformError("overloaded", "No room", { details: { limit: "sandboxes" } }), call);
  observer.failed(new PlatformError("throttled", "Too many", { details: { limit: "sandboxes" } }), {
    ...call,
    activationId: null,
  });
  assert.deepEqual(logged, []);
  assert.ok((await observer.metrics.render(null)).includes('polykiln_refused_total{namespace="guest",limit="sandboxes"} 2\n'));
  await observer.close();
});

test("not ready while nothing can be written, and again once it can", async () => {
  let full = true;
  const { observer } = observe(async () => {
    if (full) throw new PlatformError("overloaded", "The data folder's disk is full: nothing can be written until there is room");
  });
  const { ready, checks } = await observer.health.ready();
  assert.equal(ready, false);
  assert.match(checks.find(({ name }) => name === "store")?.cause ?? "", /disk is full/);
  full = false;
  const endsAt = world.monotonic() + 10_000;
  while (!(await observer.health.ready()).ready) {
    assert.ok(world.monotonic() < endsAt, "it recovers alone");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  observer.drain();
  assert.equal((await observer.health.ready()).ready, false);
  await observer.close();
});
