import assert from "node:assert/strict";
import { Duplex } from "node:stream";
import { test } from "node:test";
import { type BodySink, bytesBody, readBody } from "../../lib/body.ts";
import { realWorld } from "../../lib/world.ts";
import { PlatformError } from "../../model/error.ts";
import { creditFrame, frameHead, FrameReader, frameType, textFrame } from "../../wire/frames.ts";
import { sampleFn } from "../../../test/samples.ts";
import type { FunctionRequest, FunctionResponse } from "../protocol.ts";
import { frames } from "./frames.ts";

/** A connection whose other end the test plays: what was sent as "type id flags text", and a way to answer. */
function peer() {
  const sent: string[] = [];
  const reader = new FrameReader((type, id, flags, payload) => void sent.push(`${type} ${id} ${flags} ${payload.toString()}`));
  const connection = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      reader.push(chunk);
      done();
    },
  });
  const say = (...data: Buffer[]) => {
    for (const each of data) connection.push(each);
    return new Promise((resolve) => setImmediate(resolve));
  };
  return { connection, sent, say };
}

const hello = textFrame(frameType.hello, 0, '{"protocol":1,"runtime":"test","version":"1"}');
const ready = textFrame(frameType.ready, 0, "{}");

async function opened(concurrency = 1, said = '{"protocol":1,"runtime":"test","version":"1"}') {
  const logged: string[] = [];
  const { connection, sent, say } = peer();
  const hooks = {
    log: (id: string | null, line: { stream: string; text: string }) => void logged.push(`${id} ${line.stream} ${line.text}`),
  };
  const opening = frames().open(
    sampleFn({ concurrency }),
    () => Promise.resolve(connection),
    hooks,
    new AbortController().signal,
  );
  await say(textFrame(frameType.hello, 0, said));
  await say(ready);
  const session = await opening;
  sent.length = 0;
  return { connection, sent, say, session, logged };
}

function request(callId: string, text = ""): FunctionRequest {
  return { callId, deadlineAt: 5, headers: [], http: null, body: bytesBody(Buffer.from(text)) };
}

const never = new AbortController().signal;

function result(id: number, head: string, body: string, flags: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(head.length);
  const payload = Buffer.concat([bytes, Buffer.from(head + body)]);
  return Buffer.concat([frameHead(frameType.result, id, payload.length, flags), payload]);
}

const text = (response: FunctionResponse): Promise<string> =>
  readBody(response.body, 1e6, () => new Error("too large")).then(String);

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "none",
    (error: unknown) => (error instanceof PlatformError ? `${error.code}: ${error.message}` : String(error)),
  );

test("a call and its answer, in one frame each", async () => {
  const { sent, say, session } = await opened();
  const answer = session.call(request("A", "{}"), never);
  assert.deepEqual(sent, ["16 1 1 \0\0\0\u0014:call:A\n:deadline:5\n{}"]);
  await say(result(1, ":status:201\nx:y\n", "hi", 1));
  const response = await answer;
  assert.deepEqual([response.status, response.headers, await text(response)], [201, ["x", "y"], "hi"]);
});

test("the first of calls that may overlap leaves at once, and those of one turn after it share a write", async () => {
  const { connection, sent, session } = await opened(3);
  let writes = 0;
  const write = connection.write.bind(connection);
  connection.write = (data: unknown) => {
    writes++;
    return write(data);
  };
  void session.call(request("A"), never);
  assert.deepEqual([sent.length, writes], [1, 1]);
  void session.call(request("B"), never);
  void session.call(request("C"), never);
  assert.equal(sent.length, 1);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual([sent.length, writes], [3, 2]);
});

test("answers may interleave; each reader gets its own", async () => {
  const { say, session } = await opened(2);
  const [first, second] = [session.call(request("A"), never), session.call(request("B"), never)];
  await say(
    result(2, "", "b1", 0),
    result(1, "", "a1", 0),
    textFrame(frameType.body, 2, "b2", 1),
    textFrame(frameType.body, 1, "a2", 1),
  );
  assert.equal((await text(await first)) + (await text(await second)), "a1a2b1b2");
  assert.ok(session.usable);
});

