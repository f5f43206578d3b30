import type { Command } from "commander";
import type { AppAnswer } from "./answers.ts";
import type { Run } from "./cli.ts";
import { configFrom } from "./pairs.ts";
import type { Session } from "./session.ts";

interface ConfigFlags {
  readonly config?: readonly string[];
  readonly unset?: readonly string[];
}

/** `polykiln app`: list, inspect, create, update, delete. */
export function register(program: Command, run: Run): void {
  const app = program.command("app").description("Groups of functions.");
  app.command("list").alias("ls").description("List apps.").action(run(list));
  app.command("inspect").description("Show an app.").argument("<app>").action(run(inspect));
  app
    .command("create")
    .description("Create an app.")
    .argument("<app>")
    .option("--config <NAME=VALUE...>", "environment variables of its functions")
    .action(run((session, name: string, flags: ConfigFlags) => put(session, name, flags, { "if-none-match": "*" })));
  app
    .command("update")
    .description("Change an app; what is not named stays as it is.")
    .argument("<app>")
    .option("--config <NAME=VALUE...>", "variables to set")
    .option("--unset <NAME...>", "variables to take out")
    .action(run((session, name: string, flags: ConfigFlags) => put(session, name, flags, { "if-match": "*" })));
  app
    .command("delete")
    .alias("rm")
    .description("Delete an app with its functions and routes.")
    .argument("<app>")
    .action(run(remove));
}

const pathOf = (session: Session, name: string) => `${session.home}/apps/${encodeURIComponent(name)}`;

async function list(session: Session): Promise<number> {
  const apps = await session.client.list<AppAnswer>(`${session.home}/apps`);
  await session.out.list(
    apps,
    [
      ["NAME", ({ name }) => name],
      ["CONFIG", ({ config }) => String(Object.keys(config).length)],
      ["REVISION", ({ revision }) => String(revision)],
      ["UPDATED", ({ updatedAt }) => updatedAt],
    ],
    ({ name }) => name,
  );
  return 0;
}

async function inspect(session: Session, name: string): Promise<number> {
  await session.out.item(await session.client.get<AppAnswer>(pathOf(session, name)), name);
  return 0;
}

async function put(session: Session, name: string, flags: ConfigFlags, headers: Record<string, string>): Promise<number> {
  const { client } = session;
  const path = pathOf(session, name);
  const before = "if-match" in headers ? await client.get<AppAnswer>(path) : null;
  const body = { config: configFrom(before?.config ?? {}, flags.config, flags.unset) };
  const condition = before === null ? headers : { "if-match": String(before.revision) };
  const app = await client.json<AppAnswer>("PUT", path, { body, headers: condition });
  await session.out.item(app, name);
  return 0;
}

async function remove(session: Session, name: string): Promise<number> {
  await session.client.get(pathOf(session, name));
  if (!(await session.confirm(`Delete app ${name} with all its functions and routes?`))) return 1;
  await session.client.send("DELETE", pathOf(session, name));
  session.say(`deleted app ${name}`);
  return 0;
}
