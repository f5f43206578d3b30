import assert from "node:assert/strict";
import { test } from "node:test";
import { fakeAgent } from "../../test/fake-agent.ts";
import { pause, until, within } from "../../test/within-agent.ts";
import { sampleApp, sampleFn } from "../../test/samples.ts";
import type { StemCellRule } from "../config/stem-cells.ts";
import type { Fn } from "../model/model.ts";
import { CellDemand } from "./cell-demand.ts";

const rule = (count: number, reactive: StemCellRule["reactive"] = null): StemCellRule => ({
  kind: "nodejs:24",
  memoryMiB: 128,
  count,
  reactive,
});

let functions = 0;
/** A function of its own each time. */
function another(fields: Partial<Fn> = {}): Fn {
  functions++;
  return sampleFn({ id: `01JD${String(functions).padStart(22, "0")}`, name: `fn-${functions}`, ...fields });
}
const handled = (handler: string) =>
  ({ type: "code", kind: "nodejs:24", digest: "0".repeat(64), handler, command: null }) as const;

/** With these cells ready. */
async function filled(rules: readonly StemCellRule[], ready: number, config: Parameters<typeof fakeAgent>[0] = {}) {
  const fake = fakeAgent({ stemCells: rules, ...config });
  fake.agent.expect(another(), null);
  await until(`${ready} cells`, () => fake.agent.stats().stemCells.ready === ready);
  return fake;
}

test("a first call takes a cell, which serves that function only, and another is made", async () => {
  await within(await filled([rule(2)], 2), async (fake) => {
    const [one, two] = [another(), another()];
    const first = await fake.call(one, "x");
    assert.equal(first.report.start, "prewarmed");
    assert.ok(first.report.initMs > 0);
    assert.equal((await fake.call(one, "x")).report.start, "hot");
    const other = await fake.call(two, "x");
    assert.equal(other.report.start, "prewarmed");
    assert.notEqual(other.report.sandboxId, first.report.sandboxId);
    await until("full again", () => fake.agent.stats().stemCells.ready === 2);
    assert.equal(fake.driver.living.length, 4);
  });
});

test("a function with a list has a cell, which connects to what the list says before the code is in it", async () => {
  await within(await filled([rule(1)], 1), async (fake) => {
    const list = ["internet", "platform"];
    assert.equal((await fake.call(another({ egress: list }), "x")).report.start, "prewarmed");
    assert.deepEqual(fake.driver.living[0]?.egress, list);
    await until("replaced", () => fake.agent.stats().stemCells.ready === 1);
    const [, cell] = fake.driver.living;
    assert.ok(cell !== undefined);
    cell.restrict = () => Promise.reject(new Error("no such list"));
    assert.equal((await fake.call(another({ egress: list }), "x")).report.start, "cold");
    assert.ok(!fake.driver.living.includes(cell), "what could not be changed is gone");
  });
});

test("nothing is made before a function was seen that fits", async () => {
  const fake = fakeAgent({ stemCells: [rule(2)] });
  await within(fake, async () => {
    await fake.call(another({ memoryMiB: 256 }), "x");
    await pause(80);
    assert.deepEqual(fake.agent.stats().stemCells, { starting: 0, ready: 0 });
    assert.equal((await fake.call(another(), "x")).report.start, "cold");
    await until("made after the first call", () => fake.agent.stats().stemCells.ready === 2);
  });
});

const others: readonly (readonly [string, Partial<Fn>])[] = [
  ["more memory", { memoryMiB: 256 }],
  ["another kind", { source: { ...handled("h"), kind: "nodejs:22" } }],
  ["no network", { egress: "none" }],
  ["a protocol that starts its own program", { protocol: "stdio" }],
  ["a command", { source: { ...handled("h"), command: ["node", "x.js"] } }],
  ["settings that are read at the start", { config: { NODE_OPTIONS: "--max-old-space-size=50" } }],
];
for (const [what, fields] of others) {
  test(`a function with ${what} starts cold`, async () => {
    await within(await filled([rule(1)], 1), async (fake) => {
      assert.equal((await fake.call(another(fields), "x")).report.start, "cold");
      assert.equal(fake.agent.stats().stemCells.ready, 1);
    });
  });
}

test("so does one whose app has such settings", async () => {
  await within(await filled([rule(1)], 1), async (fake) => {
    const app = sampleApp({ config: { TZ: "Europe/Vienna" } });
    assert.equal((await fake.call(another(), "x", { app })).report.start, "cold");
  });
});

test("a fresh sandbox for each call may be a cell", async () => {
  await within(await filled([rule(2)], 2), async (fake) => {
    const fn = another({ isolation: "fresh" });
    const ends = [await fake.call(fn, "x"), await fake.call(fn, "x")];
    assert.deepEqual(
      ends.map(({ report }) => report.start),
      ["prewarmed", "prewarmed"],
    );
    assert.notEqual(ends[0]?.report.sandboxId, ends[1]?.report.sandboxId);
  });
});

