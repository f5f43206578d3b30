/** Function URLs: how they are made and where they lead, what they say to browsers, and how long they live. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import * as sdk from "@aws-sdk/client-lambda";
import { send } from "../client.ts";
import { refusal, zipOf } from "../lambda.ts";
import { type UrlOwner, urlOwner, urlPlace } from "../lambda-urls.ts";
import { type Platform, startPlatform } from "../platform.ts";
import { askUrl, openUrl } from "../url-client.ts";

const place = urlPlace();

const says = (text: string) => `exports.handler = async (event) => ({
  statusCode: 200,
  headers: { "content-type": "text/plain", "Access-Control-Allow-Origin": "https://own.example", "X-Own": "1" },
  body: "${text} " + event.requestContext.http.method,
});`;
const idOf = (url: string) => new URL(url).hostname.split(".", 1)[0] as string;

/** What is said of a page of this origin. */
async function asked(url: string, origin: string | null, headers: Record<string, string> = {}, method = "GET") {
  const answer = await askUrl(url, { method, headers: { ...(origin === null ? {} : { Origin: origin }), ...headers } });
  const shown = Object.entries(answer.headers).filter(([name]) => /^(?:access-control-|vary)/.test(name));
  return { status: answer.status, text: answer.text, ...Object.fromEntries(shown) };
}

test("preflights are answered without the function, and what the URL says stands in place of what the function says", async () => {
  const AllowOrigins = ["https://page.example", "https://other.example"];
  const Cors = { AllowOrigins, AllowMethods: ["GET", "PUT"], AllowHeaders: ["x-a", "x-b"], ExposeHeaders: ["x-own"], MaxAge: 60 };
  const url = await place.owner.made("shared", says("hello"), { Cors });
  const page = "https://page.example";
  const preflight = { "access-control-request-method": "PUT", "access-control-request-headers": "x-a" };
  assert.deepEqual(await asked(url, page, preflight, "OPTIONS"), {
    status: 200,
    text: "",
    "access-control-allow-origin": page,
    "access-control-allow-methods": "GET,PUT",
    "access-control-allow-headers": "x-a,x-b",
    "access-control-max-age": "60",
    vary: "Origin",
  });
  assert.deepEqual(await asked(url, "https://bad.example", preflight, "OPTIONS"), { status: 200, text: "", vary: "Origin" });
  const own = { status: 200, text: "hello GET", vary: "Origin" };
  assert.deepEqual(await asked(url, page), {
    ...own,
    "access-control-allow-origin": page,
    "access-control-expose-headers": "x-own",
  });
  assert.deepEqual(await asked(url, "https://bad.example"), own);
  assert.deepEqual(await asked(url, null), own);
  assert.equal((await asked(url, null, {}, "OPTIONS")).text, "hello OPTIONS", "it is no preflight");

  const update = (rules: sdk.Cors) =>
    place.owner.client.send(new sdk.UpdateFunctionUrlConfigCommand({ FunctionName: "shared", Cors: rules }));
  await update({ AllowOrigins: ["*"], AllowMethods: ["*"], AllowHeaders: ["*"] });
  assert.deepEqual(await asked(url, page, preflight, "OPTIONS"), {
    status: 200,
    text: "",
    "access-control-allow-origin": "*",
    "access-control-allow-methods": "*",
    "access-control-allow-headers": "*",
  });
  await update({ AllowOrigins: ["*"], AllowMethods: ["*"], AllowHeaders: ["*"], AllowCredentials: true });
  const withCookies = { "access-control-allow-origin": page, "access-control-allow-credentials": "true", vary: "Origin" };
  assert.deepEqual(await asked(url, page), { status: 200, text: "hello GET", ...withCookies });
  assert.deepEqual(await asked(url, page, preflight, "OPTIONS"), {
    status: 200,
    text: "",
    ...withCookies,
    "access-control-allow-methods": "PUT",
    "access-control-allow-headers": "x-a",
  });
  await update({});
  assert.deepEqual(await asked(url, page), {
    status: 200,
    text: "hello GET",
    "access-control-allow-origin": "https://own.example",
  });
  const signed = await place.owner.made("shared-signed", says("hello"), { AuthType: "AWS_IAM", Cors });
  assert.deepEqual((await asked(signed, page, preflight, "OPTIONS")).status, 200, "a browser signs no preflight");
  assert.partialDeepStrictEqual(await asked(signed, page), { status: 403, "access-control-allow-origin": page });
});

