/** Asynchronous calls through a real server: what callers see, and what becomes of calls when the disk, the client or the server fails. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Answer, call, linesOf, recordOf, send, type ShownRecord } from "../client.ts";
import { type DeployedFunction, type Platform, startPlatform } from "../platform.ts";
import { allRecords, depthOf } from "./async-load.ts";

const program = join(import.meta.dirname, "crashing-server.ts");
const giveUpMs = 90_000;
const isRoot = process.platform === "linux" && process.getuid?.() === 0;

const source = `
let calls = 0;
exports.handler = async ({ ms = 0, fail, bytes, failFirst }) => {
  console.log("ran");
  await new Promise((resolve) => setTimeout(resolve, ms));
  if (fail || (failFirst && calls++ === 0)) throw new Error("as asked");
  return bytes ? "x".repeat(bytes) : "ok";
};`;

const delivery = { attemptsMax: 3, backoffMs: 20 };
const deployed = (platform: Platform, name = "f"): Promise<DeployedFunction> =>
  platform.deploy({ name, file: ["index.js", source], settings: { delivery } });

async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  const giveUpAt = performance.now() + giveUpMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    assert.ok(performance.now() < giveUpAt, `${what}: not within ${giveUpMs} ms`);
    await sleep(20);
  }
}

const ended = (platform: Platform, id: string): Promise<ShownRecord> =>
  until(`${id} ends`, async () => {
    const record = await recordOf(platform.url, id);
    return record.endedAt === null ? undefined : record;
  });
const running = (platform: Platform, id: string) =>
  until(`${id} runs`, async () => ((await recordOf(platform.url, id)).status === ("running" as string) ? true : undefined));

describe("asynchronous calls", { timeout: 300_000 }, () => {
  let platform: Platform;
  let fn: DeployedFunction;
  const api = (method: string, path: string) => send(method, `${platform.url}/kiln/v1/namespaces/guest/${path}`);
  const accept = async (body: object): Promise<string> => {
    const answer = await call(`${fn.invokeUrl}?wait=none`, body);
    assert.equal(answer.status, 202, answer.text);
    return answer.activationId;
  };
  before(async () => {
    platform = await startPlatform();
    fn = await deployed(platform);
  });
  after(() => platform?.stop());

  test("answered at once with an id and its place, by which result and output are read later", async () => {
    const answer = await call(`${fn.invokeUrl}?wait=none`, { ms: 1500 });
    const id = answer.activationId;
    assert.deepEqual([answer.status, answer.json], [202, { activationId: id }]);
    const place = answer.headers.get("location") ?? "";
    assert.ok(["queued", "running"].includes(String((await send("GET", platform.url + place)).json["status"])));
    assert.equal((await api("GET", `activations/${id}/result`)).status, 409);
    const record = await ended(platform, id);
    assert.deepEqual([record.status, record.attempt], ["success", 1]);
    const { json } = await api("GET", `activations/${id}/result`);
    assert.deepEqual([json["status"], json["body"], json["truncated"]], [200, "ok", false]);
    assert.ok((await linesOf(platform.url, id, 1)).includes("stdout ran"));
  });

  test("Fn's detached calls", async () => {
    const answer = await call(fn.fnUrl, { ms: 1 }, { "fn-invoke-type": "detached" });
    assert.deepEqual([answer.status, answer.text], [202, ""]);
    assert.equal((await ended(platform, answer.headers.get("fn-call-id") ?? "")).status, "success");
  });

  test("a second attempt succeeds; the output of both is there", async () => {
    const once = await deployed(platform, "once");
    const { activationId } = await call(`${once.invokeUrl}?wait=none`, { failFirst: true });
    const record = await ended(platform, activationId);
    assert.deepEqual([record.status, record.attempt], ["success", 2]);
    const lines = await linesOf(platform.url, activationId, 3);
    assert.equal(lines.filter((line) => line === "stdout ran").length, 2, lines.join("\n"));
    assert.ok(
      lines.some((line) => line.startsWith("platform Attempt 1 of 3 failed: as asked")),
      lines.join("\n"),
    );
  });

  test("dead letters are listed, shown with what was sent, redriven and deleted", async () => {
    const id = await accept({ fail: true });
    const record = await ended(platform, id);
    assert.deepEqual([record.status, record.attempt, record.error?.code], ["dead_lettered", 3, "function_failed"]);
    assert.equal((await api("GET", `activations/${id}/result`)).status, 404);
    const letter = await until("it is a dead letter", async () => {
      const { items } = (await api("GET", "dead-letters?app=tests&function=f")).json as { items: { id: string }[] };
      return items.find((item) => item.id === id);
    });
    assert.equal((letter as unknown as { failures: unknown[] }).failures.length, 3);
    const shown = (await api("GET", `dead-letters/${id}`)).json as { request: { body: string } };
    assert.equal(shown.request.body, '{"fail":true}');
    const again = (await api("POST", `dead-letters/${id}/redrive`)).json as { activationId: string };
    assert.equal((await ended(platform, again.activationId)).status, "dead_lettered");
    assert.equal((await api("GET", `dead-letters/${id}`)).status, 404);
    await until("it is one again", async () =>
      (await api("GET", `dead-letters/${again.activationId}`)).status === 200 ? true : undefined,
    );
    const all = (await api("POST", "dead-letters/redrive?app=tests&function=f")).json as { redriven: number };
    assert.ok(all.redriven >= 1);
    const left = await until("they die again", async () => {
      const { items } = (await api("GET", "dead-letters")).json as { items: { id: string }[] };
      return items.length >= all.redriven ? items : undefined;
    });
    for (const item of left) assert.equal((await api("DELETE", `dead-letters/${item.id}`)).status, 204);
    assert.deepEqual((await api("GET", "dead-letters")).json["items"], []);
  });

  test("cancelled: what runs is killed, asynchronous or not; what is over is a conflict", async () => {
    const id = await accept({ ms: 25_000 });
    await running(platform, id);
    const cancelled = await api("POST", `activations/${id}/cancel`);
    assert.deepEqual([cancelled.status, cancelled.json["status"]], [200, "cancelled"]);
    assert.equal((await api("POST", `activations/${id}/cancel`)).status, 409);
    assert.equal((await api("POST", `activations/01ARZ3NDEKTSV4RRFFQ69G5FAV/cancel`)).status, 404);
    assert.equal((await ended(platform, id)).status, "cancelled");
  });

  test("large requests arrive whole; of a large answer the beginning is kept", async () => {
    const filler = "y".repeat(12 * 1024 * 1024);
    const id = await accept({ bytes: 3_000_000, filler });
    const record = await ended(platform, id);
    assert.deepEqual([record.status, record.requestBytes > filler.length], ["success", true]);
    const { json } = await api("GET", `activations/${id}/result`);
    assert.deepEqual([json["truncated"], json["bytes"], String(json["body"]).length], [true, 3_000_000, 1024 * 1024]);
  });

  test("a client that vanishes in the middle of its request has accepted nothing", async () => {
    const recordsBefore = (await allRecords(platform)).length;
    const socket = connect(platform.port, "127.0.0.1");
    const path = new URL(fn.invokeUrl).pathname;
    socket.write(`POST ${path}?wait=none HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n\r\n${"x".repeat(50_000)}`);
    await sleep(100);
    socket.destroy();
    const id = await accept({});
    await ended(platform, id);
    assert.equal((await allRecords(platform)).length, recordsBefore + 1);
    // A call has its record a moment before it has left the queue.
    await until("the queue is empty", async () => {
      const { ready, leased } = await depthOf(platform);
      return ready + leased === 0 ? true : undefined;
    });
  });

  test("calls of a function that is deleted end", async () => {
    const gone = await deployed(platform, "gone");
    const ids = await Promise.all(
      Array.from({ length: 40 }, async () => (await call(`${gone.invokeUrl}?wait=none`, { ms: 500 })).activationId),
    );
    assert.equal((await api("DELETE", "apps/tests/functions/gone")).status, 204);
    for (const id of ids) assert.ok(["success", "platform_error"].includes((await ended(platform, id)).status));
  });

  test("a stop in the middle loses nothing: what could not end is there at the next start", async () => {
    const data = mkdtempSync(join(tmpdir(), "kiln-data-"));
    let other = await startPlatform({ data, flags: ["--drain-ms", "300"] });
    try {
      const slow = await deployed(other, "slow");
      const ids = [];
      for (let number = 0; number < 5; number++) ids.push((await call(`${slow.invokeUrl}?wait=none`, { ms: 1500 })).activationId);
      await running(other, ids[0] as string);
      assert.equal(await other.stop(), 0);
      other = await startPlatform({ data });
      for (const id of ids) {
        const record = await ended(other, id);
        assert.deepEqual([record.status, record.attempt], ["success", 1], "what a stop cuts off is no attempt");
      }
    } finally {
      await other.stop();
      rmSync(data, { recursive: true, force: true });
    }
  });
});

test("a call that kills the server each time becomes a dead letter, and the others run", { timeout: 300_000 }, async () => {
  const data = mkdtempSync(join(tmpdir(), "kiln-data-"));
  let platform = await startPlatform({ data, program });
  try {
    const fn = await deployed(platform);
    const poison = (await call(`${fn.invokeUrl}?wait=none`, { ms: 1000 })).activationId;
    await running(platform, poison);
    await platform.crash();
    const innocent = [];
    for (let crash = 1; crash < delivery.attemptsMax; crash++) {
      platform = await startPlatform({ data, program, env: { CRASH_AT: "run:1" } });
      innocent.push(
        await call(`${fn.invokeUrl}?wait=none`, { ms: 30_000 }).then(
          (answer) => answer.activationId,
          () => "",
        ),
      );
      await platform.ended;
    }
    platform = await startPlatform({ data, program });
    const record = await ended(platform, poison);
    assert.deepEqual([record.status, record.attempt, record.error?.code], ["dead_lettered", 3, "internal"]);
    for (const id of innocent.filter(Boolean)) {
      assert.notEqual((await recordOf(platform.url, id)).status, "dead_lettered");
      await send("POST", `${platform.url}/kiln/v1/namespaces/guest/activations/${id}/cancel`);
    }
  } finally {
    await platform.stop();
    rmSync(data, { recursive: true, force: true });
  }
});

test("a namespace's waiting calls are bounded, also right after the server was killed", { timeout: 300_000 }, async () => {
  const data = mkdtempSync(join(tmpdir(), "kiln-data-"));
  const flags = ["--namespace-queued-max", "2", "--async-calls-max", "1"];
  let platform = await startPlatform({ data, flags });
  try {
    const settings = { delivery, timeoutMs: 120_000 };
    const f = await platform.deploy({ name: "f", file: ["index.js", source], settings });
    const [url, path] = [(at: Platform) => `${at.url}${new URL(f.invokeUrl).pathname}?wait=none`, new URL(f.fnUrl).pathname];
    const first = (await call(url(platform), { ms: 100_000 })).activationId;
    await running(platform, first);
    const waiting = [await call(url(platform), {}), await call(url(platform), {})].map(({ activationId }) => activationId);
    const full = await call(url(platform), {});
    assert.deepEqual([full.status, full.headers.get("retry-after"), full.activationId], [429, "1", ""]);
    assert.deepEqual(full.json["details"], { limit: "namespaceQueuedMax", max: 2, retryAfterS: 1 });
    await platform.crash();
    platform = await startPlatform({ data, flags });
    const viaFn = await call(platform.url + path, {}, { "fn-invoke-type": "detached" });
    assert.deepEqual([viaFn.status, viaFn.headers.get("kiln-limit")], [429, "namespaceQueuedMax"]);
    const metrics = await (await fetch(`${platform.url}/metrics`)).text();
    assert.match(metrics, /refused_total\{namespace="guest",limit="namespaceQueuedMax"\} 1\n/);
    for (const id of [first, ...waiting]) await send("POST", `${platform.url}/kiln/v1/namespaces/guest/activations/${id}/cancel`);
    for (const id of waiting) await ended(platform, id);
    assert.equal((await call(url(platform), {})).status, 202);
  } finally {
    await platform.stop();
    rmSync(data, { recursive: true, force: true });
  }
});

test("a full disk refuses new calls and keeps accepted ones; with room it goes on by itself", {
  skip: !isRoot && "needs root, to mount a small disk",
  timeout: 300_000,
}, async (t) => {
  const data = mkdtempSync(join(tmpdir(), "kiln-data-"));
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=96m", "tmpfs", data], { timeout: 10_000 });
  let platform: Platform | undefined;
  try {
    platform = await startPlatform({ data });
    const fn = await deployed(platform);
    const url = `${fn.invokeUrl}?wait=none`;
    await call(fn.invokeUrl, {});
    const accepted: string[] = [];
    for (let number = 0; number < 20; number++) accepted.push((await call(url, { ms: 400 })).activationId);
    fill(join(data, "filler"));
    const filler = "z".repeat(200_000);
    const refused = await until("a call is refused", async () => {
      const answer: Answer = await call(url, { filler });
      if (answer.status === 202) accepted.push(answer.activationId);
      return answer.status === 202 ? undefined : answer;
    });
    assert.equal(refused.status, 503, refused.text);
    assert.match(String(refused.json["message"]), /disk/i);
    t.diagnostic(`${accepted.length} accepted before: ${refused.text}`);
    rmSync(join(data, "filler"));
    const later = await until("a call is accepted again", async () => {
      const answer = await call(url, {});
      return answer.status === 202 ? answer.activationId : undefined;
    });
    const server = platform;
    for (const id of [...accepted, later])
      await until(`${id} ends`, async () => {
        const answer = await send("GET", `${server.url}/kiln/v1/namespaces/guest/activations/${id}`);
        return answer.status === 200 && answer.json["status"] === "success" ? true : undefined;
      });
  } finally {
    await platform?.stop();
    execFileSync("umount", ["--lazy", data], { timeout: 10_000 });
    rmSync(data, { recursive: true, force: true });
  }
});

/** Takes all the room there is. */
function fill(file: string): void {
  const descriptor = openSync(file, "w");
  const block = Buffer.alloc(64 * 1024);
  try {
    for (;;) writeSync(descriptor, block);
  } catch (error) {
    assert.equal((error as { code?: string }).code, "ENOSPC");
  } finally {
    closeSync(descriptor);
  }
}
