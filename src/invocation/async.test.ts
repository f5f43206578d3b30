import assert from "node:assert/strict";
import { test } from "node:test";
import { assembledInvocation, everyone, until } from "../../test/assembled-invocation.ts";
import { sampleFn } from "../../test/samples.ts";
import type { Caller } from "../auth/auth.ts";
import { bytesBody } from "../lib/body.ts";
import { realWorld } from "../lib/world.ts";
import { asPlatformError, PlatformError } from "../model/error.ts";
import { deliveryDefaults } from "../model/fn-defaults.ts";
import { limits } from "../model/limits.ts";
import type { Activation, Delivery, Fn } from "../model/model.ts";
import { memoryQueue } from "../queue/memory/queue.ts";
import type { Queue } from "../queue/queue.ts";
import type { CallHooks, HookedCall } from "./invocation.ts";

const world = realWorld();

/** A function of the null app; its id is its name. */
function fnNamed(name: string, delivery: Partial<Delivery> = {}, fields: Partial<Fn> = {}): Fn {
  return sampleFn({ id: name, name, timeoutMs: 2000, delivery: { ...deliveryDefaults, backoffMs: 1, ...delivery }, ...fields });
}

async function assembled(
  fns: readonly Fn[],
  options: { queue?: Queue; asyncCallsMax?: number; namespaceQueuedMax?: number; hooks?: CallHooks } = {},
) {
  const parts = await assembledInvocation(fns, { world, ...options });
  const { recorder, logs, started } = parts;
  const invocation = started();
  const send = async (functionId: string, behaviour: string, namespace = "guest") => {
    const request = { caller: everyone, namespace, headers: [], http: null, body: bytesBody(Buffer.from(behaviour)) };
    return (await invocation.invoker.accept({ ...request, target: { by: "id", functionId } })).activationId;
  };
  const ended = (id: string, namespace = "guest") => until(() => recorder.get(namespace, id));
  const lines = (id: string) => logs.read("guest", id).then((all) => all.map(({ text }) => text));
  return { ...parts, invocation, send, ended, lines };
}

const shown = ({ status, attempt, error }: Activation) => [status, attempt, error?.code ?? null];

test("an accepted call waits, runs, and leaves its record and its result", async () => {
  const { invocation, send, ended, store } = await assembled([fnNamed("f")]);
  const id = await send("f", "hello");
  assert.equal((await invocation.calls.underway("guest", id))?.status, "queued");
  assert.equal(await invocation.calls.underway("other", id), undefined);
  invocation.start();
  assert.deepEqual(shown(await ended(id)), ["success", 1, null]);
  const result = await store.activations.result("guest", id);
  assert.deepEqual([result?.status, Buffer.from(result?.body ?? []).toString(), result?.bytes], [200, "hello", 5]);
  await until(async () => ((await invocation.calls.underway("guest", id)) === undefined ? true : undefined));
});

const notFound = (error: unknown) => error instanceof PlatformError && error.code === "not_found";

test("what may not be called is not accepted", async () => {
  const { invocation, queue } = await assembled([fnNamed("f")]);
  const request = { namespace: "guest", headers: [], http: null, body: bytesBody(Buffer.alloc(0)) };
  const accept = (functionId: string, caller: Caller) =>
    invocation.invoker.accept({ ...request, caller, target: { by: "id", functionId } });
  await assert.rejects(accept("nobody", everyone), notFound);
  await assert.rejects(accept("f", { name: "stranger", namespaces: ["other"] }), notFound);
  assert.equal((await queue.stats()).ready, 0);
});

test("a function that fails is tried again, then its call is a dead letter that can be redriven", async () => {
  const { invocation, send, ended, lines } = await assembled([fnNamed("f", { attemptsMax: 3 })]);
  invocation.start();
  for (const [behaviour, code] of [
    ["throw", "function_failed"],
    ["exit", "function_exited"],
  ] as const) {
    const id = await send("f", behaviour);
    assert.deepEqual(shown(await ended(id)), ["dead_lettered", 3, code]);
    const letter = await until(() => invocation.calls.findDead("guest", id));
    assert.deepEqual(
      letter.failures.map(({ attempt }) => attempt),
      [1, 2, 3],
    );
    assert.equal(Buffer.from(await invocation.calls.deadPayload("guest", id)).toString(), behaviour);
    await until(async () => ((await lines(id)).some((line) => line.startsWith("Given up after 3 attempts")) ? true : undefined));
    const again = await invocation.calls.redrive("guest", id);
    assert.deepEqual(shown(await ended(again)), ["dead_lettered", 3, code]);
  }
});

