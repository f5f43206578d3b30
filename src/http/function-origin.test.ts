import assert from "node:assert/strict";
import { test } from "node:test";
import { sandboxDocument } from "./function-origin.ts";

function check(types: readonly string[], expected: "sandboxed" | "as it is"): void {
  const headers = [
    "X-A",
    "1",
    ...types.flatMap((type) => ["Content-Type", type]),
    "Content-Security-Policy",
    "default-src 'none'",
  ];
  const before = [...headers];
  sandboxDocument(headers);
  assert.deepEqual(headers.slice(0, before.length), before);
  const added = headers.slice(before.length);
  assert.equal(added.length === 0 ? "as it is" : "sandboxed", expected, types.join(" and "));
  assert.ok(!added.join().includes("allow-same-origin"));
}

test("data is answered as it is", () => {
  for (const type of [
    "application/json",
    "application/json; charset=utf-8",
    "Application/JSON;charset=UTF-8",
    "application/problem+json",
    "application/octet-stream",
    "text/plain; charset=utf-8",
    "text/event-stream",
    "text/css",
    "text/javascript",
    "image/png",
    "video/mp4",
    "font/woff2",
  ])
    check([type], "as it is");
});

test("what a browser may show as a document is sandboxed, also where the type is unknown, doubtful or missing", () => {
  for (const type of [
    "text/html",
    "TEXT/HTML; charset=utf-8",
    " text/html",
    "application/xhtml+xml",
    "image/svg+xml",
    "image/other+xml",
    "text/xml",
    "application/xml",
    "application/atom+xml; charset=utf-8",
    "text/xsl",
    "multipart/x-mixed-replace; boundary=a",
    "",
    "*/*",
    "unknown/unknown",
    "application/json, text/html",
    "application/json;a=b, text/html",
    "application/jsonhtml",
  ])
    check([type], "sandboxed");
  check([], "sandboxed");
  check(["application/json", "text/html"], "sandboxed");
  check(["text/html", "application/json"], "sandboxed");
});