test("code that fails to load is told as without a cell", async () => {
  const cold = fakeAgent();
  await within(cold, async () => {
    await within(await filled([rule(1)], 1), async (fake) => {
      const [ours, theirs] = [
        await fake.call(another({ source: handled("fail") }), "x"),
        await cold.call(another({ source: handled("fail") }), "x"),
      ];
      assert.equal(ours.answer, theirs.answer);
      assert.match(ours.error?.message ?? "", /exit code 3.*no such module/);
      assert.deepEqual(
        ours.lines.map(({ text }) => text),
        ["no such module"],
      );
      await until("replaced", () => fake.agent.stats().stemCells.ready === 1);
      const never = await fake.call(another({ source: handled("never") }), "x");
      assert.equal(never.answer, "start_timeout");
    });
  });
});

test("a cell that dies is replaced", async () => {
  await within(await filled([rule(2)], 2), async (fake) => {
    await fake.driver.living[0]?.stop();
    await until("noticed", () => fake.agent.stats().stemCells.ready === 1);
    await until("replaced", () => fake.agent.stats().stemCells.ready === 2);
  });
});

test("cells are the first to go when memory is short, and none is made out of the last quarter", async () => {
  await within(await filled([rule(2)], 2, { memoryMiB: 520 }), async (fake) => {
    const four = [
      another({ egress: "none" }),
      another({ egress: "none" }),
      another({ egress: "none" }),
      another({ egress: "none" }),
    ];
    await Promise.all(four.map((fn) => fake.call(fn, "sleep 100")));
    assert.deepEqual(fake.agent.stats().stemCells, { starting: 0, ready: 0 });
    assert.equal(fake.agent.stats().evictionsTotal, 2);
    await pause(400);
    assert.deepEqual(fake.agent.stats().stemCells, { starting: 0, ready: 0 });
  });
});

test("none is made while the processors are short or somebody waits", async () => {
  const processors = { count: 2, short: true };
  const fake = fakeAgent({ stemCells: [rule(1)], processors });
  await within(fake, async () => {
    const fn = another({ sandboxesMax: 1 });
    await fake.call(fn, "x");
    await pause(400);
    assert.equal(fake.agent.stats().stemCells.ready, 0);
    const calls = [fake.call(fn, "sleep 400"), fake.call(fn, "x")];
    processors.short = false;
    await pause(300);
    assert.equal(fake.agent.stats().stemCells.ready, 0);
    await Promise.all(calls);
    await until("made at last", () => fake.agent.stats().stemCells.ready === 1);
  });
});

test("calls that find none make more, up to the maximum, and what nobody takes goes again", async () => {
  const reactive = { min: 1, max: 3, ttlMs: 500, threshold: 1, increment: 1 };
  await within(await filled([rule(1, reactive)], 1), async (fake) => {
    const five = Array.from({ length: 5 }, () => another());
    const starts = (await Promise.all(five.map((fn) => fake.call(fn, "x")))).map(({ report }) => report.start);
    assert.deepEqual(starts.toSorted(), ["cold", "cold", "cold", "cold", "prewarmed"]);
    await until("grown", () => fake.agent.stats().stemCells.ready === 3);
    await until("shrunk", () => fake.agent.stats().stemCells.ready === 1);
    assert.equal(fake.driver.living.length, 6);
  });
});

test("a cell counts with what it uses", async () => {
  await within(await filled([rule(1)], 1), async (fake) => {
    assert.equal(fake.agent.stats().memory.promisedMiB, 128, "unknown: its limit");
    await fake.call(another(), "x");
    await until("replaced", () => fake.agent.stats().stemCells.ready === 1);
    assert.equal(fake.agent.stats().memory.promisedMiB, 256);
  });
});

test("demand: grows by the threshold, shrinks by what was left over for the whole time", () => {
  const demand = new CellDemand(rule(2, { min: 1, max: 6, ttlMs: 1000, threshold: 2, increment: 2 }), 0);
  demand.missed(10);
  assert.equal(demand.wanted, 2);
  demand.missed(20);
  assert.equal(demand.wanted, 4);
  demand.missed(30);
  demand.missed(70_000);
  assert.equal(demand.wanted, 4, "the minute was over");
  demand.missed(70_010);
  demand.missed(70_020);
  demand.missed(70_030);
  assert.equal(demand.wanted, 6, "no more than the maximum");
  assert.equal(demand.shrinkAt, 71_030);
  demand.shrink(71_030, 6);
  assert.equal(demand.wanted, 6, "it was empty in between");
  demand.left(4);
  demand.shrink(72_030, 6);
  assert.equal(demand.wanted, 2);
  demand.shrink(73_030, 2);
  assert.deepEqual([demand.wanted, demand.shrinkAt], [1, null]);
});
