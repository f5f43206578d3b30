import type { Command } from "commander";
import type { KeyAnswer, MadeKeyAnswer, NamespaceAnswer } from "./answers.ts";
import type { Run } from "./cli.ts";
import type { Session } from "./session.ts";

/** `polykiln namespace`: list, create, limits, keys. */
export function register(program: Command, run: Run): void {
  const namespace = program.command("namespace").description("Tenants.");
  namespace.command("list").alias("ls").description("List the namespaces that your key may use.").action(run(list));
  namespace
    .command("create")
    .description("Make a namespace and print its first key, which is shown this once.")
    .argument("<name>")
    .action(run(create));
  namespace.command("limits").description("Show what a namespace may have at a time.").argument("[name]").action(run(limits));
  const keys = namespace.command("keys").description("Keys of a namespace.");
  keys.command("list").alias("ls").description("List the keys of a namespace.").argument("[name]").action(run(listKeys));
  keys
    .command("create")
    .description("Make another key and print it, which is shown this once.")
    .argument("[name]")
    .action(run(createKey));
  keys
    .command("delete")
    .alias("rm")
    .description("Take a key back: it is refused at once.")
    .argument("<key>")
    .argument("[name]")
    .action(run(removeKey));
}

async function list({ client, out }: Session): Promise<number> {
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
}

async function create({ client, out }: Session, wanted: string): Promise<number> {
  const made = await client.json<MadeKeyAnswer & NamespaceAnswer>("POST", "/kiln/v1/namespaces", { body: { name: wanted } });
  const { name, auth } = made;
  await out.item({ name, auth }, name);
  return 0;
}

async function limits(session: Session, name?: string): Promise<number> {
  await session.out.item(await session.client.get<object>(`${homeOf(session, name)}/limits`), name ?? session.namespace);
  return 0;
}

async function listKeys(session: Session, name?: string): Promise<number> {
  const { items } = await session.client.get<{ items: KeyAnswer[] }>(`${homeOf(session, name)}/keys`);
  await session.out.list(
    items,
    [
      ["KEY", ({ id }) => id],
      ["CREATED", ({ createdAt }) => createdAt],
    ],
    ({ id }) => id,
  );
  return 0;
}

async function createKey(session: Session, name?: string): Promise<number> {
  const { id, auth } = await session.client.json<MadeKeyAnswer>("POST", `${homeOf(session, name)}/keys`);
  await session.out.item({ name: name ?? session.namespace, auth }, id);
  return 0;
}

async function removeKey(session: Session, key: string, name?: string): Promise<number> {
  if (!(await session.confirm(`Take back key ${key}? Whoever uses it is refused from now on`))) return 1;
  await session.client.send("DELETE", `${homeOf(session, name)}/keys/${encodeURIComponent(key)}`);
  session.say(`took back key ${key}`);
  return 0;
}

function homeOf(session: Session, name: string | undefined): string {
  return name === undefined ? session.home : `/kiln/v1/namespaces/${encodeURIComponent(name)}`;
}
