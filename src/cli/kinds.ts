import type { Command } from "commander";
import type { KindAnswer } from "./answers.ts";
import type { Run } from "./cli.ts";

/** `polykiln kind`: list. */
export function register(program: Command, run: Run): void {
  const kind = program.command("kind").description("Language runtimes.");
  kind
    .command("list")
    .alias("ls")
    .description("List the kinds of the server.")
    .action(
      run(async ({ client, out }) => {
        const { items } = await client.get<{ items: KindAnswer[] }>("/kiln/v1/kinds");
        await out.list(
          items,
          [
            ["NAME", ({ name, default: isDefault }) => (isDefault ? `${name} *` : name)],
            ["PROTOCOLS", ({ protocols }) => protocols.join(" ")],
            ["DESCRIPTION", ({ description }) => description],
          ],
          ({ name }) => name,
        );
        return 0;
      }),
    );
}
