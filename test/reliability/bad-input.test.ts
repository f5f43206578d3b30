/** Requests that are wrong in every way: each gets the documented status and a message that names the cause; nothing is left of it. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { limits } from "../../src/model/limits.ts";
import { makeTar, makeZip, paxHeader } from "../archives.ts";
import { call, recordOf, send } from "../client.ts";
import { type DeployedFunction, type Platform, startPlatform } from "../platform.ts";

let platform: Platform;
let neighbour: DeployedFunction;
const json = { "content-type": "application/json" };
const ns = "/kiln/v1/namespaces/guest";

describe("bad input", { concurrency: 2, timeout: 120_000 }, () => {
  before(async () => {
    platform = await startPlatform();
    neighbour = await platform.deploy({ name: "neighbour", file: ["index.js", "exports.handler = (event) => event"] });
    await assertServed();
  });
  after(async () => {
    assert.equal(await platform.stop(), 0, platform.log());
    assert.doesNotMatch(platform.log(), /"level":(50|"error")|Internal error/, "no fault of a caller is ours");
  });

  test("management", async () => {
    const problems: string[] = [];
    for (const [method, path, body, status, expected] of requests()) {
      const answer = await send(method, platform.url + path, typeof body === "object" ? JSON.stringify(body) : body, json);
      const message = String(answer.json["message"]);
      if (answer.status !== status || !expected.test(message))
        problems.push(`${method} ${path.slice(0, 80)} ${JSON.stringify(body)?.slice(0, 80)}: ${answer.status} ${message}`);
    }
    assert.deepEqual(problems, []);
    await assertServed();
  });

  test("code is looked at when it is sent", async () => {
    const codeFolder = join(platform.data, "code");
    const problems: string[] = [];
    for (const [name, archive, message] of archives()) {
      const type = archive.readUInt16BE(0) === 0x504b ? "application/zip" : "application/x-tar";
      const url = `${platform.url}${ns}/apps/tests/functions/refused/code?kind=nodejs:24`;
      const answer = await send("PUT", url, archive, { "content-type": type });
      const told = String(answer.json["message"]);
      if (answer.status !== 400 || answer.json["code"] !== "invalid" || !message.test(told))
        problems.push(`${name}: ${answer.status} ${told}`);
      const inline = { kind: "nodejs:24", code: archive.toString("base64") };
      if (archive.length > 1_000_000) continue;
      const again = await send("PUT", `${platform.url}${ns}/apps/tests/functions/refused`, JSON.stringify(inline), json);
      if (again.status !== 400) problems.push(`${name}, in JSON: ${again.text}`);
    }
    assert.deepEqual(problems, []);
    // Other tests upload meanwhile, and code is kept under the digest of its bytes.
    const refused = new Set(archives().map(([, archive]) => createHash("sha256").update(archive).digest("hex")));
    const kept = readdirSync(codeFolder).filter((name) => name.startsWith(".new-") || refused.has(name));
    assert.deepEqual(kept, [], "nothing of them is kept");
    assert.equal((await send("GET", `${platform.url}${ns}/apps/tests/functions/refused`)).status, 404);
    await assertServed();
  });

  test("bodies over the limit, with and without their length", async () => {
    const bytes = limits.requestBytesMax + 1;
    for (const url of [neighbour.invokeUrl, neighbour.fnUrl]) {
      const path = new URL(url).pathname;
      assert.match(await raw(`POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${bytes}\r\n\r\n`), /^HTTP\/1\.1 413 /);
      const size = (1 << 20).toString(16);
      const chunks = Array.from({ length: 33 }, () =>
        Buffer.concat([Buffer.from(`${size}\r\n`), Buffer.alloc(1 << 20), Buffer.from("\r\n")]),
      );
      const head = `POST ${path} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n`;
      assert.match(await raw(head, ...chunks, "0\r\n\r\n"), /^HTTP\/1\.1 413 /);
    }
    const { headers, text } = await call(neighbour.invokeUrl, Buffer.alloc(bytes)).catch(() => ({ headers: null, text: "" }));
    if (headers !== null) assert.match(text, new RegExp(`too_large.*${limits.requestBytesMax}`));
    for (const [path, length] of [
      [`${ns}/apps/tests`, 1024 * 1024 + 1],
      [`${ns}/apps/tests/functions/big/code?kind=nodejs:24`, limits.code.bytesMax + 1],
      ["/v2/apps", 1024 * 1024 + 1],
    ] as const) {
      const method = path === "/v2/apps" ? "POST" : "PUT";
      const head = `${method} ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n{`;
      assert.match(await raw(head), /^HTTP\/1\.1 413 [^]*\r\n\r\n\{.*"message":"Request|^HTTP\/1\.1 413 [^]*"The request body/);
    }
    await assertServed();
  });

  test("headers over the limit", async () => {
    for (const path of [new URL(neighbour.invokeUrl).pathname, new URL(neighbour.fnUrl).pathname, `${ns}/apps`, "/v2/apps"]) {
      const method = path.includes("invoke") ? "POST" : "GET";
      const start = `${method} ${path} HTTP/1.1\r\nHost: localhost\r\n`;
      assert.match(await raw(`${start}X-Big: ${"x".repeat(limits.headerBytesMax)}\r\n\r\n`), /^HTTP\/1\.1 431 /);
      const many = Array.from({ length: limits.headerCountMax + 1 }, (_, index) => `x-${index}: 1\r\n`).join("");
      assert.match(await raw(`${start}${many}\r\n`), /^HTTP\/1\.1 431 /);
    }
    await assertServed();
  });

  test("what is no HTTP", async () => {
    for (const text of [
      "this is no HTTP\r\n\r\n",
      "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
      "POST /invoke/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
      "POST /invoke/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\na",
      "POST /invoke/x HTTP/1.1\r\nHost: localhost\r\nX: a\x00b\r\n\r\n",
      "POST /invoke/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
      "GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
    ]) {
      const answer = await raw(text);
      assert.match(answer, /^HTTP\/1\.1 (400|404|505) |^$/, JSON.stringify(text));
    }
    await assertServed();
  });

  test("a client that sends its headers slowly is told 408", async () => {
    const began = performance.now();
    assert.match(await raw("POST /invoke/x HTTP/1.1\r\nHost: localhost\r\nX-Slow:"), /^HTTP\/1\.1 408 |^$/);
    assert.ok(performance.now() - began < 25_000);
  });

  test("a client that never sends the body it announced holds its call only for the function's time", async () => {
    const reader = await platform.deploy({
      name: "reader",
      file: ["index.js", "exports.handler = (event) => event"],
      settings: { timeoutMs: 500 },
    });
    const path = new URL(reader.invokeUrl).pathname;
    const answer = await raw(`POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf`);
    assert.match(answer, /^HTTP\/1\.1 (408|504) /);
    const id = /kiln-activation-id: (\w+)/i.exec(answer)?.[1] ?? "";
    assert.match((await recordOf(platform.url, id)).status, /timeout|cancelled/);
    await assertServed();
  });

  test("clients that go away in the middle of a request or an answer", async () => {
    const slow = await platform.deploy({
      name: "slow",
      file: ["index.js", "exports.handler = () => new Promise((done) => setTimeout(done, 5000, 1))"],
      settings: { sandboxesMax: 1 },
    });
    const path = new URL(slow.invokeUrl).pathname;
    for (const text of [
      `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf`,
      `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n`,
      "POST /inv",
    ]) {
      await raw.abandon(text);
      await assertServed();
    }
    const list = async () =>
      (await send("GET", `${platform.url}${ns}/activations?function=${slow.id}`)).json["items"] as { status: string }[];
    const giveUpAt = performance.now() + 20_000;
    while ((await list()).length < 2 && performance.now() < giveUpAt) await new Promise((resolve) => setTimeout(resolve, 50));
    assert.deepEqual(
      (await list()).map(({ status }) => status),
      ["cancelled", "cancelled"],
    );
  });
});

type Request = readonly [method: string, path: string, body: object | string | undefined, status: number, message: RegExp];

function requests(): readonly Request[] {
  const app = `${ns}/apps/tests`;
  const fn = `${app}/functions/bad`;
  const base = { kind: "nodejs:24", fileName: "index.js", code: Buffer.from("exports.handler = () => 1").toString("base64") };
  const unknown = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
  return [
    ["PUT", app, '{"config":', 400, /not valid JSON: .*line 1 column/],
    ["PUT", app, "[1]", 400, /object/],
    ["PUT", fn, '{"kind":"nodejs:24",}', 400, /not valid JSON/],
    ["POST", "/v2/apps", '{"name":', 400, /^Invalid JSON$/],
    ["GET", `${ns}/apps/nowhere`, undefined, 404, /App nowhere does not exist/],
    ["GET", `${app}/functions/nowhere`, undefined, 404, /Function nowhere does not exist/],
    ["POST", `${app}/functions/nowhere/invoke`, "{}", 404, /nowhere/],
    ["GET", "/kiln/v1/namespaces/nobody/apps", undefined, 404, /nobody/],
    ["GET", `${ns}/activations/${unknown}`, undefined, 404, /Activation .* does not exist/],
    ["GET", `${ns}/activations/${unknown}/logs`, undefined, 404, /Activation .* does not exist/],
    ["POST", `/invoke/${unknown}`, "{}", 404, /^Fn not found$/],
    ["GET", `/v2/apps/${unknown}`, undefined, 404, /^App not found$/],
    ["GET", `/v2/fns/${unknown}`, undefined, 404, /^Fn not found$/],
    ["GET", `/v2/triggers/${unknown}`, undefined, 404, /^Trigger not found$/],
    ["GET", "/v2/apps/%ff", undefined, 404, /^App not found$/],
    ["GET", `/v2/apps/${"x".repeat(300)}`, undefined, 404, /^App not found$/],
    ["GET", "/t/nowhere/path", undefined, 404, /^App not found$/],
    ["GET", "/t/tests/path", undefined, 404, /^Trigger not found$/],
    ["DELETE", "/kiln/v1/health", undefined, 405, /DELETE is not possible/],
    ["PUT", fn, { ...base, memoryMiB: "much" }, 400, /memoryMiB/],
    ["PUT", fn, { ...base, memoryMiB: 0 }, 400, /memoryMiB.*1/],
    ["PUT", fn, { ...base, memoryMiB: limits.memoryMiB.max + 1 }, 400, /memoryMiB.*10240/],
    ["PUT", fn, { ...base, timeoutMs: limits.timeoutMs.max + 1 }, 400, /timeoutMs.*900000/],
    ["PUT", fn, { ...base, timeoutMs: 1.5 }, 400, /timeoutMs.*integer/],
    ["PUT", fn, { ...base, config: { A: 1 } }, 400, /config.*string/],
    ["PUT", fn, { ...base, config: { "1A": "x" } }, 400, /config\.1A is no name/],
    [
      "PUT",
      fn,
      { ...base, config: { A: "x".repeat(limits.config.bytesMax) } },
      400,
      /config has \d+ bytes, must have at most 65536/,
    ],
    ["PUT", fn, { ...base, annotations: { "a b": 1 } }, 400, /annotations\.a b is no key/],
    ["PUT", fn, { ...base, protocol: "telepathy" }, 400, /protocol/],
    ["PUT", fn, { ...base, kind: "nodejs:25" }, 400, /Kind "nodejs:25" is unknown\. Did you mean nodejs:2\d\? The kinds are: /],
    ["PUT", fn, { ...base, kind: undefined }, 400, /kind is missing: one of nodejs:24/],
    ["PUT", fn, { kind: "nodejs:24" }, 400, /There is no code/],
    ["PUT", fn, { ...base, code: "!!!" }, 400, /code.*base64/],
    ["PUT", fn, { ...base, fileName: "../index.js" }, 400, /plain name without folders/],
    ["PUT", fn, { ...base, image: "a/b" }, 400, /image can't be given together/],
    ["PUT", fn, { ...base, speed: "high" }, 400, /speed/],
    ["PUT", `${app}/functions/${"x".repeat(300)}`, base, 400, /1 to 255/],
    ["PUT", `${app}/functions/a%20b`, base, 400, /letters, digits/],
    ["PUT", `${app}/functions/%zz`, base, 400, /%zz|percent|[Uu][Rr][LlIi]/],
    ["GET", `${ns}/activations?limit=0`, undefined, 400, /limit.*1/],
    ["GET", `${ns}/activations?from=yesterday`, undefined, 400, /from.*RFC 3339/],
    ["POST", `${neighbour.invokeUrl.slice(platform.url.length)}?wait=long`, "{}", 400, /wait.*result or none/],
  ];
}

/** Archives with one good file before the entry that matters. */
const zip = (name: string, more = {}) =>
  makeZip([
    { name: "index.js", data: "1" },
    { name, data: "x", ...more },
  ]);
