import assert from "node:assert/strict";
import { test } from "node:test";
import { logsContract } from "../../../test/contract/logs.ts";
import type { LogEntry } from "../logs.ts";
import { memoryLogStore } from "./store.ts";

logsContract("memory", async () => ({ store: memoryLogStore(), close: async () => {} }));

test("the activations that printed first are forgotten beyond the limit", async () => {
  const store = memoryLogStore({ bytesMax: 500 });
  for (const id of ["a", "b", "c", "d"]) await store.append([entry(id)]);
  const lengths = await Promise.all(["a", "b", "c", "d"].map(async (id) => (await store.read("guest", id)).length));
  assert.deepEqual(lengths, [0, 1, 1, 1]);
});

function entry(activationId: string): LogEntry {
  const owner = { namespace: "guest", appId: null, functionId: "f", functionName: "f", activationId };
  return { ...owner, line: { at: 1, stream: "stdout", text: "x".repeat(100) } };
}
