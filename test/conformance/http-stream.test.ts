/** Fn's kits from npm and PyPI, unmodified, as the other side of `http-stream`. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { bytesBody } from "../../src/lib/body.ts";
import { realWorld } from "../../src/lib/world.ts";
import type { PlatformError } from "../../src/model/error.ts";
import { httpStreamProtocol } from "../../src/protocol/http-stream/http-stream.ts";
import { functionSource, npmKit, pipKit, python } from "../kits.ts";
import { bodyText, headerValues, type Program, sampleRequest, startProgram } from "./program.ts";

const protocol = httpStreamProtocol(realWorld());
const never = new AbortController().signal;

interface Kit {
  readonly name: string;
  /** What the kit says of a function that throws. */
  readonly failure: { message: RegExp; detail: RegExp | undefined };
  /** The Python kit loads the function in its first call. */
  readonly loadsBeforeCalls: boolean;
  start(): Promise<Program>;
}

const settings = {
  fn: { name: "hello", config: { GREETING: "from fn" } },
  app: { name: "myapp", config: { GREETING: "from app", FN_FORMAT: "json" } },
};

const kits: Kit[] = [
  {
    name: "npm @fnproject/fdk",
    failure: { message: /^Exception in function, consult logs for details$/, detail: /too bad/ },
    loadsBeforeCalls: true,
    async start() {
      const kit = await npmKit(["@fnproject/fdk@0.0.76"]);
      const env = { NODE_PATH: join(kit, "node_modules") };
      return startProgram(protocol, {
        command: [process.execPath, join(functionSource("fdk-node"), "func.js")],
        env,
        ...settings,
      });
    },
  },
  {
    name: "PyPI fdk",
    failure: { message: /too bad/, detail: undefined },
    loadsBeforeCalls: false,
    async start() {
      const kit = await pipKit(["fdk==0.1.128"]);
      const command = [python, join(kit, "bin", "fdk"), join(functionSource("fdk-python"), "func.py"), "handler"];
      return startProgram(protocol, { command, env: { PYTHONPATH: kit, PYTHONDONTWRITEBYTECODE: "1" }, ...settings });
    },
  },
];

