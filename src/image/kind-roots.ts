/** Which roots and interpreters a kind needs. */
import type { Kind } from "./kinds.ts";
import type { NodeBinary } from "./roots/node-binary.ts";
import { goToolsRoot, javaCompilerRoot, nodeRoot, npmRoot, pipRoot, rustToolsRoot } from "./roots/recipes.ts";
import type { Root, RootStore } from "./roots/root-store.ts";

/** Of the Node that runs our part of an installation for other languages: it came with the platform. */
export const runnerMajor = "24";

/** The interpreter for sandboxes on the host's files, which have no root that brings one. */
export async function nodeOf(kind: Kind, roots: RootStore): Promise<NodeBinary | null> {
  return kind.runtime.family === "nodejs" ? roots.node(kind.runtime.major) : null;
}

/** The root of a kind, built where it is not there. */
export async function rootOf(kind: Kind, roots: RootStore): Promise<Root> {
  if (kind.runtime.family !== "nodejs") return roots.get(kind.runtime.root);
  const binary = await roots.node(kind.runtime.major);
  return roots.get(nodeRoot(binary.version), binary);
}

/** A kind's root with its package manager or compiler. */
export async function installRoot(kind: Kind, node: NodeBinary, roots: RootStore): Promise<Root> {
  await rootOf(kind, roots);
  switch (kind.runtime.family) {
    case "nodejs":
      return await roots.get(npmRoot(node.version));
    case "java":
      return await roots.get(javaCompilerRoot(node.version), node);
    case "executable":
      await roots.get(nodeRoot(node.version), node);
      return await roots.get(kind.runtime.compiler === "cargo" ? rustToolsRoot(node.version) : goToolsRoot(node.version));
    default:
      return await roots.get(pipRoot(node.version), node);
  }
}
