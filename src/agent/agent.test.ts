import assert from "node:assert/strict";
import { duplexPair } from "node:stream";
import { test } from "node:test";
import { fakeAgent } from "../../test/fake-agent.ts";
import { pause, until, within } from "../../test/within-agent.ts";
import { sampleFn } from "../../test/samples.ts";
import { PlatformError } from "../model/error.ts";
import type { FakeDriver } from "../sandbox/fake/driver.ts";

const quick = sampleFn({ timeoutMs: 1000 });
const withHandler = (handler: string) =>
  sampleFn({ source: { type: "code", kind: "nodejs:24", digest: "0".repeat(64), handler, command: null } });

test("the first call is cold, the next one hot in the same sandbox", async () => {
  const fake = fakeAgent();
  await within(fake, async () => {
    const first = await fake.call(quick, "one");
    const second = await fake.call(quick, "two");
    assert.deepEqual([first.answer, first.report.start, second.answer, second.report.start], ["one", "cold", "two", "hot"]);
    assert.ok(first.report.initMs > 0 && second.report.initMs === 0);
    assert.equal(fake.driver.created, 1);
  });
});

test("100 first calls at once to a quick function are answered by at most 8 sandboxes", async () => {
  const fake = fakeAgent({ startMs: 40 });
  await within(fake, async () => {
    const ends = await Promise.all(Array.from({ length: 100 }, (_, i) => fake.call(quick, `call${i}`)));
    assert.deepEqual(
      ends.map(({ answer }) => answer),
      ends.map((_, i) => `call${i}`),
    );
    assert.ok(fake.driver.created <= 8, `${fake.driver.created} sandboxes`);
  });
});

test("for a slow function sandboxes grow with the waiting time, up to its maximum", async () => {
  const fake = fakeAgent();
  await within(fake, async () => {
    const fn = sampleFn({ sandboxesMax: 12 });
    const ends = await Promise.all(Array.from({ length: 24 }, () => fake.call(fn, "sleep 400")));
    assert.ok(ends.every(({ answer }) => answer === "sleep 400"));
    assert.equal(fake.driver.created, 12);
  });
});

test("a timeout is told after the sandbox is dead", async () => {
  const fake = fakeAgent();
  await within(fake, async () => {
    const end = await fake.call(sampleFn({ timeoutMs: 50 }), "hang");
    assert.equal(end.answer, "timeout");
    assert.equal(fake.driver.living.length, 0);
    assert.equal(end.report.error?.code, "timeout");
  });
});

test("a call whose process exits says so, and the next one gets a new sandbox", async () => {
  const fake = fakeAgent();
  await within(fake, async () => {
    const { answer, error } = await fake.call(quick, "exit");
    assert.equal(answer, "function_exited");
    assert.match(error?.message ?? "", /exit code 7/, "its own end, not ours");
    const next = await fake.call(quick, "next");
    assert.deepEqual([next.answer, next.report.start], ["next", "cold"]);
  });
});

test("what a process answers right before it exits is the call's answer, also where its end is heard of first", async () => {
  const fake = fakeAgent();
  const { driver } = fake as { readonly driver: { create: FakeDriver["create"] } };
  const create = driver.create.bind(driver);
  driver.create = async (spec) => {
    const sandbox = await create(spec);
    const connect = sandbox.connect.bind(sandbox);
    sandbox.connect = async (signal) => {
      const connection = await connect(signal);
      const [ours, theirs] = duplexPair();
      theirs.pipe(connection);
      connection.on("data", (data: Buffer) => setImmediate(() => theirs.write(data)));
      connection.once("close", () => setImmediate(() => theirs.end()));
      return ours;
    };
    return sandbox;
  };
  await within(fake, async () => {
    const { answer } = await fake.call(quick, "leave");
    // This driver counts what has exited until somebody stops it.
    await fake.driver.living[0]?.stop();
    assert.equal(answer, "leave");
  });
});

test("an error of the code keeps the sandbox", async () => {
  const fake = fakeAgent();
  await within(fake, async () => {
    assert.equal((await fake.call(quick, "throw")).error?.message, "thrown");
    assert.equal((await fake.call(quick, "again")).report.start, "hot");
  });
});

