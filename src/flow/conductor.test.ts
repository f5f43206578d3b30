import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { until } from "../../test/assembled-invocation.ts";
import { type Functions, flowWorld, hang, scriptMs, type Script } from "../../test/scripted-flows.ts";
import { Cancel } from "../lib/cancel.ts";
import { PlatformError } from "../model/error.ts";
import type { Activation, Fn } from "../model/model.ts";

const inc: Script = ({ n }) => ({ n: Number(n ?? 0) + 1 });
const fail: Script = () => ({ error: "no" });
const broken: Script = () => Promise.reject(new Error("broken"));
const forever: Script = ({ error }) => (error === undefined ? { action: "inc" } : { params: { error } });
const names = (records: readonly Activation[]) => records.map(({ functionName }) => functionName);

/** Says one thing after the other, and in the end what it was sent last. */
function says(...all: readonly unknown[]): Script {
  const left = [...all];
  return (parameters) => left.shift() ?? { params: { last: parameters } };
}

const conducts: Partial<Fn> = { annotations: { conductor: "true" } };

/** The function `c` conducts. */
async function conducted(functions: Functions, payload: unknown = {}) {
  const world = await flowWorld(functions, { c: conducts, d: conducts });
  return { ...world, end: await world.call("c", payload) };
}

describe("a conductor", () => {
  test("names what is called next, is told what it answered, and ends when it names nothing", async () => {
    const c = says(
      { action: "inc", params: { n: 3 } },
      { action: "/guest/inc", params: { n: 8 } },
      { params: { done: true }, state: { x: 1 } },
    );
    const { end } = await conducted({ c, inc });
    assert.deepEqual(end.answer, { done: true });
    assert.deepEqual(names(end.steps), ["c", "inc", "c", "inc", "c"]);
    for (const { cause } of end.steps) assert.equal(cause, end.id);
    assert.deepEqual([end.record.status, end.record.runMs, end.record.start], ["success", 5 * scriptMs, "none"]);
  });

  const told: readonly (readonly [what: string, said: unknown, told: unknown])[] = [
    ["the answer", { action: "inc" }, { n: 1 }],
    ["the answer under its state", { action: "inc", state: { n: 7, s: 1 } }, { n: 7, s: 1 }],
    ["a state that is no object as one", { action: "inc", state: 5 }, { n: 1, state: 5 }],
    ["parameters that are no object as one, sent", { action: "same", params: 5 }, { value: 5 }],
    ["an error of a step", { action: "fail", state: { s: 1 } }, { error: "no", s: 1 }],
    ["why a step gave no answer", { action: "broken" }, { error: "broken" }],
    ["nothing of an array", { action: "list", state: { s: 1 } }, {}],
    [
      "of a name that is none",
      { action: 5, state: { s: 1 } },
      { error: "Failed to parse action name from json value 5 during composition.", s: 1 },
    ],
    [
      "of a name that is none, with its quotes",
      { action: "/a" },
      { error: 'Failed to parse action name from json value "/a" during composition.' },
    ],
    [
      "of what is not there",
      { action: "nothing" },
      { error: "Failed to resolve action with name 'guest/nothing' during composition." },
    ],
    [
      "of what is in no app",
      { action: "app/nothing" },
      { error: "Failed entitlement check for action with name 'guest/app/nothing' during composition." },
    ],
    [
      "of what is somebody else's",
      { action: "/other/x" },
      { error: "Failed entitlement check for action with name 'other/x' during composition." },
    ],
  ];
  for (const [what, said, expected] of told) {
    test(`is told ${what}`, async () => {
      const { end } = await conducted({ c: says(said), inc, fail, broken, same: (all) => all, list: () => [1] });
      assert.deepEqual(end.answer, { last: expected });
    });
  }

  const ends: readonly (readonly [what: string, said: unknown, status: string, answer: unknown])[] = [
    ["parameters", { params: { a: 1 }, state: { s: 1 } }, "success", { a: 1 }],
    ["parameters that are no object", { params: [1] }, "success", { value: [1] }],
    ["all that it said", { a: 1, state: { s: 1 } }, "success", { a: 1, state: { s: 1 } }],
    ["an array", [1, 2], "success", [1, 2]],
    ["an error", { error: "no" }, "function_error", { error: "no" }],
  ];
  for (const [what, said, status, answer] of ends) {
    test(`ends with ${what}`, async () => {
      const { end } = await conducted({ c: says(said) });
      assert.deepEqual([end.record.status, end.answer], [status, answer]);
    });
  }

  test("that gives no answer ends so", async () => {
    const { end } = await conducted({ c: () => Promise.reject(new Error("broken")) });
    assert.deepEqual([end.record.status, end.error?.message, end.steps.length], ["developer_error", "broken", 1]);
  });

  test("is sent what is an object, and nothing else", async () => {
    assert.deepEqual((await conducted({ c: says() }, { a: 1 })).end.answer, { last: { a: 1 } });
    assert.deepEqual((await conducted({ c: says() }, [1])).end.answer, { last: {} });
  });

  test("calls so many others at most, and is told when that is over", async () => {
    const { end } = await conducted({ c: forever, inc });
    assert.deepEqual(end.answer, { error: "Too many actions in the composition." });
    assert.equal(names(end.steps).filter((name) => name === "inc").length, 50);
    assert.equal(end.record.status, "success", "it has its say");
  });

  test("ends where its code was run too often", async () => {
    const { end } = await conducted({ c: () => ({ action: "nothing" }) });
    assert.deepEqual([end.record.status, end.answer], ["function_error", { error: "Too many actions in the composition." }]);
    assert.equal(end.steps.length, 101);
  });

  test("shares its limits with conductors below it, and counts a sequence as one", async () => {
    const circle = await conducted({ c: () => ({ action: "d" }), d: () => ({ action: "c" }) });
    assert.deepEqual(circle.end.answer, { error: "Too many actions in the composition." });
    const many = Array<string>(50).fill("inc");
    const { end } = await conducted({
      c: says({ action: "many", params: { n: 0 } }, { action: "many", params: { n: 1 } }),
      inc,
      many,
    });
    assert.deepEqual(end.answer, { last: { n: 51 } });
  });

  test("is a step like any other of a sequence; going round and round with it ends", async () => {
    const all = ["inc", "c"];
    const { call } = await conducted({ c: ({ n }) => ({ params: { conducted: n } }), inc, all });
    const { answer, steps } = await call("all", { n: 1 });
    assert.deepEqual([answer, names(steps)], [{ conducted: 2 }, ["inc", "c"]]);
    const round = await conducted({ c: () => ({ action: "all" }), inc, all });
    assert.deepEqual(
      [round.end.record.status, round.end.answer],
      ["function_error", { error: "Too many actions in the composition." }],
    );
  });

  test("that is cancelled ends its step, and nothing follows", async () => {
    const { call, recorder } = await flowWorld({ c: () => ({ action: "hang" }), hang }, { c: conducts });
    const cancel = new Cancel();
    const ending = call("c", {}, cancel);
    await until(async () => ((await recorder.list("guest", {}, { limit: 9 })).items.length === 1 ? true : undefined));
    cancel.abort(new PlatformError("cancelled", "The call was cancelled"));
    const { record, steps } = await ending;
    assert.deepEqual([record.status, names(steps)], ["cancelled", ["c", "hang"]]);
  });
});
