import { lstat, readFile } from "node:fs/promises";
import { join } from "node:path";
import { npmProgram } from "../roots/recipes.ts";
import { couldNotInstall, explained, type Explanation, hostOf, type PackageManager, writtenOf } from "./packages.ts";
import type { ProvidedPackages } from "./provided.ts";

const lockfiles = ["npm-shrinkwrap.json", "package-lock.json"] as const;
const otherLockfile = "yarn.lock";
const manifestBytesMax = 32 * 1024 * 1024;

/** npm, for code with a `package.json` that has dependencies and no `node_modules`. */
export const npm: PackageManager = {
  name: "npm",
  failed: couldNotInstall,

  async find(folder, { provided: more }) {
    if ((await lstat(join(folder, "node_modules")).catch(() => null)) !== null) return null;
    const text = await readText(join(folder, "package.json"));
    const manifest = (text === null ? null : parsed(text)) ?? {};
    const specs = { ...manifest.dependencies, ...manifest.optionalDependencies };
    const isAmong = Object.keys(specs).length > 0;
    const files: Record<string, string> = {};
    if (isAmong && text !== null) {
      files["package.json"] = text;
      for (const name of [...lockfiles, otherLockfile]) {
        const lock = await readText(join(folder, name));
        if (lock !== null) files[name] = lock;
      }
    }
    const locked = lockfiles.some((name) => files[name] !== undefined);
    // A lockfile is the last word, and says all.
    const adds = !locked && Object.keys(more).some((name) => specs[name] === undefined);
    if (!isAmong && !adds) return null;
    if (adds) files["package.json"] = withMore(manifest, more);
    return {
      files,
      needsCode: manifest.workspaces !== undefined || Object.values(specs).some(isLocal),
      locked,
      ...(adds && { written: ["package.json"] }),
    };
  },

  job(wanted, mode, registries, copy) {
    const { address, settings } = access(registries.npm);
    // Its notes beside what it installs are for later runs of npm, of which there are none.
    const verb = wanted.locked ? ["ci"] : ["install", "--no-package-lock"];
    return {
      copy,
      // The code's own settings are not read: they could name other programs to run, and other registries.
      write: { "../npmrc": settings, ...writtenOf(wanted) },
      command: [
        "node",
        npmProgram,
        ...verb,
        "--omit=dev",
        mode === "scripts" ? "--no-ignore-scripts" : "--ignore-scripts",
        `--registry=${address}`,
        ...quietly,
        ...places,
        ...patiently,
      ],
      env: {},
      ca: registries.ca,
      results: { node_modules: "node_modules" },
    };
  },

  hosts: ({ npm: address, hosts }) => [hostOf(address), ...hosts],

  // npm goes on, and is content, when a file of a package could not be written.
  isIncomplete: (said) => /TAR_ENTRY_ERROR/.test(said),

  explain: (said) => explained(said, explanations, other),
};

/** What the code names is as it says; a package without dependencies has a manifest for other reasons, which are none here. */
function withMore(manifest: Manifest, more: ProvidedPackages): string {
  const named = manifest.dependencies === undefined && manifest.optionalDependencies === undefined ? {} : manifest;
  return JSON.stringify({ private: true, ...named, dependencies: { ...more, ...manifest.dependencies } });
}

function isLocal(spec: unknown): boolean {
  return typeof spec === "string" && /^(?:file:|link:|\.{0,2}\/|~\/)/.test(spec);
}

/** Little is printed and nothing is looked up that nobody asked for; registries have bad moments. */
const quietly = ["--no-audit", "--no-fund", "--no-update-notifier", "--no-progress", "--loglevel=warn", "--logs-max=0"];
const places = ["--cache=/tmp/npm-cache", "--userconfig=/tmp/npmrc", "--globalconfig=/tmp/no-npmrc"];
const patiently = ["--fetch-retries=2", "--fetch-retry-mintimeout=300", "--fetch-retry-factor=3", "--fetch-timeout=60000"];

interface Manifest {
  readonly dependencies?: Readonly<Record<string, unknown>>;
  readonly optionalDependencies?: Readonly<Record<string, unknown>>;
  readonly workspaces?: unknown;
}

