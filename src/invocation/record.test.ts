import assert from "node:assert/strict";
import { test } from "node:test";
import { sampleActivation } from "../../test/samples.ts";
import { realWorld } from "../lib/world.ts";
import type { Activation } from "../model/model.ts";
import { MemoryActivations } from "../store/memory/activations.ts";
import type { Activations } from "../store/store.ts";
import { Recorder } from "./record.ts";

const world = realWorld();

function activation(number: number): Activation {
  return sampleActivation({ id: String(number).padStart(26, "0"), startedAt: number, endedAt: number });
}

/** A recorder over a store in memory that remembers the batches; `disk` runs before each is taken. */
function recording(disk: (batch: readonly Activation[]) => Promise<void> = async () => {}) {
  const memory = new MemoryActivations(1_000_000);
  const batches: number[][] = [];
  const warnings: string[] = [];
  const store: Activations = {
    async append(records) {
      await disk(records);
      batches.push(records.map(({ startedAt }) => startedAt));
      await memory.append(records);
    },
    get: (namespace, id) => memory.get(namespace, id),
    result: (namespace, id) => memory.result(namespace, id),
    lastPlace: () => memory.lastPlace(),
    place: (namespace, id) => memory.place(namespace, id),
    writtenAfter: (namespace, place) => memory.writtenAfter(namespace, place),
    prune: (before) => memory.prune(before),
    list: (namespace, filter, page) => memory.list(namespace, filter, page),
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

test("while the disk is stuck there is room for so many and no more", async () => {
  const stuck = Promise.withResolvers<void>();
  const { recorder, batches } = recording(() => stuck.promise);
  let number = 0;
  for (; recorder.hasRoom && number < 1_000_000; number++) recorder.add(activation(number));
  assert.ok(number >= 100_000 && number < 110_000);
  stuck.resolve();
  await recorder.flush();
  assert.equal(recorder.hasRoom, true);
  assert.equal(batches.flat().length, number);
});
