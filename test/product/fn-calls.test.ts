/** Fn's door on a real server: calls from their acceptance to their result, and bodies that flow. */
import assert from "node:assert/strict";
import { type IncomingMessage, request as httpRequest } from "node:http";
import { after, before, test } from "node:test";
import { type DeployedFunction, type Platform, startPlatform } from "../platform.ts";

const giveUpMs = 60_000;

/** Prints, and answers, fails, or takes longer than anybody waits. */
const worker = `
exports.handler = async (input, context) => {
  console.log("began " + input);
  if (input === "fail") throw new Error("its own words");
  if (input === "wait") await new Promise((resolve) => setTimeout(resolve, 280_000));
  return "did " + input;
};
`;

/** An HTTP server that sends back what it gets while it gets it. */
const mirror = `
require("node:http").createServer((request, response) => {
  response.writeHead(200, { "content-type": "application/octet-stream", "x-path": request.url });
  request.pipe(response);
}).listen(process.env.PORT);
`;

let platform: Platform;
let work: DeployedFunction;
let echo: DeployedFunction;

before(async () => {
  platform = await startPlatform({ flags: ["--async-calls-max", "1"] });
  const delivery = { attemptsMax: 2, backoffMs: 3_600_000 };
  work = await platform.deploy({
    name: "work",
    app: "old",
    file: ["index.js", worker],
    settings: { delivery, timeoutMs: 300_000 },
  });
  const served = { protocol: "http-port", concurrency: 4, timeoutMs: 300_000 };
  echo = await platform.deploy({ name: "echo", app: "old", file: ["index.js", mirror], settings: served });
});

after(() => platform.stop());

interface Call {
  readonly id: string;
  readonly status: string;
  readonly error?: string;
  readonly completed_at?: string;
  readonly app_name: string;
  readonly trigger_id: string;
}

const get = async (path: string) => (await fetch(`${platform.url}${path}`)).json();
const calls = async (query = "") => ((await get(`/v2/fns/${work.id}/calls${query}`)) as { items: Call[] }).items;
const callOf = (id: string) => get(`/v2/fns/${work.id}/calls/${id}`) as Promise<Call>;
const text = async (path: string) => (await fetch(`${platform.url}${path}`, { headers: { accept: "text/plain" } })).text();

async function post(path: string, body: unknown, headers: Record<string, string> = {}) {
  const answer = await fetch(`${platform.url}${path}`, { method: "POST", headers, body: body as string });
  return { status: answer.status, callId: answer.headers.get("fn-call-id") ?? "", body: await answer.text() };
}

async function put(path: string, fields: object): Promise<void> {
  const answer = await fetch(`${platform.url}${path}`, { method: "PUT", body: JSON.stringify(fields) });
  assert.equal(answer.status, 200, await answer.text());
}

