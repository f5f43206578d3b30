/**
 * One typed configuration: defaults, then a JSON file, then the environment, then flags; the last one that speaks wins.
 *
 * Promises: parsed once, by `roles/`; every value is checked, and a wrong one is named with where it came from; the only file
 * that reads environment variables. Deliberately absent: what the values mean (each room has its slice).
 */
import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { availableParallelism, homedir, totalmem } from "node:os";
import { join, resolve } from "node:path";
import { PlatformError } from "../model/error.ts";
import { limits } from "../model/limits.ts";
import { fnSetting, meaninglessVariables } from "./fn-settings.ts";
import { type OwnKind, parseOwnKind } from "./own-kinds.ts";
import { parseStemCells, type StemCellRule, stemCellDefaults } from "./stem-cells.ts";

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
  readonly startTimeoutMs: number;
  readonly namespaceCallsMax: number;
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

/** One setting: its default, a sentence, its other names, and how its text is read. */
interface Setting<T> {
  readonly default: T;
  readonly about: string;
  /** Environment variables, ours first, then the one inherited from Fn. */
  readonly env: readonly string[];
  readonly parse: (text: string) => T;
}

type Settings = { readonly [Name in keyof Config]: Setting<Config[Name]> };

/** Every setting; the reference page of the configuration is made from this table. */
export function settings(environment: NodeJS.ProcessEnv = process.env): Settings {
  return {
    listen: { default: "127.0.0.1:8080", about: "HOST:PORT to listen on", env: ["POLYKILN_LISTEN", "FN_PORT"], parse: text },
    data: {
      default: xdg(environment, "XDG_DATA_HOME", ".local/share"),
      about: "Folder of what has to survive",
      env: ["POLYKILN_DATA"],
      parse: folder,
    },
    cache: {
      default: xdg(environment, "XDG_CACHE_HOME", ".cache"),
      about: "Folder of what can be made again",
      env: ["POLYKILN_CACHE"],
      parse: folder,
    },
    sandbox: {
      default: process.platform === "linux" ? "bubblewrap" : "process",
      about: "Where code runs: bubblewrap, or process (unprotected)",
      env: ["POLYKILN_SANDBOX"],
      parse: oneOf("bubblewrap", "process"),
    },
    images: {
      default: "unpacked",
      about: "Functions that are container images: unpacked into sandboxes of ours, or run by docker",
      env: ["POLYKILN_IMAGES"],
      parse: oneOf("unpacked", "docker"),
    },
    dockerHost: {
      default: "",
      about: "Where Docker listens, as unix:///PATH or tcp://HOST:PORT; empty: at unix:///var/run/docker.sock",
      env: ["POLYKILN_DOCKER_HOST", "DOCKER_HOST"],
      parse: text,
    },
    dockerNetwork: {
      default: "none",
      about:
        "Docker's network for functions of images that may use the internet, which nothing of ours guards; none: one of ours, where there are any",
      env: ["POLYKILN_DOCKER_NETWORK", "FN_DOCKER_NETWORKS"],
      parse: text,
    },
    dockerImagesMiB: {
      default: 20_480,
      about: "Size in MiB above which the least recently used of the images that Docker pulled for functions go; 0: no limit",
      env: ["POLYKILN_DOCKER_IMAGES_MIB", "FN_IMAGE_CLEAN_MAX_SIZE"],
      parse: whole(0, 16_777_216),
    },
    iofsPath: {
      default: "",
      about: "Folder for sockets of containers, where this process cannot see Docker's own folders; empty: none",
      env: ["POLYKILN_IOFS_PATH", "FN_IOFS_PATH"],
      parse: folderOrNone,
    },
    iofsDockerPath: {
      default: "",
      about: "The same folder as Docker sees it: a path, or the name of a volume; empty: by the same path",
      env: ["POLYKILN_IOFS_DOCKER_PATH", "FN_IOFS_DOCKER_PATH"],
      parse: text,
    },
    pullTimeoutMs: {
      default: 600_000,
      about: "Time that pulling a function's image may take, in ms",
      env: ["POLYKILN_PULL_TIMEOUT_MS", "FN_HOT_PULL_TIMEOUT_MSECS"],
      parse: whole(1000, 86_400_000),
    },
    registryAuth: {
      default: join(environment["DOCKER_CONFIG"] || join(homedir(), ".docker"), "config.json"),
      about: "File with credentials for image registries, in the form of Docker's config.json",
      env: ["POLYKILN_REGISTRY_AUTH"],
      parse: folderOrNone,
    },
    imageRegistry: {
      default: "docker.io",
      about: "Registry of images that name none, as HOST or HOST:PORT",
      env: ["POLYKILN_IMAGE_REGISTRY"],
      parse: text,
    },
    imagePlainHosts: {
      default: [],
      about:
        "Registries of images that may be spoken to without TLS where they have none, as HOST or HOST:PORT with commas between",
      env: ["POLYKILN_IMAGE_PLAIN_HOSTS"],
      parse: each(text),
    },
    imageCacheMiB: {
      default: 20_480,
      about: "Size in MiB above which the least recently used of the unpacked images go that no sandbox is in; 0: no limit",
      env: ["POLYKILN_IMAGE_CACHE_MIB", "FN_IMAGE_CLEAN_MAX_SIZE"],
      parse: whole(0, 16_777_216),
    },
    cores: {
      default: "memory",
      about: "On which processors a sandbox runs: one for each 1,792 MiB of its memory (memory), or any (all)",
      env: ["POLYKILN_CORES"],
      parse: oneOf("memory", "all"),
    },
    logLevel: {
      default: "info",
      about: "Least severe entry that is logged",
      env: ["POLYKILN_LOG_LEVEL", "FN_LOG_LEVEL"],
      parse: oneOf("debug", "info", "warn", "error"),
    },
    publicUrl: {
      default: "",
      about: "Base of the URLs that are shown; empty: the request's own",
      env: ["POLYKILN_PUBLIC_URL", "FN_PUBLIC_LB_URL"],
      parse: baseUrl,
    },
    drainMs: {
      default: 30_000,
      about: "Time that running calls get to end on SIGTERM, in ms",
      env: ["POLYKILN_DRAIN_MS"],
      parse: whole(0, 3_600_000),
    },
    waitMsMax: {
      default: 30_000,
      about: "Time that a call may wait for a sandbox, in ms",
      env: ["POLYKILN_WAIT_MS_MAX"],
      parse: whole(0, 3_600_000),
    },
    memoryMiB: {
      default: Math.floor((totalmem() / 1024 / 1024) * 0.75),
      about: "Memory of all sandboxes, in MiB: the limits of busy ones and what idle ones use; 75 % of the machine's by default",
      env: ["POLYKILN_MEMORY_MIB", "FN_MAX_TOTAL_MEMORY_BYTES"],
      parse: whole(1, 1_048_576),
    },
    freezeAfterMs: {
      default: 100,
      about: "Time that a sandbox is idle before it is frozen, in ms; 0: never",
      env: ["POLYKILN_FREEZE_AFTER_MS", "FN_FREEZE_IDLE_MSECS"],
      parse: whole(0, 3_600_000),
    },
    startsMax: {
      default: Math.max(2, availableParallelism() * 2),
      about: "Sandboxes that are started at the same time",
      env: ["POLYKILN_STARTS_MAX"],
      parse: whole(1, 1024),
    },
    stemCells: {
      default: stemCellDefaults,
      about:
        "Sandboxes that wait for code, so that a first call finds one: none, or JSON as [{kind, memoryMiB, count, reactive: {min, max, ttlMs, threshold, increment}}]",
      env: ["POLYKILN_STEM_CELLS"],
      parse: parseStemCells,
    },
    kinds: {
      default: [],
      about:
        "Kinds of your own, as NAME:VERSION=FOLDER_OR_IMAGE [COMMAND…] with commas between: a folder by its whole path, or a container image",
      env: ["POLYKILN_KINDS"],
      parse: each(parseOwnKind),
    },
    startTimeoutMs: {
      default: 10_000,
      about: "Time that a sandbox may take to be ready, in ms",
      env: ["POLYKILN_START_TIMEOUT_MS", "FN_HOT_START_TIMEOUT_MSECS"],
      parse: whole(1, 600_000),
    },
    namespaceCallsMax: {
      default: 10_000,
      about: "Calls of one namespace that may be on their way at once",
      env: ["POLYKILN_NAMESPACE_CALLS_MAX"],
      parse: whole(1, 1_000_000),
    },
    functionWaitingMax: {
      default: 1000,
      about: "Calls of one function that may wait for a sandbox; one more is answered 503",
      env: ["POLYKILN_FUNCTION_WAITING_MAX"],
      parse: whole(1, 1_000_000),
    },
    namespaceWaitingMax: {
      default: 2000,
      about: "Calls of one namespace that may wait for a sandbox; one more is answered 429",
      env: ["POLYKILN_NAMESPACE_WAITING_MAX"],
      parse: whole(1, 1_000_000),
    },
    namespaceQueuedMax: {
      default: 100_000,
      about: "Asynchronous calls of one namespace that may wait in the queue; one more is answered 429",
      env: ["POLYKILN_NAMESPACE_QUEUED_MAX"],
      parse: whole(1, 10_000_000),
    },
    asyncCallsMax: {
      default: 32,
      about: "Asynchronous calls that run at a time; fewer while somebody waits for a synchronous one",
      env: ["POLYKILN_ASYNC_CALLS_MAX"],
      parse: whole(1, 10_000),
    },
    revisionsKept: {
      default: limits.revisionsKept.default,
      about: "Revisions of each function that can be gone back to",
      env: ["POLYKILN_REVISIONS_KEPT"],
      parse: whole(limits.revisionsKept.min, limits.revisionsKept.max),
    },
    logCallBytesMax: {
      default: limits.logBytesMax,
      about: "Bytes of what one call prints that are kept; the rest is cut, which its log says",
      env: ["POLYKILN_LOG_CALL_BYTES_MAX", "FN_MAX_LOG_SIZE_BYTES"],
      parse: whole(1, 64 * 1024 * 1024),
    },
    logRetentionDays: {
      default: 7,
      about: "Days that what functions print is kept; 0: for ever",
      env: ["POLYKILN_LOG_RETENTION_DAYS"],
      parse: whole(0, 36_500),
    },
    logRetentionMiB: {
      default: 1024,
      about: "Size in MiB above which the oldest lines that functions printed go; 0: no limit",
      env: ["POLYKILN_LOG_RETENTION_MIB"],
      parse: whole(0, 16_777_216),
    },
    activationRetentionDays: {
      default: 30,
      about: "Days that records and results of calls are kept; 0: for ever",
      env: ["POLYKILN_ACTIVATION_RETENTION_DAYS"],
      parse: whole(0, 36_500),
    },
    deadLetterRetentionDays: {
      default: 30,
      about: "Days that dead letters are kept; 0: for ever",
      env: ["POLYKILN_DEAD_LETTER_RETENTION_DAYS"],
      parse: whole(0, 36_500),
    },
    deadLetterRetentionCount: {
      default: 100_000,
      about: "Dead letters of a namespace above which its oldest go; 0: no limit",
      env: ["POLYKILN_DEAD_LETTER_RETENTION_COUNT"],
      parse: whole(0, 10_000_000),
    },
    egressResolvers: {
      default: [],
      about: "Addresses of the resolvers that functions' names are asked of, with commas between; none: the machine's own",
      env: ["POLYKILN_EGRESS_RESOLVERS"],
      parse: each(address),
    },
    egressPrivateNetworks: {
      default: [],
      about: "Private networks that functions may name in their egress lists, as ADDRESS/BITS with commas between",
      env: ["POLYKILN_EGRESS_PRIVATE_NETWORKS"],
      parse: each(network),
    },
    egressLinkNetwork: {
      default: "198.18.0.0/15",
      about: "IPv4 network, as ADDRESS/BITS, of which the server takes two addresses to tie its sandboxes to the machine",
      env: ["POLYKILN_EGRESS_LINK_NETWORK"],
      parse: linkNetwork,
    },
    installMemoryMiB: {
      default: 1536,
      about: "Memory of a sandbox that installs a function's packages, its files included, in MiB",
      env: ["POLYKILN_INSTALL_MEMORY_MIB"],
      parse: whole(256, 65_536),
    },
    installTimeoutMs: {
      default: 300_000,
      about: "Time that installing a function's packages may take, in ms",
      env: ["POLYKILN_INSTALL_TIMEOUT_MS"],
      parse: whole(1000, 3_600_000),
    },
    npmRegistry: {
      default: "",
      about: "Registry that functions' packages for Node come from, as a URL; empty: the one that npm of this machine uses",
      env: ["POLYKILN_NPM_REGISTRY"],
      parse: baseUrl,
    },
    pipIndex: {
      default: "",
      about: "Index that functions' packages for Python come from, as a URL; empty: the one that pip of this machine uses",
      env: ["POLYKILN_PIP_INDEX", "PIP_INDEX_URL"],
      parse: baseUrl,
    },
    registryHosts: {
      default: ["files.pythonhosted.org:443"],
      about: "What packages may be fetched from besides these two, as HOST:PORT with commas between",
      env: ["POLYKILN_REGISTRY_HOSTS"],
      parse: each(hostAndPort),
    },
    registryProxy: {
      default: "",
      about: "HTTP proxy by which registries of packages and of images are reached, as a URL; empty: none",
      env: ["POLYKILN_REGISTRY_PROXY", "HTTPS_PROXY", "https_proxy"],
      parse: baseUrl,
    },
    registryDirect: {
      default: [],
      about: "Hosts that are reached without that proxy, with commas between; .NAME: all below it",
      env: ["POLYKILN_REGISTRY_DIRECT", "NO_PROXY", "no_proxy"],
      parse: each(text),
    },
    registryCa: {
      default: "",
      about: "File of certificates that registries may have besides those that the machine trusts",
      env: ["POLYKILN_REGISTRY_CA", "NODE_EXTRA_CA_CERTS"],
      parse: text,
    },
    httpFront: {
      default: "own",
      about: "Parser of calls: own, or node for that of node:http",
      env: ["POLYKILN_HTTP_FRONT"],
      parse: oneOf("own", "node"),
    },
    front: {
      default: 0,
      about: "Processes that read connections and answer them, in front of the one that runs calls; 0: that one does so itself",
      env: ["POLYKILN_FRONT"],
      parse: whole(0, 64),
    },
    corsOrigins: {
      default: [],
      about:
        "Origins whose pages may use Fn's API and functions, with commas between; none: this server's own; *: all, and on loopback any page may change things here then",
      env: ["POLYKILN_CORS_ORIGINS", "FN_API_CORS_ORIGINS"],
      parse: each(origin),
    },
    corsHeaders: {
      default: [],
      about: "Headers that such pages may send, with commas between; none: Origin, Content-Length and Content-Type",
      env: ["POLYKILN_CORS_HEADERS", "FN_API_CORS_HEADERS"],
      parse: each(headerName),
    },
    requestBytesMax: {
      default: limits.requestBytesMax,
      about: "Largest body of a call, in bytes; a larger one is answered 413",
      env: ["POLYKILN_REQUEST_BYTES_MAX", "FN_MAX_REQUEST_SIZE"],
      parse: whole(1, limits.requestBytesMax),
    },
    processesMax: {
      default: 128,
      about: "Processes and threads in one sandbox",
      env: ["POLYKILN_PROCESSES_MAX", "FN_MAX_PIDS"],
      parse: whole(16, 32_768),
    },
    openFilesMax: {
      default: 1024,
      about: "Open files of one process in a sandbox",
      env: ["POLYKILN_OPEN_FILES_MAX", "FN_MAX_OPEN_FILES"],
      parse: whole(64, 1_048_576),
    },
    tmpFilesMax: {
      default: 10_000,
      about: "Files and folders in the /tmp of a sandbox",
      env: ["POLYKILN_TMP_FILES_MAX", "FN_MAX_TMPFS_INODES"],
      parse: whole(16, 1_000_000),
    },
    functionOrigin: {
      default: "sandboxed",
      about:
        "Pages that functions answer with: sandboxed in the browser, or shared, where they may do all that the console and their caller may do here",
      env: ["POLYKILN_FUNCTION_ORIGIN"],
      parse: oneOf("sandboxed", "shared"),
    },
    trustedPeers: {
      default: [],
      about:
        "IP addresses from which callers need no key, as on loopback, with commas between; whoever gets hold of one may do all",
      env: ["POLYKILN_TRUSTED_PEERS"],
      parse: each(address),
    },
    syslogReceivers: {
      default: [],
      about: "Syslog receivers that apps may name, as HOST, HOST:PORT or the path of a socket, with commas between; none: any",
      env: ["POLYKILN_SYSLOG_RECEIVERS"],
      parse: each(text),
    },
    extensions: {
      default: [],
      about: "Extensions, with commas between: files as ./NAME from the working directory on, or packages",
      env: ["POLYKILN_EXTENSIONS"],
      parse: each(text),
    },
    extensionTimeoutMs: {
      default: 5000,
      about: "Time that a hook of an extension may take, in ms; then what it was asked for fails",
      env: ["POLYKILN_EXTENSION_TIMEOUT_MS"],
      parse: whole(1, 600_000),
    },
  };
}

