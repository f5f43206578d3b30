import { mkdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { PlatformError } from "../../model/error.ts";
import type { World } from "../../lib/world.ts";
import { removeStale, temporaryFolder } from "./temporary.ts";
import { isMissingProgram, runTool, type Say } from "./tool.ts";

const installTimeoutMs = 300_000;
/** Registries have bad moments, and these are large packages. */
const installTries = 3;

/** A package that the npm client of this machine fetches. */
export interface NpmPackage {
  readonly name: string;
  readonly version: string;
  /** What is told of it. */
  readonly title: string;
  /** What to do where it cannot be fetched. */
  readonly remedy: string;
  /** Something in it that must be there. */
  readonly essential: string;
  /** Changes what was unpacked, before it appears. */
  readonly trim?: (folder: string) => Promise<void>;
}

/** Host folder of the package, fetched once into `<folder>/<version>`. Throws `internal`. */
export async function fetchPackage(wanted: NpmPackage, folder: string, world: World, say: Say): Promise<string> {
  const place = join(folder, wanted.version);
  if (await stat(join(place, wanted.essential)).catch(() => null)) return place;
  await removeStale(folder, world);
  const work = temporaryFolder(folder, world);
  await mkdir(work, { recursive: true });
  try {
    say(`Fetching ${wanted.title} with npm`);
    await install(wanted, work, say);
    const installed = join(work, "node_modules", wanted.name);
    await wanted.trim?.(installed);
    await publish(installed, place);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return place;
}

async function install({ name, version, title, remedy }: NpmPackage, work: string, say: Say): Promise<void> {
  const flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-save", "--no-package-lock", "--loglevel=error"];
  for (let attempt = 1; ; attempt++) {
    try {
      await runTool("npm", ["install", "--prefix", work, ...flags, `${name}@${version}`], installTimeoutMs, say);
      return;
    } catch (cause) {
      if (isMissingProgram(cause)) throw cause;
      if (attempt < installTries) continue;
      throw new PlatformError("internal", `${title} cannot be fetched with npm: ${remedy}`, { cause });
    }
  }
}

/** Whoever comes second finds the same thing in place. */
async function publish(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (!(await stat(to).catch(() => null))) throw error;
  }
}
