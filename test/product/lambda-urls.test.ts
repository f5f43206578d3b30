/** Function URLs: what is asked becomes an event, and what the function gives an answer. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { test } from "node:test";
import { makeZip } from "../archives.ts";
import { until } from "../assembled-invocation.ts";
import { put, send } from "../client.ts";
import { pipKit, python } from "../kits.ts";
import { zipOf } from "../lambda.ts";
import { urlOwner, urlPlace } from "../lambda-urls.ts";
import { cleanEnvironment } from "../platform.ts";
import { askUrl, openUrl, type UrlAnswer } from "../url-client.ts";

const place = urlPlace();

/** Gives its event, or what a header asks for. */
const echo = `exports.handler = async (event, context) => {
  const asked = event.headers["x-answer"];
  if (asked === "throw") throw new Error("as asked");
  if (asked === "exit") process.exit(3);
  if (asked === "long") return "x".repeat(7_000_000);
  if (asked === "arn") return context.invokedFunctionArn;
  if (asked === "never") return await new Promise((resolve) => setTimeout(resolve, 60_000));
  return asked === undefined ? event : JSON.parse(asked);
};`;

const idOf = (url: string) => new URL(url).hostname.split(".", 1)[0] as string;
/** The same URL by path. */
const pathOf = (url: string) => `${place.platform.url}/lambda-url/${idOf(url)}/`;
const answering = (url: string, result: unknown): Promise<UrlAnswer> =>
  askUrl(url, { headers: { "x-answer": typeof result === "string" ? result : JSON.stringify(result) } });

test("a request is an event of format 2.0, by the URL as it is printed and by path", async () => {
  const url = await place.owner.made("echo", echo);
  assert.match(url, new RegExp(`^http://[0-9a-z]{32}\\.lambda-url\\.us-east-1\\.localhost:${place.platform.port}/$`));
  const question = {
    method: "POST",
    headers: {
      "X-Two": ["a", "b"],
      Cookie: "one=1; two=2",
      "Content-Type": "application/json",
      "User-Agent": "test",
      Authorization: "Bearer x",
    },
    body: '{"ü": 1}',
  };
  for (const [base, host] of [
    [url, new URL(url).host],
    [pathOf(url), `127.0.0.1:${place.platform.port}`],
  ] as const) {
    const { status, headers, text } = await askUrl(`${base}pa%2Fth//1?q=a%20b&q=2&empty&__proto__=%C3%BC`, question);
    assert.deepEqual([status, headers["content-type"]], [200, "application/json"]);
    const event = JSON.parse(text);
    const { requestId, time, timeEpoch } = event.requestContext;
    assert.match(requestId, /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);
    assert.match(time, /^\d\d\/[A-Z][a-z]{2}\/20\d\d:\d\d:\d\d:\d\d \+0000$/);
    assert.ok(Math.abs(Date.now() - timeEpoch) < 60_000);
    assert.deepEqual(event, {
      version: "2.0",
      routeKey: "$default",
      rawPath: "/pa%2Fth//1",
      rawQueryString: "q=a%20b&q=2&empty&__proto__=%C3%BC",
      cookies: ["one=1", "two=2"],
      headers: {
        "x-two": "a,b",
        cookie: "one=1; two=2",
        "content-type": "application/json",
        "user-agent": "test",
        authorization: "Bearer x",
        host,
        "content-length": "9",
        "x-forwarded-for": "127.0.0.1",
        "x-forwarded-proto": "http",
        "x-forwarded-port": String(place.platform.port),
      },
      queryStringParameters: { q: "a b,2", empty: "", ["__proto__"]: "ü" },
      requestContext: {
        accountId: "anonymous",
        apiId: idOf(url),
        domainName: host.split(":")[0],
        domainPrefix: idOf(url),
        http: { method: "POST", path: "/pa%2Fth//1", protocol: "HTTP/1.1", sourceIp: "127.0.0.1", userAgent: "test" },
        requestId,
        routeKey: "$default",
        stage: "$default",
        time,
        timeEpoch,
      },
      body: '{"ü": 1}',
      isBase64Encoded: false,
    });
  }
  const bare = JSON.parse((await askUrl(url)).text);
  for (const member of ["body", "cookies", "queryStringParameters"]) assert.ok(!(member in bare), member);
  assert.deepEqual([bare.rawPath, bare.rawQueryString, bare.isBase64Encoded], ["/", "", false]);
  assert.equal(JSON.parse((await askUrl(pathOf(url).slice(0, -1))).text).rawPath, "/", "without its last slash");
});

