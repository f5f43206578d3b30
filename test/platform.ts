/**
 * Besides `src/roles/` the only place that starts a platform: a real server process in temporary folders on a free port, as a user
 * has it. Every option has a default, so that one that is given is one that matters.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";

const main = join(import.meta.dirname, "../src/roles/main.ts");

export interface PlatformOptions {
  /** Data folder; a temporary one, removed at the end, by default. */
  readonly data?: string;
  /** More flags of `start`. */
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The program; the platform's own by default. */
  readonly program?: string;
}

/** What a function is made of: files by name, or one file, and settings of our API. */
export interface Deployment {
  readonly name: string;
  readonly app?: string;
  /** The first one by default; another has to be there (`makeNamespace`). */
  readonly namespace?: string;
  /** One source file: its name and its text. */
  readonly file?: readonly [name: string, text: string | Buffer];
  /** An archive's bytes. */
  readonly archive?: Buffer;
  readonly settings?: Readonly<Record<string, unknown>>;
}

export interface DeployedFunction {
  readonly id: string;
  readonly revision: number;
  readonly invokeUrl: string;
  readonly fnUrl: string;
}

export interface Platform {
  readonly url: string;
  readonly port: number;
  readonly auth: string;
  readonly pid: number;
  readonly data: string;
  readonly process: ChildProcess;
  /** Resolves when the process has ended, however long ago, with its exit code. */
  readonly ended: Promise<number | null>;
  /** What it said on stderr so far. */
  readonly log: () => string;
  deploy(deployment: Deployment): Promise<DeployedFunction>;
  /** SIGTERM, waits for the end, removes a temporary data folder; the exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL, waits for the end, keeps the data. */
  crash(): Promise<void>;
}

/** Which certificates are trusted and where the network is: without them a registry may be out of reach. */
const ofThisMachine =
  "XDG_CACHE_HOME NODE_EXTRA_CA_CERTS SSL_CERT_FILE HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy https_proxy no_proxy".split(" ");

/** Settings that whoever wants to can run all suites and benches with: `POLYKILN_FRONT=2 ./kiln test`. */
const chosen = ["POLYKILN_FRONT", "POLYKILN_CORES"].flatMap((name) => {
  const value = process.env[name];
  return value === undefined ? [] : [[name, value] as const];
});

/** The environment everything runs in: nothing else of the caller's that changes how fast or what runs. */
export const cleanEnvironment: Readonly<Record<string, string>> = {
  PATH: process.env["PATH"] ?? "",
  HOME: process.env["HOME"] ?? homedir(),
  LANG: "C.UTF-8",
  ...Object.fromEntries(chosen),
  ...Object.fromEntries(ofThisMachine.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]]))),
};

export async function startPlatform(options: PlatformOptions = {}): Promise<Platform> {
  const data = options.data ?? mkdtempSync(join(tmpdir(), "kiln-data-"));
  const flags = ["start", "--json", "--listen", "127.0.0.1:0", "--data", data, "--log-level", "warn", ...(options.flags ?? [])];
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", options.program ?? main, ...flags], {
    stdio: ["ignore", "pipe", "pipe"],
    // On a machine that is busy with other tests a start alone takes seconds.
    env: { ...cleanEnvironment, POLYKILN_START_TIMEOUT_MS: "60000", ...options.env },
  });
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    log = (log + text).slice(-100_000);
  });
  const ended = new Promise<number | null>((resolve) => child.once("exit", (code) => resolve(code)));
  const line = await firstLine(child, () => log).catch((error: unknown) => {
    if (options.data === undefined) rmSync(data, { recursive: true, force: true });
    throw error;
  });
  const { url, auth, pid } = JSON.parse(line) as { url: string; auth: string; pid: number };
  return {
    url,
    port: Number(new URL(url).port),
    auth,
    pid,
    data,
    process: child,
    ended,
    log: () => log,
    deploy: (deployment) => deploy(url, deployment),
    async stop() {
      child.kill("SIGTERM");
      const code = await ended;
      if (options.data === undefined) rmSync(data, { recursive: true, force: true });
      return code;
    },
    async crash() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/** The first line a program prints; rejects with what it said when it ends before. */
export function firstLine(child: ChildProcess, said: () => string = () => ""): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
      const feed = text.indexOf("\n");
      if (feed !== -1) resolve(text.slice(0, feed));
    });
    // Not when it ends: what it printed last, errors too, may be read later than that is heard of.
    child.once("close", (code) => reject(new Error(`The process ended with ${code} before its first line: ${said()}`)));
  });
}

/** The file of an example, as `Deployment.file`. */
export function example(name: string): readonly [string, Buffer] {
  const file = name.includes("python") ? "handler.py" : "index.js";
  return [file, readFileSync(join(import.meta.dirname, "../examples", name, file))];
}

async function deploy(
  url: string,
  { name, app = "tests", namespace = "guest", file, archive, settings = {} }: Deployment,
): Promise<DeployedFunction> {
  const base = `${url}/kiln/v1/namespaces/${namespace}/apps/${app}`;
  if (app !== "_") await put(base, {});
  const bytes = archive ?? Buffer.from(file?.[1] ?? "");
  const code = bytes.length > inlineBytesMax ? { codeDigest: await uploaded(base, bytes) } : { code: bytes.toString("base64") };
  const made = await put(`${base}/functions/${name}`, {
    kind: "nodejs:24",
    ...code,
    ...(file === undefined ? {} : { fileName: file[0] }),
    ...settings,
  });
  const { id, revision } = made as { id: string; revision: number };
  return { id, revision, invokeUrl: `${base}/functions/${name}/invoke`, fnUrl: `${url}/invoke/${id}` };
}

/** What fits into the JSON of a function, in base64. */
const inlineBytesMax = 4 * 1024 * 1024;

/** Sends code as it is, to a function made for that; its digest. */
async function uploaded(base: string, bytes: Buffer): Promise<string> {
  const isArchive = bytes.readUInt16BE(0) === 0x1f8b || bytes.readUInt16BE(0) === 0x504b;
  const query = isArchive ? "kind=native:1" : "kind=native:1&file=main";
  const response = await fetch(`${base}/functions/upload/code?${query}`, {
    method: "PUT",
    headers: { "content-type": bytes.readUInt16BE(0) === 0x504b ? "application/zip" : "application/gzip" },
    body: new Uint8Array(bytes),
  });
  if (!response.ok) throw new Error(`PUT code: ${response.status} ${await response.text()}`);
  return ((await response.json()) as { codeDigest: string }).codeDigest;
}

async function put(url: string, body: object): Promise<unknown> {
  const response = await fetch(url, {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`PUT ${url}: ${response.status} ${await response.text()}`);
  return await response.json();
}
