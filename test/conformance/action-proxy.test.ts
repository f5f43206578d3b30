/** Actions in an image that speaks OpenWhisk's contract, and the same on our own runtime: what comes back is equal. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { makeZip } from "../archives.ts";
import { type ImageRegistry, startImageRegistry } from "../image-registry.ts";
import { baseLayer, ImageShelf, type ImagePlatform, nodeAndShell, noWay, startImagePlatform, ways } from "../image-ways.ts";
import { invoke, linesOf, putAction, whisk, type WhiskActivation } from "../whisk.ts";

const proxy = readFileSync(join(import.meta.dirname, "../functions/action-proxy/proxy.cjs"), "utf8");

/** One call of some code: what its record says, and what it printed. */
interface Case {
  readonly name: string;
  readonly code: string;
  readonly main?: string;
  readonly fields?: object;
  readonly parameters?: object;
  readonly expect: readonly [status: string, result: unknown];
  readonly prints?: readonly string[];
}

const error = (text: string) => ["action developer error", { error: text }] as const;

const cases: readonly Case[] = [
  {
    name: "parameters of the action under those of the call",
    code: "function main(p) { return p; }",
    fields: {
      parameters: [
        { key: "a", value: 1 },
        { key: "b", value: { c: [2] } },
      ],
    },
    parameters: { a: "call's", d: null },
    expect: ["success", { a: "call's", b: { c: [2] }, d: null }],
  },
  {
    name: "a promise, and lines on both streams",
    code: 'async function main() { console.log("out"); console.error("err"); return { done: true }; }',
    expect: ["success", { done: true }],
    prints: ["stderr: err", "stdout: out"],
  },
  { name: "another name of the function", code: "function other() { return {}; }", main: "other", expect: ["success", {}] },
  { name: "nothing", code: "function main() {}", expect: ["success", {}] },
  { name: "an array", code: "function main() { return [1, { a: 2 }]; }", expect: ["success", [1, { a: 2 }]] },
  {
    name: "a result with an error, of which the rest is dropped",
    code: "function main() { return { error: { code: 7 }, more: 1 }; }",
    expect: ["application error", { error: { code: 7 } }],
  },
  {
    name: "an error that is thrown",
    code: 'function main() { throw new Error("broken"); }',
    expect: error("An error has occurred: Error: broken"),
  },
  {
    name: "a result that is none",
    code: "function main() { return 1; }",
    expect: error("The action did not return a dictionary or array."),
  },
  {
    name: "a process that ends",
    code: "function main() { process.exit(1); }",
    expect: error("The action did not produce a valid response and exited unexpectedly."),
  },
  {
    name: "time that is up",
    code: "function main() { return new Promise(() => {}); }",
    // A proxy's start has the same limit.
    fields: { limits: { timeout: 3000 } },
    expect: error("The action exceeded its time limits of 3000 milliseconds."),
  },
  {
    name: "parameters for the environment, which are no parameters of calls",
    code: "function main(p) { return { p, number: process.env.number, text: process.env.text }; }",
    fields: {
      parameters: [
        { key: "number", value: 1.5, init: true },
        { key: "text", value: "t", init: true },
      ],
    },
    parameters: { text: "ignored" },
    expect: ["success", { p: {}, number: "1.5", text: "t" }],
  },
  {
    name: "a result that is too long",
    code: 'function main() { return { a: "x".repeat(1024 * 1024) }; }',
    expect: [
      "application error",
      {
        error: `The action produced a response that exceeded the allowed length: 1048584 > 1048576 bytes. The truncated response was: {"a":"${"x".repeat(1018)}`,
      },
    ],
  },
];

/** What code reads of itself, less what each call has its own of. */
const facts = `function main() {
  const { __OW_API_KEY: key, __OW_ACTIVATION_ID: id, __OW_DEADLINE: deadline, __OW_TRANSACTION_ID: transaction, ...env } = process.env;
  return { name: env.__OW_ACTION_NAME, version: env.__OW_ACTION_VERSION, namespace: env.__OW_NAMESPACE, key: key ?? null, id, transaction,
    deadline: Number(deadline) - Date.now() };
}`;

