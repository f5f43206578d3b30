import { join } from "node:path";
import type { World } from "../../lib/world.ts";
import type { Kind } from "../kinds.ts";
import { compiledJavaShim } from "./java-shim.ts";
import { bundledNodeShim } from "./node-shim.ts";
import { compiledPythonShim } from "./python-shim.ts";
import { javaToolsRoot } from "./recipes.ts";
import type { Root, RootStore } from "./root-store.ts";
import type { Say } from "./tool.ts";

interface ShimsOptions {
  /** Where the project's own files are. */
  readonly projectFolder: string;
  readonly cacheFolder: string;
  readonly world: World;
  readonly say: Say;
}

/** Our shims, made ready for whatever runs them, each once. */
export class Shims {
  readonly #options: ShimsOptions;
  readonly #roots: Pick<RootStore, "node" | "get">;
  /** By the root's folder. */
  readonly #made = new Map<string, Promise<string>>();

  constructor(options: ShimsOptions, roots: Pick<RootStore, "node" | "get">) {
    this.#options = options;
    this.#roots = roots;
  }

  /** The folder of a kind's; null: it has none. Without a root of ours it is the source. */
  async of({ runtime }: Pick<Kind, "runtime">, root: Root | null): Promise<string | null> {
    const { family } = runtime;
    if (runtime.family === "executable") return null;
    const source = join(this.#options.projectFolder, "runtimes", runtime.family === "shim" ? runtime.shim.folder : family);
    if (runtime.family === "shim") return source;
    if (runtime.family === "java") return await this.#java(source, root);
    if (root === null) return source;
    const known = this.#made.get(root.folder);
    if (known !== undefined) return await known;
    const build = { ...this.#options, source };
    const made =
      runtime.family === "python"
        ? compiledPythonShim({ ...build, tree: root.folder })
        : this.#roots.node(runtime.major).then((node) => bundledNodeShim({ ...build, node }));
    const shim = made.catch((error: Error) => {
      this.#options.say(`The shim of ${family} could not be compiled, and starts take longer: ${error.message}`);
      return source;
    });
    this.#made.set(root.folder, shim);
    return await shim;
  }

  /** Java's cannot be used as it is written. */
  #java(source: string, root: Root | null): Promise<string> {
    const key = root?.folder ?? source;
    const known = this.#made.get(key);
    if (known !== undefined) return known;
    const tools = root === null ? Promise.resolve(null) : this.#roots.get(javaToolsRoot).then(({ folder }) => folder);
    const made = tools.then((folder) => compiledJavaShim({ ...this.#options, source, tools: folder }));
    this.#made.set(key, made);
    made.catch(() => this.#made.delete(key));
    return made;
  }
}