test("a call of a function that was deleted ends", async () => {
  const { invocation, send, ended, store, definitions } = await assembled([fnNamed("f")]);
  const id = await send("f", "hello");
  await store.functions.remove("guest", "f");
  definitions.changed("guest");
  invocation.start();
  assert.deepEqual(shown(await ended(id)), ["platform_error", 1, "not_found"]);
});

test("cancelled: one that waits never runs, one that runs is killed, one that is over is not there", async () => {
  const { invocation, send, ended, queue } = await assembled([fnNamed("f"), fnNamed("g")], { asyncCallsMax: 4 });
  const waiting = await send("f", "print ran");
  assert.equal(await queue.cancel("guest", waiting), true);
  invocation.start();
  assert.deepEqual(shown(await ended(waiting)), ["cancelled", 1, "cancelled"]);
  assert.equal((await ended(waiting)).start, "none");
  const running = await send("g", "hang");
  await until(async () => ((await invocation.calls.underway("guest", running))?.status === "running" ? true : undefined));
  assert.equal(await invocation.calls.cancel("other", running), false);
  assert.equal(await invocation.calls.cancel("guest", running), true);
  assert.deepEqual(shown(await ended(running)), ["cancelled", 1, "cancelled"]);
  assert.equal(await invocation.calls.cancel("guest", running), false);
});

test("a synchronous call can be cancelled too", async () => {
  const { invocation, recorder } = await assembled([fnNamed("f")]);
  const made: string[] = [];
  const { newId } = world;
  world.newId = () => {
    made.push(newId());
    return made.at(-1) as string;
  };
  const request = { caller: everyone, namespace: "guest", headers: [], http: null, body: bytesBody(Buffer.from("hang")) };
  const answer = invocation.invoker.invoke({ ...request, target: { by: "id", functionId: "f" } }, new AbortController().signal);
  const id = await until(async () => made.find((one) => one));
  world.newId = newId;
  await until(async () => ((await invocation.calls.underway("guest", id))?.status === "running" ? true : undefined));
  assert.equal(await invocation.calls.cancel("guest", id), true);
  const result = await answer;
  assert.equal(!result.ok && result.error.code, "cancelled");
  assert.equal((await recorder.get("guest", id))?.status, "cancelled");
});

test("a call that kills the server is given up after as many leases as it has attempts", async () => {
  const { invocation, send, ended, queue } = await assembled([fnNamed("f", { attemptsMax: 3 })]);
  const id = await send("f", "print ran");
  for (let crash = 0; crash < 3; crash++) {
    const suspect = crash > 0;
    const [delivery] = await queue.receive({ namespace: "guest", name: "f", suspect }, 1, 1);
    assert.equal(delivery?.attempt, crash + 1);
    await until(async () => ((await queue.lanes()).due.some((lane) => lane.suspect) ? true : undefined));
  }
  invocation.start();
  const record = await ended(id);
  assert.deepEqual(shown(record), ["dead_lettered", 3, "internal"]);
  assert.equal(record.start, "none");
});

test("a call that has its record already is only taken out of the queue", async () => {
  const { invocation, send, ended, queue, recorder } = await assembled([fnNamed("f", { onSuccess: "_/g" }), fnNamed("g")]);
  const id = await send("f", "print ran");
  await queue.receive({ namespace: "guest", name: "f", suspect: false }, 1, 1);
  const record = { ...(await someRecord()), id, functionId: "f", functionName: "f" };
  await recorder.append([record]);
  invocation.start();
  await until(async () => ((await queue.stats()).ready + (await queue.stats()).leased === 0 ? true : undefined));
  assert.deepEqual(await ended(id), record);
  const told = await until(async () => (await recorder.list("guest", { functionId: "g" }, { limit: 9 })).items[0]);
  assert.ok(told.requestBytes > 99, "its destination is told all the same");
});

