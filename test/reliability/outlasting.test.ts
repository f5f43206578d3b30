/** Calls that OpenWhisk's door has promised to finish, when the server dies meanwhile. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { type Platform, startPlatform } from "../platform.ts";

const giveUpMs = 60_000;

interface Record202 {
  readonly activationId: string;
}

function ask(platform: Platform, method: string, path: string, body?: object): Promise<Response> {
  const headers = { authorization: `Basic ${btoa(platform.auth)}`, "content-type": "application/json" };
  const url = `${platform.url}/api/v1/namespaces/_/${path}`;
  return fetch(url, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) });
}

async function untilRecorded(
  platform: Platform,
  id: string,
): Promise<{ response: { status: string; result: { error?: string } } }> {
  const giveUpAt = performance.now() + giveUpMs;
  for (;;) {
    const answer = await ask(platform, "GET", `activations/${id}`);
    if (answer.status === 200) return (await answer.json()) as { response: { status: string; result: { error?: string } } };
    assert.equal(answer.status, 404);
    assert.ok(performance.now() < giveUpAt, "there is no record");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test("a call that was answered 202 and cut off by a crash ends with a record, and is not run again", async () => {
  const data = mkdtempSync(join(tmpdir(), "kiln-data-"));
  try {
    const first = await startPlatform({ data });
    const code = "function main() { return new Promise(() => {}); }";
    const made = await ask(first, "PUT", "actions/hangs", { exec: { kind: "nodejs:24", code }, limits: { timeout: 120_000 } });
    assert.equal(made.status, 200);
    const outlasting = await ask(first, "POST", "actions/hangs?blocking=true&timeout=300");
    const unwaited = await ask(first, "POST", "actions/hangs");
    assert.deepEqual([outlasting.status, unwaited.status], [202, 202]);
    const calls = (await Promise.all([outlasting.json(), unwaited.json()])) as Record202[];
    // Both run by now: the second may still have been on its way.
    const running = `${first.url}/kiln/v1/namespaces/guest/activations/${calls[1]?.activationId}`;
    while (((await (await fetch(running)).json()) as { status: string }).status !== "running")
      await new Promise((resolve) => setTimeout(resolve, 20));
    await first.crash();
    const second = await startPlatform({ data });
    for (const { activationId } of calls) {
      const { response } = await untilRecorded(second, activationId);
      assert.deepEqual(response.status, "whisk internal error");
      assert.match(response.result.error ?? "", /^The server ended during/);
    }
    await second.stop();
  } finally {
    rmSync(data, { recursive: true, force: true });
  }
});

test("a sequence that was cut off between its steps by a crash ends with a record, and no step runs again", async () => {
  const data = mkdtempSync(join(tmpdir(), "kiln-data-"));
  try {
    const first = await startPlatform({ data });
    const codes = { counts: "function main(p) { return p; }", hangs: "function main() { return new Promise(() => {}); }" };
    for (const [name, code] of Object.entries(codes)) {
      const made = await ask(first, "PUT", `actions/${name}`, {
        exec: { kind: "nodejs:24", code },
        limits: { timeout: 120_000 },
      });
      assert.equal(made.status, 200);
    }
    const components = ["/_/counts", "/_/hangs", "/_/counts"];
    assert.equal((await ask(first, "PUT", "actions/all", { exec: { kind: "sequence", components } })).status, 200);
    const outlasting = await ask(first, "POST", "actions/all?blocking=true&timeout=300");
    const unwaited = await ask(first, "POST", "actions/all");
    assert.deepEqual([outlasting.status, unwaited.status], [202, 202]);
    const calls = (await Promise.all([outlasting.json(), unwaited.json()])) as Record202[];
    await untilCounted(first, "counts", 2);
    await first.crash();
    const second = await startPlatform({ data });
    for (const { activationId } of calls) {
      const { response } = await untilRecorded(second, activationId);
      assert.deepEqual(response.status, "whisk internal error");
      assert.match(response.result.error ?? "", /^The server ended during/);
    }
    await untilCounted(second, "counts", 2);
    await second.stop();
  } finally {
    rmSync(data, { recursive: true, force: true });
  }
});

/** That many activations of an action have ended, and no more. */
async function untilCounted(platform: Platform, name: string, count: number): Promise<void> {
  const giveUpAt = performance.now() + giveUpMs;
  for (;;) {
    const { activations } = (await (await ask(platform, "GET", `activations?name=${name}&count=true`)).json()) as {
      activations: number;
    };
    if (activations === count) return;
    assert.ok(activations < count && performance.now() < giveUpAt, `${activations} activations of ${name}, not ${count}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
