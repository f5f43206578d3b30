import { execFile, spawn } from "node:child_process";
import { PlatformError } from "../../model/error.ts";

/** Where the progress and the troubles of slow work are told, a sentence at a time; for operators, may name host paths. */
export type Say = (message: string) => void;

/** What a missing program means to whoever runs the platform. */
const remedies: Readonly<Record<string, string>> = {
  "apt-get": "root file systems are made from Debian packages: use Debian 12 (amd64), or start with --sandbox process",
  "dpkg-deb": "root file systems are made from Debian packages: use Debian 12 (amd64), or start with --sandbox process",
  tar: "install it with `apt-get install tar`",
  javac: "install it with `apt-get install openjdk-17-jdk-headless`",
  npm: "install it with `apt-get install npm`, or use the kind nodejs:24, which needs no download",
};

/** Runs a program to its end and gives its STDOUT. Throws `internal`; what it printed goes to `say`, never into the error. */
export function runTool(file: string, args: readonly string[], timeoutMs: number, say: Say): Promise<string> {
  const options = { timeout: timeoutMs, killSignal: "SIGKILL", maxBuffer: 16 * 1024 * 1024 } as const;
  return new Promise((resolve, reject) => {
    execFile(file, args, options, (error, stdout, stderr) => {
      if (error === null) return resolve(stdout);
      for (const line of lastLines(`${stdout}\n${stderr}`)) say(`${file}: ${line}`);
      reject(toolFailure(file, error));
    });
  });
}

const packageReader = "dpkg-deb";

/** Unpacks a Debian package's files below `folder`, without its scripts and without what only people read. */
export async function unpackPackage(deb: string, folder: string, timeoutMs: number): Promise<void> {
  const limits = { timeout: timeoutMs, killSignal: "SIGKILL" } as const;
  const left = ["doc", "man", "info", "locale", "lintian", "bug"].map((name) => `--exclude=./usr/share/${name}/*`);
  // Without keeping links, a package that still has /lib would replace our /lib -> usr/lib by a folder.
  const args = ["-x", "-p", "--no-same-owner", "--keep-directory-symlink", "-C", folder, ...left];
  const reader = spawn(packageReader, ["--fsys-tarfile", deb], { ...limits, stdio: ["ignore", "pipe", "ignore"] });
  const writer = spawn("tar", args, { ...limits, stdio: ["pipe", "ignore", "ignore"] });
  reader.stdout.pipe(writer.stdin);
  // Tar leaves at the end mark and never reads the padding behind it: how both ended decides, not the pipe between them.
  writer.stdin.on("error", () => reader.stdout.resume());
  for (const event of ["close", "error"]) writer.once(event, () => reader.stdout.resume());
  // Both are waited for, also when one failed: neither may outlive the folder it works on.
  const ends = await Promise.allSettled([ended(packageReader, reader), ended("tar", writer)]);
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}

function ended(file: string, child: ReturnType<typeof spawn>): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once("error", (error) => reject(toolFailure(file, error)));
    child.once("close", (code, signal) => (code === 0 ? resolve() : reject(toolFailure(file, new Error(`${code ?? signal}`)))));
  });
}

function toolFailure(file: string, cause: unknown): PlatformError {
  const missing = cause instanceof Error && "code" in cause && cause.code === "ENOENT";
  const message = missing
    ? `The program ${file} is not installed: ${remedies[file] ?? `install ${file}`}`
    : `The program ${file} failed; the platform's log has its last lines`;
  return new PlatformError("internal", message, { cause, details: missing ? { missingProgram: file } : {} });
}

/** True for the error of `runTool` that says the program is not there at all: trying another way is of no use. */
export function isMissingProgram(error: unknown): boolean {
  return error instanceof PlatformError && "missingProgram" in error.details;
}

function lastLines(text: string): string[] {
  const lines = text.split("\n").map((line) => line.trim());
  return lines.filter((line) => line !== "").slice(-8);
}
