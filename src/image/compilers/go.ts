import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { hostOf, type PackageManager, type Registries, type Wanted } from "../packages/packages.ts";
import { topFiles } from "../programs/program.ts";
import { goProgram } from "../roots/recipes.ts";
import { compiledFolder, couldNotCompile, explainCompiler, isCompiled, textsOf } from "./compiler.ts";

const launcherName = "polykiln_launcher.go";
const manifestName = "go.mod";
const manifest = "module action\n\ngo 1.19\n";

/** Go's compiler, for actions that are sources: files of a package `main` at the top, with `Main` or a `main` of their own. */
export const go: PackageManager = {
  name: "go",
  failed: couldNotCompile,

  async find(folder, { main, launchers }) {
    const files = await topFiles(folder);
    const sources = [...files].filter((name) => name.endsWith(".go") && !name.endsWith("_test.go"));
    // A program is the last word.
    if (files.has("exec") || sources.length === 0 || (await isCompiled(folder))) return null;
    const texts = Object.values(await textsOf(folder, sources));
    const own = files.has(manifestName) ? await readFile(join(folder, manifestName), "utf8") : null;
    const made = {
      ...(own === null && { [manifestName]: manifest }),
      ...(!texts.some((text) => ownMain.test(text)) && { [launcherName]: await launcherFor(launchers, main) }),
    };
    return { files: { [manifestName]: own ?? manifest, ...made }, needsCode: true, locked: false, written: Object.keys(made) };
  },

  job(wanted, _mode, registries, copy) {
    const needsModules = /^\s*require\b/m.test(wanted.files[manifestName] ?? "") && !copy.includes("vendor");
    return {
      copy,
      write: textsWritten(wanted),
      command: [
        goProgram,
        "build",
        "-buildvcs=false",
        "-ldflags=-s -w",
        ...(needsModules ? ["-mod=mod"] : []),
        "-o",
        "compiled/exec",
        ".",
      ],
      env: {
        GOCACHE: "/tmp/go-build",
        GOPATH: "/tmp/go",
        GOPROXY: registries.go,
        GOFLAGS: "",
        GOTOOLCHAIN: "local",
        // Go's own library is there compiled, in the variant that uses C's; modules with parts in C have no compiler.
        CGO_ENABLED: needsModules || copy.includes("vendor") ? "0" : "1",
      },
      ca: registries.ca,
      results: { [compiledFolder]: "compiled" },
    };
  },

  hosts: (registries) => (registries.go === "off" ? [] : goHosts(registries)),

  isIncomplete: () => false,

  explain: explainCompiler,
};

const ownMain = /^func\s+main\s*\(/m;

async function launcherFor(launchers: string, main: string | null): Promise<string> {
  const text = await readFile(join(launchers, "launcher.go"), "utf8");
  const name = main === null || !/^\p{L}[\p{L}\d_]*$/u.test(main) ? "Main" : main.slice(0, 1).toUpperCase() + main.slice(1);
  return text.replaceAll(/\bMain\b/g, name);
}

function textsWritten({ files, written = [] }: Wanted): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(files).filter(([name]) => written.includes(name)));
}

const goHosts = ({ go: address, hosts }: Registries) => [hostOf(address), "sum.golang.org:443", ...hosts];
