/** What of APIs needs no code to run: how they are made, and refused. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { type Answer, ask } from "../../../../test/http-harness.ts";
import { whiskContext } from "../../../../test/whisk-context.ts";
import type { Invoker } from "../../../invocation/invocation.ts";
import { openWhiskManagement } from "../openwhisk.ts";
import { createGateway, type Gateway } from "./gateway.ts";

let gateway: Gateway;
let authorization: string;

/** Calls nothing. */
const nobody: Invoker = {
  begin: () => assert.fail("Nothing is called"),
  invoke: () => assert.fail("Nothing is called"),
};

const json = ["content-type", "application/json"];

before(async () => {
  const made = await whiskContext(nobody);
  authorization = made.authorization.guest;
  gateway = createGateway(made.context);
  for (const [name, isWeb] of [
    ["shown", true],
    ["private", false],
  ] as const) {
    const body = {
      exec: { kind: "nodejs:default", code: "function main() {}" },
      annotations: [{ key: "web-export", value: isWeb }],
    };
    const { status } = await ask(openWhiskManagement(made.context), {
      method: "PUT",
      target: `/api/v1/namespaces/_/actions/${name}`,
      headers: ["authorization", authorization, ...json],
      body: JSON.stringify(body),
    });
    assert.equal(status, 200);
  }
});

const manage = (method: string, action: string, body = ""): Promise<Answer> =>
  ask(gateway.management, {
    method,
    target: `/api/v1/web/whisk.system/apimgmt/${action}`,
    headers: ["authorization", authorization, ...json],
    body,
  });

const create = (apidoc: object, query = "") =>
  manage("POST", `createApi.http?accesstoken=any${query}`, JSON.stringify({ apidoc }));

async function refused(answer: Promise<Answer>, expected: string): Promise<void> {
  const { status, body } = await answer;
  assert.deepEqual([status, JSON.parse(body)], [502, { error: expected }]);
  assert.deepEqual(JSON.parse((await manage("GET", "getApi")).body), { apis: [] });
}

const action = {
  name: "shown",
  namespace: "_",
  backendMethod: "GET",
  backendUrl: "http://server/api/v1/web/_/default/shown.http",
  authkey: "a:b",
};
const endpoint = { namespace: "_", gatewayBasePath: "/bad", gatewayPath: "/x", gatewayMethod: "GET", action };
const failure = "API creation failure: ";
const gatewayFailure = `${failure}Unable to configure the API Gateway (status code 400): `;
const noWebAction = (name: string) => `${failure}The action '${name}' does not exist, or is not a web action.`;
const segments = "/a".repeat(9);

const endpoints: readonly (readonly [change: object, expected: string])[] = [
  [{ namespace: undefined }, "apidoc is missing the namespace field"],
  [{ gatewayBasePath: "" }, "apidoc is missing the gatewayBasePath field"],
  [{ gatewayMethod: undefined }, "apidoc is missing the gatewayMethod field"],
  [{ action: undefined }, "apidoc is missing the action field."],
  [{ action: { ...action, authkey: "" } }, "action is missing the authkey field."],
  [{ swagger: "{}" }, "swagger and gatewayBasePath are mutually exclusive and cannot be specified together."],
  [{ action: { ...action, backendUrl: "shown" } }, "The backendUrl 'shown' of the action is not the URL of a web action."],
  [{ action: { ...action, name: "missing" } }, noWebAction("/guest/missing")],
  [{ action: { ...action, name: "private" } }, noWebAction("/guest/private")],
  [{ action: { ...action, name: "pkg/shown" } }, noWebAction("/guest/pkg/shown")],
  [{ action: { ...action, namespace: "other" } }, noWebAction("/other/shown")],
  [{ gatewayPath: "x" }, `${gatewayFailure}Resource path must begin with '/'.`],
  [{ gatewayMethod: "TRACE" }, `${gatewayFailure}Resource verb 'trace' not supported.`],
  [{ gatewayPath: "/{id}" }, `${failure}The action must use a response type of '.http' in order to receive the path parameters.`],
  [{ gatewayBasePath: segments }, `${failure}The base path '${segments}' has more than 8 segments.`],
  [{ gatewayBasePath: "bad" }, `${failure}API 'bad' does not exist. To make one, name its base path, which begins with '/'.`],
];

