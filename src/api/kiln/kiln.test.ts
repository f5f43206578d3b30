import assert from "node:assert/strict";
import { test } from "node:test";
import { Listener } from "../../http/listener.ts";
import { PlatformError } from "../../model/error.ts";
import { idToHex, idToUuid } from "../../model/id.ts";
import type { Activation } from "../../model/model.ts";
import { ends, openKiln } from "../../../test/kiln-door.ts";

const coded = (text: string) => ({ kind: "nodejs:24", fileName: "a.mjs", code: Buffer.from(text).toString("base64") });

test("an app from create to delete", async () => {
  const { send, changes } = await openKiln();
  assert.equal((await send("GET", "/apps/demo")).status, 404);
  const made = await send("PUT", "/apps/demo");
  assert.equal(made.status, 201);
  assert.equal(made.headers["etag"], '"1"');
  assert.deepEqual([made.json.name, made.json.revision, made.json.config], ["demo", 1, {}]);
  assert.match(made.json.createdAt, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  const changed = await send("PUT", "/apps/demo", { config: { A: "1" }, annotations: { note: { deep: [1, "x"] } } });
  assert.deepEqual([changed.status, changed.json.revision, changed.json.annotations], [200, 2, { note: { deep: [1, "x"] } }]);
  const same = await send("PUT", "/apps/demo", { config: { A: "1" } });
  assert.deepEqual([same.status, same.json.revision], [200, 2]);
  assert.equal(changes.length, 2);
  assert.deepEqual((await send("GET", "/apps/demo")).json, same.json);
  assert.equal((await send("DELETE", "/apps/demo", undefined, { "if-match": "1" })).status, 409);
  assert.equal((await send("DELETE", "/apps/demo")).status, 204);
  assert.equal((await send("DELETE", "/apps/demo")).status, 404);
});

test("a function from create to delete, in an app and in the null app", async () => {
  const { send, changes } = await openKiln();
  await send("PUT", "/apps/demo");
  for (const app of ["demo", "_"]) {
    const path = `/apps/${app}/functions/hello`;
    const made = await send("PUT", path, coded("1"));
    assert.equal(made.status, 201, made.text);
    const { app: shown, kind, protocol, memoryMiB, timeoutMs, concurrency, revision, invokePath } = made.json;
    assert.deepEqual(
      [shown, kind, protocol, memoryMiB, timeoutMs, concurrency, revision, made.json.egress],
      [app === "_" ? null : "demo", "nodejs:24", "frames", 128, 30_000, 1, 1, "namespace"],
    );
    assert.equal(invokePath, `/kiln/v1/namespaces/guest${path}/invoke`);
    assert.equal((await send("PUT", path, coded("1"))).json.revision, 1);
    assert.equal((await send("PUT", path, { ...coded("1"), kind: "nodejs:default" })).json.revision, 1);
    const settings = { memoryMiB: 256, logBytesMax: 0, handler: "a.main", parameters: { p: [1] }, protocol: "http-stream" };
    const more = await send("PUT", path, settings);
    assert.deepEqual(
      [more.json.revision, more.json.memoryMiB, more.json.logBytesMax, more.json.handler, more.json.codeDigest],
      [2, 256, 0, "a.main", made.json.codeDigest],
    );
    const egress = ["internet", "platform", "redis.internal:6379"];
    const reset = await send("PUT", path, { handler: null, protocol: null, logBytesMax: null, egress });
    assert.deepEqual(
      [reset.json.revision, reset.json.handler, reset.json.protocol, reset.json.memoryMiB, reset.json.egress],
      [3, null, "frames", 256, egress],
    );
    assert.equal(reset.json.logBytesMax, null);
    assert.deepEqual(changes.at(-1), { namespace: "guest", functionId: made.json.id, revisions: [3] });
    assert.deepEqual((await send("GET", path)).json, reset.json);
    assert.equal((await send("DELETE", path)).status, 204);
    assert.deepEqual(changes.at(-1), { namespace: "guest", functionId: made.json.id, revisions: [] });
    assert.equal((await send("GET", path)).status, 404);
  }
});

test("code in one step, and again", async () => {
  const { send } = await openKiln();
  const path = "/apps/_/functions/hello/code";
  const refused = await send("PUT", path, "code", { "content-type": "application/x-www-form-urlencoded" });
  assert.deepEqual([refused.status, refused.json.details.field], [400, "content-type"]);
  const kindless = await send("PUT", `${path}?file=a.mjs`, "code");
  assert.deepEqual([kindless.status, kindless.json.details.field], [400, "kind"]);
  const made = await send("PUT", `${path}?file=a.mjs&kind=nodejs:24&memoryMiB=64`, "code", {
    "content-type": "application/x-www-form-urlencoded",
  });
  assert.deepEqual([made.status, made.json.memoryMiB, made.json.revision], [201, 64, 1], made.text);
  assert.equal((await send("PUT", `${path}?file=a.mjs`, "code")).json.revision, 1);
  const zip = await send("PUT", path, Buffer.from("PK zip"), { "content-type": "application/zip" });
  assert.deepEqual([zip.status, zip.json.revision, zip.json.kind], [200, 2, "nodejs:24"]);
  const broken = await send("PUT", path, "broken", { "content-type": "application/zip" });
  assert.deepEqual([broken.status, broken.json.code], [400, "invalid"]);
  assert.equal((await send("PUT", path, "", { "content-type": "application/zip" })).json.details.field, "body");
  assert.equal((await send("GET", "/apps/_/functions/hello")).json.revision, 2);
  assert.equal((await send("PUT", "/apps/none/functions/hello/code?file=a&kind=nodejs:24", "x")).status, 404);
});

test("wrong settings name field, value and bound, and change nothing", async () => {
  const { send } = await openKiln();
  const path = "/apps/_/functions/hello";
  await send("PUT", path, coded("1"));
  const check = async (body: object, field: string, message: RegExp) => {
    const { status, json } = await send("PUT", path, body);
    assert.deepEqual([status, json.code, json.details.field], [400, "invalid", field], JSON.stringify(json));
    assert.match(json.message, message);
  };
  await check({ memoryMiB: 0 }, "memoryMiB", /memoryMiB is 0, must be >= 1/);
  await check({ memoryMiB: 20_000 }, "memoryMiB", /is 20000, must be <= 10240/);
  await check({ memoryMiB: "64" }, "memoryMiB", /is "64", must be integer/);
  await check({ timeoutMs: 1.5 }, "timeoutMs", /is 1.5, must be integer/);
  await check({ memory: 1 }, "memory", /memory is not known here/);
  await check({ protocol: "grpc" }, "protocol", /is "grpc", must be one of frames, /);
  await check({ protocol: "stdio" }, "protocol", /is stdio, must be one of .* for nodejs:24/);
  await check({ config: { A: 1 } }, "config.A", /config.A must be string/);
  await check({ config: { "A B": "1" } }, "config", /A B is no name/);
  await check({ config: { A: "x".repeat(70_000) } }, "config", /70001 bytes, must have at most 65536/);
  await check({ annotations: { a: "x".repeat(600) } }, "annotations.a", /602 bytes, must have at most 512/);
  await check(
    { annotations: Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`k${i}`, 1])) },
    "annotations",
    /101 keys, must have at most 100/,
  );
  await check({ parameters: { a: "x".repeat(1_100_000) } }, "parameters", /must have at most 1048576/);
  await check({ egress: ["internet", "here"] }, "egress", /"here", must be HOST:PORT/);
  await check({ image: "a", kind: "nodejs:24" }, "image", /can't be given together/);
  await check({ code: "###" }, "code", /not base64/);
  await check({ codeDigest: "a".repeat(64) }, "codeDigest", /must be the digest/);
  await check({ command: [] }, "command", /fewer than 1/);
  assert.equal((await send("PUT", path, { kind: "cobol:1" })).status, 400);
  assert.equal((await send("PUT", path, "[]", { "content-type": "application/json" })).status, 400);
  assert.equal((await send("PUT", path, "{", { "content-type": "application/json" })).json.details.position, 1);
  assert.match(
    (await send("PUT", path, "a=b", { "content-type": "application/x-www-form-urlencoded" })).json.message,
    /Content-Type/,
  );
  assert.equal((await send("PUT", path, { code: "A".repeat(9_000_000) })).status, 413);
  assert.equal((await send("GET", path)).json.revision, 1);
  for (const name of ["a%20b", "-a", "%C3%A4", "a".repeat(256), ".a"]) {
    const { status, json } = await send("PUT", `/apps/_/functions/${name}`, coded("1"));
    assert.deepEqual([status, json.details.field], [400, "name"], name);
  }
});

