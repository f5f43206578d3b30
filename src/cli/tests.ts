import type { Command } from "commander";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { apiErrorOf } from "./answer-failure.ts";
import type { FunctionAnswer } from "./answers.ts";
import type { Run } from "./cli.ts";
import type { Answer, Client } from "./client.ts";
import { carryOut } from "./changes.ts";
import { loadProject, prepareCode, tellWarnings } from "./deploy.ts";
import { type DevHost, joinServer, startHost } from "./dev/host.ts";
import { exits, Failure } from "./failure.ts";
import { shownMs } from "./output.ts";
import { checkKinds, planDeployment } from "./project/deployment.ts";
import type { FuncTest } from "./project/func-tests.ts";
import { lineDiff } from "./project/line-diff.ts";
import type { PlannedFunction, Project } from "./project/project.ts";
import type { Session } from "./session.ts";
import { harmless } from "./terminal.ts";

interface Flags {
  readonly all?: boolean;
  readonly app?: string;
  readonly sandbox?: string;
}

/** `polykiln test`. */
export function register(program: Command, run: Run): void {
  program
    .command("test")
    .description(
      "Run the tests in test.json, or in a func.yaml without schema_version: call each function with an input, compare what it answers.",
    )
    .argument("[folder]", "folder of the project (default: this one, or the nearest above with a project file)")
    .option("--all", "every func.yaml of the folder and below, as the app of app.yaml")
    .option("--app <name>", "app, in place of the file's")
    .option("--sandbox <driver>", "of the server that it starts: bubblewrap, or process (unprotected)")
    .addHelpText(
      "after",
      "\nIt deploys to a server of its own, which ends with it. With --api-url or --context it calls what is deployed there.",
    )
    .action(run((session, folder: string | undefined, flags: Flags) => test(session, folder, flags)));
}

interface FunctionTests {
  readonly fn: PlannedFunction;
  readonly tests: readonly FuncTest[];
}

/** What came of one. */
interface Outcome {
  readonly function: string;
  readonly name: string;
  readonly ok: boolean;
  readonly tookMs: number;
  readonly expected: string;
  readonly got: string;
}

async function test(session: Session, folder: string | undefined, flags: Flags): Promise<number> {
  const project = loadProject(session, folder, flags);
  tellWarnings(session, project);
  const wanted = testsOf(session, project);
  const place = mkdtempSync(join(tmpdir(), "polykiln-"));
  let host: DevHost | undefined;
  try {
    host = await hostFor(session, project, place, flags);
    const outcomes: Outcome[] = [];
    for (const { fn, tests } of wanted) {
      const { invokePath } = await host.client.get<FunctionAnswer>(pathOf(host, project, fn));
      for (const one of tests) {
        const outcome = await outcomeOf(session, host.client, invokePath, fn, one);
        outcomes.push(outcome);
        if (session.out.format === "table") show(session, outcome);
      }
    }
    return await summarize(session, project, outcomes);
  } finally {
    await host?.close();
    rmSync(place, { recursive: true, force: true });
  }
}

/** A server with the project deployed, or the one that was named. */
async function hostFor(session: Session, project: Project, data: string, { sandbox }: Flags): Promise<DevHost> {
  if (session.flags.apiUrl !== undefined || session.flags.context !== undefined) return joinServer(session);
  const started = await startHost(session, data, { listen: "127.0.0.1:0", data, ...(sandbox !== undefined && { sandbox }) });
  try {
    await deploy(session, started, project);
    return started;
  } catch (error) {
    await started.close();
    throw error;
  }
}

function testsOf(session: Session, project: Project): FunctionTests[] {
  const found = project.functions.map((fn) => ({ fn, ...(fn.funcFile?.tests() ?? { tests: [], warnings: [] }) }));
  for (const { warnings } of found)
    for (const warning of warnings) session.say(`${session.paint("yellow", "warning")}: ${warning}`);
  if (found.some(({ tests }) => tests.length > 0)) return found;
  throw new Failure({
    code: "E_NO_TESTS",
    exit: exits.usage,
    what: "There are no tests",
    where: project.folder,
    why: "No function has a test.json beside its func.yaml, and none has tests in it",
    fix: 'write test.json: {"tests": [{"input": {"body": {}}, "output": {"body": {}}}]}',
  });
}

