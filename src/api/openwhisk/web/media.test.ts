import assert from "node:assert/strict";
import { test } from "node:test";
import { accepts, isBinary, isJson, mediaType } from "./media.ts";

test("types are read, and what is none is none", () => {
  assert.deepEqual(mediaType(" Text/HTML ; charset=UTF-8"), { name: "text/html", hasCharset: true });
  assert.deepEqual(mediaType('multipart/form-data; boundary="a;b"'), { name: "multipart/form-data", hasCharset: false });
  for (const text of ["", "text", "text/", "/html", "a b/c", "text/html,text/plain", "text/html; x"])
    assert.equal(mediaType(text), null, text);
});

const checkText = (text: string, expected: "json" | "text" | "binary") => {
  const type = mediaType(text);
  assert.ok(type !== null, text);
  assert.equal(isJson(type) ? "json" : isBinary(type) ? "binary" : "text", expected, text);
};

test("what is text, and what is JSON among it", () => {
  for (const type of ["application/json", "application/json; charset=utf-8", "application/vnd.api+json"]) checkText(type, "json");
  for (const type of ["text/csv", "application/xml", "application/atom+xml", "application/javascript"]) checkText(type, "text");
  for (const type of ["application/x-www-form-urlencoded", "application/x-own; charset=utf-8"]) checkText(type, "text");
  for (const type of ["image/png", "image/svg+xml", "application/pdf", "multipart/form-data; boundary=x", "application/x-own"])
    checkText(type, "binary");
});

const checkAccept = (accept: string | undefined, expected: boolean) =>
  assert.equal(accepts(accept, "text/html; charset=UTF-8"), expected, accept);

test("whether a client takes a type: the closest range says so", () => {
  for (const accept of [undefined, "", "*/*", "text/*", "TEXT/HTML", "image/png, */*;q=0.1", "text/html;level=1;q=0.5", "?"])
    checkAccept(accept, true);
  for (const accept of ["image/*", "text/plain", "text/html;q=0", "text/*;q=0.0, */*"]) checkAccept(accept, false);
});
