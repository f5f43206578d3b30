/**
 * Kits and servers of others, from their registries, and programs built from `test/functions/`: fetched or built once, kept in a cache
 * folder for later runs, safe against test files that want the same one at the same time.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { cp, mkdir, open, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

const run = promisify(execFile);

const cacheHome = process.env.XDG_CACHE_HOME;
const cache = cacheHome ? join(cacheHome, "polykiln", "test") : join(tmpdir(), "polykiln-test");
const installMsMax = 240_000;

/** The distribution's Python, which is also the one that packages with compiled parts are fetched for. */
export const python = existsSync("/usr/bin/python3") ? "/usr/bin/python3" : "python3";

/** Go's own installer puts it where no PATH leads by default. */
const toolPath = `${process.env.PATH}:/usr/local/go/bin`;

/** Folder with a `node_modules` that holds the packages, such as `express@5.3.0`. */
export function npmKit(names: readonly string[]): Promise<string> {
  return once("npm", [process.version, ...names], async (folder) => {
    await writeFile(join(folder, "package.json"), '{ "private": true }');
    // The npm that came with this Node where there is one; otherwise the one on PATH.
    const npm = join(dirname(process.execPath), "npm");
    const options = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    await execute(existsSync(npm) ? npm : "npm", [...options, ...names], { cwd: folder });
  });
}

/**
 * Folder for the `cache` of this npm, a script for Node, from which these packages, and all that they ask for, can be installed without a
 * network. Others may not find in it what they look for.
 */