test("bodies of text are text, all others base64", async () => {
  const url = await place.owner.made("bodies", echo);
  const bytes = Buffer.from([0, 255, 1]);
  for (const [type, body, text] of [
    ["text/plain", "héllo", true],
    ["application/json; charset=utf-8", "{}", true],
    ["application/problem+json", "{}", true],
    ["image/svg+xml", "<svg/>", true],
    ["application/javascript", "1", true],
    ["text/plain", bytes, false],
    ["application/x-www-form-urlencoded", "a=1", false],
    ["application/octet-stream", bytes, false],
    ["multipart/form-data; boundary=x", "--x--", false],
    ["application/jsonx", "{}", false],
  ] as const) {
    const { body: got, isBase64Encoded } = JSON.parse(
      (await askUrl(url, { method: "PUT", headers: { "content-type": type }, body })).text,
    );
    assert.deepEqual([isBase64Encoded, got], [!text, text ? body : Buffer.from(body).toString("base64")], type);
  }
  const untyped = JSON.parse((await askUrl(url, { method: "POST", body: "x" })).text);
  assert.deepEqual([untyped.body, untyped.isBase64Encoded], ["eA==", true]);
});

test("what a function gives is the answer; what is none, and an error, is 502, without a word of why", async () => {
  const url = await place.owner.made("answers", { Code: { ZipFile: zipOf("index.js", echo) }, Timeout: 2 });
  const full = await answering(url, {
    statusCode: 201,
    headers: { "X-Own": "1", "Content-Type": "text/html", "Content-Length": "999", Connection: "close" },
    cookies: ["a=1", "b=2; HttpOnly"],
    body: "<p>",
  });
  assert.deepEqual(
    [full.status, full.text, full.headers["x-own"], full.headers["content-type"], full.headers["set-cookie"]],
    [201, "<p>", "1", "text/html", ["a=1", "b=2; HttpOnly"]],
  );
  assert.equal(full.headers["content-security-policy"], undefined, "its origin is its own");
  const byPath = await answering(pathOf(url), { statusCode: 200, headers: { "Content-Type": "text/html" }, body: "<p>" });
  assert.match(String(byPath.headers["content-security-policy"]), /sandbox/);
  const image = await answering(url, { statusCode: 200, body: Buffer.from([0, 255]).toString("base64"), isBase64Encoded: true });
  assert.deepEqual(image.bytes, Buffer.from([0, 255]));
  const text = await answering(url, '"hello"');
  assert.deepEqual([text.status, text.text, text.headers["content-type"]], [200, "hello", "application/json"]);
  assert.match(String(text.headers["x-amzn-requestid"]), /^[0-9a-f-]{36}$/);
  assert.equal((await answering(url, [1, "a"])).text, '[1,"a"]');
  assert.deepEqual([(await answering(url, { statusCode: 204 })).status], [204]);
  const record = await send(
    "GET",
    `${place.platform.url}/kiln/v1/namespaces/guest/activations/${text.headers["x-amzn-requestid"]}`,
  );
  assert.equal(record.json["function"], "answers");

  for (const bad of [{ statusCode: "no" }, { statusCode: 200, headers: [] }, "throw", "exit", "long"]) {
    const { status, text: said } = await answering(url, bad);
    assert.deepEqual([status, said], [502, "Internal Server Error"], JSON.stringify(bad));
  }
  assert.equal((await answering(url, "never")).status, 504);
  const head = await askUrl(url, { method: "HEAD", headers: { "x-answer": '{"statusCode":203,"body":"abc"}' } });
  assert.deepEqual([head.status, head.text], [203, ""]);
});

