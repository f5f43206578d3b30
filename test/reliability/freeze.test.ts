/** Between calls a sandbox is frozen: nothing in it runs, it wakes in no time, and freezing wears nothing out. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { inspect } from "../../src/sandbox/bubblewrap/capabilities.ts";
import { cannotCount } from "./footprint.ts";
import { type RealAgent, realAgent } from "./real-agent.ts";

const cannotFreeze =
  cannotCount ||
  (inspect().isolation.cgroups.some(({ controllers }) => controllers.includes("freeze")) ? false : "needs a cgroup2 hierarchy");

/** How often the first test freezes and thaws; the whole of it takes `KILN_FREEZES=10000 node --test test/reliability/freeze.test.ts`. */
const timesMin = Number(process.env["KILN_FREEZES"] ?? 2000);
const functions = 8;

describe("freezing and thawing over and over", { skip: cannotFreeze, timeout: 180_000 }, () => {
  let real: RealAgent;
  before(() => {
    real = realAgent({ freezeAfterMs: 1 });
  });
  after(() => real?.close());

  test(`${timesMin} times: every call is answered, and nothing is held that was not held before`, async (t) => {
    const fns = Array.from({ length: functions }, () => real.deploy("exports.handler = async ({ n }) => n"));
    await Promise.all(fns.map((fn) => rounds(fn, 100)));
    await until("frozen", () => real.frozenGroups().length === functions);
    const atFirst = held();
    const heapMiB = heapInUseMiB();
    const beganAt = performance.now();
    await Promise.all(fns.map((fn) => rounds(fn, Math.ceil(timesMin / functions))));
    const seconds = (performance.now() - beganAt) / 1000;
    await until("frozen", () => real.frozenGroups().length === functions);
    const grownMiB = heapInUseMiB() - heapMiB;
    const { freezesTotal, thawsTotal, startsTotal } = real.agent.stats();
    t.diagnostic(`${thawsTotal} thaws in ${seconds.toFixed(1)} s; the heap grew by ${grownMiB.toFixed(1)} MiB`);
    assert.ok(thawsTotal >= timesMin && freezesTotal === thawsTotal + functions, `${freezesTotal} freezes, ${thawsTotal} thaws`);
    assert.equal(startsTotal.warm, thawsTotal);
    assert.equal(startsTotal.cold, functions, "always the same sandboxes");
    const { descriptors, ...inside } = atFirst;
    // A file that is read for a moment, by who measures memory, counts too: not every look is the same. A sandbox that was moved to
    // another processor keeps the file open by which it is.
    await until("no more files open than at first", () => held().descriptors <= descriptors + functions);
    const { groups, processes } = held();
    assert.deepEqual({ groups, processes }, inside);
    assert.ok(grownMiB < 8, `the heap grew by ${grownMiB} MiB`);
  });

  /** So many warm calls, each as soon as the sandbox is frozen. */
  async function rounds(fn: Parameters<RealAgent["call"]>[0], times: number): Promise<void> {
    let warm = 0;
    for (let n = 0; warm < times; n++) {
      const { answer, report } = await real.call(fn, { n });
      assert.equal(answer, String(n));
      if (report.start === "warm") warm++;
      // Eight times the wait for a freeze is the longest that a sandbox gets which is always woken. The freeze itself or its memory reading
      // may be under way, which is as good.
      await sleep(12);
    }
  }

  /** What this process, which freezes, and the sandboxes hold. */
  function held(): { readonly descriptors: number; readonly groups: number; readonly processes: number } {
    const processes = real.groups().flatMap((group) => readFileSync(`${group}/cgroup.procs`, "utf8").split("\n").filter(Boolean));
    return { descriptors: readdirSync("/proc/self/fd").length, groups: real.groups().length, processes: processes.length };
  }
});

