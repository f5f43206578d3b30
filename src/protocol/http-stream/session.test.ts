import assert from "node:assert/strict";
import { Duplex, duplexPair } from "node:stream";
import { test } from "node:test";
import { bytesBody, readBody } from "../../lib/body.ts";
import { realWorld } from "../../lib/world.ts";
import type { PlatformError } from "../../model/error.ts";
import type { FunctionRequest, FunctionResponse, HttpOrigin } from "../protocol.ts";
import { HttpStreamSession } from "./session.ts";

const never = new AbortController().signal;
const route: HttpOrigin = { method: "PUT", url: "http://h/t/app/x?q=1", target: "/x?q=1" };

/** A session whose kit answers each request with `answer`; `requests` is what the kit was sent. */
function open(answer: string) {
  const requests: string[] = [];
  let connections = 0;
  const dial = async (): Promise<Duplex> => {
    connections++;
    const [ours, theirs] = duplexPair();
    theirs.on("data", (data: Buffer) => {
      requests.push(data.toString("latin1"));
      // Not at once: a real peer answers when the write is over.
      setImmediate(() => theirs.write(answer, "latin1"));
    });
    return ours as Duplex;
  };
  const options = { dial, hooks: { log() {} }, world: realWorld(), frameName: "MARK" };
  return { requests, connections: () => connections, make: async () => new HttpStreamSession(await dial(), options) };
}

function requestOf(fields: Partial<FunctionRequest> = {}): FunctionRequest {
  return {
    callId: "C1",
    deadlineAt: Date.UTC(2030, 0, 2, 3, 4, 5, 999),
    headers: [],
    http: null,
    body: bytesBody(Buffer.from("in")),
    ...fields,
  };
}

const answerOf = (status: string, headers: string[] = [], body = "out") =>
  [`HTTP/1.1 ${status}`, ...headers, `Content-Length: ${body.length}`, "", body].join("\r\n");

async function seen(response: FunctionResponse) {
  const body = await readBody(response.body, 1e6, () => new Error("too large"));
  return { status: response.status, headers: response.headers, body: body.toString() };
}

test("a direct call is passed unchanged, but what the platform says is the platform's", async () => {
  const kit = open(answerOf("200 OK"));
  const session = await kit.make();
  const headers = [
    "x-Odd-Name",
    "1",
    "x-Odd-Name",
    "2",
    "HOST",
    "h",
    "fn-call-id",
    "forged",
    "FN-DEADLINE",
    "forged",
    "content-length",
    "99",
    "Fn-Intent",
    "own",
  ];
  await session.call(requestOf({ headers }), never);
  const expected = ["POST /call HTTP/1.1", "Host: localhost", "Fn-Call-Id: C1", "Fn-Deadline: 2030-01-02T03:04:05Z"];
  assert.deepEqual(kit.requests[0]?.split("\r\n"), [
    ...expected,
    "x-Odd-Name: 1",
    "x-Odd-Name: 2",
    "Fn-Intent: own",
    "Content-Length: 2",
    "",
    "in",
  ]);
  session.close();
});

test("a call through a route is encoded, so that its headers cannot be taken for the platform's", async () => {
  const kit = open(answerOf("200 OK"));
  const session = await kit.make();
  const headers = ["content-TYPE", "a/b", "x-odd_name", "1", "Fn-Call-Id", "forged", "host", "h"];
  await session.call(requestOf({ headers, http: route }), never);
  assert.deepEqual(kit.requests[0]?.split("\r\n"), [
    "POST /call HTTP/1.1",
    "Host: localhost",
    "Fn-Call-Id: C1",
    "Fn-Deadline: 2030-01-02T03:04:05Z",
    "Fn-Intent: httprequest",
    "Fn-Http-Method: PUT",
    "Fn-Http-Request-Url: http://h/t/app/x?q=1",
    "Content-Type: a/b",
    "Fn-Http-H-X-Odd_name: 1",
    "Fn-Http-H-Fn-Call-Id: forged",
    "Fn-Http-H-Host: h",
    "Content-Length: 2",
    "",
    "in",
  ]);
  session.close();
});

