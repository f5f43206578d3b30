import assert from "node:assert/strict";
import { after, test } from "node:test";
import { type FakeAgent, fakeAgent } from "../../test/fake-agent.ts";
import { quotas } from "../../test/quotas.ts";
import { sampleApp, sampleFn } from "../../test/samples.ts";
import type { AgentLink } from "../agent/link.ts";
import type { Caller } from "../auth/auth.ts";
import { type BodySource, bytesBody, readBody } from "../lib/body.ts";
import { realWorld } from "../lib/world.ts";
import { LogCollector } from "../logs/collector.ts";
import { memoryLogStore } from "../logs/memory/store.ts";
import { Admission } from "../metering/admit.ts";
import { PlatformError } from "../model/error.ts";
import type { Activation, Fn } from "../model/model.ts";
import { place } from "../scheduler/place.ts";
import { memoryStore } from "../store/memory/store.ts";
import { Definitions } from "./definitions.ts";
import type { FunctionReference, InvokeResult } from "./invocation.ts";
import { createInvoker } from "./invoke.ts";
import { nothingRan } from "./outcome.ts";
import { Recorder } from "./record.ts";
import { RunningCalls } from "./running.ts";
import { Traffic } from "./traffic.ts";
import { TrailingLogs } from "./trailing-logs.ts";

const world = realWorld();
const everyone: Caller = { name: "everyone", namespaces: null };
const never = new AbortController().signal;
const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

interface Call {
  readonly signal?: AbortSignal;
  readonly caller?: Caller;
  readonly target?: FunctionReference;
  readonly body?: BodySource;
}

/** The whole way of a call over parts in memory, with one function in the null app. */
async function assembled(fields: Partial<Fn> = {}, options: { callsMax?: number; waitMsMax?: number; agent?: FakeAgent } = {}) {
  const fake = options.agent ?? fakeAgent();
  const fn = sampleFn({ timeoutMs: 2000, ...fields });
  const store = memoryStore();
  await store.namespaces.create({ id: world.newId(), name: "guest", createdAt: 0 });
  await store.functions.create(fn);
  const recorder = new Recorder(store.activations, world, () => {});
  const logs = new LogCollector({ store: memoryLogStore(), world });
  const trailing = new TrailingLogs(world);
  const parts = {
    world,
    definitions: new Definitions(store, world),
    admission: new Admission(quotas(options.callsMax), world),
    place,
    agents: () => [{ id: "test", memoryMiB: fake.agent.memoryMiB, accepting: true, link: fake.agent }],
    recorder,
    logs,
    trailing,
    running: new RunningCalls(),
    traffic: new Traffic(world),
    waitMsMax: options.waitMsMax ?? 2000,
  };
  after(() => fake.agent.close(0));
  const invoke = (behaviour: string, call: Call = {}, invoker = createInvoker(parts)) =>
    invoker.invoke(
      {
        caller: call.caller ?? everyone,
        namespace: "guest",
        target: call.target ?? { by: "id", functionId: fn.id },
        headers: [],
        http: null,
        body: call.body ?? bytesBody(Buffer.from(behaviour)),
      },
      call.signal ?? never,
    );
  const records = async () => (await recorder.list("guest", {}, { limit: 100 })).items;
  return { fn, fake, store, parts, invoke, records, logs };
}

/** The answer's text, or the code of what failed, before or while the answer was read. */
async function outcome(result: InvokeResult): Promise<string> {
  if (!result.ok) return result.error.code;
  try {
    return (await readBody(result.body, 10_000, () => new Error("too large"))).toString();
  } catch (error) {
    assert.ok(error instanceof PlatformError);
    return error.code;
  }
}

/** One call: what the caller reads, and the status, error code and start of its one record. */
async function check(
  behaviour: string,
  fields: Partial<Fn>,
  expected: readonly [string, string, string | null, string],
): Promise<void> {
  const { invoke, records } = await assembled(fields);
  const result = await invoke(behaviour);
  assert.equal(await outcome(result), expected[0]);
  const recorded = await result.recorded;
  assert.deepEqual([recorded?.status, recorded?.error?.code ?? null, recorded?.start], expected.slice(1), behaviour);
  assert.deepEqual(await records(), [recorded], "one record, the same");
  assert.equal(recorded?.id, result.activationId);
}

const withHandler = (handler: string): Partial<Fn> => ({
  source: { type: "code", kind: "nodejs:24", digest: "0".repeat(64), handler, command: null },
});

