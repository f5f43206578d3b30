/**
 * Compilers, as what installs packages: code that is sources lacks its program, which is made in the same sandboxes, kept and shared in the
 * same way (docs/decisions/0042-compiled-sources.md).
 */
import { lstat, readFile } from "node:fs/promises";
import { join } from "node:path";
import { explained, type Explanation, lastLines } from "../packages/packages.ts";

/** What is made of the sources, below the code's folder. */
export const compiledFolder = ".compiled";

export const couldNotCompile = "The code could not be compiled";

/** Somebody has compiled it already, and sent what we would have made. */
export async function isCompiled(folder: string): Promise<boolean> {
  return (await lstat(join(folder, compiledFolder)).catch(() => null)) !== null;
}

/** Texts of some files at the top of the code, by name. */
export async function textsOf(folder: string, names: readonly string[]): Promise<Readonly<Record<string, string>>> {
  const texts = names.map(async (name) => [name, await readFile(join(folder, name), "utf8")] as const);
  return Object.fromEntries(await Promise.all(texts));
}

/** What a compiler says is the answer, unless the machine is to blame. */
export function explainCompiler(said: string): Explanation {
  const lines = said.split("\n").filter((line) => !ours.test(line));
  return explained(said, explanations, { reason: "failed", why: `\n${lastLines(lines.join("\n"))}`, fix: "" });
}

/** What go and cargo say of the folder and the launcher, of which nobody outside knows. */
const ours = /^# action$|^error: failed to compile `exec |^To reuse those artifacts /;

const explanations: readonly (readonly [RegExp, Explanation])[] = [
  [
    /No space left on device/i,
    {
      reason: "disk",
      why: "what is made of it is larger than the space for that",
      fix: "Depend on less, send a program in place of sources, or give the server a larger installMemoryMiB",
    },
  ],
];
