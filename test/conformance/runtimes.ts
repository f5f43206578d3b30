/**
 * Drives one of our runtimes from outside, as the platform does: a plain child process, a real unix socket, the `frames` protocol.
 * What both runtimes must do alike is `runtimeSuite`; each has its own file for the rest.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { type BodySource, bytesBody, readBody } from "../../src/lib/body.ts";
import { PlatformError } from "../../src/model/error.ts";
import type { ConventionName, Fn } from "../../src/model/model.ts";
import { frames } from "../../src/protocol/frames/frames.ts";
import type { FunctionRequest, Session } from "../../src/protocol/protocol.ts";
import { sampleFn } from "../samples.ts";

export interface Runtime {
  readonly name: string;
  /** Program and arguments. */
  readonly command: readonly string[];
  /** It is started without code, which it gets after its rehearsal. */
  readonly isCell?: boolean;
}

/** Files of a function by their path. */
export type Code = Readonly<Record<string, string>>;

/** The code of a runtime whose programs are built beforehand: the name of a handler in it. */
export const builtIn = (handler: string): Code => ({ [handlerFile]: handler });

const handlerFile = "handler";

export interface StartOptions {
  readonly handler?: string | null;
  readonly convention?: ConventionName;
  readonly concurrency?: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** A line that was printed, as "call stream text"; the call is "-" outside any. */
export type Printed = string;

export interface Running {
  readonly session: Session;
  readonly printed: Printed[];
  /** Of the code. */
  readonly folder: string;
  readonly child: ChildProcess;
  stop(): Promise<void>;
}

/** The folder of an answer's text and its status. */
export interface Answer {
  readonly status: number;
  readonly type: string | undefined;
  readonly headers: readonly string[];
  readonly body: Buffer;
  readonly text: string;
}

/** Starts the runtime with this code; rejects as `open` of the protocol does. Nothing is left behind then. */
export async function start(runtime: Runtime, code: Code, options: StartOptions = {}): Promise<Running> {
  const place = mkdtempSync(join(tmpdir(), "runtime-"));
  const folder = join(place, "code");
  for (const [path, text] of Object.entries(code)) write(join(folder, path), text);
  const server = createServer();
  server.listen(join(place, "socket"));
  const fn = fnOf(code, options);
  const { open, blank, launch } = frames();
  const env = { ...(options.convention === "lambda" ? launch(fn, { name: null, config: {} }).env : {}), ...options.env };
  const [program = "", ...args] = runtime.command;
  const child = spawn("timeout", ["60", program, ...args], {
    env: {
      PATH: "/usr/bin:/bin",
      KILN_SOCKET: join(place, "socket"),
      PYTHONDONTWRITEBYTECODE: "1",
      ...(runtime.isCell === true ? {} : { KILN_CODE: folder, ...env }),
    },
    stdio: ["ignore", "inherit", "inherit"],
  });
  const exited = once(child, "exit");
  const connected = once(server, "connection").then(([socket]) => socket as Socket);
  const printed: Printed[] = [];
  const stop = async () => {
    server.close();
    (await Promise.race([connected, exited.then(() => null)]))?.destroy();
    await exited;
    rmSync(place, { recursive: true, force: true });
  };
  try {
    const hooks = {
      log: (id: string | null, line: { stream: string; text: string }) =>
        void printed.push(`${id ?? "-"} ${line.stream} ${line.text}`),
    };
    const signal = AbortSignal.timeout(20_000);
    const cell = runtime.isCell === true ? await blank?.open(() => connected, signal) : undefined;
    const session = await (cell === undefined
      ? open(fn, () => connected, hooks, signal)
      : cell.load(fn, { folder, env }, hooks, signal));
    return { session, printed, folder, child, stop };
  } catch (error) {
    await stop();
    throw withPrinted(error, printed);
  }
}

function fnOf(code: Code, { handler = code[handlerFile] ?? null, convention = "event", concurrency = 1 }: StartOptions): Fn {
  const source = { type: "code", kind: "any", digest: "", handler, command: null, convention } as const;
  return sampleFn({ source, concurrency });
}

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

function withPrinted(error: unknown, printed: readonly Printed[]): unknown {
  return error instanceof PlatformError ? Object.assign(error, { printed }) : error;
}

let calls = 0;

/** A request for `event`: text goes as it is, anything else as JSON with its content type. */
export function request(event: unknown, fields: Partial<FunctionRequest> = {}): FunctionRequest {
  const raw = typeof event === "string" || Buffer.isBuffer(event);
  return {
    callId: `call${++calls}`,
    deadlineAt: Date.now() + 10_000,
    headers: raw || event === undefined ? [] : ["Content-Type", "application/json"],
    http: null,
    body: bytesBody(raw ? Buffer.from(event as string) : Buffer.from(event === undefined ? "" : JSON.stringify(event))),
    ...fields,
  };
}

/** Runs a call and reads its answer whole. */
export async function call(running: Running, event?: unknown, fields?: Partial<FunctionRequest>): Promise<Answer> {
  const response = await running.session.call(request(event, fields), AbortSignal.timeout(20_000));
  const body = await read(response.body);
  const at = response.headers.indexOf("content-type");
  return {
    status: response.status,
    headers: response.headers,
    type: at < 0 ? undefined : response.headers[at + 1],
    body,
    text: body.toString(),
  };
}

export function read(body: BodySource): Promise<Buffer> {
  return readBody(body, 1 << 30, () => new Error("The body has no end"));
}

/** What a call, or a start, failed with. */
export async function failure(promise: Promise<unknown>): Promise<PlatformError> {
  const outcome = await promise.then(
    (value) => assert.fail(`it did not fail: ${JSON.stringify(value)}`),
    (error: unknown) => error,
  );
  assert.ok(outcome instanceof PlatformError, String(outcome));
  return outcome;
}

/** Waits until `condition` holds. */
export async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 1500 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.ok(condition());
}

