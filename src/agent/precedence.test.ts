import assert from "node:assert/strict";
import { test } from "node:test";
import { fakeAgent } from "../../test/fake-agent.ts";
import { sampleFn } from "../../test/samples.ts";
import { until, within } from "../../test/within-agent.ts";

const named = (id: string) => sampleFn({ id, memoryMiB: 100 });
const backlog = { background: true, waitMsMax: 60_000 } as const;

test("a caller's sandbox is started before those of a backlog", async () => {
  const fake = fakeAgent({ startsMax: 2, startMs: 30 });
  await within(fake, async () => {
    let ended = 0;
    const queued = Array.from({ length: 40 }, async (_, i) => {
      await fake.call(named(`queued-${i}`), "quick", backlog);
      ended++;
    });
    await until("the backlog is being worked on", () => ended >= 2);
    const before = ended;
    assert.equal((await fake.call(named("called"), "quick")).answer, "quick");
    assert.ok(ended - before <= 6, `${ended - before} of the backlog were started before it`);
    await Promise.all(queued);
  });
});

test("a caller is served before the backlog of the same function, whose sandboxes are being started", async () => {
  const fake = fakeAgent({ startsMax: 2, startMs: 30 });
  const fn = { ...named("both"), sandboxesMax: 1 };
  await within(fake, async () => {
    let ended = 0;
    const queued = Array.from({ length: 20 }, async () => {
      await fake.call(fn, "sleep 10", backlog);
      ended++;
    });
    await until("its sandbox is being started", () => fake.agent.sandboxes("both").starting === 1);
    assert.equal((await fake.call(fn, "quick")).answer, "quick");
    assert.equal(ended, 0);
    await Promise.all(queued);
  });
});

test("where memory is short, a caller's function gets what is given back", async () => {
  const fake = fakeAgent({ memoryMiB: 200 });
  await within(fake, async () => {
    let ended = 0;
    const queued = Array.from({ length: 20 }, async (_, i) => {
      await fake.call(named(`queued-${i}`), "sleep 30", backlog);
      ended++;
    });
    const isFull = () => [...fake.agent.sandboxesByFunction().values()].filter(({ counts }) => counts.busy > 0).length === 2;
    await until("the backlog fills the memory", () => ended >= 2 && isFull());
    const before = ended;
    assert.equal((await fake.call(named("called"), "quick")).answer, "quick");
    assert.ok(ended - before <= 6, `${ended - before} of the backlog were run before it`);
    await Promise.all(queued);
  });
});

test("callers without end keep a backlog waiting, but not for ever", async () => {
  const fake = fakeAgent({ startsMax: 1 });
  const fn = { ...named("busy"), sandboxesMax: 1 };
  await within(fake, async () => {
    const over = new AbortController();
    const callers = Array.from({ length: 8 }, async () => {
      while (!over.signal.aborted) await fake.call(fn, "sleep 2");
    });
    assert.equal((await fake.call(fn, "quick", backlog)).answer, "quick");
    over.abort();
    await Promise.all(callers);
  });
});
