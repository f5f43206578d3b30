import type { Command } from "commander";
import type { RouteAnswer } from "./answers.ts";
import type { Run } from "./cli.ts";
import { usage } from "./failure.ts";
import { type Reference, referenceOf } from "./reference.ts";
import type { Session } from "./session.ts";

/** `polykiln route`: list, inspect, create, delete. */
export function register(program: Command, run: Run): void {
  const route = program.command("route").description("URL paths that lead to functions.");
  route
    .command("list")
    .alias("ls")
    .description("List the routes of an app.")
    .argument("[app]", "default: the project's")
    .action(run(list));
  route.command("inspect").description("Show a route.").argument("<app/route>").action(run(inspect));
  route
    .command("create")
    .description("Make /t/APP/PATH lead to a function.")
    .argument("<app/route>")
    .requiredOption("--function <name>", "function of the same app")
    .requiredOption("--path <path>", "path, with its slash")
    .action(run(create));
  route.command("delete").alias("rm").description("Delete a route.").argument("<app/route>").action(run(remove));
}

async function list(session: Session, given: string | undefined): Promise<number> {
  const app = given ?? referenceOf(session, undefined, "app").app;
  const routes = await session.client.list<RouteAnswer>(`${session.home}/apps/${encodeURIComponent(app)}/routes`);
  await session.out.list(
    routes,
    [
      ["NAME", ({ name }) => name],
      ["FUNCTION", ({ function: name }) => name],
      ["URL", (route) => urlOf(session, route)],
    ],
    ({ name }) => name,
  );
  return 0;
}

const urlOf = (session: Session, { app, source }: RouteAnswer) => `${session.client.url}/t/${app}${source}`;

function pathOf(session: Session, text: string): { path: string; reference: Reference } {
  const reference = referenceOf(session, text, "route");
  return {
    path: `${session.home}/apps/${encodeURIComponent(reference.app)}/routes/${encodeURIComponent(reference.name)}`,
    reference,
  };
}

async function inspect(session: Session, text: string): Promise<number> {
  const { path, reference } = pathOf(session, text);
  const route = await session.client.get<RouteAnswer>(path);
  await session.out.item({ ...route, url: urlOf(session, route) }, reference.name);
  return 0;
}

async function create(session: Session, text: string, flags: { function: string; path: string }): Promise<number> {
  if (!flags.path.startsWith("/")) throw usage(`--path ${flags.path} must begin with a slash`, `--path /${flags.path}`);
  const { path, reference } = pathOf(session, text);
  const body = { function: flags.function, source: flags.path };
  const route = await session.client.json<RouteAnswer>("PUT", path, { body, headers: { "if-none-match": "*" } });
  await session.out.item({ ...route, url: urlOf(session, route) }, reference.name);
  return 0;
}

async function remove(session: Session, text: string): Promise<number> {
  const { path, reference } = pathOf(session, text);
  await session.client.get(path);
  if (!(await session.confirm(`Delete route ${reference.app}/${reference.name}?`))) return 1;
  await session.client.send("DELETE", path);
  session.say(`deleted route ${reference.app}/${reference.name}`);
  return 0;
}
