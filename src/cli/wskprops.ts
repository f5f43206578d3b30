import type { Command } from "commander";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import type { Run } from "./cli.ts";
import { keyOf } from "./connection.ts";
import type { Session } from "./session.ts";

interface Flags {
  readonly file?: string;
  readonly print?: boolean;
}

/** `polykiln wskprops`: tells OpenWhisk's clients where this server is, and with which key. */
export function register(program: Command, run: Run): void {
  program
    .command("wskprops")
    .description("Write the file by which wsk, wskdeploy and other clients of OpenWhisk find this server and its key.")
    .option("--file <file>", "where to write it (default: WSK_CONFIG_FILE, or .wskprops in your home)")
    .option("--print", "print it instead")
    .action(run(write));
}

async function write(session: Session, { file, print }: Flags): Promise<number> {
  const { env } = session.around;
  const path = resolve(session.folder, file ?? (env["WSK_CONFIG_FILE"] || join(env["HOME"] || homedir(), ".wskprops")));
  const said = { APIHOST: session.server.url, AUTH: keyOf(session.server), NAMESPACE: "_" };
  const text = merged(print === true ? "" : textOf(path), said);
  if (print === true) session.out.write(text);
  else {
    writeFileSync(path, text, { mode: 0o600 });
    // It may have been there, open to others.
    chmodSync(path, 0o600);
    session.say(`wrote ${path}`);
  }
  return 0;
}

/** What else is in the file stays. */
function merged(before: string, said: Readonly<Record<string, string>>): string {
  const others = before
    .split("\n")
    .filter((line) => line.trim() !== "" && !Object.hasOwn(said, line.split("=", 1)[0]?.trim() ?? ""));
  return `${[...others, ...Object.entries(said).map(([name, value]) => `${name}=${value}`)].join("\n")}\n`;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
