/**
 * An agent over sandboxes in memory: a program answers lines of text. `behaviour` of a call is its body: `quick`, `sleep 50`,
 * `exit`, `leave` (answered, and then it exits), `throw`, `hang`, `linger words` (printed a moment later), `print words`, `hold 50` (MiB from now on); of a start, the function's handler: `fail` or `never`.
 */
import { abortSignalOf } from "../src/lib/cancel.ts";
import type { Duplex } from "node:stream";
import { agentDefaults } from "../src/agent/config.ts";
import { createAgent, type Agent } from "../src/agent/agent.ts";
import type { AgentCall, AgentReport } from "../src/agent/link.ts";
import type { StemCellRule } from "../src/config/stem-cells.ts";
import { type BodySource, bytesBody, readBody } from "../src/lib/body.ts";
import { realWorld } from "../src/lib/world.ts";
import { PlatformError } from "../src/model/error.ts";
import type { App, Fn, LogLine } from "../src/model/model.ts";
import type { BlankProtocol, FunctionProtocol, Session } from "../src/protocol/protocol.ts";
import { allProtocols } from "./samples.ts";
import { type FakeDriver, type FakeInside, fakeDriver } from "../src/sandbox/fake/driver.ts";

const world = realWorld();
const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

export interface FakeAgent {
  readonly agent: Agent;
  readonly driver: FakeDriver;
  /** Runs a call to its end. */
  call(fn: Fn, behaviour: string, options?: CallOptions): Promise<CallEnd>;
}

export interface CallOptions {
  readonly app?: App;
  readonly signal?: AbortSignal;
  readonly waitMsMax?: number;
  readonly background?: boolean;
}

export interface CallEnd {
  /** The answer, or the code of the error. */
  readonly answer: string;
  readonly error: PlatformError | null;
  readonly report: AgentReport;
  readonly lines: readonly LogLine[];
}

export function fakeAgent(
  config: {
    memoryMiB?: number;
    freezeAfterMs?: number;
    startsMax?: number;
    startTimeoutMs?: number;
    startMs?: number;
    prepareMs?: number;
    functionWaitingMax?: number;
    namespaceWaitingMax?: number;
    stemCells?: readonly StemCellRule[];
    processors?: { count: number; short: boolean };
  } = {},
): FakeAgent {
  const driver = fakeDriver({ program: (inside) => program(inside, config.startMs ?? 2) });
  const prepared = {
    root: null,
    code: "/code",
    runtime: null,
    path: "/bin",
    env: {},
    shimCommand: ["program"],
    command: () => ["program"],
  };
  const agent = createAgent("test", {
    // Whatever else this machine does.
    processors: config.processors ?? { count: 2, short: false },
    world,
    driver,
    images: {
      prepare: () => pause(config.prepareMs ?? 0).then(() => prepared),
      prepareBlank: async () => ({ ...prepared, place: { folder: "/cell", fill: () => true, remove: async () => {} } }),
    },
    protocols: { ...allProtocols(lines(false)), stdio: lines(true) },
    config: { ...agentDefaults, memoryMiB: 100_000, freezeAfterMs: 0, startsMax: 100, startTimeoutMs: 1000, ...config },
  });
  return { agent, driver, call: (fn, behaviour, options = {}) => call(agent, fn, behaviour, options) };
}

async function call(agent: Agent, fn: Fn, behaviour: string, options: CallOptions): Promise<CallEnd> {
  const ended = Promise.withResolvers<AgentReport>();
  const printed: LogLine[] = [];
  const answered = new Promise<BodySource>((resolve, reject) => {
    const asked: AgentCall = {
      fn,
      app: options.app ?? null,
      request: { callId: world.newId(), headers: [], http: null, body: bytesBody(Buffer.from(behaviour)) },
      waitMsMax: options.waitMsMax ?? 10_000,
      background: options.background ?? false,
      answered: (_status, _headers, body) => resolve(body),
      failed: reject,
      report: (report) => ended.resolve(report),
      log: (line) => printed.push(line),
    };
    agent.run(asked, options.signal ?? new AbortController().signal);
  });
  try {
    const body = await readBody(await answered, 20_000_000, () => new Error("too large"));
    return { answer: body.toString(), error: null, report: await ended.promise, lines: printed };
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    return { answer: error.code, error, report: await ended.promise, lines: printed };
  }
}