/** `memoryMiB` on a command line: `memory-mib`. */
export function flagOf(setting: string): string {
  return setting.replace("MiB", "Mib").replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** Flags by setting name, as text; `file` is a JSON document with the same names. Throws `invalid` naming the source. */
export function loadConfig(flags: Readonly<Record<string, string | undefined>>, file?: string): Config {
  const fromFile = file === undefined ? {} : readConfigFile(file);
  const result: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries(settings()) as [string, Setting<unknown>][]) {
    result[name] = setting.default;
    if (fromFile[name] !== undefined) result[name] = parsed(setting, textOf(fromFile[name]), `${name} in ${file}`);
    for (const variable of setting.env.toReversed()) {
      const value = valueOf(variable);
      if (value !== null) result[name] = parsed(setting, value, variable);
    }
    const flag = flags[name];
    if (flag !== undefined) result[name] = parsed(setting, flag, `--${flagOf(name)}`);
  }
  return Object.freeze(result) as unknown as Config;
}

/** What a variable says, as our own setting is written; null: nothing. `<NAME>_FILE` names a file that has the value, as with Fn. */
function valueOf(variable: string): string | null {
  const value = process.env[variable] || fileValue(`${variable}_FILE`);
  if (value === undefined) return null;
  const row = fnSetting(variable);
  if (row === undefined || row.setting === null || row.convert === undefined) return value;
  try {
    return row.convert(value);
  } catch (error) {
    throw new PlatformError("invalid", `${variable}: ${JSON.stringify(value)} ${(error as Error).message}`);
  }
}

