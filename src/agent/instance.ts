import { LineSplitter } from "../lib/lines.ts";
import type { World } from "../lib/world.ts";
import { PlatformError } from "../model/error.ts";
import type { LogLine } from "../model/model.ts";
import type { EndReason, Session } from "../protocol/protocol.ts";
import type { Sandbox, SandboxExit } from "../sandbox/sandbox.ts";
import type { AgentCall } from "./link.ts";

/** Lines printed before the first call that are kept for it, and shown when the start fails. */
const startLinesMax = 200;
const shownLinesMax = 8;

/** How long a program that closed its connection gets to end by itself, in ms. */
const ownExitMsMax = 200;

/** How long code gets to notice that its caller went away or cancelled, and to end by itself, in ms. */
const cancelGraceMs = 150;

/**
 * One sandbox with the code in it, and the calls it runs.
 *
 * It is *starting* until its session is open, then *ready* with `concurrency` slots, of which `activeCalls` are taken: *busy*, or *idle*
 * when none is. An idle one may be *frozen*: nothing in it runs until the next call. Once `ended` it is never given a call again: it
 * stopped or broke its contract. A *retired* one is too old for new calls and ends when its last one does.
 */
export class Instance {
  readonly sandbox: Sandbox;
  readonly createMs: number;
  /** What its first call is told: it was started for it, or was a stem cell. */
  readonly origin: "cold" | "prewarmed";
  /** Monotonic ms of its creation. */
  readonly madeAt: number;
  initMs = 0;
  /** Calls that run now. */
  activeCalls = 0;
  /** Served a call before: its next start is hot. */
  used = false;
  /** No new calls, ends when idle. */
  retired = false;
  ended = false;
  /** Nothing in it runs, or that is on its way. */
  frozen = false;
  /** Since when, or when it was frozen last; monotonic ms. */
  frozenAt = 0;
  /** How many times as long as others it is left alone before it is frozen (`rest.ts`). */
  patience = 1;
  /** It was idle long enough to be frozen and measured, and no call has begun since. */
  rested = false;
  /** It is kept ready whether calls come or not; `aging`: until another took its place. */
  provision: "none" | "kept" | "aging" = "none";
  /** What the sandbox held when it was measured last; null: never. */
  usedMiB: number | null = null;
  /** What it was last said to get of the processors; null: nothing was said since its start. */
  cpuWeight: number | null = null;
  /** The processors it runs on; null: all. */
  cores: readonly number[] | null = null;
  /** What it counts with against the agent's memory. */
  countedMiB = 0;
  /** Monotonic ms since when no call runs. */
  idleSince: number;
  /** Calls off the timer that watches it, where it runs: a timer would hold on to all of this until it fires. */
  watchOff: (() => void) | null = null;

  readonly #world: World;
  readonly #hiddenLine: string | undefined;
  readonly #startLines: LogLine[] = [];
  #session: Session | undefined;
  #lastCall: AgentCall | null = null;
  #leaving: Promise<void> | null = null;
  readonly #splitters: { readonly stdout: LineSplitter; readonly stderr: LineSplitter };

  /** `hiddenLine`: as `Launch` has it. */
  constructor(
    sandbox: Sandbox,
    createMs: number,
    world: World,
    origin: Instance["origin"] = "cold",
    hiddenLine: string | undefined = undefined,
  ) {
    this.sandbox = sandbox;
    this.#hiddenLine = hiddenLine;
    this.createMs = createMs;
    this.origin = origin;
    this.#world = world;
    this.idleSince = world.monotonic();
    this.madeAt = this.idleSince;
    this.#splitters = { stdout: this.#splitter("stdout"), stderr: this.#splitter("stderr") };
  }