test("what is too much, and what is nowhere", async () => {
  const url = await place.owner.made("limits", echo);
  const long = await askUrl(url, { method: "POST", headers: { "content-type": "text/plain" }, body: "x".repeat(6_291_457) });
  assert.deepEqual([long.status, long.headers["x-amzn-errortype"]], [413, "RequestTooLargeException"]);
  // In base64 it is a third longer.
  assert.equal((await askUrl(url, { method: "POST", body: "x".repeat(5_000_000) })).status, 413);
  assert.equal(
    (
      await askUrl(url, {
        method: "POST",
        headers: { "content-type": "text/plain", "x-answer": "1" },
        body: "x".repeat(6_000_000),
      })
    ).text,
    "1",
  );
  assert.equal((await askUrl(`${url}${"p".repeat(20_000)}`)).status, 431);
  assert.equal((await askUrl(url, { headers: { a: "x".repeat(70_000) } })).status, 431);
  for (const nowhere of [
    url.replace(idOf(url), "0".repeat(32)),
    `${place.platform.url}/lambda-url/${"0".repeat(32)}/`,
    `${place.platform.url}/lambda-url/`,
  ]) {
    const { status, text, headers } = await askUrl(nowhere);
    assert.deepEqual([status, text, headers["x-amzn-errortype"]], [403, '{"Message":null}', "AccessDeniedException"], nowhere);
  }
  await put(`${place.platform.url}/kiln/v1/namespaces/other`, {}).catch(() =>
    send("POST", `${place.platform.url}/kiln/v1/namespaces`, '{"name":"other"}', { "content-type": "application/json" }),
  );
  const other = await urlOwner(place.platform, "other");
  const busy = await other.made("busy", echo);
  await put(`${place.platform.url}/kiln/v1/namespaces/other/limits`, { callsPerMinute: 0 });
  const throttled = await askUrl(busy);
  assert.deepEqual([throttled.status, throttled.headers["x-amzn-errortype"]], [429, "TooManyRequestsException"]);
  assert.ok(Number(throttled.headers["retry-after"]) >= 1);
  await put(`${place.platform.url}/kiln/v1/namespaces/other/limits`, { callsPerMinute: null });
});

test("with AWS_IAM a request is signed by a key of the namespace, as botocore does", async () => {
  const url = await place.owner.made("private", echo, { AuthType: "AWS_IAM" });
  const kit = await pipKit(["awscli==1.46.2", "boto3==1.44.5"]);
  const script = join(import.meta.dirname, "../fixtures/lambda/ask_url.py");
  const other = await urlOwner(place.platform, "other");
  const signed = (question: object, { accessKeyId, secretAccessKey } = place.owner.pair) => {
    const input = JSON.stringify({ url, access: accessKeyId, secret: secretAccessKey, ...question });
    const env = { ...cleanEnvironment, PYTHONPATH: kit };
    return JSON.parse(execFileSync(python, [script], { input, env, encoding: "utf8" })) as UrlAnswer;
  };
  const { status, text } = signed({
    url: `${url}a%20b?x=1&y=a%2Fb`,
    method: "POST",
    body: '{"a":1}',
    headers: { "content-type": "application/json" },
  });
  assert.equal(status, 200, text);
  const { requestContext, headers, body, rawPath } = JSON.parse(text);
  assert.deepEqual([body, rawPath, requestContext.accountId], ['{"a":1}', "/a%20b", "000000000000"]);
  assert.equal(headers.authorization, undefined, "what proves who it is is not for the function");
  const { accessKey, accountId, userArn, userId, callerId } = requestContext.authorizer.iam;
  assert.deepEqual([accessKey, accountId], [place.owner.pair.accessKeyId, "000000000000"]);
  assert.match(userArn, /^arn:aws:iam::000000000000:user\/guest$/);
  assert.equal(userId, callerId);
  assert.equal(signed({ url: pathOf(url) }).status, 200);
  const forbidden = [
    ["unsigned", await askUrl(url)],
    ["of another service", signed({ service: "execute-api" })],
    ["of another region", signed({ region: "eu-west-1" })],
    ["with another secret", signed({ secret: "no" })],
    ["with another body", signed({ method: "POST", body: "a", sent: "b" })],
    ["by another namespace", signed({}, other.pair)],
  ] as const;
  for (const [what, answer] of forbidden)
    assert.deepEqual(
      [answer.status, answer.text, answer.headers["x-amzn-errortype"]],
      [403, '{"Message":"Forbidden"}', "AccessDeniedException"],
      what,
    );
});

