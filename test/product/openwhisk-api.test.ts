/** APIs of namespaces, made with OpenWhisk's own client for Node and called by anybody, against a running platform. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type Answer, call, send } from "../client.ts";
import { npmKit } from "../kits.ts";
import { type Platform, startPlatform } from "../platform.ts";
import { putAction } from "../whisk.ts";

interface Shown {
  readonly gwApiUrl: string;
  readonly apidoc: Readonly<Record<string, unknown>> & { readonly paths: object };
}
interface Listed {
  readonly apis: readonly { readonly value: Shown }[];
}
/** Of the client, what is used here. */
interface Client {
  readonly routes: {
    create(options: object): Promise<Shown>;
    list(options?: object): Promise<Listed>;
    get(options: object): Promise<Listed>;
    delete(options: object): Promise<object>;
  };
}

const data = mkdtempSync(join(tmpdir(), "kiln-apis-"));
let connect: (options: object) => Client;
let platform: Platform;
let guest: Client;
let other: Client;
let otherAuth: string;

/** With or without the words that only OpenWhisk's gateway wants. */
const clientOf = (auth: string, more: object = {}) => connect({ apihost: platform.url, api_key: auth, ...more });

before(async () => {
  const kit = await npmKit(["openwhisk@3.21.9"]);
  connect = createRequire(join(kit, "package.json"))("openwhisk") as typeof connect;
  platform = await startPlatform({ data });
  otherAuth = String((await call(`${platform.url}/kiln/v1/namespaces`, { name: "other" })).json["auth"]);
  // A space of somebody else's changes nothing: the key says whose APIs they are.
  guest = clientOf(platform.auth, { apigw_token: "any", apigw_space_guid: otherAuth.split(":")[0] });
  other = clientOf(otherAuth);
  await web("echo", "function main(p) { return { body: p }; }");
  await web("say", "function main(p) { return JSON.parse(p.result); }");
  await web("secret", "function main(p) { return { body: p }; }", { "require-whisk-auth": "between us" });
});

after(async () => {
  await platform?.stop();
  rmSync(data, { recursive: true, force: true });
});

function web(name: string, code: string, annotations: Readonly<Record<string, unknown>> = {}): Promise<void> {
  const shown = Object.entries({ "web-export": true, ...annotations }).map(([key, value]) => ({ key, value }));
  return putAction(platform, name, { exec: { kind: "nodejs:default", code }, annotations: shown });
}

const api = (path: string, namespace = "guest") => `${platform.url}/api/${namespace}${path}`;

const ask = (method: string, path: string, body?: string | Buffer, headers: Record<string, string> = {}): Promise<Answer> =>
  send(method, api(path), body, headers);

async function refusal(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    const { statusCode, error: body } = error as { statusCode: number; error: { error: string } };
    return `${statusCode} ${body.error}`;
  }
  throw new Error("It was not refused");
}

/** What a client asks of the gateway, by hand. */
const manage = (method: string, path: string, body?: object | string, auth: string | null = platform.auth) =>
  send(
    method,
    `${platform.url}/api/v1/web/whisk.system/apimgmt/${path}`,
    typeof body === "object" ? JSON.stringify(body) : body,
    {
      ...(auth !== null && { authorization: `Basic ${btoa(auth)}` }),
      ...(body !== undefined && { "content-type": "application/json" }),
    },
  );

const document = (basePath: string, paths: object, configuration: object = {}) => ({
  swagger: "2.0",
  info: { title: "Made by hand", version: "1" },
  basePath,
  paths,
  ...configuration,
});
const url = (name: string) => `https://any.example/api/v1/web/_/default/${name}`;
const operation = (name: string) => ({ operationId: name, "x-openwhisk": { url: url(name) } });
/** Instead of whatever has its base path. */
const publish = (swagger: object) => guest.routes.create({ swagger: JSON.stringify(swagger) });