for (const kit of kits) {
  test(kit.name, { timeout: 300_000 }, async (t) => {
    const program = await kit.start();
    const { session } = program;
    const call = (json: unknown) => session.call(sampleRequest({ json, headers: ["Content-Type", "application/json"] }), never);
    try {
      await t.test("a direct call carries body, headers, ids and environment", async () => {
        const headers = ["Content-Type", "application/json", "X-Trace", "t1", "Fn-Call-Id", "forged", "Host", "example.com"];
        const request = sampleRequest({ json: { name: "Ada" }, headers, deadlineAt: Date.UTC(2030, 0, 2, 3, 4, 5, 678) });
        const response = await session.call(request, never);
        assert.equal(response.status, 200);
        assert.match(headerValues(response, "content-type")[0] ?? "", /^application\/json/);
        const answer = JSON.parse(await bodyText(response));
        assert.match(answer.deadline, /^2030-01-02T03:04:05(\.000)?Z$/);
        const expected = { message: "Hello Ada", callId: request.callId, config: "from fn", app: "myapp", trace: "t1" };
        assert.deepEqual({ ...answer, deadline: undefined }, { ...expected, deadline: undefined });
        for (const name of ["connection", "keep-alive", "transfer-encoding", "content-length"]) {
          assert.deepEqual(headerValues(response, name), [], name);
        }
      });

      await t.test("a call through a route is HTTP to both sides", async () => {
        const http = { method: "PUT", url: "http://example.com/t/myapp/x?q=1", target: "/x?q=1" };
        const headers = ["content-type", "application/json", "x-custom", "c1", "Host", "example.com"];
        const response = await session.call(sampleRequest({ json: { a: 1 }, headers, http }), never);
        const answer = JSON.parse(await bodyText(response));
        assert.equal(response.status, 201);
        assert.deepEqual(headerValues(response, "location"), ["/made"]);
        assert.match(headerValues(response, "content-type")[0] ?? "", /^application\/json/);
        assert.deepEqual(headerValues(response, "fn-fdk-version"), []);
        assert.deepEqual(
          { ...answer, custom: [answer.custom].flat() },
          { method: "PUT", url: http.url, custom: ["c1"], ask: { a: 1 } },
        );
      });

      await t.test("a function that throws is the function's error, and the next call works", async () => {
        await assert.rejects(call({ throw: "too bad" }), (error: PlatformError) => {
          assert.equal(error.code, "function_failed");
          assert.match(error.message, kit.failure.message);
          if (kit.failure.detail) assert.match(String(error.details.detail), kit.failure.detail);
          return true;
        });
        assert.equal(session.usable, true);
        assert.match(await bodyText(await call({})), /Hello World/);
      });

      await t.test("output is attributed to the call that printed it", async () => {
        const requests = ["one", "two"].map((print) =>
          sampleRequest({ json: { print }, headers: ["Content-Type", "application/json"] }),
        );
        for (const request of requests) await bodyText(await session.call(request, never));
        const linesOf = (request: (typeof requests)[number] | undefined) =>
          program.logs.filter((line) => line.callId === request?.callId && line.text !== "");
        // They come on a way of their own.
        const giveUpAt = performance.now() + 20_000;
        while (requests.some((request) => linesOf(request).length < 2) && performance.now() < giveUpAt) await sleep(20);
        for (const [i, text] of ["one", "two"].entries()) {
          const lines = linesOf(requests[i]);
          assert.deepEqual(lines.map(({ stream, text: line }) => [stream, line]).toSorted(), [
            ["stderr", `error ${text}`],
            ["stdout", text],
          ]);
        }
        const loaded = program.logs.filter((line) => line.text === "loaded").map((line) => line.callId === null);
        assert.deepEqual(loaded, [kit.loadsBeforeCalls]);
        assert.equal(
          program.logs.some((line) => line.text.includes("LOGFRAME")),
          false,
        );
        assert.deepEqual(
          program.logs.filter((line) => line.text === ""),
          [],
        );
      });

      await t.test("large bodies both ways", async () => {
        const headers = ["Content-Type", "application/json"];
        const big = JSON.stringify({ raw: 3_000_000, pad: "y".repeat(3_000_000) });
        const body = { ...bytesBody(Buffer.from(big)), bytes: kit.name.startsWith("npm") ? undefined : big.length };
        const response = await session.call(sampleRequest({ body, headers }), never);
        assert.equal(headerValues(response, "content-type")[0], "text/plain");
        assert.equal((await bodyText(response)).length, 3_000_000);
      });

      await t.test("an idle connection is dropped after a second and the next call opens another", async () => {
        await bodyText(await call({}));
        const before = program.dials();
        await bodyText(await call({}));
        assert.equal(program.dials(), before);
        await sleep(1300);
        await bodyText(await call({}));
        assert.equal(program.dials(), before + 1);
      });

      await t.test("an exit in the middle of a call is that, and ends the session", async () => {
        const exited = once(program.child, "exit");
        await assert.rejects(call({ exit: 3 }), (error: PlatformError) => error.code === "function_exited");
        await exited;
        assert.equal(session.usable, false);
      });
    } finally {
      await program.stop();
    }
  });
}

test("a signal that aborts ends the call with its reason, and the session", { timeout: 300_000 }, async () => {
  const program = await (kits[0] as Kit).start();
  try {
    const stop = new AbortController();
    const request = sampleRequest({ json: { sleepMs: 5000 }, headers: ["Content-Type", "application/json"] });
    const answer = program.session.call(request, stop.signal);
    await sleep(50);
    stop.abort(new Error("time is up"));
    await assert.rejects(answer, /time is up/);
    assert.equal(program.session.usable, false);
  } finally {
    await program.stop();
  }
});
