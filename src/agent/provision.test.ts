import assert from "node:assert/strict";
import { test } from "node:test";
import { type FakeAgent, fakeAgent } from "../../test/fake-agent.ts";
import { pause, until, within } from "../../test/within-agent.ts";
import { sampleApp, sampleFn } from "../../test/samples.ts";
import type { Fn } from "../model/model.ts";

const hello = sampleFn({ timeoutMs: 60_000, memoryMiB: 100 });
const other = sampleFn({ id: "01JD00000000000000000000OT", name: "other", memoryMiB: 100, timeoutMs: 60_000 });

const keep = ({ agent }: FakeAgent, fn: Fn, count: number) => agent.provision(fn.namespace, [{ fn, app: null, count }]);
const isReady = ({ agent }: FakeAgent, fn: Fn) => {
  const { wanted, ready } = agent.provisioned(fn);
  return ready === wanted;
};
const ready = (fake: FakeAgent, fn: Fn) => until("ready", () => isReady(fake, fn));

test("as many first calls at once as are kept ready find one each, frozen or not; the next one starts one", async () => {
  for (const freezeAfterMs of [0, 5]) {
    const fake = fakeAgent({ freezeAfterMs });
    await within(fake, async () => {
      keep(fake, hello, 5);
      await ready(fake, hello);
      if (freezeAfterMs > 0) await until("frozen", () => fake.agent.stats().sandboxes.frozen === 5);
      const calls = await Promise.all(Array.from({ length: 6 }, () => fake.call(hello, "sleep 60")));
      const expected = freezeAfterMs > 0 ? "warm" : "hot";
      assert.deepEqual(calls.map(({ report }) => report.start).slice(0, 5), Array(5).fill(expected));
      assert.equal(new Set(calls.slice(0, 5).map(({ report }) => report.sandboxId)).size, 5);
    });
  }
});

test("they stay beyond the idle timeout, and others that calls started do not", async () => {
  const fake = fakeAgent({ freezeAfterMs: 5 });
  await within(fake, async () => {
    const fn = { ...hello, idleTimeoutMs: 60 };
    keep(fake, fn, 2);
    await ready(fake, fn);
    const first = fake.driver.living.map(({ id }) => id);
    await Promise.all(Array.from({ length: 4 }, () => fake.call(fn, "sleep 80")));
    await until("more than two", () => fake.driver.created > 2);
    await until("two again", () => fake.driver.living.length === 2);
    await pause(150);
    assert.deepEqual(
      fake.driver.living.map(({ id }) => id),
      first,
    );
  });
});

test("one that crashes or exits is replaced, and starts that fail are tried again ever more rarely", async () => {
  const fake = fakeAgent();
  await within(fake, async () => {
    keep(fake, hello, 2);
    await ready(fake, hello);
    assert.equal((await fake.call(hello, "exit")).answer, "function_exited");
    await until("replaced", () => fake.driver.created === 3 && isReady(fake, hello));
    await fake.driver.living[0]?.stop();
    await until("replaced again", () => fake.driver.created === 4 && isReady(fake, hello));
    const broken = { ...other, source: { ...(other.source as object), handler: "fail" } as Fn["source"] };
    keep(fake, broken, 1);
    const beganAt = performance.now();
    await until("tried again", () => fake.driver.created >= 6);
    await pause(300);
    assert.ok(fake.driver.created - 4 <= 2 + Math.log2(1 + (performance.now() - beganAt) / 250));
    assert.deepEqual(fake.agent.provisioned(broken), { wanted: 1, ready: 0 });
  });
});

test("one that grows old gets no call after its time, and another is there before", async () => {
  const fake = fakeAgent();
  await within(fake, async () => {
    const fn = { ...hello, sandboxAgeMsMax: 5000 };
    keep(fake, fn, 1);
    await ready(fake, fn);
    const [old] = fake.driver.living;
    let least = 1;
    await until("replaced", () => {
      least = Math.min(least, fake.driver.living.length);
      return !fake.driver.living.includes(old as NonNullable<typeof old>);
    });
    assert.deepEqual([least, fake.driver.created], [1, 2]);
    assert.equal((await fake.call(fn, "x")).report.start, "hot");
  });
});

