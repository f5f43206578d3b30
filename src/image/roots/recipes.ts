import { createHash } from "node:crypto";

/** How one root file system is made. Everything that changes the result is in here, because its key is made from it. */
export interface RootRecipe {
  /** First part of the folder's name. */
  readonly name: string;
  /** A root to start from; its files are shared, not copied. */
  readonly from: RootRecipe | null;
  /** Debian packages, with all they depend on. */
  readonly packages: readonly string[];
  /** Version of the Node binary at /usr/bin/node. */
  readonly node: string | null;
  /** The program that every sandbox of it starts, which is kept in memory in large pages; absent: none. */
  readonly inLargePages?: string;
  /** Version of npm at /usr/lib/node_modules/npm; absent: none. */
  readonly npm?: string;
  /** A program out of an npm package, at /usr/bin; absent: none. */
  readonly program?: PackagedProgram;
  /** The distribution's wheels of pip are unpacked at `pipFolder`. */
  readonly pip?: true;
  /** Links below the root, target by path. */
  readonly links: Readonly<Record<string, string>>;
  /** Python's own library is compiled ahead: 0.8 s become 0.15 s at each cold start. */
  readonly compilePython: boolean;
  /** Files that must be there and not empty for the root to be whole. */
  readonly essentials: readonly string[];
}

/** One file of a package for this platform, which needs nothing but a C library. */
export interface PackagedProgram {
  readonly name: string;
  readonly package: string;
  readonly version: string;
  /** In the package. */
  readonly file: string;
}

/** Rises when the same recipe gives another root because this room's code changed. */
const recipeRevision = 2;

const plain = { from: null, packages: [], node: null, links: {}, compilePython: false, essentials: [] } as const;

/** Mount points and /etc only: for programs that bring everything. */
export const emptyRoot: RootRecipe = { ...plain, name: "empty", essentials: ["etc/passwd"] };

/** A C library, a shell and what scripts expect; `which` and `awk` are links that the packages' scripts would have made. */
export const baseRoot: RootRecipe = {
  ...plain,
  name: "base",
  packages: ["bash", "coreutils", "dash", "grep", "libstdc++6", "sed"],
  links: { "usr/bin/sh": "dash", "usr/bin/awk": "mawk", "usr/bin/which": "which.debianutils" },
  essentials: ["etc/passwd", "usr/bin/dash", "usr/bin/ls", "lib64/ld-linux-x86-64.so.2", "usr/lib/x86_64-linux-gnu/libc.so.6"],
};

/** The base, and what scripts speak HTTP with. */
export const providedRoot: RootRecipe = {
  ...plain,
  name: "provided",
  from: baseRoot,
  packages: ["curl"],
  links: { "usr/lib/ssl/cert.pem": "/etc/ssl/certs/ca-certificates.crt" },
  essentials: ["usr/bin/curl"],
};

export const pythonRoot: RootRecipe = {
  ...plain,
  name: "python-3.11",
  from: baseRoot,
  packages: ["libpython3.11-stdlib", "python3.11-minimal"],
  links: {
    "usr/bin/python3": "python3.11",
    "usr/bin/python": "python3.11",
    "usr/lib/ssl/cert.pem": "/etc/ssl/certs/ca-certificates.crt",
  },
  compilePython: true,
  essentials: ["usr/bin/python3.11", "usr/lib/python3.11/json/__init__.py", "usr/lib/python3.11/__pycache__/os.cpython-311.pyc"],
};

/** Where Debian has Java 17, below its root. */
export const javaHome = "usr/lib/jvm/java-17-openjdk-amd64";

/** What OpenWhisk's handlers take and give, below the root. */
export const gsonJar = "usr/share/java/gson.jar";

export const javaRoot: RootRecipe = {
  ...plain,
  name: "java-17",
  from: baseRoot,
  packages: ["libgoogle-gson-java", "openjdk-17-jre-headless"],
  links: { "usr/bin/java": `../../${javaHome}/bin/java` },
  essentials: [gsonJar, `${javaHome}/bin/java`, `${javaHome}/lib/modules`, `${javaHome}/lib/server/libjvm.so`],
};

/** Java's root with its compiler, to make our part of it. */
export const javaToolsRoot: RootRecipe = {
  ...plain,
  name: "tools-java-17",
  from: javaRoot,
  packages: ["openjdk-17-jdk-headless"],
  essentials: [`${javaHome}/bin/javac`, `${javaHome}/bin/jar`],
};

/** Versions are exact, so that two machines have the same. The variant of Bun for old processors, as nobody says which one it runs on. */
export const bunRoot: RootRecipe = {
  ...plain,
  name: "bun-1",
  from: baseRoot,
  program: { name: "bun", package: "@oven/bun-linux-x64-baseline", version: "1.4.5", file: "bin/bun" },
  essentials: ["usr/bin/bun"],
};