const breaks: readonly (readonly [name: string, frames: readonly Buffer[], message: RegExp])[] = [
  ["a second result", [result(1, "", "", 0), result(1, "", "", 0)], /a second result for one call/],
  ["a body before its result", [textFrame(frameType.body, 1, "x")], /before its result/],
  ["an error that is no JSON", [textFrame(frameType.error, 1, "{")], /sent an error frame that is no JSON object/],
  ["an error that is no object", [textFrame(frameType.error, 1, "null")], /sent an error frame that is no JSON object/],
  ["a result without a head", [textFrame(frameType.result, 1, "x")], /without a head/],
  ["a head over the limit", [textFrame(frameType.result, 1, "\x7f\0\0\0")], /a head of 2130706432 bytes/],
  ["a frame over the limit", [frameHead(frameType.log, 0, 0x7fffffff)], /frame of 2147483647 bytes/],
  ["a second hello", [hello], /a second hello/],
  ["a second ready", [ready], /a second ready or failed/],
  ["output of stream 7", [textFrame(frameType.log, 1, "\x07x")], /neither 1 nor 2/],
  ["a whole answer over its window", [result(1, "", "x".repeat(262_145), 1)], /answer of 262145 bytes, without credit/],
  ["credit of no number", [textFrame(frameType.credit, 1, "x")], /credit frame of 1 bytes instead of 4/],
  ["empty output", [textFrame(frameType.log, 1, "")], /neither 1 nor 2/],
];

