/** Web actions over plain HTTP, against a running platform. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type Answer, put, send } from "../client.ts";
import { type Platform, startPlatform } from "../platform.ts";
import { pk } from "./pk.ts";

let platform: Platform;
let other: { readonly name: string; readonly auth: string };

before(async () => {
  platform = await startPlatform({ flags: ["--web-host", "web.test"] });
  const made = await send("POST", `${platform.url}/kiln/v1/namespaces`, '{"name":"other"}', {
    "content-type": "application/json",
  });
  other = made.json as unknown as typeof other;
  await Promise.all([
    action("echo", "function main(p) { return { body: p }; }", { "web-export": true }),
    action("raw", "function main(p) { return { body: p }; }", { "web-export": true, "raw-http": true }),
    // What it is to answer comes with the request.
    action("say", "function main(p) { return JSON.parse(p.result); }", { "web-export": true }),
  ]);
});

after(() => platform?.stop());

const basic = (auth: string) => `Basic ${btoa(auth)}`;

const pairs = (map: object) => Object.entries(map).map(([key, value]) => ({ key, value: value as unknown }));

/** Makes an action of the first namespace, or changes one. */
async function action(
  name: string,
  code: string,
  annotations: Readonly<Record<string, unknown>>,
  parameters: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  const body = { exec: { kind: "nodejs:default", code }, annotations: pairs(annotations), parameters: pairs(parameters) };
  const { status, text } = await send(
    "PUT",
    `${platform.url}/api/v1/namespaces/_/actions/${name}?overwrite=true`,
    JSON.stringify(body),
    { authorization: basic(platform.auth), "content-type": "application/json" },
  );
  assert.equal(status, 200, text);
}

const web = (path: string) => `${platform.url}/api/v1/web/guest/default/${path}`;

const ask = (method: string, path: string, body?: string | Buffer, headers: Record<string, string> = {}): Promise<Answer> =>
  send(method, web(path), body, headers);

