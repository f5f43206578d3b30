import { join } from "node:path";
import { runTool, type Say } from "./tool.ts";

const timeoutMs = 120_000;

/** Python files of ours or of the distribution, and where they are inside. */
export interface PythonFolder {
  readonly folder: string;
  /** This much at the beginning of their paths is `inside` for those who run them. */
  readonly strip: string;
  readonly inside: string;
}

/**
 * Compiles them with the interpreter of the root at `tree`, through its own loader. The results are marked as valid whatever the times
 * of the files, which hard links and copies may change.
 */
export async function compilePython(tree: string, { folder, strip, inside }: PythonFolder, say: Say): Promise<void> {
  await runPython(tree, [program, strip, inside, folder], say);
}

/** Unpacks the wheels in a folder of the root's own distribution, which are trusted, and compiles what is in them. */
export async function unpackWheels(tree: string, from: string, to: string, say: Say): Promise<void> {
  await runPython(tree, [unpacking, join(tree, from), join(tree, to)], say);
  await compilePython(tree, { folder: join(tree, to), strip: tree, inside: "/" }, say);
}

async function runPython(tree: string, args: readonly string[], say: Say): Promise<void> {
  const loader = ["--library-path", join(tree, "usr/lib/x86_64-linux-gnu"), join(tree, "usr/bin/python3.11")];
  // -I: no variable and no folder of whoever builds has a say. Without -S its start would look for site packages of the host.
  const interpreter = ["-I", "-S", "-X", "frozen_modules=on", "-c", ...args];
  await runTool(join(tree, "lib64/ld-linux-x86-64.so.2"), [...loader, ...interpreter], timeoutMs, say);
}

const unpacking = [
  "import glob, os, sys, zipfile",
  "os.umask(0o022)",
  "for wheel in glob.glob(sys.argv[1] + '/*.whl'): zipfile.ZipFile(wheel).extractall(sys.argv[2])",
].join("\n");

const program = [
  "import sys, compileall, py_compile",
  "strip, inside, folder = sys.argv[1:]",
  "mode = py_compile.PycInvalidationMode.UNCHECKED_HASH",
  "done = compileall.compile_dir(folder, quiet=2, stripdir=strip, prependdir=inside, invalidation_mode=mode)",
].join("\n");
