import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Duplex } from "node:stream";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { type BodySource, bytesBody, readBody, streamBody } from "../lib/body.ts";
import { PlatformError } from "../model/error.ts";
import { Http1Client, type Http1Response, type Http1Watcher } from "./http1-client.ts";
import type { Http1Error } from "./http1-error.ts";

const limits = { headerBytesMax: 4096, headerCountMax: 20 };

/** The client's end of a connection whose peer is the test. */
class Wire extends Duplex {
  sent = "";
  /** Write callbacks wait while the peer does not read. */
  reading = true;
  #waiting: (() => void) | null = null;

  override _read(): void {}

  override _write(data: Buffer, _encoding: string, done: () => void): void {
    this.sent += data.toString("latin1");
    if (this.reading) done();
    else this.#waiting = done;
  }

  /** The peer takes one write more. */
  takeOne(): void {
    this.#waiting?.();
  }
}

class Watcher implements Http1Watcher {
  idles = 0;
  readonly closes: (Error | null)[] = [];
  idle() {
    this.idles++;
  }
  closed(_client: Http1Client, error: Error | null) {
    this.closes.push(error);
  }
  failure(error: Http1Error) {
    return error;
  }
}

function open() {
  const wire = new Wire();
  const watcher = new Watcher();
  return { wire, watcher, client: new Http1Client(wire, limits, watcher) };
}

const get = { method: "GET", target: "/", headers: ["Host", "localhost"] };
const nothing = Buffer.alloc(0);

const text = async (response: Http1Response) =>
  (await readBody(response.body, 1e9, () => new Error("too large"))).toString("latin1");

/** Plays `answer` in pieces of `size` bytes and tells what became of the exchange. */
async function play(answer: string, size: number, options: { method?: string; end?: boolean } = {}) {
  const { wire, watcher, client } = open();
  const exchange = client
    .request({ ...get, method: options.method ?? "GET" }, nothing)
    .then(async (response) => ({ status: response.status, headers: response.headers, body: await text(response) }))
    .catch((error: Http1Error) => error.kind ?? error);
  const bytes = Buffer.from(answer, "latin1");
  for (let i = 0; i < bytes.length; i += size) wire.push(bytes.subarray(i, i + size));
  if (options.end !== false) wire.push(null);
  const outcome = await exchange;
  await sleep(0);
  return { outcome, watcher, idle: client.idle };
}

const ok = (body: string, headers: string[] = []) => ({ status: 200, headers, body });

