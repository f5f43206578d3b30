import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline/promises";
import type { Readable } from "node:stream";
import { bumpVersions, loadProject, prepareCode, tellWarnings } from "../deploy.ts";
import { Failure, usage } from "../failure.ts";
import { shownBytes } from "../output.ts";
import type { PlannedFunction, Project } from "../project/project.ts";
import { spawnServer } from "../server-process.ts";
import type { Session } from "../session.ts";
import { asFailure, type BuildFailed } from "./failure.ts";
import { imageOf, type NamingFlags, type Purpose } from "./reference.ts";

export interface ImageFlags extends NamingFlags {
  readonly all?: boolean;
  readonly app?: string;
  readonly bump?: string | true;
  readonly build?: boolean;
  readonly layout?: string;
  readonly archive?: string;
  readonly cache?: string;
}

/** An image that was made, and sent where that was asked for. */
interface MadeImage {
  readonly name: string;
  readonly image: string;
  readonly digest: string;
  readonly layers: readonly { readonly digest: string; readonly bytes: number; readonly what: string }[];
  readonly layout: string | null;
  readonly archive: string | null;
  readonly sentBytes?: number;
}

type Told =
  | { readonly event: "say"; readonly text: string }
  | ({ readonly event: "built" } & MadeImage)
  | {
      readonly event: "pushed";
      readonly name: string;
      readonly image: string;
      readonly digest: string;
      readonly sentBytes: number;
    }
  | ({ readonly event: "failed" } & BuildFailed);

/** Makes an image of each function of a project, in a process of the server's own program, and prints what came of it. */
export async function makeImages(
  session: Session,
  folder: string | undefined,
  flags: ImageFlags,
  purpose: Purpose,
): Promise<number> {
  const first = loadProject(session, folder, flags);
  if (flags.bump !== undefined) bumpVersions(session, first, flags.bump);
  const project = flags.bump === undefined ? first : loadProject(session, folder, flags);
  tellWarnings(session, project);
  if (flags.archive !== undefined && project.functions.length > 1)
    throw usage("--archive is for one function, and there are more", "name its folder, or take --layout");
  const place = mkdtempSync(join(tmpdir(), "polykiln-"));
  try {
    const functions = await jobsOf(session, project, flags, purpose, place);
    const made = await run(session, { functions, push: purpose === "push" }, flags.cache);
    await print(session, project, made);
    return 0;
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

async function jobsOf(session: Session, project: Project, flags: ImageFlags, purpose: Purpose, place: string): Promise<object[]> {
  const { around, folder } = session;
  const names = new Map(project.functions.map((fn) => [fn.name, imageOf(checked(fn), flags, around.env, purpose)]));
  const code = await prepareCode(project, { build: flags.build !== false, signal: around.interrupted });
  return project.functions.map((fn) => {
    const codeFile = join(place, `${encodeURIComponent(fn.name)}.tar`);
    writeFileSync(codeFile, code.get(fn.name)?.bytes ?? "", { mode: 0o600 });
    return {
      ...jobOf(fn),
      image: names.get(fn.name),
      codeFile,
      layout: layoutOf(project, fn, flags, folder, purpose),
      archive: flags.archive === undefined ? null : resolve(folder, flags.archive),
    };
  });
}

function jobOf({ name, settings, funcFile }: PlannedFunction) {
  const isOwn = settings["command"] !== null;
  const version = funcFile?.version ?? null;
  return {
    name,
    kind: settings["kind"],
    handler: settings["handler"],
    install: settings["install"],
    entrypoint: isOwn ? (funcFile?.entrypoint ?? (funcFile === undefined ? settings["command"] : null)) : null,
    cmd: isOwn ? (funcFile?.cmd ?? null) : null,
    labels: {
      "org.opencontainers.image.title": name,
      ...(version !== null && { "org.opencontainers.image.version": version }),
    },
  };
}

/** One folder a function; relative: in the cache. */
function layoutOf(
  project: Project,
  { name }: PlannedFunction,
  { layout, archive }: ImageFlags,
  folder: string,
  purpose: Purpose,
): string | null {
  if (layout === undefined) return purpose === "push" || archive !== undefined ? null : join(project.app, name);
  return project.functions.length > 1 ? resolve(folder, layout, name) : resolve(folder, layout);
}

/** An image that is run by others speaks Fn's contract. */
function checked(fn: PlannedFunction): PlannedFunction {
  const { name, folder, settings, place } = fn;
  if (folder === null) throw usage(`Function ${name} (${place}) is an image already`);
  if (settings["protocol"] === "http-stream") return fn;
  throw usage(
    `Function ${name} (${place}) does not speak Fn's contract, which images are called by`,
    "add protocol: http-stream, with one of Fn's kits in the code, or take a func.yaml",
  );
}

async function run(session: Session, job: object, cache: string | undefined): Promise<MadeImage[]> {
  const { around } = session;
  const args = ["images", ...(cache === undefined ? [] : ["--cache", resolve(session.folder, cache)])];
  const child = spawnServer(args, { stdio: ["pipe", "pipe", "pipe"], env: around.env, cwd: session.folder });
  const stop = () => child.kill("SIGTERM");
  around.interrupted.addEventListener("abort", stop, { once: true });
  let said = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-4000);
  });
  const ended = new Promise<number>((done, fail) => child.once("error", fail).once("close", (code) => done(code ?? 1)));
  // It may have ended before it has read all.
  child.stdin?.on("error", () => {}).end(JSON.stringify(job));
  const made = new Map<string, MadeImage>();
  let failed: BuildFailed | undefined;
  for await (const line of createInterface({ input: child.stdout as Readable })) {
    const told = JSON.parse(line) as Told;
    if (told.event === "failed") failed = told;
    else take(session, told, made);
  }
  const code = await ended;
  around.interrupted.removeEventListener("abort", stop);
  if (around.interrupted.aborted) throw new Failure({ code: "E_INTERRUPTED", exit: 130, what: "Interrupted" });
  if (code !== 0) throw asFailure(failed, said);
  return [...made.values()];
}

function take(session: Session, told: Exclude<Told, { event: "failed" }>, made: Map<string, MadeImage>): void {
  if (told.event === "say") return session.say(session.paint("dim", told.text));
  const { event, ...image } = told;
  const before = made.get(image.name);
  made.set(image.name, event === "built" ? (image as MadeImage) : ({ ...before, ...image } as MadeImage));
}

async function print({ out }: Session, { app }: Project, made: readonly MadeImage[]): Promise<void> {
  if (out.format === "name") for (const { image, digest } of made) out.line(`${image}@${digest}`);
  else if (out.format !== "table") await out.item({ images: made }, app);
  else for (const image of made) out.line(lineOf(image));
}

function lineOf({ image, digest, layers, layout, archive, sentBytes }: MadeImage): string {
  const bytes = layers.reduce((sum, layer) => sum + layer.bytes, 0);
  const where = sentBytes === undefined ? (archive ?? layout ?? "") : `sent, ${shownBytes(sentBytes)} of it were new`;
  return `${image}  ${digest}  ${layers.length} layers, ${shownBytes(bytes)}  ${where}`;
}
