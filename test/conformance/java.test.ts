/** Fn's kit for Java, as Maven's repository has it, and Java programs without it, in sandboxes of a real server. */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type Answer, call, linesOf, put, recordOf, send } from "../client.ts";
import { functionSource, javaBuild, javaMissing, mavenKit } from "../kits.ts";
import { pack } from "../pack.ts";
import { type Platform, startPlatform } from "../platform.ts";

const missing = await javaMissing();

let platform: Platform;
let archive: Buffer;

const settings = { kind: "java:17", memoryMiB: 256, timeoutMs: 55_000, config: { GREETING: "from fn" } };

async function deploy(name: string, more: object, code = archive) {
  return await platform.deploy({ name, app: "java", archive: code, settings: { ...settings, ...more } });
}

describe("java", { timeout: 600_000, skip: missing ?? false }, () => {
  before(async () => {
    const kit = await mavenKit("com.fnproject.fn:runtime:1.0.212");
    const classes = await javaBuild(functionSource("fn-java"), kit);
    archive = await pack({ folder: classes }, { folder: kit });
    // On a machine that is busy with other tests Java's own start alone takes seconds.
    platform = await startPlatform({ env: { POLYKILN_START_TIMEOUT_MS: "60000" } });
  });
  after(async () => {
    if (missing === null) assert.equal(await platform.stop(), 0, platform.log());
  });

  test("the kit from Maven, unmodified", async () => {
    const fn = await deploy("hello", { handler: "com.example.Hello::handle" });
    const first = await whenPrepared(() => call(fn.invokeUrl, { name: "Ada" }, { "x-trace": "t1" }));
    assert.equal(first.status, 200, first.text);
    const { message, callId, config, app, trace } = first.json;
    assert.deepEqual([message, callId, config, app, trace], ["Hello Ada", first.activationId, "from fn", "java", "t1"]);
    const { heapMiB, certificates } = (await call(fn.invokeUrl, { inspect: true })).json;
    assert.ok(Number(heapMiB) > 100 && Number(heapMiB) < 256, `a heap of ${heapMiB} MiB in a sandbox of 256`);
    assert.ok(Number(certificates) > 50, `${certificates} certificates to trust`);
    const second = await call(fn.fnUrl, { name: "Bea", print: "to the second" });
    assert.deepEqual([second.status, second.json["message"]], [200, "Hello Bea"]);
    assert.match((await recordOf(platform.url, second.activationId)).start, /^(hot|warm)$/);
    const lines = await linesOf(platform.url, second.activationId, 2);
    // The kit leads both to STDERR.
    assert.deepEqual(lines.toSorted(), ["stderr error to the second", "stderr to the second"]);

    const failed = await call(fn.invokeUrl, { fail: "too bad" });
    assert.deepEqual([failed.status, failed.json["code"]], [502, "function_failed"]);
    const printed = (await linesOf(platform.url, failed.activationId, 2)).join("\n");
    assert.match(printed, /IllegalStateException: too bad/);
    const next = await call(fn.fnUrl, {});
    assert.match((await recordOf(platform.url, next.activationId)).start, /^(hot|warm)$/, "an error keeps the sandbox");
  });

  test("the kit through a route", async () => {
    await deploy("route", { handler: "com.example.Hello::route" });
    await put(`${platform.url}/kiln/v1/namespaces/guest/apps/java/routes/made`, { function: "route", source: "/made" });
    const url = `${platform.url}/t/java/made?q=1`;
    const answer = await whenPrepared(() => send("PUT", url, "body", { "x-custom": "c" }));
    assert.deepEqual([answer.status, answer.text], [201, `PUT ${url} c body`]);
    assert.equal(answer.headers.get("location"), "/made");
  });

  test("megabytes both ways", async () => {
    const fn = await deploy("large", { handler: "com.example.Hello::handle", memoryMiB: 512 });
    const name = "é".repeat(1_000_000);
    const answer = await whenPrepared(() => call(fn.fnUrl, { name }));
    assert.equal(answer.json["message"], `Hello ${name}`);
  });

  test("what is missing is named", async () => {
    const bare = await packed({ "com/example/Empty.class": "" });
    const cases: readonly (readonly [settings: object, code: Buffer, message: RegExp])[] = [
      [{}, archive, /needs a handler such as com\.example\.Hello::handle, and it is missing/],
      [{ handler: "index.handler" }, archive, /and it is .*index\.handler/],
      [{ handler: "com.example.Hello::handle" }, bare, /needs Fn's kit in the code: add the jars of com\.fnproject\.fn:runtime/],
      [{ protocol: "stdio" }, bare, /nothing that java:17 could run: looked for a handler that names a class/],
    ];
    for (const [i, [more, code, message]] of cases.entries()) {
      const made = await deploy(`missing-${i}`, more, code).then(
        async (fn) => (await whenPrepared(() => call(fn.invokeUrl, {}))).text,
        (error: Error) => error.message,
      );
      assert.match(made, message);
    }
  });

  test("a method that is not there: the log has the kit's own words", async () => {
    const fn = await deploy("no-method", { handler: "com.example.Hello::none" });
    const answer = await whenPrepared(() => call(fn.invokeUrl, {}));
    assert.equal(answer.status, 502);
    const said = `${answer.text} ${(await linesOf(platform.url, answer.activationId, 1)).join("\n")}`;
    assert.match(said, /none/);
  });

  test("a program without a kit: one process a call, and a server on a port", async () => {
    const once = await deploy("once", { handler: "com.example.Plain", protocol: "stdio" });
    const answer = await whenPrepared(() => call(once.fnUrl, "Ada"));
    assert.deepEqual([answer.status, answer.text], [200, "Hello Ada"]);
    const server = await deploy("server", { handler: "com.example.Plain", protocol: "http-port", concurrency: 4 });
    const answers = await Promise.all(["a", "b", "c", "d"].map((body) => whenPrepared(() => call(server.fnUrl, body))));
    assert.deepEqual(
      answers.map(({ text }) => text),
      ["Hello a", "Hello b", "Hello c", "Hello d"],
    );
  });
});

async function packed(files: Readonly<Record<string, string>>): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), "java-"));
  for (const [path, text] of Object.entries(files)) await writeFile(join(folder, path.replaceAll("/", "-")), text);
  return await pack({ folder }).finally(() => rmSync(folder, { recursive: true }));
}

/** The first use of the kind builds its root, for which no call waits long enough. */
async function whenPrepared(ask: () => Promise<Answer>): Promise<Answer> {
  for (let tries = 1; ; tries++) {
    const answer = await ask();
    if (answer.status !== 503 || tries === 40) return answer;
    assert.match(answer.text, /still being made ready/);
  }
}