const accepted: [name: string, answer: string, expected: unknown, method?: string][] = [
  ["length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", ok("hello", ["Content-Length", "5"])],
  ["no reason phrase", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", ok("", ["Content-Length", "0"])],
  [
    "equal lengths",
    "HTTP/1.1 200 OK\r\ncontent-length:1\r\nContent-Length: 1\r\n\r\nx",
    ok("x", ["content-length", "1", "Content-Length", "1"]),
  ],
  [
    "chunked",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n0a;x=y\r\n0123456789\r\n0\r\n\r\n",
    ok("abc0123456789", ["Transfer-Encoding", "Chunked"]),
  ],
  [
    "trailers",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: 1\r\n\r\n",
    ok("a", ["Transfer-Encoding", "chunked"]),
  ],
  ["until close", "HTTP/1.0 200 OK\r\n\r\nall of it", ok("all of it")],
  [
    "interim",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nA: b\r\n\r\nHTTP/1.1 204 No\r\n\r\n",
    { status: 204, headers: [], body: "" },
  ],
  [
    "304 with a length",
    "HTTP/1.1 304 Not\r\nContent-Length: 9\r\n\r\n",
    { status: 304, headers: ["Content-Length", "9"], body: "" },
  ],
  ["HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", ok("", ["Content-Length", "9"]), "HEAD"],
  ["HEAD of chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", ok("", ["Transfer-Encoding", "chunked"]), "HEAD"],
  [
    "blanks and UTF-8",
    "HTTP/1.1 200 OK\r\nA: \t b c \t\r\nB:\r\nC: \xc3\xa0\r\nContent-Length: 0\r\n\r\n",
    ok("", ["A", "b c", "B", "", "C", "\xc3\xa0", "Content-Length", "0"]),
  ],
];

for (const [name, answer, expected, method] of accepted) {
  test(`accepts: ${name}`, async () => {
    for (const size of [1, 2, 7, answer.length]) {
      const { outcome } = await play(answer, size, { method });
      assert.deepEqual(outcome, expected, `in pieces of ${size}`);
    }
  });
}

const head = (lines: string) => `HTTP/1.1 200 OK\r\n${lines}\r\n\r\n`;
const chunked = head("Transfer-Encoding: chunked");

const refused: [name: string, answer: string, kind?: string][] = [
  ["another protocol", "SSH-2.0-OpenSSH\r\n"],
  ["HTTP/2", "HTTP/2 200 OK\r\n\r\n"],
  ["a status of four digits", "HTTP/1.1 2000 OK\r\n\r\n"],
  ["a status over 599", "HTTP/1.1 600 OK\r\n\r\n"],
  ["no space", "HTTP/1.1200 OK\r\n\r\n"],
  ["bare LF after the status", "HTTP/1.1 200 OK\nA: b\r\n\r\n"],
  ["bare LF in headers", head("A: b\nC: d")],
  ["bare CR in headers", head("A: b\rC: d")],
  ["nothing but bare LF", "HTTP/1.1 200 OK\n\n"],
  ["a folded header", head("A: b\r\n c")],
  ["a space before the colon", head("A : b")],
  ["a header without a name", head(": b")],
  ["a header without a colon", head("abc")],
  ["NUL", head("A: b\0c")],
  ["DEL", head("A: b\x7fc")],
  ["a negative length", head("Content-Length: -1")],
  ["a length with a sign", head("Content-Length: +1")],
  ["a hexadecimal length", head("Content-Length: 0x10")],
  ["a huge length", head("Content-Length: 9999999999999999")],
  ["an empty length", head("Content-Length:")],
  ["a list of lengths", head("Content-Length: 1, 1")],
  ["two different lengths", `${head("Content-Length: 1\r\nContent-Length: 2")}ab`],
  ["both framings", head("Content-Length: 1\r\nTransfer-Encoding: chunked")],
  ["gzip, chunked", head("Transfer-Encoding: gzip, chunked")],
  ["identity", head("Transfer-Encoding: identity")],
  ["chunked twice", head("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked")],
  ["chunked in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"],
  ["a chunk size that is none", `${chunked}xyz\r\n`],
  ["a negative chunk size", `${chunked}-1\r\n`],
  ["an empty chunk size", `${chunked}\r\n`],
  ["a huge chunk size", `${chunked}fffffffffffff\r\n`],
  ["a chunk size with 0x", `${chunked}0x1\r\na\r\n`],
  ["bare LF after a chunk size", `${chunked}1\na\r\n`],
  ["no CRLF after a chunk", `${chunked}1\r\nab`],
  ["control characters in an extension", `${chunked}1;\x01\r\na\r\n`],
  ["an endless extension", `${chunked}1;${"x".repeat(300)}`],
  ["bare LF in trailers", `${chunked}0\r\nA: b\n\r\n`],
  ["endless trailers", `${chunked}0\r\n${"A: b\r\n".repeat(1000)}`, "head_too_large"],
  ["a second answer", `${head("Content-Length: 1")}aHTTP/1.1 200 OK\r\n\r\n`],
  ["a second answer after chunks", `${chunked}1\r\na\r\n0\r\n\r\nx`],
  ["a body after HEAD's like answer", "HTTP/1.1 204 No\r\n\r\nx"],
  ["an upgrade", "HTTP/1.1 101 Switching Protocols\r\n\r\n"],
  ["interim answers without end", "HTTP/1.1 100 Continue\r\n\r\n".repeat(100)],
  ["a head over the limit", head(`A: ${"b".repeat(5000)}`), "head_too_large"],
  ["too many headers", head(Array.from({ length: 21 }, (_, i) => `H${i}: x`).join("\r\n")), "head_too_large"],
  ["a body that breaks off", `${head("Content-Length: 5")}abc`, "closed"],
  ["chunks that break off", `${chunked}5\r\nabc`, "closed"],
  ["a head that breaks off", "HTTP/1.1 200 OK\r\nA:", "closed"],
  ["nothing", "", "closed"],
];

for (const [name, answer, kind = "garbage"] of refused) {
  test(`refuses: ${name}`, async () => {
    for (const size of [1, 3, answer.length || 1]) {
      const { outcome, watcher, idle } = await play(answer, size);
      // In small pieces an answer may be complete before the surplus comes; then the connection is broken instead.
      if (typeof outcome === "string") assert.equal(outcome, kind, `in pieces of ${size}`);
      else assert.equal((watcher.closes[0] as Http1Error).kind, kind, `in pieces of ${size}`);
      assert.equal(idle, false);
    }
  });
}

test("garbage is refused at once, not when the peer closes", async () => {
  const { outcome } = await play("GET / HTTP/1.1", 1, { end: false });
  assert.equal(outcome, "garbage");
});

test("any body in any framing arrives whole, however it is cut", async () => {
  const bodies = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 6 });
  const cuts = fc.array(fc.nat(400), { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(bodies, cuts, fc.constantFrom("length", "chunked", "close"), fc.boolean(), async (parts, at, how, slow) => {
      const body = Buffer.concat(parts);
      const answer = Buffer.concat([Buffer.from("HTTP/1.1 200 OK\r\nX: y\r\n"), framed(parts, body, how)]);
      const { wire, client } = open();
      const exchange = client.request(get, nothing).then((response) => collect(response.body, slow));
      let start = 0;
      for (const cut of at.filter((n) => n > 0 && n < answer.length).toSorted((a, b) => a - b)) {
        if (cut > start) wire.push(answer.subarray(start, cut));
        start = Math.max(start, cut);
      }
      wire.push(answer.subarray(start));
      if (how === "close") wire.push(null);
      assert.deepEqual(await exchange, body);
      assert.equal(client.idle, how !== "close");
    }),
    { numRuns: 300 },
  );
});

