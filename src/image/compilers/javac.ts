import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { PackageManager } from "../packages/packages.ts";
import { gsonJar } from "../roots/recipes.ts";
import { compiledFolder, couldNotCompile, explainCompiler } from "./compiler.ts";

const listName = "polykiln-sources";
/** What a single file is called as long as nobody knows its class. */
const textName = "Main.java";
const publicType = /^\s*public\s+(?:(?:final|abstract|sealed)\s+)*(?:class|record|enum|interface)\s+(\w+)/m;

/** Java's compiler, for actions that are sources. */
export const javac: PackageManager = {
  name: "javac",
  failed: couldNotCompile,

  async find(folder) {
    const files = (await readdir(folder, { recursive: true })).toSorted();
    const sources = files.filter((name) => name.endsWith(".java"));
    // Classes are the last word.
    if (sources.length === 0 || files.some((name) => name.endsWith(".class") || name === compiledFolder)) return null;
    const renamed = sources.length === 1 && sources[0] === textName ? await named(join(folder, textName)) : {};
    const listed = Object.keys(renamed).length > 0 ? Object.keys(renamed) : sources;
    const made = { ...renamed, [listName]: listed.map((name) => `"${name.replaceAll(/["\\]/g, String.raw`\$&`)}"\n`).join("") };
    return { files: made, needsCode: true, locked: false, written: Object.keys(made) };
  },

  job({ files }, _mode, _registries, copy) {
    return {
      copy,
      write: files,
      command: ["javac", ...quickly, "-encoding", "UTF-8", "-d", "compiled", "-cp", `/${gsonJar}:.`, `@${listName}`],
      env: {},
      ca: null,
      results: { [compiledFolder]: "compiled" },
    };
  },

  hosts: () => [],

  isIncomplete: () => false,

  explain: explainCompiler,
};

const quickly = ["-J-XX:+UseSerialGC", "-J-XX:TieredStopAtLevel=1", "-J-XX:-UsePerfData"];

/** A public class has to be in a file of its name. */
async function named(file: string): Promise<Readonly<Record<string, string>>> {
  const text = await readFile(file, "utf8");
  const name = publicType.exec(text)?.[1];
  return name === undefined || `${name}.java` === textName ? {} : { [`${name}.java`]: text };
}
