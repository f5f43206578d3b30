/** One sandbox behind a spawner. */
import type { Duplex } from "node:stream";
import type { World } from "../../lib/world.ts";
import { PlatformError } from "../../model/error.ts";
import type { CallbackListener } from "../endpoints/callback.ts";
import { dialTcp } from "../endpoints/tcp.ts";
import { dialUnix } from "../endpoints/unix.ts";
import type { Sandbox, SandboxExit, SandboxSpec } from "../sandbox.ts";
import { ControlFile } from "./control-file.ts";
import { weightText } from "./cpu-weight.ts";
import { memoryInUse } from "./memory-use.ts";
import { bridgeSocket } from "./messages.ts";
import type { Program } from "./spawner.ts";

/** Pausing, measuring and weighing go straight to files of the kernel: nobody waits for the spawner. */
export class SpawnedSandbox implements Sandbox {
  readonly id: string;
  readonly exited: Promise<SandboxExit>;
  readonly pause?: () => Promise<void>;
  readonly resume?: () => Promise<void>;
  readonly memoryBytes?: () => Promise<number | null>;
  readonly weigh?: (cpuWeight: number) => Promise<void>;
  readonly #endpoint: SandboxSpec["endpoint"];
  readonly #program: Program;
  readonly #listener: CallbackListener | null;
  readonly #world: World;
  /** Aborted when the program has ended, with the error of whoever still waits for it. */
  readonly #over = new AbortController();
  /** Closed with the sandbox. */
  readonly #controls: ControlFile[] = [];
  #isConnected = false;

  constructor(spec: SandboxSpec, program: Program, listener: CallbackListener | null, world: World) {
    this.id = spec.id;
    this.#endpoint = spec.endpoint;
    this.#program = program;
    this.#listener = listener;
    this.#world = world;
    this.exited = program.exited;
    const { freezeFile, memoryFiles, cpuFile } = program.reply;
    if (freezeFile !== null) {
      const freezer = this.#control(freezeFile);
      this.pause = () => freezer.set("1");
      this.resume = () => freezer.set("0");
    }
    if (cpuFile !== null) {
      const share = this.#control(cpuFile.path);
      this.weigh = (cpuWeight) => share.set(weightText(cpuFile.version, cpuWeight));
    }
    if (memoryFiles !== null) this.memoryBytes = () => memoryInUse(memoryFiles, spec.limits.memoryMiB);
    void program.exited.then((exit) => this.#ended(exit));
  }

  async connect(signal: AbortSignal): Promise<Duplex> {
    signal.throwIfAborted();
    const either = AbortSignal.any([signal, this.#over.signal]);
    const { socketFolder } = this.#program.reply;
    switch (this.#endpoint.via) {
      case "callback":
        this.#connectOnce();
        return await (this.#listener as CallbackListener).connection(either);
      case "stdio":
        this.#connectOnce();
        return this.#program.stdio as Duplex;
      case "unix":
        return await dialUnix(socketFolder as string, this.#endpoint.name, this.#world, either);
      case "tcp":
        if (socketFolder === null) return await dialTcp(this.#endpoint.port, this.#world, either);
        return await dialUnix(socketFolder, bridgeSocket, this.#world, either);
    }
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
    for (const file of this.#controls) file.close();
  }
}
