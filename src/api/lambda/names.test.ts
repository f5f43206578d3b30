import assert from "node:assert/strict";
import { test } from "node:test";
import { Refusal } from "./errors.ts";
import { arnOf, nameIn, newName } from "./names.ts";

const identity = { account: "123456789012", region: "eu-west-1" };
const read = (text: string, qualifier: string | null = null) => nameIn(encodeURIComponent(text), qualifier, identity);

function refused(code: string, work: () => unknown): void {
  assert.throws(work, (error) => error instanceof Refusal && error.code === code, code);
}

test("a function has the same name in each of its spellings", () => {
  for (const text of [
    "hello",
    "function:hello",
    "123456789012:function:hello",
    "eu-west-1:123456789012:function:hello",
    arnOf(identity, "hello"),
  ])
    assert.deepEqual(read(text), { app: null, name: "hello", qualifier: null }, text);
  for (const text of [
    "hello:live",
    "123456789012:function:hello:live",
    arnOf(identity, "hello", "live"),
    "arn:aws-cn:lambda:eu-west-1:123456789012:function:hello:live",
  ])
    assert.deepEqual(read(text), { app: null, name: "hello", qualifier: "live" }, text);
  assert.deepEqual(nameIn("hello", "$LATEST", identity), { app: null, name: "hello", qualifier: "$LATEST" });
  assert.deepEqual(
    nameIn("hello:$LATEST", "$LATEST", identity),
    { app: null, name: "hello", qualifier: "$LATEST" },
    "not encoded",
  );
});

test("a function of an app is named with it", () => {
  assert.deepEqual(read("shop.cart"), { app: "shop", name: "cart", qualifier: null });
  assert.deepEqual(read(arnOf(identity, "shop.cart.v2", "3")), { app: "shop", name: "cart.v2", qualifier: "3" });
});

test("what is no name, or of somebody else, is refused", () => {
  for (const text of ["", ".", "a.", "a/b", "a:b:c", ":a", "a:", "arn:aws:s3:::b", "a:$latest", "x".repeat(300), "a\0b"])
    refused("Validation", () => read(text));
  refused("Validation", () => nameIn("%ff", null, identity));
  refused("Validation", () => nameIn("hello", "a b", identity));
  refused("InvalidParameterValue", () => nameIn("hello:1", "2", identity));
  refused("ResourceNotFound", () => read(arnOf({ ...identity, account: "000000000000" }, "hello")));
  refused("ResourceNotFound", () => read(arnOf({ ...identity, region: "us-east-1" }, "hello")));
  for (const text of ["a.b", "a:1", "a b", "x".repeat(65), ""]) refused("Validation", () => newName(text, identity));
  assert.equal(newName(arnOf(identity, "hello"), identity), "hello");
});
