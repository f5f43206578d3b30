import assert from "node:assert/strict";
import { test } from "node:test";
import { storeContract } from "../../../test/contract/store.ts";
import { sampleActivation } from "../../../test/samples.ts";
import { memoryStore } from "./store.ts";

storeContract("memory", async () => memoryStore());

test("the oldest activations are forgotten beyond the limit", async () => {
  const store = memoryStore({ activationsMax: 2 });
  const ids = ["A", "B", "C"].map((last) => `01JD000000000000000000000${last}`);
  await store.activations.append(ids.map((id) => sampleActivation({ id })));
  assert.deepEqual(
    (await store.activations.list("guest", {}, { limit: 9 })).items.map((item) => item.id),
    [ids[2], ids[1]],
  );
});
