/** Commands as a user gives them, in folders of their own: what they print, how they end, what they leave. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Instance, instanceOf } from "../reliability/footprint.ts";
import { cleanEnvironment } from "../platform.ts";

const project = join(import.meta.dirname, "../..");
/** The script at the root. */
export const kiln = join(project, "kiln");
/** The server without the script. */
export const server: readonly string[] = [
  process.execPath,
  "--disable-warning=ExperimentalWarning",
  join(project, "src/roles/main.ts"),
];

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** One temporary home: data, and a folder for temporary files that shows what is left in it. */
export class Place {
  readonly folder = mkdtempSync(join(tmpdir(), "kiln-up-"));
  readonly temporary = join(this.folder, "t");
  readonly data = join(this.folder, "polykiln");
  readonly env: Readonly<Record<string, string>>;
  readonly #running = new Set<Command>();

  constructor() {
    // Sandboxes have users of their own, which must be able to reach their sockets.
    chmodSync(this.folder, 0o711);
    mkdirSync(this.temporary);
    chmodSync(this.temporary, 0o711);
    this.env = {
      ...cleanEnvironment,
      TMPDIR: this.temporary,
      XDG_DATA_HOME: this.folder,
      POLYKILN_LISTEN: "127.0.0.1:0",
    };
  }

  start(command: readonly string[], options: { env?: Record<string, string>; cwd?: string } = {}): Command {
    const started = new Command(command, { env: { ...this.env, ...options.env }, cwd: options.cwd ?? this.folder }, this.data);
    this.#running.add(started);
    void started.ended.then(() => this.#running.delete(started));
    return started;
  }

  /** Starts it and waits for its end. */
  run(command: readonly string[], options: { env?: Record<string, string>; cwd?: string } = {}): Promise<Ended> {
    return this.start(command, options).ended;
  }

  /** What lies in the folder for temporary files. */
  left(): string[] {
    return readdirSync(this.temporary);
  }

  /** Ids of living processes that were told of this place. */
  processes(): string[] {
    return readdirSync("/proc").filter((name) => {
      if (!/^\d+$/.test(name) || Number(name) === process.pid) return false;
      return `${readOr(`/proc/${name}/cmdline`)}${readOr(`/proc/${name}/environ`)}`.includes(this.folder);
    });
  }

  async close(): Promise<void> {
    for (const command of this.#running) command.child.kill("SIGKILL");
    await Promise.all([...this.#running].map(({ ended }) => ended));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A program under way. */
export class Command {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  stdout = "";
  stderr = "";
  readonly #data: string;
  #exited = false;

  constructor(command: readonly string[], options: { env: Record<string, string>; cwd: string }, data: string) {
    this.#data = data;
    const [program, ...args] = command;
    this.child = spawn(program as string, args, { ...options, stdio: ["ignore", "pipe", "pipe"], timeout: 180_000 });
    this.child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.stdout += text;
    });
    this.child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
    });
    this.ended = new Promise((resolve) => {
      this.child.once("close", (code) => {
        this.#exited = true;
        resolve({ code, stdout: this.stdout, stderr: this.stderr });
      });
    });
  }

  /** Waits for something to be said or to come about; fails with all that was said when it ends before. */
  async until<T>(look: () => T | undefined): Promise<T> {
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      if (this.#exited) throw new Error(`It ended before: ${this.stdout}${this.stderr}`);
      await sleep(10);
    }
  }

  /** The line that `start --json` prints when it serves. */
  ready(): Promise<{ ready: boolean; url: string; pid: number; auth: string }> {
    return this.until(() => {
      const feed = this.stdout.indexOf("\n");
      return feed < 0
        ? undefined
        : (JSON.parse(this.stdout.slice(0, feed)) as { ready: boolean; url: string; pid: number; auth: string });
    });
  }

  /** What it made on this machine, as soon as it has begun. */
  instance(data = this.#data): Promise<Instance> {
    return this.until(() => {
      try {
        return instanceOf(this.child.pid as number, data);
      } catch {
        return undefined;
      }
    });
  }
}

/** What starts a program as a user who has no rights. */
export const asNobody: readonly string[] = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];

/** Why another user cannot run our sources, or false: they may lie where nobody else may read. */
export function cannotReadSources(): string | false {
  const [program, ...args] = asNobody;
  const read = spawnSync(program as string, [...args, "cat", kiln, process.execPath], { stdio: "ignore", timeout: 5000 });
  return read.status === 0 ? false : "another user cannot read the sources";
}

function readOr(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