function fileValue(variable: string): string | undefined {
  const file = /^(POLYKILN|FN)_/.test(variable) ? process.env[variable] : undefined;
  if (!file) return undefined;
  try {
    return readFileSync(file, "utf8").trim() || undefined;
  } catch (error) {
    throw new PlatformError("invalid", `${variable}: ${file} can't be read: ${(error as Error).message}`);
  }
}

/** Variables of Fn's server that are set and mean nothing here, with why. */
export function unusedFnVariables(): ReadonlyMap<string, string> {
  return meaninglessVariables(process.env);
}

/** When the `kiln` script began, in milliseconds since the epoch; undefined when it was not the one who started us. */
export function commandStartedAt(): number | undefined {
  const startedAt = Number(process.env["KILN_STARTED_MS"]);
  return startedAt > 0 ? startedAt : undefined;
}

/**
 * Where Node keeps what it compiled of our sources, so that the next start is faster. Of this user alone: in the system's folder for
 * temporary files, Node's own choice, somebody else could put code for us to run.
 */
export function compileCacheFolder(): string {
  const { cache } = settings();
  return join(resolve(process.env["POLYKILN_CACHE"] || cache.default), "compiled");
}

/** The variables of whoever gives a command, for the client: it looks up names that its user wrote into a file. */
export function callerEnvironment(): Readonly<Record<string, string | undefined>> {
  return process.env;
}

