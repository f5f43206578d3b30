import type { Duplex } from "node:stream";
import { readBody, WholeBody } from "../../lib/body.ts";
import type { CancelSignal } from "../../lib/cancel.ts";
import type { World } from "../../lib/world.ts";
import { PlatformError } from "../../model/error.ts";
import { limits } from "../../model/limits.ts";
import type { Fn } from "../../model/model.ts";
import { ConnectionPool } from "../connection-pool.ts";
import { promisedCall } from "../promised-call.ts";
import type { Dial, FunctionRequest, FunctionResponse, Session, SessionCaller, SessionHooks } from "../protocol.ts";
import { initFailure, isOk, type ReadBody, readAnswer, responseOf } from "./answer.ts";
import { type Identity, parametersText, runMessage } from "./messages.ts";
import { OutputEnds } from "./output.ts";

/** Shorter than the keep-alive time of common servers, so that we close first. */
const idleMsMax = 1500;

export interface ActionProxyOptions {
  readonly fn: Fn;
  readonly identity: Identity;
  readonly apiHost: string;
  readonly dial: Dial;
  readonly hooks: SessionHooks;
  readonly world: World;
}

/**
 * One running proxy. It has its code after `init`, which is sent once. What breaks its contract, and any error of its own, ends its use, as with
 * OpenWhisk; an error that the code gives as its result does not.
 */
export class ActionProxySession implements Session {
  readonly #options: ActionProxyOptions;
  readonly #pool: ConnectionPool;
  readonly #output: OutputEnds;
  #usable = true;

  /** `stream`: a connection that is open and unused. */
  constructor(stream: Duplex, options: ActionProxyOptions) {
    const { fn, dial, hooks, world } = options;
    this.#options = options;
    const broken = () => {
      this.#usable = false;
    };
    this.#pool = new ConnectionPool({ dial, world, idleMsMax, connectionsMax: Math.max(2, fn.concurrency), broken });
    this.#pool.add(stream);
    this.#output = new OutputEnds(
      fn.concurrency > 1,
      () => world.monotonic(),
      (line) => hooks.log(null, line),
    );
  }

  get usable(): boolean {
    return this.#usable;
  }

  /** Rejects with `function_failed` (what the proxy says of it), `start_timeout`, or what ends a connection. */
  async init(message: string, signal: AbortSignal): Promise<void> {
    const { fn, world } = this.#options;
    const limit = new AbortController();
    const stopClock = world.after(fn.timeoutMs, () => limit.abort(initTimeout(fn.timeoutMs)));
    try {
      const { status, answer } = await this.#post("/init", message, AbortSignal.any([signal, limit.signal]));
      if (!isOk(status)) throw initFailure(answer);
    } catch (error) {
      throw error instanceof PlatformError && error.code === "function_exited" ? notInitialized(error) : error;
    } finally {
      stopClock();
    }
  }

  call(request: FunctionRequest, signal: CancelSignal): Promise<FunctionResponse> {
    return promisedCall(
      (caller) => this.begin(request, signal, caller),
      (line) => this.#options.hooks.log(request.callId, line),
    );
  }

  begin(request: FunctionRequest, signal: CancelSignal, caller: SessionCaller): void {
    this.#run(request, signal, (line) => caller.printed(line)).then(
      ({ status, headers: sent, body }) => caller.answered(status, sent, body),
      (error: unknown) => caller.failed(error),
    );
  }

  async #run(request: FunctionRequest, signal: CancelSignal, printed: SessionCaller["printed"]): Promise<FunctionResponse> {
    const { fn, identity, apiHost } = this.#options;
    const body = await readBody(request.body, limits.requestBytesMax, tooLarge);
    const message = runMessage(request, parametersText(fn, body), identity, apiHost);
    this.#output.called(request.callId, printed);
    try {
      const { status, answer } = await this.#post("/run", message, signal);
      return responseOf(status, answer);
    } catch (error) {
      this.#usable = false;
      throw error;
    } finally {
      this.#output.answered(request.callId);
    }
  }

  output(stream: "stdout" | "stderr", data: Buffer): void {
    this.#output.push(stream, data);
  }

  close(): void {
    this.#usable = false;
    this.#pool.close();
    this.#output.end();
  }

  async #post(target: string, message: string, signal: CancelSignal): Promise<{ status: number; answer: ReadBody }> {
    const body = new WholeBody(Buffer.from(message));
    const { status, body: content } = await this.#pool.exchange({ method: "POST", target, headers }, body, signal);
    return { status, answer: await readAnswer(content) };
  }
}

const headers: readonly string[] = ["Host", "localhost", "Content-Type", "application/json", "Accept", "application/json"];

function initTimeout(timeoutMs: number): PlatformError {
  return new PlatformError("start_timeout", `The function did not take its code within its timeout of ${timeoutMs} ms`);
}

function notInitialized(cause: PlatformError): PlatformError {
  const message = "The action did not initialize and exited unexpectedly.";
  return new PlatformError("function_failed", message, { details: { ended: true }, cause });
}

function tooLarge(): PlatformError {
  return new PlatformError("too_large", `The request's body is over the limit of ${limits.requestBytesMax} bytes`);
}
