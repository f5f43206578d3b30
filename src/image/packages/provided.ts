import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";

/** Packages that code may use without naming them in a manifest, by the name that the code asks for: of npm their versions, of pip requirements. */
export type ProvidedPackages = Readonly<Record<string, string>>;

/** Those of each package manager. */
export type Provided = Readonly<Record<"npm" | "pip", ProvidedPackages>>;

/** How code of a package manager's language asks for modules. */
interface Language {
  readonly sources: RegExp;
  /** What a text asks for, of these names and maybe others. */
  asked(text: string, names: readonly string[]): readonly string[];
}

const languages: Readonly<Record<keyof Provided, Language>> = {
  npm: {
    sources: /\.[cm]?js$/,
    asked: (text, names) => Array.from(text.matchAll(requiring(names)), ([, name = ""]) => name),
  },
  pip: { sources: /\.py$/, asked: (text) => Array.from(text.matchAll(importing), importedBy).flat() },
};

const filesMax = 200;
const fileBytesMax = 4 * 1024 * 1024;

/** Those of them that the code in a folder asks for, with the name as it stands. */
export async function usedOf(manager: keyof Provided, provided: ProvidedPackages, folder: string): Promise<ProvidedPackages> {
  const names = Object.keys(provided);
  const used = new Set<string>();
  if (names.length === 0) return {};
  const { sources, asked } = languages[manager];
  for (const file of await sourcesIn(folder, sources))
    for (const name of asked(await readFile(file, "utf8"), names)) used.add(name);
  return Object.fromEntries(Object.entries(provided).filter(([name]) => used.has(name)));
}

/** A comment may stand before the name, as notes for bundlers do. */
function requiring(names: readonly string[]): RegExp {
  const either = names.map((name) => name.replaceAll(/[^\w-]/g, String.raw`\$&`)).join("|");
  return new RegExp(
    String.raw`(?:\b(?:require|import)\s*\(|\b(?:from|import))\s*(?:/\*.*?\*/\s*)?["'\x60](${either})(?:/[^"'\x60]*)?["'\x60]`,
    "g",
  );
}

const importing = /^[ \t]*(?:from[ \t]+(\w+)|import[ \t]+([\w., \t]+))/gm;

/** Of `import a.b as c, d` the modules that are installed: a and d. */
function importedBy([, from, list = ""]: RegExpMatchArray): readonly string[] {
  return from === undefined ? list.split(",").map((each) => /\w+/.exec(each)?.[0] ?? "") : [from];
}

async function sourcesIn(folder: string, sources: RegExp): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (found.length === filesMax) break;
    const file = join(entry.parentPath, entry.name);
    if (entry.isFile() && sources.test(entry.name) && (await stat(file)).size <= fileBytesMax) found.push(file);
  }
  return found;
}
