import type { Command } from "commander";
import type { KeyAnswer, MadeKeyAnswer, NamespaceAnswer, SigningAnswer } from "./answers.ts";
import type { Run } from "./cli.ts";
import { egressFrom } from "./egress.ts";
import { usage } from "./failure.ts";
import type { Session } from "./session.ts";

/** `polykiln namespace`: list, create, limits, egress, keys. */
export function register(program: Command, run: Run): void {
  const namespace = program.command("namespace").description("Tenants.");
  namespace.command("list").alias("ls").description("List the namespaces that your key may use.").action(run(list));
  namespace
    .command("create")
    .description("Make a namespace and print its first key, which is shown this once.")
    .argument("<name>")
    .action(run(create));
  namespace
    .command("limits")
    .description("Show what a namespace may do, or give it limits of its own: a number, or default for what all have.")
    .argument("[name]")
    .option("--invocations-per-minute <n>", "calls that begin within a minute; 0: none")
    .option("--concurrent-invocations <n>", "calls that are on their way at once; 0: none")
    .option("--fires-per-minute <n>", "events that are fired within a minute; 0: none")
    .action(run(limits));
  namespace
    .command("egress")
    .description("Show or say what the functions of a namespace connect to that say nothing themselves.")
    .argument("[name]")
    .argument("[entry...]", "none, internet, entries (HOST:PORT, platform, internet), or default for what all have")
    .action(run(egress));
  const keys = namespace.command("keys").description("Keys of a namespace.");
  keys.command("list").alias("ls").description("List the keys of a namespace.").argument("[name]").action(run(listKeys));
  keys
    .command("create")
    .description("Make another key and print it, which is shown this once.")
    .argument("[name]")
    .action(run(createKey));
  keys
    .command("aws")
    .description("Print what AWS's tools have to be told to work with the functions of a namespace.")
    .argument("[name]")
    .option("--key <key>", "the key whose pair it is; the first one by default")
    .action(run(showSigning));
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

interface LimitFlags {
  readonly invocationsPerMinute?: string;
  readonly concurrentInvocations?: string;
  readonly firesPerMinute?: string;
}

async function limits(session: Session, name: string | undefined, flags: LimitFlags): Promise<number> {
  const { client, out } = session;
  const path = `${homeOf(session, name)}/limits`;
  const body = {
    callsPerMinute: limitIn(flags.invocationsPerMinute, "--invocations-per-minute"),
    calls: limitIn(flags.concurrentInvocations, "--concurrent-invocations"),
    firesPerMinute: limitIn(flags.firesPerMinute, "--fires-per-minute"),
  };
  const isChange = Object.values(body).some((value) => value !== undefined);
  const shown = isChange ? await client.json<object>("PUT", path, { body }) : await client.get<object>(path);
  await out.item(shown, name ?? session.namespace);
  return 0;
}

async function egress(session: Session, name: string | undefined, entries: readonly string[]): Promise<number> {
  const { client, out } = session;
  const path = `${homeOf(session, name)}/egress`;
  const said = egressFrom(entries);
  const body = { egress: entries.length === 1 && entries[0] === "default" ? null : said };
  const shown = entries.length > 0 ? await client.json<object>("PUT", path, { body }) : await client.get<object>(path);
  await out.item(shown, name ?? session.namespace);
  return 0;
}

/** Null: as for all. */
function limitIn(text: string | undefined, flag: string): number | null | undefined {
  if (text === undefined) return undefined;
  if (text === "default") return null;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw usage(`${flag} ${JSON.stringify(text)} is neither a whole number nor default`);
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

/** For people and shells alike: `eval "$(polykiln namespace keys aws)"`. */
async function showSigning(session: Session, name: string | undefined, { key }: { readonly key?: string }): Promise<number> {
  const { client, out } = session;
  const home = homeOf(session, name);
  const id = key ?? (await client.get<{ items: KeyAnswer[] }>(`${home}/keys`)).items[0]?.id;
  if (id === undefined) throw usage("The namespace has no key: make one with polykiln namespace keys create");
  const pair = await client.get<SigningAnswer>(`${home}/keys/${encodeURIComponent(id)}/signing`);
  const variables = {
    AWS_ACCESS_KEY_ID: pair.accessKeyId,
    AWS_SECRET_ACCESS_KEY: pair.secretAccessKey,
    AWS_DEFAULT_REGION: pair.region,
    AWS_REGION: pair.region,
    AWS_ENDPOINT_URL_LAMBDA: client.url,
  };
  if (out.format !== "table") await out.item(variables, id);
  else for (const [variable, value] of Object.entries(variables)) out.line(`export ${variable}=${value}`);
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
