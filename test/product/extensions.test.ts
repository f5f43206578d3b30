/** The example extensions in a real server: what each point does, what callers are told, and what a faulty one gets. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Answer, call, linesOf, recordOf, send } from "../client.ts";
import { type Platform, startPlatform } from "../platform.ts";

const examples = join(import.meta.dirname, "../../examples/extensions");
const named = (...names: string[]) => names.map((name) => join(examples, `${name}.mjs`)).join();

const tells = `exports.handler = async (event, context) => {
  if (event?.print) console.log(event.print);
  if (event?.waitMs) await new Promise((done) => setTimeout(done, event.waitMs));
  const { REGION, PLAN, KILN_ZONE } = process.env;
  return { REGION, PLAN, KILN_ZONE, ticket: context.headers["x-ticket"] };
};`;
const file = ["index.js", tells] as const;

const json = { "content-type": "application/json" };
const post = (url: string, body: object, headers = {}) => send("POST", url, JSON.stringify(body), { ...json, ...headers });
const put = (url: string, body: object) => send("PUT", url, JSON.stringify(body), json);
const told = ({ status, json: { message } }: Answer) => [status, message];

async function until(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!(await holds())) {
    if (Date.now() > deadline) assert.fail(`still not: ${what}`);
    await sleep(20);
  }
}

describe("the example extensions", { concurrency: false, timeout: 180_000 }, () => {
  let platform: Platform;
  let v2: string;
  let kiln: string;
  before(async () => {
    platform = await startPlatform({ env: { POLYKILN_EXTENSIONS: named("policy", "audit", "overrides", "parts") } });
    v2 = `${platform.url}/v2`;
    kiln = `${platform.url}/kiln/v1/namespaces/guest`;
  });
  after(async () => {
    assert.equal(await platform.stop(), 0, platform.log());
  });

  const audited = async (): Promise<string[]> =>
    ((await send("GET", `${v2}/audit`)).json["items"] as { who: string; what: string }[]).map(
      ({ who, what }) => `${who} ${what}`,
    );

  test("a before changes what is stored and what the caller reads, through both APIs", async () => {
    const made = await post(`${v2}/apps`, { name: "owned", annotations: { other: 1 } });
    assert.equal(made.status, 200, made.text);
    assert.deepEqual(made.json["annotations"], { "example.com/owner": "nobody", other: 1 });
    const read = await send("GET", `${v2}/apps/${String(made.json["id"])}`);
    assert.deepEqual(read.json["annotations"], made.json["annotations"]);
    const ours = await put(`${kiln}/apps/ours`, {});
    assert.equal(ours.status, 201);
    assert.deepEqual(ours.json["annotations"], { "example.com/owner": "nobody" });
    const fn = await platform.deploy({ name: "region", file });
    assert.equal((await call(fn.invokeUrl, {})).json["REGION"], "eu");
  });

  test("a refusal is told in its words, in the form of each API, and nothing happened", async () => {
    assert.deepEqual(told(await post(`${v2}/apps`, { name: "tmp-1" })), [403, "Apps may not be temporary here"]);
    const ours = await put(`${kiln}/apps/tmp-1`, {});
    assert.deepEqual([...told(ours), ours.json["code"]], [403, "Apps may not be temporary here", "forbidden"]);
    assert.equal((await send("GET", `${v2}/apps?name=tmp-1`)).text, '{"items":[]}');
    assert.equal((await send("GET", `${kiln}/apps/hidden`)).status, 404);

    const { id } = (await post(`${v2}/apps`, { name: "kept", annotations: { "example.com/keep": true } })).json;
    assert.deepEqual(told(await send("DELETE", `${v2}/apps/${String(id)}`)), [409, "App kept is to be kept"]);
    assert.equal((await send("GET", `${v2}/apps/${String(id)}`)).status, 200);
    const frozen = await put(`${v2}/apps/${String(id)}`, { annotations: { "example.com/frozen": true } });
    assert.deepEqual(told(frozen), [409, "App kept is frozen"]);
    const { id: fnId } = (await post(`${v2}/fns`, { name: "f", app_id: id, image: "a/b:1" })).json;
    const trigger = { name: "t", app_id: id, fn_id: fnId, type: "http", source: "/admin/x" };
    assert.deepEqual(told(await post(`${v2}/triggers`, trigger)), [403, "Paths below /admin are taken"]);
  });

  test("an after hears who did what: what middleware keeps around next is there in listeners", async () => {
    const user = { "x-user": "ann" };
    const { json: app, headers } = await post(`${v2}/apps`, { name: "seen" }, user);
    assert.equal(headers.get("x-audited"), "yes");
    await send("GET", `${v2}/apps`, undefined, user);
    await send("DELETE", `${kiln}/apps/seen`, undefined, { "x-user": "bob" });
    const heard = await audited();
    assert.ok(heard.includes("ann created app seen") && heard.includes("bob deleted app seen"), heard.join("\n"));
    assert.ok(heard.some((line) => /^ann listed \d+ apps$/.test(line)));
    assert.equal((await send("GET", `${v2}/apps/${String(app["id"])}`)).status, 404);
    assert.deepEqual(told(await send("GET", `${v2}/apps`, undefined, { "x-user": "banned" })), [403, "banned"]);
    assert.equal((await send("GET", `${platform.url}/version`)).headers.get("x-audited"), null, "only the APIs");
  });

  test("endpoints of extensions: with parameters, bodies, and keys unless they are open", async () => {
    const { json: app } = await post(`${v2}/apps`, { name: "sized" });
    await post(`${v2}/fns`, { name: "one", app_id: app["id"], image: "a/b:1" });
    assert.deepEqual((await send("GET", `${v2}/apps/${String(app["id"])}/size`)).json, { functions: 1 });
    const echo = await send("POST", `${platform.url}/hooks/echo`, "hello", { "content-type": "text/odd" });
    assert.deepEqual([echo.status, echo.text, echo.headers.get("content-type")], [201, "hello", "text/plain; charset=utf-8"]);
    const wrong = await send("GET", `${platform.url}/v2/audit`, undefined, { authorization: "Bearer no:such" });
    assert.equal(wrong.status, 401);
  });

  test("call listeners: a refused call leaves no record, each record is heard once, also of asynchronous calls", async () => {
    const fn = await platform.deploy({ name: "counted", file });
    const poison = await call(fn.fnUrl, {}, { "x-a": "x-poison" });
    assert.deepEqual(told(poison), [400, "A header of this call is poison"]);
    assert.equal(poison.activationId, "");
    assert.equal((await call(fn.fnUrl, {}, { "x-a": "x-poison", "fn-invoke-type": "detached" })).status, 400);
    assert.equal((await call(fn.fnUrl, {})).status, 200);
    const detached = await call(fn.fnUrl, {}, { "fn-invoke-type": "detached" });
    assert.equal(detached.status, 202);
    await until(
      async () => (await audited()).filter((line) => line === "nobody called counted: success").length === 2,
      "both calls were heard",
    );
    assert.equal((await recordOf(platform.url, detached.activationId)).status, "success");

    const closed = await platform.deploy({ name: "closed", file, settings: { config: { CLOSED: "yes" } } });
    const refused = await call(closed.invokeUrl, {});
    assert.deepEqual(told(refused), [429, "Function closed takes no calls"]);
    assert.deepEqual(told(await call(closed.fnUrl, {})), [429, "Too many requests submitted"]);
  });

  test("an overridden call runs in sandboxes of its own, or for a shorter time; placement hears of it", async () => {
    const fn = await platform.deploy({ name: "planned", file });
    for (let round = 0; round < 2; round++) {
      assert.equal((await call(fn.invokeUrl, {})).json["PLAN"], undefined);
      assert.equal((await call(fn.invokeUrl, {}, { "x-plan": "gold" })).json["PLAN"], "gold");
      assert.equal((await call(fn.invokeUrl, {}, { "x-plan": "lead" })).json["PLAN"], "lead");
    }
    const again = await call(fn.invokeUrl, {}, { "x-plan": "gold" });
    assert.ok(["hot", "warm"].includes((await recordOf(platform.url, again.activationId)).start), "equal overrides share");
    assert.equal((await call(fn.invokeUrl, { waitMs: 5000 }, { "x-plan": "short" })).status, 504);
    assert.equal((await call(fn.invokeUrl, {}, { "x-plan": "none" })).status, 503);
    const detached = await call(fn.fnUrl, {}, { "x-plan": "gold", "fn-invoke-type": "detached" });
    const result = `${kiln}/activations/${detached.activationId}/result`;
    await until(async () => (await send("GET", result)).status === 200, "the detached call has its result");
    assert.match((await send("GET", result)).text, /\bPLAN\b.*\bgold\b/);
  });

  test("URLs are shown as the annotator has them", async () => {
    const { json: app } = await post(`${v2}/apps`, { name: "shown" });
    const { json: fn } = await post(`${v2}/fns`, { name: "f", app_id: app["id"], image: "a/b:1" });
    const url = (fn["annotations"] as Record<string, string>)["fnproject.io/fn/invokeEndpoint"];
    assert.equal(url, `https://functions.example.com/invoke/${String(fn["id"])}`);
    const trigger = { name: "t", app_id: app["id"], fn_id: fn["id"], type: "http", source: "/x" };
    const { json: made } = await post(`${v2}/triggers`, trigger);
    const shown = (made["annotations"] as Record<string, string>)["fnproject.io/trigger/httpEndpoint"];
    assert.equal(shown, "https://functions.example.com/t/shown/x");
  });

  test("store, queue, log store and sandbox driver can be others", async () => {
    const fn = await platform.deploy({ name: "zoned", file });
    const answer = await call(fn.invokeUrl, { print: "a line" });
    assert.equal(answer.json["KILN_ZONE"], "north");
    assert.deepEqual(await linesOf(platform.url, answer.activationId, 1), ["stdout a line"]);
    const counts = (await send("GET", `${platform.url}/parts`)).json as Record<string, number>;
    for (const name of ["apps", "sent", "lines", "sandboxes"]) assert.ok((counts[name] ?? 0) > 0, `${name}: ${counts[name]}`);
  });
});

test("root middleware sees everything, calls included, with front processes, too", { timeout: 120_000 }, async () => {
  const platform = await startPlatform({ env: { POLYKILN_EXTENSIONS: named("gate"), POLYKILN_FRONT: "1" } });
  try {
    assert.equal((await send("GET", `${platform.url}/healthz`)).status, 200);
    const stopped = await send("GET", `${platform.url}/v2/apps`);
    assert.deepEqual(
      [...told(stopped), stopped.headers.get("content-type")],
      [402, "no ticket", "application/json; charset=utf-8"],
    );
    const ticket = { "x-ticket": "7" };
    const app = `${platform.url}/kiln/v1/namespaces/guest/apps/_`;
    const code = `${app}/functions/gated/code?kind=nodejs:24&file=index.js`;
    const made = await send("PUT", code, tells, { ...ticket, "content-type": "application/octet-stream" });
    assert.ok(made.status < 300, made.text);
    const url = `${app}/functions/gated/invoke`;
    assert.deepEqual(told(await call(url, {})), [402, "no ticket"]);
    for (let round = 0; round < 3; round++) {
      const answer = await call(url, {}, { "x-ticket": String(round) });
      assert.deepEqual([answer.status, answer.json["ticket"]], [200, `${round}, checked`], answer.text);
      assert.equal(answer.headers.get("x-gate"), "open");
    }
    assert.equal((await call(`${platform.url}/invoke/none`, {}, ticket)).status, 404);
  } finally {
    assert.equal(await platform.stop(), 0, platform.log());
  }
});

test("parts of one's own do without ours: what is kept in memory is gone with the server", { timeout: 120_000 }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "kiln-extension-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const source = join(import.meta.dirname, "../../src");
  const path = join(folder, "memory.ts");
  writeFileSync(
    path,
    `import { memoryStore } from "${source}/store/memory/store.ts";
import { memoryQueue } from "${source}/queue/memory/queue.ts";
import { memoryLogStore } from "${source}/logs/memory/store.ts";
import { realWorld } from "${source}/lib/world.ts";
import type { Extension } from "${source}/extensions/extensions.ts";
const extension: Extension = {
  name: "memory",
  version: 1,
  store: () => memoryStore(),
  queue: () => memoryQueue(realWorld()),
  logStore: () => memoryLogStore(),
};
export default extension;`,
  );
  const env = { POLYKILN_EXTENSIONS: path };
  const first = await startPlatform({ env, data: join(folder, "data") });
  try {
    const fn = await first.deploy({ name: "kept", file });
    const { activationId } = await call(fn.fnUrl, { print: "a line" }, { "fn-invoke-type": "detached" });
    const result = `${first.url}/kiln/v1/namespaces/guest/activations/${activationId}/result`;
    await until(async () => (await send("GET", result)).status === 200, "the detached call has its result");
    assert.deepEqual(await linesOf(first.url, activationId, 1), ["stdout a line"]);
  } finally {
    assert.equal(await first.stop(), 0, first.log());
  }
  const second = await startPlatform({ env, data: join(folder, "data") });
  try {
    assert.equal((await send("GET", `${second.url}/v2/apps`)).text, '{"items":[]}');
  } finally {
    assert.equal(await second.stop(), 0, second.log());
  }
});

/** What may go wrong in a hook. */
const faulty = `
const never = () => new Promise(() => {});
export default {
  name: "faulty", version: 1,
  apps: {
    beforeCreate(app) {
      if (app.name === "throws") throw new Error("secret of the extension");
      if (app.name === "hangs") return never();
      if (app.name === "renames") return { ...app, name: "other" };
      if (app.name === "spoils") return { ...app, config: { A: 1 } };
    },
    afterCreate(app) { if (app.name === "late") throw new Error("too late"); },
  },
  apiMiddleware(request, next) {
    if (request.header("x-mode") === "silent") return;
    if (request.header("x-mode") === "hangs") return never();
    next();
    if (request.header("x-mode") === "after") throw new Error("after next");
  },
  calls: { before({ headers }) { if (headers.includes("hangs")) return never(); }, after() { throw new Error("every time"); } },
  callOverrider({ headers }) { if (headers.includes("huge")) return { memoryMiB: 1e9 }; },
  placement() { throw new Error("no idea"); },
  urlAnnotator: { fn() { throw new Error("no URL"); } },
  endpoints: [{ method: "GET", path: "/broken", open: true, handler: () => ({ status: 99 }) }],
};`;

