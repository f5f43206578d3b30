import assert from "node:assert/strict";
import { test } from "node:test";
import { sampleFn } from "../../test/samples.ts";
import { place } from "./place.ts";

/** `agents`: `name:memoryMiB`, with `-` in front of one that drains. */
function check(agents: string, memoryMiB: number, expected: string): void {
  const snapshot = agents
    .split(" ")
    .filter((text) => text !== "")
    .map((text) => {
      const [name = "", size = ""] = text.replace(/^-/, "").split(":");
      return { id: name, memoryMiB: Number(size), accepting: !text.startsWith("-") };
    });
  const decision = place(sampleFn({ memoryMiB }), snapshot);
  assert.equal("agentId" in decision ? decision.agentId : decision.refused, expected);
}

test("place takes the first agent that accepts and is big enough", () => {
  check("a:1024 b:2048", 128, "a");
  check("a:1024 b:2048", 2000, "b");
  check("-a:1024 b:2048", 128, "b");
  check("a:1024", 2000, "too_big");
  check("-a:1024", 128, "no_agent");
  check("", 128, "no_agent");
});
