/**
 * One typed configuration: defaults, then a JSON file, then the environment, then flags; the last one that speaks wins.
 *
 * Promises: parsed once, by `roles/` (`load.ts`, the only file that reads environment variables); every value is checked, and a wrong one is
 * named with where it came from. Deliberately absent: what the values mean (each room has its slice).
 */
import type { OwnKind } from "./own-kinds.ts";
import type { RuntimesManifest } from "./runtimes.ts";
import type { StemCellRule } from "./stem-cells.ts";

export interface Config {
  /** `HOST:PORT` to listen on; port 0 takes a free one. */
  readonly listen: string;
  /** Folder of everything that has to survive: store, logs, code, keys. */
  readonly data: string;
  /** Folder of what can be made again: root file systems, downloads. */
  readonly cache: string;
  readonly sandbox: "bubblewrap" | "process";
  /** Who runs functions that are container images. */
  readonly images: "unpacked" | "docker";
  /** Where Docker listens, as in DOCKER_HOST; empty: where it does as a rule. */
  readonly dockerHost: string;
  /** Docker's network for functions of images that may use the internet. */
  readonly dockerNetwork: string;
  /** How large images that Docker pulled for functions may be together; 0: no limit. */
  readonly dockerImagesMiB: number;
  /** A folder for sockets of containers, as this process and as Docker sees it; empty: none, and the same. */
  readonly iofsPath: string;
  readonly iofsDockerPath: string;
  readonly pullTimeoutMs: number;
  /** Docker's `config.json`, for the credentials in it. */
  readonly registryAuth: string;
  /** `HOST` or `HOST:PORT` of images that name no registry. */
  readonly imageRegistry: string;
  /** Registries of images that may be spoken to without TLS, as `HOST` or `HOST:PORT`; those on loopback always may. */
  readonly imagePlainHosts: readonly string[];
  /** How large unpacked images may be together. */
  readonly imageCacheMiB: number;
  readonly cores: "memory" | "all";
  readonly logLevel: "debug" | "info" | "warn" | "error";
  /** Base of the URLs that are shown; empty: the request's own. */
  readonly publicUrl: string;
  /** Name below which each namespace has a host for its web actions; empty: none. */
  readonly webHost: string;
  /** What ARNs of functions say, and what requests of Lambda's clients are signed for. */
  readonly lambdaAccount: string;
  readonly lambdaRegion: string;
  /** Whether requests of Lambda's clients have to be signed by a key; `any`: not those that come over loopback. */
  readonly lambdaSignatures: "verify" | "any";
  /** Name below which function URLs have their hosts; empty: they have none. */
  readonly lambdaUrlDomain: string;
  /** How long running calls get to end on SIGTERM, in ms. */
  readonly drainMs: number;
  /** How long a call may wait for a slot, in ms. */
  readonly waitMsMax: number;
  readonly memoryMiB: number;
  /** How long a sandbox is idle before it is frozen, in ms; 0: never. */
  readonly freezeAfterMs: number;
  readonly startsMax: number;
  /** Sandboxes that wait for code. */
  readonly stemCells: readonly StemCellRule[];
  /** Kinds of the operator's own. */
  readonly kinds: readonly OwnKind[];
  /** Which kinds OpenWhisk's door offers; empty: ours. */
  readonly runtimes: RuntimesManifest;
  readonly startTimeoutMs: number;
  /** What namespaces may do that were given nothing else: calls at once, calls and events that begin within a minute. */
  readonly namespaceCallsMax: number;
  readonly namespaceCallsPerMinuteMax: number;
  readonly namespaceFiresPerMinuteMax: number;
  /** Synchronous calls of one function, and of one namespace, that may wait for a sandbox. */
  readonly functionWaitingMax: number;
  readonly namespaceWaitingMax: number;
  /** Asynchronous calls of one namespace that may wait in the queue. */
  readonly namespaceQueuedMax: number;
  /** Asynchronous calls that run at a time while nobody waits for an answer. */
  readonly asyncCallsMax: number;
  /** Revisions of each function that can be gone back to. */
  readonly revisionsKept: number;
  /** How much of what one call prints, and how long and how much of all, is kept; 0: for ever. */
  readonly logCallBytesMax: number;
  readonly logRetentionDays: number;
  readonly logRetentionMiB: number;
  /** How long records and results of calls are kept; 0: for ever. */
  readonly activationRetentionDays: number;
  /** How long, and how many of a namespace, dead letters are kept; 0: no limit. */
  readonly deadLetterRetentionDays: number;
  readonly deadLetterRetentionCount: number;
  /** Resolvers that functions' names are asked of; none: the machine's own. */
  readonly egressResolvers: readonly string[];
  /** Private networks, as `ADDRESS/BITS`, that functions may name in their egress lists. */
  readonly egressPrivateNetworks: readonly string[];
  /** Network, as `ADDRESS/BITS`, of which the server takes two addresses to tie its sandboxes to the machine. */
  readonly egressLinkNetwork: string;
  /** What installing a function's packages may take. */
  readonly installMemoryMiB: number;
  readonly installTimeoutMs: number;
  /** Where packages come from; empty: as npm and pip of this machine are set. Addresses may have `user:password@`. */
  readonly npmRegistry: string;
  readonly pipIndex: string;
  readonly goProxy: string;
  readonly cargoIndex: string;
  /** What packages may be fetched from besides, as `HOST:PORT`. */
  readonly registryHosts: readonly string[];
  /** HTTP proxy by which registries are reached, and hosts that are reached without it. */
  readonly registryProxy: string;
  readonly registryDirect: readonly string[];
  /** File of certificates that registries may have besides; empty: none. */
  readonly registryCa: string;
  /** Who reads calls off the wire: our own parser, or that of node:http. */
  readonly httpFront: "own" | "node";
  /** Processes that read connections in front of this one; 0: this one does. */
  readonly front: number;
  /** Pages of these origins may use Fn's API and its functions; `*` first: of all origins. */
  readonly corsOrigins: readonly string[];
  /** Headers that such pages may send; none: Origin, Content-Length and Content-Type. */
  readonly corsHeaders: readonly string[];
  /** Of a request's body; at most `limits.requestBytesMax`. */
  readonly requestBytesMax: number;
  /** What one sandbox may have: processes with their threads, open files of a process, files in its /tmp. */
  readonly processesMax: number;
  readonly openFilesMax: number;
  readonly tmpFilesMax: number;
  /** Whether pages that functions answer with are of an origin of their own, or of the console's and the API's. */
  readonly functionOrigin: "sandboxed" | "shared";
  /** Addresses from which callers need no key, as on loopback. */
  readonly trustedPeers: readonly string[];
  /** Syslog receivers that apps may name, as `HOST`, `HOST:PORT` or the path of a socket; none: any. */
  readonly syslogReceivers: readonly string[];
  /** Files and packages that add to the platform, in their order. */
  readonly extensions: readonly string[];
  /** The longest that a hook of one of them is waited for, in ms. */
  readonly extensionTimeoutMs: number;
}