test("sandboxes that are kept ready: refused where they can't be, shown with how many are there", async () => {
  const refusal = new PlatformError("invalid", "There is no room", { details: { field: "provisioned" } });
  const { send } = await openKiln({
    provisioned: ({ provisioned }) => ({ wanted: provisioned, ready: 1 }),
    provisionRefusal: ({ provisioned }) => (provisioned > 5 ? refusal : null),
  });
  const path = "/apps/_/functions/hello";
  const put = async (body: object) => {
    const { status, json } = await send("PUT", path, body);
    return status < 300 ? `${json.provisioned} ${json.keepAlive}` : `${status} ${json.details.field} ${json.message}`;
  };
  assert.equal(await put({ ...coded("1"), provisioned: 6 }), "400 provisioned There is no room");
  assert.equal((await send("GET", path)).status, 404);
  assert.equal(await put(coded("1")), "0 fixed");
  assert.equal(await put({ provisioned: 2, keepAlive: "learned" }), "2 learned");
  assert.match(await put({ keepAlive: "guessed" }), /^400 keepAlive .*must be one of fixed, learned/);
  assert.match(await put({ sandboxesMax: 1 }), /^400 provisioned provisioned is 2, must be at most 1/);
  assert.match(await put({ isolation: "fresh" }), /^400 provisioned .* with isolation fresh each call has a sandbox of its own/);
  const { json } = await send("GET", `${path}/sandboxes`);
  assert.deepEqual(json, { starting: 0, busy: 0, idle: 0, frozen: 0, provisioned: { wanted: 2, ready: 1 } });
});

