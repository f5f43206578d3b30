/** One sandbox behind a spawner. */
import type { Duplex } from "node:stream";
import type { World } from "../../lib/world.ts";
import { PlatformError } from "../../model/error.ts";
import type { Arrivals } from "../endpoints/arrivals.ts";
import type { CallbackListener } from "../endpoints/callback.ts";
import { dialTcp } from "../endpoints/tcp.ts";
import { UnixDialler } from "../endpoints/unix.ts";
import type { PlatformAddress } from "../egress/egress.ts";
import type { Sandbox, SandboxExit, SandboxSpec } from "../sandbox.ts";
import { ControlFile } from "./control-file.ts";
import { weightText } from "./cpu-weight.ts";
import { memoryInUse } from "./memory-use.ts";
import { bridgeSocket } from "./messages.ts";
import type { Program } from "./spawner.ts";

/** Of a program that connects to us. */
export type Listener = CallbackListener | Arrivals;

/** Pausing, measuring, weighing and moving go straight to files of the kernel: nobody waits for the spawner. */
export class SpawnedSandbox implements Sandbox {
  readonly id: string;
  readonly finished: boolean;
  readonly exited: Promise<SandboxExit>;
  readonly pause?: () => Promise<void>;
  readonly resume?: () => Promise<void>;
  readonly memoryBytes?: () => Promise<number | null>;
  readonly weigh?: (cpuWeight: number) => Promise<void>;
  readonly move?: (cores: readonly number[]) => Promise<void>;
  readonly #endpoint: SandboxSpec["endpoint"];
  readonly #program: Program;
  readonly #listener: Listener | null;
  readonly #world: World;
  readonly #platform: () => PlatformAddress | null;
  /** Aborted when the program has ended, with the error of whoever still waits for it. */
  readonly #over = new AbortController();
  /** Closed with the sandbox. */
  readonly #controls: ControlFile[] = [];
  #dialler: UnixDialler | null = null;
  #isConnected = false;

  constructor(
    spec: SandboxSpec,
    program: Program,
    listener: Listener | null,
    world: World,
    platform: () => PlatformAddress | null,
  ) {
    this.id = spec.id;
    this.finished = program.reply.finished;
    this.#endpoint = spec.endpoint;
    this.#program = program;
    this.#listener = listener;
    this.#world = world;
    this.#platform = platform;
    this.exited = program.exited;
    const { freezeFile, memoryFiles, cpuFile, coresFile } = program.reply;
    if (freezeFile !== null) {
      const freezer = this.#control(freezeFile);
      this.pause = () => freezer.set("1");
      this.resume = () => freezer.set("0");
    }
    if (cpuFile !== null) {
      const share = this.#control(cpuFile.path);
      this.weigh = (cpuWeight) => share.set(weightText(cpuFile.version, cpuWeight));
    }
    if (coresFile !== null) {
      const place = this.#control(coresFile);
      this.move = (cores) => place.set(cores.join(","));
    }
    if (memoryFiles !== null) {
      // The group may outlive its program for a moment.
      this.memoryBytes = async () => (this.#over.signal.aborted ? null : await memoryInUse(memoryFiles, spec.limits.memoryMiB));
    }
    void program.exited.then((exit) => this.#ended(exit));
  }

  async connect(signal: AbortSignal): Promise<Duplex> {
    signal.throwIfAborted();
    const over = this.#over.signal;
    const { socketFolder } = this.#program.reply;
    switch (this.#endpoint.via) {
      case "callback":
        this.#connectOnce();
        return await (this.#listener as CallbackListener).connection(AbortSignal.any([signal, over]));
      case "loopback":
        return await (this.#listener as Arrivals).next(AbortSignal.any([signal, over]));
      case "stdio":
        this.#connectOnce();
        return this.#program.stdio as Duplex;
      case "unix":
        return await this.#unix(socketFolder as string, this.#endpoint.name).connect(signal, over);
      case "tcp":
        if (socketFolder === null) return await dialTcp(this.#endpoint.port, this.#world, AbortSignal.any([signal, over]));
        return await this.#unix(socketFolder, bridgeSocket).connect(signal, over);
    }
  }

  async restrict(egress: readonly string[]): Promise<void> {
    await this.#program.restrict({ egress, platform: this.#platform() });
  }

  async stop(): Promise<SandboxExit> {
    this.#program.kill();
    return await this.#program.gone;
  }

  #control(path: string): ControlFile {
    const file = new ControlFile(path);
    this.#controls.push(file);
    return file;
  }

  #unix(folder: string, name: string): UnixDialler {
    this.#dialler ??= new UnixDialler(folder, name, this.#world);
    return this.#dialler;
  }

  #connectOnce(): void {
    if (this.#isConnected) throw new PlatformError("internal", `The connection of sandbox ${this.id} was asked for twice`);
    this.#isConnected = true;
  }

  #ended(exit: SandboxExit): void {
    const how = exit.signal === null ? `with exit code ${exit.code}` : `by ${exit.signal}`;
    const why = exit.outOfMemory ? ", out of memory" : "";
    const message = `The program ended ${how}${why} before it could be reached`;
    this.#over.abort(new PlatformError("function_start_failed", message, { details: { ...exit } }));
    this.#listener?.close();
    this.#dialler?.close();
    for (const file of this.#controls) file.close();
  }
}