  get session(): Session {
    if (this.#session === undefined) throw new Error("The instance is not ready yet");
    return this.#session;
  }

  ready(session: Session, initMs: number): void {
    this.#session = session;
    this.initMs = initMs;
    // What the session attributes goes past these from now on.
    if (session.output !== undefined) this.flushOutput();
  }

  begin(call: AgentCall): void {
    this.activeCalls++;
    this.rested = false;
    this.#lastCall = call;
    if (this.#startLines.length > 0) for (const line of this.#startLines.splice(0)) call.log(line);
  }

  /** A call ended. `now`: monotonic ms. */
  end(now: number): void {
    this.activeCalls--;
    this.used = true;
    this.idleSince = now;
    if (!this.session.usable) this.ended = true;
  }

  /** Ends it, after code that wants to hear of that has had a moment. Resolves when it is gone. */
  async stop(reason: EndReason): Promise<SandboxExit> {
    if (this.#session?.leave !== undefined) await (this.#leaving ??= this.#leave(this.#session.leave(reason)));
    return await this.sandbox.stop();
  }

  async #leave(left: Promise<void>): Promise<void> {
    // From now on nobody freezes it, which would keep the code from leaving.
    this.ended = true;
    if (this.frozen) this.thaw();
    await Promise.race([left, this.sandbox.exited]);
    // It is about to end by itself, which says how it went.
    await ownExit(this.sandbox, this.#world);
  }

  /** Stops the clock for everything inside; false where the driver cannot. The sandbox that cannot be frozen any more is ended. `now`: monotonic ms. */
  freeze(now: number): boolean {
    if (this.sandbox.pause === undefined) return false;
    this.frozen = true;
    this.frozenAt = now;
    this.sandbox.pause().catch(() => this.sandbox.stop());
    return true;
  }

  /** Takes effect after a freeze that is still on its way. */
  thaw(): void {
    this.frozen = false;
    this.sandbox.resume?.().catch(() => this.sandbox.stop());
  }

  /** Says what it gets of the processors. One that cannot be told goes on with what it had. */
  weigh(cpuWeight: number): void {
    this.cpuWeight = cpuWeight;
    this.sandbox.weigh?.(cpuWeight).catch(() => {});
  }

  /** Says on which processors it runs. One that cannot be told goes on where it was. */
  moveTo(cores: readonly number[]): void {
    this.cores = cores;
    this.sandbox.move?.(cores).catch(() => {});
  }

  /** Asks what the sandbox holds now. */
  async measure(): Promise<void> {
    const bytes = (await this.sandbox.memoryBytes?.()) ?? null;
    if (bytes !== null) this.usedMiB = Math.max(1, Math.ceil(bytes / 1_048_576));
  }

  /** Raw output of the program: attributed by the session where it can, else to the call that runs or ran last. */
  output(stream: "stdout" | "stderr", data: Buffer): void {
    if (this.#session?.output !== undefined) this.#session.output(stream, data);
    else this.#splitters[stream].push(data);
  }

  /**
   * A line that the session did not give to a call itself: printed outside any, or by a program that has one call at a time, whose newest
   * is meant whatever the session says.
   */
  log(_callId: string | null, line: Omit<LogLine, "at">): void {
    this.#give(this.#lastCall, { at: this.#world.now(), ...line });
  }

  /** The program has ended: gives out half lines. */
  flushOutput(): void {
    this.#splitters.stdout.end();
    this.#splitters.stderr.end();
  }

  /**
   * What is told of a program that did not get ready, and ended as `exit` says: by itself where the error's details say `ended`. The details
   * of what is given say `starting`: no call was in it.
   */
  startFailure(error: PlatformError, exit: SandboxExit): PlatformError {
    const printed = lastWords(this.#startLines.map((line) => line.text));
    if (exit.outOfMemory) return outOfMemory("while it started", { printed, starting: true });
    const how = error.details["ended"] === true ? ` (${exitText(exit)})` : "";
    // What the code itself answered says all that its owner wants to hear.
    const said = printed.length === 0 || error.code === "function_failed" ? "" : `; it printed: ${printed.join(" | ")}`;
    return new PlatformError(error.code, `${error.message}${how}${said}`, {
      details: { ...error.details, printed, starting: true },
      cause: error,
    });
  }

  /** Takes the lines printed so far, for a caller whose call never began. */
  takeStartLines(): readonly LogLine[] {
    return this.#startLines.splice(0);
  }

  #splitter(stream: "stdout" | "stderr"): LineSplitter {
    return new LineSplitter((text) => {
      if (text !== this.#hiddenLine) this.#give(this.#lastCall, { at: this.#world.now(), stream, text });
    });
  }

  #give(call: AgentCall | null, line: LogLine): void {
    if (call !== null) call.log(line);
    else if (this.#startLines.push(line) > startLinesMax) this.#startLines.shift();
  }
}

/** The last lines, and what the first of them belongs to: the frames of a stack say little without the error that comes before them. */
function lastWords(lines: readonly string[]): readonly string[] {
  const from = Math.max(0, lines.length - shownLinesMax);
  const shown = lines.slice(from);
  const head = isPart(shown[0]) ? lines.slice(0, from).findLast((line) => !isPart(line) && line !== "") : undefined;
  return head === undefined ? shown : [head, ...shown];
}

const isPart = (line = "") => /^\s+\S/.test(line);

/**
 * Waits until the code is done with a call that was cancelled, its program has ended (somebody may stop it meanwhile), or its grace is
 * over, whichever is first.
 */
export function cancelGrace({ session, sandbox }: Instance, world: World): Promise<void> {
  return new Promise((resolve) => {
    const stopClock = world.after(cancelGraceMs, resolve);
    const over = () => {
      stopClock();
      resolve();
    };
    void sandbox.exited.then(over);
    void session.abandonedEnded?.().then(over);
  });
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
  if (exit.outOfMemory) return outOfMemory("while it ran", { printed: [] });
  return new PlatformError("function_exited", `The function's process ended in the middle of a call (${exitText(exit)})`, {
    details: { exitCode: exit.code, signal: exit.signal },
  });
}

function outOfMemory(when: string, details: Readonly<Record<string, unknown>>): PlatformError {
  return new PlatformError("function_out_of_memory", `The function ran out of memory ${when}; raise its memory limit`, {
    details,
  });
}

function exitText(exit: SandboxExit): string {
  return exit.signal === null ? `exit code ${exit.code}` : `ended by ${exit.signal}`;
}
