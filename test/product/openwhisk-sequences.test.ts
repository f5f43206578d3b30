/** Sequences and conductors: over plain HTTP, with OpenWhisk's own client for Node, and by the other doors. */
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { until } from "../assembled-invocation.ts";
import { idToHex } from "../../src/model/id.ts";
import { call, put, send } from "../client.ts";
import { npmKit } from "../kits.ts";
import { type Platform, startPlatform } from "../platform.ts";
import { invoke, linesOf, putAction, whisk, type WhiskActivation } from "../whisk.ts";

interface Activation extends WhiskActivation {
  readonly name: string;
  readonly cause?: string;
  readonly duration: number;
  readonly logs: readonly string[];
}

interface Action {
  readonly version: string;
  readonly exec: { readonly kind: string; readonly components?: readonly string[] };
  readonly parameters: readonly { readonly key: string; readonly value: unknown }[];
}

let platform: Platform;
let other: { readonly url: string; readonly auth: string };

const codes = {
  inc: "function main({ n = 0 }) { return { n: n + 1 }; }",
  double: "function main({ n }) { return { n: 2 * n }; }",
  fail: "function main() { return { error: 'as it was told', more: 1 }; }",
  throws: "function main() { throw new Error('broken'); }",
  list: "function main() { return [1, 2, 3]; }",
  sum: "function main(list) { return { sum: list.reduce((all, each) => all + each, 0) }; }",
  sleeps: "function main(p) { return new Promise((done) => setTimeout(() => done({ slept: p.ms }), p.ms)); }",
};

/** Counts up until it is enough, by way of the step that it is told of. */
const conductor = `function main({ n = 0, until, step, turns = 0, error }) {
  if (error) return { params: { told: error, turns } };
  return n >= until ? { params: { n, turns } } : { action: step, params: { n }, state: { until, step, turns: turns + 1 } };
}`;
const conducts = [{ key: "conductor", value: true }];

before(async () => {
  platform = await startPlatform();
  const made = await call(`${platform.url}/kiln/v1/namespaces`, { name: "other" });
  other = { url: platform.url, auth: String(made.json["auth"]) };
  for (const [name, code] of Object.entries(codes)) await putAction(platform, name, { exec: { kind: "nodejs:default", code } });
  await putAction(platform, "conducts", { exec: { kind: "nodejs:default", code: conductor }, annotations: conducts });
  await sequence("all", ["/_/inc", "/guest/double", "/_/inc"]);
});
after(async () => {
  assert.equal(await platform?.stop(), 0);
});

const exec = (components: unknown) => ({ exec: { kind: "sequence", components } });
const sequence = (name: string, components: readonly string[]) => putAction(platform, name, exec(components));
const annotation = ({ annotations }: WhiskActivation, key: string): unknown =>
  annotations.find((each) => each.key === key)?.value;

async function activation(id: string): Promise<Activation> {
  return await until(async () => {
    const { status, body } = await whisk<Activation>(platform, "GET", `activations/${id}`);
    return status === 200 ? body : undefined;
  });
}

async function called(name: string, parameters: object = {}): Promise<{ readonly status: number; readonly body: Activation }> {
  return (await invoke(platform, name, parameters)) as { status: number; body: Activation };
}

test("a sequence is shown as it was made, and has no parameters but one", async () => {
  const actions = ["/guest/inc", "/guest/double", "/guest/inc"];
  const body = { ...exec(["/_/inc", "/guest/double", "/_/inc"]), parameters: [{ key: "a", value: 1 }] };
  const made = await whisk<Action>(platform, "PUT", "actions/shown", body);
  assert.equal(made.status, 200);
  assert.deepEqual(made.body.exec.components, actions);
  assert.deepEqual(made.body.parameters, [{ key: "_actions", value: actions }]);
  const update = { parameters: [{ key: "b", value: 1 }], limits: { timeout: 5000 } };
  const kept = await whisk<Action>(platform, "PUT", "actions/shown?overwrite=true", update);
  assert.deepEqual([kept.body.version, kept.body.exec.kind, kept.body.parameters], ["0.0.2", "sequence", made.body.parameters]);
  const coded = await whisk<Action>(platform, "PUT", "actions/shown?overwrite=true", {
    exec: { kind: "nodejs:default", code: codes.inc },
  });
  assert.deepEqual([coded.body.exec.kind.split(":")[0], coded.body.parameters], ["nodejs", []]);
});