test("revisions guard changes", async () => {
  const { send } = await openKiln();
  const path = "/apps/_/functions/hello";
  assert.equal((await send("PUT", path, coded("1"), { "if-match": "1" })).status, 409);
  await send("PUT", path, coded("1"), { "if-none-match": "*" });
  assert.equal((await send("PUT", path, coded("1"), { "if-none-match": "*" })).status, 409);
  assert.equal((await send("PUT", path, { memoryMiB: 64 }, { "if-match": '"1"' })).json.revision, 2);
  const late = await send("PUT", path, { memoryMiB: 65 }, { "if-match": "1" });
  assert.deepEqual([late.status, late.json.code, late.json.details], [409, "conflict", { revision: 2 }]);
  assert.equal((await send("PUT", path, {}, { "if-match": "two" })).status, 400);
  const racing = await Promise.all(Array.from({ length: 4 }, (_, i) => send("PUT", path, { config: { I: String(i) } })));
  assert.deepEqual(
    racing.map(({ status }) => status),
    [200, 200, 200, 200],
  );
  assert.equal((await send("GET", path)).json.revision, 6);
});

test("executables", async () => {
  const { send } = await openKiln();
  const made = await send("PUT", "/apps/_/functions/go", { ...coded("1"), kind: "go:1", command: ["./main", "-v"] });
  assert.deepEqual([made.json.kind, made.json.protocol, made.json.command], ["go:1", "stdio", ["./main", "-v"]], made.text);
});

test("names of other doors are found as they are", async () => {
  const { send, store, world } = await openKiln();
  const now = world.now();
  const app = {
    id: world.newId(),
    namespace: "guest",
    name: "a/b ü",
    config: {},
    annotations: { n: "1.50" },
    syslogUrl: null,
    shape: "",
    revision: 1,
    createdAt: now,
    updatedAt: now,
  };
  await store.apps.create(app);
  const path = `/apps/${encodeURIComponent(app.name)}`;
  assert.equal((await send("GET", path)).json.name, app.name);
  assert.equal((await send("PUT", path, { config: { A: "1" } })).json.revision, 2);
  assert.equal((await store.apps.getByName("guest", app.name))?.annotations["n"], "1.50");
  assert.equal((await send("PUT", `${path}/functions/f`, coded("1"))).status, 201);
});

