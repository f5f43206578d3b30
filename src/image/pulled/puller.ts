import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { PlatformError } from "../../model/error.ts";
import type { Say } from "../roots/tool.ts";
import type { PullAnswer, PullJob } from "./pull-job.ts";

/** Of the process that pulls, which holds names and never contents, in MiB. */
const heapMiB = 128;

/** Has a pull done by a process of its own. Throws what it says, and the signal's reason, when the process is gone. */
export async function runPull(job: PullJob, say: Say, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const main = fileURLToPath(import.meta.url).replace(/puller(\.[jt]s)$/, "pull-main$1");
  const node = ["--disable-warning=ExperimentalWarning", `--max-old-space-size=${heapMiB}`, "--max-semi-space-size=1", main];
  const child = spawn(process.execPath, node, {
    cwd: "/",
    env: { PATH: "/usr/local/bin:/usr/bin:/bin" },
    stdio: ["pipe", "pipe", "pipe"],
    signal,
    killSignal: "SIGKILL",
  });
  // How it ended says more than that nobody read.
  child.stdin.on("error", () => {});
  child.stdin.write(`${JSON.stringify(job)}\n`);
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => say(`Pulling ${job.note.digest}: ${text.trim().slice(0, 2000)}`));
  const status = await new Promise<string>((resolve) => {
    child.once("error", (error) => {
      if (child.pid === undefined) resolve(error.message);
    });
    child.once("close", (code, killedBy) => resolve(String(killedBy ?? code)));
  });
  signal.throwIfAborted();
  const answer = parse(said);
  if (answer === null) throw new PlatformError("internal", `The process that pulls images ended with ${status}`);
  if ("failed" in answer) throw new PlatformError(answer.failed.code, answer.failed.message, { details: answer.failed.details });
}

function parse(text: string): PullAnswer | null {
  try {
    return JSON.parse(text) as PullAnswer;
  } catch {
    return null;
  }
}
