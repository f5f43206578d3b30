/**
 * What code of others may add to the platform or put in the place of a part of it: the types that authors of extensions write
 * against (`polykiln/extensions`).
 *
 * Promises: an extension is loaded by configuration, and one that cannot be used is named and refused before anything serves; what one
 * throws is either a refusal, told to the caller in its words, or a fault, which is logged with the extension's name; no hook is waited
 * for longer than its time limit; without extensions nothing of this is on any path. Deliberately absent: protection, an extension
 * runs in the server's process with all its rights (docs/decisions/0028-extensions.md).
 */
import type { SandboxDriver } from "../sandbox/sandbox.ts";
import type { ErrorCode, PlatformError } from "../model/error.ts";
import type { Activation, App, Fn, Route } from "../model/model.ts";
import type { LogStore } from "../logs/logs.ts";
import type { Queue } from "../queue/queue.ts";
import type { Placement } from "../scheduler/scheduler.ts";
import type { Store } from "../store/store.ts";

/** The version of everything in this file. */
export const extensionVersion = 1;

/** The default export of an extension's module: the extension, or a function that makes it. */
export type ExtensionModule = Extension | ((host: Host) => Extension | Promise<Extension>);

/** An extension: a name, and any of the points where it takes part. */
export interface Extension {
  /** Letters, digits and dashes; in messages and logs. */
  readonly name: string;
  /** The version of this interface that it was made for: `extensionVersion`. */
  readonly version: 1;
  /** Hear of, change and refuse what is done to definitions, through whichever API. */
  readonly apps?: Listener<App>;
  readonly functions?: Listener<Fn>;
  /** Of routes, which Fn calls triggers. */
  readonly triggers?: Listener<Route>;
  readonly calls?: CallListener;
  /** Sees requests to `/v2` and to our own API. */
  readonly apiMiddleware?: Middleware;
  /** Sees every request, calls included: each pays for some promises, and for what it does itself. */
  readonly rootMiddleware?: Middleware;
  readonly endpoints?: readonly Endpoint[];
  // Of these there is one of each kind; two extensions that bring the same are refused.
  readonly store?: Replacement<Store>;
  readonly queue?: Replacement<Queue>;
  readonly logStore?: Replacement<LogStore>;
  readonly sandboxDriver?: Replacement<SandboxDriver>;
  readonly placement?: Placement;
  readonly callOverrider?: CallOverrider;
  readonly urlAnnotator?: UrlAnnotator;
  /** The server stops: nothing is asked of it any more. */
  close?(): void | Promise<void>;
}

/** What an extension is given. */
export interface Host {
  /** Of the platform. */
  readonly platformVersion: string;
  /** Writes to the platform's log, under the extension's name. */
  readonly log: HostLog;
  /** An error that, thrown by a hook, refuses what was asked: the caller reads the message. `Error` with a `code` of these does as well. */
  refusal(code: RefusalCode, message: string): PlatformError;
}

export interface HostLog {
  info(sentence: string): void;
  warn(sentence: string): void;
  error(sentence: string, cause?: unknown): void;
}

/** What a caller may be told by an extension; each API has a status for it. */
export type RefusalCode = Extract<
  ErrorCode,
  | "invalid"
  | "unauthenticated"
  | "forbidden"
  | "not_found"
  | "conflict"
  | "too_large"
  | "throttled"
  | "unsupported"
  | "overloaded"
>;

type Maybe<T> = T | void | Promise<T | void>;

/**
 * Of one noun. A `before` that throws keeps it from happening; one that returns an object has that done instead, in which all may be
 * different but id, namespace, what it belongs to, name and revision. It may be asked twice when somebody else changed the same object
 * meanwhile. An `after` hears of what happened; when it throws, that stays. Both are waited for.
 */
export interface Listener<T> {
  beforeCreate?(item: T): Maybe<T>;
  afterCreate?(item: T): Maybe<void>;
  /** `stored`: as it is before. */
  beforeUpdate?(item: T, stored: T | null): Maybe<T>;
  afterUpdate?(item: T): Maybe<void>;
  /** What goes with it (an app's functions, a function's triggers) is not told of one by one. */
  beforeDelete?(item: T): Maybe<void>;
  afterDelete?(item: T): Maybe<void>;
  /** Somebody reads one, also in order to change it. */
  beforeGet?(wanted: Wanted): Maybe<void>;
  afterGet?(item: T): Maybe<void>;
  beforeList?(wanted: Wanted): Maybe<void>;
  afterList?(items: readonly T[]): Maybe<void>;
}

