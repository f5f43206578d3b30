/** The shapes of the public API that this page reads; the whole of it is at `/kiln/v1/openapi.json`. */

export interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor: string | null;
}

export interface Namespace {
  readonly id: string;
  readonly name: string;
}

export interface App {
  readonly id: string;
  readonly name: string;
}

export interface Fn {
  readonly id: string;
  /** Null in the null app. */
  readonly app: string | null;
  readonly name: string;
  readonly kind: string | null;
  readonly handler: string | null;
  readonly command: readonly string[] | null;
  readonly image: string | null;
  readonly codeDigest: string | null;
  readonly protocol: string;
  readonly memoryMiB: number;
  readonly timeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly concurrency: number;
  readonly sandboxesMax: number;
  readonly isolation: string;
  readonly provisioned: number;
  readonly keepAlive: string;
  readonly egress: string | readonly string[];
  readonly config: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, unknown>>;
  readonly revision: number;
  /** Revisions that share the calls; empty: the newest gets all. */
  readonly traffic?: readonly { readonly revision: number; readonly weight: number }[];
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly invokePath: string;
}

export const statuses = [
  "success",
  "function_error",
  "developer_error",
  "platform_error",
  "timeout",
  "cancelled",
  "dead_lettered",
] as const;

export type Status = (typeof statuses)[number];

/** What a call does before it is over; these have no record yet. */
export type Underway = "queued" | "running";

export const starts = ["hot", "warm", "prewarmed", "cold", "none"] as const;

export type Start = (typeof starts)[number];

export interface Activation {
  readonly id: string;
  readonly namespace: string;
  readonly appId: string | null;
  readonly functionId: string;
  readonly function: string;
  readonly revision: number;
  readonly status: Status | Underway;
  readonly start: Start;
  readonly attempt: number;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly startedAt: string;
  /** Null until it is over. */
  readonly endedAt: string | null;
  readonly waitMs: number;
  readonly createMs: number;
  readonly initMs: number;
  readonly runMs: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
  readonly billedUnits: number;
}

/** A body that the server kept. */
export interface Payload {
  readonly contentType: string | null;
  readonly encoding: "utf8" | "base64";
  readonly body: string;
  readonly bytes: number;
  readonly truncated: boolean;
}

/** What an asynchronous call answered. */
export interface CallResult extends Payload {
  readonly status: number;
}

/** An asynchronous call that was given up. */
export interface DeadLetter {
  readonly id: string;
  readonly attempts: number;
  readonly failures: readonly {
    readonly attempt: number;
    readonly at: string;
    readonly code: string;
    readonly message: string;
  }[];
  readonly request: Payload;
}

/** What the live stream tells of: a line with whose it is. */
export interface LiveLine extends LogLine {
  readonly functionId: string;
  readonly function: string;
  readonly activationId: string;
}

export interface LogLine {
  readonly at: string;
  readonly stream: "stdout" | "stderr" | "platform";
  readonly text: string;
}

/** What every error answer carries. */
export interface ErrorBody {
  readonly code: string;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly requestId: string | null;
}

/** Figures of a span of time. Percentiles are of a call's whole time; null without calls. */
export interface Figures {
  readonly calls: number;
  readonly errors: number;
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
  readonly p99Ms: number | null;
  readonly starts: Readonly<Record<Start, number>>;
}

export const sandboxStates = ["busy", "idle", "frozen", "starting"] as const;

export type Sandboxes = Readonly<Record<(typeof sandboxStates)[number], number>>;

/** A function's figures of the whole time, and of each span. */
export interface FunctionStats extends Figures {
  readonly functionId: string;
  /** What its sandboxes do now; null where this is not known. */
  readonly sandboxes: Sandboxes | null;
  /** Only those with calls, oldest first; `at` is the begin. */
  readonly spans: readonly (Figures & { readonly at: string })[];
}

/** The last minutes of a namespace; functions that were not called are not in it. */
export interface Stats {
  readonly from: string;
  readonly to: string;
  readonly spanMs: number;
  readonly items: readonly FunctionStats[];
}