test("what an extension does wrong is logged with its name, and hangs nobody", { timeout: 120_000 }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "kiln-extension-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, "faulty.mjs");
  writeFileSync(path, faulty);
  const platform = await startPlatform({ env: { POLYKILN_EXTENSIONS: path, POLYKILN_EXTENSION_TIMEOUT_MS: "500" } });
  try {
    const apps = `${platform.url}/v2/apps`;
    const kiln = `${platform.url}/kiln/v1/namespaces/guest/apps`;
    for (const name of ["throws", "hangs", "renames", "spoils"]) {
      assert.deepEqual(told(await post(apps, { name })), [500, "internal server error"], name);
      const ours = await put(`${kiln}/${name}`, {});
      assert.equal(ours.status, 500);
      assert.match(String(ours.json["message"]), /^Extension faulty (failed|gave back).* apps\.beforeCreate/);
      assert.equal((await send("GET", `${kiln}/${name}`)).status, 404, "nothing was made");
    }
    assert.equal((await post(apps, { name: "late" })).status, 200, "what happened stays");
    for (const mode of ["silent", "hangs"]) assert.equal((await send("GET", apps, undefined, { "x-mode": mode })).status, 500);
    assert.equal((await send("GET", apps, undefined, { "x-mode": "after" })).status, 200);
    assert.equal((await send("GET", `${platform.url}/broken`)).status, 500);

    const fn = await platform.deploy({ name: "well", file });
    assert.equal((await call(fn.invokeUrl, {})).status, 200, "our own placement stands in");
    assert.equal((await call(fn.invokeUrl, {}, { "x-a": "hangs" })).status, 500);
    assert.equal((await call(fn.invokeUrl, {}, { "x-a": "huge" })).status, 500);
    const list = await send("GET", `${platform.url}/v2/fns?app_id=${String((await send("GET", `${kiln}/tests`)).json["id"])}`);
    assert.equal(list.status, 500, "the annotator failed");

    for (const said of [
      ["apps.beforeCreate", "secret of the extension"],
      ["apps.afterCreate", "too late"],
      ["apiMiddleware", "without having called next"],
      ["calls.after", "every time"],
      ["calls.before", "did not answer within 500 ms"],
      ["callOverrider", "memoryMiB is 1000000000"],
      ["placement", "no idea"],
      ["urlAnnotator.fn", "no URL"],
      ["GET /broken", "the status 99"],
    ]) {
      const isSaid = () =>
        platform
          .log()
          .split("\n")
          .some((line) => line.includes('"extension":"faulty"') && said.every((text) => line.includes(text)));
      // What is logged comes by a pipe, not with the answer.
      await until(isSaid, `logged: ${said.join(": ")}`);
    }
  } finally {
    assert.equal(await platform.stop(), 0, platform.log());
  }
});

