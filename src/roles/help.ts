import { flagOf, settings } from "../config/load.ts";

const columns = 100;
const indent = "      ";

/** What a command does, and its flags beside those of settings. */
const commands = {
  start: {
    does: "A server, until Ctrl-C or SIGTERM, which let running calls end. Exits with 2 when something asked for cannot be, such as a taken port.",
    flags: ["json"],
  },
  up: {
    does: "A server with two functions as examples, called and shown with what they print, until Ctrl-C.",
    flags: ["once", "json"],
  },
  doctor: {
    does: "Says what this machine has and lacks, each with its fix. Exits with 1 when no sandbox can be started.",
    flags: ["json"],
  },
  build: { does: "Makes what first calls would otherwise wait for: the root file systems of the usual kinds.", flags: [] },
  images: { does: "Makes container images of functions, as the client says in a document on STDIN.", flags: [] },
} as const satisfies Readonly<Record<string, { readonly does: string; readonly flags: readonly Flag[] }>>;

const flags = {
  once: "Ends when the examples have been called",
  json: "Prints a line of JSON for programs in place of text",
} as const;

type Flag = keyof typeof flags;

/** What `--help` prints of one command of the server: every flag with its variables and what it is now if nobody says. */
export function helpOf(command: keyof typeof commands): string {
  const { does, flags: own } = commands[command];
  const lines = [`Usage: kiln ${command} [--FLAG [VALUE]]...`, "", ...wrapped(does, ""), ""];
  for (const name of own) lines.push(`  --${name}`, ...wrapped(flags[name], indent));
  lines.push("  --config FILE", ...wrapped("JSON file with settings by their names; variables and flags are stronger", indent));
  for (const [name, { about, env, default: usual }] of Object.entries(settings())) {
    lines.push(`  --${flagOf(name)} VALUE  (or ${env.join(", ")})`);
    lines.push(...wrapped(String(usual) === "" ? about : `${about} (default: ${String(usual)})`, indent));
  }
  return `${lines.join("\n")}\n`;
}

function wrapped(text: string, before: string): string[] {
  const lines = [before];
  for (const word of text.split(" ")) {
    const line = lines.at(-1) as string;
    if (line === before) lines[lines.length - 1] = before + word;
    else if (line.length + 1 + word.length <= columns) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(before + word);
  }
  return lines;
}
