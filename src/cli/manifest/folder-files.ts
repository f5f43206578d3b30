import { globSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { exits, Failure } from "../failure.ts";
import type { FolderSource } from "./code.ts";
import type { ZipFile } from "./zip.ts";

/** The files of an action that is a folder, by their names in its archive, sorted. Throws a `Failure` when there are none. */
export function filesOf({ path: folder, base, include, exclude, place }: FolderSource): ZipFile[] {
  const found = new Map(below(folder).map((file) => [relative(folder, file), file]));
  for (const pattern of exclude) {
    for (const file of matching(base, pattern)) {
      const name = relative(folder, file);
      for (const each of found.keys()) if (each === name || each.startsWith(`${name}/`)) found.delete(each);
    }
  }
  for (const [source = "", destination = source] of include) {
    const files = matching(base, source);
    if (files.length === 0) throw nothing(place, `include names ${source}, which is not there`);
    for (const file of files) for (const [name, each] of included(base, file, source, destination)) found.set(name, each);
  }
  if (found.size === 0) throw nothing(place, "The folder is empty, or all of it is excluded");
  return [...found]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, file]) => ({ name, body: readFileSync(file), isProgram: (statSync(file).mode & 0o100) !== 0 }));
}

/** Links are what they lead to; what is neither file nor folder is no code. */
function below(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((file) => statSync(file, { throwIfNoEntry: false })?.isFile() === true);
}

function matching(base: string, pattern: string): string[] {
  return globSync(pattern, { cwd: base }).map((name) => resolve(base, name));
}

/**
 * Where what a manifest adds lies in the folder. A destination that ends with a slash is a folder, and so is that of a pattern, up to its
 * first `*`: there files keep what of their paths the pattern leaves open.
 */
function included(base: string, found: string, source: string, destination: string): [string, string][] {
  const isPattern = source.includes("*");
  const isFolder = statSync(found).isDirectory();
  const open = isPattern ? resolve(base, `${source.split("*")[0]}.`) : isFolder ? found : dirname(found);
  const into = destination.split("*")[0] as string;
  const isName = !isPattern && !isFolder && into !== "" && !into.endsWith("/");
  return (isFolder ? below(found) : [found]).map((file) => {
    const target = isName ? into : join(into, relative(open, file));
    return [join(".", target).replace(/^(?:\.\.\/)+/, ""), file];
  });
}

function nothing(place: string, why: string): Failure {
  return new Failure({
    code: "E_NO_CODE",
    exit: exits.usage,
    what: "There is nothing to pack",
    where: place,
    why,
    fix: "look at include and exclude, which begin where the manifest is",
  });
}
