/** Types of functions on polykiln. They describe what the runtime passes, with this package or without. */
import type { Readable, Writable } from "node:stream";

/**
 * A function: gets the event and the context, gives the answer. Text, bytes, generators and streams are sent as they are, anything
 * else as JSON; a generator's type is `Out` itself.
 */
export type Handler<In = unknown, Out = unknown> = (event: In, context: Context) => Out | Promise<Out>;

/** A function that calls back. */
export type CallbackHandler<In = unknown, Out = unknown> = (
  event: In,
  context: Context,
  callback: (error?: unknown, result?: Out) => void,
) => void;

/** What a function knows of its call. */
export interface Context {
  /** Of the activation. */
  readonly callId: string;
  readonly functionName: string;
  /** Null for a function without an app. */
  readonly appName: string | null;
  readonly namespace: string;
  readonly revision: number;
  /** Milliseconds since the epoch. */
  readonly deadline: number;
  /** Milliseconds until the platform kills the call. */
  remainingMs(): number;
  /** Aborts when nobody waits for the answer any more (`AbortError`), and shortly before the deadline (`TimeoutError`). */
  readonly signal: AbortSignal;
  /** Names in lower case; values of a repeated header joined with a comma. */
  readonly headers: Readonly<Record<string, string>>;
  /** The HTTP request behind a route or an HTTP function; null for a direct call. */
  readonly http: HttpRequest | null;
  /** Null when the caller sent no `traceparent`. */
  readonly trace: Trace | null;
  /** The configuration of app and function; it is the environment as well. */
  readonly config: Readonly<Record<string, string | undefined>>;
  readonly log: Logger;
  /** What is written to it is the answer, as it is written. The call ends when the handler has returned and the writer has ended. */
  writer(): Writable;
  /** Sets the HTTP status of the answer, 200 to 599. */
  status(code: number): this;
  /** Sets a header of the answer; an array gives it several times. */
  header(name: string, value: string | number | readonly (string | number)[]): this;
}

export interface HttpRequest {
  readonly method: string;
  /** Absolute, with query. */
  readonly url: string;
  /** Path below the route, with query. */
  readonly target: string;
}

/** W3C trace context. */
export interface Trace {
  readonly traceparent: string;
  readonly tracestate: string | null;
  readonly traceId: string;
  /** Of the span that called. */
  readonly parentId: string;
  readonly sampled: boolean;
}

/** What a log line carries besides its message; errors among it bring their stacks. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Lines of the call's log. `LOG_LEVEL` hides lower levels (default `info`), `LOG_FORMAT` is `text` (default) or `json`. */
export interface Logger {
  debug(message: string | Error, fields?: LogFields | Error): void;
  info(message: string | Error, fields?: LogFields | Error): void;
  /** To stderr, as `error`. */
  warn(message: string | Error, fields?: LogFields | Error): void;
  error(message: string | Error, fields?: LogFields | Error): void;
}

export interface FunctionErrorOptions {
  /** A word for programs, such as `user_not_found`. */
  readonly code?: string;
  /** Anything that JSON can carry. */
  readonly details?: unknown;
  /** Of the answer, such as `retry-after`. */
  readonly headers?: Readonly<Record<string, string | number>>;
  /** Stays out of the answer; its stack is in the log from status 500 on. */
  readonly cause?: unknown;
}

/** An error that is the call's answer: its status, and `{code, message, details}` as JSON. From 500 on its stack is logged. */
export declare class FunctionError extends Error {
  readonly status: number;
  readonly code: string | undefined;
  readonly details: unknown;
  readonly headers: Readonly<Record<string, string | number>> | undefined;
  /** Throws RangeError for a status that is none from 400 to 599. */
  constructor(status: number, message: string, options?: FunctionErrorOptions);
}

export interface ResponseOptions {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string | number | readonly (string | number)[]>>;
}

/** Sets status and headers of the answer, and gives back its body: `return respond(context, body, { status: 201 })`. */
export declare function respond<Out>(context: Context, body: Out, options?: ResponseOptions): Out;

/** A handler whose event is the request's body as it arrives; a caller that sends more than is read waits. */
export declare function streamed<Out>(handler: (body: Readable, context: Context) => Out | Promise<Out>): Handler<unknown, Out>;

/** A schema of any library that follows Standard Schema (standardschema.dev), such as zod, valibot or arktype. */
export interface Schema<Value> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Value> | Promise<SchemaResult<Value>>;
    readonly types?: { readonly input: unknown; readonly output: Value } | undefined;
  };
}

export type SchemaResult<Value> =
  | { readonly value: Value; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** A handler that gets only events that the schema accepts, as the schema gives them; others are answered with 400. */
export declare function validated<In, Out>(schema: Schema<In>, handler: Handler<In, Out>): Handler<unknown, Out>;
