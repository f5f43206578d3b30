import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { sampleFn } from "../../test/samples.ts";
import { compositionOf } from "./composition.ts";
import { namedPath, parseNamedPath } from "./function-name.ts";

describe("what a function is made of", () => {
  const annotations: readonly (readonly [json: string, conducts: boolean])[] = [
    ["true", true],
    ["1", true],
    ['"no"', true],
    ["{}", true],
    ["[]", true],
    ["0.5", true],
    ["false", false],
    ["null", false],
    ["0", false],
    ["-0.0", false],
    ["0e5", false],
    ['""', false],
  ];
  for (const [json, conducts] of annotations) {
    test(`the annotation conductor ${json}`, () => {
      const found = compositionOf(sampleFn({ annotations: { conductor: json } }));
      assert.equal(found, conducts ? "conductor" : null);
    });
  }

  test("a sequence is one whatever its annotations say", () => {
    const source = { type: "sequence", components: [] } as const;
    assert.equal(compositionOf(sampleFn({ source, annotations: { conductor: "true" } })), "sequence");
  });
});

describe("names of functions", () => {
  const names: readonly (readonly [text: string, path: string | null])[] = [
    ["a", "own/a"],
    ["app/a", "own/app/a"],
    ["/ns/a", "ns/a"],
    ["/_/a", "own/a"],
    ["/ns/app/a", "ns/app/a"],
    ["ns/app/a", "ns/app/a"],
    ["a b.c-d@e&f", "own/a b.c-d@e&f"],
    ["", null],
    ["/", null],
    ["/a", null],
    ["/ns/app/more/a", null],
    ["ns/app/more/a", null],
    ["a?", null],
    ["a ", null],
    ["x".repeat(257), null],
  ];
  for (const [text, path] of names) {
    test(`"${text.slice(0, 20)}"`, () => {
      const name = parseNamedPath(text, "own");
      assert.equal(name === null ? null : namedPath(name), path);
    });
  }
});
