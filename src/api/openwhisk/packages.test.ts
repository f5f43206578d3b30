/** Packages, triggers and rules: what they look like, what is refused, and how changes meet. No call runs here. */
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import {
  done as doneBy,
  type Json,
  said as saidBy,
  type WhiskContext,
  whiskContext,
  type Who,
} from "../../../test/whisk-context.ts";
import { recordedEvent } from "../../invocation/caused-by.ts";
import { PlatformError } from "../../model/error.ts";

const noRoom = new PlatformError("overloaded", "No room", { details: { limit: "memory" } });
let whisk: WhiskContext;

beforeEach(async () => {
  whisk = await whiskContext({
    begin: (_request, _signal, caller) => caller.told({ ok: false, activationId: null, fn: null, error: noRoom, recorded: null }),
    invoke: async () => ({ ok: false, activationId: null, fn: null, error: noRoom, recorded: null }),
    accept: async () => Promise.reject(noRoom),
    async acceptAll(requests, event) {
      const calls = requests.map(() => noRoom);
      if (event === undefined) return calls;
      const { record, result } = recordedEvent(event, event.rules(calls));
      await whisk.context.store.activations.append([record], new Map([[record.id, result]]));
      return calls;
    },
  });
});

const said = (request: string, body?: object | string, who?: Who) => saidBy(whisk, request, body, who);
const done = (request: string, body?: object | string, who?: Who) => doneBy(whisk, request, body, who);

const action = { exec: { kind: "nodejs:default", code: "function main() {}" } };
const malformed = "The request content was malformed:\n";
const missing = "The requested resource does not exist.";
const elsewhere = "Resource by this name exists but is not in this collection.";
const notYours = (what: string) => `The supplied authentication is not authorized to access '${what}'.`;
const unqualified = `${malformed}requirement failed: The fully qualified name of the entity must contain at least the namespace and the name of the entity.`;

/** There is: packages `p` (with action `x`) and `shared`, binding `b` of `p`, action `a`, trigger `t`, rule `r` of both; of `other` packages `open` and `closed`. */
async function furnish(): Promise<void> {
  for (const [name, body] of [
    ["p", {}],
    ["shared", { publish: true }],
    ["b", { binding: { namespace: "_", name: "p" } }],
  ] as const)
    await done(`PUT _/packages/${name}`, body);
  for (const name of ["p/x", "a"]) await done(`PUT _/actions/${name}`, action);
  await done("PUT _/triggers/t", {});
  await done("PUT _/rules/r", { trigger: "/_/t", action: "/_/a", status: "" });
  await done("PUT _/packages/open", { publish: true }, "other");
  await done("PUT _/actions/open/x", action, "other");
  await done("PUT _/packages/closed", {}, "other");
}

