import assert from "node:assert/strict";
import { Duplex, duplexPair } from "node:stream";
import { test } from "node:test";
import { bytesBody, readBody } from "../../lib/body.ts";
import { realWorld } from "../../lib/world.ts";
import type { PlatformError } from "../../model/error.ts";
import type { Fn } from "../../model/model.ts";
import { sampleFn } from "../../../test/samples.ts";
import { noApi } from "../api-access.ts";
import type { FunctionRequest } from "../protocol.ts";
import { actionProxyProtocol } from "./action-proxy.ts";
import { endMark } from "./output.ts";

const never = new AbortController().signal;
const callId = "01JGK0000000000000000000AB";

/** What a proxy does with a request: an answer as it is on the wire, or nothing, or the end of the connection. */
type Act = string | "silence" | "end";

const answer = (status: number, body: string, more = "") =>
  `HTTP/1.1 ${status} X\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${more}\r\n${body}`;
const ok = answer(200, '{"ok":true}');

/** A proxy that does this with each `/init`, and this with each `/run`. */
function proxyOf(onInit: Act, onRun: Act = ok) {
  const requests: { target: string; body: Record<string, unknown> }[] = [];
  const act = (theirs: Duplex, what: Act) => {
    if (what === "end") theirs.end();
    else if (what !== "silence") theirs.write(what);
  };
  const dial = async (): Promise<Duplex> => {
    const [ours, theirs] = duplexPair();
    let text = "";
    theirs.on("data", (data: Buffer) => {
      text += data.toString();
      const [head = "", body] = text.split("\r\n\r\n");
      if (body === undefined || Buffer.byteLength(body) < Number(/content-length: (\d+)/i.exec(head)?.[1])) return;
      const target = head.split(" ")[1] as string;
      requests.push({ target, body: JSON.parse(body) as Record<string, unknown> });
      text = "";
      setImmediate(() => act(theirs, target === "/init" ? onInit : onRun));
    });
    return ours as Duplex;
  };
  const open = (fn: Fn = action(), signal = never) =>
    actionProxyProtocol({
      world: realWorld(),
      api: { ...noApi, url: () => "http://platform", keyOf: (namespace) => `key of ${namespace}` },
      code: async (digest) => ({ text: `code ${digest}`, binary: false }),
    }).open(fn, dial, { log() {} }, signal, { name: "pkg", config: { APP: "1" } });
  return { requests, open };
}

const action = (fields: Partial<Fn> = {}): Fn =>
  sampleFn({ source: { type: "image", image: "i" }, protocol: "action-proxy", timeoutMs: 1000, ...fields });

const requestOf = (body: string | Buffer): FunctionRequest => ({
  callId,
  deadlineAt: 1234,
  headers: ["X-Request-ID", "transaction"],
  http: null,
  body: bytesBody(Buffer.from(body)),
});

async function failure(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => assert.fail("it did not fail"),
    (thrown: PlatformError) => thrown,
  );
  return `${error.code}: ${error.message}`;
}

test("what a proxy is told with its code and with a call", async () => {
  const proxy = proxyOf(ok);
  const { id: _, namespace, name, revision } = action();
  const fn = action({
    source: { type: "image", image: "i", digest: "d", handler: "other" },
    parameters: { a: 1, b: 2, KEY: "x" },
    config: { KEY: "x" },
    annotations: { "provide-api-key": "true" },
  });
  const session = await proxy.open(fn);
  await session.call(requestOf('{"b":3,"KEY":"forged"}'), never);
  const own = {
    __OW_NAMESPACE: namespace,
    __OW_ACTION_NAME: `/${namespace}/pkg/${name}`,
    __OW_ACTION_VERSION: `0.0.${revision}`,
  };
  assert.deepEqual(proxy.requests, [
    {
      target: "/init",
      body: {
        value: {
          name,
          main: "other",
          code: "code d",
          binary: false,
          env: { APP: "1", KEY: "x", ...own, __OW_API_KEY: `key of ${namespace}` },
        },
      },
    },
    {
      target: "/run",
      body: {
        value: { a: 1, b: 3 },
        namespace,
        action_name: own.__OW_ACTION_NAME,
        action_version: own.__OW_ACTION_VERSION,
        activation_id: "0194260000000000000000000000014b",
        transaction_id: "transaction",
        deadline: "1234",
        api_host: "http://platform",
        api_key: `key of ${namespace}`,
      },
    },
  ]);
  session.close();
});

test("no key without the annotation, and bodies that are no objects", async () => {
  const proxy = proxyOf(ok);
  for (const said of [[], [["provide-api-key", "false"]]] as const) {
    const session = await proxy.open(action({ annotations: Object.fromEntries(said) as Fn["annotations"] }));
    for (const [body, value] of [
      ["[1,2]", [1, 2]],
      ["7", { __ow_body: 7 }],
      ["text", { __ow_body: "text" }],
      [Buffer.from([0xff, 0]), { __ow_body: "/wA=" }],
      ["", {}],
    ] as const) {
      await session.call(requestOf(body), never);
      assert.deepEqual(proxy.requests.at(-1)?.body["value"], value);
    }
    assert.ok(!JSON.stringify(proxy.requests).includes("key of"));
    session.close();
  }
});