/** What an action that is asked for a result is to give, by the extension. */
const say = (extension: string, result: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
  ask("GET", `say.${extension}?result=${encodeURIComponent(JSON.stringify(result))}`, undefined, headers);

function refused(answer: Answer, status: number, error: string | RegExp): void {
  assert.equal(answer.status, status, answer.text);
  const { error: text, code } = answer.json as { error: string; code: string };
  if (typeof error === "string") assert.equal(text, error);
  else assert.match(text, error);
  assert.equal(code, answer.headers.get("x-request-id"));
}

const json = { "content-type": "application/json" };
const notThere = "The requested resource does not exist.";

test("each method runs the action, which is told of the request", async () => {
  for (const method of ["GET", "POST", "PUT", "DELETE", "PATCH"]) {
    const { status, json: told, headers } = await ask(method, "echo/a%20b/c?x=1&x=2", undefined, { "X-Own": "Value" });
    assert.equal(status, 200);
    assert.deepEqual([told["__ow_method"], told["__ow_path"], told["x"]], [method.toLowerCase(), "/a%20b/c", "2"]);
    const seen = told["__ow_headers"] as Record<string, string>;
    assert.equal(seen["x-own"], "Value");
    assert.equal(seen["host"], new URL(platform.url).host);
    assert.equal("__ow_user" in told, false);
    assert.equal(headers.get("content-type"), "application/json");
    assert.match(headers.get("x-openwhisk-activation-id") ?? "", /^[0-9a-f]{32}$/);
  }
  const head = await ask("HEAD", 'say.http?result={"headers":{"x-own":"1"},"body":"text"}');
  assert.deepEqual([head.status, head.text, head.headers.get("x-own")], [200, "", "1"]);
  assert.equal((await ask("GET", "echo")).json["__ow_path"], "");
  assert.equal((await ask("GET", "echo.http/")).json["__ow_path"], "/");
});

test("a body's fields are parameters, above those of the query; another body is one", async () => {
  const check = async (body: string | Buffer, type: string, expected: object) => {
    const { json: told, status, text } = await ask("POST", "echo?a=1&b=2", body, { "content-type": type });
    assert.equal(status, 200, text);
    const { __ow_method, __ow_path, __ow_headers, ...rest } = told;
    assert.equal((__ow_headers as Record<string, string>)["content-type"], type);
    assert.deepEqual([__ow_method, __ow_path, rest], ["post", "", { a: "1", b: "2", ...expected }], type);
  };
  await check('{"b":{"deep":[1]},"c":true}', "application/json", { b: { deep: [1] }, c: true });
  await check(" { } ", "application/json; charset=utf-8", {});
  await check('{"c":3}', "application/problem+json", { c: 3 });
  await check("[1,2]", "application/json", { __ow_body: [1, 2] });
  await check("null", "application/json", { __ow_body: null });
  await check("b=x+y&c=%C3%A4&c=z", "application/x-www-form-urlencoded", { b: "x y", c: "z" });
  await check("häh", "text/plain", { __ow_body: "häh" });
  await check("<a/>", "application/xml", { __ow_body: "<a/>" });
  await check("<a/>", "image/svg+xml", { __ow_body: btoa("<a/>") });
  const bytes = Buffer.from([0, 255, 10]);
  await check(bytes, "application/octet-stream", { __ow_body: bytes.toString("base64") });
  await check(bytes, "multipart/form-data; boundary=x", { __ow_body: bytes.toString("base64") });
  refused(await ask("POST", "echo", "{", json), 400, /^The request content was malformed:\n/);
  refused(await ask("POST", "echo", "x".repeat(1024 * 1024 + 1)), 413, "Request larger than allowed: 1048577 > 1048576 bytes.");
});

const checkRaw = async (body: string | Buffer | undefined, type: string, expected: string) => {
  const { json: told } = await ask("POST", "raw?b=2&a=%20", body, { "content-type": type });
  assert.deepEqual([told["__ow_query"], told["__ow_body"], told["a"]], ["b=2&a=%20", expected, undefined], type);
};

test("a raw action gets query and body as they came", async () => {
  await checkRaw('{"a":1}', "application/json", btoa('{"a":1}'));
  await checkRaw("a=1", "application/x-www-form-urlencoded", "a=1");
  await checkRaw("text", "text/plain", "text");
  await checkRaw(Buffer.from([255]), "image/png", "/w==");
  await checkRaw(undefined, "text/plain", "");
});

test("reserved names and final parameters are not the caller's to give", async () => {
  await action("final", "function main(p) { return { body: p }; }", { "web-export": true, final: true }, { own: 1, free: null });
  const text = "Request defines parameters that are not allowed (e.g., reserved properties).";
  for (const name of ["method", "headers", "path", "user", "query", "body"])
    refused(await ask("GET", `echo?__ow_${name}=x`), 400, text);
  refused(await ask("POST", "echo", '{"__ow_user":"x"}', json), 400, text);
  refused(await ask("POST", "final", "own=2", { "content-type": "application/x-www-form-urlencoded" }), 400, text);
  refused(await ask("GET", "final?own=2"), 400, text);
  const { json: told } = await ask("GET", "final?free=2");
  assert.deepEqual([told["own"], told["free"]], [1, "2"]);
  assert.equal((await ask("GET", "raw?__ow_body=x")).status, 200);
});

const typed = (type: string, body: unknown) => ({ headers: { "Content-Type": type }, body });
const sayTyped = (type: string, body: unknown) => say("http", typed(type, body));

test("a result says status, headers and body", async () => {
  const answered = async (result: object, expected: readonly [number, string, string | null]) => {
    const { status, text, headers } = await say("http", result);
    assert.deepEqual([status, text, headers.get("content-type")], expected, JSON.stringify(result));
  };
  const html = "text/html; charset=UTF-8";
  await answered({ body: "<p>ä</p>" }, [200, "<p>ä</p>", html]);
  await answered({ statusCode: "404", body: "no" }, [404, "no", html]);
  await answered({ statusCode: 444, body: { a: [1] } }, [444, '{"a":[1]}', "application/json"]);
  await answered({ body: 5 }, [200, "5", "application/json"]);
  await answered({}, [204, "", null]);
  await answered({ body: null, headers: { "content-type": "text/plain" } }, [204, "", null]);
  await answered({ statusCode: 200, body: "" }, [200, "", null]);
  await answered(typed("text/css", "a{}"), [200, "a{}", "text/css; charset=UTF-8"]);
  await answered(typed("text/plain;charset=latin1", "ä"), [200, "ä", "text/plain; charset=UTF-8"]);
  await answered(typed("image/png", "/w=="), [200, "\ufffd", "image/png"]);
  await answered(typed("application/json", '{"a":1}'), [200, '{"a":1}', "application/json"]);
  await answered(typed("application/json", btoa("[1]")), [200, "[1]", "application/json"]);
  await answered(typed("application/hal+json", { a: 1 }), [200, '{"a":1}', "application/hal+json"]);
  await answered(typed("image/svg+xml", btoa("<svg/>")), [200, "<svg/>", "image/svg+xml"]);
  await answered(typed("image/svg+xml", "<svg/>"), [200, "<svg/>", "image/svg+xml"]);
  const exact = await say("http", "<json>");
  refused(exact, 400, "There was an error processing your request.");
  const moved = await say("http", {
    statusCode: 302,
    headers: { location: "/x", "Set-Cookie": ["a=1", "b=2; Path=/"], n: 1, t: true },
  });
  assert.deepEqual(
    [moved.status, moved.headers.get("location"), moved.headers.get("n"), moved.headers.get("t")],
    [302, "/x", "1", "true"],
  );
  assert.deepEqual(moved.headers.getSetCookie(), ["a=1", "b=2; Path=/"]);
});

test("what is no answer is refused with the reason", async () => {
  const http = "Response is not valid 'message/http'.";
  for (const result of [
    [1],
    { statusCode: 1.5 },
    { statusCode: "x" },
    { statusCode: 99 },
    { statusCode: 600 },
    { statusCode: null },
    { headers: [] },
    { headers: { a: null } },
    { headers: { a: {} } },
    { headers: { "a b": "1" } },
    { headers: { a: "1\r\nb: 2" } },
  ]) {
    refused(await say("http", result), 400, http);
  }
  refused(await sayTyped("nonsense", "x"), 400, "Response did not specify a known content-type.");
  refused(await sayTyped("text/html", { a: 1 }), 400, "Response type in header did not match generated content type.");
  refused(await sayTyped("image/png", "<>"), 400, "Response type in header did not match generated content type.");
});

test("extensions choose what of a result is answered", async () => {
  const answered = async (extension: string, result: unknown, type: string, text: string) => {
    const answer = await say(extension, result);
    assert.deepEqual([answer.status, answer.headers.get("content-type"), answer.text], [200, type, text], extension);
  };
  await answered("json", { a: 1, body: 2 }, "application/json", '{"a":1,"body":2}');
  await answered("json", [1], "application/json", "[1]");
  await answered("html", { html: "<p>" }, "text/html; charset=UTF-8", "<p>");
  await answered("html", { html: "<p>", body: "<b>" }, "text/html; charset=UTF-8", "<b>");
  await answered("svg", { svg: "<svg/>" }, "image/svg+xml", "<svg/>");
  const plain = "text/plain; charset=UTF-8";
  await answered("text", { text: "hi" }, plain, "hi");
  await answered("text", { body: 1.5 }, plain, "1.5");
  await answered("text", { text: null }, plain, "null");
  await answered("text", { text: { a: [] } }, plain, '{\n  "a": []\n}');
  await answered("text", [true], plain, "[\n  true\n]");
  refused(await say("html", { html: 1 }), 400, "Response is not valid 'text/html'.");
  refused(await say("html", {}), 400, "Response is not valid 'text/html'.");
  refused(await say("svg", [1]), 400, "Response is not valid 'image/svg+xml'.");
  refused(await say("text", { other: 1 }), 404, "Response does not include requested property.");
  refused(await ask("GET", "say.xml"), 404, notThere);
  await action("dotted.name", "function main() { return { text: 'dots' }; }", { "web-export": true });
  assert.equal((await ask("GET", "dotted.name.text")).text, "dots");
});

test("an action's own error is its answer, and what went wrong otherwise is not told", async () => {
  const own = await say("http", { error: { statusCode: 418, body: "tea" } });
  assert.deepEqual([own.status, own.text], [418, "tea"]);
  refused(await say("http", { error: "text" }), 400, "Response is not valid 'message/http'.");
  refused(await say("json", { error: "text" }), 400, "Response is not valid 'application/json'.");
  assert.equal((await say("text", { error: "text" })).text, "text");
  assert.deepEqual((await say("json", { error: { a: 1 } })).json, { a: 1 });
  await action("throws", "function main() { throw new Error('secret'); }", { "web-export": true });
  const thrown = await ask("GET", "throws");
  refused(thrown, 400, "There was an error processing your request.");
  assert.match(thrown.headers.get("x-openwhisk-activation-id") ?? "", /^[0-9a-f]{32}$/);
});

const checkAccept = async (accept: string, isTaken: boolean, result: object = { body: "<p>" }) => {
  const answer = await say("http", result, { accept });
  if (isTaken) return assert.ok(answer.status !== 406, accept);
  refused(answer, 406, "Resource representation is only available with these types:\ntext/html; charset=UTF-8");
};

test("an answer that the client does not take is 406", async () => {
  await checkAccept("text/html", true);
  await checkAccept("image/*, text/*;q=0.1", true);
  await checkAccept("*/*;q=0.1", true);
  await checkAccept("application/json", false);
  await checkAccept("text/html;q=0, */*", false);
  await checkAccept("nonsense", true);
  await checkAccept("application/json", true, { statusCode: 400, body: "<p>" });
  await checkAccept("application/json", true, {});
});

const cors = ({ headers }: Answer) => ["origin", "methods", "headers"].map((name) => headers.get(`access-control-allow-${name}`));

test("pages of every origin may ask", async () => {
  const origin = { origin: "https://elsewhere.example" };
  const usual = "Authorization, Origin, X-Requested-With, Content-Type, Accept, User-Agent";
  const methods = "OPTIONS, GET, DELETE, POST, PUT, HEAD, PATCH";
  const asked = await ask("OPTIONS", "echo", undefined, { ...origin, "access-control-request-headers": "x-own" });
  assert.deepEqual([asked.status, asked.text, cors(asked)], [200, "", ["*", methods, "x-own"]]);
  assert.equal(asked.headers.get("x-openwhisk-activation-id"), null);
  for (const answer of [
    await ask("POST", "echo", "{}", { ...origin, ...json }),
    await ask("POST", "echo?__ow_path=", undefined, origin),
    await ask("POST", "nothing", undefined, origin),
  ])
    assert.deepEqual(cors(answer), ["*", methods, usual]);
  const own = await say("http", { headers: { "access-control-allow-origin": "https://a.example" } });
  assert.deepEqual(cors(own), ["https://a.example", methods, usual]);

  const code = "function main(p) { return { headers: { 'x-method': p.__ow_method }, body: 'own' }; }";
  await action("options", code, { "web-export": true, "web-custom-options": true, "require-whisk-auth": "s" });
  const itself = await ask("OPTIONS", "options", undefined, origin);
  assert.deepEqual([itself.text, itself.headers.get("x-method"), cors(itself)], ["own", "options", [null, null, null]]);
  assert.deepEqual(cors(await ask("GET", "options")), [null, null, null]);
});

test("an action may want a key, or a secret", async () => {
  const code = "function main(p) { return { body: p }; }";
  const unauthorized = "The resource requires authentication, which was not supplied with the request";
  await action("keyed", code, { "web-export": true, "require-whisk-auth": true });
  refused(await ask("GET", "keyed"), 401, unauthorized);
  refused(await ask("GET", "keyed", undefined, { authorization: basic(`${other.auth}x`) }), 401, unauthorized);
  refused(await ask("POST", "keyed", "x".repeat(1024 * 1024)), 401, unauthorized);
  refused(await ask("POST", "keyed", "x".repeat(1024 * 1024 + 1)), 413, /^Request larger than allowed/);
  for (const { name, auth } of [{ name: "guest", auth: platform.auth }, other]) {
    const { json: told } = await ask("GET", "keyed", undefined, { authorization: basic(auth) });
    assert.equal(told["__ow_user"], name);
    assert.equal("authorization" in (told["__ow_headers"] as object), false, "whoever wrote the code could use the key");
  }
  const wrong = await ask("GET", "echo", undefined, { authorization: "Bearer of-their-own" });
  assert.equal((wrong.json["__ow_headers"] as Record<string, string>)["authorization"], "Bearer of-their-own");
  assert.equal("__ow_user" in wrong.json, false);
  for (const [required, given] of [
    ["s3cret", "s3cret"],
    [12345678901, "12345678901"],
  ] as const) {
    await action("secret", code, { "web-export": true, "require-whisk-auth": required });
    assert.equal((await ask("GET", "secret", undefined, { "x-require-whisk-auth": given })).status, 200);
    refused(await ask("GET", "secret", undefined, { "x-require-whisk-auth": `${given}1` }), 401, unauthorized);
    refused(await ask("GET", "secret", undefined, { authorization: basic(platform.auth) }), 401, unauthorized);
    assert.equal((await ask("OPTIONS", "secret")).status, 200);
  }
  await action("secret", code, { "web-export": true, "require-whisk-auth": { no: 1 } });
  refused(await ask("GET", "secret", undefined, { "x-require-whisk-auth": "x" }), 401, unauthorized);
  await action("secret", code, { "web-export": true, "require-whisk-auth": false });
  assert.equal((await ask("GET", "secret")).status, 200);
});

test("what is no web action is not there, for anybody", async () => {
  const code = "function main() { return {}; }";
  await action("hidden", code, {});
  await action("hidden2", code, { "web-export": "true" });
  await action("hidden3", code, { "web-export": false });
  const key = { authorization: basic(platform.auth) };
  for (const name of ["hidden", "hidden2", "hidden3", "nothing"]) {
    for (const method of ["GET", "OPTIONS"]) refused(await ask(method, name), 404, notThere);
    refused(await ask("GET", name, undefined, key), 404, notThere);
  }
  for (const path of ["nobody/default/echo", "guest/none/echo", "_/default/echo", "other/default/echo"])
    refused(await send("GET", `${platform.url}/api/v1/web/${path}`), 404, notThere);
  for (const path of ["guest", "guest/default", "guest/default/", "guest/default/!", "guest/default/%zz"])
    refused(await send("GET", `${platform.url}/api/v1/web/${path}`), 404, "The requested resource could not be found.");
  refused(await ask("PROPFIND", "echo"), 405, /^HTTP method not allowed, supported methods: OPTIONS, GET/);
});

test("each call leaves its record, as its owner's", async () => {
  const { headers } = await say("json", { seen: 1 });
  const id = headers.get("x-openwhisk-activation-id") ?? "";
  const record = await send("GET", `${platform.url}/api/v1/namespaces/_/activations/${id}`, undefined, {
    authorization: basic(platform.auth),
  });
  assert.equal(record.status, 200, record.text);
  const { name, subject, response } = record.json as { name: string; subject: string; response: { result: object } };
  assert.deepEqual([name, subject, response.result], ["say", "guest", { seen: 1 }]);
  assert.equal((await ask("GET", "echo", undefined, { "x-request-id": "mine" })).headers.get("x-request-id"), "mine");
});

const source = (text: string) => ["f.mjs", text] as const;

test("functions of other doors are web actions by the annotation, and may speak HTTP themselves", async () => {
  const settings = { annotations: { "web-export": true } };
  const inApp = (path: string) => send("GET", `${platform.url}/api/v1/web/guest/site/${path}`);
  await platform.deploy({ name: "object", app: "site", file: source("export default (event) => ({ body: event });"), settings });
  const told = (await inApp("object?a=1")).json;
  assert.deepEqual([told["__ow_method"], told["a"]], ["get", "1"]);
  await platform.deploy({ name: "page", app: "site", file: source("export default () => '<p>plain</p>';"), settings });
  const page = await inApp("page");
  assert.deepEqual([page.status, page.text], [200, "<p>plain</p>"]);
  const html = await inApp("page.html");
  assert.deepEqual([html.headers.get("content-type"), html.text], ["text/html; charset=UTF-8", "<p>plain</p>"]);
});

test("so are actions of packages and of their bindings, sequences and conductors", async () => {
  const entity = async (path: string, body: object, auth: string) => {
    const headers = { authorization: basic(auth), ...json };
    const { status, text } = await send("PUT", `${platform.url}/api/v1/namespaces/_/${path}`, JSON.stringify(body), headers);
    assert.equal(status, 200, text);
  };
  const exported = [{ key: "web-export", value: true }];
  await entity("packages/shared", { publish: true, parameters: [{ key: "own", value: 1 }] }, platform.auth);
  await action("shared/echo", "function main(p) { return { body: p }; }", { "web-export": true });
  const binding = { namespace: "guest", name: "shared" };
  await entity("packages/bound", { binding, parameters: [{ key: "more", value: 2 }] }, other.auth);
  const { json: told } = await send("GET", `${platform.url}/api/v1/web/other/bound/echo?x=3`);
  assert.deepEqual([told["own"], told["more"], told["x"]], [1, 2, "3"]);
  await entity("packages/shared?overwrite=true", { publish: false }, platform.auth);
  refused(await send("GET", `${platform.url}/api/v1/web/other/bound/echo`), 404, notThere);

  await action("next", "function main({ n }) { return { n: Number(n) + 1, body: `${Number(n) + 1}` }; }", {});
  const sequence = { kind: "sequence", components: ["/_/next", "/_/next"] };
  await entity("actions/twice", { exec: sequence, annotations: exported }, platform.auth);
  assert.equal((await ask("GET", "twice?n=1")).text, "3");
  const code = "function main(p) { return p.over ? { params: p } : { action: 'next', params: p, state: { over: true } }; }";
  await action("guided", code, { "web-export": true, conductor: true });
  assert.equal((await ask("GET", "guided?n=4")).text, "5");
});

/** A request to another host than where it is sent. */
function askHost(host: string, path: string): Promise<{ status: number; text: string; csp: string | undefined }> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ port: platform.port, host: "127.0.0.1", path, headers: { host } }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      const csp = response.headers["content-security-policy"] as string | undefined;
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text, csp }));
    });
    sent.on("error", reject).end();
  });
}

