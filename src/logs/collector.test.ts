import assert from "node:assert/strict";
import { test } from "node:test";
import { PlatformError } from "../model/error.ts";
import { realWorld } from "../lib/world.ts";
import { type CollectorOptions, LogCollector } from "./collector.ts";
import type { LogEntry, LogOwner } from "./logs.ts";
import { memoryLogStore } from "./memory/store.ts";

const owner: LogOwner = { namespace: "guest", appId: null, functionId: "fn1", functionName: "hello", activationId: "a" };

test("lines of both streams are read at once, unflushed ones and unfinished ones of an ended call included", async () => {
  const collector = collect();
  const log = collector.open(owner);
  log.write("stdout", Buffer.from("one\ntw"));
  log.write("stderr", Buffer.from("oops\nunfinished"));
  log.write("stdout", Buffer.from("o\n"));
  assert.deepEqual(await texts(collector), ["stdout one", "stderr oops", "stdout two"]);
  log.end();
  assert.deepEqual((await texts(collector)).at(-1), "stderr unfinished");
  log.end();
  log.write("stdout", Buffer.from("late\n"));
  assert.equal((await texts(collector)).length, 4);
  await collector.close();
});

test("output beyond the limit is cut with one mark at the end", async () => {
  const collector = collect({ bytesMax: 100 });
  const log = collector.open(owner);
  for (let index = 0; index < 50; index++) log.write("stdout", Buffer.from("1234567é\n"));
  log.write("stderr", Buffer.from("x\n"));
  log.line({ at: 1, stream: "stdout", text: "" });
  log.end();
  const lines = await texts(collector);
  assert.equal(lines.at(-1), "platform Output cut: 100 bytes kept, 403 bytes dropped");
  assert.deepEqual(
    lines.slice(0, 10),
    Array.from({ length: 10 }, () => "stdout 1234567é"),
  );
  assert.equal(lines.length, 11);
  await collector.close();
});

test("the limit cuts no character in two", async () => {
  const collector = collect({ bytesMax: 10 });
  const log = collector.open(owner);
  log.write("stdout", Buffer.from("€€€€"));
  log.end();
  assert.deepEqual(await texts(collector), ["stdout €€€", "platform Output cut: 9 bytes kept, 3 bytes dropped"]);
  await collector.close();
});

test("lines that were cut already count as well; the platform's own are always kept", async () => {
  const collector = collect({ bytesMax: 10 });
  const log = collector.open(owner);
  log.line({ at: 7, stream: "stderr", text: "1234" });
  log.line({ at: 8, stream: "stderr", text: "two\nlines" });
  log.line({ at: 9, stream: "platform", text: "Killed: its time was up" });
  log.end();
  assert.deepEqual(await texts(collector), [
    "stderr 1234",
    "stderr two",
    "stderr l",
    "platform Killed: its time was up",
    "platform Output cut: 10 bytes kept, 5 bytes dropped",
  ]);
  assert.equal((await collector.read("guest", "a"))[0]?.at, 7);
  await collector.close();
});

test("a function may want less to be kept, and nothing at all, but no more", async () => {
  for (const [bytesMax, expected] of [
    [4, ["stdout 123", "platform Output cut: 4 bytes kept, 4 bytes dropped"]],
    [99, ["stdout 123", "stdout 45", "platform Output cut: 6 bytes kept, 2 bytes dropped"]],
    [0, ["platform kept"]],
  ] as const) {
    const collector = collect({ bytesMax: 6 });
    const log = collector.open(owner, bytesMax);
    log.write("stdout", Buffer.from("123\n456\n"));
    if (bytesMax === 0) log.line({ at: 1, stream: "platform", text: "kept" });
    log.end();
    assert.deepEqual(await texts(collector), expected);
    await collector.close();
  }
});

test("lines go to the store within the flush time without anybody asking", async () => {
  const store = memoryLogStore();
  const collector = collect({ store, flushMs: 5 });
  collector.open(owner).write("stdout", Buffer.from("x\n"));
  assert.equal((await store.read("guest", "a")).length, 0);
  while ((await store.read("guest", "a")).length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await collector.close();
});

test("a flood beside a store that stands still keeps memory flat and is marked", async () => {
  const gate = Promise.withResolvers<void>();
  const kept: LogEntry[] = [];
  const store = slowStore(kept, gate.promise);
  const collector = collect({ store, pendingBytesMax: 100_000, bytesMax: 64 * 1024 * 1024, batchLines: 100 });
  const log = collector.open(owner);
  const chunk = Buffer.from(`${"y".repeat(99)}\n`.repeat(1000));
  for (let index = 0; index < 100; index++) log.write("stdout", chunk);
  log.end();
  gate.resolve();
  await collector.close();
  const marks = kept.filter((entry) => entry.line.stream === "platform");
  assert.equal(marks.length, 1);
  assert.match(String(marks[0]?.line.text), /^Output lost: \d+ lines came faster than they could be written$/);
  assert.ok(kept.length <= 503, `${kept.length} lines were held`);
  assert.equal(Number(/\d+/.exec(String(marks[0]?.line.text))) + kept.length - 1, 100_000);
});

test("a store that fails loses its batch, tells so, and the next batch goes through", async () => {
  const losses: number[] = [];
  const kept: LogEntry[] = [];
  let broken = true;
  const store: CollectorOptions["store"] = {
    async append(entries) {
      if (broken) throw new PlatformError("overloaded", "The data folder's disk is full");
      kept.push(...entries);
      return entries.map((_, index) => index);
    },
    read: async () => [],
  };
  const collector = collect({ store, onLoss: (lines) => losses.push(lines) });
  const log = collector.open(owner);
  log.write("stdout", Buffer.from("a\nb\n"));
  await collector.flush();
  broken = false;
  log.write("stdout", Buffer.from("c\n"));
  await collector.close();
  assert.deepEqual([losses, kept.map((entry) => entry.line.text)], [[2], ["c"]]);
  assert.deepEqual(collector.counts, { keptLines: 1, lostLines: 2, cutBytes: 0, pendingLines: 0 });
});

test("flush waits for what another flush has not taken yet", async () => {
  const kept: LogEntry[] = [];
  const collector = collect({ store: slowStore(kept, Promise.resolve()), batchLines: 2 });
  const log = collector.open(owner);
  for (let index = 0; index < 100; index++) {
    log.write("stdout", Buffer.from(`${index}\n`));
    if (index % 7 === 0) void collector.flush();
    if (index % 10 === 0) await collector.flush().then(() => assert.equal(kept.length, index + 1));
  }
  await collector.close();
  assert.deepEqual(
    kept.map((entry) => Number(entry.line.text)),
    Array.from({ length: 100 }, (_, index) => index),
  );
});

function collect(options: Partial<CollectorOptions> = {}): LogCollector {
  return new LogCollector({ store: memoryLogStore(), world: realWorld(), ...options });
}

async function texts(collector: LogCollector): Promise<string[]> {
  return (await collector.read("guest", "a")).map((line) => `${line.stream} ${line.text}`);
}

function slowStore(kept: LogEntry[], gate: Promise<void>): CollectorOptions["store"] {
  return {
    async append(entries) {
      await gate;
      await new Promise((resolve) => setImmediate(resolve));
      kept.push(...entries);
      return entries.map((_, index) => index);
    },
    read: async () => [],
  };
}
