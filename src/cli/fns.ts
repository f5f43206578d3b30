import type { Command } from "commander";
import { readFileSync, statSync } from "node:fs";
import { basename, resolve } from "node:path";
import type { AppAnswer, FunctionAnswer } from "./answers.ts";
import type { Run } from "./cli.ts";
import { durationMs } from "./duration.ts";
import { egressFrom } from "./egress.ts";
import { exits, Failure, usage } from "./failure.ts";
import { configFrom, pairsFrom } from "./pairs.ts";
import { referenceOf } from "./reference.ts";
import type { Session } from "./session.ts";

interface SettingFlags {
  readonly kind?: string;
  readonly code?: string;
  readonly handler?: string;
  readonly memory?: string;
  readonly timeout?: string;
  readonly concurrency?: string;
  readonly provisioned?: string;
  readonly keepAlive?: string;
  readonly egress?: readonly string[];
  readonly install?: string;
  readonly config?: readonly string[];
  readonly unset?: readonly string[];
}

/** `polykiln fn`: list, inspect, create, update, revisions, rollback, traffic, delete. */
export function register(program: Command, run: Run): void {
  const fn = program.command("fn").description("Functions.");
  fn.command("list").alias("ls").description("List functions.").argument("[app]", "only those of this app").action(run(list));
  fn.command("inspect").description("Show a function.").argument("[app/function]").action(run(inspect));
  withSettings(fn.command("create").description("Create a function from a file or a folder.").argument("<app/function>"))
    .requiredOption("--kind <kind>", "language runtime, such as nodejs:24")
    .requiredOption("--code <path>", "file or folder of the code")
    .action(run((session, text: string, flags: SettingFlags) => create(session, text, flags)));
  withSettings(
    fn.command("update").description("Change a function; what is not named stays as it is.").argument("<app/function>"),
  )
    .option("--kind <kind>", "language runtime")
    .option("--code <path>", "file or folder of the new code")
    .action(run((session, text: string, flags: SettingFlags) => update(session, text, flags)));
  fn.command("revisions").description("List what was deployed, newest first.").argument("[app/function]").action(run(revisions));
  fn.command("rollback")
    .description("Let an older revision have the calls, at once; a later deploy ends it.")
    .argument("<app/function>")
    .argument("[revision]", "default: the one before the one that is called")
    .action(run(rollback));
  fn.command("traffic")
    .description("Split the calls between revisions by weight; without any the newest gets all.")
    .argument("<app/function>")
    .argument("[revision=weight...]", "such as 7=9 8=1")
    .action(run(traffic));
  fn.command("delete")
    .alias("rm")
    .description("Delete a function with its routes.")
    .argument("<app/function>")
    .action(run(remove));
}

function withSettings(command: Command): Command {
  return command
    .option("--handler <file.name>", "what is called")
    .option("--memory <MiB>", "memory of a sandbox")
    .option("--timeout <duration>", "how long a call may take")
    .option("--concurrency <calls>", "calls that one sandbox runs at a time")
    .option("--provisioned <count>", "sandboxes that are kept ready")
    .option("--keep-alive <policy>", "when other sandboxes without calls end: fixed, learned")
    .option("--egress <entry...>", "namespace, none, internet, or entries: HOST:PORT, platform, internet")
    .option("--install <mode>", "packages that the code names: auto, scripts (theirs may run), none")
    .option("--config <NAME=VALUE...>", "environment variables to set")
    .option("--unset <NAME...>", "environment variables to take out");
}

/** Of a request with code, whose packages may have to be installed. */
const deployMsMax = 900_000;

function pathOf(session: Session, text: string | undefined): { path: string; shown: string } {
  const { app, name } = referenceOf(session, text, "function");
  return {
    path: `${session.home}/apps/${encodeURIComponent(app)}/functions/${encodeURIComponent(name)}`,
    shown: `${app}/${name}`,
  };
}

async function list(session: Session, app: string | undefined): Promise<number> {
  const { client, home, out } = session;
  const apps = app === undefined ? ["_", ...(await client.list<AppAnswer>(`${home}/apps`)).map(({ name }) => name)] : [app];
  const pages = await Promise.all(
    apps.map((name) => client.list<FunctionAnswer>(`${home}/apps/${encodeURIComponent(name)}/functions`)),
  );
  await out.list(
    pages.flat(),
    [
      ["NAME", shownName],
      ["KIND", ({ kind, image }) => kind ?? image ?? "sequence"],
      ["MEMORY", ({ memoryMiB }) => `${memoryMiB} MiB`],
      ["TIMEOUT", ({ timeoutMs }) => `${timeoutMs / 1000} s`],
      ["REVISION", ({ revision }) => String(revision)],
      ["UPDATED", ({ updatedAt }) => updatedAt],
    ],
    shownName,
  );
  return 0;
}

function shownName({ app, name }: FunctionAnswer): string {
  return `${app ?? "_"}/${name}`;
}

async function inspect(session: Session, text: string | undefined): Promise<number> {
  const { path, shown } = pathOf(session, text);
  const fn = await session.client.get<FunctionAnswer>(path);
  await session.out.item({ ...fn, url: session.client.url + fn.invokePath }, shown);
  return 0;
}

async function create(session: Session, text: string, flags: SettingFlags): Promise<number> {
  const { path, shown } = pathOf(session, text);
  const body = { ...settingsFrom(flags, {}), ...(await codeFrom(session, flags)) };
  const fn = await session.client.json<FunctionAnswer>("PUT", path, {
    body,
    headers: { "if-none-match": "*" },
    timeoutMs: deployMsMax,
  });
  await session.out.item({ ...fn, url: session.client.url + fn.invokePath }, shown);
  return 0;
}

