import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { eventBody } from "./event-body.ts";

const json = ["Content-Type", "application/json"];

function sent(body: string, parameters: object, context?: object, headers: readonly string[] = json): string {
  const event = { body: Buffer.from(body), headers, context: context as Record<string, unknown> };
  return eventBody(event, parameters as Record<string, unknown>).toString();
}

const same: readonly (readonly [body: string, parameters: object, headers: readonly string[]])[] = [
  ['{"a": 1.50}', {}, json],
  ["[1]", { p: 1 }, json],
  ["1", { p: 1 }, json],
  ["{broken", { p: 1 }, json],
  ['{"a":1}', { p: 1 }, ["Content-Type", "text/plain"]],
  ['{"a":1}', { p: 1 }, []],
  ["", { p: 1 }, json],
  ['{"p":2}', { p: 1 }, json],
];

for (const [body, parameters, headers] of same) {
  test(`${body} with ${JSON.stringify(parameters)} and ${headers.join(" ")} is the very bytes`, () => {
    const bytes = Buffer.from(body);
    assert.deepEqual(eventBody({ body: bytes, headers }, parameters as Record<string, unknown>), bytes);
  });
}

test("what there is to add stands before the members, as they were written", () => {
  assert.equal(
    sent('{"n":1.50, "m":9007199254740993}', { p: { deep: [1] } }),
    '{"p":{"deep":[1]},"n":1.50, "m":9007199254740993}',
  );
  assert.equal(sent(" {\n} ", { p: 1 }), '{"p":1\n} ');
  assert.equal(sent('{"p":2}', { p: 1, q: 1 }), '{"q":1,"p":2}');
  assert.equal(sent('{"a":"}{"}', { p: 1 }, { p: 2, h: {} }), '{"p":2,"h":{},"a":"}{"}');
  assert.equal(sent("", { p: 1 }, { h: 1 }), '{"p":1,"h":1}');
  assert.equal(sent("", {}, { h: 1 }, []), '{"h":1}');
  assert.equal(
    sent('{"a":1}', { p: 1 }, undefined, ["content-type", "application/cloudevents+json; charset=utf-8"]),
    '{"p":1,"a":1}',
  );
});

test("whatever the members are, it is as if they had been merged", () => {
  const members = fc.dictionary(fc.string(), fc.jsonValue(), { noNullPrototype: true });
  fc.assert(
    fc.property(members, members, members, (event, parameters, context) => {
      const merged: unknown = JSON.parse(sent(JSON.stringify(event), parameters, context));
      assert.deepEqual(merged, JSON.parse(JSON.stringify({ ...parameters, ...context, ...event })));
    }),
  );
});