/** Status, headers and two pieces, between which it waits to be told to go on. */
const streaming = `exports.handler = awslambda.streamifyResponse(async (event, stream) => {
  const asked = JSON.parse(event.headers["x-answer"] ?? "{}");
  const out = asked.prelude === undefined ? stream : awslambda.HttpResponseStream.from(stream, asked.prelude);
  if (asked.type !== undefined) out.setContentType(asked.type);
  if (asked.raw !== undefined) return void out.end(asked.raw.repeat(asked.times ?? 1));
  out.write("first ");
  await new Promise((resolve) => setTimeout(resolve, asked.waitMs ?? 10));
  if (asked.fail === true) throw new Error("as asked");
  if (asked.exit === true) process.exit(3);
  out.end(String(Date.now()));
});`;

const prelude = { statusCode: 202, headers: { "X-Own": "1", "Content-Type": "text/html" }, cookies: ["a=1"] };

/** When its pieces came, and what they were. */
async function pieces(
  url: string,
  asked: object,
): Promise<{ readonly status: number | undefined; readonly came: [number, string][] }> {
  const answer = await openUrl(url, { headers: { "x-answer": JSON.stringify(asked) } });
  const came: [number, string][] = [];
  answer.on("data", (data: Buffer) => came.push([Date.now(), String(data)]));
  await once(answer, "end");
  return { status: answer.statusCode, came };
}

test("with RESPONSE_STREAM the head comes from the prelude, and the body as it is written", async () => {
  const url = await place.owner.made("streams", streaming, { InvokeMode: "RESPONSE_STREAM" });
  const { status, came } = await pieces(url, { prelude, waitMs: 3000 });
  assert.deepEqual([status, came[0]?.[1]], [202, "first "]);
  assert.ok((came[0]?.[0] ?? 0) < Number(came[1]?.[1]), String(came));
  const answered = (asked: object, at = url) => askUrl(at, { headers: { "x-answer": JSON.stringify(asked) } });
  const { headers } = await answered({ prelude });
  assert.deepEqual([headers["x-own"], headers["content-type"], headers["set-cookie"]], ["1", "text/html", ["a=1"]]);
  const bare = await answered({});
  assert.deepEqual([bare.status, bare.headers["content-type"]], [200, "application/octet-stream"]);
  assert.match(bare.text, /^first \d+$/);
  assert.equal((await answered({ type: "text/csv" })).headers["content-type"], "text/csv");
  const empty = await answered({ prelude: { statusCode: 201 }, raw: "" });
  assert.deepEqual([empty.status, empty.text], [201, ""]);
  const echoed = await place.owner.made("unstreamed", echo, { InvokeMode: "RESPONSE_STREAM" });
  assert.equal((await answering(echoed, { statusCode: 418, body: "x" })).text, '{"statusCode":418,"body":"x"}', "as AWS has it");

  const gathering = await place.owner.made("gathers", streaming);
  const gathered = await answered({ prelude }, gathering);
  assert.deepEqual([gathered.status, gathered.headers["x-own"]], [202, "1"]);
  assert.match(gathered.text, /^first \d+$/);
  assert.match((await answered({}, gathering)).text, /^first \d+$/);
  assert.equal((await answered({ raw: '{"statusCode":205,"body":"x"}' }, gathering)).status, 205);
});

test("an answer that breaks off is cut, and never ends as if it were whole", async () => {
  const url = await place.owner.made("breaks", streaming, { InvokeMode: "RESPONSE_STREAM" });
  const asked = (what: object) => askUrl(url, { headers: { "x-answer": JSON.stringify({ prelude, ...what }) } });
  await assert.rejects(asked({ fail: true, waitMs: 300 }), /aborted|hang up/);
  await assert.rejects(asked({ exit: true, waitMs: 300 }), /aborted|hang up/);
  const type = "application/vnd.awslambda.http-integration-response";
  for (const [raw, times] of [
    ["{", 1],
    ["x", 70_000],
    [`[1]${"\0".repeat(8)}x`, 1],
    [`{"statusCode":7}${"\0".repeat(8)}`, 1],
  ] as const) {
    const answer = await askUrl(url, { headers: { "x-answer": JSON.stringify({ type, raw, times }) } });
    assert.deepEqual([answer.status, answer.text], [502, "Internal Server Error"], raw.slice(0, 40));
  }
  const buffered = await place.owner.made("breaks-gathered", streaming);
  const broken = await askUrl(buffered, { headers: { "x-answer": JSON.stringify({ prelude, fail: true, waitMs: 300 }) } });
  assert.deepEqual([broken.status, broken.text], [502, "Internal Server Error"]);
});