test("an endpoint that is none is refused, and makes no API", async () => {
  for (const [change, expected] of endpoints) await refused(create({ ...endpoint, ...change }), expected);
  await refused(create(endpoint, "&responsetype=xml"), "The response type 'xml' is not one of http, json, html, svg, text.");
});

const x = { "/x": { get: { operationId: "x", "x-openwhisk": { url: "http://server/api/v1/web/_/default/shown" } } } };
const swagger = { swagger: "2.0", info: { title: "Bad" }, basePath: "/bad", paths: x };
const configured = (execute: unknown) => ({ "x-ibm-configuration": { assembly: { execute: [execute] } } });
const sets = (set: string, value: unknown) => configured({ "set-variable": { actions: [{ set, value }] } });
const noSuch = (what: string) =>
  `${failure}This server has no '${what}' for APIs, and does not serve one as if it were not there. Remove it.`;
const elsewhere = "http://169.254.169.254/latest";

const documents: readonly (readonly [change: object, expected: string])[] = [
  [{ basePath: undefined }, "swagger is missing the basePath field."],
  [{ info: undefined }, "swagger is missing the info field."],
  [{ basePath: 5 }, "The basePath field of swagger should be a string."],
  [{ paths: [] }, "The paths field of swagger should be an object."],
  [{ basePath: "bad" }, `${failure}The base path 'bad' must begin with '/'.`],
  [{ basePath: `/${"a".repeat(300)}` }, `${failure}The base path has 301 characters; 256 are allowed.`],
  [{ paths: { "/x": {} } }, `${gatewayFailure}Missing or empty field 'operations' or in resource path object.`],
  [{ paths: { "/x": { parameters: [] } } }, `${gatewayFailure}Missing or empty field 'operations' or in resource path object.`],
  [{ paths: { "/x": { get: 5 } } }, `${gatewayFailure}Resource verb 'get' has no operation.`],
  [
    { paths: { "/x": x["/x"], "/x/": x["/x"] } },
    `${failure}Another path of the API is the same as '/x/': names of parameters make no difference.`,
  ],
  [
    { paths: { "/x": { get: { "x-openwhisk": { url: elsewhere } } } } },
    `${failure}The target-url '${elsewhere}' is not the URL of a web action.`,
  ],
  [
    configured({ invoke: { "target-url": elsewhere } }),
    `${failure}The target-url '${elsewhere}' is not the URL of a web action.`,
  ],
  [configured({ invoke: { verb: "TRACE" } }), `${gatewayFailure}backendMethod 'TRACE' not supported.`],
  [{ securityDefinitions: { key: { type: "apiKey" } } }, noSuch("securityDefinitions")],
  [{ paths: { "/x": { get: { ...x["/x"].get, security: [{ key: [] }] } } } }, noSuch("security")],
  [{ "x-gateway-rate-limit": [{ unit: "second", units: 1, rate: 1 }] }, noSuch("x-gateway-rate-limit")],
  [configured({ "rate-limit": {} }), noSuch("rate-limit")],
  [sets("message.body.a", 1), noSuch("set-variable of message.body.a")],
  [sets("message.headers.a", "1\r\nb: 2"), `${gatewayFailure}The value of header 'a' has characters that no header can have.`],
];

test("a document that cannot be served as it says is refused, and makes no API", async () => {
  for (const [change, expected] of documents) {
    const apidoc = { namespace: "_", swagger: JSON.stringify({ ...swagger, ...change }) };
    await refused(create(apidoc), expected);
  }
  await refused(create({ namespace: "_", swagger: "5" }), "swagger field is number and should be an object or a JSON string.");
  for (const text of ["{", JSON.stringify(swagger).replace('"/x"', '"__proto__"')]) {
    const { status, body } = await create({ namespace: "_", swagger: text });
    assert.equal(status, 502);
    assert.match(body, /swagger field cannot be parsed\. Ensure it is valid JSON\./);
  }
});

