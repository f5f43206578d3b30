import assert from "node:assert/strict";
import { test } from "node:test";
import { type FakeAgent, fakeAgent } from "../../test/fake-agent.ts";
import { until, within } from "../../test/within-agent.ts";
import { sampleFn } from "../../test/samples.ts";
import { WaitingCounts } from "./waiting-counts.ts";

const noisy = sampleFn({ id: "noisy", namespace: "noisy", memoryMiB: 100 });
const quiet = sampleFn({ id: "quiet", namespace: "quiet", memoryMiB: 100 });

const sum = (values: readonly number[]) => values.reduce((total, each) => total + each, 0);

/** Callers who call again as soon as they are answered; `end` tells how many calls were answered. */
function callers({ call }: FakeAgent, fn: typeof noisy, count: number, behaviour: string) {
  const over = new AbortController();
  let answered = 0;
  const loops = Array.from({ length: count }, async () => {
    while (!over.signal.aborted) {
      const { error } = await call(fn, behaviour);
      if (error !== null) throw error;
      answered++;
    }
  });
  const ended = Promise.all(loops);
  // A test that fails closes the agent under them.
  ended.catch(() => {});
  return {
    answered: () => answered,
    end: async () => {
      over.abort();
      await ended;
    },
  };
}

for (const isolation of ["shared", "fresh"] as const) {
  test(`a namespace that fills the memory leaves another its share (${isolation})`, async () => {
    const fake = fakeAgent({ memoryMiB: 400 });
    await within(fake, async () => {
      const load = callers(fake, { ...noisy, isolation }, 12, "sleep 50");
      await until("the first calls are answered", () => load.answered() >= 24);
      await until("the first namespace fills the memory", () => fake.agent.sandboxes("noisy").busy === 4);
      assert.equal((await fake.call(quiet, "quick", { waitMsMax: 2000 })).answer, "quick");
      const second = callers(fake, quiet, 12, "sleep 50");
      await until("the second has its share", () => fake.agent.sandboxes("quiet").busy === 2);
      await until("the second's calls are answered", () => second.answered() >= 24);
      const { busy, starting } = fake.agent.sandboxes("quiet");
      assert.ok(busy + starting <= 2, "and no more than its share while the other wants it");
      await load.end();
      await until("the first's share is given to the second", () => fake.agent.sandboxes("quiet").busy === 4);
      await second.end();
    });
  });
}

test("many calls at a time in each sandbox keep no other out either", async () => {
  const fake = fakeAgent({ memoryMiB: 200 });
  await within(fake, async () => {
    const load = callers(fake, { ...noisy, concurrency: 2 }, 8, "sleep 20");
    await until("calls are answered", () => load.answered() >= 16);
    assert.equal((await fake.call(quiet, "quick", { waitMsMax: 2000 })).answer, "quick");
    await load.end();
  });
});

test("a function bigger than its share gets its only sandbox", async () => {
  const fake = fakeAgent({ memoryMiB: 400 });
  await within(fake, async () => {
    const load = callers(fake, noisy, 12, "sleep 20");
    await until("calls are answered", () => load.answered() >= 24);
    const big = { ...quiet, memoryMiB: 400 };
    assert.equal((await fake.call(big, "quick", { waitMsMax: 2000 })).answer, "quick");
    const before = load.answered();
    await until("calls go on being answered", () => load.answered() > before + 12);
    await load.end();
  });
});

test("sandboxes of two namespaces weigh the same together, however many each has", async () => {
  const fake = fakeAgent();
  const weights = (namespace: string) =>
    fake.driver.living.filter(({ id }) => id.startsWith(namespace)).map(({ cpuWeight }) => cpuWeight ?? 0);
  await within(fake, async () => {
    const load = callers(fake, { ...noisy, sandboxesMax: 5 }, 20, "sleep 30");
    await until("five run at once", () => fake.agent.sandboxes("noisy").busy === 5);
    assert.equal(sum(weights("noisy")), 0, "alone nothing is said");
    const other = callers(fake, quiet, 1, "sleep 30");
    await until("the single sandbox weighs most", () => weights("quiet")[0] === 10_000);
    await until("the five weigh as much together", () => weights("noisy").every((weight) => weight === 2000));
    await load.end();
    await other.end();
  });
});

test("who waits is counted by function and namespace, and nobody is left when they went away", async () => {
  const fake = fakeAgent({ functionWaitingMax: 2, namespaceWaitingMax: 3, startTimeoutMs: 10_000 });
  await within(fake, async () => {
    const gone = new AbortController();
    const fn = { ...noisy, sandboxesMax: 1 };
    const other = { ...fn, id: "other" };
    const [first] = [fake.call(fn, "sleep 200")];
    await until("the first call runs", () => fake.agent.sandboxes("noisy").busy === 1);
    const ends = [fn, fn].map((each) => fake.call(each, "quick", { signal: gone.signal }));
    const told = fake.agent.refusal(fn);
    assert.deepEqual([told?.code, told?.details["limit"], told?.details["max"]], ["overloaded", "functionWaitingMax", 2]);
    assert.equal(fake.agent.refusal(other), null);
    ends.push(fake.call(other, "quick", { signal: gone.signal }));
    assert.deepEqual(fake.agent.refusal(other)?.details["limit"], "namespaceWaitingMax");
    assert.equal(fake.agent.refusal(quiet), null);
    gone.abort();
    await Promise.all(ends);
    assert.equal(fake.agent.refusal(fn), null);
    await first;
  });
});

test("refusals under a flood are one error, until somebody leaves", () => {
  const counts = new WaitingCounts({ functionWaitingMax: 1, namespaceWaitingMax: 5 });
  counts.enter(noisy);
  const told = counts.refusal(noisy);
  assert.equal(counts.refusal(noisy), told);
  counts.leave(noisy);
  assert.equal(counts.refusal(noisy), null);
});
