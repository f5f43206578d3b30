import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Http1Error } from "./http1-error.ts";
import { RequestReader } from "./http1-server-reader.ts";

const limits = { lineBytesMax: 100, headerBytesMax: 400, headerCountMax: 5 };

/** What a reader makes of bytes that come in pieces of `size`: one line a request, then what it refused. `lent`: all in the same memory. */
function read(bytes: string, size: number, lent = false): string[] {
  const shared = Buffer.alloc(bytes.length);
  const reader = new RequestReader(limits);
  const seen: string[] = [];
  let inBody = false;
  let body = "";
  try {
    for (let at = 0; at < bytes.length; at += size) {
      const piece = bytes.slice(at, at + size);
      if (lent) reader.lend(shared, shared.write(piece, "latin1"));
      else reader.give(Buffer.from(piece, "latin1"));
      for (;;) {
        if (!inBody) {
          const head = reader.head();
          if (head === undefined) break;
          const flags = [
            head.keepAlive ? "" : "close",
            head.upgrade ? "upgrade" : "",
            head.expect === "nothing" ? "" : head.expect,
          ];
          seen.push([head.method, head.target, head.host ?? "", ...flags.filter(Boolean)].join(" "));
          inBody = true;
        }
        if (!reader.readBody({ piece: (data) => (body += data.toString("latin1")) !== "" })) break;
        if (body !== "") seen.push(`body ${body}`);
        body = "";
        inBody = false;
      }
      reader.settle();
      shared.fill(0);
    }
  } catch (error) {
    assert.ok(error instanceof Http1Error);
    seen.push(`${error.kind}: ${error.message}`);
  }
  return seen;
}

const check = (name: string, bytes: string, expected: readonly string[] | RegExp) =>
  test(name, () => {
    for (const size of [1, 2, 7, bytes.length]) {
      const seen = read(bytes, size);
      if (expected instanceof RegExp) assert.match(seen.at(-1) ?? "", expected, `in pieces of ${size}`);
      else assert.deepEqual(seen, expected, `in pieces of ${size}`);
      assert.deepEqual(read(bytes, size, true), seen, `in pieces of ${size} that are lent`);
    }
  });

const get = (headers = "") => `GET /a?b HTTP/1.1\r\nHost: h\r\n${headers}\r\n`;
const chunked = (body: string) => `POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n${body}`;

check("requests in a row", get() + get("X: y\r\n") + get(), ["GET /a?b h", "GET /a?b h", "GET /a?b h"]);
check("an empty line between", `${get()}\r\n${get()}`, ["GET /a?b h", "GET /a?b h"]);
check("a length", `POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc${get()}`, ["POST / h", "body abc", "GET /a?b h"]);
check("chunks", chunked(`2;a=b;c="d e"\r\nab\r\n1\r\nc\r\n0\r\nX: y\r\n\r\n${get()}`), ["POST / h", "body abc", "GET /a?b h"]);
check("the absolute form", "GET http://other:1?x HTTP/1.1\r\nHost: h\r\n\r\n", ["GET /?x other:1"]);
check("HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", ["GET /  close"]);
check("HTTP/1.0 kept", "GET / HTTP/1.0\r\nConnection: x, Keep-Alive\r\n\r\n", ["GET / "]);
check("closed", get("Connection: x,close\r\n"), ["GET /a?b h close"]);
check("wishes", get("Upgrade: x\r\nExpect: 100-Continue\r\n"), ["GET /a?b h upgrade continue"]);
check("blanks around a value", "GET / HTTP/1.1\r\nHost: \t h \t\r\n\r\n", ["GET / h"]);

check("a long line", `GET /${"a".repeat(100)} HTTP/1.1\r\nHost: h\r\n\r\n`, /^head_too_large: .*first line/);
check("long headers", get(`X: ${"a".repeat(400)}\r\n`), /^head_too_large: .*400 bytes/);
check("many headers", get("X: y\r\n".repeat(5)), /^head_too_large: .*5 headers/);
check("many trailers", chunked(`0\r\n${"X: y\r\n".repeat(6)}\r\n`), /^head_too_large: .*5 trailers/);
check("long trailers", chunked(`0\r\nX: ${"a".repeat(500)}\r\n\r\n`), /^head_too_large/);

