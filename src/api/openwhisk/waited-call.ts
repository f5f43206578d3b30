import type { Caller } from "../../auth/auth.ts";
import type { HttpRequest } from "../../http/http.ts";
import type {
  EnteredCall,
  FunctionReference,
  InvokeCaller,
  InvokeRequest,
  InvokeResult,
  KeptOutcome,
} from "../../invocation/invocation.ts";
import { type BodySource, takeBody, WholeBody } from "../../lib/body.ts";
import { neverCancelled } from "../../lib/cancel.ts";
import type { Deadlines, Timed } from "../../lib/deadlines.ts";
import { PlatformError } from "../../model/error.ts";
import { malformed, tooLarge } from "./errors.ts";
import { sizeLimits, waitMs } from "./limits.ts";
import type { WskContext } from "./openwhisk.ts";

const nobody: Caller = { name: "nobody", namespaces: [] };
const noBytes = Buffer.alloc(0);

/** A call through this door. When it outlasts its wait it goes on without its caller. It is answered once: with its outcome, or that it goes on. */
export abstract class WaitedCall implements InvokeRequest, InvokeCaller, Timed {
  caller: Caller = nobody;
  namespace = "";
  readonly http = null;
  readonly keep = true;
  protected readonly context: WskContext;
  /** What it is sent. */
  protected bytes: Buffer = noBytes;
  // Of the list of those that are waited for.
  dueAt = 0;
  earlier: Timed | null = null;
  later: Timed | null = null;
  readonly #longest: Deadlines;
  #waitMs = 0;
  #entered: EnteredCall | null = null;
  #callOff: (() => void) | null = null;
  #isAnswered = false;

  /** `longest`: of all calls that are waited for as long as can be, which need no timer of their own then. */
  constructor(context: WskContext, longest: Deadlines) {
    this.context = context;
    this.#longest = longest;
  }

  abstract get target(): FunctionReference;
  abstract get headers(): readonly string[];

  /** There is a record, and a result if the code answered. */
  protected abstract show(kept: KeptOutcome, told: InvokeResult): void;
  /** Nobody waits for it any longer. */
  protected abstract showOngoing(activationId: string): void;
  protected abstract showRefusal(error: unknown): void;

  get body(): BodySource {
    return new WholeBody(this.bytes);
  }

  /** Runs it. */
  protected run(ms: number): void {
    this.#waitMs = ms;
    this.context.invoker.begin(this, neverCancelled, this);
  }

  /** Leaves it to the queue. */
  protected async accept(): Promise<void> {
    const { invoker } = this.context;
    try {
      if (invoker.accept === undefined)
        throw new PlatformError("unsupported", "Calls that nobody waits for are not supported on this server");
      const { activationId } = await invoker.accept(this);
      this.#goesOn(activationId);
    } catch (error) {
      this.refuse(error);
    }
  }

  entered(call: EnteredCall): void {
    this.#entered = call;
    const { world } = this.context;
    if (this.#waitMs === waitMs.max) this.#longest.add(this, world.monotonic());
    else this.#callOff = world.after(this.#waitMs, () => this.timeUp());
  }

  timeUp(): void {
    void this.#goOn();
  }

  async #goOn(): Promise<void> {
    const call = this.#entered;
    if (call === null) return;
    try {
      if (await call.handOver(this.bytes)) this.#goesOn(call.id);
    } catch (error) {
      this.refuse(error);
    }
  }

  told(result: InvokeResult): void {
    if (this.#callOff === null) this.#longest.remove(this);
    else this.#callOff();
    try {
      const refusal = refusalIn(result);
      if (refusal !== null || result.kept === undefined) this.refuse(refusal);
      else if (this.#claim()) this.show(result.kept, result);
    } catch (error) {
      this.showRefusal(error);
    }
  }

  #goesOn(activationId: string): void {
    if (this.#claim()) this.showOngoing(activationId);
  }

  /** It does not run, or goes on and nobody can be told how. */
  protected refuse(error: unknown): void {
    if (this.#claim()) this.showRefusal(asRefusal(error));
  }

  #claim(): boolean {
    if (this.#isAnswered) return false;
    this.#isAnswered = true;
    return true;
  }
}

/** The whole body of a request to call something, at once where it is here already. Throws or rejects with `Refusal`. */
export function readPayload({ body }: Pick<HttpRequest, "body">): Buffer | Promise<Buffer> {
  return takeBody(body, sizeLimits.payloadBytesMax, () => tooLong(body));
}

/** Throws `Refusal` for a body that says it is too long. */
export function checkLength(body: Pick<BodySource, "bytes">): void {
  if (body.bytes !== undefined && body.bytes > sizeLimits.payloadBytesMax) throw tooLong(body);
}

function tooLong({ bytes }: Pick<BodySource, "bytes">): Error {
  return tooLarge("Request", bytes ?? sizeLimits.payloadBytesMax + 1, sizeLimits.payloadBytesMax);
}

/** Why there is no record, or none that counts: without room the call never ran, and whoever made it may make it again. Null: there is one. */
function refusalIn(told: InvokeResult): PlatformError | null {
  if (told.ok) return told.kept === undefined ? new PlatformError("internal", "The call has no record") : null;
  const { code } = told.error;
  return told.kept === undefined || code === "overloaded" || code === "throttled" ? told.error : null;
}

/** What the invocation says of a body, in this door's words. */
function asRefusal(error: unknown): unknown {
  return error instanceof PlatformError && error.code === "invalid" ? malformed(error.message) : error;
}
