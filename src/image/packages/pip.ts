import { lstat, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { rootLayout } from "../layout.ts";
import { installedFolder, packageFolders } from "../programs/python.ts";
import { pipFolder } from "../roots/recipes.ts";
import { couldNotInstall, explained, type Explanation, hostOf, type PackageManager, writtenOf } from "./packages.ts";
import type { ProvidedPackages } from "./provided.ts";

const manifestName = "requirements.txt";
const manifestBytesMax = 8 * 1024 * 1024;

/** pip, for code with a `requirements.txt`, or that uses what is provided, and no folder of packages beside it. */
export const pip: PackageManager = {
  name: "pip",
  failed: couldNotInstall,

  async find(folder, { provided }) {
    const names = await readdir(folder);
    if (hasPackages(names)) return null;
    const text = await manifestIn(folder);
    const lines = requirements(text);
    const needsCode = lines.some((line) =>
      /^(?:-r|-c|-e|--requirement|--constraint|--editable)\b|^\.{0,2}\/|^\.$|file:/.test(line),
    );
    const locked = /\s--hash=/.test(text);
    // Hashes are the last word, and other files may say more than is seen here.
    const more = locked || needsCode ? [] : missingIn(lines, notAmong(names, provided));
    if (lines.length + more.length === 0) return null;
    const files = { [manifestName]: more.length === 0 ? text : [text, ...more, ""].join("\n") };
    return { files, needsCode, locked, ...(more.length > 0 && { written: [manifestName] }) };
  },

  job(wanted, mode, registries, copy) {
    return {
      copy,
      write: writtenOf(wanted),
      command: [
        rootLayout.python,
        "-I",
        `/${pipFolder}/pip`,
        "install",
        "--target=packages",
        `--requirement=${manifestName}`,
        `--index-url=${registries.pip}`,
        ...(wanted.locked ? ["--require-hashes"] : []),
        ...(mode === "scripts" ? [] : ["--only-binary=:all:"]),
        ...quietly,
      ],
      env: { PIP_CONFIG_FILE: "/dev/null" },
      ca: registries.ca,
      results: { [installedFolder]: "packages" },
    };
  },

  hosts: ({ pip: address, hosts }) => [hostOf(address), ...hosts],

  isIncomplete: () => false,

  explain: (said) => explained(said, explanations, other),
};

/** Bytecode is made after the deploy, for all of the code. */
const quietly =
  "--no-compile --no-cache-dir --disable-pip-version-check --no-input --progress-bar=off --no-warn-script-location --no-color --retries=2 --timeout=60".split(
    " ",
  );

/** "": there is none. */
async function manifestIn(folder: string): Promise<string> {
  const file = join(folder, manifestName);
  const facts = await lstat(file).catch(() => null);
  return facts?.isFile() && facts.size <= manifestBytesMax ? await readFile(file, "utf8") : "";
}

/** Somebody ran `pip install --target`, into a folder of packages or beside the code, or sends a whole environment. */
function hasPackages(names: readonly string[]): boolean {
  return names.some((name) => folders.has(name) || name.endsWith(".dist-info"));
}

const folders: ReadonlySet<string> = new Set([...packageFolders, "virtualenv"]);

/** Without those that the code has itself. */
function notAmong(names: readonly string[], provided: ProvidedPackages): readonly string[] {
  const own = new Set(names.map((name) => name.replace(/\.py$/, "")));
  return Object.entries(provided).flatMap(([module, requirement]) => (own.has(module) ? [] : [requirement]));
}

/** What is provided and not named there. Beside requirements of the code's own any version will do that goes with them. */
function missingIn(lines: readonly string[], provided: readonly string[]): readonly string[] {
  const named = new Set(lines.map(packageOf));
  const more = provided.filter((each) => !named.has(packageOf(each)));
  return lines.length === 0 ? more : more.map(packageOf);
}

/** The name of a requirement, of whose spellings there are several. */
function packageOf(requirement: string): string {
  return (/^[\w.-]+/.exec(requirement)?.[0] ?? "").toLowerCase().replaceAll(/[-_.]+/g, "-");
}

function requirements(text: string): string[] {
  const lines = text.split(/\r?\n/).map((line) => line.replace(/(?:^|\s)#.*$/, "").trim());
  return lines.filter((line) => line !== "" && line !== "\\");
}

const explanations: readonly (readonly [RegExp, Explanation])[] = [
  [
    /\bMemoryError\b/,
    {
      reason: "memory",
      why: "pip ran out of memory",
      fix: "Depend on less, or give the server a larger installMemoryMiB",
    },
  ],
  [
    /Hashes are required in --require-hashes mode|all requirements must have their versions pinned/,
    {
      reason: "lockfile",
      why: "requirements.txt has hashes, but not of all packages with exact versions",
      fix: "Write it with `pip-compile --generate-hashes`, or leave all hashes out",
    },
  ],
  [
    /DO NOT MATCH THE HASHES/,
    {
      reason: "integrity",
      why: "what the index has is not what the hashes in requirements.txt say",
      fix: "Write requirements.txt anew with `pip-compile --generate-hashes`",
    },
  ],
  [
    /(?:Cannot connect to proxy|ProxyError|NewConnectionError|ConnectionError|ReadTimeout|SSLError|CERTIFICATE_VERIFY_FAILED)/,
    {
      reason: "unreachable",
      why: "the package index cannot be reached",
      fix: "Try again later; who runs the server can set pipIndex, registryHosts, registryProxy and registryCa",
    },
  ],
  [
    /ResolutionImpossible/,
    {
      reason: "conflict",
      why: "the versions that the packages ask of each other exclude one another",
      fix: "pip's last lines tell which; name versions that go together",
    },
  ],
  [
    /No matching distribution found for (.+)/,
    {
      reason: "not_found",
      why: "the index has no ready-made package for $1",
      fix: "Check its name and version; one that has to be built from source needs install: scripts, or send it in the folder vendor",
    },
  ],
  [
    /Could not open requirements file|Invalid requirement: (.+)/,
    { reason: "failed", why: "requirements.txt cannot be read $1", fix: "Correct it; files that it names must be in the code" },
  ],
  [
    /No space left on device/i,
    {
      reason: "disk",
      why: "they are larger than the space that installing has",
      fix: "Depend on less, send them in the folder vendor, or give the server a larger installMemoryMiB",
    },
  ],
  [
    /Cannot find command 'git'/,
    {
      reason: "source",
      why: "one of them comes from git, which is not installed from",
      fix: "Name a version in the index, or send it in the folder vendor",
    },
  ],
];

const other: Explanation = {
  reason: "failed",
  why: "pip failed",
  fix: "Its last lines say why; with install: none the code brings its own packages in the folder vendor",
};
