import assert from "node:assert/strict";
import { test } from "node:test";
import { functionSource, goBuild } from "../kits.ts";
import { runtimeSuite } from "./runtime-suite.ts";
import { builtIn, call, failure, type Runtime, start, until } from "./runtimes.ts";

const runtime: Runtime = { name: "go", command: [await goBuild(functionSource("runtime-go"))] };

runtimeSuite(runtime, {
  echo: builtIn("echo"),
  bytes: builtIn("bytes"),
  stream: builtIn("stream"),
  brokenStream: builtIn("brokenStream"),
  print: builtIn("print"),
  exit: builtIn("exit"),
  waits: builtIn("waits"),
  loggedElsewhere: builtIn("loggedElsewhere"),
  thrower: builtIn("thrower"),
});

test("go: what is printed in passing belongs to the one call that runs", { timeout: 30_000 }, async () => {
  const running = await start(runtime, builtIn("prints"));
  try {
    for (let n = 0; n < 20; n++) await call(running);
    await until(() => running.printed.length === 60);
    for (const stream of ["stdout printed", "stderr printed", "stderr logged"])
      assert.equal(running.printed.filter((line) => line.startsWith("call") && line.endsWith(` ${stream}`)).length, 20, stream);
    assert.equal(new Set(running.printed.map((line) => line.split(" ")[0])).size, 20);
  } finally {
    await running.stop();
  }
});

test("go: a panic fails its call with its stack, and the program goes on", { timeout: 30_000 }, async () => {
  const running = await start(runtime, builtIn("panics"));
  try {
    const error = await failure(call(running));
    assert.equal(`${error.code}: ${error.message}`, "function_failed: too far");
    assert.match(String(error.details["stack"]), /main\.go:\d+/);
    assert.ok(running.session.usable);
  } finally {
    await running.stop();
  }
});

test("go: the context ends before the deadline, and what is written then still counts", { timeout: 30_000 }, async () => {
  const running = await start(runtime, builtIn("inTime"));
  try {
    const answer = await call(running, undefined, { deadlineAt: Date.now() + 500 });
    assert.equal(answer.text, "context deadline exceeded");
  } finally {
    await running.stop();
  }
});

test("go: status and headers are refused once the answer has begun, and when HTTP cannot carry them", {
  timeout: 30_000,
}, async () => {
  const running = await start(runtime, builtIn("heads"));
  try {
    const answer = await call(running);
    assert.deepEqual([answer.status, answer.type], [201, "text/plain"]);
    assert.deepEqual(answer.headers.slice(-4), ["x-many", "1", "x-many", "2"]);
    const refused = ["no name of a header", "cannot carry", "200 to 599", "too late", "too late"];
    for (const [index, line] of answer.text.split("\n").entries()) assert.match(line, new RegExp(refused[index] as string));
  } finally {
    await running.stop();
  }
});
