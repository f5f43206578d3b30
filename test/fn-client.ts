/**
 * Fn's own client, where FN_CLI names it: gives it commands with a home of its own. The programs that it starts in turn, such as docker, are
 * started as it asks for, and what it asked for is written down.
 */
import { execFileSync, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { cleanEnvironment } from "./platform.ts";

/** Its program; "": none. */
export const fnClient = process.env["FN_CLI"] ?? "";
/** What it does is written down anew, for those who have no client. */
export const isRecorded = fnClient !== "" && process.env["FN_CLI_RECORD"] === "1";

/** What somebody types in a tour: the lines that begin with `$ `. */
export function commandsIn(tour: string): string[] {
  return tour.split("\n").flatMap((line) => (line.startsWith("$ ") ? [line.slice(2)] : []));
}

/** A command apart from what it gets on STDIN, which stands behind ` < `. */
export function withInput(command: string): { readonly words: string; readonly input: string } {
  const [words = "", input = ""] = command.split(" < ");
  return { words, input };
}

/** Without what only fills columns. The client lists config in the order of a map of Go's, which is another one each time. */
export function settled(printed: string): string {
  const text = printed.replaceAll(/[\t ]+/g, " ").replaceAll(/ ?\n+/g, "\n");
  const [head = "", rows] = text.split("KEY VALUE\n");
  return rows === undefined ? text : `${head}KEY VALUE\n${rows.split("\n").toSorted().join("\n").trimStart()}\n`;
}

interface RunOptions {
  readonly home: string;
  readonly input: string;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** What a program prints, errors last, and how it ended where that was not well. */
export function run(program: string, args: readonly string[], { home, input, cwd, env }: RunOptions): Promise<string> {
  const environment = { ...cleanEnvironment, HOME: home, NO_PROXY: "127.0.0.1", no_proxy: "127.0.0.1", ...env };
  const child = spawn(program, args, { env: environment, stdio: "pipe", ...(cwd !== undefined && { cwd }) });
  child.stdin.on("error", () => {}).end(input);
  const printed = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const)
    child[stream].setEncoding("utf8").on("data", (text: string) => (printed[stream] += text));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(`${printed.stdout}${printed.stderr}${code === 0 ? "" : `\n(exit ${code})\n`}`));
  });
}

/** A program that the client started, or would have. */
export interface Started {
  readonly program: string;
  /** Below the home. */
  readonly folder: string;
  readonly args: readonly string[];
  /** The text of the file behind `-f`, which the client removes afterwards. */
  readonly dockerfile: string | null;
  readonly code: number;
}

/** Of the client's own file, by another name each time. */
export const dockerfileName = "Dockerfile-fn-tmp";

/** A folder for PATH in which `fn` is the client, and these programs write down how they were started. */
export class Tools {
  readonly folder: string;
  readonly #home: string;
  readonly #record: string;

  constructor(home: string, programs: readonly string[]) {
    this.#home = home;
    this.folder = join(home, ".tools");
    this.#record = join(this.folder, "started.txt");
    mkdirSync(this.folder);
    writeFileSync(this.#record, "");
    if (fnClient !== "") symlinkSync(fnClient, join(this.folder, "fn"));
    for (const name of programs) this.#wrap(name);
  }

  /** What was started since the last time. */
  take(): Started[] {
    const lines = readFileSync(this.#record, "utf8").split("\n");
    writeFileSync(this.#record, "");
    return lines.flatMap((line) => (line === "" ? [] : [this.#startedOf(JSON.parse(line) as WrittenDown)]));
  }

  #startedOf({ program, folder, args, dockerfile, code }: WrittenDown): Started {
    const named = args.map((word) => (/\/Dockerfile-fn-tmp\d+$/.test(word) ? dockerfileName : word));
    const own = named.map((word) => (word.startsWith(`${this.#home}/`) ? relative(folder, word) : word));
    return { program, folder: relative(this.#home, folder), args: own, dockerfile, code };
  }

  #wrap(name: string): void {
    const real = execFileSync("which", [name], { encoding: "utf8", env: { PATH: toolPath } }).trim();
    const file = join(this.folder, name);
    writeFileSync(file, `#!${process.execPath}\n${wrapper(name, real, this.#record)}`);
    chmodSync(file, 0o755);
  }
}

type WrittenDown = Omit<Started, "folder"> & { readonly folder: string };

/** Where programs are besides PATH: Go's own installer puts it where none leads by default. */
export const toolPath = `${process.env["PATH"] ?? ""}:/usr/local/go/bin`;

/**
 * Nothing is pulled, as on a machine without a network: what a test made under a name of Fn's would be replaced. What a push says of
 * layers is another thing each time.
 */
const wrapper = (program: string, real: string, record: string) => `
const { spawnSync } = require("node:child_process");
const { appendFileSync, readFileSync } = require("node:fs");
const args = process.argv.slice(2);
const at = args.indexOf("-f");
const file = args[0] === "build" && at > 0 ? args[at + 1] : "";
const dockerfile = file.includes(${JSON.stringify(dockerfileName)}) ? readFileSync(file, "utf8") : null;
const pulls = args[0] === "pull";
const stdio = args[0] === "push" ? ["ignore", "ignore", "inherit"] : "inherit";
const code = pulls ? 1 : (spawnSync(${JSON.stringify(real)}, args, { stdio }).status ?? 1);
const line = { program: ${JSON.stringify(program)}, folder: process.cwd(), args, dockerfile, code };
appendFileSync(${JSON.stringify(record)}, JSON.stringify(line) + "\\n");
process.exit(code);
`;

/** The same without the client: does what is written down, in the folder where it was done; the status that the program ended with. */
export async function startAgain(started: Started, home: string, env: Readonly<Record<string, string>>): Promise<string> {
  const cwd = join(home, started.folder);
  const file = join(cwd, dockerfileName);
  if (started.dockerfile !== null) writeFileSync(file, started.dockerfile);
  try {
    return await run(started.program, started.args, { home, input: "", cwd, env: { PATH: toolPath, ...env } });
  } finally {
    if (existsSync(file)) rmSync(file);
  }
}
