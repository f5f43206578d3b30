/**
 * A function is made, called and deleted, a thousand times: what the server held of the machine before, it holds afterwards. What
 * stays on purpose is on disk: the code of a deleted function, for an hour or two, and the records of its calls.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { call, send } from "../client.ts";
import { inspectable, liveMiB } from "../live-memory.ts";
import { type Deployment, type Platform, startPlatform } from "../platform.ts";
import { assertGone, cannotCount, type Instance, instanceOf, residentMiB, settled, steady } from "./footprint.ts";

const rounds = 1000;
const atATime = 3;
/** Long enough for caches to have their size. */
const warmUpRounds = 150;
/** What live memory may have grown by from the first round after the warm-up to the last: some figures are kept by function. */
const grownMiBMax = 12;
const spawnerMiBMax = 350;

describe("1,000 functions made, called and deleted", { skip: cannotCount, timeout: 600_000 }, () => {
  let platform: Platform;
  let instance: Instance;
  before(async () => {
    // How many of them wait for code depends on what else the machine does; `cells.test.ts` counts them.
    platform = await startPlatform({ env: inspectable, flags: ["--stem-cells", "none"] });
    for (const index of [0, 8, 9]) await round(index);
    instance = instanceOf(platform.pid, platform.data);
  });
  after(async () => {
    await platform?.stop();
    if (instance !== undefined) await assertGone(instance, 30_000);
  });

  test("nothing is held that was not held before", async (t) => {
    await runRounds(10, 10 + warmUpRounds);
    const atFirst = await steady(instance);
    const live = await liveMiB(platform);
    const beganAt = performance.now();
    await runRounds(1000, 1000 + rounds);
    const seconds = Math.round((performance.now() - beganAt) / 1000);
    const atLast = await settled(instance, atFirst);
    const grownMiB = Math.round(((await liveMiB(platform)) - live) * 10) / 10;
    const spawnerMiB = residentMiB(instance.spawnerPid);
    t.diagnostic(`${rounds} rounds in ${seconds} s; held: ${JSON.stringify(atLast)}`);
    t.diagnostic(`live MiB: ${live}, grown by ${grownMiB}; resident: server ${residentMiB(platform.pid)}, spawner ${spawnerMiB}`);
    assert.deepEqual(atLast, atFirst);
    assert.ok(grownMiB <= grownMiBMax, `live memory grew by ${grownMiB} MiB from ${live} MiB`);
    assert.ok(spawnerMiB <= spawnerMiBMax, `the spawner holds ${spawnerMiB} MiB`);
  });

  test("the idle sandbox of a deleted function ends at once, and so does that of a deleted app", async () => {
    const atFirst = await steady(instance);
    for (const deleteWhat of ["apps/doomed/functions/idle", "apps/doomed"]) {
      const fn = await platform.deploy({
        ...deploymentOf(0),
        name: "idle",
        app: "doomed",
        settings: { idleTimeoutMs: 3_600_000 },
      });
      assert.equal((await call(fn.invokeUrl, {})).status, 200);
      await remove(deleteWhat);
      assert.deepEqual(await settled(instance, atFirst), atFirst, "long before its idle timeout");
    }
  });

  test("a call that runs while its function is deleted is answered, and then its sandbox ends", async () => {
    const atFirst = await steady(instance);
    const source = "exports.handler = () => new Promise((resolve) => setTimeout(resolve, 2000, 'late'))";
    const fn = await platform.deploy({ name: "running", app: "doomed", file: ["index.js", source] });
    const answer = call(fn.invokeUrl, {});
    const isRunning = async () =>
      /^polykiln_sandboxes\{state="busy"\} 1$/m.test((await send("GET", `${platform.url}/metrics`)).text);
    for (const giveUpAt = performance.now() + 30_000; !(await isRunning()); await sleep(20))
      assert.ok(performance.now() < giveUpAt);
    await remove("apps/doomed/functions/running");
    assert.deepEqual([(await answer).status, (await answer).text], [200, "late"]);
    assert.equal((await call(fn.invokeUrl, {})).status, 404);
    assert.deepEqual(await settled(instance, atFirst), atFirst);
  });

  test("functions that fail in every way leave nothing either", async () => {
    const atFirst = await steady(instance);
    const bad = [
      "throw new Error('at load')",
      "process.exit(3)",
      "exports.handler = () => process.exit(4)",
      "exports.handler = () => { throw new Error('at call') }",
      "exports.handler = () => new Promise(() => {})",
    ];
    for (let index = 0; index < 20; index++) {
      const source = bad[index % bad.length] as string;
      const fn = await platform.deploy({ name: `bad-${index}`, file: ["index.js", source], settings: { timeoutMs: 200 } });
      assert.ok((await call(fn.invokeUrl, {})).status >= 500);
      await remove(`apps/tests/functions/bad-${index}`);
    }
    assert.deepEqual(await settled(instance, atFirst), atFirst);
  });

  async function runRounds(from: number, to: number): Promise<void> {
    let next = from;
    const worker = async () => {
      while (next < to) await round(next++);
    };
    await Promise.all(Array.from({ length: atATime }, worker));
  }

  async function round(index: number): Promise<void> {
    const deployment = deploymentOf(index);
    const fn = await platform.deploy(deployment);
    const answer = await call(fn.invokeUrl, {});
    assert.equal(answer.status, 200, answer.text);
    assert.match(answer.text, new RegExp(`number ${index}\\b`));
    await remove(`apps/tests/functions/${deployment.name}`);
  }

  async function remove(path: string): Promise<void> {
    const answer = await send("DELETE", `${platform.url}/kiln/v1/namespaces/guest/${path}`);
    assert.equal(answer.status, 204, answer.text);
  }
});

/** Of ten eight are Node handlers, one is a shell program and one a Python handler; no two have the same code. */
function deploymentOf(index: number): Deployment {
  const name = `fn-${index}`;
  const text = `number ${index}`;
  if (index % 10 === 8) {
    const settings = { kind: "native:1", protocol: "stdio", command: ["./func.sh"] };
    return { name, file: ["func.sh", `#!/bin/sh\necho ${text}\n`], settings };
  }
  if (index % 10 === 9) {
    return { name, file: ["func.py", `def handler(event, context):\n    return "${text}"\n`], settings: { kind: "python:3.11" } };
  }
  return { name, file: ["index.js", `exports.handler = async () => "${text}"`] };
}
