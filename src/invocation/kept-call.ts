import type { AgentReport } from "../agent/link.ts";
import { headerOf } from "../http/headers.ts";
import { type BodySource, WholeBody } from "../lib/body.ts";
import type { CancelSignal } from "../lib/cancel.ts";
import type { Leave } from "../metering/reserved-calls.ts";
import { PlatformError } from "../model/error.ts";
import type { Activation } from "../model/model.ts";
import type { Queue, Receipt } from "../queue/queue.ts";
import type { CallResult } from "../store/store.ts";
import { keptAnswer, resultBytesMax } from "./answer.ts";
import { callHead } from "./call-head.ts";
import type { Definition } from "./definitions.ts";
import type { EnteredCall, InvokeCaller, InvokeRequest } from "./invocation.ts";
import { isFlow } from "./dispatch.ts";
import { SyncCall, type SyncCallParts } from "./sync-call.ts";

export interface KeptCallParts extends SyncCallParts {
  /** For calls that outlast their callers' patience; absent: they can't. */
  readonly queue?: Pick<Queue, "hold" | "settle">;
  /** Hears of what could not be tidied up. */
  readonly warn?: (message: string, error: unknown) => void;
}

/** Beyond the time that a call can take, in ms: a message whose lease ran out before would run beside it. */
const leaseMoreMs = 60_000;

/** A call that consists of others has no limit of its own, but each of them has: in ms. */
const flowMsMax = 30 * 24 * 3_600_000;

/**
 * A synchronous call whose answer is kept with its record, and which is told of when both are made.
 *
 * It can be handed over to the queue while it runs (docs/decisions/0032-openwhisk-door.md): as a message that is on lease, as if it had come from
 * there, and is acknowledged after the record is on the disk. Only a server that died leaves it there.
 */
export class KeptCall extends SyncCall implements EnteredCall {
  readonly #parts: KeptCallParts;
  readonly #pinned: number | null;
  #kept: CallResult | null = null;
  #answered = false;
  #record: Activation | null = null;
  #headers: readonly string[] = [];
  #steps: readonly string[] | undefined;
  #handedOver: Promise<Receipt> | null = null;

  constructor(
    parts: KeptCallParts,
    id: string,
    definition: Definition,
    request: InvokeRequest,
    caller: InvokeCaller,
    leave: Leave | null,
  ) {
    super(parts, id, definition, request, caller, leave);
    this.#parts = parts;
    const { target } = request;
    this.#pinned = target.by === "id" || target.by === "name" ? (target.revision ?? null) : null;
  }

  override begin(signal: CancelSignal): void {
    this.caller.entered?.(this);
    super.begin(signal);
  }

  async handOver(body: Buffer): Promise<boolean> {
    if (this.#record !== null) return false;
    this.#handedOver ??= this.#hold(body);
    await this.#handedOver;
    return true;
  }

  protected override tell(status: number, headers: readonly string[], body: BodySource): void {
    this.#answered = true;
    this.#headers = headers;
    const whole = body.take !== undefined && (body.bytes ?? 0) <= resultBytesMax ? body.take() : null;
    if (whole === null) {
      void keptAnswer({ status, headers, body }).then((kept) => this.#finish(kept));
    } else {
      this.#finish({ status, contentType: headerOf(headers, "content-type") ?? null, bytes: whole.length, body: whole });
    }
  }

  protected override ended(report: AgentReport): void {
    this.#steps = report.steps?.activationIds;
    super.ended(report);
  }

  /** Waits for the answer, if there is one that did not break off. */
  protected override keep(record: Activation): void {
    this.#record = record;
    if (!this.#answered) this.#write(record);
    else if (this.#kept !== null) this.#finish(this.#kept);
  }

  override failed(error: PlatformError): void {
    this.body.cancel();
    const kept = this.#record === null ? undefined : { record: this.#record, result: null, steps: this.#steps };
    this.caller.told({ ok: false, activationId: this.id, fn: this.fn, error, recorded: this.over, kept });
  }

  #finish(kept: CallResult): void {
    this.#kept = kept;
    const record = this.#record;
    // The call is over a moment later than its body.
    if (record === null) return;
    if (record.status !== "success" && record.status !== "function_error") return this.#broken(record);
    const { status, body } = kept;
    // First, as somebody waits; the record is written within the same turn.
    this.caller.told({
      ok: true,
      activationId: this.id,
      fn: this.fn,
      status,
      headers: this.#headers,
      body: new WholeBody(Buffer.from(body.buffer, body.byteOffset, body.byteLength)),
      recorded: this.over,
      kept: { record, result: kept, steps: this.#steps },
    });
    this.#write(record, kept);
  }

  /** The answer broke off. */
  #broken(record: Activation): void {
    this.#write(record);
    const { code, message } = record.error ?? { code: "internal", message: "Internal error" };
    this.failed(new PlatformError(code as PlatformError["code"], message));
  }

  #write(record: Activation, result: CallResult | null = null): void {
    const { recorder, warn } = this.#parts;
    recorder.add(record, result);
    this.#handedOver
      ?.then(async (receipt) => {
        await recorder.flush();
        await this.#parts.queue?.settle([{ type: "ack", receipt, send: [] }]);
      })
      .catch((error: unknown) => warn?.("A call that has ended could not be taken out of the queue", error));
  }

  /** How long it can take, in ms. */
  get #lastsMsMax(): number {
    if (isFlow(this.fn, this.cause)) return flowMsMax;
    return this.fn.timeoutMs + this.waitMsMax;
  }

  async #hold(body: Buffer): Promise<Receipt> {
    const { queue } = this.#parts;
    if (queue === undefined)
      throw new PlatformError("unsupported", "A call can't outlast its caller on a server without a queue");
    const { id, fn, headers, http, startedAt } = this;
    const head = callHead(this.definition, { headers, http, startedAt, pinned: this.#pinned, chain: 0 });
    const { ageMsMax } = fn.delivery;
    const message = { id, namespace: fn.namespace, lane: fn.id, head: JSON.stringify(head), body, delayMs: 0, ageMsMax };
    return await queue.hold(message, this.#lastsMsMax + leaseMoreMs);
  }
}