const answers: [name: string, http: HttpOrigin | null, given: string[], expected: { status: number; headers: string[] }][] = [
  [
    "direct: the connection's headers are dropped",
    null,
    [
      "Connection: keep-alive, X-Hop",
      "X-Hop: 1",
      "Keep-Alive: timeout=5",
      "Date: now",
      "Content-Type: a/b",
      "X-A: 1",
      "X-A: 2",
      "Fn-Http-Status: 404",
    ],
    { status: 200, headers: ["Content-Type", "a/b", "X-A", "1", "X-A", "2", "Fn-Http-Status", "404"] },
  ],
  [
    "route: only what was meant for the client passes",
    route,
    [
      "Fn-Http-Status: 404",
      "Content-Type: a/b",
      "Fn-Fdk-Version: 1",
      "X-A: 1",
      "Fn-Http-H-X-B: 1",
      "fn-http-h-set-cookie: a",
      "fn-http-h-set-cookie: b",
    ],
    { status: 404, headers: ["X-B", "1", "set-cookie", "a", "set-cookie", "b", "Content-Type", "a/b"] },
  ],
  [
    "route: nothing writes on the client's connection",
    route,
    [
      "Fn-Http-H-Connection: close",
      "Fn-Http-H-Transfer-Encoding: chunked",
      "Fn-Http-H-Content-Length: 1",
      "Fn-Http-H-: x",
      "Fn-Http-H-Upgrade: h2c",
    ],
    { status: 200, headers: [] },
  ],
  [
    "route: a status that is no number is passed over",
    route,
    ["Fn-Http-Status: 404 Not Found", "Fn-Http-Status: ", "Fn-Http-Status: -1", "Fn-Http-Status: 000"],
    { status: 200, headers: [] },
  ],
  [
    "route: a content type among the encoded ones",
    route,
    ["Fn-Http-H-Content-Type: a/b"],
    { status: 200, headers: ["Content-Type", "a/b"] },
  ],
];

for (const [name, http, given, expected] of answers) {
  test(name, async () => {
    const session = await open(answerOf("200 OK", given)).make();
    assert.deepEqual(await seen(await session.call(requestOf({ http }), never)), { ...expected, body: "out" });
    assert.equal(session.usable, true);
    session.close();
  });
}

const failures: [name: string, answer: string, code: string, message: RegExp, usable: boolean][] = [
  ["502 with JSON", answerOf("502 x", [], '{"message":"bad","detail":"worse"}'), "function_failed", /^bad$/, true],
  ["502 with text", answerOf("502 x", [], "boom"), "function_failed", /^boom$/, true],
  ["502 without a body", answerOf("502 x", [], ""), "function_failed", /^The function failed$/, true],
  ["502 with a large body", answerOf("502 x", [], "e".repeat(300_000)), "function_failed", /^e{65536}$/, true],
  ["504", answerOf("504 x"), "timeout", /time was up/, true],
  ["500", answerOf("500 x"), "function_protocol", /answered status 500/, false],
  ["404", answerOf("404 x"), "function_protocol", /answered status 404/, false],
  ["301", answerOf("301 x"), "function_protocol", /answered status 301/, false],
  ["204", "HTTP/1.1 204 x\r\n\r\n", "function_protocol", /answered status 204/, false],
  ["garbage", "what?\r\n\r\n", "function_protocol", /status line/, false],
  ["two answers", answerOf("200 OK") + answerOf("200 OK"), "function_protocol", /more than its answer/, false],
];

for (const [name, answer, code, message, usable] of failures) {
  test(`fails: ${name}`, async () => {
    const session = await open(answer).make();
    await assert.rejects(
      session.call(requestOf(), never),
      (error: PlatformError) => error.code === code && message.test(error.message),
    );
    assert.equal(session.usable, usable);
    session.close();
  });
}

test("a number through a route that is no status fails the call", async () => {
  for (const status of ["99", "101", "600", "2000", "+99"]) {
    const session = await open(answerOf("200 OK", [`Fn-Http-Status: ${status}`])).make();
    await assert.rejects(
      session.call(requestOf({ http: route }), never),
      (error: PlatformError) => error.code === "function_protocol",
    );
    session.close();
  }
});

test("calls one after the other share one connection", async () => {
  const kit = open(answerOf("200 OK"));
  const session = await kit.make();
  for (let i = 0; i < 5; i++) await session.call(requestOf(), never);
  assert.equal(kit.connections(), 1);
  session.close();
  assert.equal(session.usable, false);
});

test("a line goes to the call whose mark came before it, also after the next call has begun", async () => {
  const session = await open(answerOf("200 OK")).make();
  const printed: string[] = [];
  const run = (callId: string) =>
    new Promise<void>((resolve, reject) => {
      session.begin(requestOf({ callId }), never, {
        answered: () => resolve(),
        failed: reject,
        printed: ({ text }) => printed.push(`${callId}: ${text}`),
      });
    });
  await run("C1");
  const second = run("C2");
  session.output("stdout", Buffer.from("\nMARK=C1\nof the first\n"));
  session.output("stdout", Buffer.from("\nMARK=C2\n"));
  session.output("stdout", Buffer.from("of the second\n"));
  await second;
  assert.deepEqual(printed, ["C1: of the first", "C2: of the second"]);
  session.close();
});

test("answers of many sandboxes that differ in their dates alone have one list of headers", async () => {
  const lists: (readonly string[])[] = [];
  for (const second of [1, 1, 2]) {
    const session = await open(answerOf("200 OK", ["X-A: 1", `Date: ${new Date(second * 1000).toUTCString()}`])).make();
    lists.push((await session.call(requestOf(), never)).headers);
    session.close();
  }
  assert.deepEqual(lists[0], ["X-A", "1"]);
  assert.equal(lists[0], lists[1]);
  assert.equal(lists[0], lists[2]);
});
