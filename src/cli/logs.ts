import type { Command } from "commander";
import type { LogLineAnswer } from "./answers.ts";
import type { Run } from "./cli.ts";
import { durationMs } from "./duration.ts";
import { recentLines, tail, type TailFilter } from "./log-tail.ts";
import { clock } from "./output.ts";
import { referenceOf } from "./reference.ts";
import type { Session } from "./session.ts";
import { harmless } from "./terminal.ts";

interface Flags {
  readonly follow?: boolean;
  readonly since?: string;
  readonly status?: string;
  readonly search?: string;
  readonly call?: string;
  readonly limit: string;
}

/** `polykiln logs`. */
export function register(program: Command, run: Run): void {
  program
    .command("logs")
    .description("Show what functions print: the latest lines, or with -f all that come.")
    .argument("[app/function]", "only this function (default: every one of the namespace)")
    .option("-f, --follow", "wait for more until Ctrl-C")
    .option("--since <duration>", "begin so long ago; with -f the default is now")
    .option("--status <status>", "only of calls that ended so")
    .option("--search <text>", "only lines with this text")
    .option("--call <id>", "only of this activation")
    .option("--limit <lines>", "without -f: at most so many, the latest", "100")
    .action(run(logs));
}

async function logs(session: Session, text: string | undefined, flags: Flags): Promise<number> {
  const reference = text === undefined ? undefined : referenceOf(session, text, "function");
  const { world, interrupted } = session.around;
  const filter: TailFilter = {
    app: reference?.app,
    function: reference?.name,
    activation: flags.call,
    status: flags.status,
    text: flags.search,
    since: flags.since === undefined ? undefined : world.now() - durationMs(flags.since, "--since"),
  };
  const line = (shown: LogLineAnswer) => session.out.event(shown, shownLine(session.out.paint, shown));
  const lost = (count: number) => session.say(session.paint("yellow", `${count} lines came too fast and are left out`));
  if (flags.follow === true) await tail(session, filter, { line, lost }, interrupted);
  else for (const found of await recentLines(session, filter, Number(flags.limit) || 100)) line(found);
  return 0;
}

/** Time, function, the call's last letters, text; what went to stderr in yellow. */
export function shownLine(paint: Session["paint"], { at, function: name, activationId, stream, text }: LogLineAnswer): string {
  const shown = harmless(text);
  const head = `${clock(at)} ${name} ${activationId.slice(-6)}`;
  return `${paint("dim", head)} ${stream === "stdout" ? shown : paint("yellow", shown)}`;
}
