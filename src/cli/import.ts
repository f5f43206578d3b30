import type { Command } from "commander";
import { basename, dirname, resolve } from "node:path";
import { carryOutTelling } from "./changes.ts";
import type { Run } from "./cli.ts";
import { resolveServer } from "./connection.ts";
import { exits, usage } from "./failure.ts";
import type { Packed } from "./import/code.ts";
import { findFile, type FoundFile } from "./import/found-file.ts";
import { identityOf, LambdaDoor, pairOf } from "./import/lambda-door.ts";
import { checkNames } from "./import/names.ts";
import { planImport } from "./import/plan.ts";
import { layerKey, prepare } from "./import/prepared.ts";
import { rehearse } from "./import/rehearsal.ts";
import { type Identity, plainName } from "./import/resources.ts";
import { readServerless } from "./import/serverless.ts";
import { readTemplate } from "./import/template.ts";
import { tellRemarks } from "./import/told.ts";
import { leavesOut, type Wanted, type WantedFunction } from "./import/wanted.ts";
import { pairsFrom } from "./pairs.ts";
import { readVariables } from "./project/references.ts";
import type { Session } from "./session.ts";

interface Flags {
  readonly stage?: string;
  readonly stack?: string;
  readonly param?: readonly string[];
  readonly root?: string;
  readonly dryRun?: boolean;
  readonly partial?: boolean;
  readonly prune?: boolean;
}

/** `polykiln import`: lambda. */
export function register(program: Command, run: Run): void {
  const command = program.command("import").description("Bring in what was written for other platforms.");
  command
    .command("lambda")
    .description("Deploy the functions of a SAM or CloudFormation template or a Serverless file.")
    .argument("[path]", "the file, or the folder that has it", ".")
    .option("--stage <name>", "stage of a Serverless file (default: the file's, or dev)")
    .option("--stack <name>", "what is made is marked with this name (default: the folder's)")
    .option("--param <NAME=VALUE...>", "parameters, and what else only AWS knows (Table.Arn=…)")
    .option("--root <folder>", "code may be anywhere in this folder (default: the file's)")
    .option("--dry-run", "say what would change, change nothing")
    .option("--partial", "deploy also functions of which something is missing, without that")
    .option("--prune", "delete what an earlier import made and the file does not have")
    .action(run((session, path: string, flags: Flags) => importLambda(session, path, flags)));
}

async function importLambda(session: Session, given: string, flags: Flags): Promise<number> {
  const found = findFile(given, session.folder);
  const server = resolveServer(session.flags, session.around.env, session.folder, true);
  const client = session.clientOf(server);
  const namespace = session.flags.namespace ?? server.namespace ?? "guest";
  const pair = await pairOf(client, `/kiln/v1/namespaces/${encodeURIComponent(namespace)}`);
  const door = new LambdaDoor(client, pair, session.around);
  const read = readFile(session, found, flags, await identityOf(door, pair));
  checkNames(read.functions);
  const ready = await madeReady(door, read, flags.partial === true);
  const { wanted, held } = ready;
  const whole = `Stack ${wanted.stack}`;
  session.say(session.paint("dim", `${client.url} (${server.from}), namespace ${namespace}, ${whole}`));
  tellRemarks(session, wanted.remarks, held);
  const urls = new Map<string, string>();
  const told = (name: string, url: string) => urls.set(name, url);
  const plan = await planImport({ client, door, namespace, ...ready, prune: flags.prune === true, told });
  const fields = { stack: wanted.stack, remarks: wanted.remarks, held: [...held] };
  await carryOutTelling(session, plan, { whole, fields, dryRun: flags.dryRun === true, all: false });
  for (const [name, url] of urls) session.say(`${name} is at ${url}`);
  return held.size > 0 || leavesOut(wanted) ? exits.failed : exits.ok;
}

/** Packs the code and asks the server about the settings: what comes of it are remarks, and functions that are held back. */
async function madeReady(door: LambdaDoor, read: Wanted, isPartial: boolean) {
  const { code, remarks: ofCode } = await prepare(read);
  const { functions, remarks: ofServer, refused } = await rehearse(door, read.functions);
  const wanted = { ...read, functions, remarks: [...read.remarks, ...ofCode, ...ofServer] };
  return { wanted, code, held: heldBack(wanted, { code, refused, isPartial }) };
}

function readFile(session: Session, { path, file, type }: FoundFile, flags: Flags, identity: Identity): Wanted {
  const { around, folder } = session;
  const root = flags.root === undefined ? dirname(path) : resolve(folder, flags.root);
  const parameters = pairsFrom(flags.param ?? [], "--param");
  if (type === "template") {
    if (flags.stage !== undefined)
      throw usage("--stage is for Serverless files", "a template has parameters: --param NAME=VALUE");
    const stack = flags.stack ?? plainName(basename(dirname(path)));
    return readTemplate({ file, path, root, stack, identity, parameters });
  }
  const variables = readVariables(dirname(path), folder, session.flags.envFile, around.env);
  return readServerless({
    file,
    path,
    root,
    cwd: folder,
    stage: flags.stage,
    stack: flags.stack,
    identity,
    parameters,
    variables,
  });
}

interface Holding {
  readonly code: ReadonlyMap<string, Packed>;
  readonly refused: ReadonlySet<string>;
  readonly isPartial: boolean;
}

/** Names of the functions that are not deployed: those that cannot be, and those of which something is missing, unless that is all right. */
function heldBack({ functions, layers, remarks }: Wanted, { code, refused, isPartial }: Holding): Set<string> {
  const lacks = (name: string) => remarks.some(({ of, level }) => of === name && level === "missing");
  const canBe = ({ name, settings, layers: its }: WantedFunction) => {
    const packed = code.get(name);
    const isWhole =
      packed !== undefined && ("image" in packed || (settings.Runtime !== undefined && settings.Handler !== undefined));
    return (
      isWhole &&
      !refused.has(name) &&
      its.every((layer) => !("layer" in layer) || layers.some(({ id }) => id === layer.layer && code.has(layerKey(id))))
    );
  };
  return new Set(functions.filter((fn) => !canBe(fn) || (!isPartial && lacks(fn.name))).map(({ name }) => name));
}
