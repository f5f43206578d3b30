import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { until } from "../../test/assembled-invocation.ts";
import { flowWorld, hang, scriptMs, type Script } from "../../test/scripted-flows.ts";
import { Cancel } from "../lib/cancel.ts";
import { realWorld } from "../lib/world.ts";
import { PlatformError } from "../model/error.ts";
import type { Activation } from "../model/model.ts";

const inc: Script = ({ n }) => ({ n: Number(n ?? 0) + 1 });
const fail: Script = () => ({ error: "no" });
const broken: Script = () => Promise.reject(new Error("broken"));
const sum: Script = (list) => ({ sum: (list as unknown as number[]).reduce((all, each) => all + each, 0) });
const names = (records: readonly Activation[]) => records.map(({ functionName }) => functionName);

describe("a sequence", () => {
  test("sends each step what the one before answered, and answers what the last one did", async () => {
    const fields = { double: { memoryMiB: 512 }, inc: { memoryMiB: 64 } };
    const { call, logs } = await flowWorld(
      { inc, double: ({ n }) => ({ n: 2 * Number(n) }), all: ["inc", "double", "inc"] },
      fields,
    );
    const { id, record, answer, steps } = await call("all", { n: 4 });
    assert.deepEqual(answer, { n: 11 });
    assert.deepEqual(names(steps), ["inc", "double", "inc"]);
    for (const step of steps) assert.deepEqual([step.cause, step.status, step.stepsMemoryMiB], [id, "success", undefined]);
    assert.equal(new Set(steps.map(({ traceId }) => traceId)).size, 1, "they are one trace");
    const { status, cause, runMs, stepsMemoryMiB, start, billedUnits } = record;
    assert.deepEqual(
      { status, cause, runMs, stepsMemoryMiB, start, billedUnits },
      {
        status: "success",
        cause: undefined,
        runMs: 3 * scriptMs,
        stepsMemoryMiB: 512,
        start: "none",
        billedUnits: 0,
      },
    );
    await until(async () => ((await logs.read("guest", id)).length === 3 ? true : undefined));
    assert.deepEqual(
      (await logs.read("guest", id)).map(({ text }) => text),
      steps.map((step) => step.id),
    );
  });

  test("has a record of its own where it is a step of another", async () => {
    const { call, recorder } = await flowWorld({ inc, pair: ["inc", "inc"], outer: ["pair", "inc", "pair"] });
    const { id, answer, steps } = await call("outer");
    assert.deepEqual(answer, { n: 5 });
    assert.deepEqual(names(steps), ["pair", "inc", "pair"]);
    const { items } = await recorder.list("guest", {}, { limit: 100 });
    assert.deepEqual(items.filter(({ cause }) => cause === id).length, 3);
    assert.deepEqual(items.filter(({ cause }) => cause === steps[0]?.id).length, 2);
    assert.equal(items.length, 8);
  });

  test("hands arrays on, and what is no JSON as its value", async () => {
    const event = { source: { type: "image", image: "any" } } as const;
    const functions = { list: () => [1, 2, 3], sum, text: () => "a text", same: (all: unknown) => all };
    const { call } = await flowWorld({ ...functions, arrays: ["list", "sum"], texts: ["text", "same"] }, { text: event });
    assert.deepEqual((await call("arrays")).answer, { sum: 6 });
    assert.deepEqual((await call("texts")).answer, { value: "a text" });
  });

  test("ends with the first error, but not with one that it was sent", async () => {
    const { call } = await flowWorld({ inc, fail, all: ["inc", "fail", "inc"], ok: ["inc"] });
    const { record, answer, steps } = await call("all", { error: "of the caller" });
    assert.deepEqual(answer, { error: "no" });
    assert.deepEqual([record.status, names(steps)], ["function_error", ["inc", "fail"]]);
    assert.equal((await call("ok", { error: "of the caller" })).record.status, "success");
  });

  test("ends as the step that gave no answer", async () => {
    const slow = new PlatformError("timeout", "The function did not answer within 60000 ms");
    const { call } = await flowWorld({
      inc,
      broken,
      slow: () => Promise.reject(slow),
      a: ["inc", "broken", "inc"],
      b: ["slow"],
      c: ["a", "inc"],
    });
    const byBreaking = await call("a");
    assert.deepEqual(
      [byBreaking.record.status, byBreaking.error?.message, byBreaking.steps.length],
      ["developer_error", "broken", 2],
    );
    const byTime = await call("b");
    assert.deepEqual([byTime.record.status, byTime.error?.code], ["timeout", "timeout"]);
    const nested = await call("c");
    assert.deepEqual([nested.record.status, names(nested.steps)], ["developer_error", ["a"]]);
  });

  test("an answer with a member `error` of a function that gets events ends it as well", async () => {
    const event = { source: { type: "image", image: "any" } } as const;
    const { call } = await flowWorld({ odd: () => ({ error: "odd" }), inc, all: ["odd", "inc"] }, { odd: event });
    const { record, answer, steps } = await call("all");
    assert.deepEqual([record.status, answer], ["function_error", { error: "odd" }]);
    assert.deepEqual(
      steps.map(({ status }) => status),
      ["success"],
    );
  });

  test("looks functions up when their turn comes", async () => {
    const made = await flowWorld({ first: () => removeSecond(), second: inc, all: ["first", "second"] });
    const { store, definitions, call } = made;
    async function removeSecond() {
      const fn = await store.functions.getByName("guest", null, "second");
      await store.functions.remove("guest", fn?.id ?? "");
      definitions.changed("guest", fn?.id ?? "");
      return {};
    }
    const { record, answer, steps } = await call("all");
    assert.deepEqual(answer, { error: "Sequence component does not exist." });
    assert.deepEqual([record.status, names(steps)], ["function_error", ["first"]]);
  });

  test("has so many steps at most, those of its sequences included, and ends in a circle", async () => {
    const many = Array<string>(26).fill("inc");
    const { call, recorder } = await flowWorld({ inc, many, twice: ["many", "many"], circle: ["inner"], inner: ["circle"] });
    const { record, answer } = await call("twice");
    assert.deepEqual([record.status, answer], ["function_error", { error: "Too many actions in the sequence." }]);
    const { items } = await recorder.list("guest", {}, { limit: 200 });
    assert.equal(items.filter(({ functionName }) => functionName === "inc").length, 50);
    assert.deepEqual((await call("circle")).answer, { error: "Too many actions in the sequence." });
  });

  test("counts as one call of its namespace", async () => {
    const { call } = await flowWorld({ inc, all: ["inc", "inc"] }, {}, { callsMax: 1 });
    assert.deepEqual((await call("all")).answer, { n: 2 });
    assert.deepEqual((await call("inc")).answer, { n: 1 }, "nothing of it is left");
  });

  test("that is cancelled ends its step, and begins no other", async () => {
    const { call, calls, recorder } = await flowWorld({ inc, hang, all: ["inc", "hang", "inc"] });
    const cancel = new Cancel();
    const ending = call("all", {}, cancel);
    const list = () => recorder.list("guest", {}, { limit: 10 });
    await until(async () => ((await list()).items.length === 1 ? true : undefined));
    cancel.abort(new PlatformError("cancelled", "The call was cancelled"));
    const { record, steps } = await ending;
    assert.deepEqual([record.status, steps.map(({ status }) => status)], ["cancelled", ["success", "cancelled"]]);
    assert.equal((await calls.stats()).running, 0);
  });

  test("that is accepted runs later, as others do", async () => {
    const { invoker, requestOf, recorder, start } = await flowWorld({ inc, fail, all: ["inc", "inc"], bad: ["inc", "fail"] });
    start();
    const { activationId } = await invoker.accept(requestOf("all", '{"n":1}'));
    const record = await until(() => recorder.get("guest", activationId));
    assert.deepEqual([record.status, record.runMs], ["success", 2 * scriptMs]);
    assert.equal(Buffer.from((await recorder.result("guest", activationId))?.body ?? []).toString(), '{"n":3}');
    const bad = await invoker.accept(requestOf("bad", "{}"));
    assert.equal((await until(() => recorder.get("guest", bad.activationId))).status, "function_error");
  });

  test("that a stopping server cuts off between two steps ends, and does not begin anew", async () => {
    const runs: string[] = [];
    const first: Script = (all) => (runs.push("first"), all);
    const { invoker, requestOf, recorder, start, close, queue } = await flowWorld({ first, hang, all: ["first", "hang"] });
    start();
    const { activationId } = await invoker.accept(requestOf("all", "{}"));
    await until(async () => ((await recorder.list("guest", {}, { limit: 9 })).items.length === 1 ? true : undefined));
    await close(0);
    assert.equal((await recorder.get("guest", activationId))?.status, "dead_lettered");
    assert.deepEqual([runs, await queue.find("guest", activationId)], [["first"], undefined]);
  });

  test("whose server died between two steps ends visibly, and no step runs twice", async () => {
    const clock = { aheadMs: 0 };
    const real = realWorld();
    const world = { ...real, now: () => real.now() + clock.aheadMs, monotonic: () => real.monotonic() + clock.aheadMs };
    const runs: string[] = [];
    const first: Script = (all) => (runs.push("first"), all);
    const second: Script = (all, call, signal) => (runs.push("second"), hang(all, call, signal));
    const { invoker, requestOf, queue, recorder, started } = await flowWorld(
      { first, second, all: ["first", "second"] },
      {},
      { world },
    );
    const cancel = new Cancel();
    const id = await new Promise<string>((resolve) =>
      invoker.begin(requestOf("all", "{}"), cancel, {
        entered: (call) => void call.handOver(Buffer.from("{}")).then(() => resolve(call.id)),
        told: () => {},
      }),
    );
    await until(async () => (runs.length === 2 ? true : undefined));
    // Another process, however much later: the lease of what runs must not run out by itself.
    clock.aheadMs = 86_400_000;
    assert.equal((await queue.lanes()).due.length, 0);
    clock.aheadMs = 40 * 86_400_000;
    const next = started();
    next.start();
    const record = await until(() => recorder.get("guest", id));
    assert.equal(record.status, "dead_lettered");
    assert.match(record.error?.message ?? "", /did not end within its maximum age|The server ended during/);
    assert.deepEqual(runs, ["first", "second"]);
    cancel.abort(new PlatformError("cancelled", "The test is over"));
  });
});
