/** The kits as their users get them: packed, and installed without a network. */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { python } from "../kits.ts";

const root = join(import.meta.dirname, "../..");

export interface KitPackages {
  /** A folder with `node_modules/@polykiln/fdk`. */
  readonly node: string;
  /** A folder for PYTHONPATH. */
  readonly python: string;
  /** Paths of files. */
  readonly nodeFiles: readonly string[];
  readonly pythonFiles: readonly string[];
  remove(): void;
}

/** From a copy of the sources: packing lays files beside them for a moment, which nobody else should see. */
export function packKits(): KitPackages {
  const place = mkdtempSync(join(tmpdir(), "kits-"));
  for (const part of ["fdk", "runtimes", "LICENSE"]) {
    cpSync(join(root, part), join(place, "source", part), { recursive: true, filter: (path) => !path.endsWith("__pycache__") });
  }
  const node = packNode(place);
  const pythonFolder = installPython(place);
  return {
    ...node,
    python: pythonFolder,
    pythonFiles: filesBelow(pythonFolder),
    remove: () => rmSync(place, { recursive: true, force: true }),
  };
}

function packNode(place: string): Pick<KitPackages, "node" | "nodeFiles"> {
  const installed = join(place, "node");
  const target = join(installed, "node_modules/@polykiln/fdk");
  mkdirSync(target, { recursive: true });
  const options = { cwd: join(place, "source/fdk/node"), encoding: "utf8", timeout: 60_000, stdio: "pipe" } as const;
  const said = execFileSync("npm", ["pack", "--silent", "--offline", "--pack-destination", place], options);
  const archive = said.trim().split("\n").at(-1) ?? "";
  execFileSync("tar", ["-xzf", join(place, archive), "-C", target, "--strip-components=1"], { timeout: 30_000 });
  return { node: installed, nodeFiles: filesBelow(target) };
}

function installPython(place: string): string {
  const target = join(place, "python");
  const options = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--no-index", "--no-compile"];
  const env = { ...process.env, PYTHONDONTWRITEBYTECODE: "1" };
  execFileSync(python, [...options, "--target", target, join(place, "source/fdk/python")], {
    timeout: 120_000,
    env,
    stdio: "pipe",
  });
  return target;
}

function filesBelow(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return entries.map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1)).toSorted();
}
