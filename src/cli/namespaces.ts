import type { Command } from "commander";
import type { NamespaceAnswer } from "./answers.ts";
import type { Run } from "./cli.ts";

/** `polykiln namespace`: list. */
export function register(program: Command, run: Run): void {
  const namespace = program.command("namespace").description("Tenants.");
  namespace
    .command("list")
    .alias("ls")
    .description("List the namespaces that your key may use.")
    .action(
      run(async ({ client, out }) => {
        const namespaces = await client.list<NamespaceAnswer>("/kiln/v1/namespaces");
        await out.list(
          namespaces,
          [
            ["NAME", ({ name }) => name],
            ["CREATED", ({ createdAt }) => createdAt],
          ],
          ({ name }) => name,
        );
        return 0;
      }),
    );
}