const refusals: readonly (readonly [request: string, status: number, error: string, body?: object | string])[] = [
  ["GET _/packages/none", 404, "The requested resource 'guest/none' does not exist."],
  ["GET other/packages/none", 403, notYours("other/none")],
  ["GET other/packages/closed", 403, notYours("other/closed")],
  ["GET other/actions/closed/", 403, notYours("other/closed")],
  ["GET other/actions/closed/x", 403, notYours("other/closed")],
  ["GET other/actions/open/none", 404, missing],
  ["GET other/actions/x", 403, notYours("other/x")],
  ["GET other/triggers", 403, notYours("other")],
  ["GET other/triggers/t", 403, notYours("other/t")],
  ["GET other/rules", 403, notYours("other")],
  ["DELETE other/packages/open", 403, notYours("other/open")],
  ["PUT other/packages/open?overwrite=true", 403, notYours("other/open"), {}],
  ["PUT other/actions/open/x", 403, notYours("other/open/x"), action],
  ["POST other/triggers/t", 403, notYours("other/t")],
  ["POST _/packages/p", 405, "HTTP method not allowed, supported methods: GET, PUT, DELETE"],
  ["PUT _/packages/default", 400, "Package name 'default' is reserved.", {}],
  ["PUT _/packages/_", 400, "Package name '_' is reserved.", {}],
  ["PUT _/packages/p", 409, "resource already exists", {}],
  ["PUT _/packages/a", 409, elsewhere, {}],
  ["GET _/packages/a", 409, elsewhere],
  ["DELETE _/packages/t", 409, elsewhere],
  ["PUT _/packages/n", 400, `${malformed}parameters malformed!`, { parameters: [{ name: "x" }] }],
  ["PUT _/packages/n", 400, `${malformed}publish malformed!`, { publish: "yes" }],
  ["PUT _/packages/n", 400, `${malformed}binding malformed!`, { binding: { namespace: 1, name: "x" } }],
  ["PUT _/packages/n", 400, "Binding references a package that does not exist.", { binding: { namespace: "_", name: "none" } }],
  ["PUT _/packages/n", 400, "Cannot bind to another package binding.", { binding: { namespace: "guest", name: "b" } }],
  ["PUT _/packages/n", 409, "Cannot bind to a resource that is not a package.", { binding: { namespace: "_", name: "a" } }],
  ["PUT _/packages/n", 403, notYours("other/closed"), { binding: { namespace: "other", name: "closed" } }],
  ["PUT _/packages/n", 403, notYours("other/none"), { binding: { namespace: "other", name: "none" } }],
  [
    "PUT _/packages/p?overwrite=true",
    409,
    "Resource is a package and cannot be converted into a binding.",
    { binding: { namespace: "other", name: "open" } },
  ],
  ["DELETE _/packages/p", 409, "Package not empty (contains 1 entity). Set force param or delete package contents."],
  ["PUT _/actions/b/n", 400, "Operation not permitted on package binding.", action],
  ["DELETE _/actions/b/x", 400, "Operation not permitted on package binding."],
  ["PUT _/actions/none/n", 404, missing, action],
  ["PUT _/actions/t", 409, elsewhere, action],
  ["GET _/actions/r", 409, elsewhere],
  ["GET _/triggers/none", 404, missing],
  ["GET _/triggers/a", 409, elsewhere],
  ["PUT _/triggers/p", 409, elsewhere, {}],
  ["PUT _/triggers/t", 409, "resource already exists", {}],
  ["PUT _/triggers/n", 400, "Feed name is not valid", { annotations: [{ key: "feed", value: 1 }] }],
  ["PUT _/triggers/n", 400, "Feed name is not valid", { annotations: [{ key: "feed", value: "/a/b!" }] }],
  ["POST _/triggers/none", 404, missing],
  ["POST _/triggers/a", 409, elsewhere],
  ["POST _/triggers/t", 400, `${malformed}Object expected`, "[1]"],
  ["PUT _/rules/n", 400, "rule requires a valid trigger and a valid action", { trigger: "/_/t" }],
  ["PUT _/rules/n", 400, "trigger /guest/none does not exist", { trigger: "/_/none", action: "/_/a" }],
  ["PUT _/rules/n", 400, "action /guest/none does not exist", { trigger: "/_/t", action: "/guest/none" }],
  ["PUT _/rules/n", 400, "action /guest/none/x does not exist", { trigger: "/_/t", action: "/guest/none/x" }],
  ["PUT _/rules/n", 400, "action /other/open/none does not exist", { trigger: "/_/t", action: "/other/open/none" }],
  ["PUT _/rules/n", 403, notYours("other/closed"), { trigger: "/_/t", action: "/other/closed/x" }],
  ["PUT _/rules/n", 403, notYours("other/a"), { trigger: "/_/t", action: "/other/a" }],
  ["PUT _/rules/n", 403, notYours("other/a, other/t"), { trigger: "/other/t", action: "/other/a" }],
  ["PUT _/rules/n", 400, unqualified, { trigger: "t", action: "/_/a" }],
  ["PUT _/rules/n", 400, unqualified, { trigger: { name: "t" }, action: "/_/a" }],
  ["PUT _/rules/t", 409, elsewhere, { trigger: "/_/t", action: "/_/a" }],
  ["PUT _/rules/r", 409, "resource already exists", { trigger: "/_/t", action: "/_/a" }],
  ["GET _/rules/none", 404, missing],
  ["POST _/rules/none", 404, missing, { status: "active" }],
  [
    "POST _/rules/r",
    400,
    `${malformed}'on' is not a recognized rule state, must be one of ['active', 'inactive']`,
    { status: "on" },
  ],
  [
    "GET _/packages?limit=201",
    400,
    "The query parameter 'limit' was malformed:\nThe value '201' is not in the range of 0 to 200 for packages.",
  ],
];

