/** Programs in three languages as the other side of `stdio`. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { type BodySource, bytesBody } from "../../src/lib/body.ts";
import { realWorld } from "../../src/lib/world.ts";
import type { PlatformError } from "../../src/model/error.ts";
import type { FunctionRequest } from "../../src/protocol/protocol.ts";
import { stdioProtocol } from "../../src/protocol/stdio/stdio.ts";
import { functionSource, goBuild, python } from "../kits.ts";
import { bodyText, sampleRequest, startProgram } from "./program.ts";

const protocol = stdioProtocol(realWorld());
const never = new AbortController().signal;
const shell = ["sh", join(functionSource("stdio-sh"), "func.sh")];

async function runOnce<T>(
  command: readonly string[],
  request: FunctionRequest,
  mode: string,
  use: (answer: Promise<string>) => Promise<T>,
) {
  const { body: _, ...known } = request;
  const program = await startProgram(protocol, {
    command,
    request: known,
    fn: { config: { MODE: mode } },
    app: { config: { MODE: "from app" } },
  });
  try {
    const call = program.session.call(request, never);
    assert.equal(program.session.usable, false);
    return { result: await use(call.then(bodyText)), logs: program.logs.map((line) => line.text).join("") };
  } finally {
    await program.stop();
  }
}

const answerOf = (command: readonly string[], request: FunctionRequest, mode = "") =>
  runOnce(command, request, mode, (answer) => answer);

test("sh: body in, result out, log apart", async () => {
  const { result, logs } = await answerOf(shell, sampleRequest({ body: bytesBody(Buffer.from("Ada")) }));
  assert.deepEqual([result, logs], ["hello Ada\n", "a log line\n"]);
});

test("Python: JSON in, JSON out, the call's id in the environment", async () => {
  const request = sampleRequest({ json: { name: "Ada" } });
  const { result } = await answerOf([python, join(functionSource("stdio-python"), "func.py")], request);
  assert.deepEqual(JSON.parse(result), { message: "Hello Ada", callId: request.callId });
});

test("Go: a static binary", { timeout: 300_000 }, async () => {
  const { result } = await answerOf(
    [await goBuild(functionSource("stdio-go"))],
    sampleRequest({ body: bytesBody(Buffer.from("Ada\n")) }),
  );
  assert.equal(result, "Hello Ada\n");
});

test("the environment is the old format's, and nothing of a caller's gets out of its prefix", async () => {
  const headers = ["Content-Type", "text/plain", "x-odd.name", "1", "X-Odd-Name", "2", "PATH", "/evil"];
  const http = { method: "PUT", url: "http://example.com/t/myapp/a/b?c=1", target: "/a/b?c=1" };
  const request = sampleRequest({ headers, http, deadlineAt: Date.UTC(2030, 0, 2, 3, 4, 5) });
  const { result } = await answerOf(shell, request, "env");
  const env = Object.fromEntries(
    result
      .trim()
      .split("\n")
      .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
  const expected = {
    MODE: "env",
    FN_FORMAT: "default",
    FN_TYPE: "sync",
    FN_MEMORY: "128",
    FN_APP_NAME: "myapp",
    FN_CALL_ID: request.callId,
    FN_DEADLINE: "2030-01-02T03:04:05Z",
    FN_METHOD: "PUT",
    FN_PATH: "/a/b",
    FN_REQUEST_URL: http.url,
    FN_HEADER_CONTENT_TYPE: "text/plain",
    FN_HEADER_X_ODD_NAME: "1, 2",
    FN_HEADER_PATH: "/evil",
    PATH: process.env.PATH,
  };
  for (const [name, value] of Object.entries(expected)) assert.equal(env[name], value, name);
});

test("megabytes through, of known and unknown length", async () => {
  const data = Buffer.alloc(5_000_000, "m");
  for (const bytes of [data.length, undefined]) {
    const { result } = await answerOf(shell, sampleRequest({ body: { ...bytesBody(data), bytes } }), "echo");
    assert.equal(result.length, data.length);
  }
});

test("an exit status that is not 0 is the function's error, also after some output", async () => {
  const { logs } = await runOnce(shell, sampleRequest(), "fail", (answer) =>
    assert.rejects(answer, (error: PlatformError) => error.code === "function_failed" && error.details.exitCode === 3),
  );
  assert.equal(logs, "it went wrong\n");
  await runOnce(shell, sampleRequest(), "kill", (answer) =>
    assert.rejects(answer, (error: PlatformError) => error.code === "function_exited" && error.details.signal === "SIGKILL"),
  );
});

test("an answer that has begun breaks off when the program fails", async () => {
  await runOnce(shell, sampleRequest(), "late", (answer) =>
    assert.rejects(answer, (error: PlatformError) => error.code === "function_failed"),
  );
});

test("a program may answer without reading, and the rest of the body is stopped", async () => {
  let cancelled = false;
  const endless: BodySource = {
    bytes: undefined,
    pipe: (sink) => void sink.chunk(Buffer.alloc(100)),
    resume() {},
    cancel: () => (cancelled = true),
  };
  const { result } = await answerOf(shell, sampleRequest({ body: endless }), "ignore");
  assert.deepEqual([result, cancelled], ["ignored\n", true]);
});

test("a program that goes on printing streams", { timeout: 60_000 }, async () => {
  const headCame = Promise.withResolvers<void>();
  const body: BodySource = {
    bytes: undefined,
    pipe(sink) {
      void headCame.promise.then(() => {
        sink.chunk(Buffer.from("last\n"));
        sink.end();
      });
    },
    resume() {},
    cancel() {},
  };
  const request = sampleRequest({ body });
  const program = await startProgram(protocol, { command: shell, request, fn: { config: { MODE: "halves" } } });
  try {
    const response = await program.session.call(request, never);
    // The program ends no sooner: the head has not waited for that.
    headCame.resolve();
    assert.equal(await bodyText(response), "first\nlast\n");
  } finally {
    await program.stop();
  }
});

test("a caller's body that breaks off, an abort and a close fail the call", async () => {
  const broken: BodySource = {
    bytes: undefined,
    pipe: (sink) => sink.fail(new Error("client went away")),
    resume() {},
    cancel() {},
  };
  await runOnce(shell, sampleRequest({ body: broken }), "", (answer) => assert.rejects(answer, /client went away/));
  const stop = new AbortController();
  const request = sampleRequest({ body: { bytes: undefined, pipe() {}, resume() {}, cancel() {} } });
  const program = await startProgram(protocol, { command: shell, request });
  try {
    const answer = program.session.call(request, stop.signal);
    stop.abort(new Error("time is up"));
    await assert.rejects(answer, /time is up/);
    await assert.rejects(program.session.call(sampleRequest(), never), /has had its call/);
  } finally {
    await program.stop();
  }
});
