/** Events of triggers, when the server dies meanwhile: what was answered with 202 is there, and so is each call that follows from it. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { until } from "../assembled-invocation.ts";
import { type Platform, startPlatform } from "../platform.ts";
import { whisk } from "../whisk.ts";

const program = join(import.meta.dirname, "crashing-server.ts");
const rules = ["one", "two", "three", "off"];
/** Of each round; the points are passed by turns until there are events enough. */
const firesMax = 32;
const firedMin = 31;
const atATime = 8;
const points = ["enqueue:12", "run:9", "record:3"];

test("each event that was answered has its record, and each of its active rules a call that ended", {
  timeout: 240_000,
}, async () => {
  const data = mkdtempSync(join(tmpdir(), "kiln-data-"));
  const fired: string[] = [];
  try {
    for (let round = 0; round < points.length || fired.length < firedMin; round++) {
      const platform = await startPlatform({ data, program, env: { CRASH_AT: points[round % points.length] as string } });
      const died = platform.ended.then(() => true);
      try {
        if (round === 0) await furnish(platform);
        // What runs reaches the point, when the events did not; where it ends in few batches, that of further ones.
        do await Promise.all(Array.from({ length: atATime }, () => fire(platform, fired)));
        while (!(await Promise.race([died, sleep(5000, false)])));
      } finally {
        await platform.crash();
      }
    }
    const platform = await startPlatform({ data });
    try {
      const calls: string[] = [];
      for (const id of fired) calls.push(...(await callsOf(platform, id)));
      assert.equal(new Set(calls).size, fired.length * (rules.length - 1));
      // The others were not answered, and have their calls where there is a record.
      const { body: records } = await whisk<{ activationId: string }[]>(platform, "GET", "activations?name=news&limit=200");
      assert.ok(records.length >= fired.length, `${records.length} records of ${fired.length} events`);
      for (const { activationId } of records)
        if (!fired.includes(activationId)) calls.push(...(await callsOf(platform, activationId)));
      for (const id of calls)
        await until(async () => ((await whisk(platform, "GET", `activations/${id}`)).status === 200 ? id : undefined));
    } finally {
      await platform.stop();
    }
  } finally {
    rmSync(data, { recursive: true, force: true });
  }
});

async function furnish(platform: Platform): Promise<void> {
  const done = async (method: string, path: string, body: object) =>
    assert.equal((await whisk(platform, method, path, body)).status, 200, path);
  const exec = { kind: "nodejs:24", code: "function main() { return {}; }" };
  await done("PUT", "actions/heard", { exec, limits: { concurrency: 50 } });
  await done("PUT", "triggers/news", { parameters: [{ key: "p", value: 1 }] });
  for (const name of rules) await done("PUT", `rules/${name}`, { trigger: "/_/news", action: "/_/heard" });
  await done("POST", "rules/off", { status: "inactive" });
}

/** One event after the other, until the server is gone. */
async function fire(platform: Platform, fired: string[]): Promise<void> {
  for (let count = 0; count < firesMax / atATime; count++) {
    const answer = await whisk<{ activationId: string }>(platform, "POST", "triggers/news", { count }).catch(() => null);
    if (answer === null) return;
    assert.equal(answer.status, 202, JSON.stringify(answer.body));
    fired.push(answer.body.activationId);
  }
}

/** The calls that an event's record names. It is there when the first of them was taken from the queue, at the latest. */
async function callsOf(platform: Platform, id: string): Promise<readonly string[]> {
  const body = await until(async () => {
    const answer = await whisk<{ logs: string[] }>(platform, "GET", `activations/${id}`);
    return answer.status === 200 ? answer.body : undefined;
  });
  const lines = body.logs.map((line) => JSON.parse(line) as { readonly activationId?: string });
  return lines.flatMap(({ activationId }) => (activationId === undefined ? [] : [activationId]));
}
