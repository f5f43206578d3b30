import assert from "node:assert/strict";
import { test } from "node:test";
import { parseOwnKind } from "../config/own-kinds.ts";
import { kinds } from "./kinds.ts";
import { OwnKinds } from "./own-kinds.ts";

const pulled = () => Promise.reject(new Error("nothing is pulled"));
const source = { command: null, folder: "/nowhere", hasRoots: true, pulled };

test("a line names a kind, its files and what starts it", () => {
  assert.deepEqual(parseOwnKind("ruby:3.3=/srv/ruby ruby func.rb"), {
    name: "ruby:3.3",
    root: "/srv/ruby",
    command: ["ruby", "func.rb"],
  });
  assert.deepEqual(parseOwnKind("php:8=reg.example:5000/php:8"), { name: "php:8", root: "reg.example:5000/php:8", command: [] });
  for (const wrong of ["ruby", "ruby=/srv", "Ruby:3=/srv", "ruby:3=", "=/srv"])
    assert.throws(() => parseOwnKind(wrong), /is not NAME:VERSION=/);
});

test("kinds of one's own are listed with the others, and take no name of theirs", async () => {
  const own = new OwnKinds([parseOwnKind("ruby:3.3=/srv/nothing-there")], kinds);
  const all = own.beside(kinds);
  assert.deepEqual([all.resolve("ruby:3.3"), all.resolve("nodejs:default")], ["ruby:3.3", "nodejs:24"]);
  assert.equal(all.list().at(-1)?.protocols[0], "http-stream");
  assert.throws(() => new OwnKinds([parseOwnKind("python:3=/srv")], kinds), { code: "invalid", message: /python:3 again/ });
  const kind = own.find("ruby:3.3");
  assert.ok(kind !== null && own.find("nodejs:24") === null);
  await assert.rejects(own.prepare(kind, source), { code: "internal", message: /folder of the kind ruby:3\.3 is not there/ });
  await assert.rejects(own.prepare(kind, { ...source, hasRoots: false }), { code: "unsupported" });
});