test("a new revision's are made and the old ones end, busy ones after their call; a change of the app does the same", async () => {
  const fake = fakeAgent();
  await within(fake, async () => {
    keep(fake, hello, 2);
    await ready(fake, hello);
    const long = fake.call(hello, "sleep 100");
    const next = { ...hello, revision: 2 };
    fake.agent.retire(hello.id, [2]);
    keep(fake, next, 3);
    await ready(fake, next);
    assert.equal((await long).answer, "sleep 100");
    await until("the old ones ended", () => fake.driver.living.length === 3);
    assert.equal((await fake.call(next, "x")).report.start, "hot");
    fake.agent.provision("guest", [{ fn: next, app: sampleApp(), count: 1 }]);
    await ready(fake, next);
    assert.equal((await fake.call(next, "x", { app: sampleApp() })).report.start, "hot");
  });
});

test("a revision that is called again while its old sandboxes still end is kept ready again", async () => {
  const fake = fakeAgent();
  await within(fake, async () => {
    keep(fake, hello, 1);
    await ready(fake, hello);
    const long = fake.call(hello, "sleep 100");
    fake.agent.retire(hello.id, [2]);
    keep(fake, hello, 1);
    await long;
    await ready(fake, hello);
    assert.equal(fake.driver.living.length, 1);
  });
});

test("with fewer kept ready, or with none, the others are like all sandboxes", async () => {
  const fake = fakeAgent();
  await within(fake, async () => {
    const fn = { ...hello, idleTimeoutMs: 50 };
    keep(fake, fn, 3);
    await ready(fake, fn);
    keep(fake, fn, 1);
    await until("one", () => fake.driver.living.length === 1);
    fake.agent.provision("guest", []);
    await until("none", () => fake.driver.living.length === 0);
    assert.deepEqual(fake.agent.provisioned(fn), { wanted: 0, ready: 0 });
  });
});

test("a call takes no memory that it has to wait for, because they count with their limit", async () => {
  const fake = fakeAgent({ memoryMiB: 400, freezeAfterMs: 5 });
  await within(fake, async () => {
    keep(fake, hello, 2);
    await ready(fake, hello);
    await until("frozen", () => fake.agent.stats().sandboxes.frozen === 2);
    assert.equal(fake.agent.stats().memory.promisedMiB, 200);
    const busy = [fake.call(other, "sleep 300"), fake.call(other, "sleep 300")];
    await until("busy", () => fake.agent.sandboxes(other.id).busy === 2);
    const calls = await Promise.all([fake.call(hello, "x"), fake.call(hello, "y")]);
    assert.deepEqual(
      calls.map(({ report }) => report.start),
      ["warm", "warm"],
    );
    await Promise.all(busy);
  });
});

test("they are evicted for a sandbox that needs memory to wake, too, where nothing of its function runs", async () => {
  const fake = fakeAgent({ memoryMiB: 300, freezeAfterMs: 5 });
  await within(fake, async () => {
    await fake.call(other, "hold 20");
    await until("measured", () => fake.agent.stats().memory.promisedMiB === 20);
    keep(fake, hello, 2);
    await ready(fake, hello);
    const busy = fake.call({ ...other, id: "01JD00000000000000000000BY", memoryMiB: 80 }, "sleep 300");
    await until("busy", () => fake.agent.stats().memory.promisedMiB === 300);
    assert.equal((await fake.call(other, "x")).report.start, "warm");
    await busy;
    await ready(fake, hello);
  });
});

test("they are evicted last, and only for the first sandbox of a function; then they come back", async () => {
  const fake = fakeAgent({ memoryMiB: 300 });
  await within(fake, async () => {
    keep(fake, hello, 2);
    await ready(fake, hello);
    const load = [fake.call(other, "sleep 100"), fake.call(other, "sleep 100"), fake.call(other, "sleep 100")];
    await Promise.all(load);
    assert.equal(fake.agent.stats().evictionsTotal, 0, "a second sandbox of another function is no cause");
    const big = { ...other, id: "01JD00000000000000000000BG", memoryMiB: 250 };
    const slow = fake.call(big, "sleep 100");
    await until("it runs", () => fake.agent.sandboxes(big.id).busy === 1);
    assert.equal(fake.agent.provisioned(hello).ready, 0);
    await slow;
    await ready(fake, hello);
  });
});