for (const [request, status, error, body] of refusals) {
  test(`${status} ${request} ${JSON.stringify(body ?? "")}`, async () => {
    await furnish();
    const [answered, json] = await said(request, body);
    assert.deepEqual([answered, json.error], [status, error]);
  });
}

test("what is made comes back; what a change leaves out stays, and annotations are replaced", async () => {
  const parameters = [{ key: "a", value: 1.5 }];
  const annotations = [{ key: "x", value: { deep: [1] } }];
  for (const path of ["packages/e", "triggers/f"]) {
    const made = await done(`PUT _/${path}`, { parameters, annotations, namespace: "ignored", name: "ignored" });
    assert.deepEqual([made.namespace, made.version, made.publish, made.parameters], ["guest", "0.0.1", false, parameters]);
    assert.deepEqual(made.annotations, annotations);
    const changed = await done(`PUT _/${path}?overwrite=true`, { annotations: [{ key: "y", value: 2 }] });
    assert.deepEqual([changed.version, changed.parameters, changed.annotations], ["0.0.2", parameters, [{ key: "y", value: 2 }]]);
    const numbered = await done(`PUT _/${path}?overwrite=true`, { version: "2.1.0", publish: true, parameters: [] });
    assert.deepEqual([numbered.version, numbered.publish, numbered.parameters], ["2.1.0", true, []]);
    assert.deepEqual(
      [(await done(`PUT _/${path}?overwrite=true`, {})).version, (await done(`DELETE _/${path}`)).publish],
      ["2.1.1", true],
    );
    assert.equal((await said(`GET _/${path}`))[0], 404);
  }
});

test("a parameter of a package that is marked init is environment, and shown so with its actions", async () => {
  const parameters = [
    { key: "PLACE", value: "here", init: true },
    { key: "a", value: 1 },
  ];
  await done("PUT _/packages/env", { parameters });
  await done("PUT _/actions/env/x", { ...action, parameters: [{ key: "a", value: 2 }] });
  const app = await whisk.context.store.apps.getByName("guest", "env");
  assert.deepEqual([app?.config, app?.parameters], [{ PLACE: "here" }, { PLACE: "here", a: 1 }]);
  assert.deepEqual((await done("GET _/actions/env/x")).parameters, [{ key: "a", value: 2 }, parameters[0]]);
  assert.deepEqual((await whisk.context.definition("guest", { by: "name", app: "env", name: "x" })).fn.parameters, { a: 2 });
});

function names(list: Json): Json {
  return list.map(({ name }: Json) => name);
}

