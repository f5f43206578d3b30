/** Clients that want to hold, to fill or to confuse the listener: row A5 and A6 of the threat table, on all ways to serve. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { afterEach, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { HttpConfig } from "../../src/http/config.ts";
import type { Handler, HttpRequest } from "../../src/http/http.ts";
import { readBody } from "../../src/lib/body.ts";
import { realWorld } from "../../src/lib/world.ts";
import { PlatformError } from "../../src/model/error.ts";
import { type FrontName, frontNames, makeListener, type TestListener } from "../linked-listener.ts";
import { RawClient } from "../raw-client.ts";

/** Every test runs on all of them. */
let front: FrontName = "own";

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

interface Server {
  readonly port: number;
  readonly listener: TestListener;
  /** What reached the handler. */
  readonly requests: HttpRequest[];
  readonly bodyErrors: PlatformError[];
}

const large = Buffer.alloc(20_000, "a");

async function serve(config: Partial<HttpConfig> = {}): Promise<Server> {
  const requests: HttpRequest[] = [];
  const bodyErrors: PlatformError[] = [];
  const handler: Handler = (request, response) => {
    requests.push(request);
    if (request.path === "/large") return response.send(200, ["X-Number", String(requests.length)], large);
    if (request.path === "/wait") return;
    readBody(request.body, 1e9, () => new Error("large")).then(
      (body) => response.send(200, [], `<${body}>`),
      (error: PlatformError) => {
        bodyErrors.push(error);
        response.send(error.code === "invalid" ? 400 : 408, [], error.message);
      },
    );
  };
  const listener = makeListener({
    world: realWorld(),
    framework: createServer(),
    routes: [{ prefix: "/", handler }],
    config: { front, checkIntervalMs: 20, ...config },
  });
  const { port } = await listener.listen({ host: "127.0.0.1", port: 0 });
  ends.push(() => listener.close(0));
  return { port, listener, requests, bodyErrors };
}

function client(port: number): RawClient {
  const made = new RawClient(port);
  ends.push(async () => void made.socket.destroy());
  return made;
}

async function until(what: string, is: () => boolean, waitMs = 20_000): Promise<void> {
  const giveUpAt = Date.now() + waitMs;
  while (!is()) {
    if (Date.now() > giveUpAt) assert.fail(`${what} did not happen`);
    await sleep(5);
  }
}

const post = (headers: string, body = "") => `POST /echo HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n\r\n${body}`;

/** Somebody else is served meanwhile. */
async function isServed(port: number): Promise<void> {
  await client(port).write(post("Content-Length: 2", "hi")).until(/<hi>$/);
}

/** The numbers of answers, as they come from now on. */
function numbersIn({ socket }: RawClient): number[] {
  const numbers: number[] = [];
  let rest = "";
  socket.removeAllListeners("data");
  socket.on("data", (data: string) => {
    const text = rest + data;
    let read = 0;
    for (const match of text.matchAll(/X-Number: (\d+)\r/g)) {
      numbers.push(Number(match[1]));
      read = match.index + match[0].length;
    }
    rest = text.slice(Math.max(read, text.length - 30));
  });
  return numbers;
}

