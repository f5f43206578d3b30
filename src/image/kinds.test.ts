import assert from "node:assert/strict";
import { test } from "node:test";
import { PlatformError } from "../model/error.ts";
import { kinds } from "./kinds.ts";

test("names, aliases and defaults", () => {
  const cases: Readonly<Record<string, string>> = {
    "nodejs:24": "nodejs:24",
    "nodejs:20": "nodejs:20",
    "nodejs:default": "nodejs:24",
    nodejs: "nodejs:24",
    "python:3": "python:3.11",
    "python:default": "python:3.11",
    python: "python:3.11",
    go: "go:1",
    "native:default": "native:1",
  };
  for (const [name, expected] of Object.entries(cases)) assert.equal(kinds.resolve(name), expected, name);
});

test("an unknown kind is refused with the nearest name and the list", () => {
  const cases: Readonly<Record<string, string | null>> = {
    "nodejs:25": "nodejs:24",
    "nodejs:18": "nodejs:24",
    "node:22": "nodejs:22",
    "js:1": "nodejs:24",
    "pyhton:3": "python:3.11",
    "python:2.7": "python:3.11",
    "golang:1": "go:1",
    "java:21": "java:17",
    "jdk:17": "java:17",
    "perl:5": null,
    "": null,
    constructor: null,
  };
  for (const [name, nearest] of Object.entries(cases)) {
    assert.throws(
      () => kinds.resolve(name),
      (error: unknown) => {
        assert.ok(error instanceof PlatformError && error.code === "invalid");
        assert.match(
          error.message,
          /The kinds are: nodejs:24, nodejs:22, nodejs:20, python:3\.11, java:17, deno:2, bun:1, ruby:3\.1, php:8\.2, go:1, rust:1, native:1, provided:1$/,
        );
        assert.equal(error.details.nearest, nearest, name);
        return true;
      },
    );
  }
});

test("the list has one default in each family", () => {
  const defaults = kinds.list().filter((kind) => kind.default);
  assert.deepEqual(
    defaults.map((kind) => kind.name),
    ["nodejs:24", "python:3.11", "java:17", "deno:2", "bun:1", "ruby:3.1", "php:8.2", "go:1", "rust:1", "native:1", "provided:1"],
  );
  assert.ok(kinds.list().every((kind) => !("runtime" in kind) && kind.protocols.includes("frames")));
});
