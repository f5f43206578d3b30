import { createHash } from "node:crypto";
import { lstat, readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { packTar, type TarEntry } from "modern-tar";
import { limits } from "../../model/limits.ts";
import { exits, Failure } from "../failure.ts";
import { IgnoreRules } from "./ignore.ts";

/** Code as it is sent. */
export interface Packed {
  readonly bytes: Buffer;
  /** SHA-256 of the bytes: what the server calls the code. */
  readonly digest: string;
  readonly contentType: "application/x-tar" | "application/gzip";
  readonly files: number;
  /** The file of packages that the server has to install; null: it has none, or the packages are in the code. */
  readonly installs: string | null;
}

export interface PackOptions {
  readonly include: readonly string[] | null;
  readonly exclude: readonly string[];
  /** Say nothing about node_modules of other kinds. */
  readonly kind: string;
}

interface Found {
  readonly path: string;
  readonly mode: number;
  readonly body: Buffer | string | null;
  readonly link: string | null;
}

/** Never code: versions, settings that `deploy` reads, secrets, and what interpreters leave. */
const never = [
  ".git/",
  ".hg/",
  ".svn/",
  ".DS_Store",
  ".gitignore",
  ".kilnignore",
  ".fnignore",
  ".env",
  ".env.*",
  "__pycache__/",
  "*.pyc",
  ".venv/",
  "venv/",
  "/kiln.yaml",
  "/kiln.yml",
  "/func.yaml",
  "/func.yml",
  "/func.json",
  "/app.yaml",
  "/app.yml",
  "/app.json",
  "/node_modules/.cache/",
  "/node_modules/.package-lock.json",
];

/** Larger archives are compressed; small ones are not worth the time, and plain ones are the same bytes on every machine. */
const plainBytesMax = 4 * 1024 * 1024;

/** The files of a folder as an archive that depends on names, modes and content alone. */
export async function pack(folder: string, options: PackOptions): Promise<Packed> {
  const found = await collect(folder, options);
  if (found.length === 0) throw empty(folder, options);
  const entries = found.toSorted((a, b) => (a.path < b.path ? -1 : 1)).map(entryOf);
  const plain = Buffer.from(await packTar(entries));
  const small = plain.length <= plainBytesMax;
  const bytes = small ? plain : gzipSync(plain, { level: 6 });
  if (bytes.length > limits.code.bytesMax) throw tooLarge(bytes.length, found);
  const digest = createHash("sha256").update(bytes).digest("hex");
  const contentType = small ? "application/x-tar" : "application/gzip";
  return { bytes, digest, contentType, files: found.length, installs: installsOf(found, options.kind) };
}

/** As the server sees it, roughly: it decides. */
function installsOf(found: readonly Found[], kind: string): string | null {
  const [manifest, folders] = kind.startsWith("nodejs")
    ? ["package.json", /^node_modules\//]
    : ["requirements.txt", /^(?:vendor|python)\/|^[^/]+\.dist-info\//];
  if (!/^(?:nodejs|python)/.test(kind) || found.some(({ path }) => folders.test(path))) return null;
  const text = String(found.find(({ path }) => path === manifest)?.body ?? "");
  const names = manifest === "package.json" ? /"(?:optionalD|d)ependencies"\s*:\s*\{\s*"/ : /^\s*[^#\s]/m;
  return names.test(text) ? manifest : null;
}

function entryOf({ path, mode, body, link }: Found): TarEntry {
  const header = { name: path, mtime: new Date(0), uid: 0, gid: 0, mode };
  if (link !== null) return { header: { ...header, size: 0, type: "symlink", linkname: link } };
  return { header: { ...header, size: (body as Buffer).length }, body: body as Buffer };
}

async function collect(folder: string, { include, exclude, kind }: PackOptions): Promise<Found[]> {
  const wanted = include === null ? null : IgnoreRules.none.with(include);
  const devPackages = kind.startsWith("nodejs") ? await developmentPackages(folder) : new Set<string>();
  const found: Found[] = [];
  const walk = async (below: string, git: IgnoreRules, own: IgnoreRules): Promise<void> => {
    const at = join(folder, below);
    // What `include` names is wanted although git ignores it, as it does what a build makes.
    const gitHere = wanted === null ? git.with(await linesOf(join(at, ".gitignore")), below) : git;
    const ownHere = own.with(await linesOf(join(at, ".kilnignore")), below);
    for (const entry of await readdir(at, { withFileTypes: true })) {
      const path = below + entry.name;
      const isFolder = entry.isDirectory();
      const installed = isInstalled(kind, path);
      if (ownHere.judge(path, isFolder) ?? (!installed && gitHere.judge(path, isFolder))) continue;
      if (devPackages.has(path)) continue;
      if (isFolder) await walk(`${path}/`, installed ? IgnoreRules.none : gitHere, ownHere);
      else if (wanted === null || isWanted(wanted, path)) found.push(await read(join(folder, path), path));
    }
  };
  await walk("", IgnoreRules.none, IgnoreRules.none.with(never).with(exclude));
  return found.filter((file) => file.body !== null || file.link !== null);
}

/** What npm or `pip install --target vendor` brought is code of a function although git is told to leave it alone. */
function isInstalled(kind: string, path: string): boolean {
  const folder = kind.startsWith("nodejs") ? "node_modules" : kind.startsWith("python") ? "vendor" : "";
  return folder !== "" && (path === folder || path.startsWith(`${folder}/`));
}

/** A pattern that names a folder means what is in it. */
function isWanted(wanted: IgnoreRules, path: string): boolean {
  const parts = path.split("/");
  return parts.some((_, i) => wanted.judge(parts.slice(0, i + 1).join("/"), i < parts.length - 1) === true);
}

async function read(file: string, path: string): Promise<Found> {
  const facts = await lstat(file);
  if (facts.isSymbolicLink()) return { path, mode: 0o777, body: null, link: await readlink(file) };
  // Sockets and pipes are no code.
  const body = facts.isFile() ? await readFile(file) : null;
  return { path, mode: (facts.mode & 0o100) === 0 ? 0o644 : 0o755, body, link: null };
}

/** Folders in node_modules that npm installed for development only; it keeps a note of that. */
export async function developmentPackages(folder: string): Promise<Set<string>> {
  try {
    const note = JSON.parse(await readFile(join(folder, "node_modules/.package-lock.json"), "utf8")) as {
      packages: Record<string, { dev?: boolean }>;
    };
    return new Set(
      Object.entries(note.packages)
        .filter(([, { dev }]) => dev === true)
        .map(([path]) => path),
    );
  } catch {
    return new Set();
  }
}

async function linesOf(file: string): Promise<string[]> {
  return (await readFile(file, "utf8").catch(() => "")).split("\n");
}

function empty(folder: string, { include }: PackOptions): Failure {
  return new Failure({
    code: "E_NO_CODE",
    exit: exits.usage,
    what: "There is nothing to pack",
    where: folder,
    why: include === null ? "Every file is ignored, or the folder is empty" : `Nothing matches include: ${include.join(", ")}`,
    fix: include === null ? "look at .gitignore, .kilnignore and exclude" : "run the build, or correct include",
  });
}

function tooLarge(bytes: number, found: readonly Found[]): Failure {
  const size = ({ body }: Found) => body?.length ?? 0;
  const largest = found
    .toSorted((a, b) => size(b) - size(a))
    .slice(0, 3)
    .map((file) => `${file.path} (${mib(size(file))})`);
  return new Failure({
    code: "E_TOO_LARGE",
    exit: exits.usage,
    what: `The code is ${mib(bytes)}, at most ${mib(limits.code.bytesMax)} are taken`,
    why: `The largest files are ${largest.join(", ")}`,
    fix: "leave files out with .kilnignore or exclude",
  });
}

function mib(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}
