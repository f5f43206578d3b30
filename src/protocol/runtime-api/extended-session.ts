import type { BodySource } from "../../lib/body.ts";
import type { CancelSignal } from "../../lib/cancel.ts";
import { LineSplitter } from "../../lib/lines.ts";
import type { World } from "../../lib/world.ts";
import { asPlatformError, PlatformError } from "../../model/error.ts";
import type { LogLine } from "../../model/model.ts";
import type { EndReason, FunctionRequest, FunctionResponse, Session, SessionCaller, SessionHooks } from "../protocol.ts";
import { promisedCall } from "../promised-call.ts";
import { lambdaTraceId } from "./environment.ts";
import { callersHeader, requestIdOf } from "./event-head.ts";
import type { Extensions } from "./extensions.ts";
import type { CallStatus } from "./telemetry/telemetry.ts";

export interface ExtendedSessionOptions {
  /** The function's program. */
  readonly inner: Session & Required<Pick<Session, "begin">>;
  /** Ends the calls of that, and nothing besides. */
  readonly endInner: () => void;
  /** Closes connections that are not the program's; absent: there are no others. */
  readonly closeDoor?: () => void;
  readonly extensions: Extensions;
  readonly hooks: SessionHooks;
  readonly world: World;
  /** Of the function, for callers that name none. */
  readonly arn: string;
}

/**
 * A session whose calls extensions hear of, too. A caller reads the program's answer when it comes; the sandbox is not for another call before all extensions
 * have asked for their next event. What goes wrong with one of them is the failure of the calls that run.
 */
export class ExtendedSession implements Session {
  readonly leave?: (reason: EndReason) => Promise<void>;
  readonly #options: ExtendedSessionOptions;
  readonly #hooks: SessionHooks;
  readonly #printed: (line: Omit<LogLine, "at">) => void;
  readonly #splitters: { readonly stdout: LineSplitter; readonly stderr: LineSplitter };
  /** Those that are not over, the first begun first. */
  readonly #calls: ExtendedCall[] = [];
  #failure: PlatformError | null = null;
  #isLeaving = false;

  constructor(options: ExtendedSessionOptions) {
    this.#options = options;
    const { extensions, hooks } = options;
    this.#hooks = hooks;
    this.#printed = (line) => extensions.telemetry.line("function", line.text);
    this.#splitters = { stdout: this.#splitter("stdout"), stderr: this.#splitter("stderr") };
    if (extensions.haveProcesses) this.leave = (reason) => this.#leave(reason);
    extensions.owner = {
      failed: (error) => this.#end(error),
      runtimeEnded: () => {
        void this.#leave("failure");
        this.#end(null);
      },
    };
  }

  get usable(): boolean {
    return this.#failure === null && !this.#isLeaving && this.#options.inner.usable;
  }

  /** Of a program that does not say itself whose lines they are, there is one call at a time. */
  get output(): NonNullable<Session["output"]> {
    const { inner } = this.#options;
    if (inner.output !== undefined) return (stream, data) => inner.output?.(stream, data);
    return (stream, data) => this.#splitters[stream].push(data);
  }

  call(request: FunctionRequest, signal: CancelSignal): Promise<FunctionResponse> {
    return promisedCall(
      (caller) => this.begin(request, signal, caller),
      (line) => this.#hooks.log(request.callId, line),
    );
  }

