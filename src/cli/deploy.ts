import type { Command } from "commander";
import { resolve } from "node:path";
import { carryOutTelling } from "./changes.ts";
import type { Run } from "./cli.ts";
import { resolveServer } from "./connection.ts";
import { usage } from "./failure.ts";
import { deployManifest, type ManifestFlags, manifestOf } from "./manifest/deploy.ts";
import { build, checkEntry } from "./project/build.ts";
import { bumpVersion } from "./project/bump.ts";
import { checkKinds, planDeployment } from "./project/deployment.ts";
import { pack, type Packed } from "./project/pack.ts";
import { findProjectFolder, type Project, readProject } from "./project/project.ts";
import { readVariables } from "./project/references.ts";
import type { Session } from "./session.ts";

interface Flags extends ManifestFlags {
  readonly app?: string;
  readonly dryRun?: boolean;
  readonly prune?: boolean;
  readonly build?: boolean;
  readonly all?: boolean;
  readonly bump?: string | true;
}

/** `polykiln deploy`. */
export function register(program: Command, run: Run): void {
  const command = program
    .command("deploy")
    .description(
      "Bring what kiln.yaml, func.yaml or manifest.yaml (of OpenWhisk's wskdeploy) says to a server. Changes only what differs.",
    )
    .argument("[folder]", "folder of the project (default: this one, or the nearest above with a project file)");
  projectFlags(command)
    .option("--bump [part]", "raise the version in each func.yaml first: patch (default), minor or major")
    .option("--dry-run", "say what would change, change nothing")
    .option("--prune", "delete what an earlier deploy made and the file does not have")
    .action(run((session, folder: string | undefined, flags: Flags) => deploy(session, folder, flags)));
}

/** Flags that say what is deployed. */
export function projectFlags(command: Command): Command {
  return command
    .option("--app <name>", "app to deploy into, in place of the file's")
    .option("--all", "every func.yaml of the folder and below, as the app of app.yaml")
    .option("--no-build", "do not run build commands")
    .option("-m, --manifest <file>", "manifest to deploy, in place of the folder's")
    .option("-d, --deployment <file>", "deployment.yaml of the manifest (default: the one beside it)")
    .option("--project <name>", "name of the manifest's project, in place of the file's")
    .option("--param <NAME=VALUE...>", "inputs of the manifest, over those of its files");
}

async function deploy(session: Session, folder: string | undefined, flags: Flags): Promise<number> {
  await bring(session, folder, flags, { dryRun: flags.dryRun === true, all: false });
  return 0;
}

/** Plans and, unless that is a dry run, makes all changes; true: there were some. `all`: see `Telling`. */
export async function bring(
  session: Session,
  folder: string | undefined,
  flags: Flags,
  how: { readonly dryRun: boolean; readonly all: boolean },
): Promise<boolean> {
  const manifest = manifestOf(session, folder, flags);
  if (manifest !== undefined) return await deployManifest(session, manifest, { ...flags, ...how });
  const project = loadProject(session, folder, flags);
  if (flags.bump !== undefined && !how.dryRun) bumpVersions(session, project, flags.bump);
  const server = resolveServer(session.flags, session.around.env, session.folder, true);
  const namespace = session.flags.namespace ?? server.namespace ?? project.namespace ?? "guest";
  const client = session.clientOf(server);
  tellWarnings(session, project);
  await checkKinds(client, project);
  const code = await prepareCode(project, { build: flags.build !== false, signal: session.around.interrupted });
  const home = `/kiln/v1/namespaces/${encodeURIComponent(namespace)}`;
  const plan = await planDeployment({ client, home, project, code, prune: flags.prune === true });
  session.say(session.paint("dim", `${client.url} (${server.from}), app ${project.app}`));
  return await carryOutTelling(session, plan, { whole: `App ${project.app}`, fields: { app: project.app }, ...how });
}

/** The project that a command means; with `all`, the app with every function below the folder. */
export function loadProject(
  session: Session,
  folder: string | undefined,
  { app, all }: { readonly app?: string | undefined; readonly all?: boolean | undefined } = {},
): Project {
  const { around, flags } = session;
  const nearest = () => (all === true ? session.folder : (findProjectFolder(session.folder) ?? session.folder));
  const at = folder === undefined ? nearest() : resolve(session.folder, folder);
  const variables = readVariables(at, session.folder, flags.envFile, around.env);
  return readProject(at, { app, all, cwd: session.folder, variables });
}

/** Says what its user should hear of a project's files. */
export function tellWarnings(session: Session, { warnings, notes = [] }: Project): void {
  for (const warning of warnings) session.say(`${session.paint("yellow", "warning")}: ${warning}`);
  for (const note of notes) session.say(session.paint("dim", note));
}

/** Raises the version in every `func.yaml` of a project. */
export function bumpVersions(session: Session, { functions }: Project, part: string | true): void {
  for (const { name, funcFile } of functions) {
    if (funcFile === undefined) throw usage("--bump is for func.yaml: kiln.yaml has no versions");
    session.say(`${name} ${bumpVersion(funcFile.path, part)}`);
  }
}

/** Builds and packs every function that has code. */
export async function prepareCode(
  project: Project,
  { build: wanted, signal }: { build: boolean; signal: AbortSignal },
): Promise<Map<string, Packed>> {
  const code = new Map<string, Packed>();
  for (const fn of project.functions) {
    if (fn.folder === null) continue;
    if (wanted) await build(fn, signal);
    checkEntry(fn);
    code.set(fn.name, await pack(fn.folder, { include: fn.include, exclude: fn.exclude, kind: String(fn.settings["kind"]) }));
  }
  return code;
}
