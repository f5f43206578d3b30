/** A registry of images of a test's own: the program that Debian has of it, on a free port of loopback, with its files in a temporary folder. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { python } from "./kits.ts";

const program = "docker-registry";
const path = `${process.env["PATH"] ?? ""}:/usr/bin:/usr/sbin`;

/** Why none can be started here; undefined: it can. */
export const noImageRegistry: string | undefined = path.split(":").some((folder) => existsSync(join(folder, program)))
  ? undefined
  : `${program} missing: apt-get install ${program}`;

export interface RegistryOptions {
  /** Who may enter; everybody by default. */
  readonly user?: { readonly name: string; readonly password: string };
  readonly tls?: boolean;
}

export interface ImageRegistry {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
  readonly folder: string;
  /** File of the certificate it shows, with `tls`. */
  readonly certificate: string;
  /** A `config.json` with the user's credentials. */
  readonly credentialsFile: string;
  stop(): Promise<void>;
}

export async function startImageRegistry({ user, tls = false }: RegistryOptions = {}): Promise<ImageRegistry> {
  const folder = mkdtempSync(join(tmpdir(), "image-registry-"));
  const certificate = join(folder, "certificate.pem");
  if (tls) makeCertificate(folder);
  if (user !== undefined) writeFileSync(join(folder, "users"), `${user.name}:${bcrypt(user.password)}\n`);
  const config = {
    version: 0.1,
    log: { accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(folder, "data") }, delete: { enabled: true } },
    http: { addr: "127.0.0.1:0", ...(tls ? { tls: { certificate, key: join(folder, "key.pem") } } : {}) },
    ...(user === undefined ? {} : { auth: { htpasswd: { realm: "tests", path: join(folder, "users") } } }),
  };
  // Its YAML is read by the same reader as JSON.
  writeFileSync(join(folder, "config.yml"), JSON.stringify(config));
  const child = spawn(program, ["serve", join(folder, "config.yml")], {
    env: { PATH: path, OTEL_TRACES_EXPORTER: "none" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const ended = once(child, "exit");
  const stop = async () => {
    child.kill("SIGKILL");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  const host = await listening(child.stderr, ended).catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  const auth = user === undefined ? "" : Buffer.from(`${user.name}:${user.password}`).toString("base64");
  const credentialsFile = join(folder, "config.json");
  writeFileSync(credentialsFile, JSON.stringify({ auths: user === undefined ? {} : { [host]: { auth } } }));
  return { host, folder, certificate, credentialsFile, stop };
}

/** `127.0.0.1:PORT` out of what it says at its start. */
function listening(stream: NodeJS.ReadableStream, ended: Promise<unknown>): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = "";
    stream.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      const found = /listening on (127\.0\.0\.1:\d+)/.exec(said);
      if (found !== null) resolve(found[1] as string);
    });
    void ended.then(() => reject(new Error(`The registry ended: ${said}`)));
  });
}

function makeCertificate(folder: string): void {
  const names = ["-subj", "/CN=tests", "-addext", "subjectAltName=IP:127.0.0.1,DNS:registry.example"];
  const files = ["-keyout", join(folder, "key.pem"), "-out", join(folder, "certificate.pem")];
  const kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  execFileSync("openssl", ["req", ...kind, ...names, ...files], { stdio: "ignore" });
}

/** The only form of passwords that the registry takes. */
function bcrypt(password: string): string {
  const code = "import crypt, sys; print(crypt.crypt(sys.argv[1], crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16)))";
  return execFileSync(python, ["-W", "ignore", "-c", code, password], { encoding: "utf8" }).trim();
}

/** What is in a file of the registry's own store, for tests that break it. */
export function storedBlob({ folder }: ImageRegistry, digest: string): string {
  const hex = digest.slice("sha256:".length);
  const file = join(folder, "data/docker/registry/v2/blobs/sha256", hex.slice(0, 2), hex, "data");
  readFileSync(file);
  return file;
}
