import assert from "node:assert/strict";
import { test } from "node:test";
import { type BodySink, type BodySource, bytesBody, readBody } from "../lib/body.ts";
import { gatherBody } from "./gathered-body.ts";

const read = async (body: Buffer | BodySource) =>
  (Buffer.isBuffer(body) ? body : await readBody(body, 1000, () => new Error("too large"))).toString();

/** A source that gives `early` at once and `late` when it is resumed or later. */
function twoParts(early: string, late: string, bytes: number | undefined): BodySource {
  let sink: BodySink | undefined;
  return {
    bytes,
    pipe(to) {
      sink = to;
      if (early !== "") to.chunk(Buffer.from(early));
    },
    resume() {
      setImmediate(() => {
        sink?.chunk(Buffer.from(late));
        sink?.end();
      });
    },
    cancel() {},
  };
}

test("a small body that is there becomes a buffer", async () => {
  assert.ok(Buffer.isBuffer(gatherBody(bytesBody(Buffer.from("abc")), 3)));
  assert.ok(Buffer.isBuffer(gatherBody(bytesBody(Buffer.alloc(0)), 3)));
});

test("any other body loses nothing", async () => {
  assert.equal(await read(gatherBody(twoParts("ab", "c", 3), 10)), "abc");
  assert.equal(await read(gatherBody(twoParts("", "abc", 3), 10)), "abc");
  const large = bytesBody(Buffer.from("abcd"));
  assert.equal(gatherBody(large, 3), large);
  const unknown = twoParts("ab", "c", undefined);
  assert.equal(gatherBody(unknown, 10), unknown);
});

test("a body that failed, or lied about its length, does so to whoever reads it", async () => {
  const failing: BodySource = { bytes: 3, pipe: (sink) => sink.fail(new Error("gone")), resume() {}, cancel() {} };
  await assert.rejects(read(gatherBody(failing, 10)), /gone/);
  const short = gatherBody({ ...bytesBody(Buffer.from("ab")), bytes: 3 }, 10);
  assert.equal(Buffer.isBuffer(short), false);
  assert.equal(await read(short), "ab");
});