test("a start that fails tells everybody who waits why, with what was printed", async () => {
  const fake = fakeAgent();
  await within(fake, async () => {
    const ends = await Promise.all([1, 2, 3].map(() => fake.call(withHandler("fail"), "x")));
    for (const { error } of ends) {
      assert.equal(error?.code, "function_start_failed");
      assert.match(error.message, /exit code 3.*no such module/);
    }
    assert.ok(ends.some(({ lines }) => lines.some(({ text }) => text === "no such module")));
  });
});

test("a function that never gets ready is given up", async () => {
  const fake = fakeAgent({ startTimeoutMs: 60 });
  await within(fake, async () => {
    const end = await fake.call(withHandler("never"), "x");
    assert.equal(end.answer, "start_timeout");
    assert.match(end.error?.message ?? "", /within 60 ms of its start: its code was still being loaded/);
    assert.equal(fake.driver.living.length, 0);
  });
});

test("who waited in vain for a kind that is made ready is told so", async () => {
  const fake = fakeAgent({ prepareMs: 200 });
  await within(fake, async () => {
    const { answer, error } = await fake.call(quick, "x", { waitMsMax: 50 });
    assert.equal(answer, "overloaded");
    assert.match(error?.message ?? "", /the kind nodejs:24 was still being made ready after 50 ms/);
    assert.equal((await fake.call(quick, "later")).answer, "later");
  });
});

test("an idle sandbox ends after its time", async () => {
  const fake = fakeAgent();
  await within(fake, async () => {
    const fn = sampleFn({ idleTimeoutMs: 60 });
    await fake.call(fn, "x");
    await pause(30);
    await fake.call(fn, "x");
    await pause(40);
    assert.equal(fake.driver.living.length, 1, "used meanwhile: not yet");
    await until("ended", () => fake.driver.living.length === 0);
  });
});

test("a new revision is served at once while calls of the old one finish", async () => {
  const fake = fakeAgent();
  await within(fake, async () => {
    const old = fake.call(quick, "sleep 120");
    await pause(30);
    fake.agent.retire(quick.id, [2]);
    const fresh = await fake.call({ ...quick, revision: 2 }, "new");
    assert.deepEqual([fresh.answer, fresh.report.start], ["new", "cold"]);
    assert.equal((await old).answer, "sleep 120");
    await until("the old sandbox has ended", () => fake.driver.living.length === 1);
    assert.equal((await fake.call({ ...quick, revision: 2 }, "x")).report.start, "hot");
  });
});

test("a retired function's idle sandboxes end", async () => {
  const fake = fakeAgent();
  await within(fake, async () => {
    await fake.call(quick, "x");
    fake.agent.retire(quick.id, []);
    await until("ended", () => fake.driver.living.length === 0);
  });
});

test("a call that finds no room in time is told so", async () => {
  const fake = fakeAgent();
  await within(fake, async () => {
    const fn = sampleFn({ sandboxesMax: 1 });
    const running = fake.call(fn, "sleep 150");
    await pause(20);
    const refused = await fake.call(fn, "x", { waitMsMax: 40 });
    assert.equal(refused.answer, "overloaded");
    assert.equal(refused.report.start, "none");
    assert.equal((await running).answer, "sleep 150");
  });
});

test("a caller that goes away while waiting or running frees its place", async () => {
  const fake = fakeAgent();
  await within(fake, async () => {
    const fn = sampleFn({ sandboxesMax: 1 });
    const goesAway = new AbortController();
    const running = fake.call(fn, "hang", { signal: goesAway.signal });
    await pause(30);
    const waiting = fake.call(fn, "x", { signal: AbortSignal.timeout(20) });
    assert.equal((await waiting).answer, "internal");
    goesAway.abort(new Error("gone"));
    await running;
    assert.equal((await fake.call(fn, "after")).answer, "after");
  });
});