const malformed = (reason: string) => `The request content was malformed:\n${reason}`;
const unqualified = malformed(
  "requirement failed: The fully qualified name of the entity must contain at least the namespace and the name of the entity.",
);
const refusals: readonly (readonly [what: string, components: unknown, status: number, error: string])[] = [
  ["nothing", undefined, 400, malformed("'components' must be defined for sequence kind")],
  ["no list", "/_/inc", 400, malformed("'components' must be an array")],
  ["an empty list", [], 400, "No component specified for the sequence."],
  ["an unqualified name", ["inc"], 400, unqualified],
  ["what is no name", [5], 400, unqualified],
  ["an illegal name", ["/_/in?c"], 400, "The name of the entity contains illegal characters."],
  ["too many", Array<string>(51).fill("/_/inc"), 400, "Too many actions in the sequence."],
  ["too many in sequences", Array<string>(17).fill("/_/all"), 400, "Too many actions in the sequence."],
  ["itself", ["/_/inc", "/_/refused"], 400, "Sequence may not refer to itself."],
  ["what is not there", ["/_/inc", "/_/nothing"], 400, "Sequence component does not exist."],
  ["what is in no package", ["/_/nothing/inc"], 400, "Sequence component does not exist."],
  [
    "what is somebody else's",
    ["/_/inc", "/other/tools/inc", "/other/inc"],
    403,
    "The supplied authentication is not authorized to access 'other/inc, other/tools/inc'.",
  ],
];
for (const [what, components, status, error] of refusals) {
  test(`a sequence is refused that is made of ${what}`, async () => {
    const answer = await whisk<{ error: string }>(platform, "PUT", "actions/refused", exec(components));
    assert.deepEqual([answer.status, answer.body.error], [status, error]);
    assert.equal((await whisk(platform, "GET", "actions/refused")).status, 404);
  });
}

test("a sequence is refused that comes back to itself by others", async () => {
  await sequence("inner", ["/_/inc"]);
  await sequence("outer", ["/_/inner"]);
  const answer = await whisk<{ error: string }>(platform, "PUT", "actions/inner?overwrite=true", exec(["/_/inc", "/_/outer"]));
  assert.deepEqual([answer.status, answer.body.error], [400, "Sequence may not refer to itself."]);
});

test("a call of a sequence has a record of its own, and each step has one that names it", async () => {
  const { status, body } = await called("all", { n: 4 });
  assert.equal(status, 200, JSON.stringify(body));
  assert.deepEqual([body.response.result, body.cause], [{ n: 11 }, undefined]);
  const shown = ["kind", "topmost", "causedBy", "conductor", "timeout", "initTime"].map((key) => annotation(body, key));
  assert.deepEqual(shown, ["sequence", true, undefined, undefined, undefined, undefined]);
  const steps = await Promise.all(body.logs.map(activation));
  assert.deepEqual(
    steps.map(({ name, cause, response }) => [name, cause, response.result]),
    [
      ["inc", body.activationId, { n: 5 }],
      ["double", body.activationId, { n: 10 }],
      ["inc", body.activationId, { n: 11 }],
    ],
  );
  for (const step of steps)
    assert.deepEqual([annotation(step, "causedBy"), annotation(step, "topmost")], ["sequence", undefined]);
  assert.equal(
    body.duration,
    steps.reduce((sum, { duration }) => sum + duration, 0),
  );
  await until(async () => ((await activation(body.activationId)).logs.length === 3 ? true : undefined));
  const { logs, ...stored } = await activation(body.activationId);
  assert.deepEqual({ ...stored, logs }, body);
});

test("a sequence of sequences: each has its record; memory is the most of all", async () => {
  await putAction(platform, "big", { exec: { kind: "nodejs:default", code: codes.inc }, limits: { memory: 384 } });
  await sequence("deep", ["/_/all", "/_/big"]);
  const { body } = await called("deep", { n: 0 });
  assert.deepEqual([body.response.result, body.logs.length], [{ n: 4 }, 2]);
  assert.equal((annotation(body, "limits") as { memory: number }).memory, 384);
  const inner = await activation(body.logs[0] ?? "");
  assert.deepEqual(
    [inner.name, inner.cause, annotation(inner, "topmost"), annotation(inner, "causedBy")],
    ["all", body.activationId, false, "sequence"],
  );
});

