import { type Document, type Node, Pair, Scalar, visit, YAMLMap } from "yaml";

/** CloudFormation's short forms (`!Ref X`, `!Sub …`) become the long ones (`{ Ref: X }`, `{ "Fn::Sub": … }`), at the same place in the file. */
export function spellOutShortTags(document: Document): void {
  visit(document, { Node: (_key, node) => spelledOut(document, node as Node) });
}

function spelledOut(document: Document, node: Node): Node | undefined {
  const tag = (node as { tag?: string }).tag;
  if (tag === undefined || !/^![A-Za-z0-9]+$/.test(tag)) return undefined;
  delete (node as { tag?: string }).tag;
  const map = new YAMLMap(document.schema);
  map.items.push(new Pair(new Scalar(longName(tag.slice(1))), node));
  map.range = node.range ?? null;
  return map;
}

function longName(short: string): string {
  return short === "Ref" || short === "Condition" ? short : `Fn::${short}`;
}
