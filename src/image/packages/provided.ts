import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";

/** Packages of npm that code may use without naming them in a manifest: versions by name. */
export type ProvidedPackages = Readonly<Record<string, string>>;

const filesMax = 200;
const fileBytesMax = 4 * 1024 * 1024;
const sources = /\.[cm]?js$/;

/** Those of them that the code in a folder asks for, by `require` or `import` with the name as it stands. */
export async function usedOf(provided: ProvidedPackages, folder: string): Promise<ProvidedPackages> {
  const names = Object.keys(provided);
  const used = new Set<string>();
  if (names.length === 0) return {};
  const asked = askingFor(names);
  for (const file of await sourcesIn(folder)) {
    if (used.size === names.length) break;
    for (const [, name = ""] of (await readFile(file, "utf8")).matchAll(asked)) used.add(name);
  }
  return Object.fromEntries(Object.entries(provided).filter(([name]) => used.has(name)));
}

/** A comment may stand before the name, as notes for bundlers do. */
function askingFor(names: readonly string[]): RegExp {
  const either = names.map((name) => name.replaceAll(/[^\w-]/g, String.raw`\$&`)).join("|");
  return new RegExp(
    String.raw`(?:\b(?:require|import)\s*\(|\b(?:from|import))\s*(?:/\*.*?\*/\s*)?["'\x60](${either})(?:/[^"'\x60]*)?["'\x60]`,
    "g",
  );
}

async function sourcesIn(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (found.length === filesMax) break;
    const file = join(entry.parentPath, entry.name);
    if (entry.isFile() && sources.test(entry.name) && (await stat(file)).size <= fileBytesMax) found.push(file);
  }
  return found;
}