test("lists begin with what changed last; others see what is published", async () => {
  await furnish();
  assert.equal((await done("GET _/packages?limit=1")).length, 1);
  assert.deepEqual(
    [await done("GET _/packages?count=true"), await done("GET _/rules?count=true&skip=1")],
    [{ packages: 3 }, { rules: 0 }],
  );
  assert.deepEqual(names(await done("GET guest/packages", undefined, "other")), ["shared"]);
  assert.deepEqual(await done("GET guest/packages?count=true", undefined, "other"), { packages: 1 });
  const all = await done("GET _/packages");
  assert.deepEqual(names(all).toSorted(), ["b", "p", "shared"]);
  assert.deepEqual(
    all.map(({ updated }: Json) => updated),
    all.map(({ updated }: Json) => updated).toSorted((one: number, next: number) => next - one),
  );
  const bindings = Object.fromEntries(all.map(({ name, binding }: Json) => [name, binding]));
  assert.deepEqual(bindings, { b: { namespace: "guest", name: "p" }, p: false, shared: false });
  assert.deepEqual(names(await done("GET _/actions/b/")), ["x"]);
  assert.deepEqual(names(await done("GET other/actions/open/")), ["x"]);
  const [rule] = await done("GET _/rules");
  assert.deepEqual(
    [rule.trigger, rule.action, rule.status],
    [{ path: "guest", name: "t" }, { path: "guest", name: "a" }, undefined],
  );
  assert.deepEqual(Object.keys((await done("GET _/triggers"))[0]), [
    "namespace",
    "name",
    "version",
    "publish",
    "annotations",
    "updated",
    "parameters",
  ]);
});

test("a package goes with what is in it, when it is forced to; a binding goes alone", async () => {
  await furnish();
  await done("DELETE _/packages/b");
  await done("DELETE _/packages/p?force=true");
  assert.deepEqual(await said("GET _/actions/p/x").then(([status]) => status), 404);
  assert.deepEqual(
    (await done("GET _/actions")).map(({ name }: Json) => name),
    ["a"],
  );
});

const all = Array.from({ length: 50 }, (_, index) => index);
const annotated = (value: number) => ({ annotations: [{ key: `by${value}`, value }] });

test("of fifty writers at once nobody's change is lost: each gets a version of its own, and none is left out", async () => {
  await furnish();
  for (const path of ["actions/a", "actions/p/x", "packages/p", "packages/b", "triggers/t", "rules/r"]) {
    const written = await Promise.all(all.map((value) => done(`PUT _/${path}?overwrite=true`, annotated(value))));
    assert.deepEqual(new Set(written.map(({ version }) => version)), new Set(all.map((value) => `0.0.${value + 2}`)), path);
    const { version, annotations } = await done(`GET _/${path}`);
    assert.equal(version, "0.0.51", path);
    // Those of actions are merged, so that all are there.
    const by = annotations.filter(({ key }: Json) => key.startsWith("by"));
    assert.equal(by.length, path.startsWith("actions/") ? all.length : 1, path);
    const last = written.find((each) => each.version === version);
    assert.deepEqual(last.annotations, annotations, path);
  }
});

test("of fifty who make or remove the same at once one does", async () => {
  await furnish();
  for (const [path, body] of [
    ["actions/new", action],
    ["actions/p/new", action],
    ["packages/fresh", {}],
    ["triggers/early", {}],
    ["rules/novel", { trigger: "/_/t", action: "/_/a" }],
  ] as const) {
    const made = await Promise.all(all.map(() => said(`PUT _/${path}`, body)));
    const told = made.map(([status, { error = "" }]) => `${status} ${error}`);
    assert.deepEqual(told.toSorted(), ["200 ", ...Array<string>(49).fill("409 resource already exists")], path);
    const removed = await Promise.all(all.map(() => said(`DELETE _/${path}`)));
    assert.deepEqual(removed.map(([status]) => status).toSorted(), [200, ...Array<number>(49).fill(404)], path);
  }
});

test("an event whose calls are all refused is recorded, and says why", async () => {
  await furnish();
  const [status, fired] = await said("POST _/triggers/t", { a: 1 });
  assert.equal(status, 202);
  const { logs, response } = await done(`GET _/activations/${fired.activationId}`);
  assert.deepEqual(response.result, { a: 1 });
  assert.deepEqual(JSON.parse(logs[0]), {
    rule: "guest/r",
    action: "guest/a",
    statusCode: 3,
    success: false,
    error: "System is overloaded, try again later.",
  });
  await done("POST _/rules/r", { status: "inactive" });
  await done("POST _/rules/r", { status: "inactive" });
  assert.deepEqual(await said("POST _/triggers/t"), [204, null]);
});
