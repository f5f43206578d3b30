import { dirname, resolve } from "node:path";
import { carryOutTelling } from "../changes.ts";
import { keyOf, resolveServer } from "../connection.ts";
import { usage } from "../failure.ts";
import { pairsFrom } from "../pairs.ts";
import { hasProject } from "../project/project.ts";
import { readVariables } from "../project/references.ts";
import type { Session } from "../session.ts";
import { type Manifest, manifestIn, readManifest } from "./manifest.ts";
import { planManifest } from "./plan.ts";
import { Wire } from "./wire.ts";

/** Flags that manifests alone have. */
export interface ManifestFlags {
  readonly manifest?: string;
  readonly deployment?: string;
  readonly project?: string;
  readonly param?: readonly string[];
}

/** The manifest that a command means; undefined: a project of ours or of Fn's, or nothing. */
export function manifestOf(session: Session, folder: string | undefined, flags: ManifestFlags): string | undefined {
  if (flags.manifest !== undefined) return resolve(session.folder, flags.manifest);
  const at = folder === undefined ? nearestManifest(session.folder) : resolve(session.folder, folder);
  const found = at === undefined || hasProject(at) ? undefined : manifestIn(at);
  const [idle] = Object.entries({ deployment: flags.deployment, project: flags.project, param: flags.param }).find(
    ([, value]) => value !== undefined,
  ) ?? [undefined];
  if (found === undefined && idle !== undefined)
    throw usage(`--${idle} is for manifests, and there is none`, "name one with --manifest");
  return found;
}

/** The nearest folder, upwards, that has one, unless another project's file is nearer. */
function nearestManifest(folder: string): string | undefined {
  for (let at = folder; !hasProject(at); at = dirname(at)) {
    if (manifestIn(at) !== undefined) return at;
    if (dirname(at) === at) return undefined;
  }
  return undefined;
}

/** Plans and makes the changes; true: there were some. Throws a `Failure`. */
export async function deployManifest(
  session: Session,
  file: string,
  flags: ManifestFlags & { readonly prune?: boolean; readonly dryRun: boolean; readonly all: boolean },
): Promise<boolean> {
  const manifest = manifestWith(session, file, flags);
  for (const warning of manifest.warnings) session.say(`${session.paint("yellow", "warning")}: ${warning}`);
  if (flags.prune === true && manifest.project === null)
    throw usage(
      "--prune needs a project: nothing says what an earlier deploy made",
      "name it in the manifest, or with --project NAME",
    );
  const server = resolveServer(session.flags, session.around.env, session.folder, true);
  const namespace = session.flags.namespace ?? server.namespace ?? manifest.namespace ?? "guest";
  // OpenWhisk's API wants a key on loopback as well.
  const client = session.clientOf(server);
  const plan = await planManifest({
    wire: new Wire(client, namespace),
    manifest,
    prune: flags.prune === true,
    key: () => keyOf(server),
    signal: session.around.interrupted,
  });
  const whole = manifest.project === null ? manifest.file : `Project ${manifest.project}`;
  session.say(session.paint("dim", `${client.url} (${server.from}), namespace ${namespace}, ${whole}`));
  const { dryRun, all } = flags;
  return await carryOutTelling(session, plan, { whole, fields: { project: manifest.project }, dryRun, all });
}

function manifestWith(session: Session, file: string, { deployment, project, param = [] }: ManifestFlags): Manifest {
  const { around, folder, flags } = session;
  return readManifest({
    file,
    deployment: deployment === undefined ? null : resolve(folder, deployment),
    project: project ?? null,
    parameters: pairsFrom(param, "--param"),
    variables: readVariables(dirname(file), folder, flags.envFile, around.env),
    cwd: folder,
  });
}
