import assert from "node:assert/strict";
import { test } from "node:test";
import { realWorld } from "../lib/world.ts";
import { FunctionKeys } from "./function-keys.ts";
import { createIdentifier } from "./identify.ts";
import { makeKey } from "./keys.ts";

test("code's key opens its own namespace and no other, beside the keys that are stored", async () => {
  const world = realWorld();
  const { key, credential } = makeKey("stored", 1);
  const keys = new FunctionKeys(world);
  const stored = { get: async (id: string) => (id === key.id ? key : undefined) };
  const identifier = createIdentifier({ keys: keys.beside(stored), world });
  const namespacesOf = async (secret: string) =>
    (await identifier.identify({ header: () => `Basic ${btoa(secret)}`, loopback: false })).namespaces;
  assert.deepEqual(await namespacesOf(keys.of("mine")), ["mine"]);
  assert.deepEqual(await namespacesOf(keys.of("theirs")), ["theirs"]);
  assert.deepEqual(await namespacesOf(credential), ["stored"]);
  assert.equal(keys.of("mine"), keys.of("mine"));
  await assert.rejects(namespacesOf(new FunctionKeys(world).of("mine")), { code: "unauthenticated" });
  await assert.rejects(namespacesOf(`${keys.of("mine")}x`), { code: "unauthenticated" });
});
