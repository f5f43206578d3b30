import assert from "node:assert/strict";
import { test } from "node:test";
import { assembledInvocation, everyone, until } from "../../test/assembled-invocation.ts";
import { sampleFn } from "../../test/samples.ts";
import { bytesBody } from "../lib/body.ts";
import { realWorld, type World } from "../lib/world.ts";
import { deliveryDefaults } from "../model/fn-defaults.ts";
import type { Activation, Fn } from "../model/model.ts";
import type { EnteredCall, InvokeResult } from "./invocation.ts";

const real = realWorld();
const never = new AbortController().signal;

/** A server over parts in memory, whose clock a test moves. */
async function assembled(fields: Partial<Fn> = {}) {
  const clock = { aheadMs: 0 };
  const world: World = { ...real, now: () => real.now() + clock.aheadMs, monotonic: () => real.monotonic() + clock.aheadMs };
  const fn = sampleFn({ timeoutMs: 2000, delivery: { ...deliveryDefaults, attemptsMax: 1 }, ...fields });
  const parts = await assembledInvocation([fn], { world });
  const { started } = parts;
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
  return { ...parts, calls, begin, clock };
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
