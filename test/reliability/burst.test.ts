/** Many first calls at once: bounded cold starts that all share, and growth where it is of use. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { DeployedFunction, Platform } from "../platform.ts";
import { startPlatform } from "../platform.ts";
import { call } from "../client.ts";
import { cannotCount } from "./footprint.ts";

/** Each sandbox has a name that it made when it was loaded, so the answers tell how many there were. */
const source = `
const own = require("node:crypto").randomUUID();
exports.handler = async ({ ms }) => {
  await new Promise((resolve) => setTimeout(resolve, ms));
  return { own, at: Date.now() };
};`;

interface Outcome {
  readonly sandboxes: number;
  readonly ms: number;
}

describe("a burst of first calls", { skip: cannotCount, timeout: 120_000 }, () => {
  let platform: Platform;
  before(async () => {
    platform = await startPlatform();
    // The root of the kind is built once on a machine, and is not what is asked here.
    await burst(await deployed("first", 1), 1, 1);
  });
  after(async () => {
    await platform?.stop();
  });

  const deployed = (name: string, sandboxesMax: number): Promise<DeployedFunction> =>
    platform.deploy({ name, file: ["index.js", source], settings: { sandboxesMax } });

  test("100 calls of a function that answers in 1 ms: all answered by at most 8 sandboxes", async (t) => {
    for (const round of [1, 2, 3]) {
      const { sandboxes, ms } = await burst(await deployed(`quick-${round}`, 100), 100, 1);
      t.diagnostic(`100 calls of 1 ms: ${sandboxes} sandboxes, ${ms} ms`);
      assert.ok(sandboxes <= 8, `${sandboxes} sandboxes, at most 8 expected`);
    }
  });

  test("a slow function grows with the time its callers wait, up to its maximum", async (t) => {
    const most = 12;
    const fn = await deployed("slow", most);
    const seen = new Set<unknown>();
    const beganAt = performance.now();
    // So many callers that one more sandbox is worth its start where that takes seconds, too; they call until all are there.
    const caller = async () => {
      do {
        const { status, text, json } = await call(fn.invokeUrl, { ms: 1000 });
        assert.equal(status, 200, text);
        seen.add(json["own"]);
      } while (seen.size < most && performance.now() - beganAt < 60_000);
    };
    await Promise.all(Array.from({ length: 72 }, caller));
    const ms = Math.round(performance.now() - beganAt);
    t.diagnostic(`72 calls of 1 s and more, at most ${most} sandboxes: ${seen.size} sandboxes, ${ms} ms`);
    assert.equal(seen.size, most);
    assert.ok(ms < 36_000, `72 s of work took ${ms} ms`);
  });

  test("a maximum of one is one sandbox, and all are answered one after the other", async () => {
    const { sandboxes } = await burst(await deployed("single", 1), 30, 5);
    assert.equal(sandboxes, 1);
  });

  test("the callers of a function that cannot start are all told why", async () => {
    const broken = await platform.deploy({ name: "broken", file: ["index.js", "throw new Error('never loads')"] });
    const answers = await Promise.all(Array.from({ length: 100 }, () => call(broken.invokeUrl, {})));
    for (const { status, text } of answers) {
      assert.equal(status, 502, text);
      assert.match(text, /never loads/);
    }
  });
});

/** So many calls at once; all must be answered. */
async function burst(fn: DeployedFunction, calls: number, ms: number): Promise<Outcome> {
  const beganAt = performance.now();
  const answers = await Promise.all(Array.from({ length: calls }, () => call(fn.invokeUrl, { ms })));
  const failed = answers.find(({ status }) => status !== 200);
  assert.equal(failed, undefined, failed?.text);
  const sandboxes = new Set(answers.map(({ json }) => json["own"])).size;
  return { sandboxes, ms: Math.round(performance.now() - beganAt) };
}
