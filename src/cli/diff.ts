import type { Command } from "commander";
import type { Run } from "./cli.ts";
import { bring, projectFlags } from "./deploy.ts";

/** `polykiln diff`. */
export function register(program: Command, run: Run): void {
  const command = program
    .command("diff")
    .description("Say what a deploy would create, change, leave as it is and, with --prune, delete. Changes nothing.")
    .argument("[folder]", "folder of the project (default: this one, or the nearest above with a project file)");
  projectFlags(command)
    .option("--exit-code", "end with 1 when something would change")
    .action(
      run(async (session, folder: string | undefined, flags: Parameters<typeof bring>[2] & { exitCode?: boolean }) => {
        const differs = await bring(session, folder, flags, { dryRun: true, all: true });
        return differs && flags.exitCode === true ? 1 : 0;
      }),
    );
}
