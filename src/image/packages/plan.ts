import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { asPlatformError } from "../../model/error.ts";
import { unpackRecords } from "./records.ts";
import type { PackageStore } from "../code/package-store.ts";
import type { Tree } from "../code/tree.ts";
import type { CodeSource, InstallPlan } from "../image.ts";
import type { Kind } from "../kinds.ts";
import { rootLayout } from "../layout.ts";
import { npm } from "./npm.ts";
import { buildFailed, type InstallJob, type PackageManager, type Registries } from "./packages.ts";
import { pip } from "./pip.ts";
import { type ProvidedPackages, usedOf } from "./provided.ts";

/** Rises when the same packages are installed in another way. */
const formatVersion = 1;

/** What the plan works with, found out already. */
export interface PlanParts {
  readonly source: CodeSource;
  readonly namespace: string;
  readonly kind: Kind;
  /** Host folder of the code. */
  readonly folder: string;
  readonly store: PackageStore;
  /** What handlers of the convention `parameters` may use without naming it. */
  readonly provided: ProvidedPackages;
  /** Our program that runs the package manager. */
  readonly runtime: string;
  /** Asked only where something has to be installed. */
  registries(manager: PackageManager["name"]): Promise<Registries>;
  /** What decides which packages fit, such as the interpreter's version. */
  interpreter(): Promise<string>;
  /** Host folder of the root with the package manager. */
  root(): Promise<string>;
}

/** The plan for code that names packages and does not bring them; null: there is nothing to install. */
export async function planOf(parts: PlanParts): Promise<InstallPlan | null> {
  const { source, namespace, kind, folder, store } = parts;
  const mode = source.install ?? "auto";
  const manager = managerOf(kind);
  if (manager === null || mode === "none") return null;
  const wanted = await manager.find(folder, await usedOf(providedFor(parts), folder));
  if (wanted === null) return null;
  const registries = await parts.registries(manager.name);
  const runsCode = mode === "scripts" || wanted.needsCode;
  const made = [formatVersion, kind.name, await parts.interpreter(), manager.name, mode];
  // Credentials in an address change nothing of what is installed.
  const key = keyOf([namespace, made, wanted.files, manager.hosts(registries), runsCode ? source.digest : null]);
  const named = runsCode ? (await readdir(folder)).filter((name) => name !== ".npmrc") : Object.keys(wanted.files);
  const copy = named.filter((name) => wanted.written?.includes(name) !== true);
  const job: InstallJob = manager.job(wanted, mode, registries, copy);
  const whole = () => store.join(key, source.digest, folder).catch(refuseUnusable);
  return {
    key,
    manager: manager.name,
    async isThere() {
      if ((await store.find(key)) === null) return false;
      await whole();
      return true;
    },
    async start() {
      const root = await parts.root();
      const command = [rootLayout.node, `${rootLayout.runtime}/main.cjs`];
      const inside = { code: folder, runtime: parts.runtime, path: rootLayout.path };
      return { ...inside, root, command, job: JSON.stringify(job), hosts: manager.hosts(registries) };
    },
    async keep(records) {
      const fill = (tree: Tree) => unpackRecords(records, tree, Object.keys(job.results));
      await store.add(key, fill).catch(refuseUnusable);
      await whole();
    },
    isIncomplete: (said) => manager.isIncomplete(said),
    failure: (said) => buildFailed(manager.explain(said), said),
  };
}

function providedFor({ source, kind, provided }: PlanParts): ProvidedPackages {
  return source.convention === "parameters" && kind.runtime.family === "nodejs" ? provided : {};
}

/** Packages come for the languages that have a registry of them. */
function managerOf({ runtime: { family } }: Kind): PackageManager | null {
  switch (family) {
    case "nodejs":
      return npm;
    case "python":
      return pip;
    case "java":
    case "shim":
    case "executable":
      return null;
  }
}

function keyOf(parts: readonly unknown[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}

/** What a sandbox sent was made by code of others. */
function refuseUnusable(error: unknown): never {
  const { code, message } = asPlatformError(error);
  if (code !== "invalid" && code !== "too_large") throw error;
  throw buildFailed({ reason: "unusable", why: message, fix: "Depend on less, or send the packages with the code" }, "");
}