test("settings that are none, and URLs that are not there", async () => {
  const { client } = place.owner;
  await place.owner.made("strict", says("x"));
  await client.send(new sdk.PublishVersionCommand({ FunctionName: "strict" }));
  await client.send(new sdk.CreateAliasCommand({ FunctionName: "strict", Name: "live", FunctionVersion: "1" }));
  const fn = { FunctionName: "strict" } as const;
  const create = (more: object) =>
    refusal(client.send(new sdk.CreateFunctionUrlConfigCommand({ ...fn, AuthType: "NONE", ...more })));
  const get = (more: object) => refusal(client.send(new sdk.GetFunctionUrlConfigCommand({ ...fn, ...more })));
  const update = (more: object) => refusal(client.send(new sdk.UpdateFunctionUrlConfigCommand({ ...fn, ...more })));
  const remove = (more: object) => refusal(client.send(new sdk.DeleteFunctionUrlConfigCommand({ ...fn, ...more })));
  const invalid = "400 ValidationException";
  const missing = "404 ResourceNotFoundException";
  for (const [what, refused, expected] of [
    ["twice", create({}), "409 ResourceConflictException"],
    ["a version", create({ Qualifier: "1" }), invalid],
    ["$LATEST", create({ Qualifier: "$LATEST" }), invalid],
    ["no alias", create({ Qualifier: "none" }), missing],
    ["no function", create({ FunctionName: "none" }), missing],
    ["who may", create({ Qualifier: "live", AuthType: "ANY" }), invalid],
    ["nobody said who may", create({ Qualifier: "live", AuthType: undefined }), invalid],
    ["how", create({ Qualifier: "live", InvokeMode: "SLOWLY" }), invalid],
    ["no object", create({ Qualifier: "live", Cors: "*" }), "400 InvalidParameterValueException"],
    ["no list", create({ Qualifier: "live", Cors: { AllowOrigins: "*" } }), "400 InvalidParameterValueException"],
    ["two lines", create({ Qualifier: "live", Cors: { AllowOrigins: ["a\nb"] } }), invalid],
    ["too long", create({ Qualifier: "live", Cors: { AllowOrigins: ["x".repeat(254)] } }), invalid],
    ["too many", create({ Qualifier: "live", Cors: { AllowMethods: Array(7).fill("GET") } }), invalid],
    ["a long method", create({ Qualifier: "live", Cors: { AllowMethods: ["OPTIONS"] } }), invalid],
    ["a long time", create({ Qualifier: "live", Cors: { MaxAge: 86_401 } }), invalid],
    ["get: none", get({ Qualifier: "live" }), missing],
    ["get: a version", get({ Qualifier: "1" }), invalid],
    ["get: no function", get({ FunctionName: "none" }), missing],
    ["update: none", update({ Qualifier: "live", AuthType: "NONE" }), missing],
    ["update: how", update({ InvokeMode: "SLOWLY" }), invalid],
    ["delete: none", remove({ Qualifier: "live" }), missing],
    ["delete: no function", remove({ FunctionName: "none" }), missing],
    ["list: no function", refusal(client.send(new sdk.ListFunctionUrlConfigsCommand({ FunctionName: "none" }))), missing],
    ["list: size", refusal(client.send(new sdk.ListFunctionUrlConfigsCommand({ ...fn, MaxItems: 51 }))), invalid],
  ] as const)
    assert.equal(await refused, expected, what);
  const other = await refusal((await urlOwnerOf("beside")).client.send(new sdk.GetFunctionUrlConfigCommand(fn)));
  assert.equal(other, missing, "another namespace sees nothing of it");
});

