import assert from "node:assert/strict";
import { test } from "node:test";
import { httpRequest } from "../../../../test/http-harness.ts";
import { sampleFn } from "../../../../test/samples.ts";
import type { Fn } from "../../../model/model.ts";
import { argumentsOf } from "./arguments.ts";
import { WebRequest } from "./request.ts";

const plain = sampleFn();
const raw = sampleFn({ annotations: { "raw-http": "true" } });

function textOf(fn: Fn, query: string, type: string, body: string, user: string | null = null): string {
  const headers = type === "" ? [] : ["Content-Type", type];
  const web = new WebRequest(httpRequest({ method: "POST", target: `/api/v1/web/guest/default/a/p${query}`, headers }), "");
  const sent = argumentsOf(web, fn, user, Buffer.from(body)).toString();
  assert.equal(argumentsOf(web, fn, user, Buffer.from(body)).toString(), sent, "the same once more");
  const seen = JSON.stringify(type === "" ? {} : { "content-type": type });
  const start = `{"__ow_method":"post","__ow_headers":${seen},"__ow_path":"/p"`;
  assert.ok(sent.startsWith(start), sent);
  return sent.slice(start.length);
}

test("what was asked is one object, in which no name is twice and JSON stands as it was written", () => {
  const json = "application/json";
  const check = (query: string, type: string, body: string, expected: string) =>
    assert.equal(textOf(plain, query, type, body), expected);
  check("", "", "", "}");
  check("?a=1&a=2&%22=%C3%A4", "", "", ',"a":"2","\\"":"ä"}');
  check("?a=1&b=2", json, '{"b": 1.50, "c":12345678901234567890}', ',"a":"1","b": 1.50, "c":12345678901234567890}');
  check("?a=1", json, ' {"a":{"b":"}"}} ', ',"a":{"b":"}"}}');
  check("?a=1", json, "{ }", ',"a":"1"}');
  check("", json, " [1] ", ',"__ow_body": [1] }');
  check("", "", "x", `,"__ow_body":"${btoa("x")}"}`);
  check("?__proto__=1", json, '{"__proto__":2}', ',"__proto__":2}');
  assert.equal(textOf(plain, "", "", "", "who"), ',"__ow_user":"who"}');
  assert.equal(textOf(raw, "?a=%20", "text/plain", 'a"b'), ',"__ow_query":"a=%20","__ow_body":"a\\"b"}');
});

test("names that are ours, or final, are refused; where the body is one parameter it has none", () => {
  const final = sampleFn({ annotations: { final: "true" }, parameters: { own: 1, free: null } });
  const refused = (fn: Fn, query: string, type: string, body: string) =>
    assert.throws(() => textOf(fn, query, type, body), {
      status: 400,
      message: /^Request defines parameters that are not allowed/,
    });
  refused(plain, "?__ow_query=", "", "");
  refused(plain, "", "application/json", '{"a":1,"__ow_method":2}');
  refused(final, "?own=1", "", "");
  refused(final, "", "application/x-www-form-urlencoded", "own=1");
  textOf(final, "?free=1", "application/json", '["own"]');
  textOf(raw, "?__ow_query=", "application/json", '{"__ow_method":2}');
  assert.throws(() => textOf(plain, "", "application/json", "{"), { status: 400 });
});
