import { basename, dirname } from "node:path";
import { rootLayout } from "../layout.ts";
import { compilePython } from "./compile-python.ts";
import { madeShim, type ShimBuild } from "./shim.ts";

/** Our shim for Python with its bytecode. `tree`: of the root with the interpreter. */
export function compiledPythonShim(build: ShimBuild & { readonly tree: string }): Promise<string> {
  return madeShim(build, {
    name: "python",
    interpreter: basename(dirname(build.tree)),
    isPart: (path) => path.endsWith(".py"),
    make: (folder) => compilePython(build.tree, { folder, strip: folder, inside: rootLayout.runtime }, build.say),
  });
}
