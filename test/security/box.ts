/** One bubblewrap driver, one root with Node, Python and a shell, and a way to run a probe to its end. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Egress } from "../../src/model/model.ts";
import { realWorld } from "../../src/lib/world.ts";

import { type BubblewrapOptions, bubblewrapDriver } from "../../src/sandbox/bubblewrap/driver.ts";
import type { Endpoint, Sandbox, SandboxDriver, SandboxExit, SandboxLimits, SandboxSpec } from "../../src/sandbox/sandbox.ts";
import { readState } from "../../src/sandbox/spawner/state.ts";
import { makeRoot } from "../root-folder.ts";

export const boxLimits: SandboxLimits = { memoryMiB: 256, processesMax: 64, openFilesMax: 256, tmpMiB: 16, tmpFilesMax: 1000 };

/** What may differ from one probe to the next. */
export interface ProbeOptions {
  readonly limits?: Partial<SandboxLimits>;
  readonly endpoint?: Endpoint;
  readonly env?: Record<string, string>;
  readonly egress?: Egress;
  /** What it may connect to once it runs. */
  readonly later?: readonly string[] | undefined;
}

export interface Ended {
  readonly stdout: string;
  readonly stderr: string;
  readonly exit: SandboxExit;
}

/** Everything that a security test needs; `close` leaves nothing. */
export class Box {
  readonly folder: string;
  readonly root: string;
  readonly driver: SandboxDriver;
  readonly stateFile: string;
  /** Where probes run, if not in sandboxes of `driver`. */
  #containers: { readonly driver: SandboxDriver; readonly image: string } | null = null;
  #number = 0;

  constructor(options: Partial<BubblewrapOptions> = {}) {
    this.folder = mkdtempSync(join(tmpdir(), "security-test-"));
    chmodSync(this.folder, 0o755);
    this.root = makeRoot(`${this.folder}/root`, { node: process.execPath, python3: "/usr/bin/python3.11", sh: "/bin/sh" });
    this.stateFile = `${this.folder}/state.json`;
    this.driver = bubblewrapDriver({ world: realWorld(), warn: () => {}, stateFile: this.stateFile, ...options });
  }

  /** From now on probes run in containers of an image of the root. */
  use(driver: SandboxDriver, image: string): void {
    this.#containers = { driver, image };
  }

  get #runner(): SandboxDriver {
    return this.#containers?.driver ?? this.driver;
  }

  /** Starts `code` in a sandbox of its own and leaves it running. */
  async start(
    language: "node" | "python3" | "sh",
    code: string,
    options: ProbeOptions = {},
  ): Promise<Sandbox & { read(): string }> {
    const output: string[] = [];
    const sandbox = await this.#runner.create({
      ...this.spec(language, code),
      env: options.env ?? {},
      egress: options.egress ?? "none",
      endpoint: options.endpoint ?? { via: "callback" },
      limits: { ...boxLimits, ...options.limits },
      output: (_stream, data) => output.push(data.toString()),
    });
    return Object.assign(sandbox, { read: () => output.join("") });
  }

  /** Runs `code` until it ends by itself. */
  async run(language: "node" | "python3" | "sh", code: string, options: ProbeOptions = {}): Promise<Ended> {
    const output = { stdout: "", stderr: "" };
    const sandbox = await this.#runner.create({
      ...this.spec(language, code),
      env: options.env ?? {},
      egress: options.egress ?? "none",
      endpoint: options.endpoint ?? { via: "callback" },
      limits: { ...boxLimits, ...options.limits },
      output: (stream, data) => {
        output[stream] += data.toString();
      },
    });
    if (options.later !== undefined) await sandbox.restrict?.(options.later);
    const exit = await sandbox.exited;
    await sandbox.stop();
    return { ...output, exit };
  }

  /** The JSON that a probe prints. */
  async ask<T>(language: "node" | "python3", code: string, options: ProbeOptions = {}): Promise<T> {
    const { stdout, stderr, exit } = await this.run(language, code, options);
    assert.deepEqual(exit, { code: 0, signal: null, outOfMemory: false }, stderr);
    return JSON.parse(stdout) as T;
  }

  processes(): number[] {
    return sandboxProcesses(this.stateFile);
  }

  async close(): Promise<void> {
    await this.#containers?.driver.close();
    await this.driver.close();
    await rm(this.folder, { recursive: true });
  }

  spec(language: string, code: string): Pick<SandboxSpec, "id" | "root" | "image" | "code" | "runtime" | "command"> {
    this.#number += 1;
    const id = `probe-${this.#number}`;
    const folder = `${this.folder}/${id}`;
    mkdirSync(folder);
    writeFileSync(`${folder}/main.${language === "node" ? "cjs" : "txt"}`, code);
    const file = `/function/main.${language === "node" ? "cjs" : "txt"}`;
    const of = this.#containers === null ? { root: this.root } : { root: null, image: this.#containers.image };
    return { id, ...of, code: folder, runtime: null, command: [language, file] };
  }
}

/**
 * Ids of the processes in the control groups of an instance, by its state file. Those of a sandbox that waits to be used do not
 * count: they are still root's.
 */
export function sandboxProcesses(stateFile: string): number[] {
  const [folder = ""] = readState(stateFile)?.cgroupFolders ?? [];
  const files = globSync(`${folder}/*/cgroup.procs`);
  const pids = files.flatMap((file) => readOr(file).split("\n").filter(Boolean).map(Number));
  return pids.filter((pid) => !/^Uid:\s+0\s/m.test(readOr(`/proc/${pid}/status`)) && existsSync(`/proc/${pid}`));
}

/** Of this machine; empty where the file is not there any more. */
export function readOr(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

/** Waits for something that must come about soon: at once, but for what else a busy machine has to do. */
export async function soon(what: string, condition: () => boolean, withinMs = 20_000): Promise<void> {
  const giveUpAt = performance.now() + withinMs;
  while (!condition()) {
    assert.ok(performance.now() < giveUpAt, `${what} within ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Why these tests cannot run here, or false. */
export const cannotIsolate: string | false =
  process.platform !== "linux" || process.getuid?.() !== 0 || !hasProgram("bwrap") || readOr("/usr/bin/python3.11") === ""
    ? "needs Linux, root, bubblewrap and Python 3.11"
    : false;

function hasProgram(name: string): boolean {
  try {
    execFileSync(name, ["--version"], { stdio: "ignore", timeout: 5000 });
    return true;
  } catch {
    return false;
  }
}