async function readText(file: string): Promise<string | null> {
  const facts = await lstat(file).catch(() => null);
  return facts?.isFile() && facts.size <= manifestBytesMax ? await readFile(file, "utf8") : null;
}

/** Null for what is no manifest: Node gives the better message when it starts. */
function parsed(text: string): Manifest | null {
  try {
    const manifest: unknown = JSON.parse(text.replace(/^\uFEFF/, ""));
    return typeof manifest === "object" && manifest !== null && !Array.isArray(manifest) ? (manifest as Manifest) : null;
  } catch {
    return null;
  }
}

/** npm takes keys in its settings alone. A password without a user is a token. */
function access(registry: string): { address: string; settings: string } {
  const url = new URL(registry);
  const [user, password] = [decodeURIComponent(url.username), decodeURIComponent(url.password)];
  url.username = "";
  url.password = "";
  if (user === "" && password === "") return { address: url.href, settings: "" };
  const key = user === "" ? `_authToken=${password}` : `_auth=${Buffer.from(`${user}:${password}`).toString("base64")}`;
  return { address: url.href, settings: `//${url.host}${url.pathname}:${key}\n` };
}

const explanations: readonly (readonly [RegExp, Explanation])[] = [
  [
    /heap out of memory|Allocation failed/,
    {
      reason: "memory",
      why: "npm ran out of memory",
      fix: "Depend on less, or give the server a larger installMemoryMiB",
    },
  ],
  [
    /(?:error|ERR!) code EUSAGE[\s\S]*in sync/,
    {
      reason: "lockfile",
      why: "package-lock.json and package.json are not in step",
      fix: "Run `npm install` in the folder of the code and deploy the lockfile that it writes",
    },
  ],
  [
    /code E404[\s\S]*?404\s+'([^']+)'/,
    {
      reason: "not_found",
      why: "the registry does not have $1",
      fix: "Check the names in package.json, and whether the registry of this server has them",
    },
  ],
  [
    /code E404[\s\S]*?404 Not Found - GET https?:\/\/[^\s/]+\/(\S+)/,
    {
      reason: "not_found",
      why: "the registry does not have $1",
      fix: "Check the names in package.json and the lockfile",
    },
  ],
  [
    /(?:error|ERR!) notarget (No matching version found for .+?\S)\.?(?:\n|$)/,
    { reason: "not_found", why: "$1", fix: "Name a version that the registry has" },
  ],
  [
    /(?:error|ERR!) code ERESOLVE/,
    {
      reason: "conflict",
      why: "the versions that the packages ask of each other exclude one another",
      fix: "`npm install` in the folder of the code tells which; deploy the lockfile that it writes",
    },
  ],
  [
    /(?:error|ERR!) code (?:EINTEGRITY|EBADENGINE)/,
    {
      reason: "integrity",
      why: "what the registry has is not what the lockfile says, or is not for this version of Node",
      fix: "Make the lockfile anew with `npm install`, or take another kind",
    },
  ],
  [
    /ENOSPC|no space left/i,
    {
      reason: "disk",
      why: "they are larger than the space that installing has",
      fix: "Depend on less, install them yourself and send node_modules, or give the server a larger installMemoryMiB",
    },
  ],
  [
    /(?:spawn git|code ENOENT[\s\S]*\bgit\b|git dep preparation)/,
    {
      reason: "source",
      why: "one of them comes from git, which is not installed from",
      fix: "Name a version in the registry, or send node_modules with the code",
    },
  ],
  [
    /(?:error|ERR!) code (E403|E401|ENEEDAUTH)/,
    { reason: "unreachable", why: "the registry refused it ($1)", fix: "Only the server's own registries can be used" },
  ],
  [
    /(?:error|ERR!) code (ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EAI_AGAIN|E50\d|ERR_SOCKET_TIMEOUT|FETCH_ERROR|\S*CERT\S*|SELF_SIGNED\S*)/,
    {
      reason: "unreachable",
      why: "the registry cannot be reached ($1)",
      fix: "Try again later; who runs the server can set npmRegistry, registryProxy and registryCa",
    },
  ],
];

const other: Explanation = {
  reason: "failed",
  why: "npm failed",
  fix: "Its last lines say why; with install: none the code brings its own packages",
};