async function until(id: string, status: string): Promise<Call> {
  const giveUpAt = performance.now() + giveUpMs;
  for (;;) {
    const call = await callOf(id);
    if (call.status === status) return call;
    assert.ok(performance.now() < giveUpAt, `${id} is ${call.status} after ${giveUpMs} ms, not ${status}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test("a detached call is seen from the moment it is accepted, and leaves its log and its result", async () => {
  const detached = { "Fn-Invoke-Type": "detached", "Content-Type": "text/plain" };
  const long = await post(`/invoke/${work.id}`, "wait", detached);
  const next = await post(`/invoke/${work.id}`, "x", detached);
  assert.deepEqual([long.status, long.body, next.status], [202, "", 202]);
  await until(long.callId, "running");
  assert.equal((await callOf(next.callId)).status, "queued");
  assert.deepEqual(
    (await calls("?per_page=2")).map(({ id, status }) => `${id} ${status}`),
    [`${next.callId} queued`, `${long.callId} running`],
  );
  const cancel = `${platform.url}/kiln/v1/namespaces/guest/activations/${long.callId}/cancel`;
  assert.equal((await fetch(cancel, { method: "POST" })).status, 200);
  assert.equal((await until(long.callId, "cancelled")).error, undefined);
  const done = await until(next.callId, "success");
  assert.ok(done.completed_at !== undefined && done.app_name === "old");
  assert.equal(await text(`/v2/fns/${work.id}/calls/${next.callId}/log`), "began x\n");
  assert.equal(await text(`/v2/fns/${work.id}/calls/${next.callId}/result`), "did x");
  assert.equal((await calls("?per_page=1"))[0]?.id, next.callId);
});

test("a call that failed and comes again is delayed", async () => {
  const { callId } = await post(`/invoke/${work.id}`, "fail", { "Fn-Invoke-Type": "detached", "Content-Type": "text/plain" });
  const call = await until(callId, "delayed");
  assert.equal(call.error, undefined);
  const failed = await post(`/invoke/${work.id}`, "fail", { "Content-Type": "text/plain" });
  assert.deepEqual([failed.status, failed.body], [502, '{"message":"function failed"}\n']);
  assert.deepEqual((await until(failed.callId, "error")).error, "function failed");
});

test("a function of type async answers with the call's id on every way to it, and is read by it", async () => {
  const trigger = { app_id: await appId(), fn_id: work.id, name: "t", type: "http", source: "/work/*" };
  const made = JSON.parse((await post("/v2/triggers", JSON.stringify(trigger))).body) as { id: string };
  await put(`/v2/fns/${work.id}`, { annotations: { "polykiln/type": "async", "polykiln/path": "/do/work" } });
  for (const path of [`/invoke/${work.id}`, "/t/old/work/any/thing", "/r/old/do/work"]) {
    const accepted = await post(path, path, { "Content-Type": "text/plain" });
    const { call_id: id } = JSON.parse(accepted.body) as { call_id: string };
    assert.deepEqual([accepted.status, accepted.callId], [202, id]);
    const call = await until(id, "success");
    assert.equal(call.trigger_id, path.startsWith("/t/") ? made.id : "");
    assert.equal(await text(`/v2/fns/${work.id}/calls/${id}/result`), `did ${path}`);
  }
  await put(`/v2/fns/${work.id}`, { annotations: { "polykiln/type": "sync" } });
  const again = await post("/r/old/do/work", "y", { "Content-Type": "text/plain" });
  assert.deepEqual([again.status, again.body], [200, "did y"]);
});

async function appId(): Promise<string> {
  const { items } = (await get("/v2/apps?name=old")) as { items: { id: string }[] };
  return items[0]?.id ?? "";
}

test("bodies of 24 MiB flow both ways through /invoke, /t and /r", async () => {
  const trigger = { app_id: await appId(), fn_id: echo.id, name: "m", type: "http", source: "/mirror" };
  assert.equal((await post("/v2/triggers", JSON.stringify(trigger))).status, 200);
  await put(`/v2/fns/${echo.id}`, { annotations: { "polykiln/path": "/mirror" } });
  for (const path of [`/invoke/${echo.id}`, "/t/old/mirror?q", "/r/old/mirror"]) {
    const { heads, bytes, callId } = await pingPong(path, 24);
    assert.deepEqual([heads, bytes], [24, 24 * mebibyte], path);
    assert.match(callId, /^[0-9A-Z]{26}$/);
  }
});

const mebibyte = 1024 * 1024;

/** Sends pieces of 1 MiB, each only when the one before has come back whole. */
function pingPong(path: string, pieces: number): Promise<{ heads: number; bytes: number; callId: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest({ host: "127.0.0.1", port: platform.port, method: "POST", path });
    let [sent, bytes] = [0, 0];
    const next = () => {
      if (sent === pieces) return void outgoing.end();
      sent++;
      outgoing.write(Buffer.alloc(mebibyte, sent));
    };
    outgoing.on("error", reject);
    outgoing.on("response", (answer: IncomingMessage) => {
      answer.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes === sent * mebibyte) next();
      });
      answer.on("error", reject);
      answer.on("end", () => resolve({ heads: sent, bytes, callId: String(answer.headers["fn-call-id"]) }));
    });
    next();
  });
}