describe("a frozen sandbox", { skip: cannotFreeze, timeout: 120_000 }, () => {
  let real: RealAgent;
  before(() => {
    real = realAgent({ freezeAfterMs: 50 });
  });
  after(() => real?.close());

  test("answers a call within milliseconds", async (t) => {
    const fn = real.deploy("exports.handler = async () => 'hello'");
    for (let i = 0; i < 50; i++) await real.call(fn);
    const warm: number[] = [];
    const hot: number[] = [];
    for (let i = 0; i < 40; i++) {
      await until("frozen", () => real.frozenGroups().length === 1);
      const first = await real.call(fn);
      const second = await real.call(fn);
      assert.deepEqual([first.report.start, second.report.start], ["warm", "hot"]);
      warm.push(first.report.runMs);
      hot.push(second.report.runMs);
    }
    t.diagnostic(`warm p50 ${median(warm).toFixed(2)} ms, hot p50 ${median(hot).toFixed(2)} ms`);
    // The promise is 3 ms on a quiet machine; here others work too.
    assert.ok(median(warm) < 3 + 5 * median(hot) + 10, `${median(warm)} ms`);
  });

  test("runs no timer and prints nothing, and goes on where it was", async () => {
    const fn = real.deploy(`
      let ticks = 0;
      setInterval(() => console.log("tick", ++ticks), 5);
      exports.handler = async () => ticks;`);
    const { lines } = await real.call(fn);
    await until("frozen", () => stateOf().frozen > 0 && real.frozenGroups().length >= stateOf().frozen);
    // What it printed before is still on its way for a moment.
    let printed = -1;
    while (printed !== lines.length) {
      printed = lines.length;
      await sleep(200);
    }
    await sleep(300);
    assert.equal(lines.length, printed);
    const { answer, report } = await real.call(fn);
    assert.equal(report.start, "warm");
    assert.ok(Number(answer) <= printed + 60, `${answer} ticks, ${printed} were printed before it was frozen`);
  });

  test("one that goes on burning the processor after its call does so no longer", async () => {
    const fn = real.deploy("exports.handler = async () => { setTimeout(() => { for (;;); }, 5); return process.pid }", {
      timeoutMs: 500,
    });
    assert.equal((await real.call(fn)).report.start, "cold");
    await until("frozen", () => stateOf().idle === 0 && real.frozenGroups().length >= stateOf().frozen);
    const ticks = processorTicks();
    await sleep(500);
    assert.equal(processorTicks(), ticks);
    const stuck = await real.call(fn);
    assert.deepEqual([stuck.answer, stuck.report.start], ["timeout", "warm"]);
    assert.equal((await real.call(fn)).report.start, "cold", "it was replaced");
  });

  test("with several calls at a time it is frozen only when none runs", async () => {
    const fn = real.deploy("exports.handler = ({ ms }) => new Promise((resolve) => setTimeout(resolve, ms, 'done'))", {
      concurrency: 4,
    });
    await real.call(fn, { ms: 1 });
    const { freezesTotal } = real.agent.stats();
    const long = real.call(fn, { ms: 900 });
    await real.call(fn, { ms: 1 });
    await sleep(300);
    const shortOnes = [real.call(fn, { ms: 1 }), real.call(fn, { ms: 1 })];
    assert.ok((await Promise.all(shortOnes)).every(({ answer }) => answer === '"done"' || answer === "done"));
    const others = real.agent.stats().freezesTotal - freezesTotal;
    assert.ok(others <= 1, "its sandbox ran all the time");
    const { answer, report } = await long;
    assert.match(answer, /done/);
    assert.ok(report.runMs >= 890 && report.runMs < 5000);
  });

  test("one that holds more than nine tenths of its memory after a call is replaced", async () => {
    const fn = real.deploy(
      "const kept = []; exports.handler = ({ mib }) => { kept.push(Buffer.alloc(mib << 20, 1)); return 1 }",
      {
        memoryMiB: 256,
      },
    );
    assert.equal((await real.call(fn, { mib: 20 })).report.start, "cold");
    const { sandboxId } = (await real.call(fn, { mib: 212 })).report;
    await until("replaced", () => real.agent.stats().replacementsTotal.memory === 1);
    const next = await real.call(fn, { mib: 1 });
    assert.equal(next.report.start, "cold");
    assert.notEqual(next.report.sandboxId, sandboxId);
  });

  test("one above its age ends after its last call while another takes the new ones", async () => {
    const fn = real.deploy("exports.handler = ({ ms }) => new Promise((resolve) => setTimeout(resolve, ms, 'done'))", {
      concurrency: 4,
      sandboxAgeMsMax: 1000,
    });
    await real.call(fn, { ms: 1 });
    const long = real.call(fn, { ms: 2500 });
    const others: (string | null)[] = [];
    const short = async () => others.push((await real.call(fn, { ms: 20 })).report.sandboxId);
    while ((await Promise.race([long.then(() => "over"), short()])) !== "over");
    const { answer, report } = await long;
    assert.match(answer, /done/);
    assert.notEqual(others.at(-1), report.sandboxId);
    await until("ended", () => real.agent.stats().replacementsTotal.age > 0 && stateOf().busy === 0);
  });

  test("counts with what it uses, and is gone when the agent closes", async () => {
    const { memory, sandboxes } = real.agent.stats();
    const living = sandboxes.busy + sandboxes.idle + sandboxes.frozen;
    assert.ok(memory.usedMiB > 0 && memory.usedMiB < living * 128, JSON.stringify(memory));
    await until("frozen", () => stateOf().frozen === living || stateOf().idle === 0);
    await real.agent.close(0);
    await until("gone", () => real.frozenGroups().length === 0);
  });

  function stateOf(): RealAgentStates {
    return real.agent.stats().sandboxes;
  }

  /** Of all processes in all sandboxes, user and system. */
  function processorTicks(): number {
    const pids = real.groups().flatMap((group) => readFileSync(`${group}/cgroup.procs`, "utf8").split("\n").filter(Boolean));
    return [...new Set(pids)].reduce((sum, pid) => sum + ticksOf(pid), 0);
  }
});

type RealAgentStates = ReturnType<RealAgent["agent"]["stats"]>["sandboxes"];

function ticksOf(pid: string): number {
  if (!existsSync(`/proc/${pid}/stat`)) return 0;
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

/** After a collection, with what is outside the heap and held by it. */
function heapInUseMiB(): number {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  for (let i = 0; i < 3; i++) collect();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 1_048_576;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] as number;
}

async function until(what: string, isSo: () => boolean): Promise<void> {
  const giveUpAt = performance.now() + 20_000;
  while (!isSo()) {
    assert.ok(performance.now() < giveUpAt, `${what} within 20 s`);
    await sleep(5);
  }
}
