/** Looks into an unpacked image as a program inside would: links are the image's own, and none leads out of it. */
import type { Stats } from "node:fs";
import { lstat, readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";

/** As the kernel counts. */
const linksMax = 40;
const textBytesMax = 4 * 1024 * 1024;

/** A full path inside, for a path that may be relative to a folder. */
export function fullPath(path: string, folder: string): string {
  return path.startsWith("/") ? join("/", path) : join("/", folder, path);
}

/** Where a file is on the host, after all links, and what it is; null: there is none. */
async function findInside(root: string, path: string): Promise<{ readonly file: string; readonly facts: Stats } | null> {
  const rest = partsOf(path).toReversed();
  const way: string[] = [];
  let links = 0;
  for (let name = rest.pop(); name !== undefined; name = rest.pop()) {
    if (name === "..") {
      way.pop();
      continue;
    }
    const place = join(root, ...way, name);
    const found = await lstat(place).catch(() => null);
    if (found === null) return null;
    if (!found.isSymbolicLink()) {
      way.push(name);
      continue;
    }
    if (++links > linksMax) return null;
    const target = await readlink(place);
    if (target.startsWith("/")) way.length = 0;
    rest.push(...partsOf(target).toReversed());
  }
  const file = join(root, ...way);
  return { file, facts: await lstat(file) };
}

/** The text of a file inside; empty where there is none. */
export async function textInside(root: string, path: string): Promise<string> {
  const found = await findInside(root, path);
  if (found === null || !found.facts.isFile() || found.facts.size > textBytesMax) return "";
  return await readFile(found.file, "utf8");
}

/** The full path by which a program is started: looked up in `PATH` unless it has a slash. Null: it is not there, or is no program. */
export async function programInside(root: string, name: string, workingFolder: string, path: string): Promise<string | null> {
  const places = name.includes("/")
    ? [fullPath(name, workingFolder)]
    : path.split(":").map((folder) => fullPath(name, fullPath(folder, workingFolder)));
  for (const place of places) {
    const found = await findInside(root, place);
    if (found?.facts.isFile() && (found.facts.mode & 0o111) !== 0) return place;
  }
  return null;
}

/** Names of the files in a folder that may be started, sorted; none where there is no such folder. */
export async function programsInside(root: string, folder: string): Promise<readonly string[]> {
  const found = await findInside(root, folder);
  if (found?.facts.isDirectory() !== true) return [];
  const programs: string[] = [];
  for (const name of await readdir(found.file)) {
    if ((await programInside(root, `${folder}/${name}`, "/", "")) !== null) programs.push(name);
  }
  return programs.toSorted();
}

function partsOf(path: string): string[] {
  return path.split("/").filter((part) => part !== "" && part !== ".");
}