test("an array goes from step to step, and is the whole answer of the last", async () => {
  await sequence("sums", ["/_/list", "/_/sum"]);
  await sequence("lists", ["/_/inc", "/_/list"]);
  assert.deepEqual((await called("sums")).body.response.result, { sum: 6 });
  assert.deepEqual((await called("lists")).body, [1, 2, 3]);
});

test("a step that fails is the last, and the sequence ends as it did", async () => {
  await sequence("fails", ["/_/inc", "/_/fail", "/_/inc"]);
  await sequence("breaks", ["/_/throws", "/_/inc"]);
  const failed = await called("fails", { error: "of the caller" });
  assert.deepEqual([failed.status, failed.body.response.status, failed.body.logs.length], [502, "application error", 2]);
  assert.deepEqual(failed.body.response.result, { error: "as it was told" });
  const broken = await called("breaks");
  assert.deepEqual([broken.status, broken.body.response.status, broken.body.logs.length], [502, "action developer error", 1]);
  const step = await activation(broken.body.logs[0] ?? "");
  assert.deepEqual([broken.body.response.status, broken.body.response.result], [step.response.status, step.response.result]);
});

test("a step whose time is up says its own limit; one that is gone is told, with what ran before", async () => {
  const limits = { timeout: 300 };
  await putAction(platform, "impatient", { exec: { kind: "nodejs:default", code: codes.sleeps }, limits });
  await putAction(platform, "gone", { exec: { kind: "nodejs:default", code: codes.inc } });
  await sequence("slow", ["/_/impatient", "/_/inc"]);
  await sequence("gaps", ["/_/inc", "/_/gone"]);
  const late = await called("slow", { ms: 60_000 });
  assert.deepEqual(late.body.response, {
    ...late.body.response,
    status: "action developer error",
    result: { error: "The action exceeded its time limits of 300 milliseconds." },
  });
  assert.equal((await whisk(platform, "DELETE", "actions/gone")).status, 200);
  const { body } = await called("gaps");
  assert.deepEqual([body.response.status, body.logs.length], ["application error", 1]);
  assert.deepEqual(body.response.result, { error: "Sequence component does not exist." });
});

test("a sequence that is not waited for ends with its record, and so does one that outlasts its wait", async () => {
  await sequence("long", ["/_/sleeps", "/_/sleeps"]);
  const unwaited = await whisk<Activation>(platform, "POST", "actions/all", { n: 4 });
  assert.equal(unwaited.status, 202);
  assert.deepEqual((await activation(unwaited.body.activationId)).response.result, { n: 11 });
  const outlasting = await whisk<Activation>(platform, "POST", "actions/long?blocking=true&timeout=100", { ms: 400 });
  assert.equal(outlasting.status, 202);
  const { response, activationId } = await activation(outlasting.body.activationId);
  assert.equal(response.success, true);
  assert.equal((await linesOf(platform, activationId, 2)).length, 2);
});

test("what another namespace shares can be a step, as long as it does", async () => {
  const shared = (publish: boolean) => whisk(other, "PUT", "packages/shared?overwrite=true", { publish });
  assert.equal((await shared(true)).status, 200);
  await putAction(other, "shared/inc", { exec: { kind: "nodejs:default", code: codes.inc } });
  await sequence("borrows", ["/_/inc", "/other/shared/inc"]);
  const { body } = await called("borrows");
  assert.deepEqual(body.response.result, { n: 2 });
  assert.equal((await shared(false)).status, 200);
  const refused = await whisk<{ error: string }>(platform, "POST", "actions/borrows?blocking=true", {});
  assert.deepEqual(
    [refused.status, refused.body.error],
    [403, "The supplied authentication is not authorized to access 'other/shared/inc'."],
  );
});

test("a conductor says what is called next; all of it is one record with those of its steps", async () => {
  const { status, body } = await called("conducts", { until: 2, step: "inc" });
  assert.deepEqual([status, body.response.result], [200, { n: 2, turns: 2 }]);
  const shown = ["kind", "conductor", "topmost", "causedBy"].map((key) => annotation(body, key));
  assert.deepEqual(shown, ["sequence", true, true, undefined]);
  const steps = await Promise.all(body.logs.map(activation));
  assert.deepEqual(
    steps.map(({ name, cause }) => [name, cause === body.activationId]),
    ["conducts", "inc", "conducts", "inc", "conducts"].map((name) => [name, true]),
  );
  const [first] = steps as [Activation];
  const ofCode = ["causedBy", "conductor", "topmost"].map((key) => annotation(first, key));
  assert.deepEqual(ofCode, ["sequence", undefined, undefined]);
  assert.match(String(annotation(first, "kind")), /^nodejs:/);
});