test("the types that authors write against are whole, and the examples hold to them", { timeout: 120_000 }, () => {
  const project = join(import.meta.dirname, "../..");
  const tsc = (...args: string[]) =>
    execFileSync(join(project, "node_modules/.bin/tsc"), args, { encoding: "utf8", stdio: "pipe" });
  const folder = mkdtempSync(join(tmpdir(), "kiln-types-"));
  const installed = join(folder, "node_modules/polykiln");
  mkdirSync(installed, { recursive: true });
  const { exports } = JSON.parse(readFileSync(join(project, "package.json"), "utf8")) as { exports: object };
  writeFileSync(join(installed, "package.json"), JSON.stringify({ name: "polykiln", type: "module", exports }));
  const compilerOptions = {
    allowJs: true,
    checkJs: true,
    noEmit: true,
    strict: true,
    module: "nodenext",
    target: "es2024",
    types: ["node"],
    typeRoots: [join(project, "node_modules/@types")],
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["*.mjs"] }));
  cpSync(examples, folder, { recursive: true });
  try {
    tsc("-p", join(project, "tsconfig.types.json"), "--outDir", join(installed, "dist"));
    tsc("-p", folder);
    writeFileSync(
      join(folder, "wrong.mjs"),
      '/** @type {import("polykiln/extensions").Extension} */ export default { name: 1 };',
    );
    assert.throws(
      () => tsc("-p", folder),
      ({ stdout }: { stdout: string }) => /wrong\.mjs/.test(stdout),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("a server does not start with an extension that can't be used, and says which and why", async () => {
  const env = { POLYKILN_EXTENSIONS: `${named("audit")},./no/such.mjs` };
  await assert.rejects(startPlatform({ env }), (error: Error) => {
    assert.match(
      error.message,
      /ended with 2 .*Extension \.\/no\/such\.mjs can't be used: there is no such file\. To mend it: /s,
    );
    return true;
  });
});
