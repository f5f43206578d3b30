/** Unmodified HTTP servers as the other side of `http-port`. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { bytesBody } from "../../src/lib/body.ts";
import { realWorld } from "../../src/lib/world.ts";
import type { PlatformError } from "../../src/model/error.ts";
import { httpPortProtocol } from "../../src/protocol/http-port/http-port.ts";
import { functionSource, goBuild, npmKit, pipKit, python } from "../kits.ts";
import { bodyText, headerValues, type Program, sampleRequest, startProgram } from "./program.ts";

const protocol = httpPortProtocol(realWorld());
const never = new AbortController().signal;
const fn = { concurrency: 10 };

const servers: { readonly name: string; start(): Promise<Program> }[] = [
  {
    name: "Express",
    async start() {
      const env = { NODE_PATH: join(await npmKit(["express@5.3.0"]), "node_modules") };
      return startProgram(protocol, { command: [process.execPath, join(functionSource("express"), "server.js")], env, fn });
    },
  },
  {
    name: "Flask",
    async start() {
      const env = { PYTHONPATH: await pipKit(["flask==3.1.3"]), PYTHONDONTWRITEBYTECODE: "1" };
      return startProgram(protocol, { command: [python, join(functionSource("flask"), "server.py")], env, fn });
    },
  },
  { name: "Go net/http", start: async () => startProgram(protocol, { command: [await goBuild(functionSource("go-http"))], fn }) },
];

for (const server of servers) {
  test(server.name, { timeout: 300_000 }, async (t) => {
    const program = await server.start();
    const { session } = program;
    const ask = (method: string, target: string, options: { headers?: string[]; body?: Buffer; bytes?: undefined } = {}) => {
      const body = { ...bytesBody(options.body ?? Buffer.alloc(0)), ...("bytes" in options ? { bytes: undefined } : {}) };
      const http = { method, url: `http://example.com/t/myapp${target}`, target };
      return session.call(sampleRequest({ http, headers: options.headers ?? [], body }), never);
    };
    try {
      await t.test("a direct call is POST /", async () => {
        const response = await session.call(
          sampleRequest({ json: { a: 1 }, headers: ["Content-Type", "application/json"] }),
          never,
        );
        assert.deepEqual([response.status, JSON.parse(await bodyText(response))], [200, { got: 7 }]);
      });

      await t.test("method, target, headers and body pass both ways", async () => {
        const headers = [
          "Host",
          "example.com:99",
          "X-Custom",
          "c1",
          "TE",
          "trailers",
          "Connection",
          "keep-alive, X-Gone",
          "X-Gone",
          "1",
        ];
        for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE"]) {
          const body = Buffer.from(method === "GET" ? "" : `body of ${method}`);
          const response = await ask(method, "/echo?a=1&b=%20c", { headers, body });
          assert.equal(response.status, 207, method);
          assert.deepEqual(headerValues(response, "x-method"), [method]);
          assert.deepEqual(headerValues(response, "set-cookie"), ["a=1", "b=2"]);
          const seen = JSON.parse(headerValues(response, "x-seen")[0] ?? "");
          assert.deepEqual(seen, { url: "/echo?a=1&b=%20c", host: "example.com:99", custom: "c1", te: null });
          for (const name of ["connection", "x-hop", "keep-alive", "transfer-encoding", "content-length"]) {
            assert.deepEqual(headerValues(response, name), [], name);
          }
          assert.equal(await bodyText(response), body.toString());
        }
      });

      await t.test("large bodies stream both ways, of known and of unknown length", async () => {
        const body = Buffer.alloc(4_000_000, "z");
        for (const options of [{ body }, { body, bytes: undefined }]) {
          // Flask's own server gives functions no body of unknown length.
          if ("bytes" in options && server.name === "Flask") continue;
          const response = await ask("POST", "/echo", { ...options, headers: ["Content-Type", "application/octet-stream"] });
          assert.equal((await bodyText(response)).length, body.length);
        }
      });

      await t.test("an answer is passed on as it comes", async () => {
        const response = await ask("GET", "/ticks");
        const pieces: string[] = [];
        await new Promise<void>((resolve, reject) => {
          response.body.pipe({
            chunk(data) {
              pieces.push(data.toString());
              // The server writes no further before that.
              if (pieces.length < 3) ask("GET", "/tick").then(bodyText).catch(reject);
              return true;
            },
            end: resolve,
            fail: reject,
          });
        });
        assert.deepEqual(pieces, ["tick 1\n", "tick 2\n", "tick 3\n"]);
      });

      await t.test("answers without a body, and error statuses, are answers", async () => {
        const cases: [string, string, number, string][] = [
          ["HEAD", "/", 200, ""],
          ["GET", "/empty", 204, ""],
          ["GET", "/cached", 304, ""],
          ["GET", "/fail", 503, "busy"],
          ["GET", "/", 200, "Hello"],
        ];
        for (const [method, target, status, start] of cases) {
          const response = await ask(method, target);
          const text = await bodyText(response);
          assert.deepEqual([response.status, text.slice(0, start.length || 1)], [status, start], `${method} ${target}`);
        }
        assert.notDeepEqual(headerValues(await ask("HEAD", "/"), "content-length"), []);
        assert.equal(session.usable, true);
      });

      await t.test("calls run at the same time, each on its own connection", async () => {
        const startedAt = performance.now();
        const responses = await Promise.all(Array.from({ length: 8 }, () => ask("GET", "/sleep?ms=1000")));
        assert.deepEqual(await Promise.all(responses.map(bodyText)), Array(8).fill("slept"));
        assert.ok(performance.now() - startedAt < 6000, "one after the other they would take 8 s");
        const dials = program.dials();
        await Promise.all((await Promise.all(Array.from({ length: 8 }, () => ask("GET", "/sleep?ms=20")))).map(bodyText));
        // Flask's own server closes after each answer.
        if (server.name !== "Flask") assert.equal(program.dials(), dials);
      });

      await t.test("an aborted call ends alone", async () => {
        const stop = new AbortController();
        const http = { method: "GET", url: "http://h/sleep?ms=3000", target: "/sleep?ms=3000" };
        const answer = session.call(sampleRequest({ http }), stop.signal);
        await sleep(50);
        stop.abort(new Error("gone away"));
        await assert.rejects(answer, /gone away/);
        assert.equal((await ask("GET", "/")).status, 200);
        assert.equal(session.usable, true);
      });

      await t.test("an exit in the middle of a call is that", async () => {
        const exited = once(program.child, "exit");
        await assert.rejects(ask("GET", "/exit"), (error: PlatformError) => error.code === "function_exited");
        await exited;
      });
    } finally {
      await program.stop();
    }
  });
}
