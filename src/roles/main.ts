/** The command line of the server: `start`, `up`, `doctor`, `build`, `images`. Parses flags, picks the role, and turns errors into exit codes. */
import { enableCompileCache } from "node:module";
import { parseArgs } from "node:util";
import { compileCacheFolder, flagOf, loadConfig, settings } from "../config/load.ts";

enableCompileCache(compileCacheFolder());

/** Exit codes: 0 also when a signal ended it, 1 something failed, 2 the command line or what it asks for cannot be (a taken port). */
const exitFailed = 1;
const exitUsage = 2;

const settingNames = Object.keys(settings());

const options = {
  ...Object.fromEntries(settingNames.map((name) => [flagOf(name), { type: "string" } as const])),
  config: { type: "string" },
  json: { type: "boolean" },
  once: { type: "boolean" },
  /** Of `start`: the end of its stdin ends it too. For a parent that may be killed. */
  "with-stdin": { type: "boolean" },
  help: { type: "boolean", short: "h" },
} as const;

const commands = ["start", "up", "doctor", "build", "images"] as const;

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const { PlatformError } = await import("../model/error.ts");
  const usage = error instanceof PlatformError && (error.code === "invalid" || error.code === "conflict");
  const bug = !(error instanceof PlatformError) && !isParseError(error);
  process.stderr.write(`polykiln: ${bug ? (error as Error).stack : (error as Error).message}\n`);
  process.exitCode = usage || isParseError(error) ? exitUsage : exitFailed;
  // A half-started server may hold the process open.
  setImmediate(() => process.exit());
}

async function main(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
  const [command, extra] = positionals;
  if (values.help === true) {
    process.stdout.write((await import("./help.ts")).helpOf(isCommand(command) ? command : "start"));
    return 0;
  }
  if (!isCommand(command) || extra !== undefined) {
    process.stderr.write(
      `polykiln: ${command === undefined ? "no command" : `unknown command ${extra ?? command}`}; one of ${commands.join(", ")}\n`,
    );
    return exitUsage;
  }
  const flags = values as Readonly<Record<string, string | undefined>>;
  const config = loadConfig(Object.fromEntries(settingNames.map((name) => [name, flags[flagOf(name)]])), values.config);
  const json = values.json === true;
  switch (command) {
    case "start":
      return await (await import("./start.ts")).start(config, { json, withStdin: values["with-stdin"] === true });
    case "up":
      return await (await import("./up.ts")).up(config, { json, once: values.once === true });
    case "doctor":
      return await (await import("./doctor.ts")).doctor(config, { json });
    case "build":
      return await (await import("./build.ts")).build(config);
    case "images":
      return await (await import("./images.ts")).images(config);
  }
}

function isCommand(text: string | undefined): text is (typeof commands)[number] {
  return (commands as readonly (string | undefined)[]).includes(text);
}

function isParseError(error: unknown): boolean {
  return String((error as { code?: unknown }).code).startsWith("ERR_PARSE_ARGS");
}
