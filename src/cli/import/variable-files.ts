import { readFileSync, statSync } from "node:fs";
import { extname, relative, resolve } from "node:path";
import { YamlFile } from "../project/yaml-file.ts";
import { isInside } from "./inside.ts";
import { Unknown } from "./intrinsics.ts";
import { spellOutShortTags } from "./short-tags.ts";

const fileBytesMax = 4 * 1024 * 1024;

/** Files that variables name, read once. Nothing is read from outside of the project, and no code is run. */
export class VariableFiles {
  readonly #folder: string;
  readonly #root: string;
  readonly #cwd: string;
  readonly #read = new Map<string, unknown>();

  constructor({ folder, root, cwd }: { readonly folder: string; readonly root: string; readonly cwd: string }) {
    this.#folder = folder;
    this.#root = root;
    this.#cwd = cwd;
  }

  /** What is in a file: of YAML and JSON the value, otherwise the text. Undefined: it is not there. */
  read(name: string): unknown {
    const path = resolve(this.#folder, name);
    if (!isInside(this.#root, path))
      return new Unknown(`the file ${name} is outside of the project`, "name the folder that both are in with --root");
    if (!this.#read.has(path)) this.#read.set(path, this.#content(path, name));
    return this.#read.get(path);
  }

  #content(path: string, name: string): unknown {
    const facts = statSync(path, { throwIfNoEntry: false });
    if (facts === undefined || !facts.isFile()) return undefined;
    if (facts.size > fileBytesMax) return new Unknown(`the file ${name} is larger than ${fileBytesMax / 1024 / 1024} MB`);
    switch (extname(path)) {
      case ".yml":
      case ".yaml":
      case ".json":
        return new YamlFile(path, relative(this.#cwd, path), spellOutShortTags, true).value;
      case ".js":
      case ".cjs":
      case ".mjs":
      case ".ts":
        return new Unknown(
          `the file ${name} is code, which is not run`,
          "run serverless print --format yaml > serverless.yml, and import that",
        );
      default:
        return readFileSync(path, "utf8");
    }
  }
}
