import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { hostOf, type PackageManager, publicRegistries, type Registries } from "../packages/packages.ts";
import { topFiles } from "../programs/program.ts";
import { compiledFolder, couldNotCompile, explainCompiler, isCompiled } from "./compiler.ts";

const manifestName = "Cargo.toml";
const textName = "main.rs";
const launcherFolder = "polykiln_launcher";

/** Rust's compiler, for actions that are sources: one file, or a package with a library, of which `main` is called. */
export const cargo: PackageManager = {
  name: "cargo",
  failed: couldNotCompile,

  async find(folder, { main, launchers }) {
    const files = await topFiles(folder);
    // A program is the last word.
    if (files.has("exec") || !(files.has(manifestName) || files.has(textName)) || (await isCompiled(folder))) return null;
    const own = files.has(manifestName) ? await readFile(join(folder, manifestName), "utf8") : null;
    const manifest = own ?? manifestFor(await readFile(join(folder, textName), "utf8"));
    const launcher = await readFile(join(launchers, "launcher.rs"), "utf8");
    const made = {
      ...(own === null && { [manifestName]: manifest }),
      [`${launcherFolder}/${manifestName}`]: launcherManifest(/^\s*name\s*=\s*"([\w-]+)"/m.exec(manifest)?.[1] ?? "actions"),
      [`${launcherFolder}/main.rs`]: functionName.test(main ?? "")
        ? launcher.replace("actions::main", `actions::${main}`)
        : launcher,
    };
    return { files: made, needsCode: true, locked: false, written: Object.keys(made) };
  },

  job({ files }, _mode, registries, copy) {
    return {
      copy,
      write: { ...files, ...settingsFor(registries) },
      command: ["cargo", "install", "--quiet", "--path", launcherFolder, "--root", "installed", "--no-track"],
      env: {
        CARGO_HOME: "/tmp/cargo",
        CARGO_TARGET_DIR: "/tmp/target",
        CARGO_INCREMENTAL: "0",
        CARGO_NET_RETRY: "2",
        CARGO_TERM_COLOR: "never",
      },
      ca: registries.ca,
      results: { [compiledFolder]: "installed/bin" },
    };
  },

  hosts: (registries) => [
    hostOf(registries.cargo),
    ...(isPublic(registries) ? ["static.crates.io:443"] : []),
    ...registries.hosts,
  ],

  isIncomplete: () => false,

  explain: explainCompiler,
};

const functionName = /^[a-z_]\w*$/;

/** The crates that a single file may use: JSON, and what makes structures of it where the file says so. */
function manifestFor(text: string): string {
  const dependencies = [
    'serde_json = "1"',
    ...(/\bserde::|\bextern crate serde;|\buse serde\b(?!_)/.test(text)
      ? ['serde = { version = "1", features = ["derive"] }']
      : []),
    ...(/\bserde_derive\b/.test(text) ? ['serde = "1"', 'serde_derive = "1"'] : []),
  ];
  // Of a crate that is there twice the first one counts.
  const lines = dependencies.filter(
    (line, i) => dependencies.findIndex((other) => other.split(" ")[0] === line.split(" ")[0]) === i,
  );
  return `[package]\nname = "actions"\nversion = "1.0.0"\nedition = "2021"\n\n[lib]\npath = "${textName}"\n\n[dependencies]\n${lines.join("\n")}\n`;
}

/** A package of its own, whatever the action's is part of. */
function launcherManifest(name: string): string {
  const own = `[package]\nname = "exec"\nversion = "1.0.0"\nedition = "2021"\n\n[[bin]]\nname = "exec"\npath = "main.rs"\n\n[workspace]\n\n`;
  const dependencies = `[dependencies]\nserde_json = "1"\nactions = { path = "..", package = "${name}" }\n\n`;
  return `${own}${dependencies}[profile.release]\nstrip = true\n`;
}

const isPublic = (registries: Registries) => registries.cargo === publicRegistries.cargo;

/** Where crates come from, unless it is where they always do. */
function settingsFor(registries: Registries): Readonly<Record<string, string>> {
  if (isPublic(registries)) return {};
  const registry = `[source.crates-io]\nreplace-with = "registry"\n\n[source.registry]\nregistry = "sparse+${registries.cargo}/"\n`;
  return { "../cargo/config.toml": registry };
}