async function deploy({ around }: Session, { client, namespace }: DevHost, project: Project): Promise<void> {
  await checkKinds(client, project);
  const code = await prepareCode(project, { build: true, signal: around.interrupted });
  const home = `/kiln/v1/namespaces/${encodeURIComponent(namespace)}`;
  const { changes } = await planDeployment({ client, home, project, code, prune: false });
  await carryOut(changes, { done: () => {} });
}

function pathOf({ namespace }: DevHost, { app }: Project, { name }: PlannedFunction): string {
  return `/kiln/v1/namespaces/${encodeURIComponent(namespace)}/apps/${encodeURIComponent(app)}/functions/${encodeURIComponent(name)}`;
}

/** Besides the function's own time: for a first start. */
const startMsMax = 120_000;

async function outcomeOf(session: Session, client: Client, path: string, fn: PlannedFunction, one: FuncTest): Promise<Outcome> {
  const { world } = session.around;
  const beganAt = world.monotonic();
  const answer = await client.exchange("POST", path, {
    body: one.body,
    headers: { "content-type": fn.funcFile?.contentType ?? "application/json" },
    timeoutMs: Number(fn.settings["timeoutMs"]) + startMsMax,
  });
  const tookMs = world.monotonic() - beganAt;
  return { function: fn.name, name: one.name, tookMs, ...judge(one, answer) };
}

/** What was wanted and what came, as text, and whether that is the same. */
function judge({ output, error }: FuncTest, answer: Answer): Pick<Outcome, "ok" | "expected" | "got"> {
  const failure = answer.status >= 400 ? (apiErrorOf(answer)?.message ?? answer.bytes.toString("utf8")) : null;
  if (error !== null)
    return {
      ok: failure?.includes(error) === true,
      expected: `a failure with ${JSON.stringify(error)}`,
      got: failure ?? "no failure",
    };
  if (failure !== null) return { ok: false, expected: pretty(output), got: `a failure, ${answer.status}: ${failure}` };
  const text = answer.bytes.toString("utf8");
  const got = parsed(text);
  // Nothing is wanted where nothing was said.
  const isSame = output === undefined ? text === "" : isDeepStrictEqual(got, output) || text.replace(/\n$/, "") === output;
  return { ok: isSame, expected: pretty(output), got: pretty(got) };
}

function parsed(text: string): unknown {
  try {
    return text === "" ? undefined : (JSON.parse(text) as unknown);
  } catch {
    return text;
  }
}

/** Keys in one order, whatever wrote them. */
function pretty(value: unknown): string {
  return value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(sorted(value), null, 2);
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, below]) => [key, sorted(below)]));
}

function show({ out }: Session, { function: fn, name, ok, tookMs, expected, got }: Outcome): void {
  const sign = ok ? out.paint("green", "pass") : out.paint("red", "FAIL");
  out.line(`${sign} ${fn}: ${harmless(name)} ${out.paint("dim", `(${shownMs(tookMs)})`)}`);
  if (ok) return;
  for (const { sign: side, text } of lineDiff(expected, got)) {
    const line = `     ${side} ${harmless(text)}`;
    out.line(side === "-" ? out.paint("green", line) : side === "+" ? out.paint("red", line) : line);
  }
}

async function summarize({ out }: Session, { app }: Project, outcomes: readonly Outcome[]): Promise<number> {
  const failed = outcomes.filter(({ ok }) => !ok).length;
  if (out.format === "name") for (const { function: fn, name, ok } of outcomes) if (!ok) out.line(`${fn}/${name}`);
  if (out.format === "json" || out.format === "yaml") await out.item({ app, tests: outcomes.length, failed, outcomes }, app);
  if (out.format === "table") out.line(`${outcomes.length} tests, ${failed} failed${failed > 0 ? " (- expected, + got)" : ""}`);
  return failed === 0 ? exits.ok : exits.failed;
}
