import assert from "node:assert/strict";
import { test } from "node:test";
import { storeContract } from "../../../test/contract/store.ts";
import type { Activation } from "../../model/model.ts";
import { memoryStore } from "./store.ts";

storeContract("memory", async () => memoryStore());

test("the oldest activations are forgotten beyond the limit", async () => {
  const store = memoryStore({ activationsMax: 2 });
  await store.activations.append([record("a"), record("b"), record("c")]);
  assert.deepEqual(
    (await store.activations.list("guest", {}, { limit: 9 })).items.map((item) => item.id),
    ["c", "b"],
  );
});

function record(id: string): Activation {
  return { id, namespace: "guest", startedAt: 1 } as Activation;
}