test("a conductor hears of failures and goes on; its limits end it", async () => {
  const missing = await called("conducts", { until: 2, step: "nothing" });
  const told = "Failed to resolve action with name 'guest/nothing' during composition.";
  assert.deepEqual(missing.body.response.result, { told, turns: 1 });
  const failing = await called("conducts", { until: 2, step: "throws" });
  assert.equal(failing.body.response.status, "success");
  assert.match(JSON.stringify(failing.body.response.result), /broken/);
  const endless = await called("conducts", { until: 1000, step: "inc" });
  assert.deepEqual(endless.body.response.result, { told: "Too many actions in the composition.", turns: 51 });
  assert.equal(endless.body.logs.length, 102);
});

test("a conductor that calls itself, or a sequence that it is a step of, ends by a limit", async () => {
  const itself = "function main({ error, step }) { return error ? { error } : { action: step, params: { step } }; }";
  await putAction(platform, "calls", { exec: { kind: "nodejs:default", code: itself }, annotations: conducts });
  await sequence("around", ["/_/calls"]);
  for (const step of ["calls", "around"]) {
    const { status, body } = await called("calls", { step });
    assert.deepEqual([status, body.response.result], [502, { error: "Too many actions in the composition." }], step);
  }
});

test("how long sequences may be is told", async () => {
  const { limits } = (await send("GET", `${platform.url}/`)).json as { limits: Record<string, number> };
  assert.equal(limits["sequence_length"], 50);
});

test("a sequence is a web action where it says so", async () => {
  const annotations = [{ key: "web-export", value: true }];
  await putAction(platform, "page", {
    exec: { kind: "nodejs:default", code: "function main({ n }) { return { body: `n is ${n}` }; }" },
  });
  await putAction(platform, "web", { ...exec(["/_/double", "/_/page"]), annotations });
  const page = await send("GET", `${platform.url}/api/v1/web/guest/default/web?n=4`);
  assert.deepEqual([page.status, page.text], [200, "n is 8"]);
});

test("the other doors show a sequence and call it", async () => {
  const path = `${platform.url}/kiln/v1/namespaces/guest/apps/_/functions/all`;
  const shown = (await send("GET", path)).json as { id: string; components: unknown; kind: unknown };
  assert.deepEqual([shown.components, shown.kind], [["/guest/inc", "/guest/double", "/guest/inc"], null]);
  assert.deepEqual((await call(`${path}/invoke`, { n: 4 })).json, { n: 11 });
  assert.deepEqual((await call(`${platform.url}/invoke/${shown.id}`, { n: 4 })).json, { n: 11 });
  const queued = await call(`${path}/invoke?wait=none`, { n: 4 });
  assert.equal(queued.status, 202, queued.text);
  assert.deepEqual((await activation(idToHex(queued.activationId))).response.result, { n: 11 });
  assert.deepEqual((await put(path, { memoryMiB: 300 }))["components"], shown.components);
  const refused = await send("PUT", path, '{"provisioned":1}', { "content-type": "application/json" });
  assert.equal(refused.status, 400, refused.text);
});

test("OpenWhisk's own client makes sequences and conductors, and calls them", async () => {
  interface Client {
    readonly actions: {
      create(options: object): Promise<Action>;
      invoke(options: object): Promise<unknown>;
    };
  }
  const kit = await npmKit(["openwhisk@3.21.9"]);
  const openwhisk = createRequire(join(kit, "package.json"))("openwhisk") as (options: object) => Client;
  const { actions } = openwhisk({ apihost: platform.url, api_key: platform.auth });
  const made = await actions.create({ name: "byclient", sequence: ["/_/inc", "/_/double"] });
  assert.deepEqual(made.exec.components, ["/guest/inc", "/guest/double"]);
  assert.deepEqual(await actions.invoke({ name: "byclient", blocking: true, result: true, params: { n: 1 } }), { n: 4 });
  await actions.create({ name: "conductsbyclient", action: conductor, annotations: { conductor: true } });
  const params = { until: 4, step: "/guest/byclient", n: 1 };
  assert.deepEqual(await actions.invoke({ name: "conductsbyclient", blocking: true, result: true, params }), { n: 4, turns: 1 });
});
