import assert from "node:assert/strict";
import { test } from "node:test";
import { setWorld } from "../../test/set-world.ts";
import { Cancel } from "../lib/cancel.ts";
import { PlatformError } from "../model/error.ts";
import type { AgentCall } from "./link.ts";
import { WaitingLine } from "./waiting-line.ts";

/** A line, and what those who wait in it have heard. */
function make() {
  const world = setWorld();
  const heard: string[] = [];
  const line = new WaitingLine<string>(
    world,
    (ms) => new PlatformError("overloaded", `no room after ${ms}`),
    () => heard.push("left"),
  );
  const wait = (name: string, waitMsMax: number, signal = new Cancel(), background = false) => {
    const taker = {
      served: (slot: string) => heard.push(`${name} has ${slot}`),
      failed: ({ message }: Error) => heard.push(`${name}: ${message}`),
    };
    line.wait({ waitMsMax, background } as AgentCall, signal, taker);
    return signal;
  };
  return { world, heard, line, wait };
}

test("first come, first served, at once", () => {
  const { line, heard, wait } = make();
  for (const name of ["a", "b", "c"]) wait(name, 100);
  line.shift()?.serve("one");
  line.shift()?.serve("two");
  assert.deepEqual(heard, ["a has one", "b has two"]);
  assert.equal(line.length, 1);
});

test("those for whose answer somebody waits go first, and every fifth is one of the others", () => {
  const { line, heard, wait } = make();
  for (const name of ["x", "y"]) wait(name, 100, new Cancel(), true);
  assert.equal(line.urgent, 0);
  for (const name of ["a", "b", "c", "d", "e"]) wait(name, 100);
  assert.equal(line.urgent, 5);
  while (line.length > 0) line.shift()?.serve("one");
  assert.equal(heard.map((words) => words.charAt(0)).join(""), "abcdxey");
});

test("each leaves when its own time is up, and whoever was served is not told of it", () => {
  const { world, line, heard, wait } = make();
  wait("served", 100);
  wait("long", 200);
  wait("short", 50);
  line.shift()?.serve("one");
  for (let ms = 0; ms < 250; ms += 10) world.pass(10);
  assert.deepEqual(heard, ["served has one", "short: no room after 50", "left", "long: no room after 200", "left"]);
  assert.equal(line.length, 0);
});

test("a caller who goes away leaves, also one who has gone before", () => {
  const { line, heard, wait } = make();
  const going = wait("a", 100);
  wait("b", 100);
  going.abort(new PlatformError("cancelled", "gone"));
  const gone = new Cancel();
  gone.abort(new PlatformError("cancelled", "gone before"));
  wait("c", 100, gone);
  assert.deepEqual(heard, ["a: gone", "left", "c: gone before", "left"]);
  assert.equal(line.length, 1);
});

test("all can be told that it is over", () => {
  const { world, line, heard, wait } = make();
  for (const name of ["a", "b"]) wait(name, 100);
  line.failAll(new PlatformError("overloaded", "closing"));
  world.pass(1000);
  assert.deepEqual(heard, ["a: closing", "b: closing"]);
});