test("code whose call is cancelled has a moment to say so, in a sandbox that serves nobody else and is dead then", async () => {
  const fake = fakeAgent();
  await within(fake, async () => {
    const fn = sampleFn({ sandboxesMax: 1 });
    const goesAway = new AbortController();
    const cancelled = fake.call(fn, "linger told", { signal: goesAway.signal });
    while (fake.agent.stats().sandboxes.busy === 0) await pause(1);
    // Both clocks start now: the shorter one is over first, however slow the machine is.
    await pause(0);
    goesAway.abort(new PlatformError("cancelled", "gone"));
    const next = fake.call(fn, "x");
    const { answer, lines, report } = await cancelled;
    assert.deepEqual([answer, lines.map(({ text }) => text)], ["cancelled", ["told"]]);
    const { start, sandboxId } = (await next).report;
    assert.deepEqual([start, sandboxId === report.sandboxId], ["cold", false]);
    assert.deepEqual(
      fake.driver.living.map(({ id }) => id),
      [sandboxId],
    );
  });
});

test("a timeout is kept while a cancelled call has its moment", async () => {
  const fake = fakeAgent();
  await within(fake, async () => {
    const goesAway = new AbortController();
    const cancelled = fake.call(sampleFn({ timeoutMs: 30 }), "linger told", { signal: goesAway.signal });
    while (fake.agent.stats().sandboxes.busy === 0) await pause(1);
    goesAway.abort(new PlatformError("cancelled", "gone"));
    const { answer, lines } = await cancelled;
    assert.deepEqual([["cancelled", "timeout"].includes(answer), lines], [true, []]);
    assert.equal(fake.driver.living.length, 0);
  });
});

test("when memory is short the sandbox idle for longest makes room", async () => {
  const fake = fakeAgent({ memoryMiB: 300 });
  await within(fake, async () => {
    const [a, b, c] = ["A", "B", "C"].map((letter) => sampleFn({ id: `01JD00000000000000000000A${letter}`, name: letter }));
    assert.ok(a && b && c);
    await fake.call(a, "x");
    await fake.call(b, "x");
    await fake.call(c, "x");
    assert.deepEqual([(await fake.call(b, "x")).report.start, (await fake.call(c, "x")).report.start], ["hot", "hot"]);
    assert.equal((await fake.call(a, "x")).report.start, "cold");
  });
});

test("what is printed before it is known that the program was started belongs to its first call", async () => {
  const fake = fakeAgent();
  const { driver } = fake as { readonly driver: { create: FakeDriver["create"] } };
  const create = driver.create.bind(driver);
  driver.create = async (spec) => {
    const sandbox = await create(spec);
    spec.output("stderr", Buffer.from("in haste\n"));
    return sandbox;
  };
  await within(fake, async () => {
    const { lines } = await fake.call(quick, "one");
    assert.deepEqual(
      lines.map(({ stream, text }) => [stream, text]),
      [["stderr", "in haste"]],
    );
  });
});

test("what a program prints belongs to the call that runs", async () => {
  const fake = fakeAgent();
  await within(fake, async () => {
    const first = await fake.call(quick, "print first words");
    const second = await fake.call(quick, "print second words");
    assert.deepEqual(
      [first.lines.map(({ text }) => text), second.lines.map(({ text }) => text)],
      [["first words"], ["second words"]],
    );
  });
});

test("a protocol of one process a call never reuses a sandbox", async () => {
  const fake = fakeAgent();
  await within(fake, async () => {
    const fn = sampleFn({ protocol: "stdio" });
    for (const _ of [1, 2]) assert.equal((await fake.call(fn, "x")).report.start, "cold");
    await until("ended", () => fake.driver.living.length === 0);
    assert.equal(fake.driver.created, 2);
  });
});

test("closing lets running calls end within the grace time and refuses new ones", async () => {
  const fake = fakeAgent();
  const running = fake.call(quick, "sleep 80");
  await pause(20);
  const closed = fake.agent.close(1000);
  assert.equal((await fake.call(quick, "late")).answer, "overloaded");
  assert.equal((await running).answer, "sleep 80");
  await closed;
  assert.equal(fake.driver.living.length, 0);
});
