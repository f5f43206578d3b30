import { copyFile, link, mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { PlatformError } from "../../model/error.ts";
import { isMissingProgram, runTool, type Say } from "./tool.ts";

const resolveTimeoutMs = 60_000;
const downloadTimeoutMs = 300_000;

/**
 * Debian packages and everything they depend on, as files. Runs without root: apt works on folders of ours and on an empty
 * list of installed packages, so that it fetches all. What was fetched is kept in `shared` for the next root.
 */
export async function fetchPackages(names: readonly string[], shared: string, work: string, say: Say): Promise<string[]> {
  await checkHost();
  const apt = { archives: join(work, "debs"), lists: null, status: "/dev/null" };
  await mkdir(join(apt.archives, "partial"), { recursive: true });
  await mkdir(shared, { recursive: true });
  say(`Fetching Debian packages: ${names.join(" ")}`);
  try {
    await download(apt, names, shared, say);
  } catch (error) {
    if (isMissingProgram(error)) throw error;
    // The machine's package lists are absent or old. Ours are fetched aside: no root needed, and nothing of the machine changes.
    await downloadWithFreshLists({ ...apt, lists: join(work, "lists") }, names, shared, say);
  }
  return (await debsIn(apt.archives)).map((name) => join(apt.archives, name));
}

interface Apt {
  readonly archives: string;
  /** Folder of package lists; null for the machine's. */
  readonly lists: string | null;
  readonly status: string;
}

async function downloadWithFreshLists(
  apt: Apt & { lists: string },
  names: readonly string[],
  shared: string,
  say: Say,
): Promise<void> {
  say("The package lists of this machine do not do: fetching fresh ones");
  try {
    await mkdir(join(apt.lists, "partial"), { recursive: true });
    await runTool("apt-get", [...options(apt), "update"], downloadTimeoutMs, say);
    await download(apt, names, shared, say);
  } catch (cause) {
    if (isMissingProgram(cause)) throw cause;
    const { pretty } = await readRelease();
    const message = `The packages ${names.join(", ")} cannot be fetched on ${pretty}: they are those of Debian 12; check the network and the sources of apt (\`apt-get update\` shows them)`;
    throw new PlatformError("internal", message, { cause });
  }
}

async function download(apt: Apt, names: readonly string[], shared: string, say: Say): Promise<void> {
  const install = ["-y", "--no-install-recommends"];
  const cached = new Set(await debsIn(shared));
  if (cached.size > 0) {
    const printed = await runTool(
      "apt-get",
      [...options(apt), ...install, "--print-uris", "install", ...names],
      resolveTimeoutMs,
      say,
    );
    for (const name of printedNames(printed))
      if (cached.has(name)) await linkOrCopy(join(shared, name), join(apt.archives, name));
  }
  // Also when all are there: apt compares size and sum with the signed lists.
  await runTool("apt-get", [...options(apt), ...install, "--download-only", "install", ...names], downloadTimeoutMs, say);
  for (const name of await debsIn(apt.archives)) {
    if (!cached.has(name)) await linkOrCopy(join(apt.archives, name), join(shared, name));
  }
}

function options(apt: Apt): string[] {
  const settings = [
    `Dir::State::status=${apt.status}`,
    `Dir::Cache::archives=${apt.archives}`,
    "Dir::Cache::pkgcache=",
    "Dir::Cache::srcpkgcache=",
    "Debug::NoLocking=1",
    "APT::Sandbox::User=root",
    ...(apt.lists === null ? [] : [`Dir::State::lists=${apt.lists}`]),
  ];
  return ["-q", ...settings.flatMap((setting) => ["-o", setting])];
}

/** File names in the output of `--print-uris`: `'address' name size sum`. */
function printedNames(text: string): string[] {
  return text.split("\n").flatMap((line) => /^'[^']*' (\S+\.deb) \d+/.exec(line)?.[1] ?? []);
}

async function debsIn(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => name.endsWith(".deb")).toSorted();
}

/** Another process may have put the same file there first; it is the same package then. */
async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") await copyFile(from, to);
  }
}

async function checkHost(): Promise<void> {
  const { pretty, isDebian } = await readRelease();
  if (process.platform === "linux" && process.arch === "x64" && isDebian) return;
  const message = `Root file systems can only be made on Debian 12 (amd64) for now, and this is ${pretty} (${process.arch}): start with --sandbox process, or run the platform in a Debian 12 machine`;
  throw new PlatformError("internal", message);
}

async function readRelease(): Promise<{ pretty: string; isDebian: boolean }> {
  const text = await readFile("/etc/os-release", "utf8").catch(() => "");
  const value = (name: string) => new RegExp(`^${name}="?([^"\n]*)"?$`, "m").exec(text)?.[1];
  const family = `${value("ID") ?? ""} ${value("ID_LIKE") ?? ""}`;
  return { pretty: value("PRETTY_NAME") ?? process.platform, isDebian: family.split(" ").includes("debian") };
}