test("no bytes whatever make it throw or hang once the peer has closed", async () => {
  const words = fc.constantFrom(
    "HTTP/1.1 200 OK\r\n",
    "\r\n",
    "\n",
    "Content-Length: 3\r\n",
    "Transfer-Encoding: chunked\r\n",
    "3\r\nabc\r\n",
    "0\r\n\r\n",
    "abc",
    ":",
    "\0",
  );
  await fc.assert(
    fc.asyncProperty(fc.array(words, { maxLength: 12 }), fc.integer({ min: 1, max: 20 }), async (parts, size) => {
      const { idle } = await play(parts.join(""), size);
      assert.equal(idle, false);
    }),
    { numRuns: 300 },
  );
});

function framed(parts: Uint8Array[], body: Buffer, how: string): Buffer {
  if (how === "close") return Buffer.concat([Buffer.from("\r\n"), body]);
  if (how === "length") return Buffer.concat([Buffer.from(`Content-Length: ${body.length}\r\n\r\n`), body]);
  const chunks = parts.flatMap((part) =>
    part.length === 0 ? [] : [Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from("\r\n")],
  );
  return Buffer.concat([Buffer.from("Transfer-Encoding: chunked\r\n\r\n"), ...chunks, Buffer.from("0\r\n\r\n")]);
}

/** Reads a body; `slow`: asks for a pause after each piece, and counts on hearing nothing in it. */
function collect(body: BodySource, slow: boolean): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let waiting = false;
    body.pipe({
      chunk(data) {
        assert.equal(waiting, false, "a chunk came while the sink held the source back");
        chunks.push(data);
        if (!slow) return true;
        waiting = true;
        setImmediate(() => {
          waiting = false;
          body.resume();
        });
        return false;
      },
      end: () => resolve(Buffer.concat(chunks)),
      fail: reject,
    });
  });
}

