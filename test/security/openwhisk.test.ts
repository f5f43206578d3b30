/** OpenWhisk's door and those who have no right: whatever the routes offer is tried on another namespace, a route that comes later as well. */
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { endpoints } from "../../src/api/openwhisk/routes.ts";
import type { Invoker } from "../../src/invocation/invocation.ts";
import { PlatformError } from "../../src/model/error.ts";
import { done, type Json, said, type WhiskContext, whiskContext } from "../whisk-context.ts";

let whisk: WhiskContext;
let begun = 0;

/** Every call is counted, and none runs. */
const counting: Invoker = {
  begin(_request, _signal, caller) {
    begun++;
    caller.told({ ok: false, activationId: null, fn: null, error: noRoom(), recorded: null });
  },
  invoke: async () => assert.fail("nobody waits like this here"),
  accept: () => Promise.reject(noRoom()),
  async acceptAll(requests) {
    begun += requests.length;
    return requests.map(noRoom);
  },
};

function noRoom(): PlatformError {
  return new PlatformError("overloaded", "No room");
}

const action = { exec: { kind: "nodejs:default", code: "function main() {}" } };

/** What `other` has, by the words for it in the paths of routes; and nothing of what is called `none`. */
const things: Readonly<Record<string, readonly string[]>> = {
  "{package}": ["closed", "none"],
  "{action}": ["a", "none", "closed/a", "closed/none", "none/a"],
  "{trigger}": ["t", "none"],
  "{rule}": ["r", "none"],
};

async function furnish(): Promise<void> {
  for (const [request, body] of [
    ["PUT _/packages/closed", {}],
    ["PUT _/packages/open", { publish: true }],
    ["PUT _/actions/a", action],
    ["PUT _/actions/closed/a", action],
    ["PUT _/actions/open/a", action],
    ["PUT _/triggers/t", {}],
    ["PUT _/rules/r", { trigger: "/_/t", action: "/_/a" }],
  ] as const)
    await done(whisk, request, body, "other");
}

/** All that `other` has. */
async function belongings(): Promise<Json> {
  const collections = ["actions", "packages", "triggers", "rules", "activations"];
  return await Promise.all(collections.map((name) => done(whisk, `GET other/${name}?limit=0`, undefined, "other")));
}

/** A route's paths in a namespace, with everything that could stand in them. */
function pathsOf(shown: string, namespace: string, activation: string): readonly string[] {
  const below = shown.replace("/namespaces/{namespace}", namespace).replace("{activation}", activation);
  const word = /\{\w+\}/.exec(below)?.[0];
  if (word === undefined) return [below];
  assert.ok(things[word], `${shown} names a thing that these tests do not know`);
  return things[word].map((thing) => below.replace(word, thing));
}

describe("somebody else's namespace", () => {
  let fired: string;
  before(async () => {
    whisk = await whiskContext(counting);
    await furnish();
    const [, { activationId }] = await said(whisk, "POST _/triggers/t", {}, "other");
    fired = activationId;
    begun = 0;
  });

  const ofNamespaces = endpoints.filter(({ shown }) => shown.includes("{namespace}"));
  for (const { shown, methods } of ofNamespaces) {
    for (const [method, { shared }] of Object.entries(methods)) {
      if (shared === "always" && !shown.includes("{package}")) continue;
      test(`${method} ${shown} is refused, whether there is something or not, and changes nothing`, async () => {
        const there = await belongings();
        for (const namespace of ["other", "nobody"]) {
          for (const path of pathsOf(shown, namespace, fired)) {
            const [status, { error }] = await said(whisk, `${method} ${path}`, "{}");
            const named = /^The supplied authentication is not authorized to access '([^']*)'\.$/.exec(error)?.[1] ?? "";
            assert.equal(status, 403, `${path}: ${error}`);
            // No more than was asked: the namespace, its package, or the whole name.
            const asked = path.replace(/\/(actions|packages|triggers|rules)\b/, "").replace(/\/$/, "");
            assert.ok(asked === named || asked.startsWith(`${named}/`), `${path}: ${named}`);
          }
        }
        assert.deepEqual(await belongings(), there);
        assert.equal(begun, 0);
      });
    }
  }

  test("of its packages those are seen that it shares, and what is in them", async () => {
    assert.deepEqual(
      (await done(whisk, "GET other/packages")).map(({ name }: Json) => name),
      ["open"],
    );
    assert.deepEqual(await done(whisk, "GET nobody/packages"), []);
    assert.equal((await done(whisk, "GET other/actions/open/a")).name, "a");
    assert.equal((await done(whisk, "GET other/actions/open/")).length, 1);
    for (const method of ["PUT", "DELETE"])
      assert.equal((await said(whisk, `${method} other/actions/open/a?overwrite=true`, action))[0], 403);
    assert.equal((await said(whisk, "POST other/actions/open/a?blocking=true", {}))[0], 503);
    assert.equal(begun, 1, "it is called, in the name of who asks");
    begun = 0;
  });

  test("names of the whole world are refused before anything is looked up", async () => {
    for (const name of ["%C3%BC", "%F0%9F%A6%8A", "%E2%80%AE", "a%00b", "%2e%2e", "..%2f..", "a%0Ab", "%61%2Fb", "$", "a%5Cb"]) {
      for (const path of [`other/actions/${name}`, `other/actions/p/${name}`, `other/rules/${name}`, `${name}/triggers/t`]) {
        const [status, { error }] = await said(whisk, `GET ${path}`);
        const where = path.startsWith(name) ? "namespace" : "name of the entity";
        assert.deepEqual([status, error], [400, `The ${where} contains illegal characters.`], path);
      }
    }
  });

  test("names that objects have of themselves are names as any", async () => {
    for (const name of ["constructor", "__proto__", "toString", "hasOwnProperty", "_a", "count"]) {
      for (const [collection, body] of [
        ["actions", action],
        ["packages", {}],
        ["triggers", {}],
      ] as const) {
        const path = `${collection}/${name}`;
        assert.equal((await said(whisk, `GET _/${path}`))[0], 404, path);
        assert.equal((await done(whisk, `PUT _/${path}`, body)).name, name);
        await done(whisk, `DELETE _/${path}`);
      }
      const own = [{ key: name, value: 1 }];
      const [status, made] = await said(whisk, "PUT _/triggers/own?overwrite=true", { parameters: own, annotations: own });
      // This one would be no member of an object, but what it is made of.
      if (name === "__proto__") assert.deepEqual([status, made.error.split("\n")[1]], [400, "annotations malformed!"]);
      else assert.deepEqual([made.parameters, made.annotations], [own, own], name);
    }
  });
});