test("however a call ends it leaves one record that says so", async () => {
  await check("hello", {}, ["hello", "success", null, "cold"]);
  await check("throw", {}, ["function_failed", "function_error", "function_failed", "cold"]);
  await check("exit", {}, ["function_exited", "developer_error", "function_exited", "cold"]);
  await check("hang", { timeoutMs: 60 }, ["timeout", "timeout", "timeout", "cold"]);
  await check("x", withHandler("fail"), ["function_start_failed", "developer_error", "function_start_failed", "none"]);
  await check("x", withHandler("never"), ["start_timeout", "developer_error", "start_timeout", "none"]);
  await check("x", { memoryMiB: 200_000 }, ["overloaded", "platform_error", "overloaded", "none"]);
});

test("the record tells the function, the start, the times and the sizes", async () => {
  const { fn, invoke } = await assembled({ revision: 7 });
  const first = await invoke("sleep 120");
  await outcome(first);
  const cold = (await first.recorded) as Activation;
  assert.deepEqual([cold.functionId, cold.functionName, cold.revision, cold.appId], [fn.id, fn.name, 7, null]);
  assert.ok(cold.initMs > 0 && cold.createMs >= 0 && cold.runMs >= 100 && cold.endedAt - cold.startedAt >= 100);
  assert.equal(cold.billedUnits, Math.ceil((cold.initMs + cold.runMs) / 100));
  assert.deepEqual([cold.requestBytes, cold.responseBytes, cold.attempt], [9, 9, 1]);
  const second = await invoke("quick");
  await outcome(second);
  const hot = (await second.recorded) as Activation;
  assert.deepEqual([hot.start, hot.initMs, hot.createMs], ["hot", 0, 0]);
  assert.ok(hot.id > cold.id, "ids rise with time");
});

test("through a route the record names it", async () => {
  const { store, invoke } = await assembled();
  const app = sampleApp();
  const inApp = sampleFn({ id: world.newId(), appId: app.id });
  const route = { ...app, id: world.newId(), appId: app.id, functionId: inApp.id, source: "/hi" };
  const { config: _config, syslogUrl: _syslogUrl, shape: _shape, ...onlyRoute } = route;
  await store.apps.create(app);
  await store.functions.create(inApp);
  await store.routes.create(onlyRoute);
  const result = await invoke("x", { target: { by: "route", app: app.name, source: "/hi" } });
  await outcome(result);
  assert.deepEqual([(await result.recorded)?.routeId, (await result.recorded)?.appId], [route.id, app.id]);
});

test("a caller who goes away: while it waits, while it runs, while it reads", async () => {
  const { invoke, records } = await assembled({ sandboxesMax: 1 });
  const gone = new PlatformError("cancelled", "gone");
  const occupied = invoke("sleep 150");
  await pause(50);
  const waiting = new AbortController();
  const waiter = invoke("quick", { signal: waiting.signal });
  await pause(20);
  waiting.abort(gone);
  assert.equal(await outcome(await waiter), "cancelled");
  assert.equal(await outcome(await occupied), "sleep 150");
  const running = new AbortController();
  const runner = invoke("hang", { signal: running.signal });
  await pause(50);
  running.abort(gone);
  assert.equal(await outcome(await runner), "cancelled");
  const reader = await invoke("quick");
  assert.ok(reader.ok);
  reader.body.cancel();
  assert.equal((await reader.recorded).status, "cancelled");
  assert.deepEqual((await records()).map(({ status }) => status).toSorted(), ["cancelled", "cancelled", "cancelled", "success"]);
});

test("a call that finds no sandbox in time is told so, and recorded", async () => {
  const { invoke, records } = await assembled({ sandboxesMax: 1 }, { waitMsMax: 60 });
  const occupied = invoke("sleep 300");
  await pause(30);
  const refused = await invoke("quick");
  assert.equal(await outcome(refused), "overloaded");
  assert.equal((await refused.recorded)?.status, "platform_error");
  await outcome(await occupied);
  assert.equal((await records()).length, 2);
});

test("no machine that accepts calls: told and recorded", async () => {
  const { parts, invoke, records } = await assembled();
  const result = await invoke("x", {}, createInvoker({ ...parts, agents: () => [] }));
  assert.equal(await outcome(result), "overloaded");
  assert.deepEqual(
    (await records()).map(({ start, status }) => [start, status]),
    [["none", "platform_error"]],
  );
});

