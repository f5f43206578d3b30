import assert from "node:assert/strict";
import { test } from "node:test";
import { sampleFn } from "../../../test/samples.ts";
import type { InstallMode, Source } from "../../model/model.ts";
import { installFor, withDependencies } from "./dependencies.ts";

function sourceOf(digest: string, more: { install?: InstallMode; dependencies?: string } = {}): Source {
  return { type: "code", kind: "nodejs:24", digest, handler: null, command: null, ...more };
}

const dependenciesOf = (source: Source) => (source.type === "code" ? source.dependencies : null);

const never = new AbortController().signal;

async function asked(source: Source, stored: Source | null, isDeploy: boolean): Promise<boolean> {
  let count = 0;
  const install = async () => `key ${++count}`;
  const request = { source, stored: stored && sampleFn({ source: stored }), namespace: "guest", isDeploy };
  const installed = await installFor({ install }, request, never);
  assert.equal(installed?.dependencies, count === 0 ? undefined : "key 1");
  return count > 0;
}

test("packages are looked at with new code, another kind or another way of installing, and not with other settings", async () => {
  assert.equal(await asked(sourceOf("a"), null, true), true);
  assert.equal(await asked(sourceOf("a"), sourceOf("a"), true), true, "the same code again");
  assert.equal(await asked(sourceOf("a"), sourceOf("a"), false), false);
  assert.equal(await asked(sourceOf("a", { install: "scripts" }), sourceOf("a"), false), true);
  assert.equal(await asked({ type: "image", image: "x" }, null, true), false);
});

test("a revision has the packages that were installed for its code, or those it had", () => {
  const had = sourceOf("a", { dependencies: "old" });
  assert.equal(dependenciesOf(withDependencies(sourceOf("a"), had, null)), "old");
  assert.equal(dependenciesOf(withDependencies(sourceOf("a"), had, { source: sourceOf("a"), dependencies: "new" })), "new");
  assert.equal(dependenciesOf(withDependencies(sourceOf("a"), had, { source: sourceOf("a"), dependencies: null })), undefined);
  assert.equal(dependenciesOf(withDependencies(sourceOf("b"), had, null)), undefined);
});

test("code that somebody else put there meanwhile never gets them", () => {
  const installed = { source: sourceOf("a"), dependencies: "key" };
  assert.throws(() => withDependencies(sourceOf("b"), null, installed), { code: "conflict", message: /deploy it again/ });
});
