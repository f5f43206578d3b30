/** Starts programs on the machine itself, inside the spawner process. Nothing is isolated. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { PlatformError } from "../../model/error.ts";
import { removeFolder } from "../spawner/folder.ts";
import type { Launched, Launcher } from "../spawner/launcher.ts";
import type { SpawnRequest } from "../spawner/messages.ts";
import type { PipePool, PipeSet } from "../spawner/pipes.ts";
import { hostView } from "./host-paths.ts";

/** Each program leads a process group, which is what can be killed as a whole. */
export class ProcessLauncher implements Launcher {
  readonly #pipes: PipePool;
  readonly #path: string;

  /** `path` is where programs are looked up. */
  constructor(pipes: PipePool, path: string) {
    this.#pipes = pipes;
    this.#path = path;
  }

  async start(request: SpawnRequest): Promise<Launched> {
    const socketFolder = request.endpoint.via === "unix" ? `${request.folder}/io` : null;
    if (socketFolder !== null) mkdirSync(socketFolder, { mode: 0o700 });
    const { command, env, folder } = hostView(request, socketFolder, this.#path);
    const pipes = this.#pipes.take();
    const child = spawn(command[0] as string, command.slice(1), {
      cwd: folder,
      detached: true,
      env,
      stdio: [...pipes.childEnds],
    });
    pipes.started();
    await started(child, pipes, command[0] as string);
    return launched(child, pipes, socketFolder, request.folder);
  }

  async close(): Promise<void> {}
}

/** A program that is not there is the function's mistake in a sandbox that isolates; here it is told the same way. */
async function started(child: ChildProcess, pipes: PipeSet, program: string): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      child.once("spawn", resolve);
      child.once("error", reject);
    });
  } catch (error) {
    pipes.release();
    throw new PlatformError("internal", `The program ${program} cannot be started on this machine`, { cause: error });
  }
}

function launched(child: ChildProcess, pipes: PipeSet, socketFolder: string | null, folder: string): Launched {
  return {
    child,
    pipes,
    reply: {
      pid: child.pid as number,
      freezeFile: null,
      memoryFiles: null,
      cpuFile: null,
      coresFile: null,
      finished: false,
      socketFolder,
    },
    kill: () => killGroup(child.pid as number),
    outOfMemory: () => false,
    free: async () => {
      pipes.release();
      removeFolder(folder);
    },
  };
}

function killGroup(leader: number): void {
  try {
    process.kill(-leader, "SIGKILL");
  } catch {
    // Nobody of the group is left.
  }
}