const tar = (name: string, more = {}) =>
  makeTar([
    { name: "index.js", data: "1" },
    { name, ...more },
  ]);

/** Name, bytes, what the refusal says. */
function archives(): readonly (readonly [string, Buffer, RegExp])[] {
  const lying = makeZip([{ name: "zeros", data: Buffer.alloc(8 << 20), declaredBytes: 10 }]);
  return [
    ["zip: ..", zip("../../etc/cron.d/x"), /"\.\.\/\.\.\/etc\/cron\.d\/x" contains "\.\."/],
    ["zip: absolute", zip("/etc/passwd"), /"\/etc\/passwd" has an absolute path/],
    ["zip: backslash", zip("..\\x"), /backslash/],
    [
      "zip: link outside",
      zip("link", { data: "/etc/passwd", mode: 0o120777 }),
      /"link" is a link to "\/etc\/passwd", which is not a relative path/,
    ],
    [
      "zip: through a link",
      makeZip([
        { name: "l", data: "/tmp", mode: 0o120777 },
        { name: "l/x", data: "x" },
      ]),
      /link|outside|absolute/,
    ],
    ["zip: device", zip("device", { mode: 0o020666 }), /"device"/],
    ["zip: encrypted", zip("secret", { flags: 0x801 }), /"secret".*encrypted/],
    ["zip: bomb that lies", lying, /"zeros"|damaged/],
    ["zip: bomb that says so", zip("zeros", { declaredBytes: 0x7fffffff }), /larger than 536870912 bytes|"zeros"|damaged/],
    ["zip: cut off", zip("more").subarray(0, 60), /damaged|cut off/],
    ["zip: empty", makeZip([]), /holds no files/],
    [
      "zip: too many",
      makeZip(Array.from({ length: limits.code.filesMax + 1 }, (_, i) => ({ name: `f${i}`, method: 0 }))),
      /more than 50000 files/,
    ],
    ["tar: ..", tar("a/../../x", { data: "x" }), /contains "\.\."/],
    ["tar: link outside", tar("link", { type: "2", target: "../../etc" }), /"link"/],
    ["tar: hard link", tar("link", { type: "1", target: "/etc/passwd" }), /"link"/],
    ["tar: device", tar("device", { type: "3" }), /"device"/],
    ["tar: pipe", tar("pipe", { type: "6" }), /"pipe"/],
    ["tar: a long name outside", makeTar([paxHeader({ path: "../x" }), { name: "x", data: "x" }]), /contains "\.\."/],
    [
      "tar.gz: bomb",
      gzipSync(makeTar([{ name: "zeros", data: "", declaredBytes: 600 * 1024 * 1024 }])),
      /larger than 536870912 bytes|cut off/,
    ],
    ["tar.gz: cut off", gzipSync(tar("x", { data: "x".repeat(5000) })).subarray(0, 40), /damaged|cut off/],
    [
      "another format",
      Buffer.concat([Buffer.from("fd377a585a00", "hex"), Buffer.alloc(600)]),
      /it is xz; send a zip, a tar or a tar\.gz/,
    ],
  ];
}

