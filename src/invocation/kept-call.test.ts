import assert from "node:assert/strict";
import { after, test } from "node:test";
import { fakeAgent } from "../../test/fake-agent.ts";
import { sampleFn } from "../../test/samples.ts";
import type { Caller } from "../auth/auth.ts";
import { bytesBody } from "../lib/body.ts";
import { realWorld, type World } from "../lib/world.ts";
import { LogCollector } from "../logs/collector.ts";
import { memoryLogStore } from "../logs/memory/store.ts";
import { Admission } from "../metering/admit.ts";
import { deliveryDefaults } from "../model/fn-defaults.ts";
import type { Activation, Fn } from "../model/model.ts";
import { memoryQueue } from "../queue/memory/queue.ts";
import { place } from "../scheduler/place.ts";
import { memoryStore } from "../store/memory/store.ts";
import { Definitions } from "./definitions.ts";
import type { EnteredCall, InvokeResult } from "./invocation.ts";
import { Recorder } from "./record.ts";
import { TrailingLogs } from "./trailing-logs.ts";
import { createInvocation } from "./whole.ts";

const real = realWorld();
const everyone: Caller = { name: "everyone", namespaces: null };
const never = new AbortController().signal;
const giveUpMs = 20_000;

/** A server over parts in memory, whose clock a test moves. */
async function assembled(fields: Partial<Fn> = {}) {
  const clock = { aheadMs: 0 };
  const world: World = { ...real, now: () => real.now() + clock.aheadMs, monotonic: () => real.monotonic() + clock.aheadMs };
  const store = memoryStore();
  const fn = sampleFn({ timeoutMs: 2000, delivery: { ...deliveryDefaults, attemptsMax: 1 }, ...fields });
  await store.namespaces.create({ id: world.newId(), name: "guest", createdAt: 0 });
  await store.functions.create(fn);
  const queue = memoryQueue(world);
  const recorder = new Recorder(store.activations, world, () => {});
  const definitions = new Definitions(store, world);
  const started = () => {
    const { agent } = fakeAgent();
    const invocation = createInvocation({
      world,
      definitions,
      admission: new Admission({ namespaceCallsMax: 100 }),
      place,
      agents: () => [{ id: "test", memoryMiB: agent.memoryMiB, accepting: true, link: agent }],
      recorder,
      logs: new LogCollector({ store: memoryLogStore(), world }),
      trailing: new TrailingLogs(world),
      waitMsMax: 2000,
      queue,
      asyncCallsMax: 8,
      busyAsyncCallsMax: 1,
      namespaceQueuedMax: 100,
      warn: () => {},
    });
    after(async () => {
      await invocation.close(0);
      await agent.close(0);
    });
    return invocation;
  };
  const { invoker, calls } = started();
  const begin = (behaviour: string) => {
    const entered = Promise.withResolvers<EnteredCall>();
    const told = Promise.withResolvers<InvokeResult>();
    const body = bytesBody(Buffer.from(behaviour));
    const request = { caller: everyone, namespace: "guest", headers: [], http: null, body, keep: true };
    const caller = { entered: entered.resolve, told: told.resolve };
    invoker.begin({ ...request, target: { by: "id", functionId: fn.id } }, never, caller);
    return { entered: entered.promise, told: told.promise };
  };
  return { store, queue, recorder, calls, started, begin, clock };
}

async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  const giveUpAt = performance.now() + giveUpMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    assert.ok(performance.now() < giveUpAt, "it did not happen in time");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test("a kept answer is written with its record, and told of when both are made", async () => {
  const { begin, recorder } = await assembled();
  const { told } = begin("quick");
  const result = await told;
  assert.ok(result.ok && result.kept?.result);
  const { record, result: kept } = result.kept;
  assert.deepEqual(await recorder.get("guest", result.activationId), record);
  const stored = await recorder.result("guest", result.activationId);
  assert.deepEqual(Buffer.from(stored?.body ?? []), Buffer.from(kept.body));
  assert.ok(kept.bytes > 0);
});

test("a call without an answer has its record and no result", async () => {
  const { begin, recorder } = await assembled();
  const result = await begin("throw").told;
  assert.ok(!result.ok && result.kept);
  assert.deepEqual([result.kept.record.status, result.kept.result], ["function_error", null]);
  assert.equal(await recorder.result("guest", result.activationId ?? ""), undefined);
});

test("a call that is handed over is in the queue until it is over, and no longer", async () => {
  const { begin, queue, recorder } = await assembled();
  const { entered, told } = begin("sleep 100");
  const call = await entered;
  assert.equal(await call.handOver(Buffer.from("sleep 100")), true);
  assert.ok((await queue.find("guest", call.id)) !== undefined);
  assert.ok((await told).ok);
  await until(async () => ((await queue.find("guest", call.id)) === undefined ? true : undefined));
  assert.equal((await recorder.get("guest", call.id))?.status, "success");
  assert.equal(await call.handOver(Buffer.from("")), false, "it is over");
});

test("a call that is handed over can be cancelled as any other", async () => {
  const { begin, queue, recorder, calls } = await assembled();
  const { entered, told } = begin("hang");
  const call = await entered;
  await call.handOver(Buffer.from("hang"));
  assert.equal((await calls.underway("guest", call.id))?.status, "running");
  assert.equal(await calls.cancel("guest", call.id), true);
  assert.equal((await recorder.get("guest", call.id))?.status, "cancelled");
  assert.ok(!(await told).ok);
  await until(async () => ((await queue.find("guest", call.id)) === undefined ? true : undefined));
});

for (const attemptsMax of [1, 2]) {
  test(`a call whose server died ends visibly, or is run again: ${attemptsMax} attempts`, async () => {
    const { begin, queue, recorder, clock, started } = await assembled({ delivery: { ...deliveryDefaults, attemptsMax } });
    const call = await begin("hang").entered;
    await call.handOver(Buffer.from("quick"));
    assert.equal((await queue.lanes()).due.length, 0, "it runs, so nobody else gets it");
    // Another process, long after.
    clock.aheadMs = 600_000;
    const { start } = started();
    start();
    const record: Activation = await until(() => recorder.get("guest", call.id));
    assert.equal(record.status, attemptsMax === 1 ? "dead_lettered" : "success");
    if (attemptsMax === 1) assert.match(record.error?.message ?? "", /The server ended during/);
    assert.equal(await queue.find("guest", call.id), undefined);
  });
}

test("under the convention `parameters` an answer may be a failure, and what is thrown is no answer", async () => {
  const source = { type: "code", kind: "nodejs:24", digest: "0".repeat(64), handler: null, command: null } as const;
  const { begin } = await assembled({ source: { ...source, convention: "parameters" } });
  const thrown = await begin("throw").told;
  assert.equal(thrown.kept?.record.status, "developer_error");
  const answered = await begin("quick").told;
  assert.equal(answered.kept?.record.status, "success");
});
