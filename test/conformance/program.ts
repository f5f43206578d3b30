/** A function as a plain child process on a temporary folder, without a sandbox: what a protocol needs to be tried on real kits. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { lstat, mkdtemp, readlink, rm } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { bytesBody, readBody } from "../../src/lib/body.ts";
import { StdioExitError } from "../../src/lib/exit-error.ts";
import { PlatformError } from "../../src/model/error.ts";
import type { App, Fn } from "../../src/model/model.ts";
import type {
  FunctionProtocol,
  FunctionRequest,
  FunctionResponse,
  Launch,
  LaunchRequest,
  Session,
} from "../../src/protocol/protocol.ts";
import { sampleApp, sampleFn } from "../samples.ts";

export interface ProgramOptions {
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly fn?: Partial<Fn>;
  readonly app?: Partial<App>;
  /** The call, for programs that serve one. */
  readonly request?: LaunchRequest;
}

export interface Program {
  readonly session: Session;
  readonly launch: Launch;
  readonly child: ChildProcess;
  /** What the session attributed, or all output where it does not. */
  readonly logs: { readonly callId: string | null; readonly stream: string; readonly text: string }[];
  /** Connections made so far. */
  readonly dials: () => number;
  stop(): Promise<void>;
}

const startMsMax = 20_000;

/** Starts a program and opens a session with it. */
export async function startProgram(protocol: FunctionProtocol, options: ProgramOptions): Promise<Program> {
  const fn = sampleFn({ protocol: protocol.name, ...options.fn });
  const app = sampleApp(options.app);
  const launch = protocol.launch(fn, app, options.request ?? null);
  const folder = await mkdtemp(join(tmpdir(), "program-"));
  const place = await placeFor(launch, folder);
  const env = { PATH: process.env.PATH ?? "", HOME: folder, ...place.env, ...options.env };
  const [program = "", ...args] = options.command;
  const child = spawn(program, args, { env, cwd: folder, stdio: "pipe" });
  const logs: Program["logs"] = [];
  let session: Session | undefined;
  const early: ["stdout" | "stderr", Buffer][] = [];
  const hear = (stream: "stdout" | "stderr") => (data: Buffer) => {
    if (session === undefined) early.push([stream, data]);
    else if (session.output) session.output(stream, data);
    else logs.push({ callId: null, stream, text: data.toString() });
  };
  if (launch.endpoint.via !== "stdio") child.stdout.on("data", hear("stdout"));
  child.stderr.on("data", hear("stderr"));
  let dials = 0;
  const dial = async (signal: AbortSignal) => {
    dials++;
    return place.dial(child, signal);
  };
  const stop = async () => {
    session?.close();
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGKILL");
      await once(child, "exit");
    }
    await rm(folder, { recursive: true });
  };
  try {
    const hooks = { log: (callId: string | null, line: { stream: string; text: string }) => void logs.push({ callId, ...line }) };
    session = await protocol.open(fn, dial, hooks, AbortSignal.timeout(startMsMax));
  } catch (error) {
    await stop();
    throw new Error(`The program did not start: ${early.map(([, data]) => data.toString()).join("")}`, { cause: error });
  }
  for (const [stream, data] of early.splice(0)) hear(stream)(data);
  return { session, launch, child, logs, dials: () => dials, stop };
}

interface Place {
  readonly env: Readonly<Record<string, string>>;
  dial(child: ChildProcess, signal: AbortSignal): Promise<Duplex>;
}

/** The end point of a launch, moved to where a plain process can have it. */
async function placeFor(launch: Launch, folder: string): Promise<Place> {
  const { endpoint } = launch;
  switch (endpoint.via) {
    case "unix": {
      const env = mapped(launch.env, (value) => value.replaceAll(endpoint.folder, folder));
      return { env, dial: (child, signal) => dialUnix(child, folder, endpoint.name, signal) };
    }
    case "tcp": {
      const port = await freePort();
      const env = mapped(launch.env, (value) => (value === String(endpoint.port) ? String(port) : value));
      return { env, dial: (child, signal) => dialTcp(child, port, signal) };
    }
    case "stdio":
      return { env: launch.env, dial: async (child) => new ProgramStream(child) };
    default:
      throw new Error(`No such end point here: ${endpoint.via}`);
  }
}

function mapped(env: Readonly<Record<string, string>>, change: (value: string) => string): Record<string, string> {
  return Object.fromEntries(Object.entries(env).map(([name, value]) => [name, change(value)]));
}

/** As a sandbox does it: waits for the name; a link must stay in the folder and lead to a socket. */
async function dialUnix(child: ChildProcess, folder: string, name: string, signal: AbortSignal): Promise<Duplex> {
  const path = join(folder, name);
  for (;;) {
    const found = await lstat(path).catch(() => null);
    if (found?.isSymbolicLink()) {
      const target = await readlink(path);
      if (target.includes("/") || !(await lstat(join(folder, target))).isSocket()) {
        throw new PlatformError("function_protocol", "The link leads away");
      }
      return await connected(connect(join(folder, target)));
    }
    if (found?.isSocket()) return await connected(connect(path));
    await waitABit(child, signal);
  }
}

async function dialTcp(child: ChildProcess, port: number, signal: AbortSignal): Promise<Duplex> {
  for (;;) {
    const socket = await connected(connect({ port, host: "127.0.0.1", noDelay: true })).catch(() => null);
    if (socket !== null) return socket;
    await waitABit(child, signal);
  }
}

async function waitABit(child: ChildProcess, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  if (child.exitCode !== null || child.signalCode !== null) throw new PlatformError("function_start_failed", "The program ended");
  await sleep(10);
}

async function connected(socket: Socket): Promise<Socket> {
  await once(socket, "connect");
  return socket;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** STDIN and STDOUT of a process; ends when the process ended with status 0 and fails with `StdioExitError` otherwise. */
class ProgramStream extends Duplex {
  readonly #child: ChildProcess;

  constructor(child: ChildProcess) {
    super();
    this.#child = child;
    child.stdout?.on("data", (data: Buffer) => {
      if (!this.push(data)) child.stdout?.pause();
    });
    // What the program does not read is nobody's trouble.
    child.stdin?.on("error", () => {});
    child.once("close", (code, signal) => {
      if (code === 0) this.push(null);
      else this.destroy(new StdioExitError(code, signal));
    });
  }

  override _read(): void {
    this.#child.stdout?.resume();
  }

  override _write(data: Buffer, _encoding: string, done: () => void): void {
    const { stdin } = this.#child;
    if (stdin === null || !stdin.writable) done();
    else stdin.write(data, () => done());
  }

  override _final(done: () => void): void {
    this.#child.stdin?.end();
    done();
  }
}

let callCount = 0;

/** A request with defaults: an empty direct call that has ten seconds. */
export function sampleRequest(fields: Partial<FunctionRequest> & { json?: unknown } = {}): FunctionRequest {
  const { json, ...given } = fields;
  return {
    callId: `01JD00000000000000000${String(++callCount).padStart(5, "0")}`,
    deadlineAt: Date.now() + 10_000,
    headers: [],
    http: null,
    body: bytesBody(Buffer.from(json === undefined ? "" : JSON.stringify(json))),
    ...given,
  };
}

/** The whole body of an answer as text. */
export async function bodyText(response: FunctionResponse): Promise<string> {
  return (await readBody(response.body, 1e9, () => new Error("too large"))).toString();
}

/** Values of a header, in order. */
export function headerValues(response: { readonly headers: readonly string[] }, name: string): string[] {
  return response.headers.filter((_, i) => i % 2 === 1 && response.headers[i - 1]?.toLowerCase() === name);
}
