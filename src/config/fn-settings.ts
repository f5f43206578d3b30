/**
 * The variables by which Fn's server is set, and what each means here: the one table of them. docs/reference/fn-settings.md is made
 * from it.
 */
import { limits } from "../model/limits.ts";
import type { Config } from "./config.ts";

/** One variable of Fn's. */
export type FnSetting = WithMeaning | WithoutMeaning;

interface WithMeaning {
  readonly setting: keyof Config;
  /** Another one that it sets as well. */
  readonly also?: keyof Config;
  /** How it differs from Fn's; empty: not at all. */
  readonly differs: string;
  /** Its value as ours is written, with null for a value that says nothing. Throws an Error that goes on the name. (Default: as it is) */
  readonly convert?: (value: string) => string | null;
}

interface WithoutMeaning {
  readonly setting: null;
  /** Why. */
  readonly reason: string;
  /** Values that ask for what is done anyway, of which nothing is said. */
  readonly agreed?: readonly string[];
}

const mebibyte = 1024 * 1024;
const cluster = "a server is a whole one, and calls go to no other";
const fixed = (what: string) => `fixed: ${what}`;

/** By name; a star at the end stands for the rest of a name. */
export const fnSettings: Readonly<Record<string, FnSetting>> = {
  FN_NODE_TYPE: { setting: null, reason: cluster, agreed: ["", "full"] },
  FN_PORT: { setting: "listen", differs: "on loopback, where Fn takes all addresses", convert: listenAt },
  FN_GRPC_PORT: { setting: null, reason: cluster },
  FN_PUBLIC_LB_URL: { setting: "publicUrl", differs: "" },
  FN_RUNNER_API_URL: { setting: null, reason: cluster },
  FN_RUNNER_ADDRESSES: { setting: null, reason: cluster },
  FN_PLACER: { setting: null, reason: cluster },
  FN_RID_HEADER: { setting: null, reason: fixed("X-Request-Id") },

  FN_DB_URL: { setting: null, reason: "definitions are in SQLite in the data folder (`data`), or where an extension keeps them" },
  FN_DS_DB_PING_MAX_RETRIES: { setting: null, reason: "there is no database to wait for" },
  FN_MQ_URL: { setting: null, reason: "the queue is in the data folder (`data`), or where an extension keeps it" },
  FN_LOGSTORE_URL: { setting: null, reason: "logs are in the data folder (`data`), or where an extension keeps them" },

  FN_LOG_LEVEL: { setting: "logLevel", differs: "fatal and panic are error, trace is debug", convert: logLevel },
  FN_LOG_FORMAT: { setting: null, reason: fixed("JSON"), agreed: ["json"] },
  FN_LOG_DEST: { setting: null, reason: fixed("stderr"), agreed: ["stderr"] },
  FN_LOG_PREFIX: { setting: null, reason: "entries are JSON objects, which have no place for one" },

  FN_MAX_REQUEST_SIZE: {
    setting: "requestBytesMax",
    differs: "at most 32 MiB, which is also what 0 means",
    convert: (value) => (value === "0" ? null : String(Math.min(wholeNumber(value), limits.requestBytesMax))),
  },
  FN_MAX_REQUEST_HEADER_SIZE: { setting: null, reason: fixed("64 KiB and 200 headers") },
  FN_REQUEST_BODY_READ_TIMEOUT: { setting: null, reason: fixed("300 s for a whole request") },
  FN_REQUEST_HEADER_READ_TIMEOUT: { setting: null, reason: fixed("15 s") },
  FN_RESPONSE_WRITE_TIMEOUT: { setting: null, reason: fixed("a client that reads nothing for 60 s is cut") },
  FN_HTTP_IDLE_TIMEOUT: { setting: null, reason: fixed("65 s") },
  FN_API_CORS_ORIGINS: { setting: "corsOrigins", differs: "" },
  FN_API_CORS_HEADERS: { setting: "corsHeaders", differs: "" },

  FN_FREEZE_IDLE_MSECS: {
    setting: "freezeAfterMs",
    differs: "a sandbox that is woken soon is left alone for longer the next time",
    // Fn's 0 is "at once" and ours "never".
    convert: (value) => (value.startsWith("-") ? "0" : String(Math.max(1, wholeNumber(value)))),
  },
  FN_HOT_POLL_MSECS: { setting: null, reason: "a call that waits is told, and nobody polls" },
  FN_HOT_LAUNCHER_TIMEOUT_MSECS: { setting: null, reason: "there is no launcher that would have to end" },
  FN_HOT_PULL_TIMEOUT_MSECS: { setting: "pullTimeoutMs", differs: "" },
  FN_HOT_START_TIMEOUT_MSECS: { setting: "startTimeoutMs", differs: "" },
  FN_EXECUTION_HEADROOM: {
    setting: null,
    reason: "asynchronous calls are in a queue, and wait there as long as their function says",
  },
  FN_MAX_RESPONSE_SIZE: { setting: null, reason: fixed("32 MiB") },
  FN_MAX_HDR_RESPONSE_SIZE: { setting: null, reason: fixed("64 KiB") },
  FN_MAX_LOG_SIZE_BYTES: { setting: "logCallBytesMax", differs: "what is cut is said in the log of the call" },
  FN_MAX_TOTAL_CPU_MCPUS: { setting: null, reason: "processors are shared by weight, and not given away" },
  FN_MAX_TOTAL_MEMORY_BYTES: {
    setting: "memoryMiB",
    differs: "in whole MiB",
    convert: (value) => (value === "0" ? null : String(Math.max(1, Math.floor(wholeNumber(value) / mebibyte)))),
  },
  FN_MAX_FS_SIZE_MB: { setting: null, reason: "roots are read-only, and /tmp is memory of the function" },
  FN_MAX_PIDS: { setting: "processesMax", differs: "" },
  FN_MAX_OPEN_FILES: { setting: "openFilesMax", differs: "" },
  FN_MAX_LOCKED_MEMORY: { setting: null, reason: fixed("as the machine has it") },
  FN_MAX_PENDING_SIGNALS: { setting: null, reason: fixed("as the machine has it") },
  FN_MAX_MESSAGE_QUEUE: { setting: null, reason: fixed("as the machine has it") },
  FN_MAX_TMPFS_INODES: { setting: "tmpFilesMax", differs: "" },
  FN_DISABLE_READONLY_ROOTFS: { setting: null, reason: "roots are shared, and so always read-only" },
  FN_DISABLE_UNPRIVILEGED_CONTAINERS: { setting: null, reason: "code never has privileges" },
  FN_DISABLE_DEBUG_USER_LOGS: { setting: null, reason: "what functions print is never in the server's own log" },
  FN_ENABLE_NB_RESOURCE_TRACKER: {
    setting: null,
    reason: "a call that finds no room waits up to `waitMsMax`; 0 there is the same",
  },
  FN_IOFS_PATH: { setting: "iofsPath", differs: "" },
  FN_IOFS_DOCKER_PATH: { setting: "iofsDockerPath", differs: "the name of a volume will do, too" },
  FN_IOFS_TMPFS: { setting: null, reason: "folders of sockets hold nothing else" },
  FN_IOFS_OPTS: { setting: null, reason: "folders of sockets hold nothing else" },

  FN_DOCKER_NETWORKS: {
    setting: "dockerNetwork",
    differs: "the first of them",
    convert: (value) => value.trim().split(/\s+/)[0] || null,
  },
  FN_DOCKER_LOAD_FILE: { setting: null, reason: "images are pulled, or loaded by docker load" },
  FN_DOCKER_AUTH: { setting: null, reason: "credentials are in a file (`registryAuth`)" },
  FN_CONTAINER_LABEL_TAG: { setting: null, reason: "containers always have labels, and leaked ones are always removed" },
  FN_IMAGE_CLEAN_MAX_SIZE: {
    setting: "imageCacheMiB",
    also: "dockerImagesMiB",
    differs: "of images unpacked here, and of those that Docker pulled for functions; others never go",
    convert: (value) => String(Math.ceil(wholeNumber(value) / mebibyte)),
  },
  FN_IMAGE_CLEAN_EXEMPT_TAGS: { setting: null, reason: "images that were not pulled for functions never go" },
  FN_IMAGE_ENABLE_VOLUME: { setting: null, reason: "an image with a VOLUME is refused: what is written there would be lost" },
  "FN_EXPERIMENTAL_PREFORK_*": { setting: null, reason: "sandboxes that wait for code are `stemCells`" },

  FN_ZIPKIN_URL: { setting: null, reason: "traces go on by `traceparent`, and nobody exports spans" },
  FN_JAEGER_URL: { setting: null, reason: "traces go on by `traceparent`, and nobody exports spans" },
  FN_PROCESS_COLLECTOR_LIST: { setting: null, reason: "metrics are of this server alone" },
};

