import type { Command } from "commander";
import type { ActivationAnswer, LogLineAnswer, ResultAnswer } from "./answers.ts";
import { activationQuery } from "./activation-query.ts";
import type { Run } from "./cli.ts";
import { clock, shownMs } from "./output.ts";
import type { Session } from "./session.ts";
import { harmless } from "./terminal.ts";

interface ListFlags {
  readonly status?: string;
  readonly since?: string;
  readonly limit: string;
}

/** `polykiln activation`: list, inspect, logs, result, cancel. */
export function register(program: Command, run: Run): void {
  const activation = program.command("activation").description("Records of calls.");
  activation
    .command("list")
    .alias("ls")
    .description("List records, newest first.")
    .argument("[app/function]", "only those of this function")
    .option("--status <status>", "only those that ended so: success, function_error, timeout, …")
    .option("--since <duration>", "only those that began so long ago at most")
    .option("--limit <count>", "at most so many", "30")
    .action(run(list));
  activation.command("inspect").description("Show a record.").argument("<id>").action(run(inspect));
  activation.command("logs").description("Show what a call printed.").argument("<id>").action(run(logs));
  activation.command("result").description("Print what an asynchronous call answered.").argument("<id>").action(run(result));
  activation.command("cancel").description("Cancel a call that waits or runs.").argument("<id>").action(run(cancel));
}

const pathOf = (session: Session, id: string) => `${session.home}/activations/${encodeURIComponent(id)}`;

async function list(session: Session, text: string | undefined, flags: ListFlags): Promise<number> {
  const query = activationQuery(session, text, flags);
  const found = await session.client.list<ActivationAnswer>(`${session.home}/activations`, query, Number(flags.limit) || 30);
  const { out } = session;
  await out.list(
    found,
    [
      ["ID", ({ id }) => id],
      ["STARTED", ({ startedAt }) => clock(startedAt)],
      ["FUNCTION", ({ function: name }) => name],
      ["STATUS", ({ status }) => status],
      ["START", ({ start }) => start],
      ["WAIT", ({ waitMs, createMs, initMs }) => shownMs(waitMs + createMs + initMs)],
      ["RUN", ({ runMs }) => shownMs(runMs)],
    ],
    ({ id }) => id,
  );
  return 0;
}

async function inspect(session: Session, id: string): Promise<number> {
  await session.out.item(await session.client.get<ActivationAnswer>(pathOf(session, id)), id);
  return 0;
}

async function logs(session: Session, id: string): Promise<number> {
  const { items } = await session.client.get<{ items: Pick<LogLineAnswer, "stream" | "text">[] }>(`${pathOf(session, id)}/logs`);
  for (const line of items)
    session.out.event(line, line.stream === "stdout" ? harmless(line.text) : session.out.paint("yellow", harmless(line.text)));
  return 0;
}

async function result(session: Session, id: string): Promise<number> {
  const answer = await session.client.get<ResultAnswer>(`${pathOf(session, id)}/result`);
  const { out, around } = session;
  if (out.format !== "table") {
    await out.item(answer, id);
    return 0;
  }
  const bytes = Buffer.from(answer.body, answer.encoding);
  out.write(bytes);
  if (around.stdout.isTTY === true && bytes.at(-1) !== 10) out.write("\n");
  return answer.status < 400 ? 0 : 1;
}

async function cancel(session: Session, id: string): Promise<number> {
  await session.client.send("POST", `${pathOf(session, id)}/cancel`);
  session.say(`cancelled ${id}`);
  return 0;
}
