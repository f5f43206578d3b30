import type { Command } from "commander";
import type { Run } from "./cli.ts";
import { spawnServer } from "./server-process.ts";
import type { Session } from "./session.ts";

interface Flags {
  readonly listen?: string;
  readonly data?: string;
  readonly cache?: string;
  readonly sandbox?: string;
  readonly front?: string;
  readonly config?: string;
  readonly logLevel?: string;
}

/** `polykiln start`. The launcher goes to the server's own program at once; this is its help, and the way behind other flags. */
export function register(program: Command, run: Run): void {
  program
    .command("start")
    .description(
      "Run a server until Ctrl-C or SIGTERM, which lets running calls end. With --json it prints one line when it serves.",
    )
    .option("--listen <host:port>", "address; port 0 takes a free one (default: 127.0.0.1:8080)")
    .option("--data <folder>", "folder of what has to survive")
    .option("--cache <folder>", "folder of what can be made again")
    .option("--sandbox <driver>", "bubblewrap, or process (unprotected)")
    .option("--front <count>", "processes that read connections in front of the server (default: 0)")
    .option("--config <file>", "JSON file of settings")
    .option("--log-level <level>", "debug, info, warn or error")
    .action(run(start));
}

async function start(session: Session, flags: Flags): Promise<number> {
  const args = ["start", ...(session.flags.json === true ? ["--json"] : [])];
  for (const [name, value] of Object.entries(flags) as [keyof Flags, string][])
    args.push(name === "logLevel" ? "--log-level" : `--${name}`, value);
  const child = spawnServer(args, { stdio: "inherit", cwd: session.folder, env: session.around.env });
  // A terminal's Ctrl-C reaches both; a second signal would end the server at once.
  session.around.interrupted.addEventListener("abort", () => session.around.stdin.isTTY !== true && child.kill("SIGTERM"), {
    once: true,
  });
  return await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => resolve(code ?? 1));
  });
}
