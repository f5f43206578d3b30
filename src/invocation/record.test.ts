import assert from "node:assert/strict";
import { test } from "node:test";
import { sampleActivation } from "../../test/samples.ts";
import { setWorld } from "../../test/set-world.ts";
import { realWorld, type World } from "../lib/world.ts";
import { asPlatformError, type PlatformError } from "../model/error.ts";
import type { Activation } from "../model/model.ts";
import { MemoryActivations } from "../store/memory/activations.ts";
import type { Activations } from "../store/store.ts";
import { Recorder } from "./record.ts";

function activation(number: number): Activation {
  return sampleActivation({ id: String(number).padStart(26, "0"), startedAt: number, endedAt: number });
}

/** A recorder over a store in memory that remembers the batches; `disk` runs before each is taken. */
function recording(disk: () => Promise<void> = async () => {}, world: World = realWorld()) {
  const memory = new MemoryActivations(1_000_000);
  const batches: number[][] = [];
  const warnings: string[] = [];
  const store: Activations = {
    async append(records) {
      await disk();
      batches.push(Array.from(records, ({ startedAt }) => startedAt));
      await memory.append(records);
    },
    get: (namespace, id) => memory.get(namespace, id),
    result: (namespace, id) => memory.result(namespace, id),
    lastPlace: () => memory.lastPlace(),
    place: (namespace, id) => memory.place(namespace, id),
    writtenAfter: (namespace, place) => memory.writtenAfter(namespace, place),
    prune: (before) => memory.prune(before),
    list: (namespace, filter, page) => memory.list(namespace, filter, page),
    latest: (namespace, filter, page) => memory.latest(namespace, filter, page),
    count: (namespace, filter) => memory.count(namespace, filter),
  };
  return { recorder: new Recorder(store, world, (message) => warnings.push(message)), batches, warnings, memory };
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

test("records wait a moment for company and are written well within 100 ms", async () => {
  const { recorder, batches } = recording();
  for (let number = 0; number < 50; number++) recorder.add(activation(number));
  assert.deepEqual(batches, []);
  await pause(80);
  assert.deepEqual(batches, [Array.from({ length: 50 }, (_, number) => number)]);
});

test("what is recorded while a batch is being written goes into the next one, in order", async () => {
  const { recorder, batches } = recording(() => pause(5));
  for (let number = 0; number < 40; number++) {
    recorder.add(activation(number));
    await pause(1);
  }
  await recorder.flush();
  assert.deepEqual(
    batches.flat(),
    Array.from({ length: 40 }, (_, number) => number),
  );
  assert.ok(batches.length > 1 && batches.length < 40);
});

test("a full batch does not wait", async () => {
  const { recorder, batches } = recording();
  for (let number = 0; number < 1000; number++) recorder.add(activation(number));
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(batches[0]?.length, 1000);
});

test("a reader sees everything recorded before, although nothing was written yet", async () => {
  const { recorder } = recording(() => pause(20));
  recorder.add(activation(1));
  assert.equal((await recorder.get("guest", activation(1).id))?.startedAt, 1);
  recorder.add(activation(2));
  recorder.add(activation(3));
  const { items } = await recorder.list("guest", {}, { limit: 10 });
  assert.deepEqual(
    items.map(({ startedAt }) => startedAt),
    [3, 2, 1],
  );
  await recorder.append([activation(4)]);
  assert.equal((await recorder.get("guest", activation(4).id))?.startedAt, 4);
});

test("a batch that the store refuses is tried again until it is taken; later ones wait their turn", async () => {
  let failures = 3;
  const { recorder, batches, warnings } = recording(async () => {
    if (failures-- > 0) throw new Error("disk full");
  });
  recorder.add(activation(1));
  while (warnings.length === 0) await pause(1);
  recorder.add(activation(2));
  await recorder.flush();
  assert.deepEqual(batches, [[1], [2]]);
  assert.equal(warnings.length, 3);
});

test("flush of nothing is nothing, and of much is all of it", async () => {
  const { recorder, memory } = recording(() => pause(1));
  await recorder.flush();
  for (let number = 0; number < 2500; number++) recorder.add(activation(number));
  await recorder.flush();
  assert.equal((await memory.list("guest", {}, { limit: 5000 })).items.length, 2500);
});

/** Records until there is no more room; how many. */
function fill(recorder: Recorder): number {
  let number = 0;
  for (; recorder.hasRoom && number < 1_000_000; number++) recorder.add(activation(number));
  return number;
}

test("while the disk is stuck there is room for so many; who waits for more comes in when it moves again", async () => {
  const stuck = Promise.withResolvers<void>();
  const { recorder, batches } = recording(() => stuck.promise);
  await recorder.room();
  const number = fill(recorder);
  assert.ok(number >= 100_000 && number < 200_000, `${number}`);
  const waiters = Array.from({ length: 100 }, () => recorder.room());
  assert.equal(await Promise.race([...waiters, pause(60).then(() => "nobody")]), "nobody");
  stuck.resolve();
  await Promise.all(waiters);
  assert.equal(recorder.hasRoom, true);
  await recorder.flush();
  assert.equal(batches.flat().length, number);
});

test("while the disk stays stuck, who waits for room is refused in the end, and at once where too many wait", async () => {
  const world = setWorld();
  const { recorder } = recording(() => new Promise(() => {}), world);
  fill(recorder);
  const waiters = Array.from({ length: 10_000 }, () => recorder.room().catch(asPlatformError));
  const overloaded = { code: "overloaded", details: { limit: "records", retryAfterS: 1 } };
  await assert.rejects(recorder.room(), overloaded);
  world.pass(5000);
  for (const error of await Promise.all(waiters)) assert.equal((error as PlatformError).code, "overloaded");
  const next = recorder.room();
  world.pass(5000);
  await assert.rejects(next, overloaded);
});

test("long messages and results take room as well", async () => {
  const message = "x".repeat(1024 * 1024);
  const { recorder } = recording(() => new Promise(() => {}));
  for (let number = 0; number < 20; number++)
    recorder.add({ ...activation(number), error: { code: "function_failed", message: message + number } });
  assert.equal(recorder.hasRoom, false);

  const other = recording(() => new Promise(() => {})).recorder;
  const result = { status: 200, contentType: null, body: new Uint8Array(20 * 1024 * 1024), bytes: 9 };
  void other.append([activation(1)], new Map([[activation(1).id, result]]));
  assert.equal(other.hasRoom, false);
});
