/** Handlers written for AWS Lambda on our runtime for Node: what they are told, and what their callers read. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { PlatformError } from "../../src/model/error.ts";
import { call, type Code, request, type Runtime, start } from "./runtimes.ts";

const main = join(import.meta.dirname, "../../runtimes/nodejs/main.cjs");
const node: Runtime = { name: "node", command: [process.execPath, main] };
const cell: Runtime = { ...node, name: "node cell", isCell: true };

const callId = "01JD0000000000000000000001";
const requestId = "01934000-0000-0000-0000-000000000001";

interface LambdaCase {
  /** Text: of `index.js`. */
  readonly code: string | Code;
  readonly handler?: string | null;
  readonly env?: Readonly<Record<string, string>>;
  /** Text of the event. */
  readonly event?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The answer's text, or "type: message" of what callers read of an error, after `init` where the code could not be loaded. */
  readonly expect: string | RegExp;
  /** Lines that the call printed, without their times. */
  readonly prints?: readonly (string | RegExp)[];
}

const answering = (text: string) => `exports.handler = async (event, context) => (${text})`;

const cases: Readonly<Record<string, LambdaCase>> = {
  "a promise": { code: answering("{ got: event }"), event: '{"a":[1,"ö"]}', expect: '{"got":{"a":[1,"ö"]}}' },
  "no event": { code: answering("event"), event: "", expect: "{}" },
  "nothing, which is null": { code: answering("undefined"), expect: "null" },
  "what JSON has no word for": { code: answering("() => 1"), expect: "null" },
  "a value that is no promise, which counts for nothing": { code: "exports.handler = () => 5", expect: "null" },
  "a callback, once nothing is left to do": {
    code: "exports.handler = (event, context, callback) => { setTimeout(() => console.log('later'), 20); callback(null, 1) }",
    expect: "1",
    prints: [`stdout TIME\t${requestId}\tINFO\tlater`],
  },
  "a callback that waits for nothing": {
    code: `exports.handler = (event, context, callback) => {
      context.callbackWaitsForEmptyEventLoop = false;
      setInterval(() => {}, 1000);
      callback(null, context.callbackWaitsForEmptyEventLoop);
    }`,
    expect: "false",
  },
  "a callback that comes later, and a second one": {
    code: "exports.handler = (event, context, callback) => { setTimeout(() => { callback(null, 1); callback(null, 2) }, 5) }",
    expect: "1",
  },
  "context.done": { code: "exports.handler = (event, context) => { setTimeout(() => context.done(null, 5), 5) }", expect: "5" },
  "context.succeed": { code: "exports.handler = (event, context) => { context.succeed({ a: 1 }) }", expect: '{"a":1}' },
  "context.fail": { code: "exports.handler = (event, context) => context.fail(new RangeError('x'))", expect: "RangeError: x" },
  "context.fail with nothing": { code: "exports.handler = (event, context) => context.fail()", expect: "string: handled" },
  "an error that is thrown, with what the code put on it": {
    code: `class Own extends Error { constructor() { super("bad"); this.name = "Own"; this.code = "E1" } }
exports.handler = async () => { throw new Own() }`,
    expect: "Own: bad",
    prints: [
      /^stderr TIME\t01934000-0000-0000-0000-000000000001\tERROR\tInvoke Error \t\{"errorType":"Own","errorMessage":"bad","code":"E1",.*index\.js:2/,
    ],
  },
  "an error by the callback": {
    code: "exports.handler = (event, context, callback) => callback(new TypeError('x'))",
    expect: "TypeError: x",
  },
  "a text that is thrown": { code: "exports.handler = () => { throw 'oh' }", expect: "string: oh" },
  "an object that is thrown": { code: "exports.handler = async () => { throw { a: 1 } }", expect: "object: [object Object]" },
  "what looks like an error of ours": {
    code: "exports.handler = async () => { throw Object.assign(new Error('x'), { name: 'FunctionError', status: 404 }) }",
    expect: "FunctionError: x",
  },
  "a result that is in itself": {
    code: "exports.handler = async () => { const a = {}; a.a = a; return a }",
    expect: "Error: Unable to stringify response body",
  },
  "an event that is no JSON": { code: answering("1"), event: "{", expect: /^SyntaxError: / },
  "a promise that is never settled": {
    code: "exports.handler = async () => new Promise(() => {})",
    expect: /^Runtime\.NodeJsExit: /,
  },
  "a rejection that nobody handles": {
    code: "exports.handler = async () => { Promise.reject(new Error('loose')); await new Promise((r) => setTimeout(r, 5000)) }",
    expect: "Runtime.UnhandledPromiseRejection: Error: loose",
    prints: [/Unhandled Promise Rejection \t\{"errorType":"Runtime\.UnhandledPromiseRejection".*"reason":\{"errorType":"Error"/],
  },
  "an exception that nobody catches": {
    code: "exports.handler = async () => { setTimeout(() => { throw new TypeError('x') }); await new Promise((r) => setTimeout(r, 5000)) }",
    expect: "TypeError: x",
  },
  "what the context says": {
    code: answering("[context, context.getRemainingTimeInMillis() > 0, process.env._X_AMZN_TRACE_ID]"),
    env: { AWS_LAMBDA_LOG_STREAM_NAME: "stream" },
    headers: {
      "lambda-runtime-client-context": '{"custom":{"a":"b"}}',
      "lambda-runtime-cognito-identity": '{"cognitoIdentityId":"i"}',
      "lambda-runtime-invoked-function-arn": "arn:aws:lambda:eu-north-1:111122223333:function:hello:live",
      "lambda-runtime-trace-id": "Root=1-2-3",
    },
    expect: JSON.stringify([
      {
        callbackWaitsForEmptyEventLoop: true,
        functionVersion: "$LATEST",
        functionName: "hello",
        memoryLimitInMB: "128",
        logGroupName: "/aws/lambda/hello",
        logStreamName: "stream",
        clientContext: { custom: { a: "b" } },
        identity: { cognitoIdentityId: "i" },
        invokedFunctionArn: "arn:aws:lambda:eu-north-1:111122223333:function:hello:live",
        awsRequestId: requestId,
      },
      true,
      "Root=1-2-3",
    ]),
  },
  "a trace of W3C's": {
    code: answering("[context.invokedFunctionArn, process.env._X_AMZN_TRACE_ID, 'tenantId' in context, context.identity]"),
    headers: { traceparent: "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01" },
    expect:
      '["arn:aws:lambda:us-east-1:000000000000:function:hello","Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",true,null]',
  },
  "a client context that is no JSON": {
    code: answering("1"),
    headers: { "lambda-runtime-client-context": "{" },
    expect: /^Error: Cannot parse ClientContext as json/,
  },
  "an ES module in a folder": {
    code: {
      "src/app.mjs": "import { value } from './value.mjs'; export const run = async () => value",
      "src/value.mjs": "export const value = 7",
    },
    handler: "src/app.run",
    expect: "7",
  },
  "an ES module by package.json": {
    code: {
      "package.json": '{"type":"module"}',
      "index.js": "await null; export const handler = async () => import.meta.url.slice(-9)",
    },
    expect: '"/index.js"',
  },
  "a handler deep in its exports": {
    code: { "app.cjs": "exports.a = { b: { c: async () => 3 } }" },
    handler: "app.a.b.c",
    expect: "3",
  },
  TypeScript: {
    code: { "index.ts": "export const handler = async (event: { a: number }): Promise<number> => event.a" },
    event: '{"a":4}',
    expect: "4",
  },
  "a handler of a package": {
    code: { "node_modules/wrapper/index.js": answering("'wrapped'") },
    handler: "wrapper.handler",
    expect: '"wrapped"',
  },
  "no handler is named": { code: "module.exports = async () => 1", handler: null, expect: "1" },
  "a file of the code": {
    code: {
      "index.js": "exports.handler = async () => require('fs').readFileSync(process.env.LAMBDA_TASK_ROOT + '/data.txt', 'utf8')",
      "data.txt": "ö",
    },
    expect: '"ö"',
  },
  "lines as JSON": {
    code: "exports.handler = async () => { console.debug('no'); console.warn('n %d', 1); console.info({ a: new TypeError('x') }) }",
    env: { AWS_LAMBDA_LOG_FORMAT: "JSON", AWS_LAMBDA_LOG_LEVEL: "INFO" },
    expect: "null",
    prints: [
      `stderr {"timestamp":"TIME","level":"WARN","requestId":"${requestId}","message":"n 1"}`,
      /^stdout \{"timestamp":"TIME","level":"INFO","requestId":"[^"]*","message":\{"a":\{"errorType":"TypeError","errorMessage":"x","stackTrace":\[/,
    ],
  },
  "no such export": {
    code: "exports.other = 1",
    expect: "init Runtime.HandlerNotFound: index.handler is undefined or not exported",
  },
  "an export that is no function": {
    code: "exports.handler = 1",
    expect: "init Runtime.HandlerNotFound: index.handler is not a function",
  },
  "no such file": {
    code: "",
    handler: "nowhere.handler",
    expect: /^init Runtime\.ImportModuleError: Error: Cannot find module 'nowhere'/,
  },
  "a file that requires what is not there": {
    code: "require('nowhere')",
    expect: /^init Runtime\.ImportModuleError: Error: Cannot find module 'nowhere'/,
  },
  "wrong syntax": { code: "exports.handler = (", expect: /^init Runtime\.UserCodeSyntaxError: SyntaxError: / },
  "a name without a function": { code: "", handler: "index", expect: "init Runtime.MalformedHandlerName: Bad handler" },
  "a name that leads out": { code: "", handler: "../index.handler", expect: /^init Runtime\.MalformedHandlerName: / },
  "an error while it is loaded": { code: { "index.mjs": "await null; throw new RangeError('x')" }, expect: "init RangeError: x" },
  "a rejection while it is loaded": {
    code: {
      "index.mjs": "Promise.reject(new Error('x')); await new Promise((r) => setTimeout(r, 5000)); export const handler = 1",
    },
    expect: "init Runtime.UnhandledPromiseRejection: Error: x",
  },
  "a command of old, whose context is its callback": {
    code: `const exec = require('child_process').exec; exports.handler = (trigger, cb) => { exec('echo done', (err, stdout) => { console.log(stdout); return cb(null); }); }`,
    expect: "null",
    prints: [/\tINFO\tdone$/, "stdout "],
  },
  "a function that is all that is exported": {
    code: {
      "index.js": `'use strict';

const catNames = require('cat-names');

function getCatName(event, context, callback) {
    callback(null, { payload: \`Your cat name is \${catNames.random()}.\` });
}

module.exports = getCatName;`,
      "node_modules/cat-names/index.js": "exports.random = () => 'Tom'",
    },
    handler: null,
    expect: '{"payload":"Your cat name is Tom."}',
  },
};

for (const [name, given] of Object.entries(cases)) {
  test(name, { timeout: 60_000 }, async () => {
    const [plain, later] = await Promise.all([outcomeOf(node, given), outcomeOf(cell, given)]);
    assert.deepEqual(later.said, plain.said, "with its code from the start and later");
    if (typeof given.expect === "string") assert.equal(plain.said, given.expect);
    else assert.match(plain.said, given.expect);
    for (const [index, line] of (given.prints ?? []).entries()) {
      if (typeof line === "string") assert.equal(plain.printed[index], line);
      else assert.match(plain.printed[index] ?? "", line);
    }
    if (given.prints !== undefined) assert.equal(plain.printed.length, given.prints.length, plain.printed.join("\n"));
  });
}

async function outcomeOf(
  runtime: Runtime,
  { code, handler = "index.handler", env = {}, event = "{}", headers = {} }: LambdaCase,
) {
  let printed: readonly string[] = [];
  let said: string;
  try {
    const running = await start(runtime, typeof code === "string" ? { "index.js": code } : code, {
      convention: "lambda",
      handler,
      env,
    });
    printed = running.printed;
    try {
      said = await call(running, event, { callId, headers: Object.entries(headers).flat() }).then(({ text }) => text, errorText);
    } finally {
      await running.stop();
    }
  } catch (error) {
    said = `init ${errorText(error)}`;
  }
  const lines = printed.map((line) => line.replace(`${callId} `, "").replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/, "TIME"));
  return { said: said.replaceAll(/\/tmp\/runtime-\w+/g, ""), printed: lines };
}

/** What callers read, which the stack is a part of. */
function errorText(error: unknown): string {
  if (!(error instanceof PlatformError)) throw error;
  const { errorType, errorMessage, trace } = JSON.parse(String(error.details["body"])) as Record<string, unknown>;
  assert.ok(Array.isArray(trace));
  assert.equal(error.details["type"], errorType);
  return `${errorType}: ${errorMessage}`;
}

test("the probe for cold starts prints true once", async () => {
  const probe = `var SO_SO_COLD = true; exports.handler
    = function(trigger, cb) { console.log('Cold? %s', SO_SO_COLD); SO_SO_COLD = false; return callback(cb) }`;
  const running = await start(node, { "index.js": probe }, { convention: "lambda", handler: "index.handler" });
  try {
    for (let i = 0; i < 3; i++)
      assert.equal(await call(running, "{}", { callId }).catch(errorText), "ReferenceError: callback is not defined");
    const said = running.printed.flatMap((line) => /Cold\? (\w+)/.exec(line)?.[1] ?? []);
    assert.deepEqual(said, ["true", "false", "false"]);
  } finally {
    await running.stop();
  }
});

const streaming = (text: string) =>
  `exports.handler = awslambda.streamifyResponse(async (event, stream, context) => { ${text} })`;

test("a stream: its first piece leaves before its end, its prelude before all else", async () => {
  const code =
    streaming(`stream = awslambda.HttpResponseStream.from(stream, { statusCode: 201, headers: { "x-a": context.awsRequestId } });
    stream.write("one");
    while (!require("fs").existsSync("go")) await new Promise((resolve) => setTimeout(resolve, 10));
    stream.write({ two: 2 });
    stream.end("three");`);
  const running = await start(node, { "index.js": code }, { convention: "lambda", handler: "index.handler" });
  try {
    const response = await running.session.call(request("{}", { callId }), AbortSignal.timeout(20_000));
    assert.deepEqual(response.headers, ["content-type", "application/vnd.awslambda.http-integration-response"]);
    const first = Promise.withResolvers<string>();
    const whole = Promise.withResolvers<string>();
    let text = "";
    response.body.pipe({
      chunk(piece) {
        text += piece.toString();
        if (text.includes("one")) first.resolve(text);
        return true;
      },
      end: () => whole.resolve(text),
      fail: whole.reject,
    });
    assert.equal(await first.promise, `{"statusCode":201,"headers":{"x-a":"${requestId}"}}${"\0".repeat(8)}one`);
    writeFileSync(join(running.folder, "go"), "");
    assert.match(await whole.promise, /one\{"two":2\}three$/);
  } finally {
    await running.stop();
  }
});

const streams: Readonly<Record<string, { readonly code: string; readonly expect: string | RegExp }>> = {
  "what is piped": {
    code: streaming(
      `stream.setContentType("text/plain"); await require("stream/promises").pipeline(require("stream").Readable.from(["a", "b"]), stream)`,
    ),
    expect: "text/plain ab",
  },
  "more than a window": {
    code: streaming("for (let i = 0; i < 40; i++) stream.write(Buffer.alloc(65536, 97)); stream.end()"),
    expect: /^application\/octet-stream a{2621440}$/,
  },
  "an error before the first piece": { code: streaming("throw new TypeError('x')"), expect: "TypeError: x" },
  "an error after it": { code: streaming("stream.write('a'); throw new TypeError('x')"), expect: "TypeError: x" },
  "a type that comes too late": {
    code: streaming("stream.write('a'); stream.setContentType('text/plain')"),
    expect: "Runtime.InvalidStreamingOperation: Cannot set content-type, too late.",
  },
  "a handler that is not asynchronous": {
    code: "exports.handler = awslambda.streamifyResponse((event, stream) => { stream.end('a') })",
    expect: "string: Streaming does not support non-async handlers.",
  },
};

for (const [name, { code, expect }] of Object.entries(streams)) {
  test(`a stream: ${name}`, { timeout: 60_000 }, async () => {
    const running = await start(node, { "index.js": code }, { convention: "lambda", handler: "index.handler" });
    try {
      const said = await call(running, "{}", { callId }).then(({ type, text }) => `${type} ${text}`, errorText);
      if (typeof expect === "string") assert.equal(said, expect);
      else assert.match(said, expect);
    } finally {
      await running.stop();
    }
  });
}
