import assert from "node:assert/strict";
import { test } from "node:test";
import { Refusal } from "../errors.ts";
import type { Extension } from "./request.ts";
import { answerOf } from "./result.ts";

/** Status, type, body, and headers if there are any. */
type Expected = readonly [number, string | null, string, ...string[]];

function check(extension: Extension, text: string, expected: Expected): void {
  const { status, type, body, headers } = answerOf(extension, { value: JSON.parse(text), json: Buffer.from(text) });
  assert.deepEqual([status, type, body.toString("latin1"), ...headers], expected, `${extension} ${text}`);
}

function refused(extension: Extension, result: unknown, status: number, text: string): void {
  const isExpected = (error: unknown) => error instanceof Refusal && error.status === status && error.message === text;
  assert.throws(() => answerOf(extension, { value: result, json: null }), isExpected, JSON.stringify(result));
}

test("JSON goes out as the code wrote it", () => {
  check("json", '{ "n": 1.50, "big": 12345678901234567890 }', [
    200,
    "application/json",
    '{ "n": 1.50, "big": 12345678901234567890 }',
  ]);
  const big = '{"body":{"big":12345678901234567890,"s":"a b"}}';
  check("http", big, [200, "application/json", '{"big":12345678901234567890,"s":"a b"}']);
  check("http", '{"body":1,"body":[12345678901234567890]}', [200, "application/json", "[12345678901234567890]"]);
  check("http", '{"body":{"a":1.5}}', [200, "application/json", '{"a":1.5}']);
});

const typed = (type: string, body: string) => JSON.stringify({ headers: { "content-TYPE": type }, body });

test("a text that is bytes is told by its type", () => {
  check("http", typed("image/gif", btoa("\xff\0")), [200, "image/gif", "\xff\0"]);
  check("http", typed("application/x-own", btoa("x")), [200, "application/x-own", "x"]);
  check("http", typed("application/x-own; charset=x", btoa("x")), [200, "application/x-own; charset=UTF-8", "eA=="]);
  check("http", typed("text/csv", "YQ=="), [200, "text/csv; charset=UTF-8", "YQ=="]);
  check("http", typed("application/json", "[]"), [200, "application/json", "[]"]);
  for (const body of ["YQ=", "Y===", "a b=", "YQ==\n"])
    refused(
      "http",
      { headers: { "content-type": "image/gif" }, body },
      400,
      "Response type in header did not match generated content type.",
    );
});

test("headers are texts, numbers, truths and lists of them", () => {
  const headers = { a: ["1", [2, true]], B: "x", "content-type": ["text/css", "text/plain"] };
  check("http", JSON.stringify({ headers, body: "b" }), [
    200,
    "text/css; charset=UTF-8",
    "b",
    "a",
    "1",
    "a",
    "2",
    "a",
    "true",
    "B",
    "x",
  ]);
  check("http", '{"statusCode":"+302","headers":{"location":"/"}}', [302, null, "", "location", "/"]);
  for (const value of ["a\nb", "\u0100", null, {}, [[{}]]])
    refused("http", { headers: { a: value } }, 400, "Response is not valid 'message/http'.");
  for (const statusCode of [true, "", "2e2", 199, 600, -200, {}])
    refused("http", { statusCode }, 400, "Response is not valid 'message/http'.");
});

test("a member named body is more than one of the extension's name", () => {
  check("html", '{"html":"a","body":"b"}', [200, "text/html; charset=UTF-8", "b"]);
  check("svg", '"<svg/>"', [200, "image/svg+xml", "<svg/>"]);
  check("text", '{"text":"a","body":false}', [200, "text/plain; charset=UTF-8", "false"]);
  refused("html", { body: null, html: "a" }, 400, "Response is not valid 'text/html'.");
  refused("json", "text", 400, "Response is not valid 'application/json'.");
  refused("text", {}, 404, "Response does not include requested property.");
});