async function assertServed(): Promise<void> {
  const { status, text } = await call(neighbour.fnUrl, { is: "served" });
  assert.deepEqual([status, text], [200, '{"is":"served"}']);
}

/** Writes bytes on a connection of its own and gives all that comes until it ends; "" when it was cut without a word. */
async function raw(...pieces: readonly (string | Buffer)[]): Promise<string> {
  const socket = connect(platform.port, "127.0.0.1");
  let heard = "";
  const ended = new Promise<void>((resolve) => {
    socket.setTimeout(30_000, () => socket.destroy());
    socket.setEncoding("latin1").on("data", (text: string) => {
      heard += text;
      // All answers here are short; the connection may be kept for another request.
      if (/\r\n\r\n/.test(heard)) setTimeout(() => socket.destroy(), 50);
    });
    socket.on("close", () => resolve());
    socket.on("error", () => resolve());
  });
  for (const piece of pieces) if (!socket.destroyed) socket.write(piece as string, "latin1");
  await ended;
  socket.destroy();
  return heard;
}

/** Writes and goes away without reading. */
raw.abandon = (text: string): Promise<void> =>
  new Promise((resolve) => {
    const gone = () => {
      socket.resetAndDestroy();
      resolve();
    };
    // The server gets some time to read it: what is reset before is no call.
    const socket = connect(platform.port, "127.0.0.1", () => socket.write(text, () => setTimeout(gone, 500)));
    socket.on("error", () => {});
  });