let registry: ImageRegistry;
let shelf: ImageShelf;

before(async () => {
  if (ways.every(noWay)) return;
  registry = await startImageRegistry();
  shelf = new ImageShelf(registry, baseLayer(nodeAndShell));
});

after(() => registry?.stop());

for (const way of ways) {
  describe(`action proxies, images ${way}`, { skip: noWay(way), timeout: 300_000 }, () => {
    let place: ImagePlatform;
    let image: string;
    const runtimes = { "our runtime": () => ({ kind: "nodejs:24" }), "a proxy": () => ({ kind: "blackbox", image }) };

    before(async () => {
      place = await startImagePlatform(way);
      image = await shelf.node("proxy", proxy);
    });

    after(() => place?.stop());

    /** Each case is a container under Docker, which takes its time, and how the proxy is spoken to does not differ there. */
    const all = way === "unpacked" ? Object.entries(runtimes) : [["a proxy", runtimes["a proxy"]] as const];
    const some = way === "unpacked" ? cases : cases.slice(0, 2);

    for (const [runtime, execOf] of all) {
      for (const [index, { name, code, main, fields, parameters, expect, prints = [] }] of some.entries()) {
        test(`${runtime}: ${name}`, async () => {
          const action = `case-${index}-${runtime.replaceAll(" ", "-")}`;
          await putAction(place.platform, action, {
            exec: { ...execOf(), code, ...(main === undefined ? {} : { main }) },
            ...fields,
          });
          const { status, body } = await invoke(place.platform, action, parameters);
          const given = Array.isArray(body) ? ["success", body] : [body.response.status, body.response.result];
          assert.deepEqual(given, expect);
          assert.equal(status, expect[0] === "success" ? 200 : 502);
          if (prints.length === 0) return;
          assert.deepEqual((await linesOf(place.platform, body.activationId, prints.length)).toSorted(), prints);
        });
      }

      test(`${runtime}: what code reads of itself, with a key of its namespace where its annotation says so`, async () => {
        const action = `facts-${runtime.replaceAll(" ", "-")}`;
        for (const [index, provided] of [false, true].entries()) {
          const annotations = [{ key: "provide-api-key", value: provided }];
          await putAction(place.platform, action, { exec: { ...execOf(), code: facts }, annotations });
          const { body } = await invoke(place.platform, action);
          const result = body.response.result as Record<string, string | number | null>;
          const { activationId: id } = body;
          assert.deepEqual(
            { ...result, key: null, deadline: 0 },
            {
              name: `/guest/${action}`,
              version: `0.0.${index + 1}`,
              namespace: "guest",
              key: null,
              id,
              transaction: id,
              deadline: 0,
            },
          );
          assert.ok(Number(result["deadline"]) > 30_000 && Number(result["deadline"]) <= 60_000, String(result["deadline"]));
          assert.equal(typeof result["key"], provided ? "string" : "object");
          if (!provided) continue;
          const auth = String(result["key"]);
          assert.deepEqual((await whisk({ ...place.platform, auth }, "GET", "actions?limit=1")).status, 200);
        }
      });
    }

    test("an image with what it does in itself, with code in base64, and how it is shown", async () => {
      await putAction(place.platform, "own", { exec: { kind: "blackbox", image } });
      const own = await invoke(place.platform, "own", { a: 1 });
      assert.deepEqual(own.body.response.result, { own: true, params: { a: 1 } });
      const zip = makeZip([{ name: "exec", data: "x" }]);
      const code = zip.toString("base64");
      await putAction(place.platform, "zipped", { exec: { kind: "blackbox", image, code, main: "m" } });
      const zipped = await invoke(place.platform, "zipped");
      assert.deepEqual(zipped.body.response.result, { bytes: zip.length, start: "PK" });
      const { body } = await whisk<{ exec: object }>(place.platform, "GET", "actions/zipped");
      assert.deepEqual(body.exec, { kind: "blackbox", image, code, main: "m", binary: true });
    });

    test("an image that writes where OpenWhisk's own do, beside what it has there", async () => {
      const code = `const fs = require("fs");
function main() {
  const written = (file) => { try { fs.writeFileSync(file, "x"); return "ok"; } catch (error) { return error.code; } };
  return { folder: process.cwd(), read: fs.readFileSync("own.txt", "utf8"), written: ["/action/x", "action/x", "own.txt", "/etc/x"].map(written) };
}`;
      const files = [
        { name: "func.cjs", data: proxy },
        { name: "proxy/own.txt", data: "own" },
      ];
      const other = await shelf.put("folder", files, { Entrypoint: ["node", "/func.cjs"], WorkingDir: "/proxy" });
      const prepare = `require("fs").mkdirSync("action", { recursive: true });`;
      await putAction(place.platform, "writes", { exec: { kind: "blackbox", image: other, code: prepare + code } });
      const { body } = await invoke(place.platform, "writes");
      assert.deepEqual(body.response.result, { folder: "/proxy", read: "own", written: ["ok", "ok", "EROFS", "EROFS"] });
    });

    test("marks that code prints are no lines, and end neither its own output nor the next call's", async () => {
      const mark = "XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX";
      const code = `function main({ n }) { console.log("${mark}"); console.log("one", n); console.log("${mark}"); console.log("two", n); return {}; }`;
      await putAction(place.platform, "forges", { exec: { kind: "blackbox", image, code } });
      for (const n of [1, 2, 3]) {
        const { body } = await invoke(place.platform, "forges", { n });
        assert.deepEqual(await linesOf(place.platform, body.activationId, 2), [`stdout: one ${n}`, `stdout: two ${n}`]);
      }
    });

    test("code that cannot be loaded: the proxy's own text, and no mark in the log", async () => {
      const code = 'console.log("loading"); throw new Error("not today");';
      await putAction(place.platform, "broken", { exec: { kind: "blackbox", image, code } });
      const { status, body } = await invoke(place.platform, "broken");
      assert.deepEqual([status, body.response.status], [502, "action developer error"]);
      assert.deepEqual(body.response.result, { error: "Initialization has failed due to: not today" });
      assert.deepEqual(await linesOf(place.platform, body.activationId, 1), ["stdout: loading"]);
    });

    test("an image that is not there is its owner's affair", async () => {
      const missing = image.replace(":proxy", ":missing");
      await putAction(place.platform, "missing", { exec: { kind: "blackbox", image: missing } });
      const { status, body } = await invoke(place.platform, "missing");
      assert.deepEqual([status, body.response.status], [502, "action developer error"]);
      assert.deepEqual(body.response.result, { error: `Failed to pull container image '${missing}'.` });
    });

    test("calls at a time in one container, as many as the action allows", async () => {
      const code = `let open = 0, most = 0;
async function main() { most = Math.max(most, ++open); await new Promise((r) => setTimeout(r, 300)); open--; return { most, pid: process.pid }; }`;
      await putAction(place.platform, "many", { exec: { kind: "blackbox", image, code }, limits: { concurrency: 4 } });
      await invoke(place.platform, "many");
      const calls = await Promise.all(Array.from({ length: 4 }, () => invoke(place.platform, "many")));
      const most = calls.map(({ body }) => (body.response.result as { most: number }).most);
      assert.ok(Math.max(...most) > 1, String(most));
    });

    test("a second version gets a container of its own, and code is sent once to each", async () => {
      for (const text of ["one", "two"]) {
        const code = `let calls = 0; function main() { return { text: "${text}", calls: ++calls }; }`;
        await putAction(place.platform, "versions", { exec: { kind: "blackbox", image, code } });
        for (const calls of [1, 2]) {
          const { body }: { body: WhiskActivation } = await invoke(place.platform, "versions");
          assert.deepEqual(body.response.result, { text, calls });
        }
      }
    });
  });
}
