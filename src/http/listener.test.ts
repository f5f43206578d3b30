import { abortSignalOf } from "../lib/cancel.ts";
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Server as HttpServer, IncomingMessage } from "node:http";
import { connect } from "node:net";
import type { Duplex } from "node:stream";
import { afterEach, before, describe, test } from "node:test";
import { type FrontName, frontNames, makeListener, type TestListener } from "../../test/linked-listener.ts";
import { RawClient } from "../../test/raw-client.ts";
import { type BodySource, bytesBody, readBody } from "../lib/body.ts";
import { realWorld } from "../lib/world.ts";
import { PlatformError } from "../model/error.ts";
import type { HttpConfig } from "./config.ts";
import { createFramework } from "./framework.ts";
import type { Handler, HttpRequest } from "./http.ts";
import { Listener } from "./listener.ts";

interface Server {
  readonly port: number;
  readonly listener: TestListener;
  readonly requests: HttpRequest[];
  readonly bugs: unknown[];
  readonly framework: HttpServer;
}

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

const lateReaderHeard: string[] = [];

function slowBody(): BodySource {
  return {
    bytes: undefined,
    pipe(sink) {
      sink.chunk(Buffer.from("one"));
      setTimeout(() => {
        sink.chunk(Buffer.from("two"));
        sink.end();
      }, 20);
    },
    resume() {},
    cancel() {},
  };
}

/** What a test's fast route does: the path below `/fast/` chooses. */
const doings: Readonly<Record<string, Handler>> = {
  hi: (_request, response) => response.send(200, ["Content-Type", "text/plain"], "hi"),
  echo(request, response) {
    readBody(request.body, 1e9, () => new Error("large")).then(
      (body) => response.send(200, [], body),
      (error: PlatformError) =>
        response.send(error.code === "too_large" ? 413 : error.code === "invalid" ? 400 : 408, [], error.message),
    );
  },
  stream: (request, response) => response.stream(200, [], request.body, () => {}),
  "slow-stream": (_request, response) => response.stream(200, [], slowBody(), () => {}),
  wait: () => {},
  throw() {
    throw new Error("a bug");
  },
  "bad-header": (_request, response) => response.send(200, ["X-Bad", "a\r\nb: c"], ""),
  "bad-stream": (_request, response) => response.stream(200, ["X-Bad\u0000", "a"], bytesBody(Buffer.from("x")), () => {}),
  framing: (_request, response) =>
    response.send(200, ["Connection", "upgrade", "Content-Length", "999", "Transfer-Encoding", "chunked", "X-Kept", "1"], "ok"),
  "no-content": (_request, response) => response.send(204, [], ""),
  late: (_request, response) => void setTimeout(() => response.send(200, [], "late"), 300),
  "late-reader": (request, response) =>
    void setTimeout(() => {
      const what = request.signal.aborted ? (request.signal.reason as Error).message : "not aborted";
      readBody(request.body, 1e9, () => new Error("large")).catch((error: Error) => {
        response.send(500, [], "");
        lateReaderHeard.push(what, error.message);
      });
    }, 50),
};

/** Every test runs on all of them. */
let front: FrontName = "own";

async function serve(config: Partial<HttpConfig> = {}, host = "127.0.0.1"): Promise<Server> {
  const world = realWorld();
  const framework = createFramework({ world });
  framework.app.get("/slow-path", async () => ({ framework: true }));
  framework.app.post("/slow-path", (request, reply) => reply.send({ got: request.body }));
  framework.app.get("/events", (_request, reply) => {
    reply.hijack();
    reply.raw.writeHead(200, { "content-type": "text/event-stream" }).write("data: one\n\n");
    setTimeout(() => reply.raw.end("data: two\n\n"), 100);
  });
  framework.mount("/mounted", (request, response) => {
    readBody(request.body, 1000, () => new Error("large")).then(
      (body) => response.send(200, [], `${request.method} ${request.target} ${body}`),
      (error: Error) => response.send(413, [], error.message),
    );
  });
  await framework.app.ready();
  const requests: HttpRequest[] = [];
  const bugs: unknown[] = [];
  const handler: Handler = (request, response) => {
    requests.push(request);
    (doings[request.path.slice("/fast/".length)] as Handler)(request, response);
  };
  const routes = [{ prefix: "/fast/", handler }];
  const listener = makeListener({
    world,
    framework: framework.server,
    routes,
    config: { front, checkIntervalMs: 20, ...config },
    bug: (error) => bugs.push(error),
  });
  const { port } = await listener.listen({ host, port: 0 });
  ends.push(() => listener.close(0));
  return { port, listener, requests, bugs, framework: framework.server };
}

