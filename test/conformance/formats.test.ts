/**
 * Fn's older formats as a user meets them: real programs in real sandboxes, called through our API, Fn's `/invoke` and a route; then the
 * ways in which such programs go wrong, each of which must end in a clear error and leave the next call well.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type Answer, call, linesOf, put, recordOf, send } from "../client.ts";
import { functionSource, goBuild, pipKit } from "../kits.ts";
import { pack } from "../pack.ts";
import { type DeployedFunction, type Platform, startPlatform } from "../platform.ts";

let platform: Platform;

const formats = ["http", "json", "cloudevent"] as const;
type Format = (typeof formats)[number];

const python = ["func.py", readFileSync(`${functionSource("fn-hot-python")}/func.py`)] as const;

/** Each in an app of its own, with a route `/made` to it. */
async function deployed(
  app: string,
  deployment: object,
  settings: object,
): Promise<DeployedFunction & { readonly route: string }> {
  const fn = await platform.deploy({ name: "fn", app, settings: { timeoutMs: 20_000, ...settings }, ...deployment });
  await put(`${platform.url}/kiln/v1/namespaces/guest/apps/${app}/routes/made`, { function: "fn", source: "/made" });
  return { ...fn, route: `${platform.url}/t/${app}/made` };
}

const deployPython = (app: string, format: Format, settings: object = {}) =>
  deployed(app, { file: python }, { kind: "python:3.11", protocol: `stdio-${format}`, ...settings });

describe("formats", { concurrency: 2, timeout: 300_000 }, () => {
  before(async () => {
    // What a program prints a moment after its call is to be heard: frozen, it would print nothing before the next one.
    platform = await startPlatform({ env: { POLYKILN_FREEZE_AFTER_MS: "2000" } });
  });
  after(async () => {
    assert.equal(await platform.stop(), 0, platform.log());
  });

  for (const format of formats) {
    test(`${format}: Python, hot`, () => checkHot(format));
    test(`${format}: Go with its own readers`, () => checkGo(format));
    test(`${format}: programs that go wrong`, () => checkWrong(format));
    test(`${format}: megabytes both ways`, () => checkLarge(format));
  }

  test("http: 10 MiB of any bytes, there and back", () => checkBytes());
  test("default: what programs do with their pipes", () => checkDefault());
  test("json: the kit for Python of that time, as PyPI has it", () => checkOldKit());
  test("Fn's door: a format by field and by annotation", () => checkDoor());
  test("json: a hundred callers of at most four sandboxes", () => checkMany());
});

