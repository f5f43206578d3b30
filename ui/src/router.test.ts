import assert from "node:assert/strict";
import { test } from "node:test";
import { links, parseRoute, type Route } from "./router.ts";

test("every link leads to its page, whatever the names are", () => {
  const awkward = ["a", "..", "a/b", "100%", "#", "ü ?&", "<b>"];
  const cases: [string, Route][] = [
    [links.overview, { page: "overview" }],
    [links.activations, { page: "activations" }],
    ...awkward.map((id): [string, Route] => [links.activation(id), { page: "activation", id }]),
    ...awkward.map((name): [string, Route] => [links.fn(name, name), { page: "function", app: name, name }]),
    [links.fn(null, "x"), { page: "function", app: null, name: "x" }],
  ];
  for (const [link, expected] of cases) assert.deepEqual(parseRoute(link), expected, link);
});

test("an empty address is the first page; what leads nowhere says so", () => {
  for (const hash of ["", "#", "#/"]) assert.deepEqual(parseRoute(hash), { page: "overview" }, hash);
  for (const hash of ["#/nothing", "#/functions/a", "#/functions//b", "#/activations/", "#/activations/%", "#/a/b/c/d"])
    assert.deepEqual(parseRoute(hash), { page: "missing" }, hash);
});
