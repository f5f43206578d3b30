import { readdir, stat } from "node:fs/promises";
import { join, posix } from "node:path";
import { PlatformError } from "../../model/error.ts";
import type { ProtocolName } from "../../model/model.ts";

/** Gives the command of the code's own program under a protocol; throws `invalid` when there is none. */
export type FindProgram = (protocol: ProtocolName) => readonly string[];

/** Host folders of a function's files. */
export interface CodeFolders {
  readonly folder: string;
  /** What its layers hold; null: it has none. */
  readonly layers: string | null;
}

/** Names of the files at the top of unpacked code; links to files count. */
export async function topFiles(folder: string): Promise<ReadonlySet<string>> {
  const files = new Set<string>();
  for (const name of await readdir(folder)) {
    const facts = await stat(join(folder, name)).catch(() => null);
    if (facts?.isFile()) files.add(name);
  }
  return files;
}

/** The first of `wanted` that is there, else the only file with one of the endings, else null. */
export function pickFile(files: ReadonlySet<string>, wanted: readonly string[], endings: readonly string[]): string | null {
  const named = wanted.find((name) => files.has(name));
  if (named !== undefined) return named;
  const sources = [...files].filter((name) => endings.some((ending) => name.endsWith(ending)));
  return sources.length === 1 ? (sources[0] as string) : null;
}

/** A path inside the code in its shortest form; null when it leads out. */
export function insidePath(path: string): string | null {
  const shortest = posix.normalize(path);
  return shortest.startsWith("../") || shortest === ".." || posix.isAbsolute(shortest) || path.includes("\0") ? null : shortest;
}

/** The error for code in which no program was found: what was looked for, and what is there instead. */
export function nothingToRun(kind: string, looked: string, files: ReadonlySet<string>): PlatformError {
  const there = [...files].toSorted().slice(0, 10).join(", ");
  const message = `The code has nothing that ${kind} could run: looked for ${looked}; its top folder has ${there === "" ? "no files" : there}. Add one of them, or give the function a command`;
  return new PlatformError("invalid", message);
}