test("the npm client makes, lists and deletes APIs, with a token of a gateway and without", async () => {
  const made = await guest.routes.create({ basepath: "/npm", relpath: "/echo", operation: "GET", action: "echo", name: "Npm" });
  assert.equal(made.gwApiUrl, api("/npm"));
  await clientOf(platform.auth).routes.create({ basepath: "/npm", relpath: "/echo", operation: "post", action: "/guest/echo" });
  await guest.routes.create({ basepath: "/npm", relpath: "/other", operation: "POST", action: "echo", responsetype: "http" });
  const [found, ...more] = (await guest.routes.get({ name: "Npm" })).apis;
  assert.deepEqual(more, []);
  assert.deepEqual(
    Object.entries(found?.value.apidoc.paths ?? {}).map(([path, operations]) => [path, Object.keys(operations)]),
    [
      ["/echo", ["get", "post"]],
      ["/other", ["post"]],
    ],
  );
  assert.equal((await ask("GET", "/npm/echo?a=1")).json["body"] !== undefined, true, "json is what is not said otherwise");
  assert.equal((await ask("POST", "/npm/other?a=1")).json["__ow_path"], "/npm/other");
  await guest.routes.delete({ basepath: "/npm", relpath: "/echo", operation: "GET" });
  assert.equal((await ask("GET", "/npm/echo")).status, 404);
  assert.equal((await ask("POST", "/npm/echo")).status, 200);
  await guest.routes.delete({ name: "Npm" });
  assert.deepEqual((await guest.routes.list()).apis, []);
  assert.equal((await ask("POST", "/npm/echo")).status, 404);
});

/** What of an answer does not differ from call to call. */
const lasting = ({ status, text, headers }: Answer) => {
  const kept = ["content-type", "x-own", "content-security-policy"].map((name) => headers.get(name));
  return [status, text.replace(/"code":"\w+"/, ""), kept, headers.getSetCookie()];
};

test("an action gets what it gets by its own URL, and what it answers arrives as it is", async () => {
  const types = ["http", "json", "html", "svg", "text"];
  for (const responsetype of types)
    await guest.routes.create({ basepath: "/types", relpath: `/${responsetype}`, operation: "GET", action: "say", responsetype });
  const results = [
    { statusCode: 418, headers: { "x-own": "1", "set-cookie": ["a=1", "b=2"] }, body: "<p>" },
    { headers: { "content-type": "image/png" }, body: "iVBORw0KGgo=" },
    { html: "<b>", text: "plain", svg: "<svg/>" },
    { error: { statusCode: 404, body: "none" } },
    [1],
    5,
  ];
  for (const type of types) {
    for (const result of results) {
      const query = `?result=${encodeURIComponent(JSON.stringify(result))}`;
      const direct = await send("GET", `${platform.url}/api/v1/web/guest/default/say.${type}${query}`);
      assert.deepEqual(lasting(await ask("GET", `/types/${type}${query}`)), lasting(direct), `${type} ${query}`);
    }
  }
  await publish(document("/echo", { "/": { get: operation("echo"), post: operation("echo"), head: operation("echo") } }));
  const answer = await ask("POST", "/echo?a=1&b=2", '{"b":3}', { "content-type": "application/json", "x-own": "yes" });
  const { __ow_headers: headers, ...rest } = answer.json as { __ow_headers: Record<string, string> };
  assert.deepEqual(rest, { __ow_method: "post", __ow_path: "", a: "1", b: 3 });
  assert.deepEqual([headers["x-own"], headers["x-forwarded-url"]], ["yes", api("/echo?a=1&b=2")]);
  assert.match(answer.headers.get("x-openwhisk-activation-id") ?? "", /^[0-9a-f]{32}$/);
  assert.deepEqual([(await ask("HEAD", "/echo")).status, (await ask("HEAD", "/echo")).text], [200, ""]);
});

/** What the action is told of the path, or the status of a refusal. */
const pathOf = async (path: string) => {
  const { status, json } = await ask("GET", path);
  return status === 200 ? ((json["body"] as typeof json | undefined) ?? json)["__ow_path"] : status;
};

