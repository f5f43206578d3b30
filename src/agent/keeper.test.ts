import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fakeAgent } from "../../test/fake-agent.ts";
import { sampleFn } from "../../test/samples.ts";
import { setWorld } from "../../test/set-world.ts";
import type { Fn } from "../model/model.ts";
import type { Instance } from "./instance.ts";
import { type KeepAlive, keepAliveOf } from "./keep-alive.ts";
import { KeepAlives, Keeper } from "./keeper.ts";

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const minute = 60_000;
const learns = sampleFn({ keepAlive: "learned" });

/** A keeper of a pool of `size` sandboxes, whose function was called so often with such pauses. */
function kept(pausesMs: readonly number[], policy: KeepAlive = keepAliveOf("learned"), fn: Fn = learns) {
  const world = setWorld();
  const pool = { size: 1, spare: true, started: 0 };
  const stock = {
    get size() {
      return pool.size;
    },
    reserveSpare: () => pool.spare,
  };
  const keeper = new Keeper(fn, world, policy, stock, () => {
    pool.started++;
    pool.size++;
  });
  const called = () => {
    keeper.begun();
    world.pass(100);
    keeper.ended();
  };
  called();
  for (const ms of pausesMs) {
    world.pass(ms);
    called();
  }
  /** When an instance made and last used so long ago ends, from now. */
  const endsInMs = (madeMs: number, idleMs: number, provision: Instance["provision"] = "none") => {
    const now = world.monotonic();
    return keeper.endsAt({ madeAt: now - madeMs, idleSince: now - idleMs, provision }) - now;
  };
  return { world, pool, keeper, called, endsInMs };
}

const long = Array.from({ length: 6 }, () => 10 * minute);
const short = [40_000, 50_000, 12_000, 60_000, 12_000, 50_000];

describe("keeper", () => {
  test("fixed: the idle timeout, for each; those that are kept ready stay", () => {
    const { keeper, pool, world, endsInMs } = kept(long, keepAliveOf("fixed"), sampleFn());
    assert.equal(endsInMs(minute, 0), 30_000);
    assert.equal(endsInMs(minute, 10_000), 20_000);
    assert.equal(endsInMs(minute, 0, "kept"), Number.POSITIVE_INFINITY);
    assert.equal(endsInMs(minute, 0, "aging"), Number.POSITIVE_INFINITY);
    pool.size = 0;
    keeper.emptied();
    world.pass(60 * minute);
    assert.equal(pool.started, 0);
  });

  test("long pauses: ended early, made again before the call, once, and given up after it", () => {
    const { keeper, pool, world, endsInMs } = kept(long);
    assert.equal(endsInMs(minute, 0), 10_000);
    world.pass(10_000);
    pool.size = 0;
    keeper.emptied();
    world.pass(7 * minute);
    assert.equal(pool.started, 0);
    world.pass(3 * minute - 10_000);
    assert.equal(pool.started, 1);
    const untilMs = endsInMs(minute, minute);
    assert.ok(untilMs > minute / 2 && untilMs < 3 * minute, `${untilMs}`);
    world.pass(untilMs);
    pool.size = 0;
    keeper.emptied();
    world.pass(60 * minute);
    assert.equal(pool.started, 1);
  });

  test("a call that comes earlier calls it off", () => {
    const { keeper, pool, world, called } = kept(long);
    pool.size = 0;
    keeper.emptied();
    world.pass(minute);
    pool.size = 1;
    called();
    world.pass(9 * minute);
    assert.equal(pool.started, 0);
  });

  test("none is made where memory is short, where there is one, and once the pool gets no calls", () => {
    for (const spoil of ["memory", "size", "close"] as const) {
      const { keeper, pool, world } = kept(long);
      pool.size = 0;
      keeper.emptied();
      if (spoil === "memory") pool.spare = false;
      if (spoil === "size") pool.size = 1;
      if (spoil === "close") keeper.close();
      world.pass(60 * minute);
      keeper.emptied();
      assert.equal(pool.started, 0, spoil);
    }
  });

  test("short pauses: the last sandbox is kept through them, the others for the idle timeout", () => {
    const { pool, endsInMs } = kept(short);
    assert.ok(endsInMs(minute, 0) > minute);
    pool.size = 2;
    assert.equal(endsInMs(minute, 0), 30_000);
  });

  test("what is learned is of the function, not of its revision, and of a bounded number of them", () => {
    const policies = new KeepAlives(keepAliveOf);
    const first = policies.of(learns);
    assert.equal(policies.of({ ...learns, revision: 2 }), first);
    for (let i = 0; i < 10_000; i++) policies.of({ ...learns, id: String(i) });
    assert.notEqual(policies.of(learns), first);
  });
});

test("an agent does as the function's calls taught it", async () => {
  const fake = fakeAgent({ freezeAfterMs: 5 });
  const fn = { ...learns, idleTimeoutMs: 300, timeoutMs: 60_000 };
  try {
    for (const pauseMs of [500, 1200, 400, 1000, 400]) {
      await fake.call(fn, "x");
      await pause(pauseMs);
    }
    const { sandboxId } = (await fake.call(fn, "x")).report;
    const giveUpAt = performance.now() + 10_000;
    // It ended, and only then another one was made.
    const isMadeAgain = () => fake.driver.living.length === 1 && fake.driver.living[0]?.id !== sandboxId;
    while (!isMadeAgain()) {
      assert.ok(performance.now() < giveUpAt);
      await pause(5);
    }
  } finally {
    await fake.agent.close(0);
  }
  assert.deepEqual([fake.driver.living.length, fake.agent.stats().memory.promisedMiB], [0, 0]);
});
