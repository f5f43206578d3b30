/**
 * Before `npm pack`: lays beside the kit what it shares with the platform, so that tests of functions run on the very runtime that
 * serves them. `--clean`, afterwards: removes it.
 */
import { copyFileSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";

const folder = import.meta.dirname;
const source = join(folder, "../../runtimes/nodejs");
const copy = join(folder, "runtime");

rmSync(copy, { recursive: true, force: true });
rmSync(join(folder, "LICENSE"), { force: true });
if (!process.argv.includes("--clean")) {
  mkdirSync(copy);
  const names = readdirSync(source).filter((name) => name.endsWith(".cjs") && name !== "main.cjs");
  for (const name of names) copyFileSync(join(source, name), join(copy, name));
  copyFileSync(join(folder, "../../LICENSE"), join(folder, "LICENSE"));
}
