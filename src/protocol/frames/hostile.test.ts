/** A runtime that says anything at all: calls end, each once, and nothing but the session breaks. */
import assert from "node:assert/strict";
import { Duplex } from "node:stream";
import { test } from "node:test";
import fc from "fast-check";
import { bytesBody, readBody } from "../../lib/body.ts";
import { PlatformError } from "../../model/error.ts";
import { frameHead, frameType, textFrame } from "../../wire/frames.ts";
import { sampleFn } from "../../../test/samples.ts";
import { FramesSession } from "./session.ts";

const headed = (head: string, body: Uint8Array): Buffer => {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(Buffer.byteLength(head));
  return Buffer.concat([length, Buffer.from(head), body]);
};

const bytes = fc.uint8Array({ maxLength: 40 }).map((data) => Buffer.from(data));
const number = fc.nat(0xffffffff).map((value) => {
  const data = Buffer.alloc(4);
  data.writeUInt32BE(value);
  return data;
});
const payload = fc.oneof(
  bytes,
  number,
  fc.constantFrom("{}", "[]", "{", '{"message":"m","type":7}', "\x01line\n", "").map((text) => Buffer.from(text)),
  fc
    .tuple(fc.constantFrom("", ":status:404\n", "a:b\n", "x", ":status:1\n", "a b:c\n"), bytes)
    .map(([head, body]) => headed(head, body)),
  fc.constantFrom(100_000, 262_144, 262_145).map((size) => headed("", Buffer.alloc(size))),
  fc.constantFrom(65_536, 200_000).map((size) => Buffer.alloc(size)),
);
const types = [...Object.values(frameType), 0, 255];
const frame = fc
  .tuple(fc.constantFrom(...types), fc.constantFrom(0, 1, 2, 3, 4, 0xffffffff), fc.nat(3), payload)
  .map(([type, id, flags, data]) => Buffer.concat([frameHead(type, id, data.length, flags), data]));

const stream = () => new Duplex({ read() {}, write: (_data, _encoding, done) => done() });

async function outcomes(frames: readonly Buffer[]): Promise<string[]> {
  const connection = stream();
  const init = { code: "/function", handler: null, concurrency: sampleFn().concurrency };
  const session = new FramesSession(connection, init, { log() {} }, { ready() {}, failed() {} });
  connection.push(
    Buffer.concat([textFrame(frameType.hello, 0, '{"protocol":1,"window":10}'), textFrame(frameType.ready, 0, "{}")]),
  );
  await new Promise((resolve) => setImmediate(resolve));
  const calls = ["", "a short body", "x".repeat(500)].map(async (text) => {
    const request = { callId: "A", deadlineAt: 5, headers: [], http: null, body: bytesBody(Buffer.from(text)) };
    try {
      const { body } = await session.call(request, new AbortController().signal);
      await readBody(body, 1e9, () => new Error("too large"));
      return "answered";
    } catch (error) {
      return error instanceof PlatformError ? error.code : String(error);
    }
  });
  for (const each of frames) connection.push(each);
  await new Promise((resolve) => setImmediate(resolve));
  connection.push(null);
  return await Promise.all(calls);
}

test("whatever a runtime says, its calls end with an answer or an error of the function's", { timeout: 120_000 }, async () => {
  const allowed = new Set(["answered", "function_failed", "function_exited", "function_protocol"]);
  const property = fc.asyncProperty(fc.array(frame, { maxLength: 12 }), async (frames) => {
    for (const outcome of await outcomes(frames)) assert.ok(allowed.has(outcome), outcome);
  });
  await fc.assert(property, { numRuns: 500 });
});