test("routes", async () => {
  const { send, changes } = await openKiln();
  await send("PUT", "/apps/demo");
  await send("PUT", "/apps/demo/functions/hello", coded("1"));
  await send("PUT", "/apps/demo/functions/bye", coded("2"));
  const made = await send("PUT", "/apps/demo/routes/r", { function: "hello", source: "/hi" });
  assert.deepEqual([made.status, made.json.function, made.json.source, made.json.revision], [201, "hello", "/hi", 1], made.text);
  assert.equal((await send("PUT", "/apps/demo/routes/r", { source: "/hi" })).json.revision, 1);
  assert.deepEqual((await send("PUT", "/apps/demo/routes/r", { function: "bye" })).json.function, "bye");
  assert.equal((await send("PUT", "/apps/demo/routes/r2", { function: "hello", source: "/hi" })).status, 409);
  assert.equal((await send("PUT", "/apps/demo/routes/r2", { function: "none", source: "/x" })).json.details.field, "function");
  assert.equal((await send("PUT", "/apps/demo/routes/r2", { function: "hello", source: "x" })).json.details.field, "source");
  assert.equal((await send("PUT", "/apps/demo/routes/r2", { function: "hello" })).json.details.field, "source");
  assert.equal((await send("PUT", "/apps/_/routes/r2", { function: "hello", source: "/x" })).status, 400);
  assert.deepEqual(
    (await send("GET", "/apps/demo/routes")).json.items.map((item: { name: string }) => item.name),
    ["r"],
  );
  assert.equal((await send("DELETE", "/apps/demo/routes/r")).status, 204);
  assert.equal((await send("GET", "/apps/demo/routes/r")).status, 404);
  assert.deepEqual(changes.at(-1), { namespace: "guest", functionId: null, revisions: [] });
});

test("lists page by name", async () => {
  const { send } = await openKiln();
  for (const name of ["c", "a", "b", "e", "d"]) await send("PUT", `/apps/${name}`);
  const names: string[] = [];
  let cursor: string | null = null;
  do {
    const { json } = await send("GET", `/apps?limit=2${cursor === null ? "" : `&cursor=${cursor}`}`);
    names.push(...json.items.map((item: { name: string }) => item.name));
    cursor = json.nextCursor;
  } while (cursor !== null);
  assert.deepEqual(names, ["a", "b", "c", "d", "e"]);
  for (const query of ["limit=0", "limit=101", "limit=x", "cursor=%21", "page=1"])
    assert.equal((await send("GET", `/apps?${query}`)).status, 400, query);
});

test("activations and logs, by any spelling of an id", async () => {
  const { send, store, logs, world } = await openKiln();
  await send("PUT", "/apps/_/functions/hello", coded("1"));
  const functionId = (await send("GET", "/apps/_/functions/hello")).json.id;
  const record = (status: Activation["status"], startedAt: number): Activation => ({
    id: world.newId(),
    namespace: "guest",
    appId: null,
    functionId,
    functionName: "hello",
    revision: 1,
    routeId: null,
    status,
    start: "cold",
    attempt: 1,
    error: status === "success" ? null : { code: "timeout", message: "late" },
    startedAt,
    endedAt: startedAt + 5,
    waitMs: 0.5,
    createMs: 1,
    initMs: 1,
    runMs: 2,
    requestBytes: 0,
    responseBytes: 2,
    billedUnits: 1,
  });
  const records = [record("success", 1000), record("timeout", 2000), record("success", 3000)];
  await store.activations.append(records);
  const [first] = records as [Activation, ...Activation[]];
  logs.set(`guest/${first.id}`, [{ at: 1001, stream: "stdout", text: "hi" }]);

  for (const id of [first.id, first.id.toLowerCase(), idToHex(first.id), idToUuid(first.id)]) {
    const { json } = await send("GET", `/activations/${id}`);
    assert.deepEqual([json.id, json.function, json.startedAt, json.runMs], [first.id, "hello", "1970-01-01T00:00:01.000Z", 2]);
    assert.deepEqual((await send("GET", `/activations/${id}/logs`)).json, {
      items: [{ at: "1970-01-01T00:00:01.001Z", stream: "stdout", text: "hi" }],
    });
  }
  const plain = await send("GET", `/activations/${first.id}/logs`, undefined, { accept: "text/plain" });
  assert.deepEqual(
    [plain.text, plain.headers["content-type"]],
    ["1970-01-01T00:00:01.001Z stdout hi\n", "text/plain; charset=utf-8"],
  );
  const check = async (query: string, expected: number[]) => {
    const { json, text } = await send("GET", `/activations?${query}`);
    assert.deepEqual(
      json.items?.map((item: { startedAt: string }) => Date.parse(item.startedAt)),
      expected,
      text,
    );
  };
  await check("", [3000, 2000, 1000]);
  await check("status=timeout", [2000]);
  await check("from=2000", [3000, 2000]);
  await check("from=1970-01-01T00:00:01Z&to=2000", [2000, 1000]);
  await check("function=hello&app=_", [3000, 2000, 1000]);
  await check(`function=${functionId}&limit=1`, [3000]);
  await check("function=nothing", []);
  for (const query of ["status=bad", "from=yesterday", "app=_"])
    assert.equal((await send("GET", `/activations?${query}`)).status, 400);
  for (const id of ["x", world.newId(), "0".repeat(26)]) assert.equal((await send("GET", `/activations/${id}`)).status, 404);
});

