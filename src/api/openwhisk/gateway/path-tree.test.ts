import assert from "node:assert/strict";
import { test } from "node:test";
import { PathTree, segmentsOf } from "./path-tree.ts";

const paths = ["/", "/a", "/a/b", "/a/{x}", "/a/{x}/c", "/a/b/d", "/{x}/b", "/a/{x}{y}"];

function check(path: string, expected: string | null): void {
  const tree = new PathTree<string>();
  for (const each of paths) assert.ok(tree.add(segmentsOf(each), each), each);
  const found = tree.find(segmentsOf(path));
  assert.equal(found === null ? null : `${found.value} ${found.depth}`, expected, path);
}

test("the longest path is found, by parameters where no literal is as long", () => {
  check("/", "/ 0");
  check("/other", "/ 0");
  check("/a", "/a 1");
  check("/a/", "/a 1");
  check("/a/b", "/a/b 2");
  check("/a/z", "/a/{x} 2");
  check("/a/b/c", "/a/{x}/c 3");
  check("/a/b/d/e", "/a/b/d 3");
  check("/a/b/z", "/a/b 2");
  check("/z/b", "/{x}/b 2");
  check("/a//c", "/a 1");
  check("/a/{x}{y}", "/a/{x}{y} 2");
  check("/__proto__/b", "/{x}/b 2");
});

test("a path is taken once, whatever its parameters are called", () => {
  const tree = new PathTree<number>();
  assert.equal(tree.find([]), null);
  assert.ok(tree.add(segmentsOf("/a/{x}"), 1));
  assert.equal(tree.add(segmentsOf("/a/{other}/"), 2), false);
});
