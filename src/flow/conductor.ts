import type { FlowCall, InvokeResult, KeptOutcome } from "../invocation/invocation.ts";
import type { Definition } from "../invocation/definitions.ts";
import type { CancelSignal } from "../lib/cancel.ts";
import { compositionOf } from "../model/composition.ts";
import { PlatformError } from "../model/error.ts";
import { type FunctionName, namedPath, parseNamedPath } from "../model/function-name.ts";
import { limits } from "../model/limits.ts";
import { errorJson, jsonAnswer } from "./answer.ts";
import type { FlowParts } from "./flow.ts";
import { FlowRun } from "./run.ts";

type Members = Readonly<Record<string, unknown>>;

const noBytes = Buffer.alloc(0);
const conductorsMax = 2 * limits.flow.stepsMax + 1;
const tooLongText = "Too many actions in the composition.";

/**
 * What the code of a function says, step by step: it gives the name of what is called next, with what that is sent and what it wants to
 * be told again, is run again with the answer, and so on until it names nothing.
 */
export class ConductorRun extends FlowRun {
  protected override readonly tooMany = errorJson(tooLongText);
  #isConducting = false;
  #state: Members | null = null;

  constructor(parts: FlowParts, call: FlowCall, signal: CancelSignal) {
    super(parts, call, signal, "conductor");
  }

  protected override begun(payload: Buffer): void {
    this.#conduct(isObject(payload) ? payload : noBytes);
  }

  protected override stepped(result: InvokeResult, kept: KeptOutcome): void {
    if (this.#isConducting) this.#conducted(result, kept);
    else this.#continue(this.#answerOf(result, kept));
  }

  protected override refused(): void {
    this.fail(failed(), "platform_error");
  }

  #conduct(payload: Buffer): void {
    if (this.tally.conductors >= conductorsMax) return this.answerError(this.tooMany);
    this.tally.conductors++;
    this.#isConducting = true;
    this.targetOwnCode();
    this.make(payload);
  }

  /** Its code has said something. */
  #conducted(result: InvokeResult, { record, result: kept }: KeptOutcome): void {
    if (!result.ok || kept === null) {
      return this.fail(result.ok ? failed() : result.error, record.status);
    }
    const { what, json } = jsonAnswer(kept);
    const isFailure = record.status !== "success" || what !== "given";
    const said: unknown = JSON.parse(json);
    if (!isMembers(said)) return this.answer(Buffer.from(json), isFailure);
    const params = Object.hasOwn(said, "params") ? boxed("value", said["params"]) : undefined;
    this.#state = Object.hasOwn(said, "state") ? boxed("state", said["state"]) : null;
    if (!Object.hasOwn(said, "action"))
      return this.answer(Buffer.from(params === undefined ? json : JSON.stringify(params)), isFailure);
    this.#call(said["action"], Buffer.from(JSON.stringify(params ?? {})));
  }

  #call(action: unknown, payload: Buffer): void {
    const name = typeof action === "string" ? parseNamedPath(action, this.namespace) : null;
    if (name === null)
      return this.#tell(`Failed to parse action name from json value ${JSON.stringify(action)} during composition.`);
    if (this.tally.steps >= limits.flow.stepsMax) return this.#tell(tooLongText);
    this.find(
      name,
      (definition) => this.#run(definition, payload),
      (error) => this.#missing(name, error),
    );
  }

  #run({ fn }: Definition, payload: Buffer): void {
    // A conductor counts by what it makes.
    if (compositionOf(fn) !== "conductor") this.tally.steps++;
    this.#isConducting = false;
    this.make(payload);
  }

  /** What is in an app that is not there, or not theirs, nobody is told of. */
  #missing(name: FunctionName, { code, details }: PlatformError): void {
    if (code !== "not_found" && code !== "forbidden") return this.refused();
    const isThere = code === "not_found" && details["what"] === "function";
    const what = isThere ? "Failed to resolve action" : "Failed entitlement check for action";
    this.#tell(`${what} with name '${namedPath(name)}' during composition.`);
  }

  /** The answer of a step, which may be an error: it is for the code to decide what that means. */
  #answerOf(result: InvokeResult, { record, result: kept }: KeptOutcome): string {
    if (result.ok && kept !== null) return jsonAnswer(kept).json;
    const error = record.error ?? { code: "internal", message: "Internal error" };
    return errorJson(this.parts.failureText(error, record.stepsMemoryMiB === undefined ? result.fn : null));
  }

  #tell(text: string): void {
    this.#continue(errorJson(text));
  }

  #continue(json: string): void {
    const state = this.#state;
    if (state === null) {
      const payload = Buffer.from(json);
      return this.#conduct(isObject(payload) ? payload : noBytes);
    }
    const given: unknown = JSON.parse(json);
    this.#conduct(isMembers(given) ? Buffer.from(JSON.stringify({ ...given, ...state })) : noBytes);
  }
}

function failed(): PlatformError {
  return new PlatformError("internal", "Activation failure during composition.");
}

function isMembers(value: unknown): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What is no object is the one member of one. */
function boxed(name: string, value: unknown): Members {
  return isMembers(value) ? value : { [name]: value };
}

const spaces = new Set([0x20, 0x09, 0x0a, 0x0d]);
const brace = 0x7b;

/** Of JSON. */
function isObject(json: Buffer): boolean {
  return json.find((byte) => !spaces.has(byte)) === brace;
}