for (const [name, given, message] of breaks) {
  test(`${name} breaks the session`, async () => {
    const { connection, say, session } = await opened();
    const answer = session.call(request("A"), never).then(text);
    const outcome = codeOf(answer);
    await say(...given);
    assert.match(await outcome, /^function_protocol: The function's runtime broke its contract/);
    assert.match(await outcome, message);
    assert.equal(session.usable, false);
    assert.ok(connection.destroyed);
  });
}

test("frames of calls that ended, or never were, and of unknown types are ignored", async () => {
  const { say, session } = await opened();
  await say(result(9, "", "", 1), textFrame(frameType.body, 9, ""), textFrame(99, 1, "x"), textFrame(frameType.error, 9, "{"));
  assert.ok(session.usable);
});

test("an error says that the process ends after it: no further call", async () => {
  const { say, session } = await opened();
  const outcome = codeOf(session.call(request("A"), never));
  await say(textFrame(frameType.error, 1, '{"type":"E","message":"m","stack":7}', 2));
  assert.equal(await outcome, "function_failed: m");
  assert.equal(session.usable, false);
});

test("an error as its code's convention has it goes on word for word, or not at all", async () => {
  const { say, session } = await opened(2);
  for (const [id, body, expected] of [
    [1, '{"errorType": "E"}', { type: "E", stack: null, body: '{"errorType": "E"}' }],
    [2, "x".repeat(600_000), { type: "E", stack: null }],
    [3, 7, { type: "E", stack: null }],
  ] as const) {
    const outcome = session.call(request("A"), never).catch((error: unknown) => error);
    await say(textFrame(frameType.error, id, JSON.stringify({ type: "E", message: "m", body })));
    const error = await outcome;
    assert.ok(error instanceof PlatformError);
    assert.deepEqual(error.details, expected);
  }
});

test("the end of the connection fails what is open, and its reader", async () => {
  const { connection, say, session } = await opened(2);
  const unanswered = codeOf(session.call(request("A"), never));
  const answered = session.call(request("B"), never);
  await say(result(2, "", "part", 0));
  const body = codeOf(text(await answered));
  connection.push(null);
  assert.match(await unanswered, /^function_exited: /);
  assert.match(await body, /^function_exited: /);
  assert.equal(session.usable, false);
  assert.match(await codeOf(session.call(request("C"), never)), /^function_exited: /);
});

test("cancelling tells the code, and the session waits for it", async () => {
  const { sent, say, session } = await opened();
  const controller = new AbortController();
  const outcome = codeOf(session.call(request("A"), controller.signal));
  controller.abort(new Error("gone"));
  assert.equal(await outcome, "Error: gone");
  assert.equal(sent.at(-1), "20 1 0 ");
  assert.equal(session.usable, false);
  await say(result(1, "", "late", 1));
  assert.ok(session.usable);
});

test("cancelling in the middle of an answer fails its reader", async () => {
  const { sent, say, session } = await opened();
  const controller = new AbortController();
  const answer = session.call(request("A"), controller.signal);
  await say(result(1, "", "part", 0));
  const body = codeOf(text(await answer));
  controller.abort(new Error("gone"));
  assert.equal(await body, "Error: gone");
  assert.equal(sent.at(-1), "20 1 0 ");
  await say(textFrame(frameType.body, 1, "more"), textFrame(frameType.body, 1, "", 1));
  assert.ok(session.usable);
});

test("a call whose signal is aborted already is never sent", async () => {
  const { sent, session } = await opened();
  assert.equal(await codeOf(session.call(request("A"), AbortSignal.abort(new Error("early")))), "Error: early");
  assert.equal(sent.length, 0);
  assert.ok(session.usable);
});

const piece = (id: number) => textFrame(frameType.body, id, "x".repeat(64 * 1024));

test("an answer gets credit for what its reader took, and the answers beside it go on meanwhile", async () => {
  const { connection, sent, say, session } = await opened(2);
  const [answer, other] = [session.call(request("A"), never), session.call(request("B"), never)];
  await say(result(1, "", "", 0), piece(1), piece(1), piece(1), piece(1), result(2, "", "other", 1));
  assert.equal(await text(await other), "other");
  assert.equal(connection.isPaused(), false);
  assert.deepEqual(sent.slice(2), []);
  const body = text(await answer);
  await say();
  assert.deepEqual(sent.slice(2), ["21 1 0 \0\x02\0\0", "21 1 0 \0\x02\0\0"]);
  await say(piece(1), textFrame(frameType.body, 1, "", 1));
  assert.equal((await body).length, 5 * 64 * 1024);
  assert.equal(sent.length, 4);
});

test("an answer that is longer than its credit breaks the session", async () => {
  const { say, session } = await opened();
  const answer = session.call(request("A"), never);
  await say(result(1, "", "", 0), piece(1), piece(1), piece(1), piece(1), textFrame(frameType.body, 1, "x"));
  assert.match(await codeOf(answer.then(text)), /^function_protocol: .*1 bytes more of an answer than it had credit for/);
});

test("many answers at a time have smaller windows", async () => {
  for (const [concurrency, bytes] of [
    [1, 262_144],
    [64, 262_144],
    [256, 65_536],
    [10_000, 16_384],
  ] as const) {
    const { connection, sent, say } = peer();
    void frames().open(sampleFn({ concurrency }), () => Promise.resolve(connection), { log() {} }, never);
    await say(hello);
    await say();
    assert.match(sent[0] as string, new RegExp(`"window":${bytes}\\}$`));
  }
});

test("a request goes on with the credit that the code gives, and a source that has not come to its turn waits", async () => {
  const { sent, say, session } = await opened(1, '{"protocol":1,"window":3}');
  let resumed = 0;
  const source = {
    bytes: undefined,
    sink: undefined as BodySink | undefined,
    pipe: (sink: BodySink) => void (source.sink = sink),
    resume: () => void resumed++,
    cancel() {},
  };
  void codeOf(session.call({ ...request("A"), body: source }, never));
  assert.equal(source.sink?.chunk(Buffer.from("abcde")), false);
  await say(creditFrame(1, 1));
  assert.equal(resumed, 0);
  await say(creditFrame(1, 3));
  assert.equal(resumed, 1);
  assert.equal(source.sink?.chunk(Buffer.from("fg")), true);
  source.sink?.end();
  await say();
  assert.deepEqual(sent.slice(1), ["17 1 0 abc", "17 1 0 d", "17 1 0 e", "17 1 0 fg", "17 1 1 "]);
});

test("a request that is longer than its window begins without all of it", async () => {
  const { sent, say, session } = await opened(1, '{"protocol":1,"window":3}');
  void codeOf(session.call(request("A", "abcde"), never));
  assert.match(sent[0] as string, /^16 1 0 .*\nabc$/s);
  await say(creditFrame(1, 0xffffffff));
  assert.deepEqual(sent.slice(1), ["17 1 1 de"]);
});

test("a large request goes out in pieces, and stops when the code has heard enough", async () => {
  const { sent, say, session } = await opened();
  void codeOf(session.call(request("A", "x".repeat(150_000)), never));
  await say(creditFrame(1, 100_000));
  for (let turns = 0; turns < 5; turns++) await say();
  assert.deepEqual(
    sent.map((frame) => frame.slice(0, 7)),
    ["16 1 0 ", "17 1 0 ", "17 1 1 "],
  );
  let cancelled = false;
  const endless = { bytes: undefined, pipe() {}, resume() {}, cancel: () => void (cancelled = true) };
  void codeOf(session.call({ ...request("B"), body: endless }, never));
  await say(textFrame(frameType.cancel, 2, ""));
  assert.ok(cancelled);
});

function log(id: number, stream: number, data: Buffer | string): Buffer {
  const payload = Buffer.concat([Buffer.from([stream]), Buffer.from(data as string)]);
  return Buffer.concat([frameHead(frameType.log, id, payload.length), payload]);
}

test("output: lines by call and stream, across frames and characters, the rest at the end of the call", async () => {
  const { say, session, logged } = await opened();
  const answer = session.call(request("A"), never);
  const eur = Buffer.from("\u20ac\n");
  await say(
    log(1, 1, "a\nb"),
    log(1, 2, "err\n"),
    log(1, 1, "c"),
    log(1, 1, Buffer.from([10, ...eur.subarray(0, 1)])),
    log(1, 1, eur.subarray(1)),
  );
  await say(log(0, 1, "outside\n"), log(1, 1, "rest"), result(1, "", "", 1), log(1, 1, "after\n"));
  await answer;
  const expected = [
    "A stdout a",
    "A stderr err",
    "A stdout bc",
    "A stdout \u20ac",
    "null stdout outside",
    "A stdout rest",
    "null stdout after",
  ];
  assert.deepEqual(logged, expected);
});

const starts: readonly (readonly [name: string, frames: readonly (Buffer | null)[], outcome: RegExp])[] = [
  [
    "failed",
    [hello, textFrame(frameType.failed, 0, '{"type":"SyntaxError","message":"m (at /f.js:1)"}')],
    /^function_start_failed: The function could not be loaded: SyntaxError: m \(at \/f\.js:1\)$/,
  ],
  ["ends", [hello, null], /^function_start_failed: .*ended before its code was ready/],
  ["ends at once", [null], /^function_start_failed: .*ended before its code was ready/],
  ["no hello", [ready], /^function_protocol: .*a frame of type 3 before hello/],
  ["another protocol", [textFrame(frameType.hello, 0, '{"protocol":2}')], /^function_protocol: .*another protocol/],
  ["garbage", [Buffer.from("HTTP/1.1 200 OK\r\n\r\n")], /^function_protocol: .*frame of 1213486160 bytes/],
  ["a window that is none", [textFrame(frameType.hello, 0, '{"protocol":1,"window":-1}')], /^function_protocol: .*window/],
  ["a result before ready", [hello, result(1, "", "", 1)], /^function_protocol: .*type 18 before ready/],
];

for (const [name, given, outcome] of starts) {
  test(`opening: ${name}`, async () => {
    const { connection, say } = peer();
    const opening = codeOf(frames().open(sampleFn(), () => Promise.resolve(connection), { log() {} }, never));
    for (const each of given) {
      if (each === null) connection.push(null);
      else await say(each);
    }
    assert.match(await opening, outcome);
    assert.ok(connection.destroyed);
  });
}

test("opening: an aborted signal rejects with its reason and closes the connection", async () => {
  const { connection } = peer();
  const controller = new AbortController();
  const opening = codeOf(frames().open(sampleFn(), () => Promise.resolve(connection), { log() {} }, controller.signal));
  await new Promise((resolve) => setImmediate(resolve));
  controller.abort(new Error("late"));
  assert.equal(await opening, "Error: late");
  assert.ok(connection.destroyed);
});

test("launch: a function for Lambda finds Lambda's variables, which nobody else sets, and its code where Lambda has it", () => {
  const source = {
    type: "code",
    kind: "python:3.11",
    digest: "",
    handler: "app.run",
    command: null,
    convention: "lambda",
  } as const;
  const place = { account: "123456789012", region: "eu-north-1" };
  const world = { now: () => 0, newId: () => "01JD0000000000000000000001" };
  const { launch } = frames(undefined, { place, world: { ...realWorld(), ...world } });
  const { env, codePlace } = launch(sampleFn({ source, config: { TZ: "CET", AWS_REGION: "x" } }), { name: null, config: {} });
  assert.equal(codePlace, "/var/task");
  const { TZ, LANG, AWS_REGION, _HANDLER, AWS_LAMBDA_LOG_STREAM_NAME, LAMBDA_TASK_ROOT } = env;
  assert.deepEqual(
    [TZ, LANG, AWS_REGION, _HANDLER, LAMBDA_TASK_ROOT],
    ["CET", "en_US.UTF-8", "eu-north-1", "app.run", "/var/task"],
  );
  assert.equal(AWS_LAMBDA_LOG_STREAM_NAME, "1970/01/01/[$LATEST]01934000000000000000000000000001");
});

test("launch: the function's configuration over the app's, the platform's own above both", () => {
  const { env, endpoint, shim } = frames().launch(sampleFn({ config: { A: "fn", KILN_FUNCTION: "x" } }), {
    name: "app",
    config: { A: "app", B: "app" },
  });
  assert.deepEqual(
    [env["A"], env["B"], env["KILN_FUNCTION"], env["KILN_APP"], endpoint.via, shim],
    ["fn", "app", "hello", "app", "callback", true],
  );
});