test("paths have parameters, and what is longer than all of them is told", async () => {
  for (const relpath of ["/{section}/{id}", "/new", "/{section}/{id}/pages"])
    await guest.routes.create({ basepath: "/books", relpath, operation: "GET", action: "echo", responsetype: "http" });
  await guest.routes.create({ basepath: "/shelf", relpath: "/list", operation: "GET", action: "echo" });
  assert.equal(await pathOf("/books/a%20b/7?x=1"), "/books/a%20b/7");
  assert.equal(await pathOf("/books/new"), "/books/new");
  assert.equal(await pathOf("/books/%6Eew"), "/books/%6Eew");
  assert.equal(await pathOf("/books/a/7/pages"), "/books/a/7/pages");
  assert.equal(await pathOf("/books/a/7/covers"), "/books/a/7/covers");
  assert.equal(await pathOf("/shelf/list"), "");
  assert.equal(await pathOf("/shelf/list/of/all%20"), "/of/all%20");
  for (const path of ["/books", "/books/", "/books/a", "/book/a/7", "/BOOKS/new", "/books/%zz/7", "/books//7"])
    assert.equal(await pathOf(path), 404, path);
  await guest.routes.create({
    basepath: "/books/special",
    relpath: "/one",
    operation: "GET",
    action: "echo",
    responsetype: "http",
  });
  await guest.routes.create({ relpath: "/books/special/one", operation: "GET", action: "say", responsetype: "json" });
  assert.equal(await pathOf("/books/special/one"), "/books/special/one", "the longest base path comes first");
  assert.equal(await pathOf("/books/special/7"), "/books/special/7", "and others where it has no such path");
  for (const basepath of ["/books", "/books/special", "/shelf", "/"]) await guest.routes.delete({ basepath });
});

/** Status, type and text. */
const answered = async (method: string, path: string, namespace?: string) => {
  const { status, text, headers } = await send(method, api(path, namespace));
  assert.match(headers.get("x-request-id") ?? "", /^\w+$/);
  return [status, headers.get("content-type"), text.trimEnd()];
};

test("what the gateway itself answers is what OpenWhisk's does", async () => {
  await publish(document("/bare", { "/x": { get: operation("echo") }, "/none": { get: { operationId: "" } } }));
  const type = "application/json; charset=utf-8";
  assert.deepEqual(await answered("PUT", "/bare/x"), [
    404,
    type,
    '{"status":404,"message":"Error: Whoops. Verb not supported."}',
  ]);
  const nothing = [404, type, '{"status":404,"message":"Error: Not found."}'];
  assert.deepEqual(await answered("GET", "/bare/y"), nothing);
  assert.deepEqual(await answered("GET", "/bare/x", "nobody"), nothing);
  assert.deepEqual(await answered("GET", "/bare/x", "%00"), nothing);
  assert.deepEqual(await answered("GET", `/${"a/".repeat(3000)}`), nothing);
  assert.equal((await answered("GET", "/bare/none"))[0], 500);
});

const cors = ({ headers }: Answer) =>
  ["origin", "methods", "headers", "credentials"].map((name) => headers.get(`access-control-allow-${name}`));

test("pages of every origin may call an API, unless its document says otherwise", async () => {
  const paths = { "/x": { get: operation("echo") } };
  const page = { origin: "https://page.example", "access-control-request-headers": "X-Own" };
  await publish(document("/shared", paths));
  const methods = "GET, POST, PUT, DELETE, PATCH, HEAD, OPTIONS";
  const preflight = await ask("OPTIONS", "/shared/x", undefined, page);
  assert.deepEqual([preflight.status, preflight.text], [200, ""]);
  assert.deepEqual(cors(preflight), ["https://page.example", methods, "X-Own", "true"]);
  assert.deepEqual(cors(await ask("GET", "/shared/x", undefined, page)), ["https://page.example", methods, "X-Own", "true"]);
  assert.deepEqual(cors(await ask("PUT", "/shared/x")), ["*", methods, null, "true"]);
  assert.equal((await ask("GET", "/shared/x")).headers.get("access-control-allow-origin"), "*");

  const off = { "x-gateway-configuration": { cors: { enabled: false } } };
  await publish(document("/shared", { "/x": { ...paths["/x"], options: operation("echo") }, "/y": paths["/x"] }, off));
  const none = [null, null, null, null];
  assert.deepEqual(cors(await ask("GET", "/shared/x", undefined, page)), none);
  assert.deepEqual(cors(await ask("OPTIONS", "/shared/x", undefined, page)), none);
  assert.equal((await ask("OPTIONS", "/shared/y", undefined, page)).status, 404);
});