test("keeps a connection for the next exchange unless one side said close", async () => {
  const cases: [string, boolean][] = [
    ["HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true],
    ["HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", true],
    ["HTTP/1.1 200 OK\r\nConnection: X, Close\r\nContent-Length: 0\r\n\r\n", false],
    ["HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", false],
    ["HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 0\r\n\r\n", true],
  ];
  for (const [answer, kept] of cases) {
    const { idle, watcher } = await play(answer, answer.length, { end: false });
    assert.equal(idle, kept, answer);
    assert.deepEqual([watcher.idles, watcher.closes], kept ? [1, []] : [0, [null]]);
  }
});

test("runs exchanges one after the other and frees the connection before the body's end is told", async () => {
  const { wire, client, watcher } = open();
  for (let i = 1; i <= 3; i++) {
    const exchange = client.request(get, nothing);
    wire.push("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n");
    const { body } = await exchange;
    const ended = new Promise<boolean>((resolve) => {
      body.pipe({ chunk: () => true, end: () => resolve(client.idle), fail: () => resolve(false) });
    });
    wire.push(`${i}\r\n0\r\n\r\n`);
    assert.equal(await ended, true);
    // A late word of a reader whose exchange is over touches nobody.
    body.cancel();
    body.resume();
    assert.equal(watcher.idles, i);
  }
});

test("an answer that begins as the last one did is read as itself", async () => {
  const { wire, client } = open();
  const ask = async (method: string, answer: string) => {
    const exchange = client.request({ ...get, method }, nothing);
    wire.push(Buffer.from(answer));
    const response = await exchange;
    return [response.status, ...response.headers, await text(response)];
  };
  const chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: 1\r\n\r\n";
  const seen = [200, "Transfer-Encoding", "chunked", "X", "1"];
  assert.deepEqual(await ask("GET", `${chunks}3\r\nabc\r\n0\r\n\r\n`), [...seen, "abc"]);
  assert.deepEqual(await ask("GET", `${chunks}0\r\n\r\n`), [...seen, ""]);
  assert.deepEqual(await ask("GET", `${chunks}1;x=y\r\na\r\n2\r\nbc\r\n0\r\nT: 1\r\n\r\n`), [...seen, "abc"]);
  assert.deepEqual(await ask("HEAD", chunks), [...seen, ""]);
  assert.deepEqual(await ask("GET", `${chunks.replace("X: 1", "X: 2")}1\r\na\r\n0\r\n\r\n`), [...seen.slice(0, 4), "2", "a"]);
  assert.deepEqual(await ask("GET", `HTTP/1.1 100 Continue\r\n\r\n${chunks}1\r\na\r\n0\r\n\r\n`), [...seen, "a"]);
  for (const bad of ["3\r\nabc0\r\n\r\n", "3\nabc\r\n0\r\n\r\n", "3\r\nabc\r\n0\r\n\r\nx"]) {
    const broken = open();
    const exchange = broken.client.request(get, nothing).then(text);
    broken.wire.push(Buffer.from(chunks + bad));
    await assert.rejects(exchange, (error: Http1Error) => error.kind === "garbage", JSON.stringify(bad));
  }
});

test("whoever hears of an answer may begin the next exchange before returning", async () => {
  const { wire, client } = open();
  const heard: number[] = [];
  const next = (): void => {
    if (heard.length === 3) return;
    client.begin("GET", "GET / HTTP/1.1\r\n", nothing, {
      answered: ({ status }) => {
        heard.push(status);
        next();
      },
      failed: (error) => assert.fail(error),
    });
    setImmediate(() => wire.push(Buffer.from("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")));
  };
  next();
  while (heard.length < 3) await sleep(1);
  assert.equal(client.idle, true);
});

test("bytes that come while nothing was asked end the connection", async () => {
  const { wire, client, watcher } = open();
  wire.push("HTTP/1.1 200 OK\r\n\r\n");
  await sleep(0);
  assert.equal(client.idle, false);
  assert.equal((watcher.closes[0] as Http1Error).kind, "garbage");
});

test("writes heads and bodies in both framings", async () => {
  const cases: [string, Buffer | BodySource, string][] = [
    ["GET", nothing, ""],
    ["POST", nothing, "Content-Length: 0\r\n"],
    ["POST", Buffer.from("hello"), "Content-Length: 5\r\n"],
    ["GET", bytesBody(Buffer.from("abc")), "Content-Length: 3\r\n"],
    ["PUT", { ...bytesBody(Buffer.from("abc")), bytes: undefined }, "Transfer-Encoding: chunked\r\n"],
  ];
  const bodies = ["", "", "hello", "abc", "3\r\nabc\r\n0\r\n\r\n"];
  for (const [i, [method, body, framing]] of cases.entries()) {
    const { wire, client } = open();
    const headers = [
      "Host",
      "h",
      "X-A",
      "\xe9",
      "connection",
      "close",
      "CONTENT-LENGTH",
      "99",
      "Transfer-Encoding",
      "gzip",
      "Expect",
      "100-continue",
    ];
    void client.request({ method, target: "/a?b", headers }, body).catch(() => {});
    await sleep(1);
    assert.equal(wire.sent, `${method} /a?b HTTP/1.1\r\nHost: h\r\nX-A: \xe9\r\n${framing}\r\n${bodies[i]}`);
    client.close();
  }
});

test("nothing that a caller sends can end a line", async () => {
  const cases = [
    { ...get, method: "GET /x" },
    { ...get, target: "/ HTTP/1.1\r\nA: b" },
    { ...get, headers: ["A\r\nB", "c"] },
    { ...get, headers: ["A", "b\r\nC: d"] },
    // Cut to one byte each, these are CR and LF.
    { ...get, headers: ["A", "b\u010d\u010aC: d"] },
    { ...get, target: "/\u010d\u010a" },
  ];
  for (const bad of cases) {
    const { wire, client } = open();
    await assert.rejects(client.request(bad, nothing), (error) => error instanceof PlatformError && error.code === "invalid");
    assert.equal(wire.sent, "");
    assert.equal(client.idle, true);
  }
});

test("a large body is held back while the peer does not read", async () => {
  const { wire, client } = open();
  wire.reading = false;
  let given = 0;
  let wanted = true;
  const pour = (sink: { chunk(data: Buffer): boolean }) => {
    while (wanted && given < 100) {
      given++;
      wanted = sink.chunk(Buffer.alloc(16 * 1024));
    }
  };
  let sink: { chunk(data: Buffer): boolean } | undefined;
  const source: BodySource = {
    bytes: undefined,
    pipe: (to) => pour((sink = to)),
    resume() {
      wanted = true;
      if (sink) pour(sink);
    },
    cancel() {},
  };
  void client.request({ ...get, method: "POST" }, source).catch(() => {});
  await sleep(5);
  assert.equal(given, 0, "the body is not touched before the head was taken");
  wire.takeOne();
  await sleep(5);
  assert.ok(given > 0 && given < 10, `${given} pieces were taken`);
  client.close();
});

test("a large answer is held back while the reader does not read", async () => {
  const { wire, client } = open();
  const exchange = client.request(get, nothing);
  wire.push("HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n");
  const { body } = await exchange;
  for (let i = 0; i < 5; i++) wire.push(Buffer.alloc(1000));
  await sleep(1);
  assert.equal(wire.isPaused(), true);
  let heard = 0;
  body.pipe({
    chunk(data) {
      heard += data.length;
      return heard < 4000;
    },
    end() {},
    fail() {},
  });
  await sleep(1);
  assert.ok(heard >= 4000);
  body.cancel();
  assert.equal(wire.destroyed, true);
});

test("an answer before the request's end ends the connection and stops the request's body", async () => {
  const { wire, client, watcher } = open();
  let cancelled = false;
  const source: BodySource = {
    bytes: 1_000_000,
    pipe: (sink) => void sink.chunk(Buffer.alloc(10)),
    resume() {},
    cancel: () => (cancelled = true),
  };
  const exchange = client.request({ ...get, method: "POST" }, source);
  await sleep(1);
  wire.push("HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno");
  const response = await exchange;
  assert.deepEqual([response.status, await text(response), cancelled, client.idle], [413, "no", true, false]);
  assert.deepEqual(watcher.closes, [null]);
});

test("a body that lies about its length or fails fails the exchange", async () => {
  const cases: [string, (sink: Parameters<BodySource["pipe"]>[0]) => void, RegExp][] = [
    ["short", (sink) => sink.end(), /ended before the 5 bytes/],
    ["long", (sink) => sink.chunk(Buffer.alloc(6)), /longer than the 5 bytes/],
    ["failing", (sink) => sink.fail(new Error("client went away")), /client went away/],
  ];
  for (const [name, pipe, message] of cases) {
    const { client } = open();
    await assert.rejects(client.request({ ...get, method: "POST" }, { bytes: 5, pipe, resume() {}, cancel() {} }), message, name);
    assert.equal(client.idle, false);
  }
});

test("close fails a running exchange with its reason, before and after the head", async () => {
  const early = open();
  const exchange = early.client.request(get, nothing);
  early.client.close(new Error("time is up"));
  await assert.rejects(exchange, /time is up/);

  const late = open();
  const answered = late.client.request(get, nothing);
  late.wire.push("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\na");
  const response = await answered;
  late.client.close(new Error("time is up"));
  await assert.rejects(text(response), /time is up/);
});

async function unixServer(run: (path: string, server: Server) => Promise<void>, listener: (socket: Socket) => void) {
  const folder = await mkdtemp(join(tmpdir(), "http1-"));
  const server = createServer(listener);
  server.listen(join(folder, "s"));
  await once(server, "listening");
  try {
    await run(join(folder, "s"), server);
  } finally {
    server.close();
    await rm(folder, { recursive: true });
  }
}

test("a request on a connection that the peer has closed is known to be unsent, and its body is untouched", async () => {
  for (const streamed of [false, true]) {
    const sockets: Socket[] = [];
    await unixServer(
      async (path) => {
        const socket = connect(path);
        await once(socket, "connect");
        while (sockets.length === 0) await sleep(1);
        const client = new Http1Client(socket, limits, new Watcher());
        sockets[0]?.destroy();
        // The peer's close is done by the kernel at once; this turn of the loop has not heard of it.
        let cancelled = false;
        let piped = false;
        const source: BodySource = {
          bytes: undefined,
          pipe: () => (piped = true),
          resume() {},
          cancel: () => (cancelled = true),
        };
        const outcome = await client
          .request({ ...get, method: "POST" }, streamed ? source : Buffer.from("x"))
          .catch((error) => error);
        assert.equal(outcome.kind, "unsent");
        assert.deepEqual([piped, cancelled], [false, false]);
      },
      (socket) => sockets.push(socket),
    );
  }
});

test("a request that was taken before the peer closed is not called unsent", async () => {
  await unixServer(
    async (path) => {
      const socket = connect(path);
      await once(socket, "connect");
      const client = new Http1Client(socket, limits, new Watcher());
      const outcome = await client.request({ ...get, method: "POST" }, Buffer.from("x")).catch((error) => error);
      assert.equal(outcome.kind, "closed");
    },
    (socket) => socket.once("data", () => socket.destroy()),
  );
});

test("streams a stream both ways over a real socket", async () => {
  await unixServer(
    async (path) => {
      const socket = connect(path);
      const client = new Http1Client(socket, limits, new Watcher());
      const size = 3_000_000;
      const { Readable } = await import("node:stream");
      const body = streamBody(Readable.from(Array.from({ length: 30 }, () => Buffer.alloc(size / 30, "a"))));
      const response = await client.request({ ...get, method: "POST" }, body);
      const answer = await text(response);
      assert.ok(answer.length > size);
      assert.equal(answer.replaceAll(/[^a]/g, "").length >= size, true);
    },
    (socket) => {
      socket.write("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
      socket.on("data", (data) => {
        socket.write(data);
        if (data.subarray(-5).toString() === "0\r\n\r\n") socket.end();
      });
    },
  );
});

test("what is kept of an answer stays as it was while others are read into the same memory", async () => {
  const answers = [
    "Content-Length: 4\r\n\r\none!",
    "Transfer-Encoding: chunked\r\n\r\n4\r\none!",
    "Content-Length: 6\r\n\r\none!",
    "Content-Length: 9\r\n\r\nsomething",
  ];
  await unixServer(
    async (path) => {
      const clients = [0, 1, 2, 3].map(() => new Http1Client(connect(path), limits, new Watcher()));
      const kept: Http1Response[] = [];
      for (const [index, rest] of answers.entries())
        kept.push(await (clients[index] as Http1Client).request({ ...get, method: "POST" }, Buffer.from(rest)));
      const seen: string[] = [];
      for (const { body } of kept.slice(0, 3))
        body.pipe({ chunk: (data) => seen.push(data.toString()) > 0, end() {}, fail() {} });
      assert.deepEqual(seen, ["one!", "one!", "one!"]);
      for (const client of clients) client.close();
    },
    (socket) =>
      socket.on("data", (data) =>
        socket.write(`HTTP/1.1 200 OK\r\n${data.toString().split("\r\n\r\n").slice(1).join("\r\n\r\n")}`),
      ),
  );
});

test("equal heads that come over many connections one after the other are one object", async () => {
  const lists: (readonly string[])[] = [];
  for (const value of ["a", "a", "b", "b", "a"]) {
    const { wire, client } = open();
    const answered = client.request(get, nothing);
    wire.push(`HTTP/1.1 200 OK\r\nX-Of: ${value}\r\nContent-Length: 0\r\n\r\n`);
    lists.push((await answered).headers);
  }
  assert.deepEqual(
    lists.map((list) => list[1]),
    ["a", "a", "b", "b", "a"],
  );
  assert.deepEqual([lists[0] === lists[1], lists[2] === lists[3], lists[0] === lists[4]], [true, true, false]);
});