/**
 * What a case expects: the answer as "status type body", or an error as "code: message", both as text or as a pattern; and
 * what was printed meanwhile, without ids of calls.
 */
export interface Case {
  readonly name: string;
  readonly code: Code;
  readonly options?: StartOptions;
  readonly event?: unknown;
  readonly headers?: readonly string[];
  readonly expect: string | RegExp;
  readonly prints?: readonly (string | RegExp)[];
  /** Something the error's stack says. */
  readonly stack?: RegExp;
}

/** One test: starts the runtime, runs one call, and compares. */
export function check(runtime: Runtime, given: Case): void {
  test(`${runtime.name}: ${given.name}`, { timeout: 30_000 }, async () => {
    const { outcome, printed, stack } = await runCase(runtime, given);
    if (typeof given.expect === "string") assert.equal(outcome, given.expect);
    else assert.match(outcome, given.expect);
    if (given.prints !== undefined) assert.equal(printed.length, given.prints.length, printed.join("\n"));
    for (const [index, line] of (given.prints ?? []).entries()) {
      if (typeof line === "string") assert.equal(printed[index], line);
      else assert.match(printed[index] ?? "", line);
    }
    if (given.stack !== undefined) assert.match(stack, given.stack);
  });
}

async function runCase(runtime: Runtime, given: Case) {
  let running: Running | undefined;
  let printed: readonly Printed[] = [];
  let outcome: string;
  let stack = "";
  try {
    running = await start(runtime, given.code, given.options);
    printed = running.printed;
    const answer = await call(running, given.event, given.headers === undefined ? {} : { headers: given.headers });
    outcome = [answer.status, answer.type ?? "-", answer.text].join(" ").trimEnd();
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    outcome = `${error.code}: ${error.message}`;
    stack = String(error.details["stack"]);
    printed = (error as PlatformError & { printed?: Printed[] }).printed ?? printed;
  } finally {
    await running?.stop();
  }
  return { outcome, stack, printed: printed.map((line) => line.replace(/^call\d+/, "call")) };
}
