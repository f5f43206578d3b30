import { readdir, stat } from "node:fs/promises";
import { join, relative } from "node:path";
import { PlatformError } from "../../model/error.ts";
import type { Layout } from "../layout.ts";
import { elfProblem } from "./elf.ts";
import { type CodeFolders, insidePath, nothingToRun, topFiles } from "./program.ts";

const bootstrap = "bootstrap";
const names = [bootstrap, "main", "exec", "func"] as const;

/**
 * The command of a program that needs no runtime. `given` as the function has it; empty: a usual name at the top, else the
 * only executable file. Throws `invalid` for a file that cannot start here.
 */
export async function executableCommand(
  kind: string,
  { folder, layers }: CodeFolders,
  given: readonly string[],
  staticOnly: boolean,
  layout: Layout,
): Promise<readonly string[]> {
  const [program, ...args] = given;
  if (program !== undefined && isOutside(program, staticOnly)) return given;
  if (program === undefined && layers !== null && !(await hasBootstrap(folder)) && (await hasBootstrap(layers)))
    return [`${layout.layers}/${bootstrap}`];
  const path = program === undefined ? await findProgram(kind, folder) : await checkProgram(program, folder, staticOnly);
  if (path === null) return given;
  const problem = await elfProblem(join(folder, path), staticOnly);
  if (problem !== null) throw new PlatformError("invalid", `${JSON.stringify(path)} cannot run as ${kind}: ${problem}`);
  return [`${layout.code}/${path}`, ...args];
}

/** A runtime, which a layer may bring instead of the code. */
async function hasBootstrap(folder: string): Promise<boolean> {
  return (await stat(join(folder, bootstrap)).catch(() => null))?.isFile() === true;
}

/** A program of the root, by its full path; an empty root has none. */
function isOutside(program: string, staticOnly: boolean): boolean {
  return program.startsWith("/") && !program.startsWith("/function/") && !staticOnly;
}

/** The path inside the code of a program that the function names; null when the root's PATH is to be searched. */
async function checkProgram(program: string, folder: string, staticOnly: boolean): Promise<string | null> {
  const path = insidePath(program.replace(/^\/function\//, ""));
  const facts = path === null ? null : await stat(join(folder, path)).catch(() => null);
  if (path === null || !facts?.isFile()) {
    if (!program.includes("/") && !staticOnly) return null;
    throw new PlatformError(
      "invalid",
      `The command names ${JSON.stringify(program.slice(0, 120))}, which is not a file in the code`,
    );
  }
  if ((facts.mode & 0o111) === 0) throw notExecutable(path);
  return path;
}

async function findProgram(kind: string, folder: string): Promise<string> {
  const files = await topFiles(folder);
  const named = names.find((name) => files.has(name));
  if (named !== undefined) {
    if (((await stat(join(folder, named))).mode & 0o111) === 0) throw notExecutable(named);
    return named;
  }
  const all = await executablesIn(folder);
  if (all.length === 1) return all[0] as string;
  const found = all.length === 0 ? "" : ` (there are ${all.length}, such as ${all.slice(0, 3).join(", ")})`;
  throw nothingToRun(kind, `${names.join(", ")} or a single executable file${found}`, files);
}

async function executablesIn(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    if (((await stat(path)).mode & 0o111) !== 0) found.push(relative(folder, path));
  }
  return found.toSorted();
}

function notExecutable(path: string): PlatformError {
  const message = `${JSON.stringify(path)} is not executable: run \`chmod 755 ${path}\` before packing, with a tool that keeps modes`;
  return new PlatformError("invalid", message);
}