/** Of Fn's client, its kits and its own tools: they may be set where a server runs, and say nothing to it. */
const others = [
  /^FN_(API_URL|REGISTRY|CONTEXT|TOKEN|CLI|INVOKE_ENDPOINT_CACHE_TTL|HOME)$/,
  /^FN_(LOCAL_DEBUG|FUNCTION|FDK)/,
  /_FDK_VERSION$/,
];

/** The row of a variable; undefined: Fn knows none of that name. */
export function fnSetting(name: string): FnSetting | undefined {
  if (Object.hasOwn(fnSettings, name)) return fnSettings[name];
  const family = Object.keys(fnSettings).find((key) => key.endsWith("*") && name.startsWith(key.slice(0, -1)));
  return family === undefined ? undefined : fnSettings[family];
}

/** What is set and means nothing here, with why. */
export function meaninglessVariables(environment: Readonly<Record<string, string | undefined>>): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const [variable, value = ""] of Object.entries(environment)) {
    const name = variable.replace(/_FILE$/, "");
    if (!name.startsWith("FN_") || value === "" || others.some((pattern) => pattern.test(name))) continue;
    const row = fnSetting(variable) ?? fnSetting(name);
    if (row === undefined) found.set(variable, "Fn has no setting of this name");
    else if (row.setting === null && row.agreed?.includes(value) !== true) found.set(variable, row.reason);
  }
  return found;
}

function listenAt(value: string): string {
  const port = wholeNumber(value);
  if (port > 65_535) throw new Error("is no port");
  return `127.0.0.1:${port}`;
}

function logLevel(value: string): string {
  const level = value.toLowerCase();
  if (level === "fatal" || level === "panic") return "error";
  if (level === "trace") return "debug";
  return level === "warning" ? "warn" : level;
}

function wholeNumber(value: string): number {
  if (!/^\d{1,15}$/.test(value)) throw new Error("is not a whole number");
  return Number(value);
}
