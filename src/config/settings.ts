/** What can be set: each with its default, what is said of it, and how its text is read. */
import { availableParallelism, homedir, totalmem } from "node:os";
import { join } from "node:path";
import { limits } from "../model/limits.ts";
import type { Config } from "./config.ts";
import { parseOwnKind } from "./own-kinds.ts";
import { parseRuntimes } from "./runtimes.ts";
import { parseStemCells, stemCellDefaults } from "./stem-cells.ts";
import {
  address,
  baseUrl,
  domainOrNone,
  each,
  folder,
  folderOrNone,
  headerName,
  hostAndPort,
  linkNetwork,
  matching,
  network,
  oneOf,
  origin,
  text,
  whole,
} from "./values.ts";

/** One setting: its default, a sentence, its other names, and how its text is read. */
export interface Setting<T> {
  readonly default: T;
  readonly about: string;
  /** Environment variables, ours first, then the one inherited from Fn. */
  readonly env: readonly string[];
  readonly parse: (text: string) => T;
}

/** By name. */
export type Settings = { readonly [Name in keyof Config]: Setting<Config[Name]> };

/** Every setting, for a user with this environment; the reference page of the configuration is made from this table. */
export function settingsIn(environment: NodeJS.ProcessEnv): Settings {
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
    webHost: {
      default: "",
      about: "Host name below which each namespace has one for its web actions: NAMESPACE.HOST/PACKAGE/ACTION; empty: none",
      env: ["POLYKILN_WEB_HOST"],
      parse: domainOrNone,
    },
    lambdaAccount: {
      default: "000000000000",
      about: "Account in the ARNs of functions, 12 digits, as Lambda's door shows them and takes them",
      env: ["POLYKILN_LAMBDA_ACCOUNT"],
      parse: matching(/^\d{12}$/, "12 digits"),
    },
    lambdaRegion: {
      default: "us-east-1",
      about: "Region in the ARNs of functions, which clients of Lambda's door have to be set to",
      env: ["POLYKILN_LAMBDA_REGION"],
      parse: matching(/^[a-z]{2,8}(?:-[a-z]+)+-\d$/, "a region such as us-east-1"),
    },
    lambdaSignatures: {
      default: "verify",
      about:
        "Requests to Lambda's door: signed by a key's pair (verify), or over loopback by anybody, in the first namespace (any), for development only",
      env: ["POLYKILN_LAMBDA_SIGNATURES"],
      parse: oneOf("verify", "any"),
    },
    lambdaUrlDomain: {
      default: "localhost",
      about: "Name below which function URLs have their hosts: ID.lambda-url.REGION.NAME; empty: they have paths only",
      env: ["POLYKILN_LAMBDA_URL_DOMAIN"],
      parse: domainOrNone,
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
    runtimes: {
      default: [],
      about:
        "Kinds that OpenWhisk's door offers, as a file (or JSON) in the shape of OpenWhisk's runtimes.json, stem cells included; empty: the platform's own",
      env: ["POLYKILN_RUNTIMES"],
      parse: parseRuntimes,
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
      parse: whole(0, 1_000_000),
    },
    namespaceCallsPerMinuteMax: {
      default: 10_000_000,
      about: "Calls of one namespace that may begin within a minute; one more is answered 429",
      env: ["POLYKILN_NAMESPACE_CALLS_PER_MINUTE_MAX"],
      parse: whole(0, 1_000_000_000),
    },
    namespaceFiresPerMinuteMax: {
      default: 10_000_000,
      about: "Events of one namespace that may be fired within a minute; one more is answered 429",
      env: ["POLYKILN_NAMESPACE_FIRES_PER_MINUTE_MAX"],
      parse: whole(0, 1_000_000_000),
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
    goProxy: {
      default: "",
      about: "Proxy that modules of Go come from, as a URL; empty: the one that Go on this machine uses",
      env: ["POLYKILN_GO_PROXY"],
      parse: baseUrl,
    },
    cargoIndex: {
      default: "",
      about: "Sparse index that crates for Rust come from, as a URL without `sparse+`; empty: that of crates.io",
      env: ["POLYKILN_CARGO_INDEX"],
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

function xdg(environment: NodeJS.ProcessEnv, variable: string, below: string): string {
  return join(environment[variable] || join(homedir(), below), "polykiln");
}
