import type { Command } from "commander";
import { readFileSync } from "node:fs";
import type { Run } from "./cli.ts";

/** Of this package. */
export function clientVersion(): string {
  return (JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as { version: string }).version;
}

/** `polykiln version`. */
export function register(program: Command, run: Run): void {
  program
    .command("version")
    .description("Show the version of this client; with --server that of the server too.")
    .option("--server", "ask the server for its version")
    .action(
      run(async ({ out, client }, flags: { server?: boolean }) => {
        const ours = clientVersion();
        const server = flags.server === true ? (await client.get<{ version: string }>("/kiln/v1/health")).version : undefined;
        if (out.format !== "table") await out.item({ client: ours, server }, ours);
        else out.line(server === undefined ? `polykiln ${ours}` : `polykiln ${ours}, server ${server}`);
        return 0;
      }),
    );
}