/** What is read: the namespace, and by what it is looked for. */
export interface Wanted {
  readonly namespace: string;
  readonly appId?: string | null;
  readonly id?: string;
  readonly name?: string;
  readonly source?: string;
}

/** Of calls. */
export interface CallListener {
  /**
   * A call is about to be taken: a synchronous one before it runs, an asynchronous one before it is accepted, also as the destination of another
   * call or out of the dead letters. One that is refused leaves no record; a refused destination is a line in the log of the call that it was for.
   */
  before?(call: ComingCall): Maybe<void>;
  /** Its record: once for each call that was taken, when it is over for good. */
  after?(record: Activation): Maybe<void>;
}

/** A call that is not taken yet. */
export interface ComingCall {
  /** It will be the id of its record. */
  readonly id: string;
  readonly fn: Fn;
  /** Null in the null app. */
  readonly app: App | null;
  /** The route it came through, if it did. */
  readonly route: Route | null;
  /** Names and values by turns, as the function will see them. */
  readonly headers: readonly string[];
  readonly asynchronous: boolean;
  /** What the call overrider said. */
  readonly extensions: Readonly<Record<string, string>>;
}

/** Changes what a call runs as; asked each time that it runs. Nothing returned: as it is. */
export type CallOverrider = (call: ComingCall) => Maybe<CallOverride>;

/** What is absent stays. With other memory, time or config a call runs in sandboxes of its own, which only equal overrides share. */
export interface CallOverride {
  /** Units as in the model: MiB, ms. */
  readonly memoryMiB?: number;
  readonly timeoutMs?: number;
  /** All of it, and not only what is different. */
  readonly config?: Readonly<Record<string, string>>;
  readonly headers?: readonly string[];
  /** For call listeners and placement. */
  readonly extensions?: Readonly<Record<string, string>>;
}

/**
 * Looks at a request before anybody else does. It answers, or calls `next` to let the request go on (which returns at once), or throws
 * a refusal. What it keeps in an `AsyncLocalStorage` around `next()` is there in listeners.
 */
export type Middleware = (request: MiddlewareRequest, next: Next) => Maybe<Answer>;

/** `headers`: set on the request for those behind; `answerHeaders`: added to the answer. */
export type Next = (changes?: {
  readonly headers?: Readonly<Record<string, string>>;
  readonly answerHeaders?: Readonly<Record<string, string>>;
}) => void;

export interface MiddlewareRequest {
  readonly method: string;
  /** Path and query as sent. */
  readonly target: string;
  readonly path: string;
  /** Names and values by turns. */
  readonly headers: readonly string[];
  /** First value of a header; `name` in lower case. */
  header(name: string): string | undefined;
  /** Address of the client. */
  readonly peer: string;
}

/** A whole answer. An object as a body is sent as JSON. */
export interface Answer {
  /** (Default: 200, or 204 without a body) */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | object;
}

/** A path of its own, under `/v2` or elsewhere, that no path of the platform takes. */
export interface Endpoint {
  readonly method: string;
  /** Begins with a slash; `:name` stands for one part, `*` at the end for the rest. */
  readonly path: string;
  /** Anybody may ask; else callers show a key, as everywhere. (Default: false) */
  readonly open?: boolean;
  handler(request: EndpointRequest): Answer | Promise<Answer>;
}

export interface EndpointRequest extends MiddlewareRequest {
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** At most 1 MiB. */
  readonly body: Buffer;
  /** Namespaces of the caller; null: all. Of an open path: none. */
  readonly namespaces: readonly string[] | null;
  /** Definitions and records. Listeners do not hear of what is done here. */
  readonly store: Store;
}

/** Makes a part of the platform. `own` makes the one that it stands for, to be used in it or not. */
export type Replacement<T> = (own: () => Promise<T>) => T | Promise<T>;

/** Says under which URL functions and triggers are called: the value of Fn's end point annotations. */
export interface UrlAnnotator {
  /** `url`: what would be shown; nothing returned: that. Not waited for. */
  fn?(fn: Fn, url: string): string | void;
  trigger?(trigger: Route, url: string): string | void;
}
