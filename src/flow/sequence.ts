import type { FlowCall, InvokeResult, KeptOutcome } from "../invocation/invocation.ts";
import type { Definition } from "../invocation/definitions.ts";
import type { CancelSignal } from "../lib/cancel.ts";
import { compositionOf } from "../model/composition.ts";
import { PlatformError } from "../model/error.ts";
import type { FunctionName } from "../model/function-name.ts";
import { limits } from "../model/limits.ts";
import { answersPlainJson, errorJson, hasError, jsonAnswer } from "./answer.ts";
import type { FlowParts } from "./flow.ts";
import { FlowRun } from "./run.ts";

/** One function after the other, each sent what the one before answered; the first error ends it. */
export class SequenceRun extends FlowRun {
  readonly #components: readonly FunctionName[];
  protected override readonly tooMany = errorJson("Too many actions in the sequence.");
  #next = 0;

  constructor(parts: FlowParts, call: FlowCall, signal: CancelSignal) {
    super(parts, call, signal, "sequence");
    const { source } = call.fn;
    this.#components = source.type === "sequence" ? source.components : [];
  }

  protected override begun(payload: Buffer): void {
    this.#goOn(payload);
  }

  protected override stepped(result: InvokeResult, { record, result: kept }: KeptOutcome): void {
    if (!result.ok || kept === null) return this.fail(result.ok ? failed() : result.error, record.status);
    const isFailure = record.status !== "success";
    const body = Buffer.from(kept.body.buffer, kept.body.byteOffset, kept.body.byteLength);
    if (answersPlainJson(result.fn) && kept.bytes === body.length && body.length > 0)
      return isFailure ? this.answer(body, true) : this.#goOn(body);
    const { what, json } = jsonAnswer(kept);
    if (what === "not_json") return this.fail(new PlatformError("function_protocol", "The answer is no JSON"), "developer_error");
    if (isFailure || what === "too_long" || hasError(json)) this.answerError(json);
    else this.#goOn(Buffer.from(json));
  }

  protected override refused(): void {
    this.fail(failed(), "platform_error");
  }

  #goOn(payload: Buffer): void {
    const component = this.#components[this.#next++];
    if (component === undefined) return this.answer(payload);
    if (this.tally.steps >= limits.flow.stepsMax) return this.answerError(this.tooMany);
    this.find(
      component,
      (definition) => this.#run(definition, payload),
      (error) => this.#missing(error),
    );
  }

  #run({ fn }: Definition, payload: Buffer): void {
    if (compositionOf(fn) !== "sequence") this.tally.steps++;
    this.make(payload);
  }

  #missing({ code }: PlatformError): void {
    if (code === "not_found" || code === "forbidden") this.answerError(errorJson(componentMissing));
    else this.refused();
  }
}

const componentMissing = "Sequence component does not exist.";

function failed(): PlatformError {
  return new PlatformError("internal", "Sequence failed.");
}
