import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, join } from "node:path";
import { nearest } from "../lib/nearest.ts";
import { exits, Failure } from "./failure.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** A server and how we came to it. */
export interface Server {
  readonly url: string;
  /** `<key id>:<secret>`; null: none was given. */
  readonly auth: string | null;
  /** Of the context; null: it says none. */
  readonly namespace: string | null;
  /** For people: where the address is from. */
  readonly from: string;
  /** The key of a server on this machine, tried when it wants one and nobody gave one. */
  readonly fallbackKeyFile: string | null;
}

interface ContextFile {
  readonly current?: string;
  readonly contexts?: Readonly<Record<string, { url: string; auth?: string; namespace?: string }>>;
}

/** What a running `dev` tells the other commands of its folder. */
export interface DevServer {
  readonly url: string;
  readonly pid: number;
}

export const defaultUrl = "http://127.0.0.1:8080";

/**
 * The server to talk to; the first that says one: `--api-url`, `--context`, POLYKILN_URL, POLYKILN_CONTEXT, the `dev` of this folder, the
 * current context, the default address. With `deploying` the current context comes before `dev`, which has everything already.
 */
export function resolveServer(
  flags: { readonly apiUrl?: string; readonly auth?: string; readonly context?: string },
  env: Environment,
  folder: string,
  deploying = false,
): Server {
  const auth = flags.auth ?? (env["POLYKILN_AUTH"] || null);
  const at = (url: string, from: string, keyFolder = dataFolder(env)): Server => ({
    url: checkedUrl(url, from),
    auth,
    namespace: null,
    from,
    fallbackKeyFile: auth === null && isLoopback(url) ? join(keyFolder, "guest.key") : null,
  });
  if (flags.apiUrl !== undefined) return at(flags.apiUrl, "--api-url");
  const file = readContexts(env);
  const named = flags.context ?? (env["POLYKILN_URL"] ? undefined : env["POLYKILN_CONTEXT"] || undefined);
  if (named !== undefined) return fromContext(file, named, auth, env);
  if (env["POLYKILN_URL"]) return at(env["POLYKILN_URL"], "POLYKILN_URL");
  const dev = runningDev(folder, env);
  const fromDev = dev === null ? null : at(dev.url, "dev in this folder", devFolder(dev.folder, env));
  const fromCurrent = file.current === undefined ? null : fromContext(file, file.current, auth, env);
  return (deploying ? (fromCurrent ?? fromDev) : (fromDev ?? fromCurrent)) ?? at(defaultUrl, "default");
}

/** The key that was given, or that of a server of this machine. Throws a `Failure` where there is none. */
export function keyOf(server: Server): string {
  const key = server.auth ?? (server.fallbackKeyFile === null ? "" : textOf(server.fallbackKeyFile).trim());
  if (key !== "") return key;
  throw new Failure({
    code: "E_NO_KEY",
    exit: exits.usage,
    what: `There is no key for ${server.url}, and OpenWhisk's API always wants one`,
    where: server.from,
    fix: "give one with --auth ID:SECRET, or run this where the server's data folder is (POLYKILN_DATA)",
  });
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function fromContext(file: ContextFile, name: string, auth: string | null, env: Environment): Server {
  const known = file.contexts ?? {};
  const context = known[name];
  if (context === undefined) {
    const meant = nearest(name, Object.keys(known));
    throw new Failure({
      code: "E_CONTEXT",
      exit: exits.usage,
      what: `There is no context ${JSON.stringify(name)}`,
      where: contextsFile(env),
      why: meant === undefined ? `It has ${Object.keys(known).join(", ") || "none"}` : `did you mean ${meant}?`,
      fix: `add it: {"contexts": {${JSON.stringify(name)}: {"url": "https://…", "auth": "ID:SECRET"}}}`,
    });
  }
  return {
    url: checkedUrl(context.url, `context ${name}`),
    auth: auth ?? context.auth ?? null,
    namespace: context.namespace ?? null,
    from: `context ${name}`,
    fallbackKeyFile: null,
  };
}

function contextsFile(env: Environment): string {
  return join(env["XDG_CONFIG_HOME"] || join(env["HOME"] || homedir(), ".config"), "polykiln", "contexts.json");
}

function readContexts(env: Environment): ContextFile {
  const path = contextsFile(env);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return {};
  }
  try {
    const file = JSON.parse(text) as ContextFile;
    for (const [name, { url }] of Object.entries(file.contexts ?? {}))
      if (typeof url !== "string") throw new Error(`context ${name} has no url`);
    return file;
  } catch (cause) {
    throw new Failure({
      code: "E_CONTEXT",
      exit: exits.usage,
      what: "The file of contexts cannot be read",
      where: path,
      why: (cause as Error).message,
      cause,
    });
  }
}

function checkedUrl(text: string, from: string): string {
  const url = URL.parse(/^[a-z]+:\/\//i.test(text) ? text : `http://${text}`);
  if (url !== null && /^https?:$/.test(url.protocol)) return `${url.origin}${url.pathname.replace(/\/+$/, "")}`;
  throw new Failure({
    code: "E_USAGE",
    exit: exits.usage,
    what: `${JSON.stringify(text)} is no address of a server`,
    where: from,
    fix: "write it as http://127.0.0.1:8080 or https://kiln.example.com",
  });
}

export function isLoopback(url: string): boolean {
  const host = URL.parse(url.includes("://") ? url : `http://${url}`)?.hostname ?? "";
  return host === "localhost" || host === "[::1]" || host.startsWith("127.");
}

/** Where a server of this user keeps its things by default. */
function dataFolder(env: Environment): string {
  return env["POLYKILN_DATA"] || join(env["XDG_DATA_HOME"] || join(env["HOME"] || homedir(), ".local/share"), "polykiln");
}

/** Data of `dev` for one project folder: not inside it, where sandbox users may not be able to read. */
export function devFolder(projectFolder: string, env: Environment): string {
  const digest = createHash("sha256").update(projectFolder).digest("hex").slice(0, 8);
  const base = join(env["XDG_DATA_HOME"] || join(env["HOME"] || homedir(), ".local/share"), "polykiln");
  return join(base, "dev", `${basename(projectFolder).replaceAll(/[^\w.-]/g, "_")}-${digest}`);
}

export function devFile(projectFolder: string, env: Environment): string {
  return join(devFolder(projectFolder, env), "dev.json");
}

/** The `dev` that runs for this folder or one above it; null when there is none. */
export function runningDev(folder: string, env: Environment): (DevServer & { readonly folder: string }) | null {
  for (let at = folder; ; at = dirname(at)) {
    const found = readDev(devFile(at, env));
    if (found !== null) return { ...found, folder: at };
    if (dirname(at) === at) return null;
  }
}

function readDev(file: string): DevServer | null {
  try {
    if (!statSync(file).isFile()) return null;
    const dev = JSON.parse(readFileSync(file, "utf8")) as DevServer;
    // A `dev` that was killed could not remove its file.
    process.kill(dev.pid, 0);
    return dev;
  } catch {
    return null;
  }
}
