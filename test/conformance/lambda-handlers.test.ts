/** Handlers written for AWS Lambda on a platform, deployed by our own API: what they find there, and what becomes of their sandboxes. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { makeTar } from "../archives.ts";
import { call, linesOf, recordOf } from "../client.ts";
import { type Deployment, type Platform, startPlatform } from "../platform.ts";
import { cannotCount } from "../reliability/footprint.ts";
import { cellsReady } from "../stem-cells.ts";

let platform: Platform;

before(async () => {
  const cells = ["nodejs:24", "python:3.11"].map((kind) => ({ kind, count: 1 }));
  const env = { POLYKILN_LAMBDA_ACCOUNT: "123456789012", POLYKILN_LAMBDA_REGION: "eu-north-1" };
  platform = await startPlatform({ flags: ["--stem-cells", JSON.stringify(cells)], env });
});

after(() => platform?.stop());

const kinds = { "index.mjs": "nodejs:24", "index.js": "nodejs:24", "index.py": "python:3.11" } as const;

function deploy(name: string, file: keyof typeof kinds, text: string, more: Partial<Deployment> = {}) {
  const settings = { kind: kinds[file], handler: "index.handler", convention: "lambda", ...more.settings };
  return platform.deploy({ name, file: [file, text], ...more, settings });
}

const places: Readonly<Record<string, string>> = {
  "index.mjs": `import { readFileSync } from "node:fs";
export const handler = async (event, context) => [process.env.LAMBDA_TASK_ROOT, process.cwd(), import.meta.url.slice(7),
  readFileSync("/var/task/data.txt", "utf8"), context.invokedFunctionArn, process.env.AWS_REGION, process.env.AWS_EXECUTION_ENV, process.env._HANDLER]`,
  "index.py": `import os
def handler(event, context):
    return [os.environ["LAMBDA_TASK_ROOT"], os.getcwd(), __file__, open("/var/task/data.txt").read(),
        context.invoked_function_arn, os.environ["AWS_REGION"], os.environ["AWS_EXECUTION_ENV"], os.environ["_HANDLER"]]`,
};

for (const [file, text] of Object.entries(places) as [keyof typeof kinds, string][]) {
  test(`${file}: the code is where Lambda has it, with a stem cell and without`, {
    skip: cannotCount,
    timeout: 120_000,
  }, async () => {
    const starts: string[] = [];
    for (const i of [0, 1]) {
      // Of this kind there is none before its first call.
      if (i === 1) await cellsReady(platform, file === "index.mjs" ? 1 : 2);
      const archive = makeTar([
        { name: file, data: text },
        { name: "data.txt", data: `${i}` },
      ]);
      const name = `${file.slice(6)}-${i}`;
      const { invokeUrl } = await platform.deploy({
        name,
        archive,
        settings: { kind: kinds[file], handler: "index.handler", convention: "lambda" },
      });
      const answer = await call(invokeUrl, {});
      assert.deepEqual(JSON.parse(answer.text), [
        "/var/task",
        "/var/task",
        `/var/task/${file}`,
        `${i}`,
        `arn:aws:lambda:eu-north-1:123456789012:function:tests.${name}`,
        "eu-north-1",
        `AWS_Lambda_${kinds[file].replace(":", "")}${file === "index.py" ? "" : ".x"}`,
        "index.handler",
      ]);
      starts.push((await recordOf(platform.url, answer.activationId)).start);
    }
    assert.equal(starts[1], "prewarmed");
  });
}

test("what a probe for cold starts sees: one start, and no other while its sandbox lives", async () => {
  const { invokeUrl } = await deploy(
    "probe",
    "index.js",
    "let cold = true; exports.handler = (event, context, callback) => { const was = cold; cold = false; callback(null, was) }",
  );
  const answers: string[] = [];
  for (let i = 0; i < 3; i++) answers.push((await call(invokeUrl, {})).text);
  assert.deepEqual(answers, ["true", "false", "false"]);
});

test("an error is the call's; a rejection that nobody handles ends the sandbox, too, and the next call has another", async () => {
  const { invokeUrl } = await deploy(
    "errors",
    "index.js",
    `let calls = 0;
exports.handler = async (event) => {
  calls++;
  if (event.how === "throw") throw new RangeError("x");
  if (event.how === "loose") { Promise.reject(new RangeError("x")); await new Promise((resolve) => setTimeout(resolve, 20_000)); }
  return calls;
}`,
  );
  assert.equal((await call(invokeUrl, {})).text, "1");
  const thrown = await call(invokeUrl, { how: "throw" });
  assert.equal(thrown.status, 502);
  const { body } = thrown.json["details"] as { body: string };
  const { trace, ...said } = JSON.parse(body) as { trace: string[] };
  assert.deepEqual(said, { errorType: "RangeError", errorMessage: "x" });
  assert.match(trace.join("\n"), /^RangeError: x\n.*\/var\/task\/index\.js:4/);
  assert.equal((await recordOf(platform.url, thrown.activationId)).status, "function_error");
  assert.equal((await call(invokeUrl, {})).text, "3");
  const loose = await call(invokeUrl, { how: "loose" });
  assert.match(loose.text, /Runtime\.UnhandledPromiseRejection/);
  assert.equal((await call(invokeUrl, {})).text, "1");
});

test("code that cannot be loaded says why, in Lambda's words", async () => {
  const { invokeUrl } = await deploy("nowhere", "index.py", "def other(event, context): pass");
  const answer = await call(invokeUrl, {});
  assert.equal(answer.status, 502);
  assert.equal(answer.json["code"], "function_start_failed");
  const { body } = answer.json["details"] as { body: string };
  assert.equal((JSON.parse(body) as { errorType: string }).errorType, "Runtime.HandlerNotFound");
});

test("lines of a call's log name its request", async () => {
  const python = `import logging
logging.getLogger().setLevel("INFO")
def handler(event, context):
    logging.info("hello %s", event["n"])
    return context.aws_request_id`;
  const node = "exports.handler = async (event, context) => { console.log('hello %s', event.n); return context.awsRequestId }";
  for (const [file, text] of [
    ["index.py", python],
    ["index.js", node],
  ] as const) {
    const { invokeUrl } = await deploy(`logs-${file.slice(6)}`, file, text);
    const answer = await call(invokeUrl, { n: 1 });
    const [line = ""] = await linesOf(platform.url, answer.activationId, 1);
    assert.equal(
      line.replace(/\S+Z/, "TIME"),
      file === "index.py" ? `stdout [INFO]\tTIME\t${answer.json}\thello 1` : `stdout TIME\t${answer.json}\tINFO\thello 1`,
    );
  }
});

test("calls at the same time keep to themselves, in one sandbox", async () => {
  const python = `import time, logging, os
logging.getLogger().setLevel("INFO")
def handler(event, context):
    time.sleep(event["n"] / 20)
    logging.info("call %d", event["n"])
    return [event["n"], context.aws_request_id, os.getpid()]`;
  const node = `exports.handler = (event, context, callback) => {
  setTimeout(() => { console.log("call %d", event.n); callback(null, [event.n, context.awsRequestId, process.pid]) }, event.n * 50);
}`;
  for (const [file, text] of [
    ["index.py", python],
    ["index.js", node],
  ] as const) {
    const settings = { concurrency: 4, sandboxesMax: 1 };
    const { invokeUrl } = await deploy(`together-${file.slice(6)}`, file, text, { settings });
    await call(invokeUrl, { n: 0 });
    const answers = await Promise.all([1, 2, 3, 4].map((n) => call(invokeUrl, { n })));
    const said = answers.map((answer) => JSON.parse(answer.text) as [number, string, number]);
    assert.deepEqual(
      said.map(([n]) => n),
      [1, 2, 3, 4],
    );
    assert.equal(new Set(said.map(([, , pid]) => pid)).size, 1);
    for (const [index, { activationId }] of answers.entries()) {
      const [line = ""] = await linesOf(platform.url, activationId, 1);
      assert.match(line, new RegExp(`\\t${said[index]?.[1]}\\t.*call ${index + 1}$`));
    }
  }
});

test("the first piece of a stream is there before its end", async () => {
  const { invokeUrl } = await deploy(
    "stream",
    "index.mjs",
    `export const handler = awslambda.streamifyResponse(async (event, stream) => {
  stream.write("first");
  await new Promise((resolve) => setTimeout(resolve, 20_000));
  stream.end("last");
});`,
  );
  const controller = new AbortController();
  const response = await fetch(invokeUrl, { method: "POST", body: "{}", signal: controller.signal });
  const { value } = (await response.body?.getReader().read()) ?? {};
  assert.equal(Buffer.from(value ?? []).toString(), "first");
  controller.abort();
});