test("a namespace has a host of its own, where there is nothing else; elsewhere its pages are sandboxed", async () => {
  const code = "function main(p) { return { html: `<p>${p.__ow_path}</p>` }; }";
  await platform.deploy({ name: "any", app: "public", file: ["f.mjs", "export default 1"] });
  await action("public/index", code, { "web-export": true });
  assert.deepEqual(await askHost("guest.web.test", "/"), { status: 200, text: "<p></p>", csp: undefined });
  assert.deepEqual(await askHost("Guest.WEB.test:80", "/public/index.html/x"), {
    status: 200,
    text: "<p>/x</p>",
    csp: undefined,
  });
  for (const path of ["/ui/", "/kiln/v1/namespaces", "/api/v1/web/guest/public/index.html", "/v2/apps"])
    assert.equal((await askHost("guest.web.test", path)).status, 404, path);
  assert.equal((await askHost("nobody.web.test", "/")).status, 404);
  const at = await askHost("127.0.0.1", "/api/v1/web/guest/public/index.html");
  assert.match(at.csp ?? "", /^sandbox /);
  assert.notEqual((await askHost("a.guest.web.test", "/public/index.html")).status, 200);
});

test("a namespace's limits are shown, changed and kept, and refused calls say which was met", async () => {
  const folder = { cwd: platform.data, env: { POLYKILN_DATA: platform.data } };
  const limits = async (...flags: string[]) => {
    const { stdout, stderr, code } = await pk(
      ["namespace", "limits", "guest", ...flags, "--json", "--api-url", platform.url],
      folder,
    );
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout) as Record<string, number>;
  };
  const shown = async () => {
    const { json: all } = await send("GET", `${platform.url}/api/v1/namespaces/_/limits`, undefined, {
      authorization: basic(platform.auth),
    });
    return [all["invocationsPerMinute"], all["concurrentInvocations"], all["firesPerMinute"]];
  };
  const usual = await shown();
  assert.equal((await limits("--invocations-per-minute", "2", "--fires-per-minute", "0"))["callsPerMinute"], 2);
  assert.deepEqual(await shown(), [2, usual[1], 0]);
  const answers = [];
  for (let i = 0; i < 4; i++) answers.push(await ask("GET", "echo"));
  const over = answers.find(({ status }) => status === 429);
  assert.ok(over !== undefined);
  refused(over, 429, /^Too many requests in the last minute \(count: \d+, allowed: 2\)\.$/);
  assert.match(over.headers.get("retry-after") ?? "", /^\d+$/);
  const event = await send("POST", `${platform.url}/api/v1/namespaces/_/triggers/news`, "{}", {
    authorization: basic(platform.auth),
    ...json,
  });
  refused(event, 429, "Too many requests in the last minute (count: 1, allowed: 0).");
  assert.equal(event.headers.get("kiln-limit"), "namespaceFiresPerMinuteMax");
  await limits("--invocations-per-minute", "default", "--concurrent-invocations", "0");
  refused(await ask("GET", "echo"), 429, "Too many concurrent requests in flight (count: 1, allowed: 0).");
  await limits("--concurrent-invocations", "default", "--fires-per-minute", "default");
  assert.deepEqual(await shown(), usual);
  assert.equal((await ask("GET", "echo")).status, 200);
  const asOperator = ["--concurrent-invocations", "9", "--auth", platform.auth, "--api-url", platform.url];
  const ofOther = await pk(["namespace", "limits", "other", ...asOperator], folder);
  assert.match(ofOther.stdout, /calls +9\n/);
  const foreign = await pk(
    ["namespace", "limits", "other", "--concurrent-invocations", "9", "--auth", other.auth, "--api-url", platform.url],
    folder,
  );
  assert.match(foreign.stderr, /Only a key of namespace guest/);
});

const limitsPath = "/kiln/v1/namespaces/guest/limits";

test("a namespace's limits survive a restart", async () => {
  const data = mkdtempSync(join(tmpdir(), "kiln-limits-"));
  try {
    const first = await startPlatform({ data });
    try {
      const given = await put(`${first.url}${limitsPath}`, { calls: 0, firesPerMinute: 7 });
      assert.deepEqual([given["calls"], given["firesPerMinute"]], [0, 7]);
    } finally {
      await first.stop();
    }
    const second = await startPlatform({ data });
    try {
      const { json: kept } = await send("GET", `${second.url}${limitsPath}`);
      assert.deepEqual([kept["calls"], kept["firesPerMinute"]], [0, 7]);
      const wrong = await send("PUT", `${second.url}${limitsPath}`, '{"calls":-1}', json);
      assert.equal(wrong.status, 400);
    } finally {
      await second.stop();
    }
  } finally {
    rmSync(data, { recursive: true, force: true });
  }
});