async function urlOwnerOf(namespace: string): Promise<UrlOwner> {
  await send("POST", `${place.platform.url}/kiln/v1/namespaces`, JSON.stringify({ name: namespace }), {
    "content-type": "application/json",
  });
  return await urlOwner(place.platform, namespace);
}

const textAt = async (url: string) => (await askUrl(url)).text;

test("a URL of an alias follows it, others stay with the newest; lists come in pages; what is deleted is gone", async () => {
  const { client } = place.owner;
  const FunctionName = "followed";
  const newest = await place.owner.made(FunctionName, says("one"));
  const code = (text: string) =>
    new sdk.UpdateFunctionCodeCommand({ FunctionName, ZipFile: zipOf("index.js", says(text)), Publish: true });
  await client.send(new sdk.PublishVersionCommand({ FunctionName }));
  await client.send(new sdk.CreateAliasCommand({ FunctionName, Name: "live", FunctionVersion: "1" }));
  const live = await place.owner.opened(FunctionName, { Qualifier: "live" });
  await client.send(code("two"));
  assert.deepEqual([await textAt(newest), await textAt(live)], ["two GET", "one GET"]);
  await client.send(new sdk.UpdateAliasCommand({ FunctionName, Name: "live", FunctionVersion: "2" }));
  assert.equal(await textAt(live), "two GET");
  const configs: sdk.FunctionUrlConfig[] = [];
  for await (const { FunctionUrlConfigs = [] } of sdk.paginateListFunctionUrlConfigs({ client, pageSize: 1 }, { FunctionName }))
    configs.push(...FunctionUrlConfigs);
  assert.deepEqual(
    configs.map(({ FunctionUrl, FunctionArn, InvokeMode }) => [FunctionUrl, FunctionArn?.split(":function:")[1], InvokeMode]),
    [
      [newest, "followed", "BUFFERED"],
      [live, "followed:live", "BUFFERED"],
    ],
  );
  await client.send(new sdk.DeleteAliasCommand({ FunctionName, Name: "live" }));
  const gone = await askUrl(live);
  assert.deepEqual([gone.status, gone.text], [403, '{"Message":"Forbidden"}'], "the URL stays, as AWS has it, and leads nowhere");
  await client.send(new sdk.CreateAliasCommand({ FunctionName, Name: "live", FunctionVersion: "1" }));
  assert.equal(await textAt(live), "one GET");
  await client.send(new sdk.DeleteFunctionUrlConfigCommand({ FunctionName, Qualifier: "live" }));
  assert.deepEqual([await textAt(live), (await askUrl(live)).status], ['{"Message":null}', 403]);
  assert.notEqual(await place.owner.opened(FunctionName, { Qualifier: "live" }), live, "no URL comes back");
  await client.send(new sdk.DeleteFunctionCommand({ FunctionName }));
  assert.equal((await askUrl(newest)).status, 403);
  await place.owner.made(FunctionName, says("three"));
  assert.equal((await askUrl(newest)).status, 403, "another function of that name has another one");
});

test("a function that another door made can have one, and goes with it when that door removes it", async () => {
  await place.platform.deploy({
    name: "ours",
    app: "shop",
    file: ["index.js", "module.exports = (event) => ({ statusCode: 203, body: event.rawPath });"],
  });
  const ours = await place.owner.opened("shop.ours");
  const answer = await askUrl(`${ours}a/b`);
  assert.deepEqual([answer.status, answer.text], [203, "/a/b"]);

  const authorization = `Basic ${btoa(place.platform.auth)}`;
  const action = `${place.platform.url}/api/v1/namespaces/_/actions/acting`;
  const main = "function main(p) { return { statusCode: 201, headers: { 'x-own': '1' }, body: p.requestContext.http.method }; }";
  const exec = { kind: "nodejs:default", code: main };
  await send("PUT", action, JSON.stringify({ exec }), { authorization, "content-type": "application/json" });
  const acting = await place.owner.opened("acting", { InvokeMode: "BUFFERED" });
  const acted = await askUrl(acting, { method: "PATCH" });
  assert.deepEqual([acted.status, acted.text, acted.headers["x-own"]], [201, "PATCH", "1"]);
  assert.equal((await send("DELETE", action, undefined, { authorization })).status, 200);
  assert.equal((await askUrl(acting)).status, 403);

  const speaking = await place.platform.deploy({
    name: "speaking",
    app: "shop",
    file: [
      "index.js",
      "module.exports = (event, context) => { context.header('content-type', 'text/html'); return '<p>' + event.rawPath; };",
    ],
  });
  assert.ok(speaking.id);
  const html = await askUrl(`${await place.owner.opened("shop.speaking")}x`);
  assert.deepEqual([html.status, html.headers["content-type"], html.text], [200, "text/html", "<p>/x"]);
});

