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
import { cargo } from "../compilers/cargo.ts";
import { go } from "../compilers/go.ts";
import { javac } from "../compilers/javac.ts";
import { type Provided, type ProvidedPackages, usedOf } from "./provided.ts";

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
  readonly provided: Provided;
  /** Our program that runs the package manager. */
  readonly runtime: string;
  /** Host folder of what is compiled with the code. */
  readonly launchers: string;
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
  const manager = managerOf(kind, source);
  if (manager === null || mode === "none") return null;
  const provided = await providedFor(parts, manager);
  const wanted = await manager.find(folder, { provided, main: source.handler, launchers: parts.launchers });
  if (wanted === null) return null;
  const registries = await parts.registries(manager.name);
  const runsCode = mode === "scripts" || wanted.needsCode;
  const made = [formatVersion, kind.name, await parts.interpreter(), manager.name, mode];
  // Credentials in an address change nothing of what is installed.
  const key = keyOf([namespace, made, wanted.files, manager.hosts(registries), runsCode ? source.digest : null]);
  const named = runsCode ? (await readdir(folder)).filter((name) => name !== ".npmrc") : Object.keys(wanted.files);
  const copy = named.filter((name) => wanted.written?.includes(name) !== true);
  const job: InstallJob = manager.job(wanted, mode, registries, copy);
  const refuse = (error: unknown) => refuseUnusable(error, manager);
  const whole = () => store.join(key, source.digest, folder).catch(refuse);
  return {
    key,
    manager: manager.name,
    failed: manager.failed,
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
      await store.add(key, fill).catch(refuse);
      await whole();
    },
    isIncomplete: (said) => manager.isIncomplete(said),
    failure: (said) => buildFailed(manager.explain(said), said, manager.failed),
  };
}

async function providedFor({ source, provided, folder }: PlanParts, { name }: PackageManager): Promise<ProvidedPackages> {
  if (source.convention !== "parameters" || (name !== "npm" && name !== "pip")) return {};
  return await usedOf(name, provided[name], folder);
}

/** Packages come for the languages that have a registry of them, and programs for those that have a compiler. */
function managerOf({ runtime }: Kind, { convention }: CodeSource): PackageManager | null {
  switch (runtime.family) {
    case "nodejs":
      return npm;
    case "python":
      return pip;
    case "executable":
      return runtime.compiler !== null && convention === "parameters" ? { go, cargo }[runtime.compiler] : null;
    case "java":
      return convention === "parameters" ? javac : null;
    case "shim":
      return null;
  }
}

function keyOf(parts: readonly unknown[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}

/** What a sandbox sent was made by code of others. */
function refuseUnusable(error: unknown, { failed }: PackageManager): never {
  const { code, message } = asPlatformError(error);
  if (code !== "invalid" && code !== "too_large") throw error;
  throw buildFailed({ reason: "unusable", why: message, fix: "Depend on less, or send the packages with the code" }, "", failed);
}