/** The hash of so many pieces of its. */
function hashOf(count: number, byte: number): string {
  const hash = createHash("sha256");
  for (let i = 0; i < count; i++) hash.update(Buffer.alloc(100_000, (byte + i) % 251));
  return hash.digest("hex");
}

test("of 30 MB a client that reads slowly misses nothing, and twenty at once get their own", async () => {
  const large = `const { Readable } = require("node:stream");
  const { pipeline } = require("node:stream/promises");
  exports.handler = awslambda.streamifyResponse(async (event, stream) => {
    const { count, byte } = event.queryStringParameters;
    const out = awslambda.HttpResponseStream.from(stream, { statusCode: 200 });
    const pieces = (function* () { for (let i = 0; i < Number(count); i++) yield Buffer.alloc(100_000, (Number(byte) + i) % 251); })();
    await pipeline(Readable.from(pieces), out);
  });`;
  const url = await place.owner.made("large", large, { InvokeMode: "RESPONSE_STREAM" });
  const answer = await openUrl(`${url}?count=300&byte=1`);
  const hash = createHash("sha256");
  let sinceWait = 0;
  for await (const piece of answer as AsyncIterable<Buffer>) {
    hash.update(piece);
    sinceWait += piece.length;
    if (sinceWait < 2_000_000) continue;
    sinceWait = 0;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.equal(hash.digest("hex"), hashOf(300, 1));
  const all = await Promise.all(Array.from({ length: 20 }, (_, n) => askUrl(`${url}?count=10&byte=${n}`)));
  for (const [n, { bytes }] of all.entries()) assert.equal(createHash("sha256").update(bytes).digest("hex"), hashOf(10, n));
});

test("a caller that goes away ends nothing, and leaves nothing behind", async () => {
  const url = await place.owner.made("left", streaming, { InvokeMode: "RESPONSE_STREAM" });
  const answer = await openUrl(url, { headers: { "x-answer": JSON.stringify({ prelude, waitMs: 1500 }) } });
  const id = answer.headers["x-amzn-requestid"];
  answer.destroy();
  const record = `${place.platform.url}/kiln/v1/namespaces/guest/activations/${id}`;
  const status = await until(async () => {
    const said = (await send("GET", record)).json["status"];
    return said === undefined || said === "running" ? undefined : String(said);
  });
  assert.equal(status, "success");
  assert.equal((await askUrl(url, { headers: { "x-answer": JSON.stringify({ prelude }) } })).status, 202);
});

test("a runtime of one's own streams by the Runtime API", async () => {
  const bootstrap = `#!/bin/bash
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
while true; do
  head=$(mktemp)
  curl -sS -D "$head" -o /dev/null "$api/next"
  id=$(grep -Fi Lambda-Runtime-Aws-Request-Id "$head" | tr -d '[:space:]' | cut -d: -f2)
  { printf '{"statusCode":203,"headers":{"X-Own":"1"}}\\0\\0\\0\\0'; printf '\\0\\0\\0\\0first '; sleep 2; date +%s%3N; } |
    curl -sS -X POST -T - -H 'Content-Type: application/vnd.awslambda.http-integration-response' \\
      -H 'Lambda-Runtime-Function-Response-Mode: streaming' -H 'Expect:' "$api/$id/response" > /dev/null
done
`;
  const ZipFile = makeZip([{ name: "bootstrap", data: bootstrap, mode: 0o100755 }]);
  const url = await place.owner.made(
    "script",
    { Runtime: "provided.al2023", Handler: "any", Code: { ZipFile } },
    { InvokeMode: "RESPONSE_STREAM" },
  );
  const { status, came } = await pieces(url, {});
  assert.deepEqual([status, came[0]?.[1]], [203, "first "]);
  assert.ok((came[0]?.[0] ?? 0) < Number(came[1]?.[1]), String(came));
});
