/**
 * Speaks to the code inside a sandbox: one folder per contract (`frames`, `http-stream`, `stdio`, `http-port`, `action-proxy`, `runtime-api`).
 *
 * Promises: over connections that `dial` gives, loads the code once and runs calls; an error of the code is a result; an
 * answer that breaks the contract fails that call and marks the session broken. Deliberately absent: sandboxes, timeouts
 * (the caller's signal aborts), retries, records. A protocol sees a connection, never a sandbox.
 */
import type { CancelSignal } from "../lib/cancel.ts";
import type { Duplex } from "node:stream";
import type { BodySource } from "../lib/body.ts";
import type { Fn, LogLine } from "../model/model.ts";

/** One contract; stateless, one object for all functions. */
export interface FunctionProtocol {
  readonly name: Fn["protocol"];
  /** The program serves one call and ends: each call gets a sandbox of its own. */
  readonly once: boolean;
  /** One call at a time in a sandbox, whatever the function's concurrency. */
  readonly serial: boolean;
  /**
   * What the sandbox must be started with for this function. `request`: the call it is made for, given iff the protocol is `once`
   * (such programs are told of their call in the environment).
   */
  launch(fn: Fn, app: LaunchApp, request?: LaunchRequest | null): Launch;
  /**
   * Waits until the code is ready. Rejects with `function_start_failed` (message from the code: what and where; `details.ended`
   * where the connection ended without one) or `function_protocol`, and with the signal's reason when aborted.
   */
  open(fn: Fn, dial: Dial, hooks: SessionHooks, signal: AbortSignal, app?: LaunchApp): Promise<Session>;
  /** Output is attributed by the session (true) or, failing that, to the call that runs (false). */
  readonly attributesOutput: boolean;
  /** Programs that are started without code and get it later; absent where they can't. */
  readonly blank?: BlankProtocol;
}

/** How a runtime without code is started, and made familiar with its work. */
export interface BlankProtocol {
  readonly launch: Launch;
  /** Waits until the runtime has served its sample often enough. Rejects as `open`; `unsupported` where it can't wait for code. */
  open(dial: Dial, signal: AbortSignal): Promise<BlankSession>;
}

/** A runtime that waits for its code. */
export interface BlankSession {
  /** False when the connection has ended, or the runtime did what it should not. */
  readonly usable: boolean;
  /** Loads the code, as `open` does; once. */
  load(fn: Fn, code: LoadedCode, hooks: SessionHooks, signal: AbortSignal): Promise<Session>;
  close(): void;
}

/** What a runtime is told with its code. */
export interface LoadedCode {
  /** As the runtime sees it. */
  readonly folder: string;
  /** The whole environment of the function. */
  readonly env: Readonly<Record<string, string>>;
}

/** What a launch needs to know of the function's app. */
export interface LaunchApp {
  readonly name: string | null;
  /** Whose it is, where that is another namespace than the function runs in. Absent: the same. */
  readonly namespace?: string | undefined;
  readonly config: Readonly<Record<string, string>>;
  /** Names of the programs in `/opt/extensions` of the function's image. Absent: none. */
  readonly extensions?: readonly string[] | undefined;
}

/** What a launch for one call needs to know of it. */
export type LaunchRequest = Omit<FunctionRequest, "body">;

/** How the program is started and reached; the shape of `sandbox/`'s end point, which it does not import. */
export interface Launch {
  readonly env: Readonly<Record<string, string>>;
  readonly endpoint:
    | { readonly via: "callback" }
    | { readonly via: "unix"; readonly folder: string; readonly name: string }
    | { readonly via: "tcp"; readonly port: number; readonly connections?: number | undefined }
    | { readonly via: "loopback"; readonly variable: string }
    | { readonly via: "stdio" };
  /** How lines begin by which the program says whose output follows; absent: it prints none. */
  readonly outputMark?: string;
  /** A line that the program prints for the platform alone; absent: there is none. */
  readonly hiddenLine?: string;
  /** A program, with its arguments, that runs the command which comes behind them; absent: the command runs alone. */
  readonly wrapper?: readonly string[];
  /** Names by which the program knows its own loopback besides `localhost`. Absent: none. */
  readonly localNames?: readonly string[];
  /** Where the program expects its code, and starts, besides the usual folder; absent: only there. An image has its own. */
  readonly codePlace?: string;
  /** Folders that the program writes to besides /tmp, where it is an image's; `.` is the working folder. Absent: none. */
  readonly writable?: readonly string[];
  /** What loading the code may take besides a start; absent: nothing. In ms. */
  readonly loadMsMax?: number;
  /** True: the sandbox runs our shim of the kind (`runtimes/`). False: the function's own command. */
  readonly shim: boolean;
}

