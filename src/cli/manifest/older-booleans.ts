import { type Document, isPair, isScalar, visit } from "yaml";

/** YAML 1.1, which wskdeploy reads, has more words for true and false; where a text is wanted, it has the text. */
const words: ReadonlyMap<string, boolean> = new Map(
  Object.entries({ y: true, yes: true, on: true, n: false, no: false, off: false }).flatMap(([word, value]) =>
    [word, word.toUpperCase(), word.charAt(0).toUpperCase() + word.slice(1)].map((each) => [each, value] as const),
  ),
);

const anyValue: ReadonlySet<unknown> = new Set(["inputs", "annotations"]);

/** Reads those words in inputs and annotations, unless they are in quotes. */
export function readOlderBooleans(document: Document): void {
  visit(document, {
    Scalar(place, node, above) {
      if (place === "key" || node.type !== "PLAIN") return;
      const value = words.get(node.source ?? "");
      const isAnyValue = above.some((each) => isPair(each) && isScalar(each.key) && anyValue.has(each.key.value));
      if (value !== undefined && isAnyValue) node.value = value;
    },
  });
}
