import assert from "node:assert/strict";
import { test } from "node:test";
import type { BodySink, BodySource } from "../../../lib/body.ts";
import { asPlatformError } from "../../../model/error.ts";
import { type AnswerHead, readPrelude, splitPrelude } from "./prelude.ts";

/** A body in these pieces; an error ends it. It goes on when it is asked to. */
class Pieces implements BodySource {
  readonly bytes = undefined;
  readonly #pieces: (Buffer | Error)[];
  #sink: BodySink | null = null;
  cancelled = false;

  constructor(...pieces: (Buffer | string | Error)[]) {
    this.#pieces = pieces.map((piece) => (typeof piece === "string" ? Buffer.from(piece, "latin1") : piece));
  }

  pipe(sink: BodySink): void {
    this.#sink = sink;
    this.resume();
  }

  resume(): void {
    for (;;) {
      const piece = this.#pieces.shift();
      if (this.cancelled) return;
      if (piece === undefined) return this.#sink?.end();
      if (piece instanceof Error) return this.#sink?.fail(piece);
      if (this.#sink?.chunk(piece) === false) return;
    }
  }

  cancel(): void {
    this.cancelled = true;
  }
}

/** What a reader gets; one that is slow wants every piece asked for. `later`: it reads when all has come. */
function check(source: Pieces, { slow = false, later = false } = {}): string {
  let said = "";
  const sink = (body: BodySource): BodySink => ({
    chunk(data) {
      said += data.toString("latin1");
      if (slow) queueMicrotask(() => body.resume());
      return true;
    },
    end: () => void (said += " end"),
    fail: (error) => void (said += ` fail ${error.message}`),
  });
  let rest: BodySource | null = null;
  readPrelude(source, {
    read({ status, headers }: AnswerHead, body) {
      said += `${status} ${headers.join(":")} `;
      if (later) rest = body;
      else body.pipe(sink(body));
    },
    failed: (error) => void (said += `${asPlatformError(error).code} ${(error as Error).message}`),
  });
  const waiting = rest as BodySource | null;
  waiting?.pipe(sink(waiting));
  return said;
}

const nul = "\0".repeat(8);
const prelude = '{"statusCode":201,"headers":{"content-type":"text/plain"},"cookies":["a=1"]}';
const told = "201 content-type:text/plain:Set-Cookie:a=1 ";

test("the head is what stands before eight zero bytes, wherever the pieces end", () => {
  const text = `${prelude}${nul}body\0\0more`;
  for (let at = 0; at <= text.length; at++) {
    assert.equal(check(new Pieces(text.slice(0, at), text.slice(at))), `${told}body\0\0more end`, `at ${at}`);
    assert.equal(check(new Pieces(text.slice(0, at), text.slice(at)), { later: true }), `${told}body\0\0more end`, `later ${at}`);
  }
  assert.equal(check(new Pieces(...text)), `${told}body\0\0more end`);
  assert.equal(check(new Pieces(`{}${nul}`)), "200 Content-Type:application/octet-stream  end");
  const { status, body } = splitPrelude(Buffer.from(text));
  assert.deepEqual([status, body.toString()], [201, "body\0\0more"]);
});

test("what has no head is no answer, and what breaks off behind one breaks off", () => {
  assert.match(check(new Pieces(prelude)), /^function_protocol The answer ended before/);
  assert.match(check(new Pieces(`${prelude}\0\0\0`, new Error("gone"))), /^internal gone$/);
  assert.match(check(new Pieces(`[1]${nul}x`)), /^function_protocol The prelude is no JSON object$/);
  assert.match(check(new Pieces(`{"statusCode":${nul}x`)), /^function_protocol The prelude is no JSON object$/);
  assert.match(check(new Pieces(`{"statusCode":99}${nul}x`)), /^function_protocol statusCode/);
  assert.match(check(new Pieces(`{"headers":{"a\\nb":"c"}}${nul}x`)), /^function_protocol HTTP does not allow/);
  const endless = new Pieces("{", " ".repeat(40_000), " ".repeat(40_000), `}${nul}`);
  assert.match(check(endless), /^function_protocol The prelude is longer than 65536 bytes$/);
  assert.ok(endless.cancelled);
  assert.equal(check(new Pieces(`${prelude}${nul}bo`, new Error("gone"))), `${told}bo fail gone`);
  assert.throws(() => splitPrelude(Buffer.from(prelude)), /no end/);
});