for (const [what, bytes] of [
  ["nothing of HTTP", "\x16\x03\x01"],
  ["a small method", "get / HTTP/1.1\r\nHost: h\r\n\r\n"],
  ["a tunnel", "CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n"],
  ["a fragment", "GET /#a HTTP/1.1\r\nHost: h\r\n\r\n"],
  ["bytes over 127 in the target", "GET /\xe9 HTTP/1.1\r\nHost: h\r\n\r\n"],
  ["HTTP/2", "PRI * HTTP/2.0\r\n\r\n"],
  ["HTTP/0.9", "GET /\r\n\r\n"],
  ["no Host", "GET / HTTP/1.1\r\n\r\n"],
  ["two Hosts", get("HOST: h\r\n")],
  ["a Host that is none", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"],
  ["a user in the target", "GET http://a@b/ HTTP/1.1\r\nHost: h\r\n\r\n"],
  ["a bare LF", "GET / HTTP/1.1\nHost: h\r\n\r\n"],
  ["a bare CR", get("X: a\rb\r\n")],
  ["a NUL", get("X: a\0\r\n")],
  ["a DEL", get("X: a\x7f\r\n")],
  ["a space before the colon", get("X : a\r\n")],
  ["a folded header", get("X: a\r\n b\r\n")],
  ["a header without a name", get(": a\r\n")],
  ["a header without a colon", get("X\r\n")],
  ["both framings", get("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n")],
  ["two lengths", get("Content-Length: 1\r\nContent-Length: 1\r\n")],
  ["a list of lengths", get("Content-Length: 1, 1\r\n")],
  ["an empty length", get("Content-Length: \r\n")],
  ["a huge length", get("Content-Length: 1234567890123456\r\n")],
  ["another coding", get("Transfer-Encoding: gzip, chunked\r\n")],
  ["chunked and a tab", get("Transfer-Encoding: chunked\t\r\n")],
  ["chunks in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"],
  ["a chunk size that is none", chunked("x\r\n")],
  ["an empty chunk size", chunked("\r\n")],
  ["a blank after a chunk size", chunked("1 \r\na\r\n")],
  ["a huge chunk size", chunked("1234567890123\r\n")],
  ["a bare LF after a chunk size", chunked("1\na\r\n")],
  ["a chunk longer than its size", chunked("1\r\nab\r\n")],
  ["an endless extension", chunked(`1;${"a".repeat(300)}`)],
  ["a quote that stays open", chunked('1;a="b\r\n')],
  ["many extensions", chunked(`1;${"a".repeat(200)}\r\nx\r\n`.repeat(90))],
  ["a trailer that frames", chunked("0\r\nContent-Length: 1\r\n\r\n")],
  ["a malformed trailer", chunked("0\r\nX : 1\r\n\r\n")],
] as const) {
  check(`refused: ${what}`, bytes, /^garbage: /);
}

test("a body is held back, and goes on where it was", () => {
  const reader = new RequestReader(limits);
  reader.give(Buffer.from(chunked("1\r\na\r\n1\r\nb\r\n0\r\n\r\n")));
  assert.ok(reader.head() !== undefined);
  const seen: string[] = [];
  const taker = { piece: (data: Buffer) => seen.push(data.toString()) < 0 };
  assert.equal(reader.readBody(taker), false);
  assert.deepEqual(seen, ["a"]);
  assert.equal(reader.readBody(taker), false);
  assert.equal(reader.readBody(taker), true);
  assert.deepEqual([seen.join(""), reader.held], ["ab", 0]);
});

test("what was handed out does not change when more comes", () => {
  const reader = new RequestReader(limits);
  const pieces: Buffer[] = [];
  const taker = { piece: (data: Buffer) => pieces.push(data) > 0 };
  reader.give(Buffer.from("POST / HTTP/1.1\r\nHost: h\r\n"));
  reader.give(Buffer.from("Content-Length: 300\r\n\r\n"));
  reader.head();
  for (let i = 0; i < 30; i++) {
    reader.give(Buffer.from(String(i % 10).repeat(10)));
    if (i % 3 === 0) reader.readBody(taker);
  }
  reader.readBody(taker);
  const expected = Array.from({ length: 30 }, (_, i) => String(i % 10).repeat(10)).join("");
  assert.equal(Buffer.concat(pieces).toString(), expected);
});

test("a head goes back whole, with what follows it", () => {
  const reader = new RequestReader(limits);
  const bytes = get("X: y\r\n");
  reader.give(Buffer.from(`${get()}\r\n${bytes.slice(0, 10)}`));
  reader.head();
  assert.equal(reader.head(), undefined);
  reader.give(Buffer.from(`${bytes.slice(10)}rest`));
  reader.head();
  assert.equal(reader.takeBack().toString(), `${bytes}rest`);
});

test("no bytes make it throw anything else", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => void read(Buffer.from(bytes).toString("latin1"), 3)));
});

test("a body of a known length is taken as a whole where all of it is there, and stays as it was", () => {
  const reader = new RequestReader(limits);
  const shared = Buffer.from("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody");
  reader.lend(shared, shared.length - 1);
  reader.head();
  assert.deepEqual([reader.bodyArrived, reader.takeBody()], [false, null]);
  reader.settle();
  shared.write("y");
  reader.lend(shared, 1);
  assert.equal(reader.bodyArrived, true);
  const body = reader.takeBody();
  shared.fill(0);
  assert.deepEqual([String(body), reader.bodyComplete, reader.held, reader.takeBody()], ["body", true, 0, null]);
});

test("a body of which a part was read, or one in chunks, is not taken", () => {
  const reader = new RequestReader(limits);
  reader.give(Buffer.from("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbo"));
  reader.head();
  reader.readBody({ piece: () => true });
  reader.give(Buffer.from("dy"));
  assert.equal(reader.takeBody(), null);
  const chunks = new RequestReader(limits);
  chunks.give(Buffer.from(`POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`));
  chunks.head();
  assert.equal(chunks.takeBody(), null);
});