test("errors look alike everywhere below /kiln/", async () => {
  const { send } = await openKiln();
  const check = async (method: string, path: string, status: number, expected: string) => {
    const answer = await send(method, path, undefined, { "x-request-id": "my-id" });
    assert.equal(answer.status, status, answer.text);
    assert.deepEqual(Object.keys(answer.json), ["code", "message", "details", "requestId"]);
    assert.deepEqual([answer.json.code, answer.json.requestId, answer.headers["x-request-id"]], [expected, "my-id", "my-id"]);
    assert.match(String(answer.headers["content-type"]), /^application\/json/);
    return answer;
  };
  await check("GET", "/kiln/v1/nowhere", 404, "not_found");
  await check("GET", "/kiln/", 404, "not_found");
  await check("DELETE", "/kiln/v1/health", 405, "method_not_allowed");
  await check("PUT", "/kiln/v2/apps", 404, "not_found");
  await check("GET", "/kiln/v1/namespaces/guest/apps/%zz", 400, "invalid");
  const wrong = await check("POST", "/apps", 405, "method_not_allowed");
  assert.equal(wrong.headers["allow"], "GET, HEAD");
  await check("GET", "/apps/_/functions/f/invoke", 405, "method_not_allowed");
  const { app } = (await openKiln()).framework;
  for (const url of ["/", "/v2/apps", "/kilnx"]) assert.equal((await app.inject({ method: "POST", url })).body, "another door");
  await check("GET", "/kiln/v1/namespaces/none/apps", 404, "not_found");
});

test("keys open their own namespace only", async () => {
  const { send, credential, otherCredential } = await openKiln({ loopback: false });
  const bare = await send("GET", "/apps");
  assert.deepEqual([bare.status, bare.json.code], [401, "unauthenticated"]);
  assert.match(String(bare.headers["www-authenticate"]), /^Bearer/);
  const mine = { authorization: `Bearer ${credential}` };
  assert.equal((await send("PUT", "/apps/demo", {}, mine)).status, 201);
  const theirs = { authorization: `Basic ${Buffer.from(otherCredential).toString("base64")}` };
  const hidden = await send("GET", "/apps/demo", undefined, theirs);
  const unknown = await send("GET", "/kiln/v1/namespaces/unknown/apps/demo", undefined, theirs);
  assert.deepEqual([hidden.status, unknown.status], [404, 404]);
  assert.equal(hidden.json.message.replace("guest", "unknown"), unknown.json.message);
  const names = async (headers: Record<string, string>) =>
    (await send("GET", "/kiln/v1/namespaces", undefined, headers)).json.items.map((item: { name: string }) => item.name);
  assert.deepEqual([await names(mine), await names(theirs)], [["guest"], ["other"]]);
  assert.equal((await send("GET", "/kiln/v1/kinds")).status, 401);
  assert.deepEqual((await send("GET", "/kiln/v1/health")).json, { status: "ok", version: "1.2.3" });
  assert.equal((await send("POST", "/apps/_/functions/f/invoke", "x")).status, 401);
});