/** Made by running a call elsewhere. */
async function someRecord(): Promise<Activation> {
  const { invocation, send, ended } = await assembled([fnNamed("g")]);
  invocation.start();
  return await ended(await send("g", "hello"));
}

test("destinations are called with the outcome; a chain that never ends is ended", async () => {
  const loop = fnNamed("loop", { onSuccess: "_/loop" });
  const { invocation, send, ended, recorder, lines } = await assembled([
    fnNamed("f", { attemptsMax: 1, onSuccess: "_/g", onFailure: "_/h" }),
    fnNamed("g"),
    fnNamed("h", { onSuccess: "_/nobody" }),
    loop,
  ]);
  invocation.start();
  const good = await ended(await send("f", "hello"));
  const bad = await ended(await send("f", "throw"));
  const told = async (functionId: string) =>
    await until(async () => (await recorder.list("guest", { functionId }, { limit: 1 })).items[0]);
  const text = async ({ id }: Activation) => Buffer.from((await recorder.result("guest", id))?.body ?? []).toString();
  const success = JSON.parse(await text(await told("g"))) as Record<string, Record<string, unknown>>;
  assert.deepEqual([success["activationId"], success["status"], success["response"]?.["body"]], [good.id, "success", "hello"]);
  const failed = await told("h");
  const failure = JSON.parse(await text(failed)) as Record<string, Record<string, unknown>>;
  assert.deepEqual(
    [failure["activationId"], failure["error"]?.["code"], failure["request"]?.["body"]],
    [bad.id, "function_failed", "throw"],
  );
  await until(async () =>
    (await lines(failed.id)).some((line) => line.includes("_/nobody could not be called")) ? true : undefined,
  );
  await send("loop", "hello");
  const rounds = async () => (await recorder.list("guest", { functionId: "loop" }, { limit: 50 })).items;
  const last = await until(async () => {
    for (const { id } of await rounds()) if ((await lines(id)).some((line) => line.includes("was not called"))) return id;
    return undefined;
  });
  assert.ok(last);
  assert.equal((await rounds()).length, 17);
});

test("who looks at calls hears of destinations and of what is redriven, and may refuse them", async () => {
  const asked: HookedCall[] = [];
  const refused = new Set<string>();
  const hooks: CallHooks = {
    override: async (call) => call,
    async before(call) {
      asked.push(call);
      const { name } = call.definition.fn;
      if (refused.has(name)) throw new PlatformError("forbidden", `${name} takes no calls`);
    },
  };
  const fns = [fnNamed("f", { attemptsMax: 1, onSuccess: "_/g" }), fnNamed("g"), fnNamed("k", { onSuccess: "_/g" })];
  const { invocation, send, ended, recorder, lines } = await assembled(fns, { hooks });
  invocation.start();
  await ended(await send("f", "hello"));
  const told = await until(async () => (await recorder.list("guest", { functionId: "g" }, { limit: 1 })).items[0]);
  const heard = asked.map(({ id, definition, asynchronous }) => [definition.fn.name, asynchronous, id === told.id]);
  assert.deepEqual(heard, [
    ["f", true, false],
    ["g", true, true],
  ]);
  refused.add("g");
  const last = await ended(await send("k", "hello"));
  await until(async () =>
    (await lines(last.id)).includes("Destination _/g was not called: g takes no calls") ? true : undefined,
  );
  assert.equal((await recorder.list("guest", { functionId: "g" }, { limit: 9 })).items.length, 1);

  const dead = await ended(await send("f", "throw"));
  await until(() => invocation.calls.findDead("guest", dead.id));
  refused.add("f");
  await assert.rejects(invocation.calls.redrive("guest", dead.id), /f takes no calls/);
  assert.ok(await invocation.calls.findDead("guest", dead.id), "it can be tried again");
  refused.clear();
  const again = await invocation.calls.redrive("guest", dead.id);
  assert.equal(asked.at(-1)?.id, again);
  await ended(again);
});

