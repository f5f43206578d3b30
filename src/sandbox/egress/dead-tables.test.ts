import assert from "node:assert/strict";
import { test } from "node:test";
import { guardedIn, tablesIn } from "./dead-tables.ts";

test("only tables of ours are taken for such", () => {
  const text =
    "table inet polykiln-01m7yf3q3tchvc5mjdsgk89skv\ntable ip nat\ntable inet polykiln-x y\ntable ip polykiln-01m7yf3q3tchvc5mjdsgk89skw\n";
  assert.deepEqual(tablesIn(text), ["polykiln-01m7yf3q3tchvc5mjdsgk89skv"]);
  assert.deepEqual(tablesIn(""), []);
});

test("what a table guards is what its server had switched on", () => {
  assert.deepEqual(guardedIn('\t\tiifname { "eth0", "wlan-1" } oifname != "kiln*" drop\n'), ["eth0", "wlan-1"]);
  assert.deepEqual(guardedIn('\t\tiifname "eth0" oifname != "kiln*" drop\n'), ["eth0"]);
  assert.deepEqual(guardedIn('\t\tiifname "kilnsgk89skv" drop\n'), []);
});