export function npmCache(npm: string, names: readonly string[]): Promise<string> {
  return once("npm-cache-of", [npm, ...names], async (folder) => {
    const work = `${folder}.src`;
    await mkdir(work, { recursive: true });
    const options = ["install", "--cache", folder, "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    const made = execute(process.execPath, [npm, ...options, ...names], { cwd: work });
    await made.finally(() => rm(work, { recursive: true, force: true }));
  });
}

/** Folder to put on PYTHONPATH; programs of the packages are in its `bin`. `alone`: without what the packages ask for, but these. */
export function pipKit(names: readonly string[], kind: "whole" | "alone" = "whole"): Promise<string> {
  return once("pip", [python, ...names], async (folder) => {
    const more = kind === "alone" ? ["--no-deps"] : [];
    const options = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--target", folder, ...more];
    await execute(python, [...options, ...names], { cwd: folder });
  });
}

/** Folder of wheels of these packages and of all that they ask for. */
export function pipWheels(names: readonly string[]): Promise<string> {
  return once("pip-wheels", [python, ...names], async (folder) => {
    const options = ["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input", "--only-binary", ":all:"];
    await execute(python, [...options, "--dest", folder, ...names], { cwd: folder });
  });
}

/** How Go programs are built: alike wherever that happens, so that what was compiled once is there for all. */
export const goEnvironment: Readonly<Record<string, string>> = {
  CGO_ENABLED: "0",
  GOCACHE: join(cache, "go-build"),
  GOFLAGS: "-trimpath",
  GOTOOLCHAIN: "local",
  GO111MODULE: "on",
};

/** A static binary of the Go program in `source`, which may use our Go runtime. */
export async function goBuild(source: string): Promise<string> {
  const contents = [await contentOf(source), await contentOf(goRuntime)];
  const folder = await once("go", contents, async (target) => {
    await execute("go", ["build", "-o", join(target, "program"), "."], { cwd: source, env: goEnvironment });
  });
  return join(folder, "program");
}

/** The same with modules of others, through this machine's module proxy; or why there is no such binary: not every proxy has all. */
export async function goModuleBuild(source: string): Promise<{ readonly program: string } | { readonly missing: string }> {
  try {
    const folder = await once("go-module", [await contentOf(source)], async (target) => {
      const work = `${target}.src`;
      await cp(source, work, { recursive: true });
      const env = { CGO_ENABLED: "0", GOCACHE: join(cache, "go-build"), GOFLAGS: "-trimpath -mod=mod", GO111MODULE: "on" };
      const build = execute("go", ["build", "-o", join(target, "program"), "."], { cwd: work, env });
      await build.finally(() => rm(work, { recursive: true }));
    });
    return { program: join(folder, "program") };
  } catch (error) {
    return { missing: lastLineOf(error) };
  }
}

/** Of what a program that failed said. */
function lastLineOf(error: unknown): string {
  const said = String((error as { stderr?: string }).stderr ?? error);
  return said.trim().split("\n").at(-1) ?? "";
}

/** A binary of the Rust program in `source`, from crates.io; or why there is none. The first build takes a minute and a half of a processor. */
export async function cargoBuild(source: string): Promise<{ readonly program: string } | { readonly missing: string }> {
  if ((await run("which", ["cargo"]).catch(() => null)) === null) return { missing: "cargo is not installed (rustup.rs)" };
  try {
    const folder = await once("cargo", [await contentOf(source)], async (target) => {
      const work = `${target}.src`;
      await cp(source, work, { recursive: true });
      const build = execute("cargo", ["build", "--quiet", "--release", "--locked"], { cwd: work });
      const kept = build.then(() => cp(join(work, "target/release/bootstrap"), join(target, "program")));
      await kept.finally(() => rm(work, { recursive: true }));
    });
    return { program: join(folder, "program") };
  } catch (error) {
    const why = lastLineOf(error);
    // That is our own fault, and not that of who has no registry.
    if (why.includes("could not compile")) throw error;
    return { missing: why };
  }
}

/** Why no Java function can be built here; null: one can. */
export async function javaMissing(): Promise<string | null> {
  for (const [program, name] of [
    ["javac", "openjdk-17-jdk-headless"],
    ["mvn", "maven"],
  ] as const) {
    if ((await run("which", [program]).catch(() => null)) === null)
      return `${program} is not installed (apt-get install ${name})`;
  }
  return null;
}

/** Folder of jars: a package of Maven's repository, such as `com.fnproject.fn:runtime:1.0.212`, and all it depends on. */
export function mavenKit(name: string): Promise<string> {
  return once("maven", [name], async (folder) => {
    const [group, artifact, version] = name.split(":");
    const dependency = `<groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version>`;
    const own = "<modelVersion>4.0.0</modelVersion><groupId>test</groupId><artifactId>test</artifactId><version>1</version>";
    const project = `<project>${own}<dependencies><dependency>${dependency}</dependency></dependencies></project>`;
    const pom = `${folder}.pom.xml`;
    await writeFile(pom, project);
    const goal = ["dependency:copy-dependencies", `-DoutputDirectory=${folder}`, "-DincludeScope=runtime"];
    await execute("mvn", ["-q", "-B", "-f", pom, ...goal], { cwd: folder }).finally(() => rm(pom, { force: true }));
  });
}

/** Folder of the classes of a Java function that uses these jars. */
export async function javaBuild(source: string, jars: string): Promise<string> {
  const files = (await readdir(source, { recursive: true })).filter((name) => name.endsWith(".java")).toSorted();
  const texts = await Promise.all(files.map((name) => readFile(join(source, name), "utf8")));
  return once("java", [jars, ...files, ...texts], async (folder) => {
    const options = ["--release", "17", "-d", folder, "-cp", join(jars, "*")];
    await execute("javac", [...options, ...files.map((name) => join(source, name))], { cwd: folder });
  });
}

const goRuntime = join(import.meta.dirname, "../runtimes/go");

/** Folder of the sources of a test function. */
export const functionSource = (name: string): string => join(import.meta.dirname, "functions", name);

async function execute(
  program: string,
  args: readonly string[],
  options: { cwd: string; env?: Readonly<Record<string, string>> },
): Promise<void> {
  const env = { ...process.env, PATH: toolPath, HOME: process.env.HOME ?? cache, ...options.env };
  await run(program, args, { cwd: options.cwd, env, timeout: installMsMax, killSignal: "SIGKILL" });
}

async function contentOf(folder: string): Promise<string> {
  const hash = createHash("sha256");
  for (const name of (await readdir(folder)).toSorted()) hash.update(name).update(await readFile(join(folder, name)));
  return hash.digest("hex");
}

/** Makes the folder for `parts` unless it is there. Made under another name and renamed, so that a half-made one is never used. */
async function once(kind: string, parts: readonly string[], make: (folder: string) => Promise<void>): Promise<string> {
  const key = createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 16);
  const folder = join(cache, `${kind}-${key}`);
  await mkdir(cache, { recursive: true });
  if (existsSync(folder)) return folder;
  const unlock = await lock(`${folder}.lock`);
  try {
    if (existsSync(folder)) return folder;
    const unfinished = `${folder}.new`;
    await rm(unfinished, { recursive: true, force: true });
    await mkdir(unfinished);
    await make(unfinished);
    await rename(unfinished, folder);
    return folder;
  } finally {
    await unlock();
  }
}

async function lock(path: string): Promise<() => Promise<void>> {
  const deadline = Date.now() + 2 * installMsMax;
  for (;;) {
    try {
      const file = await open(path, "wx");
      await file.writeFile(String(process.pid));
      await file.close();
      return () => rm(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST" || Date.now() > deadline) throw error;
    }
    if (await isAbandoned(path)) await rm(path, { force: true });
    await sleep(100);
  }
}

/** True when the process that made the lock is no more. */
async function isAbandoned(path: string): Promise<boolean> {
  const pid = Number(await readFile(path, "utf8").catch(() => ""));
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}