for (const name of frontNames) {
  describe(`front ${name}`, { timeout: 120_000 }, () => {
    before(() => {
      front = name;
    });

    test("a hundred clients that send a header by the byte are cut in time, and others served", async () => {
      const { port, listener } = await serve({ headersTimeoutMs: 300, requestTimeoutMs: 600 });
      const slow = Array.from({ length: 100 }, () => client(port).write("GET / HTTP/1.1\r\nX-Slow: "));
      let ended = 0;
      for (const one of slow) void one.closed.then(() => ended++);
      const trickle = setInterval(() => {
        for (const one of slow) if (one.socket.writable) one.write("a");
      }, 10);
      try {
        await isServed(port);
        await until("the end of all", () => ended === 100);
      } finally {
        clearInterval(trickle);
      }
      for (const one of slow) assert.match(one.text, /^HTTP\/1.1 408 /);
      for (const one of slow) one.socket.destroy();
      await until("leaving nothing", () => listener.connections <= 1);
    });

    test("clients that say nothing at all are cut", async () => {
      const { port, listener } = await serve({ headersTimeoutMs: 100 });
      const silent = Array.from({ length: 50 }, () => client(port));
      await Promise.all(silent.map(({ closed }) => closed));
      for (const one of silent) one.socket.destroy();
      await until("leaving nothing", () => listener.connections === 0);
    });

    test("a body by the byte is cut when the request takes too long, though something comes all the time", async () => {
      const { port, bodyErrors } = await serve({ headersTimeoutMs: 100, requestTimeoutMs: 200 });
      const slow = client(port).write(post("Content-Length: 100000"));
      const trickle = setInterval(() => slow.socket.writable && slow.write("a"), 10);
      try {
        await slow.until(/^HTTP\/1.1 408 [^]*Connection: close/);
      } finally {
        clearInterval(trickle);
      }
      assert.equal(bodyErrors[0]?.code, "request_timeout");
    });

    test("ten thousand requests without reading an answer: few are begun, and all are answered in order in the end", async () => {
      const { port, requests } = await serve();
      const flood = client(port);
      flood.socket.pause();
      const start = process.memoryUsage();
      flood.write("GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(10_000));
      await until("the first answer", () => requests.length > 0);
      let begun = 0;
      // Many turns, since on a busy machine a single one may begin late and find nothing new.
      for (let still = 0; still < 20; still++) {
        if (begun !== requests.length) [begun, still] = [requests.length, 0];
        await sleep(10);
      }
      assert.ok(begun < 2000, `${begun} requests were begun`);
      const now = process.memoryUsage();
      const grown = now.external + now.heapUsed - start.external - start.heapUsed;
      assert.ok(grown < 40 * 1024 * 1024, `${grown} bytes more in memory`);
      await isServed(port);
      const served = requests.length;
      const numbers = numbersIn(flood);
      flood.socket.resume();
      await until("the last answer", () => numbers.length === 10_000, 30_000);
      assert.equal(requests.length, served + 10_000 - begun);
      assert.ok(numbers.every((number, index) => index === 0 || number > (numbers[index - 1] as number)));
    });

    test("a client that never reads is cut", async () => {
      const { port, listener, requests } = await serve({ stallTimeoutMs: 200 });
      const flood = client(port);
      flood.socket.pause();
      flood.write("GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(10_000));
      await until("the first answer", () => requests.length > 0);
      await until("the cut", () => listener.connections === 0);
    });

    test("half-closed in the middle of everything: nothing stays", async () => {
      const { port, listener, requests } = await serve();
      const parts = [
        "",
        "GET",
        "GET / HTTP/1.1\r\nHost:",
        post("Content-Length: 5", "ab"),
        post("Transfer-Encoding: chunked", "5\r\na"),
      ];
      for (const part of parts) client(port).write(part).socket.end();
      client(port).write("GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n").socket.end();
      await until("leaving nothing", () => listener.connections === 0);
      for (const { signal, path } of requests)
        if (path === "/wait") assert.equal((signal.reason as PlatformError).code, "cancelled");
    });

    test("a reset in the middle of a body reaches whoever reads it", async () => {
      const { port, listener, bodyErrors, requests } = await serve();
      const one = client(port).write(post("Content-Length: 100", "abc"));
      await until("the request", () => requests.length === 1);
      one.socket.resetAndDestroy();
      await until("the error", () => bodyErrors.length === 1);
      assert.equal(bodyErrors[0]?.code, "cancelled");
      await until("leaving nothing", () => listener.connections === 0);
    });

    test("requests that come byte by byte mean the same", async () => {
      const { port } = await serve();
      const slow = client(port);
      slow.socket.setNoDelay(true);
      const bytes = `${post("Transfer-Encoding: chunked", "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-T: 1\r\n\r\n")}\r\n${post("Content-Length: 3", "fgh")}`;
      for (const byte of bytes) {
        slow.write(byte);
        await new Promise((resolve) => setImmediate(resolve));
      }
      await slow.until(/<abcde>HTTP\/1.1 200 [^]*<fgh>$/);
    });

    test("a header without end is refused at the limit", async () => {
      const { port } = await serve();
      const giant = client(port).write("GET / HTTP/1.1\r\nX-Giant: ");
      const part = "x".repeat(10_000);
      for (let i = 0; i < 100 && giant.text === ""; i++) {
        giant.write(part);
        await sleep(1);
      }
      await giant.until(/^HTTP\/1.1 431 [^]*header_too_large/);
      await giant.closed;
    });

    test("what follows the last request of a connection is not read, and the answer arrives", async () => {
      const { port, requests } = await serve();
      const early = client(port).write(post("Connection: close\r\nContent-Length: 2", "hi"));
      for (let i = 0; i < 20; i++) early.write(post("Content-Length: 5000", "x".repeat(5000)));
      await early.closed;
      assert.match(early.text, /<hi>$/);
      assert.equal(requests.length, 1);
    });

    test("a client that resets while an answer waits for it", async () => {
      const { port, listener } = await serve();
      const one = client(port).write("GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(500));
      one.socket.pause();
      await once(one.socket, "connect");
      await sleep(50);
      one.socket.resetAndDestroy();
      await until("leaving nothing", () => listener.connections === 0);
      await isServed(port);
    });

    for (const [what, bytes] of [
      ["both lengths", post("Content-Length: 5\r\nTransfer-Encoding: chunked", "0\r\n\r\n")],
      ["two lengths", post("Content-Length: 5\r\nContent-Length: 6", "hello!")],
      ["a list of lengths", post("Content-Length: 5, 6", "hello!")],
      ["a signed length", post("Content-Length: +5", "hello")],
      ["a coding that hides chunked", post("Transfer-Encoding: xchunked", "0\r\n\r\n")],
      ["chunked before another coding", post("Transfer-Encoding: chunked, identity", "0\r\n\r\n")],
      ["a line feed alone", "GET / HTTP/1.1\nHost: localhost\r\n\r\n"],
      ["a space before the colon", post("Transfer-Encoding : chunked", "0\r\n\r\n")],
      ["a folded header", post("X-A: b\r\n c")],
      ["a NUL in a value", post("X-A: b\0c")],
      ["two hosts", post("Host: other")],
      ["a method in small letters", "get / HTTP/1.1\r\nHost: localhost\r\n\r\n"],
      ["another protocol", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
      ["a bad chunk size", post("Transfer-Encoding: chunked", "5x\r\nhello\r\n0\r\n\r\n")],
      ["a chunk longer than its size", post("Transfer-Encoding: chunked", "2\r\nhello\r\n0\r\n\r\n")],
      ["a line feed alone after a chunk size", post("Transfer-Encoding: chunked", "5\nhello\r\n0\r\n\r\n")],
    ] as const) {
      test(`refused, and the connection with it: ${what}`, async () => {
        const { port } = await serve();
        const one = client(port).write(bytes);
        await one.closed;
        assert.match(one.text, /^HTTP\/1.1 400 [^]*Connection: close/);
        assert.equal(one.text.match(/HTTP\/1.1/g)?.length, one.text.includes("not valid HTTP/1.1") ? 2 : 1);
      });
    }
  });
}