const noTarget = /^API creation failure: The target-url '.{900,}…$/s;
const long: readonly (readonly [change: object, expected: RegExp])[] = [
  [{ paths: { [`/${"{a}/".repeat(200_000)}`]: x["/x"] } }, /has more than 64 segments\.$/],
  [{ basePath: "/{".repeat(400_000) }, /^API creation failure: The base path '.*…$/],
  [configured({ invoke: { "target-url": `${"/api/v1/web/a/b/c".repeat(50_000)}#` } }), noTarget],
  [configured({ invoke: { "target-url": `http://${"a".repeat(900_000)}` } }), noTarget],
  [
    configured({
      "set-variable": { actions: Array.from({ length: 33 }, (_, at) => ({ set: `message.headers.h${at}`, value: "" })) },
    }),
    /can be given 32 headers at most\.$/,
  ],
];

test("what is made to be looked at for long is not", { timeout: 60_000 }, async () => {
  for (const [change, expected] of long) {
    const { status, body } = await create({ namespace: "_", swagger: { ...swagger, ...change } });
    assert.equal(status, 502);
    assert.match((JSON.parse(body) as { error: string }).error, expected);
  }
  const backendUrl = `https://${"a".repeat(900_000)}`;
  assert.match(
    (await create({ ...endpoint, action: { ...action, backendUrl } })).body,
    /^\{"error":"The backendUrl '.{900,1000}…"\}$/,
  );
});

test("other requests are refused as everywhere", async () => {
  for (const [method, path, status, body] of [
    ["POST", "createApi", 400, "{"],
    ["POST", "createApi", 400, ""],
    ["POST", "createApi", 502, "{}"],
    ["POST", "createApi", 502, '{"apidoc":5}'],
    ["POST", "createApi", 413, JSON.stringify({ apidoc: " ".repeat(1_100_000) })],
    ["PUT", "createApi", 405, ""],
    ["GET", "otherApi", 404, ""],
    ["GET", "getApi?limit=x", 400, ""],
    ["DELETE", "deleteApi", 502, ""],
    ["DELETE", "deleteApi?basepath=/x&operation=GET", 502, ""],
    ["OPTIONS", "getApi", 200, ""],
  ] as const)
    assert.equal((await manage(method, path, body)).status, status, `${method} ${path} ${body.slice(0, 20)}`);
  const { status } = await ask(gateway.management, { target: "/api/v1/web/whisk.system/apimgmt/getApi", loopback: true });
  assert.equal(status, 401, "also on loopback");
});

const shown = async (answer: Promise<Answer>) => (JSON.parse((await answer).body) as { apidoc: object }).apidoc;

/** What the gateway alone reads of a document. */
const switched = (cases: readonly object[]) => ({
  "x-ibm-configuration": {
    assembly: { execute: [{ "operation-switch": { case: cases } }] },
    cors: { enabled: true },
  },
});

test("an endpoint is put into the document as OpenWhisk puts it, and taken out with all that belongs to it", async () => {
  const made = await shown(create({ ...endpoint, gatewayPath: "/a/b-c", action: { ...action, secureKey: 7 } }));
  const target = "http://server/api/v1/web/guest/default/shown.json";
  const operation = {
    operationId: "getAB-c",
    "x-openwhisk": { url: target, namespace: "guest", package: "", action: "shown" },
    responses: { default: { description: "Default response" } },
  };
  const secret = { set: "message.headers.X-Require-Whisk-Auth", value: 7 };
  const execute = [{ invoke: { "target-url": target, verb: "keep" } }, { "set-variable": { actions: [secret] } }];
  const base = { swagger: "2.0", info: { title: "/bad", version: "1.0.0" }, basePath: "/bad" };
  const first = { operations: ["getAB-c"], execute };
  assert.deepEqual(made, { ...base, paths: { "/a/b-c": { get: operation } }, ...switched([first]) });

  // Its words are those of the other one.
  const more = await shown(create({ ...endpoint, gatewayPath: "/a/.b-c" }));
  const second = { operations: ["getAB-c2"], execute: execute.slice(0, 1) };
  const both = { "/a/b-c": { get: operation }, "/a/.b-c": { get: { ...operation, operationId: "getAB-c2" } } };
  assert.deepEqual(more, { ...base, paths: both, ...switched([first, second]) });
  assert.equal((await manage("DELETE", "deleteApi?basepath=/bad&relpath=/a/b-c&operation=GET")).body, "{}");
  const { apis } = JSON.parse((await manage("GET", "getApi?basepath=/bad")).body) as { apis: { value: { apidoc: object } }[] };
  assert.deepEqual(apis[0]?.value.apidoc, { ...base, paths: { "/a/.b-c": both["/a/.b-c"] }, ...switched([second]) });
  await manage("DELETE", "deleteApi?basepath=/bad&relpath=/a/.b-c");
  assert.deepEqual(JSON.parse((await manage("GET", "getApi")).body), { apis: [] });
});
