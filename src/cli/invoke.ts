import type { Command } from "commander";
import { readFileSync } from "node:fs";
import { extname, resolve } from "node:path";
import { apiErrorOf, asFailure, exitOf } from "./answer-failure.ts";
import type { Run, Source } from "./cli.ts";
import type { Answer } from "./client.ts";
import { durationMs } from "./duration.ts";
import { exits, Failure, usage } from "./failure.ts";
import { shownMs } from "./output.ts";
import { referenceOf } from "./reference.ts";
import type { Session } from "./session.ts";

interface Flags {
  readonly data?: string;
  readonly header?: readonly string[];
  readonly contentType?: string;
  readonly async?: boolean;
  readonly wait?: boolean;
  readonly timeout?: string;
  readonly revision?: string;
}

/** `polykiln invoke`. */
export function register(program: Command, run: Run): void {
  program
    .command("invoke")
    .description("Call a function. Its answer goes to stdout as it is.")
    .argument("[app/function]", "default: the project's only function")
    .option("-d, --data <data>", "body: text, @FILE, or - for stdin")
    .option(
      "-H, --header <name: value>",
      "header of the call; may be repeated",
      (header: string, all: readonly string[] = []) => [...all, header],
    )
    .option("--content-type <type>", "type of the body (default: by its look)")
    .option("--wait", "wait for the answer; this is what happens anyway")
    .option("--async", "only hand it over; prints the activation's id")
    .option("--revision <number>", "call this revision, whoever else gets the calls")
    .option("--timeout <duration>", "how long to wait for the answer", "15m")
    .addHelpText(
      "after",
      '\nExamples:\n  polykiln invoke hello -d \'{"name":"you"}\'\n  polykiln invoke shop/resize -d @cat.jpg > small.jpg',
    )
    .action(run(invoke));
}

async function invoke(session: Session, text: string | undefined, flags: Flags): Promise<number> {
  if (flags.async === true && flags.wait === true) throw usage("--wait and --async exclude each other");
  const { app, name } = referenceOf(session, text, "function");
  const path = `${session.home}/apps/${encodeURIComponent(app)}/functions/${encodeURIComponent(name)}/invoke`;
  const body = await bodyFrom(session, flags);
  const beganAt = session.around.world.monotonic();
  const answer = await session.client.exchange("POST", path, {
    body: body?.bytes,
    headers: { ...(body && { "content-type": body.type }), ...headersFrom(flags) },
    query: { wait: flags.async === true ? "none" : undefined, revision: flags.revision },
    timeoutMs: durationMs(flags.timeout ?? "15m", "--timeout"),
  });
  const tookMs = session.around.world.monotonic() - beganAt;
  return flags.async === true ? await accepted(session, path, answer) : await answered(session, path, answer, tookMs);
}

async function accepted(session: Session, path: string, answer: Answer): Promise<number> {
  if (answer.status !== 202) throw await asFailure(session.client, "POST", path, answer);
  const { activationId } = JSON.parse(answer.bytes.toString("utf8")) as { activationId: string };
  if (session.out.format === "json" || session.out.format === "yaml") await session.out.item({ activationId }, activationId);
  else session.out.line(activationId);
  return exits.ok;
}

async function answered(session: Session, path: string, answer: Answer, tookMs: number): Promise<number> {
  const activationId = answer.headers["kiln-activation-id"] as string | undefined;
  const error = answer.status >= 400 ? apiErrorOf(answer) : null;
  if (error !== null && activationId === undefined) throw await asFailure(session.client, "POST", path, answer);
  if (error !== null) throw functionFailure(error.code, error.message, activationId as string, error.requestId);
  await show(session, answer, activationId);
  const ok = answer.status < 400;
  session.say(
    session.paint(
      ok ? "dim" : "red",
      `${answer.status} in ${shownMs(tookMs)}${activationId === undefined ? "" : `, activation ${activationId}`}`,
    ),
  );
  return ok ? exits.ok : exits.failed;
}

async function show(
  { out, around }: Session,
  { status, headers, bytes }: Answer,
  activationId: string | undefined,
): Promise<void> {
  if (out.format === "json" || out.format === "yaml") {
    const text = bytes.toString("utf8");
    const isJson = String(headers["content-type"]).includes("json");
    await out.item({ activationId, status, headers, body: isJson ? tryJson(text) : text }, activationId ?? "");
    return;
  }
  out.write(bytes);
  if (around.stdout.isTTY === true && bytes.length > 0 && bytes.at(-1) !== 10) out.write("\n");
}

function functionFailure(code: string, message: string, activationId: string, requestId: string | null): Failure {
  return new Failure({
    code: `E_${code.toUpperCase()}`,
    exit: exitOf(code),
    what: message,
    where: `activation ${activationId}`,
    fix: `see what it printed: polykiln activation logs ${activationId}`,
    requestId: requestId ?? undefined,
  });
}

async function bodyFrom(session: Session, { data, contentType }: Flags): Promise<{ bytes: Buffer; type: string } | undefined> {
  if (data === undefined) return undefined;
  if (data === "-") return typed(await readAll(session.around.stdin), contentType);
  if (!data.startsWith("@")) return typed(Buffer.from(data), contentType);
  const file = resolve(session.folder, data.slice(1));
  try {
    return typed(readFileSync(file), contentType ?? (extname(file) === ".json" ? "application/json" : undefined));
  } catch (cause) {
    throw new Failure({
      code: "E_NO_FILE",
      exit: exits.usage,
      what: `${data.slice(1)} cannot be read`,
      why: (cause as Error).message,
      cause,
    });
  }
}

function typed(bytes: Buffer, contentType: string | undefined): { bytes: Buffer; type: string } {
  if (contentType !== undefined) return { bytes, type: contentType };
  const text = bytes.toString("utf8");
  if (text.includes("\ufffd")) return { bytes, type: "application/octet-stream" };
  return { bytes, type: tryJson(text) === text ? "text/plain; charset=utf-8" : "application/json" };
}

/** The value, or the text itself when it is no JSON. */
function tryJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

function headersFrom({ header = [] }: Flags): Record<string, string> {
  return Object.fromEntries(
    header.map((text) => {
      const at = text.indexOf(":");
      if (at < 1) throw usage(`-H ${JSON.stringify(text)} is not NAME: VALUE`);
      return [text.slice(0, at).trim().toLowerCase(), text.slice(at + 1).trim()];
    }),
  );
}

async function readAll(source: Source): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of source) pieces.push(Buffer.from(piece as string));
  return Buffer.concat(pieces);
}