async function checkHot(format: Format): Promise<void> {
  const fn = await deployPython(`hot-${format}`, format);
  const answers: Answer[] = [];
  for (const url of [fn.invokeUrl, fn.fnUrl]) answers.push(await call(url, { act: "none" }, { "x-trace": "t1" }));
  for (const [i, answer] of answers.entries()) {
    assert.equal(answer.status, 200, answer.text);
    const { calls, call_id, url, method, headers, deadline } = answer.json;
    assert.deepEqual([calls, method, url], [i + 1, "POST", "/"], "one process serves both");
    assert.equal((await recordOf(platform.url, String(call_id))).id, (await recordOf(platform.url, answer.activationId)).id);
    assert.deepEqual(valueOf(headers, "x-trace"), ["t1"]);
    assert.match(String(deadline), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    assert.deepEqual(answer.headers.getSetCookie(), ["a=1", "b=2"]);
    assert.deepEqual(await linesOf(platform.url, answer.activationId, 1), ["stderr asked none"]);
  }
  const routed = await send("PUT", `${fn.route}?q=1`, JSON.stringify({ act: "status", status: 418 }), {
    "content-type": "application/json",
  });
  assert.deepEqual([routed.status, routed.json], [418, { calls: 3 }]);
  const seen = (await send("PUT", `${fn.route}?q=1`, "plain")).json;
  assert.deepEqual([seen["method"], seen["url"], seen["body"]], ["PUT", `${fn.route}?q=1`, "plain"]);
}

function valueOf(headers: unknown, name: string): unknown {
  return Object.entries(headers as object).find(([key]) => key.toLowerCase() === name)?.[1];
}

async function checkGo(format: Format): Promise<void> {
  const archive = readFileSync(await goBuild(functionSource("fn-hot-go")));
  const fn = await deployed(`go-${format}`, { archive }, { kind: "go:1", protocol: `stdio-${format}` });
  for (const name of ["Ada", "Bea"]) {
    const { status, text, activationId } = await call(fn.invokeUrl, { name });
    assert.deepEqual([status, text], [201, `Hello ${name} by POST\n`]);
    assert.deepEqual(await linesOf(platform.url, activationId, 1), ["stderr served"]);
  }
  const { status, text } = await send("PATCH", fn.route, '{"name":"Cy"}', { "content-type": "application/json" });
  assert.deepEqual([status, text], [201, "Hello Cy by PATCH\n"]);
}

interface Wrong {
  readonly act: string;
  /** Of our API. */
  readonly status: number;
  readonly code: string;
  readonly message: RegExp;
}

const wrongs: readonly Wrong[] = [
  { act: "rubbish", status: 502, code: "function_protocol", message: /does not begin with a valid HTTP|printed "Here I am!\\n/ },
  { act: "broken", status: 502, code: "function_exited", message: /exit code 3/ },
  { act: "silent", status: 502, code: "function_exited", message: /exit code 4/ },
  { act: "flood", status: 502, code: "response_too_large", message: /over the limit of \d+ bytes/ },
  { act: "half", status: 504, code: "timeout", message: /longer than its timeout of 1500 ms/ },
  { act: "sleep", status: 504, code: "timeout", message: /longer than its timeout of 1500 ms/ },
];

async function checkWrong(format: Format): Promise<void> {
  const [patient, hurried] = [
    await deployPython(`wrong-${format}`, format),
    await deployPython(`late-${format}`, format, { timeoutMs: 1500 }),
  ];
  for (const { act, status, code, message } of wrongs) {
    const fn = code === "timeout" ? hurried : patient;
    await whenWarm(() => call(fn.invokeUrl, { act: "none" }));
    const answer = await call(fn.invokeUrl, { act }).catch((error: Error) => error);
    // An answer whose head has gone out can only be cut off.
    const isBegun = format === "http" && ["broken", "flood", "half"].includes(act);
    if (answer instanceof Error) assert.ok(isBegun, `${act}: ${answer.message}`);
    else {
      assert.deepEqual([answer.status, answer.json["code"]], [status, code], `${act}: ${answer.text}`);
      assert.match(String(answer.json["message"]), message);
    }
    const next = await whenWarm(() => call(fn.invokeUrl, { act: "none" }));
    assert.deepEqual([next.status, next.json["calls"]], [200, 1], `${act}: the next call has a new program: ${next.text}`);
  }
  await checkBetween(patient, format);
}

/** What a program does between calls is no call's failure. */
async function checkBetween(fn: DeployedFunction, format: Format): Promise<void> {
  // What comes later than 100 ms after its call, as it may on a busy machine, is in no log.
  let lines = "";
  for (let tries = 0; tries < 10 && !/platform .*asked for.*; its sandbox is ended/.test(lines); tries++) {
    const later = await call(fn.invokeUrl, { act: "later" });
    assert.equal(later.status, 200, later.text);
    lines = (await linesOf(platform.url, later.activationId, 2)).join();
    await newProgram(fn);
  }
  assert.match(lines, /platform .*asked for.*; its sandbox is ended/);
  const leave = await call(fn.invokeUrl, { act: "leave" });
  assert.equal(leave.status, 200, leave.text);
  await newProgram(fn);
  const slow = await call(fn.invokeUrl, { act: "slow" });
  assert.equal(slow.status, 200, slow.text);
  const twice = await call(fn.invokeUrl, { act: "twice" });
  // Of two objects the first counts. Whether two answers of HTTP come together is chance.
  if (format !== "http" || twice.status === 200) assert.deepEqual([twice.status, twice.json["calls"]], [200, 3], twice.text);
  else assert.deepEqual([twice.status, twice.json["code"]], [502, "function_protocol"], twice.text);
  await newProgram(fn);
}

/** A program that has gone is noticed a moment later; a call in that moment is told so. */
async function newProgram(fn: DeployedFunction): Promise<void> {
  for (let tries = 1; ; tries++) {
    const { status, json } = await call(fn.invokeUrl, { act: "none" });
    if (status === 200) return assert.equal(json["calls"], 1);
    assert.ok(json["code"] === "function_exited" && tries < 5, JSON.stringify(json));
  }
}

/** Such a program does not tell when it is ready, so on a busy machine the start of Python alone can take a hurried call's time. */
async function whenWarm(ask: () => Promise<Answer>): Promise<Answer> {
  for (let tries = 1; ; tries++) {
    const answer = await ask();
    if (answer.status === 200) return answer;
    assert.ok(answer.json["code"] === "timeout" && tries < 10, answer.text);
  }
}

async function checkLarge(format: Format): Promise<void> {
  const fn = await deployPython(`large-${format}`, format, { memoryMiB: 512 });
  const body = `${"é".repeat(1000)}${"x".repeat(10 * mebibyte)}`;
  const { status, json } = await call(fn.fnUrl, body, { "content-type": "text/plain" });
  assert.deepEqual([status, json["body"] === body], [200, true]);
}

const mebibyte = 1024 * 1024;

/** Sends back what it reads, call after call. */
const httpMirror = `import sys
stdin, stdout = sys.stdin.buffer, sys.stdout.buffer
while stdin.readline():
    length = 0
    while (line := stdin.readline().rstrip(b"\\r\\n")) != b"":
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    body = stdin.read(length)
    stdout.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n" % length + body)
    stdout.flush()
`;

async function checkBytes(): Promise<void> {
  const settings = { kind: "python:3.11", protocol: "stdio-http", memoryMiB: 256 };
  const { fnUrl } = await deployed("bytes-http", { file: ["func.py", httpMirror] }, settings);
  for (let round = 0; round < 2; round++) await checkMirrored(fnUrl);
}

/** A body that is no text of any encoding comes back as it was. */
async function checkMirrored(url: string): Promise<void> {
  const body = randomBytes(10 * mebibyte);
  const response = await fetch(url, { method: "POST", body: new Uint8Array(body) });
  assert.equal(response.status, 200);
  assert.ok(body.equals(Buffer.from(await response.arrayBuffer())));
}

/** A shell script as a program of the oldest format. */
const deployShell = (name: string, script: string) =>
  deployed(`default-${name}`, { file: ["main", `#!/bin/sh\n${script}\n`] }, { kind: "native:1", protocol: "stdio" });

async function checkDefault(): Promise<void> {
  await checkMirrored((await deployShell("mirror", "cat")).fnUrl);
  const large = Buffer.alloc(10 * mebibyte);
  for (const [name, script] of [
    ["closes", "exec <&-; sleep 0.2; echo answered"],
    ["leaves", "echo answered"],
    ["reads-little", "head -c 10 > /dev/null; echo answered"],
  ] as const) {
    const { status, text } = await call((await deployShell(name, script)).fnUrl, large);
    assert.deepEqual([status, text], [200, "answered\n"], name);
  }
  const quiet = await call((await deployShell("errors-only", "echo only this >&2")).fnUrl, "x");
  assert.deepEqual([quiet.status, quiet.text], [200, ""]);
  assert.deepEqual(await linesOf(platform.url, quiet.activationId, 1), ["stderr only this"]);
  const failing = await deployShell("fails", "echo its reason >&2; exit 7");
  const ours = await call(failing.invokeUrl, "x");
  assert.deepEqual([ours.status, ours.json["code"]], [502, "function_failed"], ours.text);
  assert.match(String(ours.json["message"]), /exited with status 7/);
  const theirs = await call(failing.fnUrl, "x");
  assert.deepEqual([theirs.status, theirs.json["message"]], [502, "function failed"]);
  assert.deepEqual(await linesOf(platform.url, theirs.activationId, 1), ["stderr its reason"]);
}

const oldFunction = `import fdk

def handler(ctx, data=None, loop=None):
    return {"got": data, "id": ctx.CallID()}

if __name__ == "__main__":
    fdk.handle(handler)
`;

async function checkOldKit(): Promise<void> {
  // What it needs in the oldest versions that were compiled for a Python of today.
  const kit = await pipKit(["fdk==0.0.26", "uvloop==0.17.0", "ujson==5.7.0", "iso8601==0.1.12"], "alone");
  const folder = mkdtempSync(join(tmpdir(), "old-kit-"));
  writeFileSync(join(folder, "func.py"), oldFunction);
  const archive = await pack({ folder: kit }, { folder });
  rmSync(folder, { recursive: true });
  const fn = await deployed("old-kit", { archive }, { kind: "python:3.11", protocol: "stdio-json" });
  for (const name of ["Ada", "Bea"]) {
    const { status, json, activationId } = await call(fn.fnUrl, JSON.stringify({ name }), { "content-type": "text/plain" });
    assert.deepEqual([status, json["got"]], [200, `{"name":"${name}"}`]);
    assert.equal((await recordOf(platform.url, String(json["id"]))).id, (await recordOf(platform.url, activationId)).id);
  }
}

async function checkMany(): Promise<void> {
  const fn = await deployPython("many", "json", { sandboxesMax: 4 });
  const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => call(fn.fnUrl, { act: "none", i })));
  for (const [i, answer] of answers.entries()) {
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(JSON.parse(String(answer.json["body"])), { act: "none", i }, "each has its own answer");
  }
}

