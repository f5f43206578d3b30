import assert from "node:assert/strict";
import { type Duplex, duplexPair } from "node:stream";
import { test } from "node:test";
import { fail } from "node:assert";
import { sampleApp, sampleFn } from "../../../test/samples.ts";
import { bytesBody, readBody } from "../../lib/body.ts";
import { StdioExitError } from "../../lib/exit-error.ts";
import type { PlatformError } from "../../model/error.ts";
import type { FunctionProtocol, FunctionRequest, HttpOrigin } from "../protocol.ts";
import { stdioCloudEventProtocol, stdioHttpProtocol, stdioJsonProtocol } from "./stdio-stream.ts";

const never = new AbortController().signal;
const route: HttpOrigin = { method: "PUT", url: "http://h/t/app/x?q=1", target: "/x?q=1" };
const fn = sampleFn();

/** A program that answers each call with the next of `answers`, piece by piece; `asked` is what it was sent. */
async function open(protocol: FunctionProtocol, ...answers: readonly (string | readonly string[])[]) {
  const [ours, theirs] = duplexPair();
  const asked: string[] = [];
  const logs: string[] = [];
  const heard = { closed: 0 };
  theirs.on("error", () => {});
  theirs.on("data", (data: Buffer) => {
    asked.push(data.toString("latin1"));
    const answer = answers[asked.length - 1] ?? [];
    setImmediate(() => {
      for (const piece of typeof answer === "string" ? [answer] : answer) theirs.write(piece, "latin1");
    });
  });
  const hooks = {
    log: (_id: string | null, line: { stream: string; text: string }) => void logs.push(`${line.stream} ${line.text}`),
    closed: () => void heard.closed++,
  };
  const session = await protocol.open(fn, async () => ours as Duplex, hooks, never as AbortSignal);
  return { session, asked, logs, heard, program: theirs, stream: ours as Duplex };
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

async function run(protocol: FunctionProtocol, answer: string | readonly string[], fields: Partial<FunctionRequest> = {}) {
  const opened = await open(protocol, answer);
  const response = await opened.session.call(requestOf(fields), never);
  const body = await readBody(response.body, 1e9, () => fail("too large"));
  return { ...opened, status: response.status, headers: response.headers, body: body.toString() };
}

const protocols = { http: stdioHttpProtocol(), json: stdioJsonProtocol(), cloudevent: stdioCloudEventProtocol() };
type Format = keyof typeof protocols;
const formats = Object.keys(protocols) as Format[];

/** The same answer in each format. */
const hello: Readonly<Record<Format, string>> = {
  http: "HTTP/1.1 201 Made\r\nContent-Type: text/plain\r\nX-A: 1\r\nX-A: 2\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello",
  json: '{"body":"hello","content_type":"text/plain","protocol":{"status_code":201,"headers":{"X-A":["1","2"],"Content-Length":["9"]}}}\n',
  cloudevent:
    '{"contentType":"text/plain","data":"hello","extensions":{"protocol":{"status_code":201,"headers":{"X-A":["1","2"],"connection":["close"]}}}}\n',
};

test("the environment names the format and nothing of a call", () => {
  for (const format of formats) {
    const { env, endpoint, shim } = protocols[format].launch(
      sampleFn({ config: { A: "fn" } }),
      sampleApp({ config: { A: "app" } }),
    );
    assert.deepEqual([env["FN_FORMAT"], env["A"], env["FN_APP_NAME"], env["FN_TYPE"]], [format, "fn", "myapp", "sync"]);
    assert.deepEqual([endpoint, shim, env["FN_CALL_ID"]], [{ via: "stdio" }, false, undefined]);
  }
});

test("http: a request as HTTP/1.1 with the platform's own headers", async () => {
  const headers = ["x-a", "1", "fn_call_id", "forged", "Connection", "close", "FN_METHOD", "forged"];
  const { asked } = await run(protocols.http, hello.http, { headers, http: route });
  assert.deepEqual(asked[0]?.split("\r\n"), [
    "PUT /x?q=1 HTTP/1.1",
    "Host: localhost",
    "x-a: 1",
    "Fn_call_id: C1",
    "Fn_deadline: 2030-01-02T03:04:05Z",
    "Fn_method: PUT",
    "Fn_request_url: http://h/t/app/x?q=1",
    "Content-Length: 2",
    "",
    "in",
  ]);
  const unknown = await run(protocols.http, hello.http, { body: { ...bytesBody(Buffer.from("body")), bytes: undefined } });
  assert.match(unknown.asked.join(""), /\r\nContent-Length: 4\r\n\r\nbody$/, "also where the caller told no length");
});

test("json: a request as one line", async () => {
  const headers = ["content-type", "text/x", "X-A", "1", "x-a", "2"];
  const { asked } = await run(protocols.json, hello.json, { headers, http: route, body: bytesBody(Buffer.from('é"\n')) });
  const [line = "", ...rest] = Buffer.from(asked.join(""), "latin1").toString().split("\n");
  assert.deepEqual(rest, [""]);
  assert.deepEqual(JSON.parse(line), {
    call_id: "C1",
    deadline: "2030-01-02T03:04:05Z",
    body: 'é"\n',
    content_type: "text/x",
    protocol: {
      type: "http",
      method: "PUT",
      request_url: "http://h/t/app/x?q=1",
      headers: { "Content-Type": ["text/x"], "X-A": ["1", "2"] },
    },
  });
});

/** What the program is sent for a body of this type. */
async function asEvent(type: string, body: string): Promise<string> {
  const headers = ["content-type", type];
  const { asked } = await run(protocols.cloudevent, hello.cloudevent, {
    headers,
    http: route,
    body: bytesBody(Buffer.from(body)),
  });
  return asked.join("");
}

test("cloudevent: a request as an event of version 0.1", async () => {
  const line = await asEvent("application/json; charset=utf-8", '{ "n": 12345678901234567890,\n "m": 1.50 }');
  assert.match(line, /"data":\{"n":12345678901234567890,"m":1\.50\}/, "numbers as they were sent, in one line");
  const { data: _, extensions, ...event } = JSON.parse(line) as Record<string, Record<string, Record<string, unknown>>>;
  assert.deepEqual(event, {
    cloudEventsVersion: "0.1",
    eventID: "C1",
    source: "http://h/t/app/x?q=1",
    eventType: "http",
    contentType: "application/json; charset=utf-8",
  });
  assert.deepEqual([extensions?.["deadline"], extensions?.["protocol"]?.["method"]], ["2030-01-02T03:04:05Z", "PUT"]);
  assert.match(await asEvent("text/plain", "12"), /"data":"12"/);
  assert.doesNotMatch(await asEvent("text/plain", ""), /"data"/);
  const own = await asEvent(
    "application/cloudevents+json",
    '{"eventID":"mine","data":[1.0],"extensions":{"a":1,"deadline":"x"}}',
  );
  assert.match(own, /^\{"eventID":"mine","data":\[1\.0\],"extensions":\{"a":1,"deadline":"2030-01-02T03:04:05Z","protocol":\{/);
});

test("cloudevent: a body that its type belies is the caller's fault", async () => {
  for (const type of ["application/json", "application/cloudevents+json"]) {
    const { session } = await open(protocols.cloudevent);
    const call = session.call(requestOf({ headers: ["content-type", type] }), never);
    await assert.rejects(call, (error: PlatformError) => error.code === "invalid" && error.message.includes(type));
    assert.equal(session.usable, true, "its program never heard of it");
  }
});

for (const format of formats) {
  const protocol = protocols[format];

  test(`${format}: an answer's status, headers and body, in whatever pieces it comes`, async () => {
    for (const pieces of [[hello[format]], hello[format].split(/(?<=.)/s)]) {
      const { status, headers, body, session, heard } = await run(protocol, pieces);
      assert.deepEqual([status, body], [201, "hello"]);
      assert.deepEqual(
        headers.filter((_, i) => i % 2 === 1),
        format === "http" ? ["text/plain", "1", "2"] : ["1", "2", "text/plain"],
      );
      assert.deepEqual([session.usable, heard.closed], [true, 0]);
    }
  });

  test(`${format}: one call after the other, with blank lines between`, async () => {
    const { session, asked } = await open(protocol, hello[format], hello[format], hello[format]);
    for (let i = 1; i <= 3; i++) {
      const { body } = await session.call(requestOf(), never);
      assert.equal((await readBody(body, 100, () => fail())).toString(), "hello");
      assert.equal(asked.length, i);
    }
    session.close();
    assert.equal(session.usable, false);
    await assert.rejects(session.call(requestOf(), never), { code: "function_exited" });
  });

  test(`${format}: what is no answer fails the call and ends the program`, async () => {
    const { session, heard } = await open(protocol, `Ready.\n${hello[format]}`);
    await assert.rejects(session.call(requestOf(), never), (error: PlatformError) => error.code === "function_protocol");
    assert.deepEqual([session.usable, heard.closed], [false, 1]);
  });

  test(`${format}: what nobody asked for ends the program and is told in the log`, async () => {
    const { session, program, heard, logs, stream } = await open(protocol, hello[format]);
    const { body } = await session.call(requestOf(), never);
    await readBody(body, 100, () => fail());
    program.write("Tick\n");
    await new Promise((resolve) => stream.once("close", resolve));
    assert.deepEqual([session.usable, heard.closed], [false, 1]);
    assert.match(logs.join(), /^platform .*(asked for).*its sandbox is ended$/);
  });

  test(`${format}: a program that ends with an answer owed`, async () => {
    for (const end of ["end", "error"] as const) {
      const { session, program, stream } = await open(protocol, hello[format].slice(0, 30));
      const call = session.call(requestOf(), never);
      program.once("data", () =>
        setImmediate(() => (end === "end" ? program.end() : stream.destroy(new StdioExitError(3, null)))),
      );
      await assert.rejects(call, (error: PlatformError) => error.code === "function_exited");
      assert.equal(session.usable, false);
    }
  });

  test(`${format}: an abort ends the call with its reason`, async () => {
    const stop = new AbortController();
    const { session, program } = await open(protocol);
    const call = session.call(requestOf(), stop.signal);
    program.once("data", () => stop.abort(new Error("time is up")));
    await assert.rejects(call, /time is up/);
    assert.equal(session.usable, false);
  });

  test(`${format}: a caller who breaks off`, async () => {
    const body = {
      ...bytesBody(Buffer.alloc(0)),
      bytes: undefined,
      pipe: (sink: { fail(error: Error): void }) => sink.fail(new Error("gone")),
    };
    const { session } = await open(protocol);
    await assert.rejects(session.call(requestOf({ body }), never), /gone/);
  });

  test(`${format}: an answer without an end of its own is cut off`, async () => {
    const endless = format === "http" ? "HTTP/1.1 200 OK\r\nX-A: " : '{"body":"';
    const { session } = await open(protocol, [endless, ...Array.from({ length: 600 }, () => "a".repeat(65_536))]);
    const call = session.call(requestOf(), never);
    await assert.rejects(call, (error: PlatformError) => error.code === "response_too_large");
    assert.equal(session.usable, false);
  });
}

const wrong: readonly [format: Format, answer: string, message: RegExp][] = [
  ["http", "HTTP/1.1 200 OK\r\n\r\nhello", /neither Content-Length nor Transfer-Encoding/],
  ["http", "HTTP/1.1 999 OK\r\nContent-Length: 0\r\n\r\n", /status line/],
  ["http", `${hello.http}${hello.http}`, /more than its answer/],
  ["json", '{"body" "x"}', /^The program's answer "\{"body" "x"\}" is no valid JSON$/],
  ["json", '{"body":{"a":1}}', /body is "\{"a":1\}", must be a string/],
  ["json", "[1]", /printed "\[1\]" where its answer should be/],
  ["json", '{"body":"","protocol":7}', /protocol is "7", must be an object/],
  ["json", '{"body":"","protocol":{"status_code":"200"}}', /status_code is "200", must be a status/],
  ["json", '{"body":"","protocol":{"status_code":101}}', /status_code is "101"/],
  ["json", '{"body":"","protocol":{"headers":{"a b":["1"]}}}', /header a b is "1", must be what an HTTP header/],
  ["json", '{"body":"","protocol":{"headers":{"a":["1\\r\\nb: 2"]}}}', /header a is "1\\r\\nb: 2"/],
  ["json", '{"body":"","protocol":{"headers":{"a":[1]}}}', /header a is "1", must be a string/],
  ["json", '{"body":"","content_type":1}', /content type is "1"/],
  ["cloudevent", '{"extensions":[]}', /extensions is "\[\]", must be an object/],
];

for (const [format, answer, message] of wrong) {
  test(`${format}: refuses ${answer.slice(0, 60)}`, async () => {
    const { session } = await open(protocols[format], answer);
    await assert.rejects(
      session.call(requestOf(), never),
      (error: PlatformError) => error.code === "function_protocol" && message.test(error.message),
    );
    assert.equal(session.usable, false);
  });
}

test("json: what kits leave unset has defaults", async () => {
  const { status, headers, body } = await run(
    protocols.json,
    '{"body":null,"content_type":"","protocol":{"status_code":0,"headers":null}}',
  );
  assert.deepEqual([status, headers, body], [200, [], ""]);
});

test("json: two answers: the first counts, and the program is ended", async () => {
  const { body, session, heard, logs } = await run(protocols.json, hello.json + hello.json);
  assert.deepEqual([body, session.usable, heard.closed], ["hello", false, 1]);
  assert.match(logs.join(), /that no call asked for/);
});

/** The type and the body of an answer to an event. */
async function answered(answer: string, type = "text/plain") {
  const body = bytesBody(Buffer.from('{"eventID":"e"}'));
  const { headers, body: text } = await run(protocols.cloudevent, answer, { headers: ["content-type", type], body });
  return [headers.at(-1), text];
}

test("cloudevent: an answer's data by its type", async () => {
  assert.deepEqual(await answered('{"contentType":"application/json","data":"a"}'), ["application/json", '"a"']);
  assert.deepEqual(await answered('{"contentType":"application/json","data":{"a":[1]}}'), ["application/json", '{"a":[1]}']);
  assert.deepEqual(await answered('{"contentType":"text/html","data":"<b>"}'), ["text/html", "<b>"]);
  assert.deepEqual(await answered("{}"), [undefined, ""]);
  const event = '{"contentType":"text/plain","data":"a","eventID":"f"}';
  assert.deepEqual(await answered(event, "application/cloudevents+json"), ["application/cloudevents+json", event]);
});
