import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { FunctionRequest } from "../protocol.ts";
import { bytesBody } from "../../lib/body.ts";
import { Breach, callFields, CallLines, HeadMemory, resultBodyStart, type ResultHead } from "./heads.ts";

const request = (fields: Partial<FunctionRequest>): FunctionRequest => ({
  callId: "01J",
  deadlineAt: 12.5,
  headers: [],
  http: null,
  body: bytesBody(Buffer.alloc(0)),
  ...fields,
});

const callHead = (call: FunctionRequest): string => callFields(call) + new CallLines().of(call);

test("the head of a call has ids, origin and headers, line by line", () => {
  const http = { method: "PUT", url: "http://a/b?c=d:e", target: "/" };
  const head = callHead(request({ http, headers: ["X-A", "1: 2", "x-a", ""] }));
  assert.equal(head, ":call:01J\n:deadline:12\n:method:PUT\n:url:http://a/b?c=d:e\n:target:/\nx-a:1: 2\nx-a:\n");
});

test("the lines of a list of headers are written once, and those of another anew", () => {
  const lines = new CallLines();
  const headers = ["X-A", "\u00e9"];
  const first = lines.of(request({ headers }));
  assert.equal(first.toString(), "x-a:\u00e9\n");
  assert.equal(lines.of(request({ headers })), first);
  assert.equal(lines.of(request({ headers: ["b", "1"] })).toString(), "b:1\n");
  assert.equal(callFields(request({ traceparent: "00-a-b-00" })), ":call:01J\n:deadline:12\ntraceparent:00-a-b-00\n");
});

test("the head of a call lets no header pass for a field or a line", () => {
  const text = fc.string({ unit: "binary" });
  fc.assert(
    fc.property(fc.array(fc.tuple(text, text)), (pairs) => {
      const lines = callHead(request({ headers: pairs.flat() })).split("\n");
      const [call, deadline, ...rest] = lines;
      assert.deepEqual([call, deadline, rest.pop()], [":call:01J", ":deadline:12", ""]);
      assert.ok(rest.length <= pairs.length && rest.every((line) => !line.startsWith(":") || line[0] === ":"));
      assert.ok(!rest.some((line) => line.startsWith(":call:") || line.startsWith(":url:")));
    }),
  );
});

const payload = (head: string, body = ""): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(Buffer.byteLength(head));
  return Buffer.concat([bytes, Buffer.from(head + body)]);
};

function readResultHead(data: Buffer, memory: HeadMemory): { head: ResultHead; bodyStart: number } {
  const bodyStart = resultBodyStart(data, 0, data.length);
  return { head: memory.read(data, 4, bodyStart), bodyStart };
}

const check = (head: string, expected: string | RegExp) =>
  test(`a result's head ${JSON.stringify(head.slice(0, 40))}`, () => {
    let outcome: string;
    try {
      const read = readResultHead(payload(head, "body"), new HeadMemory());
      outcome = `${read.head.status} ${read.head.headers.join(" ")}|${payload(head, "body").subarray(read.bodyStart)}`;
    } catch (error) {
      assert.ok(error instanceof Breach);
      outcome = error.message;
    }
    if (typeof expected === "string") assert.equal(outcome, expected);
    else assert.match(outcome, expected);
  });

check("", "200 |body");
check("content-type:text/plain\n", "200 content-type text/plain|body");
check(":status:404\nset-cookie:a=b:c\nset-cookie:d\n", "404 set-cookie a=b:c set-cookie d|body");
check(":later:unknown\nx:\n", "200 x |body");
check("content-length:5\ntransfer-encoding:chunked\nconnection:close\nx:1\n", "200 x 1|body");
check("x:1", /no end/);
check("x1\n", /without a colon/);
check("\n", /without a colon/);
check(":status:99\n", /the status "99"/);
check(":status:200 OK\n", /the status/);
check(":status:101\n", /the status/);
check("X-A:1\n", /"X-A" as the name/);
check("a b:1\n", /"a b" as the name/);
check("x:a\rb\n", /a value of header x/);
check("x:a\0\n", /a value of header x/);
check("x:\u20ac\n", /a value of header x/);
check("x:1\n".repeat(201), /more than 200 headers/);
check(`x:${"1".repeat(70_000)}\n`, /a head of 70003 bytes/);

test("a head longer than its payload", () => {
  const lying = payload("x:1\n");
  lying.writeUInt32BE(100);
  assert.throws(() => readResultHead(lying, new HeadMemory()), /a head of 100 bytes in a payload of 8/);
  assert.throws(() => readResultHead(Buffer.alloc(3), new HeadMemory()), /without a head/);
});

test("HeadMemory gives the head that belongs to the text", () => {
  const memory = new HeadMemory();
  const texts = ["x:1\n", "x:1\n", "x:2\n", "", "x:1\n"];
  assert.deepEqual(
    texts.map((text) => memory.read(Buffer.from(text), 0, text.length).headers.join()),
    ["x,1", "x,1", "x,2", "", "x,1"],
  );
});

test("any bytes as a head are read or refused, never more", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        readResultHead(Buffer.from(bytes), new HeadMemory());
      } catch (error) {
        assert.ok(error instanceof Breach);
      }
    }),
  );
});
