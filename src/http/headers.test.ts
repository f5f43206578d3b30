import assert from "node:assert/strict";
import { test } from "node:test";
import { endToEndHeaders, headerOf } from "./headers.ts";
import { parseJson } from "./json.ts";
import { framedHeaders } from "./response-headers.ts";

test("the first value of a name, in any case", () => {
  const headers = ["Host", "a", "X-Two", "1", "x-two", "2"];
  assert.equal(headerOf(headers, "x-two"), "1");
  assert.equal(headerOf(headers, "host"), "a");
  assert.equal(headerOf(headers, "hosts"), undefined);
});

test("what belongs to one connection does not travel on", () => {
  const headers = [
    "Connection",
    "close, X-Mine",
    "X-Mine",
    "1",
    "Keep-Alive",
    "5",
    "TE",
    "trailers",
    "Transfer-Encoding",
    "chunked",
    "Lambda-Runtime-Cognito-Identity",
    "{}",
    "X-Kept",
    "1",
    "Authorization",
    "s",
  ];
  assert.deepEqual(endToEndHeaders(headers), ["X-Kept", "1", "Authorization", "s"]);
  assert.deepEqual(endToEndHeaders(headers, new Set(["authorization"])), ["X-Kept", "1"]);
});

test("framing of answers", () => {
  checkFraming(200, "GET", 3, ["X-A", "1", "Content-Length", "3"]);
  checkFraming(200, "GET", undefined, ["X-A", "1"]);
  checkFraming(200, "HEAD", 0, ["content-length", "7", "X-A", "1"]);
  checkFraming(204, "GET", 0, ["X-A", "1"]);
  checkFraming(304, "GET", 0, ["X-A", "1"]);
});

test("JSON bodies", () => {
  assert.deepEqual(parseJson('{"a":[1]}'), { a: [1] });
  assert.equal(parseJson("  "), undefined);
  checkRefused("{", /at line 1 column 2/);
  checkRefused('{"a":1,}', /"}" is unexpected at line 1 column 8/);
  checkRefused('{"a":1}x', /"x" is unexpected at line 1 column 8/);
  checkRefused('[1,\r\n"a\nb"]', /at line 2 column 1/);
  checkRefused("[01]", /line 1 column 3/);
  checkRefused("[1}", /line 1 column 3/);
  checkRefused('{"a" 1}', /line 1 column 6/);
  checkRefused("nul", /line 1 column 1/);
  checkRefused('{\n "a": bad }', /at line 2 column 7/);
  checkRefused("[".repeat(200) + "]".repeat(200), /nested more than 100/);
  checkRefused('{"a":{"__proto__":1}}', /__proto__/);
  checkRefused('{"\\u005f_proto__":1}', /__proto__/);
  assert.deepEqual(parseJson('{"a":"__proto__"}'), { a: "__proto__" });
});

function checkFraming(status: number, method: string, bytes: number | undefined, expected: string[]): void {
  assert.deepEqual(framedHeaders(["content-length", "7", "X-A", "1", "upgrade", "h2c"], bytes, status, method), expected);
}

function checkRefused(text: string, message: RegExp): void {
  assert.throws(() => parseJson(text), message);
}
