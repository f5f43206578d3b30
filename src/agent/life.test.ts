import assert from "node:assert/strict";
import { test } from "node:test";
import { fakeAgent } from "../../test/fake-agent.ts";
import { pause, until, within } from "../../test/within-agent.ts";
import { sampleFn } from "../../test/samples.ts";

const quick = sampleFn({ timeoutMs: 5000 });
const named = (letter: string, settings: Parameters<typeof sampleFn>[0] = {}) =>
  sampleFn({ id: `01JD00000000000000000000A${letter}`, name: letter, ...settings });

test("an idle sandbox is frozen, the next call thaws it and is warm, the one after is hot", async () => {
  const fake = fakeAgent({ freezeAfterMs: 30 });
  await within(fake, async () => {
    await fake.call(quick, "x");
    assert.deepEqual(fake.agent.stats().sandboxes, { starting: 0, busy: 0, idle: 1, frozen: 0 });
    await until("frozen", () => fake.agent.stats().sandboxes.frozen === 1);
    assert.equal(fake.driver.living[0]?.paused, true);
    const warm = await fake.call(quick, "y");
    const hot = await fake.call(quick, "z");
    assert.deepEqual([warm.answer, warm.report.start, hot.report.start], ["y", "warm", "hot"]);
    assert.equal(fake.driver.living[0]?.paused, false);
    await until("frozen again", () => fake.driver.living[0]?.paused === true);
    const { freezesTotal, thawsTotal, startsTotal } = fake.agent.stats();
    assert.deepEqual([freezesTotal, thawsTotal, startsTotal.cold, startsTotal.warm, startsTotal.hot], [2, 1, 1, 1, 1]);
  });
});

test("a busy sandbox is never frozen: calls close together, a long one, and one of several at a time", async () => {
  const fake = fakeAgent({ freezeAfterMs: 60 });
  await within(fake, async () => {
    for (let i = 0; i < 20; i++) await fake.call(quick, "sleep 10");
    await fake.call(quick, "sleep 150");
    assert.equal(fake.agent.stats().freezesTotal, 0);
  });
});

test("with freezing switched off, or a driver that cannot, an idle sandbox just waits", async () => {
  const fake = fakeAgent({ freezeAfterMs: 0 });
  await within(fake, async () => {
    await fake.call(quick, "hold 20");
    await until("measured", () => fake.agent.stats().memory.promisedMiB === 20);
    assert.equal((await fake.call(quick, "x")).report.start, "hot");
    assert.equal(fake.agent.stats().freezesTotal, 0);
  });
});

test("a frozen sandbox ends after its idle time", async () => {
  const fake = fakeAgent({ freezeAfterMs: 10 });
  await within(fake, async () => {
    await fake.call(sampleFn({ idleTimeoutMs: 100 }), "x");
    await until("frozen", () => fake.agent.stats().sandboxes.frozen === 1);
    await until("ended", () => fake.driver.living.length === 0);
  });
});

test("a busy sandbox counts with its limit, an idle one with what it uses", async () => {
  const fake = fakeAgent({ freezeAfterMs: 10, memoryMiB: 400 });
  await within(fake, async () => {
    const fns = ["A", "B", "C", "D", "E", "F", "G", "H"].map((letter) => named(letter));
    for (const fn of fns) {
      await fake.call(fn, "hold 30");
      await until("measured", () => fake.agent.stats().memory.promisedMiB % 30 === 0);
    }
    const { sandboxes, memory, evictionsTotal } = fake.agent.stats();
    assert.deepEqual([sandboxes.frozen, memory, evictionsTotal], [8, { usedMiB: 240, promisedMiB: 240, budgetMiB: 400 }, 0]);
    const running = [fake.call(named("A"), "sleep 200"), fake.call(named("B"), "sleep 200")];
    // Two limits of 128 and six of 30 are more than 400: the one used longest ago has made room.
    await until("running", () => fake.agent.stats().sandboxes.busy === 2);
    assert.equal(fake.agent.stats().memory.promisedMiB, 2 * 128 + 4 * 30);
    assert.deepEqual(
      (await Promise.all(running)).map(({ report }) => report.start),
      ["warm", "warm"],
    );
    assert.equal(fake.agent.stats().evictionsTotal, 2);
    assert.equal((await fake.call(named("D"), "x")).report.start, "cold", "C and D were evicted");
    assert.equal((await fake.call(named("H"), "x")).report.start, "warm");
  });
});

test("who needs the memory of calls that run waits for it, and an idle sandbox without room to run waits too", async () => {
  const fake = fakeAgent({ freezeAfterMs: 10, memoryMiB: 200 });
  await within(fake, async () => {
    await fake.call(named("A"), "hold 30");
    await until("measured", () => fake.agent.stats().memory.promisedMiB === 30);
    const running = fake.call(named("B"), "sleep 300");
    await until("running", () => fake.agent.stats().sandboxes.busy === 1);
    const waiting = [fake.call(named("A"), "first"), fake.call(named("C"), "second")];
    await until("waiting", () => fake.agent.stats().waiting === 2);
    assert.equal(fake.agent.stats().sandboxes.frozen, 1, "nothing is evicted where that makes no room");
    assert.deepEqual(
      (await Promise.all([running, ...waiting])).map(({ answer }) => answer),
      ["sleep 300", "first", "second"],
    );
  });
});

test("room is given to the function whose call waits longest, whatever came later", async () => {
  const fake = fakeAgent({ memoryMiB: 150 });
  await within(fake, async () => {
    const running = fake.call(named("A", { isolation: "fresh" }), "sleep 150");
    await until("running", () => fake.agent.stats().sandboxes.busy === 1);
    const order: string[] = [];
    const calls: Promise<unknown>[] = [];
    for (const letter of ["D", "B", "C"]) {
      const fn = named(letter, { isolation: letter === "B" ? "shared" : "fresh" });
      calls.push(fake.call(fn, "x").then(() => order.push(letter)));
      await until("waiting", () => fake.agent.stats().waiting === calls.length);
      await pause(2);
    }
    await Promise.all([running, ...calls]);
    assert.equal(order.join(""), "DBC");
  });
});

