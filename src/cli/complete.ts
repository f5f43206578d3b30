import { Command } from "commander";
import type { AppAnswer, FunctionAnswer, KindAnswer } from "./answers.ts";
import type { CommandModule, Run } from "./cli.ts";
import type { Session } from "./session.ts";

/** The hidden command behind the completion scripts: `__complete -- WORDS`, the last of which is being typed. */
export function registerComplete(program: Command, run: Run, entries: readonly Entry[]): void {
  program
    .command("__complete", { hidden: true })
    .argument("[words...]")
    .action(
      run(async (session, words: readonly string[]) => {
        for (const word of await candidates(session, program, entries, words)) session.out.line(word);
        return 0;
      }),
    );
}

interface Entry {
  readonly name: string;
  readonly load: () => Promise<CommandModule>;
}

/** What may stand where the last word is. */
async function candidates(
  session: Session,
  program: Command,
  entries: readonly Entry[],
  words: readonly string[],
): Promise<string[]> {
  const typed = words.at(-1) ?? "";
  const before = words.slice(0, -1);
  const command = await commandAt(entries, before);
  const all = await choices(session, program, entries, command, before, typed);
  return [...new Set(all)].filter((word) => word.startsWith(typed)).toSorted();
}

async function choices(
  session: Session,
  program: Command,
  entries: readonly Entry[],
  command: Command | undefined,
  before: readonly string[],
  typed: string,
): Promise<string[]> {
  const flags = [...program.options, ...(command?.options ?? [])].map(({ long, short }) => long ?? short ?? "");
  if (typed.startsWith("-")) return [...flags, "--help"];
  if (command === undefined) return entries.map(({ name }) => name);
  if (command.commands.length > 0) return command.commands.map((child) => child.name());
  const flag = [...program.options, ...command.options].find(({ short, long }) => [short, long].includes(before.at(-1) ?? ""));
  if (flag?.argChoices !== undefined) return flag.argChoices;
  if (flag?.long === "--kind") return await kinds(session);
  if (flag !== undefined && (flag.required || flag.optional)) return [];
  const wanted = command.registeredArguments[0]?.name() ?? "";
  return await named(session, command.name(), wanted).catch(() => []);
}

/** The command whose words are given, with its own module loaded. */
async function commandAt(entries: readonly Entry[], words: readonly string[]): Promise<Command | undefined> {
  const names = words.filter((word) => !word.startsWith("-"));
  const entry = entries.find(({ name }) => name === names[0]);
  if (entry === undefined) return undefined;
  const parent = new Command();
  (await entry.load()).register(parent, () => async () => {});
  const noun = parent.commands[0];
  return noun?.commands.find((child) => child.name() === names[1] || child.aliases().includes(names[1] ?? "")) ?? noun;
}

/** Short: a shell waits for it at each Tab. */
const askMs = 800;

async function named(session: Session, verb: string, argument: string): Promise<string[]> {
  if (verb === "completion") return ["bash", "zsh", "fish"];
  if (argument === "app") return await apps(session);
  if (argument === "app/function") return await functions(session);
  if (argument === "app/route") return (await apps(session)).map((app) => `${app}/`);
  if (argument === "id") {
    const { items } = await session.client.get<{ items: { id: string }[] }>(`${session.home}/activations`, { timeoutMs: askMs });
    return items.map(({ id }) => id);
  }
  return [];
}

async function apps({ client, home }: Session): Promise<string[]> {
  const { items } = await client.get<{ items: AppAnswer[] }>(`${home}/apps`, { query: { limit: 100 }, timeoutMs: askMs });
  return items.map(({ name }) => name);
}

async function functions(session: Session): Promise<string[]> {
  const lists = await Promise.all(
    [...(await apps(session)), "_"].map(async (app) => {
      const path = `${session.home}/apps/${encodeURIComponent(app)}/functions`;
      const { items } = await session.client.get<{ items: FunctionAnswer[] }>(path, { query: { limit: 100 }, timeoutMs: askMs });
      return items.map(({ name }) => `${app}/${name}`);
    }),
  );
  return lists.flat();
}

async function kinds({ client }: Session): Promise<string[]> {
  const { items } = await client
    .get<{ items: KindAnswer[] }>("/kiln/v1/kinds", { timeoutMs: askMs })
    .catch(() => ({ items: [] }));
  return items.map(({ name }) => name);
}