export const denoRoot: RootRecipe = {
  ...plain,
  name: "deno-2",
  from: baseRoot,
  program: { name: "deno", package: "@deno/linux-x64-glibc", version: "2.9.6", file: "deno" },
  links: { "usr/lib/ssl/cert.pem": "/etc/ssl/certs/ca-certificates.crt" },
  essentials: ["usr/bin/deno"],
};

export const rubyRoot: RootRecipe = {
  ...plain,
  name: "ruby-3.1",
  from: baseRoot,
  packages: ["ruby3.1"],
  links: { "usr/bin/ruby": "ruby3.1", "usr/lib/ssl/cert.pem": "/etc/ssl/certs/ca-certificates.crt" },
  essentials: ["usr/bin/ruby3.1", "usr/lib/ruby/3.1.0/json.rb"],
};

export const phpRoot: RootRecipe = {
  ...plain,
  name: "php-8.2",
  from: baseRoot,
  packages: ["php8.2-cli", "php8.2-curl", "php8.2-mbstring"],
  links: { "usr/bin/php": "php8.2", "usr/lib/ssl/cert.pem": "/etc/ssl/certs/ca-certificates.crt" },
  essentials: ["usr/bin/php8.2"],
};

/** The base with one version of Node. */
export function nodeRoot(version: string): RootRecipe {
  const program = "usr/bin/node";
  return { ...plain, name: `nodejs-${version}`, from: baseRoot, node: version, inLargePages: program, essentials: [program] };
}

/** The same version of npm for all, which runs on each Node that there is a kind of. */
const npmVersion = "11.19.1";
export const npmProgram = "/usr/lib/node_modules/npm/bin/npm-cli.js";

/** A Node's root with npm, to install packages in. */
export function npmRoot(version: string): RootRecipe {
  return {
    ...plain,
    name: `npm-nodejs-${version}`,
    from: nodeRoot(version),
    npm: npmVersion,
    essentials: ["usr/bin/node", npmProgram.slice(1)],
  };
}

/** Where Debian has pip, packed, and where we have it: it starts in a third of the time from there. */
export const wheelFolder = "usr/share/python-wheels";
export const pipFolder = "usr/lib/python-pip";

/** Python's root with pip, to install packages in, and with a Node for the program that looks after that. */
export function pipRoot(nodeVersion: string): RootRecipe {
  return {
    ...plain,
    name: "pip-python-3.11",
    from: pythonRoot,
    packages: ["python3-pip-whl"],
    node: nodeVersion,
    pip: true,
    essentials: ["usr/bin/python3.11", "usr/bin/node", `${pipFolder}/pip/__main__.py`],
  };
}

/** The same with a Node for the program that looks after it. */
export function javaCompilerRoot(nodeVersion: string): RootRecipe {
  return {
    ...plain,
    name: "compile-java-17",
    from: javaToolsRoot,
    node: nodeVersion,
    links: { "usr/bin/javac": `../../${javaHome}/bin/javac` },
    essentials: ["usr/bin/node", `${javaHome}/bin/javac`],
  };
}

export const goProgram = "/usr/bin/go";
const goHome = "usr/lib/go-1.19";

/** Go's compiler, with a Node for the program that looks after it. */
export function goToolsRoot(nodeVersion: string): RootRecipe {
  return {
    ...plain,
    name: "tools-go-1.19",
    from: nodeRoot(nodeVersion),
    packages: ["golang-1.19-go"],
    links: { "usr/bin/go": "../lib/go-1.19/bin/go" },
    essentials: ["usr/bin/node", `${goHome}/bin/go`, `${goHome}/pkg/linux_amd64/fmt.a`],
  };
}

/** Rust's compiler and package manager, of the newer version that the distribution has, and C's, which links. */
export function rustToolsRoot(nodeVersion: string): RootRecipe {
  return {
    ...plain,
    name: "tools-rust-1",
    from: nodeRoot(nodeVersion),
    packages: ["cargo-web", "rustc-web"],
    links: { "usr/bin/cc": "gcc" },
    essentials: ["usr/bin/node", "usr/bin/cargo", "usr/bin/rustc", "usr/bin/gcc", "usr/bin/ld"],
  };
}

/** Name of a recipe's folder: another recipe is another root. */
export function rootKey(recipe: RootRecipe): string {
  const text = JSON.stringify([recipeRevision, process.arch, recipe]);
  return `${recipe.name}-${createHash("sha256").update(text).digest("hex").slice(0, 12)}`;
}