async function update(session: Session, text: string, flags: SettingFlags): Promise<number> {
  const { path, shown } = pathOf(session, text);
  const before = await session.client.get<FunctionAnswer & { config: Record<string, string> }>(path);
  const body = {
    ...settingsFrom(flags, before.config),
    ...(flags.code !== undefined && (await codeFrom(session, { kind: before.kind ?? "", ...flags }))),
  };
  const headers = { "if-match": String(before.revision) };
  const fn = await session.client.json<FunctionAnswer>("PUT", path, { body, headers, timeoutMs: deployMsMax });
  session.say(fn.revision === before.revision ? "no changes" : `changed ${shown}, revision ${fn.revision}`);
  await session.out.item(fn, shown);
  return 0;
}

async function revisions(session: Session, text: string | undefined): Promise<number> {
  const { path } = pathOf(session, text);
  const [fn, items] = await Promise.all([
    session.client.get<FunctionAnswer>(path),
    session.client.list<FunctionAnswer>(`${path}/revisions`),
  ]);
  const all = fn.traffic.reduce((sum, { weight }) => sum + weight, 0);
  const share = (revision: number) => {
    if (all === 0) return revision === fn.revision ? "100 %" : "";
    const own = fn.traffic.find((part) => part.revision === revision);
    return own === undefined ? "" : `${Math.round((own.weight / all) * 100)} %`;
  };
  await session.out.list(
    items,
    [
      ["REVISION", ({ revision }) => String(revision)],
      ["CALLS", ({ revision }) => share(revision)],
      ["CODE", ({ codeDigest, image }) => codeDigest?.slice(0, 12) ?? image ?? ""],
      ["CREATED", ({ updatedAt }) => updatedAt],
    ],
    ({ revision }) => String(revision),
  );
  return 0;
}

async function rollback(session: Session, text: string, given: string | undefined): Promise<number> {
  const { path, shown } = pathOf(session, text);
  const fn = await session.client.get<FunctionAnswer>(path);
  const called = Math.max(...fn.traffic.map(({ revision }) => revision), fn.traffic.length === 0 ? fn.revision : 0);
  const revision = given === undefined ? called - 1 : whole(given, "revision");
  if (revision < 1) throw usage(`Function ${shown} has no revision before ${called}`);
  await session.client.send("PUT", `${path}/traffic`, { body: { traffic: [{ revision, weight: 1 }] } });
  session.say(`revision ${revision} of ${shown} gets the calls; back again: polykiln fn traffic ${shown}`);
  return 0;
}

async function traffic(session: Session, text: string, pairs: readonly string[]): Promise<number> {
  const { path, shown } = pathOf(session, text);
  const shares = Object.entries(pairsFrom(pairs, "share")).map(([revision, weight]) => ({
    revision: whole(revision, "revision"),
    weight: whole(weight, "weight"),
  }));
  await session.client.send("PUT", `${path}/traffic`, { body: { traffic: shares } });
  const split = shares.map(({ revision, weight }) => `revision ${revision} weighs ${weight}`).join(", ");
  session.say(`${shown}: ${split === "" ? "the newest revision gets all calls" : split}`);
  return 0;
}

async function remove(session: Session, text: string): Promise<number> {
  const { path, shown } = pathOf(session, text);
  await session.client.get(path);
  if (!(await session.confirm(`Delete function ${shown}?`))) return 1;
  await session.client.send("DELETE", path);
  session.say(`deleted function ${shown}`);
  return 0;
}

function settingsFrom(flags: SettingFlags, config: Readonly<Record<string, string>>): Record<string, unknown> {
  const { kind, handler, memory, timeout, concurrency, provisioned, keepAlive, egress, install, unset } = flags;
  return {
    ...(kind !== undefined && { kind }),
    ...(handler !== undefined && { handler }),
    ...(memory !== undefined && { memoryMiB: whole(memory, "--memory") }),
    ...(timeout !== undefined && { timeoutMs: durationMs(timeout, "--timeout") }),
    ...(concurrency !== undefined && { concurrency: whole(concurrency, "--concurrency") }),
    ...(provisioned !== undefined && { provisioned: whole(provisioned, "--provisioned") }),
    ...(keepAlive !== undefined && { keepAlive }),
    ...(install !== undefined && { install }),
    ...(egress !== undefined && { egress: egressFrom(egress) }),
    ...((flags.config ?? unset) !== undefined && { config: configFrom(config, flags.config, unset) }),
  };
}

async function codeFrom(session: Session, { code = "", kind = "" }: SettingFlags): Promise<{ code: string; fileName?: string }> {
  const path = resolve(session.folder, code);
  try {
    if (!statSync(path).isDirectory()) return { code: readFileSync(path).toString("base64"), fileName: basename(path) };
  } catch (cause) {
    throw new Failure({
      code: "E_NO_CODE",
      exit: exits.usage,
      what: `${code} cannot be read`,
      why: (cause as Error).message,
      cause,
    });
  }
  const { pack } = await import("./project/pack.ts");
  return { code: (await pack(path, { include: null, exclude: [], kind })).bytes.toString("base64") };
}

function whole(text: string, flag: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw usage(`${flag} ${JSON.stringify(text)} is no whole number`);
}