test("code is sent once, whatever becomes of it", async () => {
  for (const onInit of [ok, answer(403, '{"error":"again"}'), "end", "garbage\r\n\r\n"] as const) {
    const proxy = proxyOf(onInit);
    const session = await proxy.open().catch(() => null);
    if (session !== null) for (let calls = 0; calls < 3; calls++) await session.call(requestOf("{}"), never);
    assert.equal(proxy.requests.filter(({ target }) => target === "/init").length, 1);
    session?.close();
  }
});

const inits: readonly (readonly [Act, string])[] = [
  [answer(502, '{"error":"no such main"}'), "function_failed: no such main"],
  [answer(502, '{"error":{"code":1}}'), 'function_failed: {"code":1}'],
  [answer(500, "Oops"), "function_failed: The action failed during initialization: Oops"],
  [answer(404, ""), "function_failed: The action failed during initialization."],
  ["end", "function_failed: The action did not initialize and exited unexpectedly."],
  ["silence", "start_timeout: The function did not take its code within its timeout of 1000 ms"],
];
for (const [onInit, expected] of inits) {
  test(`an init that is answered by ${JSON.stringify(onInit)}`, async () =>
    assert.equal(await failure(proxyOf(onInit).open()), expected));
}

test("an init that answers garbage", async () => {
  assert.match(await failure(proxyOf("garbage\r\n\r\n").open()), /^function_protocol: /);
});

const invalid = "function_failed: The action did not produce a valid JSON or JSON Array response";
const runs: readonly (readonly [Act, string])[] = [
  [answer(200, "no JSON"), `${invalid}: no JSON`],
  [answer(200, ""), `${invalid}.`],
  [answer(200, "7"), `${invalid}: 7`],
  [answer(200, "null"), `${invalid}: null`],
  [answer(502, '{"error":"An error has occurred"}'), "function_failed: An error has occurred"],
  [answer(500, '{"other":1}'), `${invalid}: {"other":1}`],
  ["end", "function_exited: "],
  ["garbage\r\n\r\n", "function_protocol: "],
  [answer(200, '{"a":1}') + answer(200, '{"a":2}'), "function_protocol: "],
  ["HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", "function_exited: "],
];
for (const [onRun, expected] of runs) {
  test(`a run that is answered by ${JSON.stringify(onRun)} fails, and no call follows it`, async () => {
    const session = await proxyOf(ok, onRun).open();
    const cut = onRun.startsWith("HTTP/1.1 200 OK\r\nContent-Length: 100");
    const call = session.call(requestOf("{}"), never);
    if (cut) setTimeout(() => session.close(), 20);
    assert.ok((await failure(call)).startsWith(expected));
    assert.equal(session.usable, false);
    session.close();
  });
}

test("a call that is not answered ends with its signal", async () => {
  const session = await proxyOf(ok, "silence").open();
  const controller = new AbortController();
  const call = session.call(requestOf("{}"), controller.signal);
  controller.abort(new Error("time is up"));
  await assert.rejects(call, /time is up/);
  assert.equal(session.usable, false);
});

test("what is read once the next call runs goes to the call that printed it", async () => {
  const session = await proxyOf(ok).open();
  const printed: string[] = [];
  const begin = (name: string) =>
    new Promise<void>((resolve, failed) => {
      session.begin?.(requestOf("{}"), never, {
        answered: () => resolve(),
        failed,
        printed: ({ text }) => printed.push(`${name}: ${text}`),
      });
    });
  await begin("first");
  await begin("second");
  session.output?.("stdout", Buffer.from(`one\n${endMark}\ntwo\n${endMark}\n`));
  assert.deepEqual(printed, ["first: one", "second: two"]);
  session.close();
});

test("an error in a result is an answer, and so is a result that is too long", async () => {
  const said =
    "The action produced a response that exceeded the allowed length: 1048577 > 1048576 bytes. The truncated response was: ";
  for (const [body, expected] of [
    ['{"error":{"a":1},"b":2}', '{"error":{"a":1}}'],
    [`"${"x".repeat(1024 * 1024 - 1)}"`, JSON.stringify({ error: `${said}"${"x".repeat(1023)}` })],
  ] as const) {
    const session = await proxyOf(ok, answer(200, body)).open();
    const response = await session.call(requestOf("{}"), never);
    assert.equal(response.status, 502);
    assert.equal((await readBody(response.body, 10_000, () => new Error("long"))).toString(), expected);
    assert.equal(session.usable, true);
    session.close();
  }
});