test("code of another namespace can't be borrowed by its digest", async () => {
  const { send, otherCredential } = await openKiln();
  const { codeDigest } = (await send("PUT", "/apps/_/functions/mine", coded("secret"))).json;
  assert.equal((await send("PUT", "/apps/_/functions/copy", { kind: "nodejs:24", codeDigest })).status, 201);
  const path = "/kiln/v1/namespaces/other/apps/_/functions/copy";
  const stolen = await send("PUT", path, { kind: "nodejs:24", codeDigest }, { authorization: `Bearer ${otherCredential}` });
  assert.deepEqual([stolen.status, stolen.json.details.field], [400, "codeDigest"]);
});

test("calls: past the framework, over a real socket", async () => {
  const { framework, routes, world, calls, credential, send } = await openKiln();
  const listener = new Listener({ world, framework: framework.server, routes });
  const { url } = await listener.listen({ host: "127.0.0.1", port: 0 });
  ends.push(() => listener.close(0));
  const base = `${url}/kiln/v1/namespaces/guest/apps`;

  const answer = await fetch(`${base}/_/functions/a%2Fb/invoke?x=1`, {
    method: "POST",
    body: "hello",
    headers: { authorization: `Bearer ${credential}` },
  });
  assert.deepEqual([answer.status, await answer.text()], [201, "hello"]);
  assert.equal(answer.headers.get("content-type"), "text/x-echo");
  assert.equal(answer.headers.get("x-mine"), "1");
  assert.equal(answer.headers.get("kiln-activation-id"), "01ARZ3NDEKTSV4RRFFQ69G5FAV");
  assert.deepEqual(calls[0]?.target, { by: "name", app: null, name: "a/b", revision: undefined });
  assert.ok(!calls[0]?.headers.some((text) => text.includes(credential)));

  const failed = async (code: string, status: number, query = "") => {
    const response = await fetch(`${base}/demo/functions/f/invoke${query}`, { method: "POST", body: `fail:${code}` });
    const body = (await response.json()) as { code: string; requestId: string };
    assert.deepEqual([response.status, body.code], [status, code]);
    assert.equal(response.headers.get("x-request-id"), body.requestId);
    return response;
  };
  const timeout = await failed("timeout", 504);
  assert.ok(timeout.headers.get("kiln-activation-id"));
  await failed("function_failed", 502);
  await failed("overloaded", 503);
  await failed("not_found", 404);
  await failed("unsupported", 501, "?wait=none");
  await failed("invalid", 400, "?wait=soon");
  assert.equal((await fetch(`${base}/demo/functions/%zz/invoke`, { method: "POST" })).status, 400);
  assert.equal(
    (await fetch(`${base}/demo/functions/f/invoke`, { method: "POST", headers: { authorization: "Bearer no:no" } })).status,
    401,
  );
  assert.equal((await fetch(`${base}/demo/functions/f/invoke`)).status, 405);
  // The same call behind the framework.
  assert.equal((await send("POST", "/apps/_/functions/f/invoke", "over", { "content-type": "text/plain" })).text, "over");
});

test("wait=none answers as soon as the call is safe", async () => {
  const { send } = await openKiln({ accept: async () => ({ activationId: "A" }) });
  const answer = await send("POST", "/apps/_/functions/f/invoke?wait=none", "x");
  assert.deepEqual([answer.status, answer.json], [202, { activationId: "A" }]);
  assert.equal(answer.headers["location"], "/kiln/v1/namespaces/guest/activations/A");
});

test("an upload may be as large as code may be, and no larger", async () => {
  const { framework, routes, world } = await openKiln();
  const listener = new Listener({ world, framework: framework.server, routes });
  const { url } = await listener.listen({ host: "127.0.0.1", port: 0 });
  ends.push(() => listener.close(0));
  const path = `${url}/kiln/v1/namespaces/guest/apps/_/functions/big/code?kind=nodejs:24&file=a.mjs`;
  assert.equal((await fetch(path, { method: "PUT", body: Buffer.alloc(40_000_000) })).status, 201);
  const refused = await fetch(path, { method: "PUT", body: Buffer.alloc(140_000_000) });
  assert.deepEqual([refused.status, ((await refused.json()) as { code: string }).code], [413, "too_large"]);
});
