import type { Command } from "commander";
import { resolve } from "node:path";
import type { Run } from "./cli.ts";
import { resolveServer } from "./connection.ts";
import { Failure, usage } from "./failure.ts";
import { build, checkEntry } from "./project/build.ts";
import { bumpVersion } from "./project/bump.ts";
import { type Change, checkKinds, type Leftover, type Plan, planDeployment } from "./project/deployment.ts";
import { pack, type Packed } from "./project/pack.ts";
import { findProjectFolder, type Project, readProject } from "./project/project.ts";
import { readVariables } from "./project/references.ts";
import type { Session } from "./session.ts";

interface Flags {
  readonly app?: string;
  readonly dryRun?: boolean;
  readonly prune?: boolean;
  readonly build?: boolean;
  readonly all?: boolean;
  readonly bump?: string | true;
}

/** `polykiln deploy`. */
export function register(program: Command, run: Run): void {
  program
    .command("deploy")
    .description("Bring the functions and routes of kiln.yaml (or func.yaml) to a server. Changes only what differs.")
    .argument("[folder]", "folder of the project (default: this one, or the nearest above with a project file)")
    .option("--app <name>", "app to deploy into, in place of the file's")
    .option("--all", "every func.yaml of the folder and below, as the app of app.yaml")
    .option("--bump [part]", "raise the version in each func.yaml first: patch (default), minor or major")
    .option("--dry-run", "say what would change, change nothing")
    .option("--prune", "delete the app's functions and routes that the file does not have")
    .option("--no-build", "do not run build commands")
    .action(run((session, folder: string | undefined, flags: Flags) => deploy(session, folder, flags)));
}

async function deploy(session: Session, folder: string | undefined, flags: Flags): Promise<number> {
  const project = loadProject(session, folder, flags);
  if (flags.bump !== undefined && flags.dryRun !== true) bumpVersions(session, project, flags.bump);
  const server = resolveServer(session.flags, session.around.env, session.folder, true);
  const namespace = session.flags.namespace ?? server.namespace ?? project.namespace ?? "guest";
  const client = session.clientOf(server);
  tellWarnings(session, project);
  await checkKinds(client, project);
  const code = await prepareCode(project, { build: flags.build !== false, signal: session.around.interrupted });
  const home = `/kiln/v1/namespaces/${encodeURIComponent(namespace)}`;
  const plan = await planDeployment({ client, home, project, code, prune: flags.prune === true });
  session.say(session.paint("dim", `${client.url} (${server.from}), app ${project.app}`));
  const dryRun = flags.dryRun === true;
  const begin = ({ notice }: Change) => notice !== undefined && session.say(session.paint("dim", notice));
  await carryOut(plan.changes, { begin, done: (change) => tell(session, change, dryRun) }, dryRun);
  await summarize(session, project, plan, dryRun);
  return 0;
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

/** The app first, then functions, then the routes to them, then deletions: the order of the plan. */
export async function carryOut(changes: readonly Change[], hears: Listener, dryRun = false): Promise<void> {
  for (const change of changes) {
    if (change.verb !== "keep" && !dryRun) {
      hears.begin?.(change);
      await applied(change);
    }
    hears.done(change);
  }
}

/** Hears of changes as they are made. */
export interface Listener {
  begin?(change: Change): void;
  done(change: Change): void;
}

async function applied(change: Change): Promise<void> {
  try {
    await change.apply();
  } catch (error) {
    if (!(error instanceof Failure) || error.fields.code !== "E_CONFLICT") throw error;
    throw new Failure({
      ...error.fields,
      what: `Somebody else changed ${change.noun} ${change.name} during this deploy; it is left as they made it`,
      why: error.fields.what,
      fix: "look at their change, then run `polykiln deploy` again",
    });
  }
}

const signs = { create: ["green", "+"], update: ["yellow", "~"], delete: ["red", "-"], keep: ["dim", "="] } as const;

function tell(session: Session, { verb, noun, name, fields }: Change, dryRun: boolean): void {
  if (verb === "keep" || session.out.format !== "table") return;
  const [colour, sign] = signs[verb];
  const done = dryRun
    ? { create: "would be created", update: "would change", delete: "would be deleted" }
    : { create: "created", update: "changed", delete: "deleted" };
  const what = fields.length > 0 ? ` (${fields.join(", ")})` : "";
  session.out.line(`${session.out.paint(colour, sign)} ${noun} ${name} ${done[verb]}${what}`);
}

async function summarize(session: Session, project: Project, { changes, leftovers }: Plan, dryRun: boolean): Promise<void> {
  const { out } = session;
  const made = changes.filter(({ verb }) => verb !== "keep");
  if (out.format === "name") for (const { noun, name } of made) out.line(`${noun}/${name}`);
  else if (out.format !== "table") {
    const shown = changes.map(({ verb, noun, name, fields }) => ({ verb, noun, name, fields }));
    await out.item({ app: project.app, dryRun, changed: made.length > 0, changes: shown, leftovers }, project.app);
  } else if (made.length === 0) out.line("no changes");
  if (leftovers.length > 0) session.say(session.paint("dim", leftoverText(project, leftovers)));
}

function leftoverText({ app }: Project, leftovers: readonly Leftover[]): string {
  const names = leftovers.map(({ noun, name }) => `${noun} ${name}`).join(", ");
  return `App ${app} also has ${names}, which this project does not; --prune deletes ${leftovers.length === 1 ? "it" : "them"}`;
}
