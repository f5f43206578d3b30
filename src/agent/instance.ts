import { LineSplitter } from "../lib/lines.ts";
import type { World } from "../lib/world.ts";
import { PlatformError } from "../model/error.ts";
import type { LogLine } from "../model/model.ts";
import type { Session } from "../protocol/protocol.ts";
import type { Sandbox, SandboxExit } from "../sandbox/sandbox.ts";
import type { AgentCall } from "./link.ts";

/** Lines printed before the first call that are kept for it, and shown when the start fails. */
const startLinesMax = 200;
const shownLinesMax = 8;

/** How long a program that closed its connection gets to end by itself, in ms. */
const ownExitMsMax = 200;

/**
 * One sandbox with the code in it, and the calls it runs.
 *
 * It is *starting* until its session is open, then *ready* with `concurrency` slots, of which `activeCalls` are taken; once
 * `ended` it is never given a call again: it stopped, broke its contract, or was retired. A retired one ends when its
 * last call does.
 */
export class Instance {
  readonly sandbox: Sandbox;
  readonly createMs: number;
  initMs = 0;
  /** Calls that run now. */
  activeCalls = 0;
  /** Served a call before: its next start is hot. */
  used = false;
  /** No new calls, ends when idle. */
  retired = false;
  ended = false;
  /** Monotonic ms since when no call runs. */
  idleSince = 0;
  /** Calls off the pool's idle timer, where it runs: a timer would hold on to all of this until it fires. */
  idleWatchOff: (() => void) | null = null;

  readonly #world: World;
  readonly #running = new Map<string, AgentCall>();
  readonly #startLines: LogLine[] = [];
  #session: Session | undefined;
  #lastCall: AgentCall | null = null;
  readonly #splitters: { readonly stdout: LineSplitter; readonly stderr: LineSplitter };

  constructor(sandbox: Sandbox, createMs: number, world: World) {
    this.sandbox = sandbox;
    this.createMs = createMs;
    this.#world = world;
    this.#splitters = { stdout: this.#splitter("stdout"), stderr: this.#splitter("stderr") };
  }

  get session(): Session {
    if (this.#session === undefined) throw new Error("The instance is not ready yet");
    return this.#session;
  }

  ready(session: Session, initMs: number): void {
    this.#session = session;
    this.initMs = initMs;
  }

  begin(call: AgentCall): void {
    this.activeCalls++;
    this.#running.set(call.request.callId, call);
    this.#lastCall = call;
    for (const line of this.#startLines.splice(0)) call.log(line);
  }

  end(call: AgentCall): void {
    this.activeCalls--;
    this.used = true;
    this.idleSince = this.#world.monotonic();
    this.#running.delete(call.request.callId);
    if (!this.session.usable) this.ended = true;
  }

  /** Raw output of the program: attributed by the session where it can, else to the call that runs or ran last. */
  output(stream: "stdout" | "stderr", data: Buffer): void {
    if (this.#session?.output !== undefined) this.#session.output(stream, data);
    else this.#splitters[stream].push(data);
  }

  /** A line that the session attributed; null: to no call. */
  log(callId: string | null, line: Omit<LogLine, "at">): void {
    const call = callId === null ? this.#lastCall : (this.#running.get(callId) ?? this.#lastCall);
    this.#give(call, { at: this.#world.now(), ...line });
  }

  /** The program has ended: gives out half lines. */
  flushOutput(): void {
    this.#splitters.stdout.end();
    this.#splitters.stderr.end();
  }

  /** What is told of a program that did not get ready, and ended as `exit` says: by itself where the error's details say `ended`. */
  startFailure(error: PlatformError, exit: SandboxExit): PlatformError {
    const printed = this.#startLines.slice(-shownLinesMax).map((line) => line.text);
    if (exit.outOfMemory) return outOfMemory("while it started", printed);
    const how = error.details["ended"] === true ? ` (${exitText(exit)})` : "";
    const said = printed.length === 0 ? "" : `; it printed: ${printed.join(" | ")}`;
    return new PlatformError(error.code, `${error.message}${how}${said}`, {
      details: { ...error.details, printed },
      cause: error,
    });
  }

  /** Takes the lines printed so far, for a caller whose call never began. */
  takeStartLines(): readonly LogLine[] {
    return this.#startLines.splice(0);
  }

  #splitter(stream: "stdout" | "stderr"): LineSplitter {
    return new LineSplitter((text) => this.#give(this.#lastCall, { at: this.#world.now(), stream, text }));
  }

  #give(call: AgentCall | null, line: LogLine): void {
    if (call !== null) call.log(line);
    else if (this.#startLines.push(line) > startLinesMax) this.#startLines.shift();
  }
}

/** Waits a moment for a program to end by itself: killing it at once would hide how it ended. */
export function ownExit(sandbox: Sandbox, world: World): Promise<void> {
  return new Promise((resolve) => {
    const stopClock = world.after(ownExitMsMax, resolve);
    void sandbox.exited.then(() => {
      stopClock();
      resolve();
    });
  });
}

/** The error of a call whose sandbox ended under it. */
export function exitError(exit: SandboxExit): PlatformError {
  if (exit.outOfMemory) return outOfMemory("while it ran", []);
  return new PlatformError("function_exited", `The function's process ended in the middle of a call (${exitText(exit)})`, {
    details: { exitCode: exit.code, signal: exit.signal },
  });
}

function outOfMemory(when: string, printed: readonly string[]): PlatformError {
  return new PlatformError("function_out_of_memory", `The function ran out of memory ${when}; raise its memory limit`, {
    details: { printed },
  });
}

function exitText(exit: SandboxExit): string {
  return exit.signal === null ? `exit code ${exit.code}` : `ended by ${exit.signal}`;
}