test("two that want more than there is do not take it from each other", async () => {
  const fake = fakeAgent({ memoryMiB: 300 });
  await within(fake, async () => {
    fake.agent.provision("guest", [
      { fn: hello, app: null, count: 2 },
      { fn: other, app: null, count: 2 },
    ]);
    await until("three", () => fake.driver.living.length === 3);
    await pause(600);
    assert.deepEqual([fake.driver.created, fake.agent.stats().evictionsTotal], [3, 0]);
  });
});

test("more than can ever be kept is refused, whoever keeps the rest", async () => {
  const fake = fakeAgent({ memoryMiB: 1000 });
  await within(fake, async () => {
    const refusal = (fn: Fn) => fake.agent.provisionRefusal(fn);
    assert.equal(refusal({ ...hello, provisioned: 8 }), null);
    assert.match(refusal({ ...hello, provisioned: 9 })?.message ?? "", /900 MiB, .* at most 800 MiB .* keep 0 MiB/);
    keep(fake, hello, 5);
    assert.equal(refusal({ ...other, provisioned: 3 }), null);
    const { code, details } = refusal({ ...other, namespace: "another", provisioned: 4 }) ?? {};
    assert.deepEqual([code, details], ["invalid", { field: "provisioned", leftMiB: 300 }]);
    assert.equal(refusal({ ...hello, provisioned: 8 }), null, "its own do not count twice");
  });
});

test("they are not among those that make room for a namespace with less than its share", async () => {
  const fake = fakeAgent({ memoryMiB: 400 });
  await within(fake, async () => {
    const quiet = { ...other, namespace: "quiet" };
    keep(fake, hello, 3);
    await ready(fake, hello);
    const busy = Array.from({ length: 3 }, () => fake.call(hello, "sleep 100"));
    const calls = Array.from({ length: 3 }, () => fake.call(quiet, "sleep 20"));
    assert.deepEqual(
      (await Promise.all([...busy, ...calls])).map(({ error }) => error),
      Array(6).fill(null),
    );
    assert.deepEqual([fake.agent.provisioned(hello).ready, fake.driver.created], [3, 4]);
  });
});

test("whatever happens in whatever order: in the end there are as many as are wanted, and nothing else", async (t) => {
  const seed = Date.now() % 1_000_000;
  t.diagnostic(`seed ${seed}`);
  let drawn = seed;
  const below = (most: number) => {
    drawn = (drawn * 48_271) % 2_147_483_647;
    return drawn % most;
  };
  const fake = fakeAgent({ freezeAfterMs: 3, memoryMiB: 1200 });
  await within(fake, async () => {
    let revision = 1;
    const fnNow = () => ({ ...hello, revision, idleTimeoutMs: 40, sandboxAgeMsMax: 1000 });
    const ends: Promise<unknown>[] = [];
    const steps: readonly (() => void)[] = [
      () => keep(fake, fnNow(), below(6)),
      () => fake.agent.retire(hello.id, [++revision]),
      () => void fake.driver.living[0]?.stop(),
      () => ends.push(fake.call(other, "sleep 5")),
      ...["x", "sleep 20", "exit", "throw", "hold 95", "hang"].map((behaviour) => () => {
        ends.push(fake.call({ ...fnNow(), timeoutMs: 50 }, behaviour));
      }),
    ];
    for (let n = 0; n < 300; n++) {
      steps[below(steps.length)]?.();
      if (n % 3 === 0) await pause(2);
    }
    await Promise.all(ends);
    keep(fake, fnNow(), 4);
    const left = () => fake.driver.living.length - fake.agent.sandboxes(other.id).idle - fake.agent.sandboxes(other.id).frozen;
    await until("four are ready and no others", () => isReady(fake, fnNow()) && left() === 4);
    await until(
      "nothing is counted twice",
      () => fake.agent.stats().memory.promisedMiB === 400 + 100 * (fake.driver.living.length - 4),
    );
  });
});
