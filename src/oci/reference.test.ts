import assert from "node:assert/strict";
import { test } from "node:test";
import { formatReference, parseReference } from "./reference.ts";

const digest = `sha256:${"ab".repeat(32)}`;

for (const [text, expected] of [
  ["alpine", "docker.io/library/alpine:latest"],
  ["fnproject/node:24", "docker.io/fnproject/node:24"],
  ["localhost/a", "localhost/a:latest"],
  ["localhost:5000/a/b:1.0", "localhost:5000/a/b:1.0"],
  ["127.0.0.1:5000/a", "127.0.0.1:5000/a:latest"],
  ["[::1]:5000/a", "[::1]:5000/a:latest"],
  ["registry.example/a__b/c-d.e:V_1", "registry.example/a__b/c-d.e:V_1"],
  [`a@${digest}`, `docker.io/library/a@${digest}`],
  [`host:1/a:2@${digest}`, `host:1/a:2@${digest}`],
] as const) {
  test(`a name of an image: ${text}`, () => assert.equal(formatReference(parseReference(text)), expected));
}

for (const text of [
  "",
  "A",
  "a b",
  "a:",
  "a:b:c",
  "../a",
  "a/../b",
  "a//b",
  "a@sha256:ab",
  "http://host/a",
  "host/",
  "-a",
  `a@${digest}@${digest}`,
  "a:-b",
  `${"a".repeat(256)}`,
]) {
  test(`no name of an image: ${JSON.stringify(text.slice(0, 20))}`, () => {
    assert.throws(() => parseReference(text), /names no image/);
  });
}

test("names without a registry are of the one that the operator chose", () => {
  assert.equal(formatReference(parseReference("a:1", "registry.example:5000")), "registry.example:5000/a:1");
});