/** The host and port of `HOST:PORT`, `[V6]:PORT` or `:PORT` (loopback). */
export function parseListen(listen: string): { host: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(listen);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    throw new PlatformError("invalid", `--listen ${listen} is not HOST:PORT, such as 127.0.0.1:8080`);
  }
  return { host: match[1] ?? (match[2] === "" ? "127.0.0.1" : (match[2] as string)), port };
}

function parsed<T>(setting: Setting<T>, value: string, where: string): T {
  try {
    return setting.parse(value);
  } catch (error) {
    throw new PlatformError("invalid", `${where}: ${JSON.stringify(value)} ${(error as Error).message}. ${setting.about}.`);
  }
}

const isText = (value: unknown) => typeof value === "string" || typeof value === "number";
const isList = (name: string) => Array.isArray(settings()[name as keyof Settings].default);

/** As it would be in the environment. */
function textOf(value: unknown): string {
  if (isText(value)) return String(value);
  return Array.isArray(value) && value.every(isText) ? value.join(",") : JSON.stringify(value);
}

function readConfigFile(file: string): Record<string, unknown> {
  try {
    const document: unknown = JSON.parse(readFileSync(file, "utf8"));
    if (typeof document !== "object" || document === null || Array.isArray(document)) throw new Error("is not a JSON object");
    const unknown = Object.keys(document).find((name) => !Object.hasOwn(settings(), name));
    if (unknown !== undefined) throw new Error(`has an unknown setting ${JSON.stringify(unknown)}`);
    const odd = Object.entries(document).find(([name, value]) => !isText(value) && !(Array.isArray(value) && isList(name)));
    if (odd !== undefined) throw new Error(`has neither text nor a number as ${JSON.stringify(odd[0])}`);
    return document as Record<string, unknown>;
  } catch (error) {
    throw new PlatformError("invalid", `Configuration file ${file}: ${(error as Error).message}`);
  }
}

