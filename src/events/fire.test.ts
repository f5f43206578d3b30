/** Events over the whole of `invocation/` in memory. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { assembledInvocation, everyone, until } from "../../test/assembled-invocation.ts";
import { quotas } from "../../test/quotas.ts";
import { sampleFn } from "../../test/samples.ts";
import { realWorld } from "../lib/world.ts";
import { Admission } from "../metering/admit.ts";
import type { Rule, Trigger } from "../model/model.ts";
import type { Event, RuleOutcome } from "./events.ts";
import { createEvents } from "./fire.ts";
import { linesOf } from "./rule-outcomes.ts";

const world = realWorld();
const times = { revision: 1, createdAt: 1, updatedAt: 1 };
const trigger: Trigger = { id: "t1", namespace: "guest", name: "news", parameters: {}, annotations: {}, ...times };

function rule(name: string, change: Partial<Rule> = {}): Rule {
  const target = { namespace: "guest", app: null, name: "hello" };
  const link = { triggerId: trigger.id, triggerName: trigger.name, target, active: true };
  return { id: name, namespace: "guest", name, ...link, annotations: {}, ...times, ...change };
}

interface Options {
  readonly rules: readonly Rule[];
  readonly namespaceQueuedMax?: number;
  readonly firesPerMinuteMax?: number;
}

/** Calls wait in the queue: nobody takes them out. */
async function furnished({ rules, namespaceQueuedMax = 100, firesPerMinuteMax = 100 }: Options) {
  const { store, queue, logs, recorder, started } = await assembledInvocation([sampleFn()], { world, namespaceQueuedMax });
  await store.triggers.create(trigger);
  for (const each of rules) await store.rules.create(each);
  const admission = new Admission({ ...quotas(), namespaceFiresPerMinuteMax: firesPerMinuteMax }, world);
  const events = createEvents({ world, store, admission, invoker: started().invoker, check: () => {} });
  const fire = (change: Partial<Event> = {}) =>
    events.fire({ caller: everyone, namespace: "guest", trigger: "news", headers: [], body: Buffer.from("x"), ...change });
  const recordAt = async (id: string | null) => (await recorder.get("guest", id ?? "")) ?? assert.fail("no record");
  const outcomes = async (id: string | null): Promise<RuleOutcome[]> =>
    (await linesOf({ logs, store: { ...store, activations: recorder } }, await recordAt(id))).map(
      ({ text }) => JSON.parse(text) as RuleOutcome,
    );
  const waiting = () => queue.waitingCount("guest");
  return { store, queue, recorder, events, fire, outcomes, waiting };
}

test("every active rule has a call, and every rule a line", async () => {
  const { fire, outcomes, waiting, recorder } = await furnished({
    rules: [
      rule("a"),
      rule("b", { active: false }),
      rule("c", { target: { namespace: "guest", app: "no", name: "such" } }),
      rule("d"),
    ],
  });
  const { activationId } = await fire();
  assert.equal(waiting(), 2);
  const lines = await outcomes(activationId);
  assert.deepEqual(
    lines.map((line) => [line.rule, line.activationId !== null, line.error?.code]),
    [
      ["a", true, undefined],
      ["b", false, undefined],
      ["c", false, "not_found"],
      ["d", true, undefined],
    ],
  );
  const record = await recorder.get("guest", activationId ?? "");
  assert.deepEqual([record?.activated, record?.functionId, record?.status], ["trigger", "t1", "success"]);
  assert.equal(Buffer.from((await recorder.result("guest", activationId ?? ""))?.body ?? []).toString(), "x");
});

test("without an active rule nothing is done", async () => {
  const { fire, waiting, recorder } = await furnished({ rules: [rule("a", { active: false })] });
  assert.deepEqual(await fire(), { activationId: null });
  assert.deepEqual([waiting(), await recorder.count("guest", {})], [0, 0]);
});

test("what the queue has no room for is refused alone, and gives its place back", async () => {
  const { fire, outcomes, waiting } = await furnished({
    rules: ["a", "b", "c"].map((name) => rule(name)),
    namespaceQueuedMax: 5,
  });
  await fire();
  const { activationId } = await fire();
  const codes = (await outcomes(activationId)).map(({ error }) => error?.details["limit"]);
  assert.deepEqual(codes, [undefined, undefined, "namespaceQueuedMax"]);
  assert.equal(waiting(), 5);
});

test("an event of which nothing became a call is on the disk when it is answered", async () => {
  const { fire, waiting, store } = await furnished({
    rules: [rule("c", { target: { namespace: "guest", app: "no", name: "such" } })],
  });
  const { activationId } = await fire();
  assert.equal(waiting(), 0);
  assert.equal((await store.activations.get("guest", activationId ?? ""))?.functionName, "news");
});

for (const parameters of [{}, { p: 1 }]) {
  const what = Object.keys(parameters).length === 0 ? "the call's" : "its own";
  test(`what a server that died did not record of an event is recorded by the one that takes its calls: ${what} body`, async () => {
    const dead = await furnished({ rules: [rule("a"), rule("b")] });
    await dead.store.triggers.update({ ...trigger, parameters, revision: 2 });
    const headers = ["Content-Type", "application/json"];
    const { activationId } = await dead.fire({ headers, body: Buffer.from('{"x":"é"}') });
    const expected = await dead.recorder.get("guest", activationId ?? "");
    const result = await dead.recorder.result("guest", activationId ?? "");
    assert.equal(Buffer.from(result?.body ?? []).toString(), '{"x":"é"}');
    const { recorder, started } = await assembledInvocation([sampleFn()], { world, queue: dead.queue });
    started().start();
    assert.deepEqual(await until(() => recorder.get("guest", activationId ?? "")), expected);
    assert.deepEqual(await recorder.result("guest", activationId ?? ""), result);
  });
}

test("events are counted, and one that is too large or has no trigger is refused", async () => {
  const { fire, waiting } = await furnished({ rules: [rule("a")], firesPerMinuteMax: 2 });
  await assert.rejects(fire({ body: Buffer.alloc(1024 * 1024 + 1) }), { code: "too_large" });
  await assert.rejects(fire({ caller: { name: "x", namespaces: ["other"] } }), { code: "not_found" });
  await assert.rejects(fire({ trigger: "none" }), { code: "not_found" });
  await fire();
  await assert.rejects(fire(), { code: "throttled" });
  assert.equal(waiting(), 1);
});

test("a change is heard of by the next event", async () => {
  const { store, events, fire, waiting } = await furnished({ rules: [rule("a")] });
  await fire();
  await store.rules.create(rule("b"));
  await store.rules.update(rule("a", { active: false, revision: 2 }));
  await store.triggers.update({ ...trigger, parameters: { p: 1 }, revision: 2 });
  events.changed("guest");
  await fire();
  assert.equal(waiting(), 2);
  await store.triggers.remove("guest", "t1");
  events.changed("guest");
  await assert.rejects(fire(), { code: "not_found", details: { what: "trigger" } });
});