export type Dial = (signal: AbortSignal) => Promise<Duplex>;

/** What a session tells while it lives. */
export interface SessionHooks {
  /** A line the code printed. `callId` null: outside any call. */
  log(callId: string | null, line: Omit<LogLine, "at">): void;
  /** It was open and no call can be made any more; those that ran have heard. Not there: nobody wants to know. */
  closed?(): void;
}

/** Code that is loaded and answers. */
export interface Session {
  /**
   * Runs one call. Resolves with the head as soon as the code gave it; the body follows through `body`. Rejects with
   * `function_failed` (the code's own error: message, `details` with type, stack), `function_exited`, `function_protocol`,
   * or the signal's reason. Never more calls at a time than the function's concurrency.
   */
  call(request: FunctionRequest, signal: CancelSignal): Promise<FunctionResponse>;
  /**
   * The same without a promise, where a protocol is made for calls that take no time: `caller` hears all that `call` says, and what the
   * code prints. Absent elsewhere.
   */
  begin?(request: FunctionRequest, signal: CancelSignal, caller: SessionCaller): void;
  /** Feeds raw output of the program to a session that attributes it (`attributesOutput`). */
  output?(stream: "stdout" | "stderr", data: Buffer): void;
  /**
   * Resolves once the code is done with every call whose caller went away; at once where there is none, and at the session's end. Not
   * there where a protocol cannot tell.
   */
  abandonedEnded?(): Promise<void>;
  /** False as soon as the session must not be given another call. */
  readonly usable: boolean;
  /**
   * A call is over: resolves once what goes on in the sandbox behind its answer is, too. Until then it gets no other call, and is not frozen. Null:
   * nothing goes on. Absent: nothing ever does.
   */
  settling?(): Promise<void> | null;
  /** Its sandbox is about to be ended: tells the code, and resolves once that has left, or has had its time for it. Absent: nobody wants to hear. */
  leave?(reason: EndReason): Promise<void>;
  /** Ends the connections. */
  close(): void;
}

/** Why a sandbox ends: it is not needed, a call was too slow, or something in it failed. */
export type EndReason = "spindown" | "timeout" | "failure";

/** Who began a call: hears once of the answer or of why there is none, maybe before `begin` returns. */
export interface SessionCaller {
  answered(status: number, headers: readonly string[], body: BodySource): void;
  failed(error: unknown): void;
  /** A line that the code printed in this call. */
  printed(line: Omit<LogLine, "at">): void;
}

/** One call as the code is to see it. */
export interface FunctionRequest {
  readonly callId: string;
  /** Milliseconds since the epoch. */
  readonly deadlineAt: number;
  /** Names and values by turns, in the caller's order; hop-by-hop headers are gone already. The same list for equal requests, mostly. */
  readonly headers: readonly string[];
  /** One header more, of this call alone (`telemetry/trace-context.ts`); absent: there is none. */
  readonly traceparent?: string | undefined;
  /** The HTTP request behind a route; null for a direct invocation. */
  readonly http: HttpOrigin | null;
  readonly body: BodySource;
}

/** What a caller of a route or of an HTTP function asked for. */
export interface HttpOrigin {
  readonly method: string;
  /** Absolute, with query. */
  readonly url: string;
  /** Path below the route with query, as an HTTP function sees it; starts with a slash. */
  readonly target: string;
}

/** The code's answer. */
export interface FunctionResponse {
  /** HTTP status; 200 where the contract has none. */
  readonly status: number;
  /** Names and values by turns. */
  readonly headers: readonly string[];
  /** Fails when the code breaks off. Ended or cancelled before the slot is free again. */
  readonly body: BodySource;
}