const text = (value: string) => value;

/** A full path, because other processes are told of it, which work elsewhere. */
function folder(value: string): string {
  if (value === "" || value.includes("\0")) throw new Error("is not the name of a folder");
  return resolve(value);
}

function folderOrNone(value: string): string {
  return value === "" ? "" : folder(value);
}

function baseUrl(value: string): string {
  if (value !== "" && !/^https?:$/.test(URL.parse(value)?.protocol ?? "")) throw new Error("is not a URL that begins with http");
  return value;
}

/** Parts with commas between; nothing is no part. */
function each<T>(parse: (part: string) => T): (value: string) => readonly T[] {
  return (value) =>
    value
      .split(",")
      .map((part) => part.trim())
      .filter((part) => part !== "")
      .map(parse);
}

function address(value: string): string {
  if (isIP(value) === 0) throw new Error("has something that is no IP address");
  return value;
}

function network(value: string): string {
  const [begin = "", bits = "", ...more] = value.split("/");
  const bitsMax = isIP(begin) === 4 ? 32 : 128;
  if (isIP(begin) === 0 || more.length > 0 || !/^\d{1,3}$/.test(bits) || Number(bits) > bitsMax) {
    throw new Error("is not ADDRESS/BITS, such as 10.1.0.0/16");
  }
  return value;
}

