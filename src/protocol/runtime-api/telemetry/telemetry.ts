import { readBody } from "../../../lib/body.ts";
import type { World } from "../../../lib/world.ts";
import { okText, refusalText } from "../answers.ts";
import { refuse } from "../asked.ts";
import type { Asked } from "../connection.ts";
import type { Extension } from "../extension.ts";
import { Delivery, type DeliveryLine } from "./delivery.ts";
import { type RecordType, subscriptionIn } from "./subscription.ts";

const telemetryPath = "/2022-07-01/telemetry";
const logsPath = "/2020-08-15/logs";

const subscriptionBytesMax = 64 * 1024;

/** Records of a start that whoever subscribes in it gets, too. */
const keptMax = 1000;

/** How a call went. */
export type CallStatus = "success" | "failure" | "error" | "timeout";

export interface TelemetryOptions {
  readonly world: World;
  readonly about: { readonly functionName: string; readonly functionVersion: string; readonly memoryMiB: number };
  /** Null: nothing leads there, so that nobody can subscribe. */
  readonly line: DeliveryLine | null;
}

/**
 * What happens in a sandbox, told to the extensions that asked for it (the Telemetry API). Costs nothing while nobody did. Records that belong to the start are
 * kept until it is over.
 */
export class Telemetry {
  readonly #options: TelemetryOptions;
  /** By what they asked, and who did. */
  readonly #deliveries = new Map<string, Subscriber>();
  readonly #extensions: Extension[] = [];
  /** Null: the start is over. */
  #kept: Kept[] | null = [];
  readonly #beganAt: number;
  #initMs: number | undefined;

  constructor(options: TelemetryOptions) {
    this.#options = options;
    this.#beganAt = options.world.monotonic();
    const { functionName, functionVersion } = options.about;
    this.#platform("initStart", { ...init, functionName, functionVersion }, "telemetry");
  }

  /** Who serves a request with this path; `isStarting`: whether somebody may still subscribe. */
  served(path: string, isStarting: () => boolean): ((request: Asked, extension: Extension) => void) | undefined {
    if (path !== telemetryPath && path !== logsPath) return undefined;
    return (request, extension) => void this.#subscribe(request, extension, isStarting());
  }

  registered(extension: Extension): void {
    this.#extensions.push(extension);
  }

  runtimeReady(): void {
    const { world } = this.#options;
    const durationMs = rounded(world.monotonic() - this.#beganAt);
    this.#initMs = durationMs;
    for (const { name, events } of this.#extensions) this.#platform("extension", { name, state: "Ready", events });
    this.#platform("initRuntimeDone", { ...init, status: "success" }, "telemetry");
    this.#platform("initReport", { ...init, status: "success", metrics: { durationMs } }, "telemetry");
    this.#kept = null;
  }

  /** A line of output. */
  line(type: "function" | "extension", text: string): void {
    if (this.#deliveries.size > 0 || this.#kept !== null) this.#add(type, type, text);
  }

  callBegan(requestId: string, traceId: string | undefined): void {
    if (this.#deliveries.size === 0) return;
    this.#platform("start", { requestId, version: this.#options.about.functionVersion, ...tracingOf(traceId) });
  }

  /** The function's program has answered, or failed to. */
  callAnswered(requestId: string, status: CallStatus, durationMs: number, producedBytes: number): void {
    if (this.#deliveries.size === 0) return;
    this.#platform("runtimeDone", { requestId, status, metrics: { durationMs: rounded(durationMs), producedBytes } });
  }

  /** Nobody in the sandbox is busy with it any more. How much memory was used is not known here: what there may be is told. */
  callEnded(requestId: string, status: CallStatus, durationMs: number): void {
    if (this.#deliveries.size === 0) return;
    const { memoryMiB } = this.#options.about;
    const initDurationMs = this.#initMs;
    this.#initMs = undefined;
    const metrics = {
      durationMs: rounded(durationMs),
      billedDurationMs: Math.ceil(durationMs),
      memorySizeMB: memoryMiB,
      maxMemoryUsedMB: memoryMiB,
      ...(initDurationMs === undefined ? {} : { initDurationMs }),
    };
    this.#platform("end", { requestId }, "logs");
    this.#platform("report", { requestId, status, metrics });
  }

  /** The sandbox is about to end: what there is goes out now. */
  leaving(): void {
    for (const { delivery } of this.#deliveries.values()) delivery.flush();
  }

  close(): void {
    for (const { delivery } of this.#deliveries.values()) delivery.close();
    this.#deliveries.clear();
    this.#kept = null;
  }

  async #subscribe(request: Asked, extension: Extension, isStarting: boolean): Promise<void> {
    const api = request.head.path === logsPath ? "logs" : "telemetry";
    const name = api === "logs" ? "Logs" : "Telemetry";
    const said = await readBody(request.body, subscriptionBytesMax, () => new Error()).catch(() => Buffer.alloc(0));
    if (!isStarting)
      return refuse(request, refusalText(403, `${name}.SubscriptionClosed`, `${name} API subscription is closed already`));
    const { world, line } = this.#options;
    if (line === null) return refuse(request, refusalText(202, `${name}.NotSupported`, `${name} API is not supported`));
    const subscription = subscriptionIn(said.toString("utf8"));
    if (typeof subscription === "string") return refuse(request, refusalText(400, "ValidationError", subscription));
    const key = `${api} ${extension.id}`;
    this.#deliveries.get(key)?.delivery.close();
    const subscriber = { api, types: subscription.types, delivery: new Delivery(subscription, world, line) } as const;
    this.#deliveries.set(key, subscriber);
    request.connection.answer(okText);
    for (const kept of this.#kept ?? []) if (wants(subscriber, kept)) subscriber.delivery.add(kept.record);
    const told = { name: extension.name, state: "Subscribed", types: subscription.types };
    this.#platform(`${api}Subscription`, told, api);
  }

  /** `api`: the only one that has such records; absent: both have. */
  #platform(event: string, record: object, api?: Api): void {
    this.#add("platform", `platform.${event}`, record, api);
  }

  #add(type: RecordType, name: string, record: object | string, api?: Api): void {
    const text = JSON.stringify({ time: new Date(this.#options.world.now()).toISOString(), type: name, record });
    const kept = { type, api, record: text };
    for (const subscriber of this.#deliveries.values()) if (wants(subscriber, kept)) subscriber.delivery.add(text);
    if (this.#kept !== null && this.#kept.length < keptMax) this.#kept.push(kept);
  }
}

type Api = "telemetry" | "logs";

interface Kept {
  readonly type: RecordType;
  readonly api: Api | undefined;
  /** As JSON. */
  readonly record: string;
}

interface Subscriber {
  readonly api: Api;
  readonly types: readonly RecordType[];
  readonly delivery: Delivery;
}

function wants({ api, types }: Subscriber, record: Kept): boolean {
  return types.includes(record.type) && (record.api === undefined || record.api === api);
}

const init = { initializationType: "on-demand", phase: "init" } as const;

const rounded = (ms: number) => Math.round(ms * 1000) / 1000;

function tracingOf(traceId: string | undefined): object {
  return traceId === undefined ? {} : { tracing: { type: "X-Amzn-Trace-Id", value: traceId } };
}
