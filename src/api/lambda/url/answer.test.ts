import assert from "node:assert/strict";
import { test } from "node:test";
import { asPlatformError } from "../../../model/error.ts";
import { answerOf, type Said } from "./answer.ts";

const lambda: Said = {
  status: 200,
  headers: ["content-type", "application/json"],
  fn: {
    protocol: "frames",
    source: { type: "code", kind: "nodejs:24", digest: "", handler: null, command: null, convention: "lambda" },
  },
};
const image: Said["fn"] = { protocol: "http-stream", source: { type: "image", image: "any" } };

/** Status, content type, body and other headers of what becomes of a result; or the code of an error. */
function check(result: unknown, expected: string, said: Said = lambda): void {
  assert.equal(shown(typeof result === "string" ? result : JSON.stringify(result), said), expected);
}

function shown(text: string, said: Said): string {
  try {
    const { status, headers, body } = answerOf(said, Buffer.from(text));
    const pairs = headers.flatMap((name, i) => (i % 2 === 0 ? [[name.toLowerCase(), headers[i + 1]] as const] : []));
    const type = pairs.find(([name]) => name === "content-type")?.[1];
    const others = pairs.filter(([name]) => name !== "content-type").map(([name, value]) => `${name}: ${value}`);
    return [status, type, body.toString(), ...others].join(" | ");
  } catch (error) {
    return asPlatformError(error).code;
  }
}

test("what has no statusCode is the body itself, as JSON", () => {
  check('{"hello": "world"}', '200 | application/json | {"hello": "world"}');
  check('["hello",3,true]', '200 | application/json | ["hello",3,true]');
  check("null", "200 | application/json | null");
  check("3.10", "200 | application/json | 3.10");
  // As AWS has it: without the quotes.
  check('"hello"', "200 | application/json | hello");
  check({ body: "x", headers: {} }, '200 | application/json | {"body":"x","headers":{}}');
});

test("an answer as the format has it", () => {
  check({ statusCode: 200, body: "text" }, "200 | application/json | text");
  check({ statusCode: "418" }, "418 | application/json | ");
  check({ statusCode: 200, headers: { "Content-Type": "text/html" }, body: "<p>" }, "200 | text/html | <p>");
  check({ statusCode: 200, headers: { n: 1, b: true }, body: null }, "200 | application/json |  | n: 1 | b: true");
  check(
    { statusCode: 200, cookies: ["a=1", "b=2; Secure"] },
    "200 | application/json |  | set-cookie: a=1 | set-cookie: b=2; Secure",
  );
  check({ statusCode: 200, body: "aGk=", isBase64Encoded: true }, "200 | application/json | hi");
  check({ statusCode: 200, body: { a: 1 } }, '200 | application/json | {"a":1}');
});

test("what says it is an answer and is none", () => {
  for (const statusCode of [99, 100, 199, 600, 200.5, "no", "", null, true, {}]) check({ statusCode }, "function_protocol");
  for (const headers of [[], "no", 7, { a: {} }, { a: null }, { a: ["b"] }, { "a b": "c" }, { a: "b\r\nc: d" }, { a: "\u2028" }])
    check({ statusCode: 200, headers }, "function_protocol");
  for (const cookies of ["a=1", [1], {}, ["a\nb"]]) check({ statusCode: 200, cookies }, "function_protocol");
  check({ statusCode: 200, body: "no base64!", isBase64Encoded: true }, "function_protocol");
});

const said = (status: number, type: string): Said => ({ status, headers: ["X-Own", "1", "Content-Type", type], fn: image });

test("a function that speaks HTTP says its own status and type, unless it gives such an answer", () => {
  check("plain", "404 | text/plain | plain | x-own: 1", said(404, "text/plain"));
  check({ a: 1 }, '201 | application/json | {"a":1} | x-own: 1', said(201, "application/json"));
  check({ statusCode: 202, body: "x" }, "202 | application/json | x", said(200, "application/json; charset=utf-8"));
  check("{broken", "200 | application/json | {broken | x-own: 1", said(200, "application/json"));
  // Whatever a runtime calls its response.
  check('{"statusCode":204}', "204 | application/json | ", { ...lambda, headers: ["content-type", "text/plain"] });
  check("no json", "200 | text/plain | no json", { ...lambda, headers: ["content-type", "text/plain"] });
  check("no json", "200 | application/octet-stream | no json", { ...lambda, headers: [] });
});
