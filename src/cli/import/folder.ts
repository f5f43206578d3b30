/** The files of a folder of code. */
import { readdirSync, readFileSync, realpathSync, statSync, type Stats } from "node:fs";
import { join } from "node:path";
import { exits, Failure } from "../failure.ts";
import type { ZipFile } from "../manifest/zip.ts";
import { IgnoreRules } from "../project/ignore.ts";
import { developmentPackages } from "../project/pack.ts";
import { isInside } from "./inside.ts";
import type { FolderCode } from "./wanted.ts";

/** Before a zip: larger ones are refused without being made. */
const bytesMax = 250 * 1024 * 1024;
const filesMax = 100_000;

/** Versions, secrets, and what tools and interpreters leave. */
const never = [
  ".git/",
  ".hg/",
  ".svn/",
  ".DS_Store",
  ".aws-sam/",
  ".serverless/",
  "samconfig.toml",
  ".env",
  ".env.*",
  "__pycache__/",
  "*.pyc",
  ".venv/",
  "/node_modules/.cache/",
  "/node_modules/.bin/",
  "/node_modules/.package-lock.json",
];

/** Sorted by their names. Throws a `Failure`. */
export async function filesOf(code: FolderCode): Promise<ZipFile[]> {
  const development = await developmentPackages(code.path);
  const rules = IgnoreRules.none.with(never);
  const chosen = IgnoreRules.none.with(code.patterns.flatMap(ruleLines));
  const files: { readonly name: string; readonly path: string; readonly facts: Stats }[] = [];
  const walk = (folder: string, below: string, above: readonly string[]): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const name = below + entry.name;
      const path = join(folder, entry.name);
      const facts = statSync(path, { throwIfNoEntry: false });
      if (facts === undefined || development.has(name) || rules.judge(name, facts.isDirectory()) === true) continue;
      if (entry.isSymbolicLink()) checkLink(code, name, path);
      if (facts.isDirectory()) {
        const real = realpathSync(path);
        if (!above.includes(real)) walk(path, `${name}/`, [...above, real]);
      } else if (facts.isFile() && chosen.judge(name, false) !== true) files.push({ name, path, facts });
    }
    if (files.length > filesMax) throw tooMuch(code, `It has more than ${filesMax} files`);
  };
  walk(code.path, "", [realpathSync(code.path)]);
  const bytes = files.reduce((sum, { facts }) => sum + facts.size, 0);
  if (bytes > bytesMax) throw tooMuch(code, `It has ${Math.round(bytes / 1024 / 1024)} MB in its files`);
  if (files.length === 0) throw nothing(code);
  return files
    .toSorted((one, other) => (one.name < other.name ? -1 : 1))
    .map(({ name, path, facts }) => ({ name, body: readFileSync(path), isProgram: (facts.mode & 0o100) !== 0 }));
}

/** A glob that leaves out is a line of a `.gitignore` that is tied to its folder, and the reverse. */
function ruleLines(pattern: string): string[] {
  const leavesOut = pattern.startsWith("!");
  const glob = (leavesOut ? pattern.slice(1) : pattern).replace(/^\.?\//, "");
  return alternatives(glob).map((each) => `${leavesOut ? "" : "!"}/${each}`);
}

/** `{a,b}` of a glob, written out. */
function alternatives(glob: string): string[] {
  const [whole, inner] = /\{([^{}]*)\}/.exec(glob) ?? [];
  if (whole === undefined || inner === undefined) return [glob];
  return inner.split(",").flatMap((each) => alternatives(glob.replace(whole, () => each)));
}

/** A link that leads out would pack files of the machine that nobody named. */
function checkLink({ root, place }: FolderCode, name: string, path: string): void {
  if (isInside(root, path)) return;
  throw new Failure({
    code: "E_PROJECT",
    exit: exits.usage,
    what: `${name} is a link that leads out of the project`,
    where: place,
    why: `It leads to ${realpathSync(path)}`,
    fix: "leave it out, put a copy in its place, or name the folder that both are in with --root",
  });
}

function tooMuch({ path, place }: FolderCode, why: string): Failure {
  return new Failure({
    code: "E_TOO_LARGE",
    exit: exits.usage,
    what: `The folder ${path} is too large for a function's code`,
    where: place,
    why,
    fix: "correct the folder, or leave files out",
  });
}

function nothing({ path, place, patterns }: FolderCode): Failure {
  return new Failure({
    code: "E_NO_CODE",
    exit: exits.usage,
    what: "There is nothing to pack",
    where: place,
    why: patterns.length === 0 ? `${path} is empty` : `The patterns leave nothing of ${path}`,
    fix: "build what belongs there, or correct the folder or the patterns",
  });
}