test("after a restart and after a crash a URL leads to where it led", async (t) => {
  const data = mkdtempSync(join(tmpdir(), "kiln-urls-"));
  t.after(() => rmSync(data, { recursive: true, force: true }));
  const started = async () => {
    const one = await startPlatform({ data });
    t.after(() => one.process.kill("SIGKILL"));
    return one;
  };
  const first = await started();
  const url = await (await urlOwner(first)).made("kept", says("kept"), { Cors: { AllowOrigins: ["*"] } });
  const moved = (to: Platform) => `http://${idOf(url)}.lambda-url.us-east-1.localhost:${to.port}/`;
  await first.crash();
  const second = await started();
  assert.equal(await textAt(moved(second)), "kept GET", second.log());
  assert.equal(await second.stop(), 0);
  const third = await started();
  const answer = await asked(moved(third), "https://a.example");
  assert.partialDeepStrictEqual(answer, { text: "kept GET", "access-control-allow-origin": "*" });
  assert.equal(await third.stop(), 0);
});

const streamed = `exports.handler = awslambda.streamifyResponse(async (event, stream) => {
  const out = awslambda.HttpResponseStream.from(stream, { statusCode: 207 });
  out.write("first ");
  await new Promise((resolve) => setTimeout(resolve, 3000));
  out.end(String(Date.now()));
});`;

/** The first piece is there before the second is made. */
async function streamsAt(url: string): Promise<void> {
  const answer = await openUrl(url);
  const came: [number, string][] = [];
  for await (const piece of answer) came.push([Date.now(), String(piece)]);
  assert.deepEqual([answer.statusCode, came[0]?.[1]], [207, "first "]);
  assert.ok((came[0]?.[0] ?? 0) < Number(came[1]?.[1]), String(came));
}

for (const reader of [
  ["--front", "2"],
  ["--front", "0", "--http-front", "node"],
])
  test(`below a domain of the operator's, with ${reader.join(" ")}`, async () => {
    const flags = [...reader, "--lambda-url-domain", "fn.example.org", "--lambda-region", "eu-west-1"];
    const named = await startPlatform({ flags });
    try {
      const url = await (await urlOwner(named, "guest", "eu-west-1")).made("far", streamed, { InvokeMode: "RESPONSE_STREAM" });
      assert.match(url, new RegExp(`^http://[0-9a-z]{32}\\.lambda-url\\.eu-west-1\\.fn\\.example\\.org:${named.port}/$`));
      await Promise.all([url, `${named.url}/lambda-url/${idOf(url)}/`].map(streamsAt));
      assert.equal((await askUrl(url.replace(idOf(url), "0"))).text, '{"Message":null}');
      assert.equal((await askUrl(url, { method: "HEAD" })).status, 207);
    } finally {
      assert.equal(await named.stop(), 0);
    }
  });

test("behind a public name without a domain for them they are shown by path", async () => {
  const named = await startPlatform({ flags: ["--public-url", "https://fn.example.org/base"] });
  try {
    const url = await (await urlOwner(named)).made("named", says("x"));
    assert.match(url, /^https:\/\/fn\.example\.org\/base\/lambda-url\/[0-9a-z]{32}\/$/);
  } finally {
    assert.equal(await named.stop(), 0);
  }
});
