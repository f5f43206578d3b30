import { type ChildProcess, spawn } from "node:child_process";
import { getCompileCacheDir } from "node:module";
import { dirname } from "node:path";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { PlatformError } from "../../model/error.ts";
import type { Say } from "../roots/tool.ts";
import type { PullAnswer, PullJob } from "./pull-job.ts";

/** Of the process that pulls, which holds names and never contents, in MiB. */
const heapMiB = 128;

/**
 * Has a pull done by a process of its own, which afterwards goes on for as long as the disk takes. Throws what it says, and the signal's reason
 * once the process is gone.
 */
export async function runPull(job: PullJob, say: Say, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const main = fileURLToPath(import.meta.url).replace(/puller(\.[jt]s)$/, "pull-main$1");
  const node = ["--disable-warning=ExperimentalWarning", `--max-old-space-size=${heapMiB}`, "--max-semi-space-size=1", main];
  const cache = getCompileCacheDir();
  const child = spawn(process.execPath, node, {
    cwd: "/",
    // Compiled anew, our own sources would take it as long as a small image.
    env: { PATH: "/usr/local/bin:/usr/bin:/bin", ...(cache === undefined ? {} : { NODE_COMPILE_CACHE: dirname(cache) }) },
    stdio: ["pipe", "pipe", "pipe"],
    signal,
    killSignal: "SIGKILL",
  });
  // How it ended says more than that nobody read.
  child.stdin.on("error", () => {});
  child.stdin.write(`${JSON.stringify(job)}\n`);
  const told = answerOf(child.stdout);
  child.stderr.setEncoding("utf8").on("data", (text: string) => say(`Pulling ${job.note.digest}: ${text.trim().slice(0, 2000)}`));
  const ended = new Promise<string>((resolve) => {
    child.once("error", (error) => {
      if (child.pid === undefined) resolve(error.message);
    });
    child.once("close", (code, killedBy) => resolve(String(killedBy ?? code)));
  });
  const answer = await Promise.race([told, ended]);
  signal.throwIfAborted();
  if (typeof answer === "string") throw new PlatformError("internal", `The process that pulls images ended with ${answer}`);
  letGo(child);
  if ("failed" in answer) throw new PlatformError(answer.failed.code, answer.failed.message, { details: answer.failed.details });
}

/** The first line, once it is there. */
function answerOf(stdout: Readable): Promise<PullAnswer> {
  let said = "";
  return new Promise((resolve) => {
    stdout.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      if (said.endsWith("\n")) resolve(JSON.parse(said) as PullAnswer);
    });
  });
}

/** What it still does keeps no server from ending, and ends with it. */
function letGo(child: ChildProcess): void {
  child.unref();
  for (const pipe of [child.stdin, child.stdout, child.stderr]) (pipe as unknown as { unref(): void } | null)?.unref();
}
