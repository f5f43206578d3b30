/**
 * The nouns of the platform and what makes them valid. Every door (Fn, OpenWhisk, Lambda, our own API) is a view of these.
 *
 * Promises: plain data, no behaviour beyond checking itself; field names carry their units; a namespace is part of
 * every key. Deliberately absent: any dialect's words, statuses or limits that only one door has (docs/decisions/0002-one-model.md),
 * and any import from another room.
 */
import type { FunctionName } from "./function-name.ts";
import type { UsedLayer } from "./layer.ts";

/** A tenant. Everything else lives in exactly one. `guest` is made at first start and is where Fn's door lives. */
export interface Namespace {
  readonly id: string;
  readonly name: string;
  readonly createdAt: number;
  /** What code connects to that leaves it to the namespace. Absent: `internet`, and the platform itself for code that is given a key to it. */
  readonly egress?: Egress;
}

/** What a namespace may do, as far as it is counted. Zero: nothing. */
export interface NamespaceLimits {
  /** Calls that are on their way at once. */
  readonly callsMax: number;
  /** Calls that begin within a minute. */
  readonly callsPerMinuteMax: number;
  /** Events that are fired within a minute. */
  readonly firesPerMinuteMax: number;
}

/** A group of functions: Fn's app, OpenWhisk's package. OpenWhisk's default package is the null app, which is no row. */
export interface App {
  readonly id: string;
  readonly namespace: string;
  readonly name: string;
  readonly config: Readonly<Record<string, string>>;
  readonly annotations: Annotations;
  readonly syslogUrl: string | null;
  /** Processor shape as Fn names it: "", GENERIC_X86, GENERIC_ARM, GENERIC_X86_ARM. */
  readonly shape: string;
  /** JSON parameters under those of its functions, as `Fn.parameters`. Absent: none. */
  readonly parameters?: Readonly<Record<string, unknown>>;
  /** Every namespace may read it and call its functions; each call is then the caller's, in a sandbox of the caller's. Absent: only its own. */
  readonly published?: true;
  /** It stands for another app, which is no such one itself: it has no functions, but settings over those of that app. Absent: it is an app of its own. */
  readonly binding?: AppBinding;
  /** Starts at 1 and rises by one with each change. */
  readonly revision: number;
  /** Milliseconds since the epoch, like every `...At`. */
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** An app by its names. */
export interface AppBinding {
  readonly namespace: string;
  readonly name: string;
}

/** Values are kept as the compact JSON text they arrived as, so `1.50` and the order of keys survive. */
export type Annotations = Readonly<Record<string, string>>;

/** How the platform speaks to the code: `protocol/`. Those that begin with `stdio-` are a stream of calls to one program over STDIN and STDOUT. */
export const protocolNames = [
  "frames",
  "http-stream",
  "stdio",
  "http-port",
  "action-proxy",
  "runtime-api",
  "stdio-http",
  "stdio-json",
  "stdio-cloudevent",
] as const;

export type ProtocolName = (typeof protocolNames)[number];

/**
 * What becomes of packages that code names and does not bring: `auto` installs them, `scripts` lets them run scripts of theirs
 * meanwhile, `none` leaves it.
 */
export const installModes = ["auto", "scripts", "none"] as const;

export type InstallMode = (typeof installModes)[number];

/**
 * How our runtimes call a handler (docs/frames.md). `event`: `handler(event, context)`. `parameters`: `main(parameters)`, with the function's
 * parameters under those of the call; it gives an object, which with a member `error` is a failure. `lambda`: as functions for AWS Lambda are called.
 */
export const conventionNames = ["event", "parameters", "lambda"] as const;

export type ConventionName = (typeof conventionNames)[number];

/** Where a function's code comes from. */
export type Source =
  /** An archive or a file for a language runtime. `handler` is `file.export` for the `frames` protocol; `command` replaces the kind's. */
  | {
      readonly type: "code";
      readonly kind: string;
      /** SHA-256 in hex that names the code (`image/`): of an archive's bytes, or of a single file's name and bytes. */
      readonly digest: string;
      readonly handler: string | null;
      readonly command: readonly string[] | null;
      /** Absent: `event`. */
      readonly convention?: ConventionName;
      /** Absent: `auto`. */
      readonly install?: InstallMode;
      /** Key of the packages that were installed for it (`image/`); absent: none. */
      readonly dependencies?: string;
      /** What is in `/opt`, each over those before it. Absent: nothing. */
      readonly layers?: readonly UsedLayer[];
    }
  /** A container image by reference. With protocol `action-proxy` it may be given code: what `digest` names, and the function in it. `kind`: the one that the image is for, where it is not the function's own. */
  | {
      readonly type: "image";
      readonly image: string;
      readonly kind?: string;
      readonly digest?: string;
      readonly handler?: string | null;
      /** In place of what the image says of that. Absent: as it says. */
      readonly start?: ImageStart;
    }
  /** A program that needs no runtime: kinds `go:1` and `native:1`. `command[0]` is a path inside the archive. */
  | {
      readonly type: "executable";
      readonly kind: string;
      readonly digest: string;
      readonly command: readonly string[];
    }
  /** No code: other functions, one after the other, each sent what the one before answered (`flow/`). */
  | { readonly type: "sequence"; readonly components: readonly FunctionName[] };

/** What a container is started with, and where. What is absent is as its image says. */
export interface ImageStart {
  readonly entryPoint?: readonly string[];
  readonly command?: readonly string[];
  /** A whole path. */
  readonly workingFolder?: string;
}

/** A source that there is code of, or an image. */
export type StartableSource = Exclude<Source, { type: "sequence" }>;

/**
 * What the code may connect to. `internet`: all but this machine, private networks, metadata services and the platform itself;
 * a list: only these `HOST:PORT`, where `platform` stands for the platform's own API and `internet` for what it is alone.
 */
export type Egress = "none" | "internet" | readonly string[];

/** A function's word that its namespace says what it connects to, at each start anew. */
export const byNamespace = "namespace";

/** What decides how long a sandbox is kept without calls: `agent/keep-alive.ts`. */
export const keepAliveNames = ["fixed", "learned"] as const;

export type KeepAliveName = (typeof keepAliveNames)[number];

/** A revision's part of a function's calls, in proportion to the sum of the weights. */
export interface TrafficShare {
  readonly revision: number;
  readonly weight: number;
}

/** What becomes of a function's asynchronous calls. */
export interface Delivery {
  /** Runs of one call, the first included; then it is dead-lettered. */
  readonly attemptsMax: number;
  /** Before the second attempt; doubled for each further one, with jitter. */
  readonly backoffMs: number;
  /** A call that is older is not run any more. */
  readonly ageMsMax: number;
  /** Who is called with the outcome: `app/name` in the same namespace, `_/name` in the null app; null: nobody. */
  readonly onSuccess: string | null;
  readonly onFailure: string | null;
  /** Who is called with what a call that was given up was sent, as `onFailure` names it. Absent: nobody. */
  readonly deadLetter?: string | null;
}

/** User code and its settings. `(id, revision)` is the identity of a sandbox: one never serves two. */
export interface Fn {
  readonly id: string;
  readonly namespace: string;
  /** Null in the null app. */
  readonly appId: string | null;
  readonly name: string;
  readonly source: Source;
  readonly protocol: ProtocolName;
  readonly memoryMiB: number;
  readonly timeoutMs: number;
  /** How long a sandbox without a call is kept. */
  readonly idleTimeoutMs: number;
  /** Calls that one sandbox may run at the same time. */
  readonly concurrency: number;
  /** How many sandboxes may exist at once. */
  readonly sandboxesMax: number;
  /** `shared`: a sandbox serves one call after the other; `fresh`: each call gets one of its own. */
  readonly isolation: "shared" | "fresh";
  /** A sandbox older than this gets no new calls. */
  readonly sandboxAgeMsMax: number;
  /** Sandboxes that are kept ready whether calls come or not. */
  readonly provisioned: number;
  /** When the sandboxes beyond those end: `fixed`, after `idleTimeoutMs`; `learned`, by when the function's calls came so far. */
  readonly keepAlive: KeepAliveName;
  readonly egress: Egress | typeof byNamespace;
  readonly delivery: Delivery;
  /** Who gets the calls that name no revision; empty: the newest gets all. Not part of a revision: changing it makes none. */
  readonly traffic: readonly TrafficShare[];
  /** Environment of the sandbox; the app's config is underneath it. */
  readonly config: Readonly<Record<string, string>>;
  /** JSON parameters under a call's own, for the convention `parameters`; one whose name is in `config`, too, is there for the environment alone. */
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly annotations: Annotations;
  /** Bytes of what a call prints that are kept, within what the server keeps of any; absent: that. */
  readonly logBytesMax?: number;
  /** As `App.shape`, copied from the app. */
  readonly shape: string;
  /** Of a function as one call runs it, changed by a binding or an extension: sandboxes are for equal ones. Never stored. */
  readonly variant?: string;
  /** Number of the version that a call named, as code is told. Never stored. */
  readonly version?: number;
  readonly revision: number;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** A URL path that leads to a function. Fn's wire says trigger. `(appId, source)` is unique. */
export interface Route {
  readonly id: string;
  readonly namespace: string;
  readonly appId: string;
  readonly functionId: string;
  readonly name: string;
  /** Starts with a slash. */
  readonly source: string;
  readonly annotations: Annotations;
  readonly revision: number;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** A named event that can be fired. One that is removed leaves its rules. */
export interface Trigger {
  readonly id: string;
  readonly namespace: string;
  readonly name: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly annotations: Annotations;
  readonly revision: number;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** "When this trigger fires, call that function." It outlives both: without its trigger nothing fires it, without its function each call of it fails. */
export interface Rule {
  readonly id: string;
  readonly namespace: string;
  readonly name: string;
  /** The one of this id alone, not one that gets its name later. */
  readonly triggerId: string;
  /** What that one is, or was, called. */
  readonly triggerName: string;
  /** What it calls, which need not be there. */
  readonly target: FunctionName;
  readonly active: boolean;
  readonly annotations: Annotations;
  readonly revision: number;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** Paths below one of its own that lead to functions, as a document of OpenAPI says. */
export interface Api {
  readonly id: string;
  readonly namespace: string;
  /** Its base path, from the slash that it begins with. */
  readonly name: string;
  /** What people call it; others may be called the same. */
  readonly title: string;
  /** JSON text. */
  readonly document: string;
  readonly revision: number;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** In the order in which they are counted and shown. */
export const startTypes = ["hot", "warm", "prewarmed", "cold", "none"] as const;

/**
 * How a call found its sandbox. `hot`: a running one of this function had a free slot; `warm`: one was paused;
 * `prewarmed`: a stem cell of the kind, code still to load; `cold`: nothing yet. `none`: no sandbox was ever had.
 */
export type StartType = (typeof startTypes)[number];

/** The good one first. */
export const activationStatuses = [
  "success",
  "function_error",
  "developer_error",
  "platform_error",
  "timeout",
  "cancelled",
  "dead_lettered",
] as const;

/**
 * How a call ended. `function_error`: the code answered with an error; `developer_error`: it could not be loaded, exited or
 * broke its contract; `platform_error`: our fault; the others say themselves.
 */
export type ActivationStatus = (typeof activationStatuses)[number];

/** The durable record of one call; written once, when the call is over. */
export interface Activation {
  /** 26 characters; `model/id.ts` renders the same 128 bits for the other doors. */
  readonly id: string;
  readonly namespace: string;
  readonly appId: string | null;
  readonly functionId: string;
  readonly functionName: string;
  readonly revision: number;
  /** The route it came through, if it did. */
  readonly routeId: string | null;
  readonly status: ActivationStatus;
  readonly start: StartType;
  /** Rises with each delivery of an asynchronous call; 1 for a synchronous one. */
  readonly attempt: number;
  /** What failed, safe to show; null on success. */
  readonly error: { readonly code: string; readonly message: string } | null;
  /** When the call was accepted and when its record was closed. */
  readonly startedAt: number;
  readonly endedAt: number;
  /** Milliseconds, fractions kept: for a slot; making the sandbox; loading the code; the function itself. */
  readonly waitMs: number;
  readonly createMs: number;
  readonly initMs: number;
  readonly runMs: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
  /** Units of 100 ms of `initMs + runMs`, rounded up. */
  readonly billedUnits: number;
  /** The caller's trace, 32 hex digits; absent where the call began one: its id is then the record's, in hex. */
  readonly traceId?: string;
  /** Id of the activation that made this call, as a sequence makes those of its steps; absent: nobody's. */
  readonly cause?: string;
  /** The namespace of the function, where it is shared: another one than that of the call. */
  readonly provider?: string;
  /** Name of the app through which it was called, if that is a binding. */
  readonly binding?: string;
  /** What was activated is a trigger, whose id, name and revision stand for the function's. Absent: a function. */
  readonly activated?: "trigger";
  /** Of a call that consists of others (`flow/`): the most memory that one of them had. Absent: code ran. */
  readonly stepsMemoryMiB?: number;
}

/** One line that a function printed. */
export interface LogLine {
  /** Milliseconds since the epoch when the platform read it. */
  readonly at: number;
  readonly stream: "stdout" | "stderr" | "platform";
  readonly text: string;
}