/** A header that a document has an operation's request get. */
const set = (name: string, value: unknown) => ({ "set-variable": { actions: [{ set: `message.headers.${name}`, value }] } });

/** Where operations of a document lead. */
const switched = (operations: string[], name: string, verb: string, more: object[] = []) => ({
  operations,
  execute: [{ invoke: { "target-url": url(name), verb } }, ...more],
});

test("what a document says of an operation is done: its method, and headers that its caller has not", async () => {
  const secret = set("X-Require-Whisk-Auth", "between us");
  const execute = [
    set("X-All", 1),
    { "operation-switch": { case: [switched(["one"], "secret", "POST", [secret]), switched(["two"], "secret", "keep")] } },
  ];
  const paths = { "/one": { get: { operationId: "one" } }, "/two": { get: { operationId: "two" } } };
  await publish(document("/said", paths, { "x-ibm-configuration": { assembly: { execute } } }));
  const headers = { "x-require-whisk-auth": "guessed", "X-ALL": "mine" };
  const { json } = await ask("GET", "/said/one", undefined, headers);
  const seen = json["__ow_headers"] as Record<string, string>;
  assert.deepEqual([json["__ow_method"], seen["x-require-whisk-auth"], seen["x-all"]], ["post", "between us", "1"]);
  assert.equal((await ask("GET", "/said/two", undefined, headers)).status, 401);
  assert.equal((await ask("GET", "/said/two", undefined, { "x-require-whisk-auth": "between us" })).status, 200);

  const own = { basepath: "/own", relpath: "/x", operation: "GET", action: "secret", responsetype: "http" };
  await guest.routes.create(own);
  assert.equal((await ask("GET", "/own/x")).status, 401);
  await guest.routes.create({ ...own, secure_key: "between us" });
  assert.equal((await ask("GET", "/own/x")).status, 200);
  await guest.routes.create(own);
  assert.equal((await ask("GET", "/own/x")).status, 401, "an old secret is gone with its endpoint");
});

test("nothing of a body is lost, and one that is too long is refused", async () => {
  await publish(document("/bodies", { "/x": { post: operation("echo.json") } }));
  const text = JSON.stringify({ text: "ä".repeat(450_000) });
  const { json } = await ask("POST", "/bodies/x", text, { "content-type": "application/json" });
  assert.equal((json["body"] as { text: string }).text.length, 450_000);
  const bytes = Buffer.alloc(600_000, "\0\x01\xff", "latin1");
  const sent = await ask("POST", "/bodies/x", bytes, { "content-type": "application/octet-stream" });
  assert.equal((sent.json["body"] as { __ow_body: string }).__ow_body, bytes.toString("base64"));
  assert.equal((await ask("POST", "/bodies/x", Buffer.alloc(2_000_000))).status, 413);
});

test("a document comes back as it was given, and makes the same API again", async () => {
  const own = { "x-of-somebody": [1, { deep: null }], tags: [{ name: "a" }] };
  const given = document(
    "/round/trip",
    { "/a/{b}": { parameters: [{ name: "b", in: "path" }], get: operation("echo.http"), "x-note": 1 } },
    own,
  );
  const made = await publish(given);
  assert.deepEqual(made.apidoc, given);
  await guest.routes.create({ basepath: "/round/trip", relpath: "/added", operation: "GET", action: "echo" });
  const [shown] = (await guest.routes.get({ basepath: "/round/trip/" })).apis;
  assert.equal((await ask("GET", "/round/trip/a/1")).status, 200, "one more endpoint leaves the others as they are");
  await guest.routes.delete({ basepath: "/round/trip" });
  assert.equal((await ask("GET", "/round/trip/added")).status, 404);
  assert.deepEqual(await publish(shown?.value.apidoc as object), shown?.value);
  for (const path of ["/a/1", "/added"]) assert.equal((await ask("GET", `/round/trip${path}`)).status, 200, path);
});

