import assert from "node:assert/strict";
import { test } from "node:test";
import type { PlatformError } from "../model/error.ts";
import type { Key } from "../store/store.ts";
import { memoryStore } from "../store/memory/store.ts";
import { realWorld } from "../lib/world.ts";
import { authorize, unknownNamespace } from "./authorize.ts";
import { createIdentifier } from "./identify.ts";
import { firstStart, makeKey, requireKeys } from "./keys.ts";

/** One key of namespace `guest`, a clock that is set by hand, and how often the store was asked. */
function setting() {
  const { key, credential } = makeKey("guest", 1);
  const keys = new Map<string, Key>([[key.id, key]]);
  const state = { ms: 0, asked: 0 };
  const identifier = createIdentifier({
    world: { monotonic: () => state.ms },
    keys: {
      async get(id) {
        state.asked++;
        return keys.get(id);
      },
    },
  });
  const identify = async (authorization: string | undefined, loopback = false) =>
    identifier.identify({ header: (name) => (name === "authorization" ? authorization : undefined), loopback });
  return { key, keys, credential, identifier, identify, state };
}

test("who is calling", async () => {
  const { key, credential, identify } = setting();
  const basic = `Basic ${Buffer.from(credential).toString("base64")}`;
  const owner = { name: `key:${key.id}`, namespaces: ["guest"] };
  const check = async (authorization: string | undefined, loopback: boolean, expected: object | "refused") => {
    const label = `${authorization} ${loopback}`;
    if (expected !== "refused") return assert.deepEqual(await identify(authorization, loopback), expected, label);
    await assert.rejects(identify(authorization, loopback), (error: PlatformError) => {
      assert.equal(error.code, "unauthenticated", label);
      assert.match(String(error.details["wwwAuthenticate"]), /^Bearer realm=/);
      assert.ok(!error.message.includes(credential));
      return true;
    });
  };
  await check(undefined, true, { name: "local", namespaces: null });
  await check(undefined, false, "refused");
  for (const loopback of [true, false]) {
    await check(`Bearer ${credential}`, loopback, owner);
    await check(`bearer  ${credential} `, loopback, owner);
    await check(basic, loopback, owner);
    for (const wrong of [
      `Bearer ${credential}x`,
      `Bearer ${credential.slice(0, -1)}`,
      `Bearer ${key.id}`,
      `Bearer ${key.id}:`,
      `Bearer x${credential}`,
      `Bearer :${credential}`,
      `Bearer ${credential} more`,
      `Digest ${credential}`,
      "Basic !!!",
      "Basic",
      "",
      credential,
    ]) {
      await check(wrong, loopback, "refused");
    }
  }
});

test("a checked key is remembered for a while, and forgotten at once when it is removed", async () => {
  const { key, keys, credential, identifier, identify, state } = setting();
  await identify(`Bearer ${credential}`);
  await identify(`Bearer ${credential}`);
  assert.equal(state.asked, 1);
  keys.delete(key.id);
  await identify(`Bearer ${credential}`);
  identifier.forget(key.id);
  await assert.rejects(identify(`Bearer ${credential}`));
  await assert.rejects(identify(`Bearer ${credential.slice(0, -1)}`));
  keys.set(key.id, key);
  state.ms += 2000;
  await identify(`Bearer ${credential}`);
  keys.delete(key.id);
  state.ms += 11_000;
  await assert.rejects(identify(`Bearer ${credential}`));
});

test("a key that is removed while it is being read is not remembered", async () => {
  const { key, keys, credential, identifier, identify, state } = setting();
  const reading = identify(`Bearer ${credential}`);
  keys.delete(key.id);
  identifier.forget(key.id);
  await reading;
  await assert.rejects(identify(`Bearer ${credential}`));
  assert.equal(state.asked, 2);
});

test("another namespace looks like none", () => {
  const caller = { name: "key:a", namespaces: ["mine"] };
  authorize(caller, "mine");
  authorize({ name: "local", namespaces: null }, "any");
  assert.throws(() => authorize(caller, "theirs"), { code: "not_found", message: unknownNamespace("theirs").message });
});

test("keys have the shape that OpenWhisk's tools expect, and never repeat", () => {
  const credentials = Array.from({ length: 100 }, () => makeKey("guest", 1).credential);
  for (const credential of credentials) assert.match(credential, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}:[A-Za-z0-9]{64}$/);
  assert.equal(new Set(credentials).size, 100);
});

test("first start makes the namespace and its key once", async () => {
  const store = memoryStore();
  await assert.rejects(requireKeys({ host: "0.0.0.0" }, store), { code: "forbidden" });
  await requireKeys({ host: "127.0.0.1" }, store);
  await requireKeys({ host: "localhost" }, store);
  const credential = (await firstStart(store, realWorld())) as string;
  const [key] = await store.keys.list("guest");
  assert.equal(key?.id, credential.split(":")[0]);
  assert.ok(!JSON.stringify(key).includes(credential.split(":")[1] as string));
  assert.equal(await firstStart(store, realWorld()), null);
  await requireKeys({ host: "0.0.0.0" }, store);
  await store.keys.remove("guest", key?.id as string);
  await assert.rejects(requireKeys({ host: "::" }, store), { code: "forbidden" });
  assert.notEqual(await firstStart(store, realWorld()), null);
});