/** One request a line, one answer a line. */
async function program({ spec, accept, print, signal, hold }: FakeInside, startMs: number): Promise<number> {
  await pause(startMs);
  if (spec.env["HANDLER"] === "fail") {
    print("stderr", "no such module\n");
    return 3;
  }
  if (spec.env["HANDLER"] === "never") {
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    return 0;
  }
  const connection = await accept();
  connection.setEncoding("utf8");
  let rest = "";
  for await (const text of connection) {
    const asked = (rest + String(text)).split("\n");
    rest = asked.pop() ?? "";
    for (const line of asked) {
      const [verb = "", word = ""] = line.split(" ");
      if (line === "load fail") {
        print("stderr", "no such module\n");
        return 3;
      }
      if (line === "load never") await new Promise((resolve) => signal.addEventListener("abort", resolve));
      if (verb === "exit") return 7;
      if (verb === "hang") await new Promise((resolve) => signal.addEventListener("abort", resolve));
      if (verb === "sleep") await pause(Number(word));
      if (verb === "hold") hold(Number(word) * 1024 * 1024);
      if (verb === "linger") await pause(60).then(() => print("stdout", `${line.slice(7)}\n`));
      if (verb === "linger") await new Promise((resolve) => signal.addEventListener("abort", resolve));
      if (verb === "print") print("stdout", `${line.slice(6)}\n`);
      connection.write(`${verb === "throw" ? "!thrown" : line}\n`);
      if (verb === "leave") return 7;
    }
  }
  return 0;
}

function lines(once: boolean): FunctionProtocol {
  return {
    name: once ? "stdio" : "frames",
    once,
    serial: once,
    attributesOutput: false,
    launch: (fn) => ({
      env: { HANDLER: (fn.source.type === "code" && fn.source.handler) || "" },
      endpoint: { via: "callback" },
      shim: true,
    }),
    open: async (_fn, dial, _hooks, signal) => session(await dial(signal)),
    ...(once ? {} : { blank }),
  };
}

/** A program that gets its handler later. */
const blank: BlankProtocol = {
  launch: { env: {}, endpoint: { via: "callback" }, shim: true },
  async open(dial, until) {
    const connection = await dial(until);
    connection.setEncoding("utf8");
    return {
      get usable() {
        return !connection.destroyed && !connection.readableEnded;
      },
      async load({ source }, _code, _hooks, signal) {
        connection.write(`load ${(source.type === "code" && source.handler) || "default"}\n`);
        try {
          await nextLine(connection, signal);
        } catch (error) {
          if (signal.aborted) throw error;
          throw new PlatformError("function_start_failed", "It ended before it was ready", { details: { ended: true } });
        }
        return session(connection);
      },
      close: () => connection.destroy(),
    };
  },
};

function session(connection: Duplex): Session {
  let usable = true;
  connection.setEncoding("utf8");
  connection.once("close", () => {
    usable = false;
  });
  return {
    get usable() {
      return usable && !connection.destroyed;
    },
    close: () => connection.destroy(),
    async call(request, signal) {
      const body = await readBody(request.body, 20_000_000, () => new Error("too large"));
      connection.write(`${body}\n`);
      const answer = await nextLine(connection, abortSignalOf(signal));
      if (answer.startsWith("!")) throw new PlatformError("function_failed", answer.slice(1));
      return { status: 200, headers: [], body: bytesBody(Buffer.from(answer)) };
    },
  };
}

function nextLine(connection: Duplex, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const finish = (act: () => void) => {
      connection.off("data", onData).off("end", onEnd).off("close", onEnd);
      signal.removeEventListener("abort", onAbort);
      act();
    };
    let line = "";
    const onData = (text: string) => {
      line += text;
      if (line.endsWith("\n")) finish(() => resolve(line.trimEnd()));
    };
    const onEnd = () => finish(() => reject(new PlatformError("function_exited", "The connection ended")));
    const onAbort = () => finish(() => reject(signal.reason as Error));
    connection.on("data", onData).once("end", onEnd).once("close", onEnd);
    signal.addEventListener("abort", onAbort);
    if (signal.aborted) onAbort();
  });
}