test("one namespace's backlog does not hold up another's, nor a slow function a quick one", async () => {
  const fns = [fnNamed("slow", {}, { sandboxesMax: 2 }), fnNamed("quick"), fnNamed("other", {}, { namespace: "other" })];
  const { invocation, send, ended, queue } = await assembled(fns, { asyncCallsMax: 4 });
  for (let call = 0; call < 200; call++) await send("slow", "sleep 100");
  const quick = await send("quick", "hello");
  const other = await send("other", "hello", "other");
  invocation.start();
  await Promise.all([ended(quick), ended(other, "other")]);
  assert.ok((await queue.stats()).ready > 150);
});

const diskFull = () => new PlatformError("overloaded", "The data folder's disk is full", { details: { reason: "disk_full" } });

test("a queue that refuses pauses the consumer until it does not", async () => {
  const queue = memoryQueue(world);
  const receive = queue.receive.bind(queue);
  let isFull = true;
  queue.receive = (lane, limit, leaseMs) => (isFull ? Promise.reject(diskFull()) : receive(lane, limit, leaseMs));
  const { invocation, send, ended, warnings } = await assembled([fnNamed("f")], { queue });
  invocation.start();
  const id = await send("f", "hello");
  const paused = await until(async () => (await invocation.calls.stats()).paused ?? undefined);
  assert.match(paused, /disk is full/);
  isFull = false;
  assert.deepEqual(shown(await ended(id)), ["success", 1, null]);
  assert.equal(warnings.length, 1);
});

test("when the server stops, what runs is given back and does not count", async () => {
  const { invocation, send, ended, queue, started } = await assembled([fnNamed("f", {}, { timeoutMs: 60_000 })]);
  invocation.start();
  const id = await send("f", "sleep 500");
  await until(async () => ((await invocation.calls.underway("guest", id))?.status === "running" ? true : undefined));
  await invocation.close(1);
  assert.deepEqual([(await queue.find("guest", id))?.leased, (await queue.find("guest", id))?.attempt], [false, 0]);
  started().start();
  assert.deepEqual(shown(await ended(id)), ["success", 1, null]);
});

const full = (error: unknown) =>
  error instanceof PlatformError && error.code === "throttled" && error.details["limit"] === "namespaceQueuedMax";

test("a namespace whose calls fill the queue is refused more of them; what was accepted goes on", async () => {
  const fns = [fnNamed("f", { attemptsMax: 2, onFailure: "_/g" }), fnNamed("g"), fnNamed("h", {}, { namespace: "other" })];
  const { invocation, send, ended, recorder, queue } = await assembled(fns, { namespaceQueuedMax: 3 });
  const answers = await Promise.allSettled(Array.from({ length: 5 }, () => send("f", "throw")));
  const ids = answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value] : []));
  assert.deepEqual([ids.length, queue.waitingCount("guest")], [3, 3], "those that come at once are counted too");
  await assert.rejects(send("g", "hello"), full);
  await ended(await send("h", "hello", "other").finally(() => invocation.start()), "other");
  for (const id of ids) assert.deepEqual(shown(await ended(id)), ["dead_lettered", 2, "function_failed"]);
  const told = () => recorder.list("guest", { functionId: "g" }, { limit: 9 });
  await until(async () => ((await told()).items.length === 3 ? true : undefined));
  assert.deepEqual(shown(await ended(await send("g", "hello"))), ["success", 1, null]);
});

test("while the disk is slow, what waits for it has bounds; what fits is accepted in the end", async () => {
  const queue = memoryQueue(world);
  const disk = Promise.withResolvers<void>();
  const write = queue.send.bind(queue);
  queue.send = (messages) => disk.promise.then(() => write(messages));
  const { send } = await assembled([fnNamed("f")], { queue, namespaceQueuedMax: 6 });
  const large = "x".repeat(limits.requestBytesMax);
  const fits = Array.from({ length: 4 }, () => send("f", large));
  await assert.rejects(send("f", "one byte more"), (error) => asPlatformError(error).details["limit"] === "acceptBytes");
  const empty = [send("f", ""), send("f", "")];
  await assert.rejects(send("f", ""), full);
  disk.resolve();
  await Promise.all([...fits, ...empty]);
  assert.equal(queue.waitingCount("guest"), 6);
});