/** What Fn's door makes of a format, as our API shows it. No such image is ever fetched. */
async function checkDoor(): Promise<void> {
  await put(`${platform.url}/kiln/v1/namespaces/guest/apps/door`, {});
  const json = { "content-type": "application/json" };
  const app = (await send("GET", `${platform.url}/v2/apps?name=door`)).json as { items: { id: string }[] };
  const wanted = { name: "old", app_id: app.items[0]?.id, image: "example.com/old:1" };
  const protocol = async () =>
    (await send("GET", `${platform.url}/kiln/v1/namespaces/guest/apps/door/functions/old`)).json["protocol"];

  const refused = await send("POST", `${platform.url}/v2/fns`, JSON.stringify({ ...wanted, format: "xml" }), json);
  assert.deepEqual([refused.status, refused.json], [400, { message: "Invalid format on Fn" }]);
  const made = await send("POST", `${platform.url}/v2/fns`, JSON.stringify({ ...wanted, format: "cloudevent" }), json);
  assert.deepEqual([made.status, await protocol()], [200, "stdio-cloudevent"]);
  const url = `${platform.url}/v2/fns/${String(made.json["id"])}`;
  for (const [body, expected] of [
    [annotated("json"), "stdio-json"],
    ['{"memory":256}', "stdio-json"],
    ['{"format":"default"}', "stdio"],
    [annotated(""), "http-stream"],
  ] as const) {
    assert.equal((await send("PUT", url, body, json)).status, 200, body);
    assert.equal(await protocol(), expected, body);
  }
  assert.equal((await send("PUT", url, annotated(1), json)).status, 400);
}

const annotated = (format: unknown) => JSON.stringify({ annotations: { "polykiln/format": format } });