/** As a browser writes it. */
function origin(value: string): string {
  const url = value === "*" ? null : URL.parse(value);
  if (value !== "*" && (url === null || !/^https?:$/.test(url.protocol) || value.toLowerCase() !== url.origin))
    throw new Error("is no origin, such as https://app.example");
  return value.toLowerCase();
}

function headerName(value: string): string {
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(value)) throw new Error("has something that is no name of a header");
  return value;
}

function linkNetwork(value: string): string {
  if (!network(value).includes(".") || Number(value.split("/")[1]) > 30)
    throw new Error("is not an IPv4 network of at most 30 bits");
  return value;
}

function hostAndPort(value: string): string {
  const port = Number(/^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9][A-Za-z0-9.-]*):(\d{1,5})$/.exec(value)?.[1] ?? 0);
  if (port < 1 || port > 65_535) throw new Error("is not HOST:PORT, such as files.example.com:443");
  return value;
}

function oneOf<T extends string>(...values: readonly T[]): (value: string) => T {
  return (value) => {
    const found = values.find((candidate) => candidate === value);
    if (found === undefined) throw new Error(`is none of ${values.join(", ")}`);
    return found;
  };
}

function whole(min: number, max: number): (value: string) => number {
  return (value) => {
    const number = Number(value);
    if (!/^\d+$/.test(value) || number < min || number > max) throw new Error(`is not a whole number from ${min} to ${max}`);
    return number;
  };
}

function xdg(environment: NodeJS.ProcessEnv, variable: string, below: string): string {
  return join(environment[variable] || join(homedir(), below), "polykiln");
}
