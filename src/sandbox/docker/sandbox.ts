/** One container as a sandbox. */
import type { Duplex } from "node:stream";
import { constants } from "node:os";
import type { World } from "../../lib/world.ts";
import { PlatformError } from "../../model/error.ts";
import type { Arrivals } from "../endpoints/arrivals.ts";
import type { CallbackListener } from "../endpoints/callback.ts";
import { UnixDialler } from "../endpoints/unix.ts";
import type { Sandbox, SandboxExit, SandboxSpec } from "../sandbox.ts";
import { ControlFile } from "../spawner/control-file.ts";
import { weightText } from "../spawner/cpu-weight.ts";
import { memoryInUse } from "../spawner/memory-use.ts";
import type { DockerEngine } from "./engine.ts";
import type { ContainerGroups } from "./groups.ts";
import type { ContainerOutput, ContainerStdio } from "./output.ts";

/** What a running container is made known with. */
export interface Running {
  readonly id: string;
  readonly engine: DockerEngine;
  readonly world: World;
  readonly output: ContainerOutput;
  readonly stdio: ContainerStdio | null;
  readonly listener: CallbackListener | Arrivals | null;
  /** Where the function makes its socket, on this machine. */
  readonly socket: { readonly folder: string; readonly name: string } | null;
  /** Null: they are out of reach. */
  readonly groups: ContainerGroups | null;
  /** Called once, when it has ended: removes what it leaves. */
  free(): Promise<void>;
}

/**
 * Freezing, measuring, weighing, moving and killing go to files of the kernel where they can be reached, else to the engine as far as it
 * does such things. A container whose engine went away has ended: nobody could tell any more what becomes of it.
 */
export class DockerSandbox implements Sandbox {
  readonly id: string;
  readonly exited: Promise<SandboxExit>;
  readonly pause: () => Promise<void>;
  readonly resume: () => Promise<void>;
  readonly memoryBytes?: () => Promise<number | null>;
  readonly weigh?: (cpuWeight: number) => Promise<void>;
  readonly move?: (cores: readonly number[]) => Promise<void>;
  readonly #running: Running;
  readonly #gone: Promise<SandboxExit>;
  readonly #over = new AbortController();
  readonly #controls: ControlFile[] = [];
  readonly #dialler: UnixDialler | null;
  readonly #endpoint: SandboxSpec["endpoint"];
  /** The engine's pauses, one after the other. */
  #pausing: Promise<void> = Promise.resolve();
  #isConnected = false;
  #killed = false;
  #ranOut = false;

  constructor(spec: SandboxSpec, running: Running) {
    const { groups, socket, world } = running;
    this.id = spec.id;
    this.#endpoint = spec.endpoint;
    this.#running = running;
    this.#dialler = socket === null ? null : new UnixDialler(socket.folder, socket.name, world);
    const freezer = groups?.freezer ?? null;
    if (freezer === null) {
      this.pause = () => this.#asked("pause");
      this.resume = () => this.#asked("unpause");
    } else {
      const file = this.#control(freezer.path);
      this.pause = () => file.set(freezer.freeze);
      this.resume = () => file.set(freezer.thaw);
    }
    const { memoryFiles = null, cpuFile = null, coresFile = null } = groups ?? {};
    if (memoryFiles !== null) {
      // The group may outlive its program for a moment.
      this.memoryBytes = async () => (this.#over.signal.aborted ? null : await memoryInUse(memoryFiles, spec.limits.memoryMiB));
    }
    if (cpuFile !== null) {
      const share = this.#control(cpuFile.path);
      this.weigh = (cpuWeight) => share.set(weightText(cpuFile.version, cpuWeight));
    }
    if (coresFile !== null) {
      const place = this.#control(coresFile);
      this.move = (cores) => place.set(cores.join(","));
    }
    this.exited = this.#end();
    this.#gone = this.exited.then(async (exit) => {
      await running.free();
      return exit;
    });
  }

  async connect(signal: AbortSignal): Promise<Duplex> {
    signal.throwIfAborted();
    const over = this.#over.signal;
    if (this.#dialler !== null) return await this.#dialler.connect(signal, over);
    if (this.#endpoint.via === "loopback")
      return await (this.#running.listener as Arrivals).next(AbortSignal.any([signal, over]));
    if (this.#isConnected) throw new PlatformError("internal", `The connection of sandbox ${this.id} was asked for twice`);
    this.#isConnected = true;
    if (this.#endpoint.via === "stdio") return this.#running.stdio as Duplex;
    return await (this.#running.listener as CallbackListener).connection(AbortSignal.any([signal, over]));
  }

  async stop(): Promise<SandboxExit> {
    this.#kill();
    return await this.#gone;
  }

  /** The engine says that the kernel ended something inside for want of memory. */
  ranOutOfMemory(): void {
    this.#ranOut = true;
  }

  #control(path: string): ControlFile {
    const file = new ControlFile(path);
    this.#controls.push(file);
    return file;
  }

  #kill(): void {
    if (this.#killed) return;
    this.#killed = true;
    if (this.#running.groups?.kill() === true) return;
    void this.#killByEngine();
  }

  async #killByEngine(): Promise<void> {
    const { engine, id } = this.#running;
    // What is paused cannot be killed; what is neither has ended.
    await this.#asked("unpause").catch(() => {});
    await engine.kill(id).catch(() => {});
  }

  #asked(action: "pause" | "unpause"): Promise<void> {
    const { engine, id } = this.#running;
    const done = this.#pausing.then(() => engine[action](id));
    this.#pausing = done.catch(() => {});
    return done;
  }

  async #end(): Promise<SandboxExit> {
    await this.#running.output.ended;
    const exit = await this.#exit();
    this.#running.stdio?.finish(exit);
    this.#over.abort(endedEarly(exit));
    this.#running.listener?.close();
    this.#dialler?.close();
    for (const file of this.#controls) file.close();
    return exit;
  }

  async #exit(): Promise<SandboxExit> {
    const { engine, id, groups } = this.#running;
    try {
      const status = await engine.wait(id);
      const { State } = await engine.inspect(id);
      const outOfMemory = State.OOMKilled || this.#ranOut || (!this.#killed && status === killedStatus);
      return { ...plainExit(status), outOfMemory };
    } catch {
      // Without its engine, or removed by somebody else: it must not go on where nobody watches it.
      groups?.kill();
      return { code: null, signal: "SIGKILL", outOfMemory: false };
    }
  }
}

/** By SIGKILL, which without our doing is the kernel's, for want of memory. */
const killedStatus = 137;

/** The number of a signal that ended a program is handed on as 128 and more. */
function plainExit(status: number): { readonly code: number | null; readonly signal: string | null } {
  const name = Object.entries(constants.signals).find(([, number]) => number === status - 128)?.[0];
  return name === undefined ? { code: status, signal: null } : { code: null, signal: name };
}

function endedEarly(exit: SandboxExit): PlatformError {
  const how = exit.signal === null ? `with exit code ${exit.code}` : `by ${exit.signal}`;
  const why = exit.outOfMemory ? ", out of memory" : "";
  const message = `The program ended ${how}${why} before it could be reached`;
  return new PlatformError("function_start_failed", message, { details: { ...exit } });
}
