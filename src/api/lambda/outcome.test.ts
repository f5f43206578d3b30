import assert from "node:assert/strict";
import { test } from "node:test";
import { type ErrorCode, PlatformError } from "../../model/error.ts";
import { idToUuid } from "../../model/id.ts";
import { sampleFn } from "../../../test/samples.ts";
import { answered, failed } from "./outcome.ts";

const id = "01JD0000000000000000000002";
const json = ["content-type", "application/json"];

const payload = (headers: readonly string[], body: string) => answered(200, headers, Buffer.from(body)).payload.toString();

test("an answer is JSON, whoever's function gave it", () => {
  assert.equal(payload(json, '{"a":1.50}'), '{"a":1.50}');
  assert.equal(payload([], ""), "null");
  assert.equal(payload(["Content-Type", "text/plain; charset=utf-8"], 'say "hi"'), '"say \\"hi\\""');
  assert.equal(payload(["content-type", "application/octet-stream"], "as it is"), "as it is");
  const posted = answered(200, ["content-type", "text/plain;charset=UTF-8"], Buffer.from('{"a":1}'), "runtime-api");
  assert.equal(posted.payload.toString(), '{"a":1}');
  assert.equal(answered(500, json, Buffer.from("{}")).isError, true);
  assert.equal(answered(404, json, Buffer.from("{}")).isError, true);
  assert.equal(answered(201, json, Buffer.from("{}")).isError, false);
  const long = answered(200, json, Buffer.alloc(6_291_557));
  assert.equal((JSON.parse(long.payload.toString()) as { errorType: string }).errorType, "Function.ResponseSizeTooLarge");
});

test("what ended a call is told as Lambda tells it, unless it is no fault of the function's", () => {
  const said = (code: ErrorCode, details = {}, kind = "nodejs:24") => {
    const source = { type: "code", kind, digest: "", handler: null, command: null } as const;
    const outcome = failed(new PlatformError(code, "why", { details }), sampleFn({ source, timeoutMs: 2500 }), id);
    return outcome === null ? null : (JSON.parse(outcome.payload.toString()) as Record<string, unknown>);
  };
  assert.deepEqual(said("function_failed", { body: '{"errorType":"Own","x":1}' }), { errorType: "Own", x: 1 });
  assert.deepEqual(said("function_failed", { type: "TypeError", stack: "a\nb" }), {
    errorType: "TypeError",
    errorMessage: "why",
    trace: ["a", "b"],
  });
  assert.deepEqual(said("function_failed", {}, "python:3.11"), { errorType: "Error", errorMessage: "why", stackTrace: [] });
  assert.deepEqual(said("function_start_failed"), { errorType: "Runtime.InitError", errorMessage: "why" });
  const request = `RequestId: ${idToUuid(id)} Error: `;
  assert.deepEqual(said("timeout"), {
    errorType: "Sandbox.Timedout",
    errorMessage: `${request}Task timed out after 2.50 seconds`,
  });
  assert.deepEqual(said("function_exited"), { errorType: "Runtime.ExitError", errorMessage: `${request}why` });
  for (const code of ["function_out_of_memory", "function_protocol", "response_too_large", "start_timeout", "cancelled"] as const)
    assert.ok(said(code), code);
  for (const code of ["overloaded", "throttled", "internal", "not_found", "registry_failed"] as const)
    assert.equal(said(code), null, code);
});
