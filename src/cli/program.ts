import { Command, CommanderError, Option } from "commander";
import type { CommandModule, Run, Surroundings } from "./cli.ts";
import { exits, Failure, failureJson, renderFailure, usage } from "./failure.ts";
import { Session, type GlobalFlags } from "./session.ts";
import { painter } from "./terminal.ts";

interface Entry {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly about: string;
  readonly load: () => Promise<CommandModule>;
}

/** Every word that may stand first, in the order of the help. */
const commands: readonly Entry[] = [
  { name: "init", about: "Write a new function's files", load: () => import("./init.ts") },
  { name: "dev", about: "Serve this folder, and swap its code when it is saved", load: () => import("./dev.ts") },
  { name: "start", about: "Run a server", load: () => import("./start.ts") },
  { name: "deploy", about: "Bring this folder's project to a server", load: () => import("./deploy.ts") },
  { name: "diff", about: "Say what a deploy would change", load: () => import("./diff.ts") },
  { name: "import", about: "Bring in what was written for other platforms", load: () => import("./import.ts") },
  { name: "build", about: "Make container images of functions, without Docker", load: () => import("./build.ts") },
  { name: "push", about: "Send functions' images to their registry", load: () => import("./push.ts") },
  { name: "test", about: "Run the tests of functions", load: () => import("./tests.ts") },
  { name: "invoke", about: "Call a function", load: () => import("./invoke.ts") },
  { name: "logs", about: "Show what functions print", load: () => import("./logs.ts") },
  { name: "doctor", about: "Say what this machine and the server lack, each with its fix", load: () => import("./doctor.ts") },
  { name: "version", about: "Show versions", load: () => import("./version.ts") },
  { name: "completion", about: "Print a shell's completion script", load: () => import("./completion.ts") },
  { name: "app", aliases: ["apps"], about: "Groups of functions", load: () => import("./apps.ts") },
  { name: "fn", aliases: ["fns", "function", "functions"], about: "Functions", load: () => import("./fns.ts") },
  { name: "route", aliases: ["routes"], about: "URL paths that lead to functions", load: () => import("./routes.ts") },
  { name: "activation", aliases: ["activations"], about: "Records of calls", load: () => import("./activations.ts") },
  { name: "dead-letter", aliases: ["dead-letters"], about: "Calls that were given up", load: () => import("./dead-letters.ts") },
  { name: "namespace", aliases: ["namespaces"], about: "Tenants", load: () => import("./namespaces.ts") },
  { name: "wskprops", about: "Point OpenWhisk's clients at a server", load: () => import("./wskprops.ts") },
  { name: "kind", aliases: ["kinds"], about: "Language runtimes", load: () => import("./kinds.ts") },
];

/** Every first word, in the order of the help. */
export const commandNames: readonly string[] = commands.map(({ name }) => name);

/** The program with the one command loaded that the line names; the others are there by name, for help and for typos. */
export async function buildProgram(args: readonly string[], around: Surroundings, state: { exit: number }) {
  const program = globalFlags(new Command("polykiln"));
  program.description("Deploy and call functions, and see what they do.").usage("[flags] COMMAND");
  program.addHelpText("after", "\nA command's own help: polykiln COMMAND --help. pk is short for polykiln.");
  prepare(program, around);
  const run = runner(program, around, state);
  const wanted = firstWord(args);
  for (const entry of commands) {
    if (entry.name === wanted || entry.aliases?.includes(wanted)) (await entry.load()).register(program, run);
    else program.command(entry.name).description(entry.about).allowUnknownOption().argument("[rest...]");
  }
  for (const command of program.commands) {
    const entry = commands.find(({ name }) => name === command.name());
    if (entry?.aliases !== undefined) command.aliases(entry.aliases);
  }
  if (wanted === "__complete") (await import("./complete.ts")).registerComplete(program, run, commands);
  for (const command of program.commands) inherit(command, around);
  return { parse: () => parse(program, args, around, state) };
}

