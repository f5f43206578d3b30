import type { Command } from "commander";
import { existsSync, globSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { nearest } from "../lib/nearest.ts";
import type { Run } from "./cli.ts";
import { exits, Failure, usage } from "./failure.ts";
import { appNameOf } from "./project/kiln-yaml.ts";
import type { Session } from "./session.ts";

interface Flags {
  readonly runtime?: string;
  readonly name?: string;
}

/** Folders of `templates/`, the default first. */
const runtimes: Readonly<Record<string, string>> = {
  node: "a JavaScript handler",
  python: "a Python handler",
  go: "a Go program that answers on standard output",
  http: "an HTTP server in JavaScript, as every framework makes one",
};

/** `polykiln init`. */
export function register(program: Command, run: Run): void {
  program
    .command("init")
    .description("Write the files of a new function. Overwrites nothing.")
    .argument("[folder]", "made when it is not there (default: this one)")
    .option("-r, --runtime <runtime>", `${Object.keys(runtimes).join(", ")} (default: node)`)
    .option("--name <name>", "name of the function (default: the folder's)")
    .action(run(init));
}

async function init(session: Session, given: string | undefined, flags: Flags): Promise<number> {
  const folder = resolve(session.folder, given ?? ".");
  const runtime = await runtimeFrom(session, flags.runtime);
  const name = flags.name ?? appNameOf(folder);
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(name))
    throw usage(`${JSON.stringify(name)} is no name of a function`, "use letters, digits, _ . and -");
  const files = templateFiles(runtime, name);
  const taken = [...files.keys()].filter((file) => existsSync(join(folder, file)));
  if (taken.length > 0) throw exists(folder, taken);
  write(folder, files);
  const shown = relative(session.around.cwd, folder) || ".";
  if (session.out.format === "table") {
    for (const file of files.keys()) session.say(`${session.paint("green", "+")} ${join(shown, file)}`);
    session.say(`\nNext:${shown === "." ? "" : `\n  cd ${shown}`}\n  polykiln dev`);
  } else await session.out.item({ folder, runtime, name, files: [...files.keys()] }, name);
  return 0;
}

async function runtimeFrom(session: Session, given: string | undefined): Promise<string> {
  if (given !== undefined) {
    if (Object.hasOwn(runtimes, given)) return given;
    const meant = nearest(given, Object.keys(runtimes));
    throw usage(
      `There is no runtime ${JSON.stringify(given)} to begin with; there are ${Object.keys(runtimes).join(", ")}`,
      meant && `did you mean --runtime ${meant}?`,
    );
  }
  if (session.flags.yes === true || !session.canAsk) return "node";
  const { isCancel, select } = await import("@clack/prompts");
  const options = Object.entries(runtimes).map(([value, hint]) => ({ value, label: value, hint }));
  const chosen = await select({ message: "What is it written in?", options });
  if (isCancel(chosen)) throw new Failure({ code: "E_INTERRUPTED", exit: 130, what: "Nothing was written" });
  return chosen;
}

/** Text by name. Names that npm would not publish are written with an underscore: `_gitignore`. */
function templateFiles(runtime: string, name: string): Map<string, string> {
  const folder = join(dirname(fileURLToPath(import.meta.url)), "../../templates", runtime);
  const found = globSync("**/*", { cwd: folder }).filter((file) => statSync(join(folder, file)).isFile());
  return new Map(
    found.toSorted().map((file) => {
      const target = join(dirname(file), basename(file).replace(/^_/, "."));
      return [target, readFileSync(join(folder, file), "utf8").replaceAll("{{name}}", name)];
    }),
  );
}

function write(folder: string, files: ReadonlyMap<string, string>): void {
  try {
    for (const [file, text] of files) {
      mkdirSync(dirname(join(folder, file)), { recursive: true });
      writeFileSync(join(folder, file), text, { flag: "wx" });
    }
  } catch (cause) {
    throw new Failure({
      code: "E_WRITE",
      exit: exits.failed,
      what: "The files could not be written",
      where: folder,
      why: (cause as Error).message,
      cause,
    });
  }
}

function exists(folder: string, taken: readonly string[]): Failure {
  return new Failure({
    code: "E_EXISTS",
    exit: exits.usage,
    what: `${taken.join(", ")} ${taken.length === 1 ? "is" : "are"} there already; nothing was written`,
    where: folder,
    fix: "name another folder: polykiln init hello",
  });
}
