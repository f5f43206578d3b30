import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import type { NodeBinary } from "./node-binary.ts";
import { madeShim, type ShimBuild } from "./shim.ts";
import { runTool } from "./tool.ts";

const makeTimeoutMs = 30_000;

/** Our shim for Node as one script with V8's code for it, by the version that will run it. */
export function bundledNodeShim(build: ShimBuild & { readonly node: NodeBinary }): Promise<string> {
  const { node, say } = build;
  return madeShim(build, {
    name: "nodejs",
    interpreter: node.version,
    isPart: (path) => /\.[cm]js$/.test(path),
    async make(folder) {
      // Without our own environment: flags in it would make code that a sandbox takes no notice of.
      await runTool("env", ["-i", node.file, join(folder, "bundled/make.cjs"), folder], makeTimeoutMs, say);
      // What is started, from now on.
      await copyFile(join(folder, "bundled/main.cjs"), join(folder, "main.cjs"));
    },
  });
}