test("over the quota a call is throttled, leaves no record, and its body is not read", async () => {
  const { invoke, records } = await assembled({}, { callsMax: 2 });
  const under = [invoke("sleep 100"), invoke("sleep 100")];
  await pause(20);
  let cancelled = false;
  const body: BodySource = { ...bytesBody(Buffer.alloc(0)), cancel: () => (cancelled = true) };
  const refused = await invoke("", { body });
  assert.ok(!refused.ok && refused.error.code === "throttled" && refused.activationId === null && refused.recorded === null);
  assert.equal(cancelled, true);
  for (const result of await Promise.all(under)) await outcome(result);
  assert.equal(await outcome(await invoke("again")), "again", "when others have ended there is room again");
  assert.equal((await records()).length, 3);
});

test("calls that end badly count as ended too", async () => {
  const { invoke } = await assembled({ timeoutMs: 50 }, { callsMax: 1 });
  for (const behaviour of ["throw", "exit", "hang", "throw", "exit"]) {
    const result = await invoke(behaviour);
    assert.notEqual(await outcome(result), "throttled");
    await result.recorded;
  }
});

test("what is not there and what is somebody else's: not found, without a record", async () => {
  const { fn, invoke, records } = await assembled();
  const stranger: Caller = { name: "stranger", namespaces: ["other"] };
  assert.equal(await outcome(await invoke("x", { caller: stranger })), "not_found");
  assert.equal(await outcome(await invoke("x", { target: { by: "id", functionId: "nobody" } })), "not_found");
  assert.equal(await outcome(await invoke("x", { target: { by: "name", app: "nobody", name: fn.name } })), "not_found");
  assert.deepEqual(await records(), []);
});

test("while the disk can take no more records, calls wait for it, and are refused when it takes too long", async () => {
  const { parts, invoke } = await assembled();
  const room = Promise.withResolvers<void>();
  const full = { hasRoom: false, room: () => room.promise, add: (record: Activation) => parts.recorder.add(record) };
  const waiting = invoke("quick", {}, createInvoker({ ...parts, recorder: full as unknown as Recorder }));
  assert.equal(await Promise.race([waiting, new Promise((resolve) => setImmediate(resolve, "nothing"))]), "nothing");
  room.resolve();
  assert.equal(await outcome(await waiting), "quick");

  const stuck = { hasRoom: false, room: () => Promise.reject(new PlatformError("overloaded", "slow")), add: assert.fail };
  const refused = await invoke("x", {}, createInvoker({ ...parts, recorder: stuck as unknown as Recorder }));
  assert.equal(await outcome(refused), "overloaded");
});

test("what a call prints is in its log, also when it is read at once", async () => {
  const { invoke, logs } = await assembled();
  const result = await invoke("print some words");
  await outcome(result);
  const id = (await result.recorded)?.id as string;
  assert.deepEqual(
    (await logs.read("guest", id)).map(({ stream, text }) => `${stream} ${text}`),
    ["stdout some words"],
  );
  const silent = await invoke("quick");
  await outcome(silent);
  assert.deepEqual(await logs.read("guest", (await silent.recorded)?.id as string), []);
});

test("a first line that comes after the end of its call is in its log, which is ended all the same", async () => {
  const { invoke, parts, logs } = await assembled();
  const ended = Promise.withResolvers<void>();
  const watched: Pick<LogCollector, "open"> = {
    open(owner) {
      const log = logs.open(owner);
      const end = () => {
        log.end();
        ended.resolve();
      };
      return { write: log.write.bind(log), line: log.line.bind(log), end };
    },
  };
  const link: AgentLink = {
    agentId: "late",
    refusal: () => null,
    run(call) {
      call.answered(200, [], bytesBody(Buffer.from("done")));
      call.report({ ...nothingRan, error: null });
      call.log({ at: world.now(), stream: "stdout", text: "late" });
    },
  };
  const agents = () => [{ id: "late", memoryMiB: 1000, accepting: true, link }];
  const result = await invoke("x", {}, createInvoker({ ...parts, logs: watched, agents }));
  assert.equal(await outcome(result), "done");
  await ended.promise;
  const id = (await result.recorded)?.id as string;
  assert.deepEqual(
    (await logs.read("guest", id)).map(({ text }) => text),
    ["late"],
  );
});

test("a hundred calls at once: a hundred answers, a hundred records", async () => {
  const { invoke, records } = await assembled();
  const answers = await Promise.all(
    Array.from({ length: 100 }, async (_, index) => await outcome(await invoke(`call ${index}`))),
  );
  assert.deepEqual(
    answers,
    Array.from({ length: 100 }, (_, index) => `call ${index}`),
  );
  const all = await records();
  assert.deepEqual([all.length, new Set(all.map(({ id }) => id)).size], [100, 100]);
});
