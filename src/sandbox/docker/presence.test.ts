import assert from "node:assert/strict";
import { test } from "node:test";
import { setWorld } from "../../../test/set-world.ts";
import { EnginePresence } from "./presence.ts";

function make() {
  const world = setWorld();
  const said: string[] = [];
  const presence = new EnginePresence(world, (message) => said.push(message));
  void presence.found.then(() => said.push("found"));
  return { world, said, presence };
}

/** Lets promises tell. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

test("an engine that is still starting is waited for, and nothing is said of it", async () => {
  const { world, said, presence } = make();
  presence.isAway(new Error("no socket"));
  world.pass(3000);
  await turn();
  assert.deepEqual(said, []);
  assert.match(presence.trouble ?? "", /no socket/);
  presence.isThere();
  await turn();
  assert.deepEqual(said, ["found"]);
  assert.equal(presence.trouble, null);
  world.pass(60_000);
  assert.deepEqual(said, ["found"]);
});

test("one that does not come is waited for no longer, and told of once, as is its return", async () => {
  const { world, said, presence } = make();
  presence.isAway(new Error("no socket"));
  world.pass(10_000);
  await turn();
  const away = "Docker does not answer: functions of images cannot run";
  assert.deepEqual(said, [away, "found"]);
  presence.isAway(new Error("no socket"));
  assert.equal(said.length, 2);
  presence.isThere();
  assert.deepEqual(said.slice(2), ["Docker answers again"]);
  presence.isAway(new Error("gone"));
  assert.deepEqual(said.slice(3), [away]);
});