  begin(request: FunctionRequest, signal: CancelSignal, caller: SessionCaller): void {
    if (!this.usable) return caller.failed(this.#failure ?? ended());
    const { extensions, inner, world, arn } = this.#options;
    const requestId = requestIdOf(request.callId);
    const traceId = traceIdOf(request);
    const invokedFunctionArn = callersHeader(request.headers, "lambda-runtime-invoked-function-arn") ?? arn;
    const call = new ExtendedCall(requestId, caller, world, this.#printed, () => this.#failure);
    this.#calls.push(call);
    extensions.telemetry.callBegan(requestId, traceId);
    extensions.invoke({ requestId, deadlineMs: Math.floor(request.deadlineAt), invokedFunctionArn, traceId });
    inner.begin(request, signal, call);
  }

  settling(): Promise<void> | null {
    const { extensions, world } = this.#options;
    const at = this.#calls.findIndex(({ status }) => status !== null);
    const [call] = at === -1 ? [] : this.#calls.splice(at, 1);
    if (call !== undefined) {
      const durationMs = world.monotonic() - call.beganAt;
      extensions.telemetry.callAnswered(call.requestId, call.status ?? "success", durationMs, call.bytes);
    }
    const settled = extensions.settling();
    const report = () => {
      if (call === undefined) return;
      extensions.telemetry.callEnded(call.requestId, call.status ?? "success", world.monotonic() - call.beganAt);
    };
    if (settled === null) report();
    return settled?.then(report) ?? null;
  }

  abandonedEnded(): Promise<void> {
    return this.#options.inner.abandonedEnded?.() ?? Promise.resolve();
  }

  close(): void {
    for (const splitter of Object.values(this.#splitters)) splitter.end();
    this.#options.inner.close();
    this.#options.extensions.close();
    this.#options.closeDoor?.();
  }

  #leave(reason: EndReason): Promise<void> {
    this.#isLeaving = true;
    const { telemetry } = this.#options.extensions;
    if (reason !== "spindown")
      for (const { requestId, beganAt, bytes } of this.#calls.splice(0)) {
        const durationMs = this.#options.world.monotonic() - beganAt;
        const status = reason === "timeout" ? "timeout" : "failure";
        telemetry.callAnswered(requestId, status, durationMs, bytes);
        telemetry.callEnded(requestId, status, durationMs);
      }
    return this.#options.extensions.leave(reason);
  }

  /** Nothing more can be asked of it. */
  #end(failure: PlatformError | null): void {
    this.#failure ??= failure;
    this.#isLeaving = true;
    this.#options.endInner();
    this.#hooks.closed?.();
  }

  #splitter(stream: "stdout" | "stderr"): LineSplitter {
    return new LineSplitter((text) => {
      this.#printed({ stream, text });
      this.#hooks.log(null, { stream, text });
    });
  }
}

/** One call, between its caller and the function's program. */
class ExtendedCall implements SessionCaller {
  readonly requestId: string;
  /** Monotonic ms. */
  readonly beganAt: number;
  /** Of its answer, where that is known. */
  bytes = 0;
  /** Null: it runs. */
  status: CallStatus | null = null;
  readonly #caller: SessionCaller;
  readonly #printed: (line: Omit<LogLine, "at">) => void;
  readonly #failure: () => PlatformError | null;

  constructor(
    requestId: string,
    caller: SessionCaller,
    world: World,
    printed: (line: Omit<LogLine, "at">) => void,
    failure: () => PlatformError | null,
  ) {
    this.requestId = requestId;
    this.beganAt = world.monotonic();
    this.#caller = caller;
    this.#printed = printed;
    this.#failure = failure;
  }

  answered(status: number, headers: readonly string[], body: BodySource): void {
    this.status = "success";
    this.bytes = body.bytes ?? 0;
    this.#caller.answered(status, headers, body);
  }

  failed(error: unknown): void {
    const failure = this.#failure() ?? error;
    this.status = asPlatformError(failure).code === "function_failed" ? "error" : "failure";
    this.#caller.failed(failure);
  }

  printed(line: Omit<LogLine, "at">): void {
    this.#printed(line);
    this.#caller.printed(line);
  }
}

function traceIdOf({ headers, traceparent }: FunctionRequest): string | undefined {
  const told = callersHeader(headers, "lambda-runtime-trace-id");
  return told ?? (traceparent === undefined ? undefined : lambdaTraceId(traceparent));
}

function ended(): PlatformError {
  return new PlatformError("function_exited", "The sandbox is about to end");
}
