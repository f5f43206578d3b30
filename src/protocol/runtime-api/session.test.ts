import assert from "node:assert/strict";
import { duplexPair, type Duplex } from "node:stream";
import { test } from "node:test";
import { bytesBody, readBody, WholeBody } from "../../lib/body.ts";
import { Cancel } from "../../lib/cancel.ts";
import { realWorld } from "../../lib/world.ts";
import { PlatformError } from "../../model/error.ts";
import type { FunctionRequest, FunctionResponse } from "../protocol.ts";
import { UnseenCall } from "../unseen-call.ts";
import { notFoundText } from "./answers.ts";
import { refuse } from "./asked.ts";
import { RuntimeSession } from "./session.ts";

const never = new Cancel();
const base = "/2018-06-01/runtime";

/** A session and a runtime that opens connections to it. */
function started(concurrency = 1) {
  const arrived: Duplex[] = [];
  let wanted: ((stream: Duplex) => void) | null = null;
  const dial = (signal: AbortSignal) =>
    new Promise<Duplex>((resolve, reject) => {
      const stream = arrived.shift();
      if (stream !== undefined) return resolve(stream);
      wanted = resolve;
      signal.addEventListener("abort", () => reject(signal.reason as Error));
    });
  const session = new RuntimeSession({
    dial,
    world: realWorld(),
    arn: "arn:aws:lambda:us-east-1:000000000000:function:f",
    concurrency,
    extensions: { asked: (asked) => refuse(asked, notFoundText), closed: () => {} },
  });
  const connect = () => {
    const [near, far] = duplexPair();
    if (wanted === null) arrived.push(far);
    else wanted(far);
    wanted = null;
    return new Runtime(near);
  };
  return { session, connect };
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** One connection of a runtime: what it asks is answered in order. */
class Runtime {
  readonly stream: Duplex;
  #text = "";
  #ended = false;
  #wake: () => void = () => {};

  constructor(stream: Duplex) {
    this.stream = stream;
    stream.on("data", (data: Buffer) => {
      this.#text += data.toString("latin1");
      this.#wake();
    });
    stream.on("close", () => {
      this.#ended = true;
      this.#wake();
    });
    stream.on("error", () => {});
  }

  send(bytes: string): void {
    this.stream.write(bytes, "latin1");
  }

  ask(method: string, path: string, body = "", headers: readonly string[] = []): Promise<Answer> {
    const lines = [`${method} ${path} HTTP/1.1`, "Host: h", ...headers];
    if (method === "POST") lines.push(`Content-Length: ${Buffer.byteLength(body)}`);
    this.send(`${lines.join("\r\n")}\r\n\r\n${Buffer.from(body).toString("latin1")}`);
    return this.answer();
  }

  next(): Promise<Answer> {
    return this.ask("GET", `${base}/invocation/next`);
  }

  post(id: string, what: "response" | "error", body: string, headers: readonly string[] = []): Promise<Answer> {
    return this.ask("POST", `${base}/invocation/${id}/${what}`, body, headers);
  }

  /** Rejects where the connection ends without one. */
  async answer(): Promise<Answer> {
    for (;;) {
      const end = this.#text.indexOf("\r\n\r\n");
      const bytes = Number(/content-length: (\d+)/i.exec(this.#text.slice(0, end))?.[1]);
      if (end !== -1 && this.#text.length >= end + 4 + bytes) return this.#taken(end + 4, end + 4 + bytes);
      if (this.#ended) throw new Error("The connection ended");
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #taken(headEnd: number, end: number): Answer {
    const [line = "", ...lines] = this.#text.slice(0, headEnd - 4).split("\r\n");
    const body = this.#text.slice(headEnd, end);
    this.#text = this.#text.slice(end);
    const headers = Object.fromEntries(lines.map((each) => [each.split(": ")[0]?.toLowerCase(), each.split(": ")[1] ?? ""]));
    return { status: Number(line.split(" ")[1]), headers, body };
  }
}

let count = 0;

function request(body: string | null = '{"a":1}', headers: readonly string[] = []): FunctionRequest {
  const callId = `01JD00000000000000000${String(++count).padStart(5, "0")}`;
  const traceparent = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01";
  return {
    callId,
    deadlineAt: 1_800_000_000_000,
    headers,
    traceparent,
    http: null,
    body: new WholeBody(Buffer.from(body ?? "")),
  };
}

async function text(response: FunctionResponse): Promise<string> {
  return (await readBody(response.body, 1e9, () => new Error("too large"))).toString();
}

const idOf = (event: Answer) => event.headers["lambda-runtime-aws-request-id"] ?? "";

async function failure(promise: Promise<unknown>): Promise<PlatformError> {
  const error = await promise.then(
    () => assert.fail("it did not fail"),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof PlatformError, String(error));
  return error;
}

test("a call goes to the poll that waits, or waits for one; the answer is the caller's", async () => {
  const { session, connect } = started();
  const runtime = connect();
  const first = runtime.next();
  await session.ready;
  const said = request();
  const answered = session.call(said, never);
  const event = await first;
  assert.deepEqual([event.status, event.body], [200, '{"a":1}']);
  const { "lambda-runtime-aws-request-id": id, ...headers } = event.headers;
  assert.match(id ?? "", /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  assert.deepEqual(headers, {
    "content-type": "application/json",
    "content-length": "7",
    "lambda-runtime-deadline-ms": "1800000000000",
    "lambda-runtime-invoked-function-arn": "arn:aws:lambda:us-east-1:000000000000:function:f",
    "lambda-runtime-trace-id": "Root=1-01234567-89abcdef0123456789abcdef;Parent=0123456789abcdef;Sampled=1",
  });
  const taken = await runtime.post(id ?? "", "response", '{"b":"ü"}', ["Content-Type: application/json"]);
  assert.deepEqual([taken.status, taken.body], [202, '{"status":"OK"}\n']);
  const response = await answered;
  assert.deepEqual([response.status, response.headers], [200, ["Content-Type", "application/json"]]);
  assert.equal(await text(response), '{"b":"ü"}');

  const waiting = session.call(request(null), never);
  const second = await runtime.next();
  assert.equal(second.body, "{}", "nothing is an empty object");
  await runtime.post(idOf(second), "response", "null");
  assert.equal(await text(await waiting), "null");
  session.close();
});

test("what a caller says of itself is told as it is", async () => {
  const { session, connect } = started();
  const runtime = connect();
  const caller = [
    "lambda-runtime-client-context",
    '{"custom":{"a":1}}',
    "lambda-runtime-cognito-identity",
    '{"cognitoIdentityId":"i"}',
    "Lambda-Runtime-Invoked-Function-Arn",
    "arn:other:PROD",
    "lambda-runtime-trace-id",
    "Root=1-a-b",
    "x-other",
    "1",
  ];
  const polled = runtime.next();
  const answered = session.call(request("{}", caller), never);
  const { headers } = await polled;
  assert.equal(headers["lambda-runtime-client-context"], '{"custom":{"a":1}}');
  assert.equal(headers["lambda-runtime-cognito-identity"], '{"cognitoIdentityId":"i"}');
  assert.equal(headers["lambda-runtime-invoked-function-arn"], "arn:other:PROD");
  assert.equal(headers["lambda-runtime-trace-id"], "Root=1-a-b");
  assert.equal(headers["x-other"], undefined);
  session.close();
  assert.equal((await failure(answered)).code, "function_exited");
});

test("a call that no poll has come for is given back with its event when the program ends, and one that was handed over is not", async () => {
  const { session, connect } = started();
  const runtime = connect();
  const polled = runtime.next();
  const handed = failure(session.call(request("1"), never));
  await polled;
  const waiting = failure(session.call(request("2"), never));
  session.close();
  const late = failure(session.call(request(""), never));
  assert.equal((await handed) instanceof UnseenCall, false);
  const events = [await waiting, await late].map((error) =>
    error instanceof UnseenCall ? error.event.toString() : error.message,
  );
  assert.deepEqual(events, ["2", "{}"]);
});

test("an error is the call's: its message, type, stack and text", async () => {
  const { session, connect } = started();
  const runtime = connect();
  const said = '{"errorMessage":"no good","errorType":"ValueError","stackTrace":["a","b"]}';
  const cases: [body: string, header: string[], message: string, details: object][] = [
    [said, [], "no good", { type: "ValueError", stack: ["a", "b"], body: said }],
    ["not JSON", ["Lambda-Runtime-Function-Error-Type: Runtime.Odd"], "The function failed", { type: "Runtime.Odd" }],
    ["", ["Lambda-Runtime-Function-Error-Type: Whatever"], "The function failed", { type: "Function.Unknown" }],
    ["{}", ["Lambda-Runtime-Function-Error-Type: Runtime. x"], "The function failed", { type: "Runtime.Unknown", body: "{}" }],
  ];
  let polled = runtime.next();
  for (const [body, headers, message, details] of cases) {
    const call = failure(session.call(request(), never));
    assert.equal((await runtime.post(idOf(await polled), "error", body, headers)).status, 202);
    polled = runtime.next();
    const error = await call;
    assert.deepEqual([error.code, error.message, error.details], ["function_failed", message, details]);
  }
  assert.ok(session.usable, "and the runtime goes on");
  polled.catch(() => {});
  session.close();
});

test("a call that failed holds its place until the runtime polls again or ends, or for a second", async () => {
  const ways = {
    "it polls": (_session: RuntimeSession, runtime: Runtime) => void runtime.next().catch(() => {}),
    "it ends": (session: RuntimeSession) => session.close(),
    "it is silent": () => {},
  };
  for (const [way, goOn] of Object.entries(ways)) {
    const { session, connect } = started();
    const runtime = connect();
    const polled = runtime.next();
    let isTold = false;
    const call = failure(session.call(request(), never)).finally(() => {
      isTold = true;
    });
    assert.equal((await runtime.post(idOf(await polled), "error", "{}")).status, 202);
    assert.equal(isTold, false, way);
    goOn(session, runtime);
    assert.equal((await call).code, "function_failed", way);
    session.close();
  }
});

test("invented, stale and double answers are refused, and disturb nobody", async () => {
  const { session, connect } = started();
  const runtime = connect();
  const polled = runtime.next();
  const answered = session.call(request(), never);
  const id = idOf(await polled);
  for (const wrong of ["00000000-0000-0000-0000-000000000000", "x", "", "%00"]) {
    for (const what of ["response", "error"] as const) {
      const { status, body } = await runtime.post(wrong, what, "{}");
      assert.ok([400, 404].includes(status), `${wrong} ${what}: ${status}`);
      if (status === 400)
        assert.deepEqual(JSON.parse(body), { errorMessage: "Invalid request ID", errorType: "InvalidRequestID" });
    }
  }
  assert.equal((await runtime.post(id, "response", '"first"')).status, 202);
  assert.equal((await runtime.post(id, "response", '"second"')).status, 400);
  assert.equal((await runtime.post(id, "error", "{}")).status, 400);
  assert.equal(await text(await answered), '"first"');

  const after = runtime.next();
  const next = session.call(request(), never);
  const current = idOf(await after);
  assert.equal((await connect().post(id, "response", '"stale"')).status, 400);
  await runtime.post(current, "response", '"its own"');
  assert.equal(await text(await next), '"its own"');
  session.close();
});

test("what is not asked in its time, or nowhere, is refused", async () => {
  const { session, connect } = started();
  const [runtime, other] = [connect(), connect()];
  assert.equal((await runtime.ask("GET", "/ping")).body, "pong");
  for (const [method, path] of [
    ["GET", "/"],
    ["GET", `${base}/invocation/next/more`],
    ["GET", "/2015-03-31/functions/function/invocations"],
    ["POST", `${base}/invocation/next`],
    ["PUT", `${base}/invocation/next`],
    ["POST", `${base}/restore/error`],
  ] as const) {
    assert.equal((await runtime.ask(method, path)).status, 404, `${method} ${path}`);
  }
  const first = runtime.next();
  await session.ready;
  assert.equal((await other.ask("POST", `${base}/init/error`, "{}")).status, 403);
  const second = other.next();
  assert.equal((await first).status, 403, "of two polls the later one counts");
  const answered = session.call(request(), never);
  const id = idOf(await second);
  const third = await runtime.next();
  assert.deepEqual([third.status, JSON.parse(third.body).errorType], [403, "InvalidStateTransition"]);
  await runtime.post(id, "response", "1");
  assert.equal(await text(await answered), "1");
  session.close();
});

test("several polls at a time, as many as calls that may run in it", async () => {
  const { session, connect } = started(3);
  const runtimes = [connect(), connect(), connect()];
  const polls = runtimes.map((each) => each.next());
  await session.ready;
  const calls = ["0", "1", "2", "3"].map((body) => session.call(request(body), never));
  const events = await Promise.all(polls);
  assert.deepEqual(events.map(({ body }) => body).toSorted(), ["0", "1", "2"]);
  // Answered in another order, and on one connection.
  for (const event of events.toReversed()) await (runtimes[0] as Runtime).post(idOf(event), "response", event.body);
  const last = await (runtimes[1] as Runtime).next();
  assert.equal(last.body, "3", "the one that waited");
  await (runtimes[2] as Runtime).post(idOf(last), "response", "3");
  assert.deepEqual(await Promise.all(calls.map(async (call) => await text(await call))), ["0", "1", "2", "3"]);
  session.close();
});

test("a poll that is given up does not get a call", async () => {
  const { session, connect } = started();
  const gone = connect();
  void gone.next().catch(() => {});
  await session.ready;
  gone.stream.destroy();
  await new Promise((resolve) => setImmediate(resolve));
  const answered = session.call(request(), never);
  const runtime = connect();
  const event = await runtime.next();
  await runtime.post(idOf(event), "response", "1");
  assert.equal(await text(await answered), "1");
  session.close();
});

test("a response that is too long fails its call, and the runtime hears so and gets no call any more", async () => {
  const long = "x".repeat(6 * 1024 * 1024 + 101);
  for (const headers of [["Content-Length"], ["Transfer-Encoding: chunked"]]) {
    const { session, connect } = started();
    const runtime = connect();
    const polled = runtime.next();
    const call = failure(session.call(request(), never));
    const id = idOf(await polled);
    const chunked = headers[0] !== "Content-Length";
    const framing = chunked ? headers[0] : `Content-Length: ${long.length}`;
    const body = chunked ? `${long.length.toString(16)}\r\n${long}\r\n0\r\n\r\n` : long;
    runtime.send(`POST ${base}/invocation/${id}/response HTTP/1.1\r\nHost: h\r\n${framing}\r\n\r\n${body}`);
    const { status, body: said } = await runtime.answer();
    assert.deepEqual([status, JSON.parse(said).errorType], [413, "RequestEntityTooLarge"]);
    assert.match(said, /6291556 bytes/);
    const error = await call;
    assert.deepEqual([error.code, error.details["type"]], ["function_failed", "Function.ResponseSizeTooLarge"]);
    assert.match(error.message, /6291556 bytes/);
    assert.equal(session.usable, false, "clients end themselves after that");
    session.close();
  }
});

test("a response that breaks off fails its call alone", async () => {
  const { session, connect } = started();
  for (const mode of ["", "Lambda-Runtime-Function-Response-Mode: streaming\r\n"]) {
    const runtime = connect();
    const polled = runtime.next();
    const call = session.call(request(), never);
    const id = idOf(await polled);
    const broken = connect();
    broken.send(`POST ${base}/invocation/${id}/response HTTP/1.1\r\nHost: h\r\n${mode}Content-Length: 100\r\n\r\nhalf`);
    await new Promise((resolve) => setImmediate(resolve));
    broken.stream.destroy();
    const error = await failure(call.then(text));
    assert.deepEqual([error.code, error.details["type"]], ["function_protocol", "Runtime.TruncatedResponse"]);
    runtime.stream.destroy();
  }
  session.close();
});

test("a streamed response reaches the caller as it comes; its trailers tell of a failure", async () => {
  const { session, connect } = started();
  const runtime = connect();
  const streaming = "Lambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n";
  const failed = Buffer.from('{"errorMessage":"in the middle","errorType":"Odd"}').toString("base64");
  const trailers = `Lambda-Runtime-Function-Error-Type: Runtime.Odd\r\nLambda-Runtime-Function-Error-Body: ${failed}\r\n`;
  for (const ends of ["", trailers]) {
    const polled = runtime.next();
    const call = session.call(request(), never);
    const id = idOf(await polled);
    runtime.send(`POST ${base}/invocation/${id}/response HTTP/1.1\r\nHost: h\r\nContent-Type: text/x\r\n${streaming}\r\n`);
    const response = await call;
    assert.deepEqual(response.headers, ["Content-Type", "text/x"]);
    const heard: string[] = [];
    const end = Promise.withResolvers<unknown>();
    const piece = Promise.withResolvers<void>();
    response.body.pipe({
      chunk: (data) => {
        heard.push(data.toString());
        piece.resolve();
        return true;
      },
      end: () => end.resolve("whole"),
      fail: end.resolve,
    });
    runtime.send("5\r\nfirst\r\n");
    await piece.promise;
    assert.deepEqual(heard, ["first"], "before the response ends");
    runtime.send(`4\r\nlast\r\n0\r\n${ends}\r\n`);
    const ended = await end.promise;
    assert.deepEqual(heard, ["first", "last"]);
    if (ends === "") assert.equal(ended, "whole");
    else assert.deepEqual([(ended as PlatformError).message, (ended as PlatformError).details["type"]], ["in the middle", "Odd"]);
    assert.equal((await runtime.answer()).status, 202);
  }
  const whole = runtime.next();
  const trailed = failure(session.call(request(), never));
  const chunks = `2\r\n{}\r\n0\r\n${trailers}\r\n`;
  const head = `POST ${base}/invocation/${idOf(await whole)}/response HTTP/1.1\r\nHost: h\r\nContent-Type: application/json`;
  runtime.send(`${head}\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`);
  assert.equal((await trailed).message, "in the middle", "also where it is not streamed");
  assert.equal((await runtime.answer()).status, 202);
  const polled = runtime.next();
  const call = failure(session.call(request(), never));
  const odd = await runtime.post(idOf(await polled), "response", "1", ["Lambda-Runtime-Function-Response-Mode: odd"]);
  assert.equal(odd.status, 400);
  assert.equal((await call).details["type"], "Runtime.InvalidResponseModeHeader");
  session.close();
});

test("a caller that goes away frees the runtime for the next call", async () => {
  const { session, connect } = started();
  const runtime = connect();
  const cancel = new Cancel();
  const polled = runtime.next();
  const call = failure(session.call(request(), cancel));
  const id = idOf(await polled);
  cancel.abort(new PlatformError("cancelled", "gone"));
  assert.equal((await call).code, "cancelled");
  assert.equal((await runtime.post(id, "response", "late")).status, 400);
  const waiting = new Cancel();
  const never_ = failure(session.call(request(), waiting));
  waiting.abort(new PlatformError("cancelled", "gone"));
  await never_;
  const next = runtime.next();
  const answered = session.call(request('"second"'), never);
  assert.equal((await next).body, '"second"');
  session.close();
  await failure(answered);
});

test("what a runtime says before it is ready is why it is not", async () => {
  const { session, connect } = started();
  const said = '{"errorMessage":"no module","errorType":"Runtime.ImportModuleError","stackTrace":[]}';
  assert.equal((await connect().ask("POST", `${base}/init/error`, said)).status, 202);
  const error = await failure(session.ready);
  assert.deepEqual([error.code, error.message], ["function_failed", "no module"]);
  assert.deepEqual(error.details, { type: "Runtime.ImportModuleError", stack: [], body: said });
  session.close();
  const other = started();
  other.session.close();
  assert.equal((await failure(other.session.ready)).code, "function_start_failed");
});

test("what is not HTTP ends its connection, and no call", async () => {
  const { session, connect } = started();
  const runtime = connect();
  const polled = runtime.next();
  await session.ready;
  for (const garbage of [
    "\x16\x03\x01 no HTTP\r\n\r\n",
    "GET / HTTP/1.1\r\n\r\n",
    `POST ${base}/init/error HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n`,
  ]) {
    const other = connect();
    other.send(garbage);
    assert.equal((await other.answer()).status, 400);
  }
  const half = connect();
  half.send(`POST ${base}/invocation/x/response HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`);
  await half.answer();
  half.stream.destroy();
  const answered = session.call(request(), never);
  await runtime.post(idOf(await polled), "response", "1");
  assert.equal(await text(await answered), "1");
  session.close();
});

test("a body that comes in pieces is given whole; one that breaks off reaches no runtime", async () => {
  const { session, connect } = started();
  const runtime = connect();
  const polled = runtime.next();
  await session.ready;
  const broken = request();
  const fails = {
    bytes: undefined,
    pipe: (sink: { fail(error: Error): void }) => sink.fail(new PlatformError("cancelled", "cut")),
    resume() {},
    cancel() {},
  };
  assert.equal((await failure(session.call({ ...broken, body: fails }, never))).message, "cut");
  const large = JSON.stringify("y".repeat(100_000));
  const answered = session.call({ ...request(), body: bytesBody(Buffer.from(large)) }, never);
  const event = await polled;
  assert.equal(event.body, large);
  await runtime.post(idOf(event), "response", large, ["Expect: 100-continue"]);
  assert.equal(await text(await answered), large);
  session.close();
});
