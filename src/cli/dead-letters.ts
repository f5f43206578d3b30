import type { Command } from "commander";
import type { DeadLetterAnswer } from "./answers.ts";
import type { Run } from "./cli.ts";
import { referenceOf } from "./reference.ts";
import { usage } from "./failure.ts";
import type { Session } from "./session.ts";

/** `polykiln dead-letter`: list, inspect, redrive. */
export function register(program: Command, run: Run): void {
  const letters = program.command("dead-letter").description("Asynchronous calls that were given up.");
  letters
    .command("list")
    .alias("ls")
    .description("List them, newest first.")
    .argument("[app/function]", "only those of this function")
    .action(run(list));
  letters.command("inspect").description("Show one.").argument("<id>").action(run(inspect));
  letters
    .command("redrive")
    .description("Accept calls anew, with all their attempts; prints the new activations.")
    .argument("[id...]", "ids")
    .option("--all", "every one of the namespace")
    .action(run(redrive));
}

const pathOf = (session: Session, id = "") => `${session.home}/dead-letters${id === "" ? "" : `/${encodeURIComponent(id)}`}`;

async function list(session: Session, text: string | undefined): Promise<number> {
  const reference = text === undefined ? undefined : referenceOf(session, text, "function");
  const query = { app: reference?.app, function: reference?.name };
  const letters = await session.client.list<DeadLetterAnswer>(pathOf(session), query);
  await session.out.list(
    letters,
    [
      ["ID", ({ id }) => id],
      ["FUNCTION", ({ function: name }) => name],
      ["ATTEMPTS", ({ attempts }) => String(attempts)],
      ["DIED", ({ diedAt }) => diedAt],
      ["LAST FAILURE", ({ failures }) => (failures.at(-1)?.message ?? "").slice(0, 80)],
    ],
    ({ id }) => id,
  );
  return 0;
}

async function inspect(session: Session, id: string): Promise<number> {
  await session.out.item(await session.client.get<DeadLetterAnswer>(pathOf(session, id)), id);
  return 0;
}

async function redrive(session: Session, ids: readonly string[], flags: { all?: boolean }): Promise<number> {
  if (ids.length === 0 && flags.all !== true) throw usage("Say which: ids, or --all", "polykiln dead-letter list shows them");
  const { client } = session;
  const chosen = flags.all === true ? (await client.list<DeadLetterAnswer>(pathOf(session))).map(({ id }) => id) : ids;
  for (const id of chosen) {
    const { activationId } = await client.json<{ activationId: string }>("POST", `${pathOf(session, id)}/redrive`);
    session.out.line(activationId);
  }
  session.say(`accepted anew: ${chosen.length}`);
  return 0;
}