/** Flags that every command takes. */
export function globalFlags(program: Command): Command {
  return program
    .option("--api-url <url>", "address of the server (or POLYKILN_URL)")
    .option("--auth <key>", "key of the server, ID:SECRET (or POLYKILN_AUTH)")
    .option("--context <name>", "entry of contexts.json to use (or POLYKILN_CONTEXT)")
    .option("-n, --namespace <name>", "namespace (default: guest)")
    .option("-C, --cwd <folder>", "work as if started there")
    .option("--env-file <file>", "variables for ${env:NAME}, besides .env and .env.local")
    .addOption(new Option("-o, --output <format>", "how data is printed").choices(["table", "json", "yaml", "name"]))
    .option("--json", "the same as -o json")
    .option("-y, --yes", "answer every question with yes")
    .option("-q, --quiet", "print data only")
    .option("--debug", "print requests and stacks on stderr")
    .option("--no-color", "no colours");
}

/** Values of flags are no commands. */
const flagsWithValue = new Set([
  "--api-url",
  "--auth",
  "--context",
  "-n",
  "--namespace",
  "-C",
  "--cwd",
  "--env-file",
  "-o",
  "--output",
]);

function firstWord(args: readonly string[]): string {
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] as string;
    if (!arg.startsWith("-")) return arg === "help" ? (args[i + 1] ?? "") : arg;
    if (flagsWithValue.has(arg)) i++;
  }
  return "";
}

function prepare(command: Command, { stdout, stderr }: Surroundings): void {
  command.exitOverride().configureOutput({
    writeOut: (text) => stdout.write(text),
    writeErr: (text) => stderr.write(text),
    outputError: () => {},
    getOutHelpWidth: () => Math.min(stdout.columns ?? 100, 120),
    getErrHelpWidth: () => Math.min(stderr.columns ?? 100, 120),
    getOutHasColors: () => false,
    getErrHasColors: () => false,
  });
}

/** Commander copies settings only to commands made after them. */
function inherit(command: Command, around: Surroundings): void {
  prepare(command, around);
  command.configureHelp({ showGlobalOptions: true, sortSubcommands: false });
  for (const child of command.commands) inherit(child, around);
}

function runner(program: Command, around: Surroundings, state: { exit: number }): Run {
  return (work) =>
    async (...args) => {
      const session = new Session(program.opts<GlobalFlags>(), around);
      state.exit = (await work(session, ...args)) ?? exits.ok;
    };
}

async function parse(program: Command, args: readonly string[], around: Surroundings, state: { exit: number }): Promise<void> {
  try {
    if (args.length === 0) program.help();
    await program.parseAsync([...args], { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return;
    const failure = asFailure(error);
    state.exit = failure.fields.exit;
    tell(failure, program.opts<GlobalFlags>(), around);
  }
}

function asFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  if (error instanceof CommanderError) return fromCommander(error);
  return new Failure({
    code: "E_INTERNAL",
    exit: exits.failed,
    what: `polykiln itself failed: ${(error as Error).message}`,
    fix: "run it again with --debug and report what it prints",
    cause: error,
  });
}

/** `error: unknown option '--forse'\n(Did you mean --force?)`. */
function fromCommander(error: CommanderError): Failure {
  if (error.code === "commander.help") return usage("no command was given", "polykiln --help lists them");
  const [first = "", hint] = error.message.replace(/^error: /, "").split("\n");
  const meant = /Did you mean (?:one of )?(.*)\?/.exec(hint ?? "")?.[1];
  return usage(first, meant === undefined ? "add --help to the command to see what it takes" : `did you mean ${meant}?`);
}

function tell(failure: Failure, flags: GlobalFlags, { stderr, env }: Surroundings): void {
  const asJson = flags.json === true || flags.output === "json";
  const paint = painter(stderr, env, flags.color);
  stderr.write(asJson ? failureJson(failure) : renderFailure(failure, paint));
  if (flags.debug !== true) return;
  const cause = failure.cause instanceof Error ? failure.cause : failure;
  stderr.write(`${cause.stack}\n`);
}