test("an idle sandbox that grew beyond the budget makes others go, the least recently used first", async () => {
  const fake = fakeAgent({ freezeAfterMs: 10, memoryMiB: 300 });
  await within(fake, async () => {
    await fake.call(named("A"), "hold 100");
    await fake.call(named("B"), "hold 100");
    await until("measured", () => fake.agent.stats().memory.promisedMiB === 200);
    await fake.call(named("C", { memoryMiB: 100 }), "x");
    await fake.call(named("B"), "x");
    assert.deepEqual(fake.agent.stats().evictionsTotal, 1);
    assert.equal((await fake.call(named("B"), "x")).report.start, "hot");
  });
});

test("a sandbox that holds too much after its calls is replaced", async () => {
  const fake = fakeAgent({ freezeAfterMs: 10 });
  await within(fake, async () => {
    await fake.call(quick, "hold 116");
    await until("ended", () => fake.driver.living.length === 0);
    assert.equal(fake.agent.stats().replacementsTotal.memory, 1);
    assert.equal((await fake.call(quick, "x")).report.start, "cold");
  });
});

test("a sandbox above its age gets no new calls, however busy it is", async () => {
  const fake = fakeAgent({ freezeAfterMs: 20 });
  await within(fake, async () => {
    const fn = sampleFn({ sandboxAgeMsMax: 150 });
    const starts = new Map<string | null, string[]>();
    while (starts.size < 3) {
      const { report } = await fake.call(fn, "sleep 5");
      starts.set(report.sandboxId, [...(starts.get(report.sandboxId) ?? []), report.start]);
    }
    for (const [first, ...others] of starts.values()) {
      assert.equal(first, "cold");
      assert.ok(others.every((start) => start !== "cold"));
    }
    assert.equal(fake.agent.stats().replacementsTotal.age, 2);
    await fake.call(fn, "sleep 300");
    await until("ended", () => fake.driver.living.length === 0);
  });
});

test("an idle sandbox ends at its age, frozen or not", async () => {
  const fake = fakeAgent({ freezeAfterMs: 10 });
  await within(fake, async () => {
    await fake.call(sampleFn({ sandboxAgeMsMax: 80 }), "x");
    await until("ended", () => fake.driver.living.length === 0);
    assert.equal(fake.agent.stats().replacementsTotal.age, 1);
  });
});

for (const [name, settings] of Object.entries({
  "isolation fresh": { isolation: "fresh" },
  "one process a call": { protocol: "stdio" },
} as const)) {
  test(`${name}: no sandbox is used twice, as many at a time as allowed, the others wait their turn`, async () => {
    const fake = fakeAgent({ freezeAfterMs: 10 });
    await within(fake, async () => {
      const fn = sampleFn({ ...settings, sandboxesMax: 3 });
      let most = 0;
      const watch = setInterval(() => {
        most = Math.max(most, fake.driver.living.length);
      }, 1);
      const order: number[] = [];
      const calls = Array.from({ length: 9 }, (_, i) => fake.call(fn, "sleep 20").finally(() => order.push(i)));
      const ends = await Promise.all(calls);
      clearInterval(watch);
      assert.ok(ends.every(({ answer, report }) => answer === "sleep 20" && report.start === "cold"));
      assert.equal(new Set(ends.map(({ report }) => report.sandboxId)).size, 9);
      assert.ok(most <= 3, `${most} at a time`);
      assert.deepEqual(
        order.map((i) => Math.floor(i / 3)).toSorted(),
        order.map((i) => Math.floor(i / 3)),
        "in turn",
      );
      await until("ended", () => fake.driver.living.length === 0);
    });
  });

  test(`${name}: a call waits for memory as long as it may, and no longer`, async () => {
    const fake = fakeAgent({ memoryMiB: 150 });
    await within(fake, async () => {
      const fn = sampleFn(settings);
      const running = fake.call(fn, "sleep 200");
      await until("running", () => fake.agent.stats().sandboxes.busy === 1);
      const served = fake.call(fn, "served");
      const refused = await fake.call(fn, "x", { waitMsMax: 30 });
      assert.deepEqual([refused.answer, refused.report.start], ["overloaded", "none"]);
      const gone = await fake.call(fn, "x", { signal: AbortSignal.timeout(10) });
      assert.equal(gone.answer, "internal");
      assert.deepEqual([(await running).answer, (await served).answer], ["sleep 200", "served"]);
    });
  });
}

test("a fresh sandbox that cannot start is the failure of its own call", async () => {
  const fake = fakeAgent();
  await within(fake, async () => {
    const source = { type: "code", kind: "nodejs:24", digest: "0".repeat(64), handler: "fail", command: null } as const;
    const fn = sampleFn({ isolation: "fresh", source });
    const { error, lines } = await fake.call(fn, "x");
    assert.equal(error?.code, "function_start_failed");
    assert.ok(lines.some(({ text }) => text === "no such module"));
    assert.equal(fake.agent.stats().memory.promisedMiB, 0);
  });
});

test("a call that comes for a function that was just deleted leaves nothing behind", async () => {
  const fake = fakeAgent();
  await within(fake, async () => {
    await fake.call(quick, "x");
    fake.agent.retire(quick.id, []);
    await until("ended", () => fake.driver.living.length === 0);
    assert.equal((await fake.call(quick, "late")).answer, "late");
    await until("ended again", () => fake.driver.living.length === 0);
  });
});
