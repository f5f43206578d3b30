/**
 * Calls: `POST /2015-03-31/functions/{name}/invocations`.
 *
 * A call that is not waited for is answered 202 as soon as it can't be lost. A caller that goes away ends nothing.
 */
import type { Handler } from "../../http/http.ts";
import type { InvokeResult } from "../../invocation/invocation.ts";
import { readBody } from "../../lib/body.ts";
import { PlatformError } from "../../model/error.ts";
import { idToUuid } from "../../model/id.ts";
import type { Activation } from "../../model/model.ts";
import type { CallHead } from "./call-head.ts";
import { status } from "./errors.ts";
import type { LambdaContext } from "./lambda.ts";
import { lambdaLimits } from "./limits.ts";
import { logTail } from "./log-tail.ts";
import { answered, failed, type Outcome } from "./outcome.ts";
import { eventPath, invokePath } from "./paths.ts";
import { SignedCall } from "./signed-call.ts";

/** See `lambdaInvoke`. */
export function invokeHandler(context: LambdaContext): Handler {
  return (request, response) => {
    const [, segment = ""] = invokePath.exec(request.path) ?? [];
    new WaitedInvoke(context, request, response, segment).begin();
  };
}

/** The operation `InvokeAsync`, which is older than types of calls. */
export function eventHandler(context: LambdaContext): Handler {
  return (request, response) => {
    const [, segment = ""] = eventPath.exec(request.path) ?? [];
    new EventInvoke(context, request, response, segment).begin();
  };
}

class WaitedInvoke extends SignedCall {
  #tail = false;

  protected override go({ type, tail }: CallHead): void {
    this.#tail = tail;
    if (type === "RequestResponse") return this.run();
    const done = type === "Event" ? this.#accept() : this.#look();
    done.catch((error: unknown) => this.refuse(error));
  }

  async #accept(): Promise<void> {
    const { invoker } = this.context;
    if (invoker.accept === undefined)
      throw new PlatformError("unsupported", "Calls of type Event need a queue, which this server does not have");
    const { activationId } = await invoker.accept(this);
    this.response.send(status.accepted, ["x-amzn-RequestId", idToUuid(activationId)], "");
  }

  /** DryRun. */
  async #look(): Promise<void> {
    await this.definition();
    const headers = ["X-Amz-Executed-Version", this.version, "x-amzn-RequestId", idToUuid(this.context.world.newId())];
    this.response.send(status.nothing, headers, "");
  }

  protected override ended(result: InvokeResult): void {
    if (!result.ok) return this.#failed(result);
    const { body, status: number, headers, fn } = result;
    const whole = body.bytes !== undefined && body.bytes <= lambdaLimits.responseBytesMax ? (body.take?.() ?? null) : null;
    if (whole !== null) return this.#show(answered(number, headers, whole, fn.protocol), result);
    readBody(body, lambdaLimits.responseBytesMax, tooLong)
      .then((bytes) => this.#show(answered(number, headers, bytes, fn.protocol), result))
      .catch((error: unknown) => this.#brokenOff(result, error))
      .catch((error: unknown) => this.refuse(error, result.activationId));
  }

  /** What is to be said of an answer that did not come whole is in its record. */
  async #brokenOff(result: Extract<InvokeResult, { ok: true }>, thrown: unknown): Promise<void> {
    const { activationId, fn, recorded } = result;
    const isTooLong = thrown instanceof PlatformError && thrown.code === "response_too_large";
    const error = isTooLong ? thrown : recordedError(await recorded);
    this.#failed({ ok: false, activationId, fn, recorded, error });
  }

  #failed(result: Extract<InvokeResult, { ok: false }>): void {
    const { error, fn, activationId } = result;
    const outcome = failed(error, fn, activationId);
    if (outcome === null) this.refuse(error, activationId);
    else this.#show(outcome, result);
  }

  #show(outcome: Outcome, { activationId, recorded, fn }: Pick<InvokeResult, "activationId" | "recorded" | "fn">): void {
    const id = activationId ?? this.context.world.newId();
    if (!this.#tail || recorded === null) return this.#answer(outcome, id, null);
    const read = async (record: Activation) => await logTail(this.context, record, this.version, fn?.memoryMiB ?? 0);
    recorded
      .then(read)
      .then((tail) => this.#answer(outcome, id, tail))
      .catch((error: unknown) => this.refuse(error, id));
  }

  #answer({ payload, isError }: Outcome, id: string, tail: string | null): void {
    const headers = [
      "Content-Type",
      "application/json",
      "x-amzn-RequestId",
      idToUuid(id),
      "X-Amz-Executed-Version",
      this.version,
    ];
    if (isError) headers.push("X-Amz-Function-Error", "Unhandled");
    if (tail !== null) headers.push("X-Amz-Log-Result", tail);
    this.response.send(status.ok, headers, payload);
  }
}

class EventInvoke extends WaitedInvoke {
  protected override go(head: CallHead): void {
    super.go({ ...head, type: "Event" });
  }
}

/** What ended a call whose answer broke off. */
export function recordedError({ error }: Activation): PlatformError {
  const { code, message } = error ?? { code: "function_exited", message: "The answer broke off" };
  return new PlatformError(code as PlatformError["code"], message);
}

export function tooLong(): PlatformError {
  const { responseBytesMax: max } = lambdaLimits;
  return new PlatformError("response_too_large", `Response payload size exceeded maximum allowed payload size (${max} bytes).`);
}