test("of many who change one API at once nobody's change is lost", async () => {
  const paths = Array.from({ length: 30 }, (_, at) => `/${at}`);
  await Promise.all(
    paths.map((relpath) => guest.routes.create({ basepath: "/busy", relpath, operation: "GET", action: "echo" })),
  );
  const [busy] = (await guest.routes.get({ basepath: "/busy" })).apis;
  assert.deepEqual(Object.keys(busy?.value.apidoc.paths ?? {}).toSorted(), paths.toSorted());
  await Promise.all(paths.map((relpath) => guest.routes.delete({ basepath: "/busy", relpath })));
  assert.deepEqual((await guest.routes.get({ basepath: "/busy" })).apis, []);
});

test("a namespace sees and changes its own APIs alone, and nobody does without a key", async () => {
  const mine = { basepath: "/mine", relpath: "/x", operation: "GET", action: "/guest/echo" };
  await guest.routes.create(mine);
  assert.deepEqual((await other.routes.list()).apis, []);
  assert.deepEqual((await other.routes.get({ basepath: "/mine" })).apis, []);
  assert.match(
    await refusal(other.routes.delete({ basepath: "/mine" })),
    /^502 API deletion failure: API '\/mine' does not exist\.$/,
  );
  const theirs = await other.routes.create({ ...mine, relpath: "/y" });
  assert.equal(theirs.gwApiUrl, api("/mine", "other"));
  assert.equal((await send("GET", api("/mine/y", "other"))).status, 200);
  assert.equal((await ask("GET", "/mine/y")).status, 404);
  const namespace = { apidoc: { namespace: "guest", swagger: document("/mine", { "/z": { get: operation("echo") } }) } };
  await manage("POST", "createApi.http?spaceguid=guest&namespace=guest", namespace, otherAuth);
  assert.equal((await ask("GET", "/mine/x")).status, 200);
  for (const path of ["getApi", "getApi.http?basepath=/mine"]) {
    for (const auth of [null, "nobody:nothing"]) assert.equal((await manage("GET", path, undefined, auth)).status, 401);
  }
  const unserved = await call(`${platform.url}/kiln/v1/namespaces`, { name: "v1" });
  const withoutPlace = clientOf(String(unserved.json["auth"])).routes.create({ ...mine, action: "/guest/echo" });
  assert.match(await refusal(withoutPlace), /^502 API creation failure: The namespace 'v1' can have no APIs/);
  await other.routes.delete({ basepath: "/mine" });
  assert.equal((await ask("GET", "/mine/x")).status, 200);
});

test("an API outlives its action, a crash and the server, and is served by front processes", async () => {
  await web("going", "function main() { return { body: { is: 'there' } }; }");
  await guest.routes.create({ basepath: "/lasting", relpath: "/x", operation: "GET", action: "going", responsetype: "http" });
  const told = async () => {
    const { status, text } = await ask("GET", "/lasting/x");
    return [status, text.replace(/,"code":"\w+"/, "")];
  };
  assert.deepEqual(await told(), [200, '{"is":"there"}']);
  await platform.crash();
  platform = await startPlatform({ data, flags: ["--front", "1"] });
  guest = clientOf(platform.auth);
  assert.deepEqual(await told(), [200, '{"is":"there"}']);
  const { json } = await ask("POST", "/bodies/x", "x".repeat(300_000), { "content-type": "text/plain" });
  assert.equal((json["body"] as { __ow_body: string }).__ow_body.length, 300_000);
  const gone = await send("DELETE", `${platform.url}/api/v1/namespaces/_/actions/going`, undefined, {
    authorization: `Basic ${btoa(platform.auth)}`,
  });
  assert.equal(gone.status, 200);
  assert.deepEqual(await told(), [404, '{"error":"The requested resource does not exist."}']);
  await web("going", "function main() { return { body: 'again' }; }");
  assert.deepEqual(await told(), [200, "again"]);
  await guest.routes.delete({ basepath: "/lasting" });
  assert.equal((await told())[0], 404);
});
