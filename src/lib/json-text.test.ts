import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compactJson, firstJsonValue, jsonMembers } from "./json-text.ts";

function check(text: string, expected: string | undefined): void {
  test(`first value of ${JSON.stringify(text.slice(0, 40))}`, () => assert.equal(firstJsonValue(text), expected));
}

check("", undefined);
check("  \n", undefined);
check(' { "a" : 1.50 , "b" : [ 1 , 2 ] } tail', '{"a":1.50,"b":[1,2]}');
check('{"n":12345678901234567890}{"n":1}', '{"n":12345678901234567890}');
check('{"10":1,"9":2}', '{"10":1,"9":2}');
check('{"a":" } \\" ] "}x', '{"a":" } \\" ] "}');
check('"text" more', '"text"');
check("nullx", "null");
check("12 13", "12");
check("-", undefined);
check('{"a":[}]}', undefined);
check('{"a":1,}', undefined);
check('{"a":01}', undefined);
check('{"a":"\n"}', undefined);
check('{"a":1', undefined);
check('"open', undefined);
check('"open\\', undefined);
check("\ufeff{}", undefined);
check("'a'", undefined);
check(`${"[".repeat(500_000)}`, undefined);
check(`${"[".repeat(200_000)}${"]".repeat(200_000)}`, `${"[".repeat(200_000)}${"]".repeat(200_000)}`);

test("members keep their order, their duplicates and their text", () => {
  assert.deepEqual(jsonMembers('{"b":1.50,"a\\u0062":{"10":1,"9":[]},"b":"x","__proto__":null}'), [
    ["b", "1.50"],
    ["ab", '{"10":1,"9":[]}'],
    ["b", '"x"'],
    ["__proto__", "null"],
  ]);
  assert.deepEqual(jsonMembers("{}"), []);
});

test("any JSON value, however indented, comes back as JSON.stringify writes it", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom(0, 1, "\t", "\n\r "), (value, indent) => {
      const compact = JSON.stringify(value);
      const spaced = JSON.stringify(value, null, indent);
      assert.equal(compactJson(spaced), compact);
      assert.equal(firstJsonValue(` ${spaced} rest`), compact);
    }),
  );
});

test("the members of any object, put together again, are the object", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (object) => {
      const compact = JSON.stringify(object);
      const joined = jsonMembers(compact).map(([name, text]) => `${JSON.stringify(name)}:${text}`);
      assert.equal(`{${joined.join(",")}}`, compact);
    }),
  );
});