/** A raw client that the end of the test ends. */
class Client extends RawClient {
  constructor(port: number) {
    super(port);
    ends.push(async () => void this.socket.destroy());
  }
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Sends bytes, waits for the server to close, and compares status line and JSON code. */
async function check(
  bytes: string,
  expected: { status: number; code?: string },
  config: Partial<HttpConfig> = {},
): Promise<void> {
  const { port } = await serve(config);
  const client = new Client(port).write(bytes);
  await client.until(/\r\n\r\n/);
  assert.match(client.text, new RegExp(`^HTTP/1.1 ${expected.status} `));
  if (expected.code === undefined) return;
  await client.closed;
  const body = JSON.parse(client.text.slice(client.text.indexOf("\r\n\r\n") + 4)) as { code: string; message: string };
  assert.equal(body.code, expected.code);
  assert.ok(body.message.length > 10);
}

const head = (method: string, path: string, headers = "") => `${method} ${path} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`;

for (const name of frontNames) {
  describe(`front ${name}`, () => {
    before(() => {
      front = name;
    });

    test("fast and framework requests share one connection, pipelined and in order", async () => {
      const { port } = await serve();
      const client = new Client(port).write(
        head("GET", "/fast/hi") + head("GET", "/slow-path") + head("GET", "/fast/hi") + head("GET", "/nowhere"),
      );
      const text = await client.until(/nowhere/);
      const order = [...text.matchAll(/\r\n\r\n(hi|\{"framework":true\}|\{"code":"not_found")/g)].map((match) => match[1]);
      assert.deepEqual(order, ["hi", '{"framework":true}', "hi", '{"code":"not_found"']);
      assert.equal(text.match(/X-Request-Id/gi)?.length, 2);
    });

    test("pipelined answers keep the order of their requests, however long each takes", async () => {
      const { port } = await serve();
      const client = new Client(port).write(
        `${head("GET", "/fast/late")}${head("POST", "/fast/echo", "Transfer-Encoding: chunked\r\n")}2\r\nab\r\n0\r\n\r\n${head("GET", "/fast/hi")}`,
      );
      await client.until(/late[^]*ab[^]*hi$/);
    });

    test("HEAD has the head of GET and no body", async () => {
      const { port } = await serve();
      const client = new Client(port).write(head("HEAD", "/fast/hi") + head("GET", "/fast/no-content"));
      const text = await client.until(/ 204 [^]*\r\n\r\n$/);
      assert.match(text, /^HTTP\/1.1 200 OK\r\n[^]*?\r\n\r\nHTTP\/1.1 204/);
    });

    test("HTTP/1.0 needs no Host, is closed unless asked otherwise, and gets no chunks", async () => {
      const { port } = await serve();
      const closing = new Client(port).write("GET /fast/hi HTTP/1.0\r\nHost: localhost\r\n\r\n");
      await closing.closed;
      assert.match(closing.text, /^HTTP\/1.1 200 OK[^]*Connection: close[^]*hi$/);
      const kept = new Client(port).write("GET /fast/hi HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n");
      await kept.until(/Connection: keep-alive[^]*hi$/);
      kept.write("GET /fast/slow-stream HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n");
      await kept.closed;
      assert.match(kept.text.slice(kept.text.indexOf("hi")), /^hiHTTP\/1.1 200 OK[^]*\r\n\r\nonetwo$/);
      assert.doesNotMatch(kept.text, /Transfer-Encoding/);
    });

    test("an upgrade reaches the framework whole", async () => {
      const { port, framework } = await serve();
      framework.on("upgrade", (request: IncomingMessage, socket: Duplex, first: Buffer) => {
        socket.end(`HTTP/1.1 101 Switching Protocols\r\n\r\n${request.url} ${first}`);
      });
      const client = new Client(port).write(head("GET", "/fast/hi"));
      await client.until(/hi$/);
      client.write(`${head("GET", "/fast/socket", "Connection: upgrade\r\nUpgrade: other\r\n")}first`);
      await client.until(/101 Switching Protocols\r\n\r\n\/fast\/socket first$/);
    });

    test("events of the framework come one by one, after a call on the same connection", async () => {
      const { port } = await serve();
      const client = new Client(port).write(head("GET", "/fast/hi") + head("GET", "/events"));
      assert.doesNotMatch(await client.until(/hiHTTP[^]*data: one/), /data: two/);
      await client.until(/data: two[^]*0\r\n\r\n$/);
    });

    test("an expectation that nobody knows: 417", async () => {
      const { port } = await serve();
      await new Client(port).write(head("POST", "/fast/hi", "Expect: miracles\r\n")).until(/^HTTP\/1.1 417 /);
    });

    test("an upload to the framework after calls on the same connection, its head in pieces", async () => {
      const { port } = await serve();
      const client = new Client(port).write(head("GET", "/fast/hi"));
      await client.until(/hi$/);
      const upload = `${head("PUT", "/mounted/x", "Content-Length: 900\r\n")}${"u".repeat(900)}`;
      for (const piece of [upload.slice(0, 20), upload.slice(20, 100), upload.slice(100, 500), upload.slice(500)]) {
        client.write(piece);
        await sleep(10);
      }
      await client.until(/PUT \/mounted\/x u{900}$/);
      client.write(head("GET", "/fast/hi"));
      await client.until(/u{900}HTTP[^]*hi$/);
    });

    test("a connection without a request is kept for a while and then closed", async () => {
      const { port, listener } = await serve({ keepAliveTimeoutMs: 500 });
      const client = new Client(port).write(head("GET", "/fast/hi"));
      await client.until(/hi$/);
      assert.equal(listener.connections, 1);
      await client.closed;
      assert.match(client.text, /hi$/);
    });

    test("bodies reach both sides: fast, framework and mounted", async () => {
      const { port } = await serve();
      const url = `http://127.0.0.1:${port}`;
      const large = "x".repeat(3_000_000);
      assert.equal(await (await fetch(`${url}/fast/echo`, { method: "POST", body: large })).text(), large);
      assert.equal(await (await fetch(`${url}/fast/stream`, { method: "POST", body: large })).text(), large);
      const json = await fetch(`${url}/slow-path`, {
        method: "POST",
        body: '{"a":1}',
        headers: { "Content-Type": "application/json" },
      });
      assert.deepEqual(await json.json(), { got: { a: 1 } });
      assert.equal(
        await (await fetch(`${url}/mounted/a%2Fb?c=d`, { method: "PUT", body: "body" })).text(),
        "PUT /mounted/a%2Fb?c=d body",
      );
      assert.equal((await fetch(`${url}/mounted`, { method: "POST", body: "x".repeat(2000) })).status, 413);
    });

    test("JSON that is wrong says where", async () => {
      const { port } = await serve();
      const answer = await fetch(`http://127.0.0.1:${port}/slow-path`, {
        method: "POST",
        body: '{"a":1,\n"b" 2}',
        headers: { "Content-Type": "application/json" },
      });
      assert.equal(answer.status, 400);
      const { message, details, requestId } = (await answer.json()) as { message: string; details: object; requestId: string };
      assert.match(message, /at line 2 column 5/);
      assert.deepEqual(details, { position: 12, line: 2, column: 5 });
      assert.equal(answer.headers.get("x-request-id"), requestId);
    });

    test("headers that are too large: 431", () =>
      check(head("GET", "/fast/hi", `X-Large: ${"x".repeat(70_000)}\r\n`), { status: 431, code: "header_too_large" }));
    test("too many headers: 431", () =>
      check(head("GET", "/fast/hi", "X-Many: 1\r\n".repeat(250)), { status: 431, code: "header_too_large" }));
    test("200 headers are not too many", () => check(head("GET", "/fast/hi", "X-Many: 1\r\n".repeat(199)), { status: 200 }));
    test("bytes that are not HTTP: 400", () => check("\u0016\u0003\u0001 hello\r\n\r\n", { status: 400, code: "invalid" }));
    test("no Host: 400", () => check("GET /fast/hi HTTP/1.1\r\n\r\n", { status: 400, code: "invalid" }));
    test("two Hosts: 400", () => check(head("GET", "/fast/hi", "Host: localhost\r\n"), { status: 400, code: "invalid" }));
    test("length and chunks together: 400", () =>
      check(head("POST", "/fast/echo", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), { status: 400, code: "invalid" }));
    test("a chunk that is no chunk: the handler hears of it", () =>
      check(`${head("POST", "/fast/echo", "Transfer-Encoding: chunked\r\n")}zz\r\n`, { status: 400 }));
    test("a chunk that is no chunk, before the handler reads: we answer, and the handler's own answer goes nowhere", async () => {
      lateReaderHeard.length = 0;
      for (const path of ["/fast/late-reader", "/fast/late"]) {
        const bytes = `${head("POST", path, "Transfer-Encoding: chunked\r\n")}zz\r\n`;
        await check(bytes, { status: 400, code: "invalid" });
      }
      await sleep(350);
      assert.equal(lateReaderHeard.length, 2);
      for (const heard of lateReaderHeard) assert.match(heard, /^The request broke off: .*chunk size/);
    });
    test("headers that trickle: 408", () =>
      check(
        "GET /fast/hi HTTP/1.1\r\nHost: a",
        { status: 408, code: "request_timeout" },
        { headersTimeoutMs: 60, requestTimeoutMs: 100 },
      ));
    test("a connection that says nothing: 408", () =>
      check("", { status: 408, code: "request_timeout" }, { headersTimeoutMs: 60 }));
    test("a body that trickles, read by a handler: it answers 408", () =>
      check(
        `${head("POST", "/fast/echo", "Content-Length: 5\r\n")}abc`,
        { status: 408 },
        { headersTimeoutMs: 60, requestTimeoutMs: 100 },
      ));
    test("a body that trickles into the framework: 408", () =>
      check(
        `${head("POST", "/slow-path", "Content-Type: application/json\r\nContent-Length: 5\r\n")}{`,
        { status: 408, code: "request_timeout" },
        { headersTimeoutMs: 60, requestTimeoutMs: 100 },
      ));
    test("a length over the limit: 413 before a byte of it came", () =>
      check(head("POST", "/fast/echo", "Content-Length: 2000\r\n"), { status: 413, code: "too_large" }, { bodyBytesMax: 1000 }));
    test("chunks over the limit: the handler hears of it", () =>
      check(
        `${head("POST", "/fast/echo", "Transfer-Encoding: chunked\r\n")}3e9\r\n${"x".repeat(1001)}\r\n`,
        { status: 413 },
        { bodyBytesMax: 1000 },
      ));
    test("the absolute form of a target", () =>
      check("GET http://localhost/fast/hi HTTP/1.1\r\nHost: localhost\r\n\r\n", { status: 200 }));
    test("a handler that throws: 500, and the log hears of it", () =>
      check(head("GET", "/fast/throw", "Connection: close\r\n"), { status: 500, code: "internal" }));
    test("headers that HTTP does not allow: 502", () =>
      check(head("GET", "/fast/bad-header", "Connection: close\r\n"), { status: 502, code: "function_protocol" }));
    test("the same in a streamed answer: 502", () =>
      check(head("GET", "/fast/bad-stream", "Connection: close\r\n"), { status: 502, code: "function_protocol" }));

    test("a name that points to loopback, without a key: 403", () =>
      check("GET /fast/hi HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", { status: 403, code: "forbidden" }));
    test("a key makes the name unimportant", () =>
      check("GET /fast/hi HTTP/1.1\r\nHost: evil.example\r\nAuthorization: Bearer a:b\r\n\r\n", { status: 200 }));
    test("a configured name", () =>
      check("GET /fast/hi HTTP/1.1\r\nHost: fn.example:80\r\n\r\n", { status: 200 }, { publicNames: ["fn.example"] }));
    test("a post from another site: 403", () =>
      check(head("POST", "/fast/hi", "Origin: https://evil.example\r\nConnection: close\r\n"), {
        status: 403,
        code: "forbidden",
      }));
    test("a post from a page of this machine", () =>
      check(head("POST", "/fast/hi", "Origin: http://localhost:3000\r\n"), { status: 200 }));
    test("the guard holds for the framework too", () =>
      check("GET /slow-path HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", { status: 403, code: "forbidden" }));

    test("a large upload that is refused still reads its answer", async () => {
      const { port } = await serve({ bodyBytesMax: 1000 });
      const answer = await fetch(`http://127.0.0.1:${port}/fast/echo`, { method: "POST", body: "x".repeat(20_000_000) });
      assert.equal(answer.status, 413);
      assert.equal(((await answer.json()) as { code: string }).code, "too_large");
    });

    test("Expect: 100 Continue is sent when the body is asked for, not before", async () => {
      const { port } = await serve({ bodyBytesMax: 1000 });
      const wanted = new Client(port).write(head("POST", "/fast/echo", "Content-Length: 2\r\nExpect: 100-continue\r\n"));
      await wanted.until(/^HTTP\/1.1 100 Continue\r\n\r\n$/);
      wanted.write("ok");
      await wanted.until(/200 OK[^]*ok$/);
      const unread = new Client(port).write(head("POST", "/fast/hi", "Content-Length: 2\r\nExpect: 100-continue\r\n"));
      assert.doesNotMatch(await unread.until(/hi$/), /100 Continue/);
      const refused = new Client(port).write(head("POST", "/fast/echo", "Content-Length: 2000\r\nExpect: 100-continue\r\n"));
      await refused.until(/^HTTP\/1.1 413 /);
    });

    test("what frames a message is the listener's to say", async () => {
      const { port } = await serve();
      const client = new Client(port).write(head("GET", "/fast/framing") + head("GET", "/fast/no-content"));
      const text = await client.until(/204 No Content[^]*\r\n\r\n/);
      assert.match(text, /X-Kept: 1\r\nContent-Length: 2\r\n/);
      assert.doesNotMatch(text, /999|chunked|upgrade/);
      assert.doesNotMatch(text.slice(text.indexOf("204")), /Content-Length/);
    });

    test("a client that goes away aborts the signal, half-closed or whole", async () => {
      for (const leave of ["end", "destroy"] as const) {
        const { port, requests } = await serve();
        const client = new Client(port).write(head("GET", "/fast/wait"));
        while (requests.length === 0) await sleep(5);
        const { signal } = requests[0] as HttpRequest;
        assert.equal(signal.aborted, false);
        client.socket[leave]();
        await once(abortSignalOf(signal), "abort");
        assert.equal((signal.reason as PlatformError).code, "cancelled");
        await sleep(20);
        assert.equal((requests[0] as HttpRequest).signal.aborted, true);
      }
    });

    test("an answer does not abort its signal", async () => {
      const { port, requests } = await serve();
      await (await fetch(`http://127.0.0.1:${port}/fast/hi`, { headers: { Connection: "close" } })).text();
      await sleep(20);
      assert.equal((requests[0] as HttpRequest).signal.aborted, false);
    });

    test("loopback is what is bound to loopback", async () => {
      const loopback = await serve();
      await fetch(`http://127.0.0.1:${loopback.port}/fast/hi`);
      assert.equal(loopback.requests[0]?.loopback, true);
      const open = await serve({}, "0.0.0.0");
      await fetch(`http://127.0.0.1:${open.port}/fast/hi`);
      assert.equal(open.requests[0]?.loopback, false);
      assert.equal(open.requests[0]?.peer, "127.0.0.1");
    });

    test("an address that is trusted counts as loopback, and meets what guards that", async () => {
      const open = await serve({ trustedPeers: ["127.0.0.2"] }, "0.0.0.0");
      for (const localAddress of ["127.0.0.1", "127.0.0.2"]) {
        const socket = connect({ port: open.port, host: "127.0.0.1", localAddress });
        socket.end(head("GET", "/fast/hi", "Connection: close\r\n"));
        await once(socket.resume(), "close");
      }
      assert.deepEqual(
        open.requests.map(({ loopback }) => loopback),
        [false, true],
      );
      const both = await serve({ trustedPeers: ["127.0.0.1"] }, "::");
      await check("GET /fast/hi HTTP/1.1\r\nHost: other.example\r\n\r\n", { status: 403 }, { trustedPeers: ["127.0.0.1"] });
      await fetch(`http://127.0.0.1:${both.port}/fast/hi`);
      assert.equal(both.requests[0]?.loopback, true);
    });

    test("who sends the same from elsewhere is somebody else", async () => {
      const { port, requests } = await serve();
      const bytes = head("GET", "/fast/hi");
      for (const localAddress of ["127.0.0.1", "127.0.0.2", "127.0.0.1", "127.0.0.2"]) {
        const socket = connect({ port, host: "127.0.0.1", localAddress });
        ends.push(async () => void socket.destroy());
        for (let i = 0; i < 2; i++) {
          socket.write(bytes);
          await once(socket, "data");
        }
      }
      const peers = requests.map(({ peer }) => peer.at(-1)).join("");
      assert.equal(peers, "11221122");
    });

    test("a taken port names its holder", async () => {
      const { port } = await serve();
      const listener = new Listener({
        world: realWorld(),
        framework: createFramework({ world: realWorld() }).server,
        routes: [],
      });
      await assert.rejects(listener.listen({ host: "127.0.0.1", port }), (error: PlatformError) => {
        assert.equal(error.code, "conflict");
        if (process.platform === "linux") assert.match(error.message, new RegExp(`\\(pid ${process.pid}\\)`));
        return true;
      });
    });

    test("a port that another process holds names that one", { skip: process.platform !== "linux" }, async () => {
      const program = "require('net').createServer().listen(0,'127.0.0.1',function(){console.log(this.address().port)})";
      const holder = spawn(process.execPath, ["-e", program], { stdio: ["ignore", "pipe", "inherit"], timeout: 10_000 });
      ends.push(async () => {
        holder.kill();
        await once(holder, "exit");
      });
      const [line] = (await once(holder.stdout, "data")) as [Buffer];
      const listener = new Listener({
        world: realWorld(),
        framework: createFramework({ world: realWorld() }).server,
        routes: [],
      });
      await assert.rejects(
        listener.listen({ host: "127.0.0.1", port: Number(line) }),
        new RegExp(`taken by .+ \\(pid ${holder.pid}\\)`),
      );
    });

    test("close lets running requests end and cuts the rest after the grace time", async () => {
      const { port, listener, requests } = await serve();
      const idle = new Client(port).write(head("GET", "/fast/hi"));
      await idle.until(/hi$/);
      const running = new Client(port).write(head("GET", "/fast/late"));
      const silent = new Client(port);
      while (requests.length < 2 || listener.connections < 3) await sleep(5);
      const startedAt = Date.now();
      await listener.close(30_000);
      assert.ok(Date.now() - startedAt < 15_000);
      await Promise.all([idle.closed, running.closed, silent.closed]);
      assert.match(running.text, /Connection: close[^]*late$/);
      assert.equal(listener.connections, 0);

      const stuck = await serve();
      const client = new Client(stuck.port).write(head("GET", "/fast/wait"));
      while (stuck.requests.length === 0) await sleep(5);
      const aborted = once(abortSignalOf((stuck.requests[0] as HttpRequest).signal), "abort");
      await stuck.listener.close(100);
      await Promise.all([aborted, client.closed]);
    });

    test("connections over the maximum are closed", async () => {
      const { port } = await serve({ connectionsMax: 1 });
      const first = new Client(port).write(head("GET", "/fast/hi"));
      await first.until(/hi$/);
      const second = new Client(port);
      await second.closed;
      assert.equal(second.text, "");
    });

    test("a client that does not read its answer is cut", async () => {
      const { port, listener } = await serve({ stallTimeoutMs: 100 });
      const client = new Client(port);
      client.socket.pause();
      client.write(head("POST", "/fast/stream", "Content-Length: 30000000\r\n"));
      const part = "x".repeat(1_000_000);
      for (let i = 0; i < 30; i++) client.write(part);
      while (listener.connections === 0) await sleep(5);
      const deadline = Date.now() + 20_000;
      while (listener.connections > 0 && Date.now() < deadline) await sleep(20);
      assert.equal(listener.connections, 0);
    });

    test("what is no path is refused, and the server lives on", async () => {
      const { port } = await serve();
      for (const line of [
        "OPTIONS * HTTP/1.1",
        "GET foo HTTP/1.1",
        "GET http:///x HTTP/1.1",
        "CONNECT a:1 HTTP/1.1",
        "GET /%zz HTTP/1.1",
      ]) {
        const client = new Client(port).write(`${line}\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
        await client.closed;
        assert.match(client.text, /^(HTTP\/1.1 40[045] |$)/, line);
      }
      assert.equal(await (await fetch(`http://127.0.0.1:${port}/fast/hi`)).text(), "hi");
    });

    test("a large body that the framework does not want costs the connection, not the answer", async () => {
      const { port } = await serve();
      const answer = await fetch(`http://127.0.0.1:${port}/nowhere`, { method: "PUT", body: "x".repeat(20_000_000) });
      assert.equal(answer.status, 404);
      await answer.text();
      const client = new Client(port).write(head("PUT", "/nowhere", "Content-Length: 100000\r\n"));
      await client.until(/ 404 [^]*Connection: close/);
      const small = new Client(port).write(`${head("PUT", "/nowhere", "Content-Length: 3\r\n")}abc${head("GET", "/fast/hi")}`);
      await small.until(/ 404 [^]*hi$/);
    });
  });
}
