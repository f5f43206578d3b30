/** One sandbox behind a spawner. */
import type { Duplex } from "node:stream";
import type { World } from "../../lib/world.ts";
import { PlatformError } from "../../model/error.ts";
import type { CallbackListener } from "../endpoints/callback.ts";
import { dialTcp } from "../endpoints/tcp.ts";
import { dialUnix } from "../endpoints/unix.ts";
import type { Sandbox, SandboxExit, SandboxSpec } from "../sandbox.ts";
import { Freezer } from "./freezer.ts";
import { memoryInUse } from "./memory-use.ts";
import { bridgeSocket } from "./messages.ts";
import type { Program } from "./spawner.ts";

/** Pausing and measuring go straight to files of the kernel: nobody waits for the spawner. */
export class SpawnedSandbox implements Sandbox {
  readonly id: string;
  readonly exited: Promise<SandboxExit>;
  readonly pause?: () => Promise<void>;
  readonly resume?: () => Promise<void>;
  readonly memoryBytes?: () => Promise<number | null>;
  readonly #endpoint: SandboxSpec["endpoint"];
  readonly #program: Program;
  readonly #listener: CallbackListener | null;
  readonly #world: World;
  /** Aborted when the program has ended, with the error of whoever still waits for it. */
  readonly #over = new AbortController();
  readonly #freezer: Freezer | null;
  #isConnected = false;

  constructor(spec: SandboxSpec, program: Program, listener: CallbackListener | null, world: World) {
    this.id = spec.id;
    this.#endpoint = spec.endpoint;
    this.#program = program;
    this.#listener = listener;
    this.#world = world;
    this.exited = program.exited;
    const { freezeFile, memoryFiles } = program.reply;
    const freezer = freezeFile === null ? null : new Freezer(freezeFile);
    this.#freezer = freezer;
    if (freezer !== null) {
      this.pause = () => freezer.set("1");
      this.resume = () => freezer.set("0");
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
    this.#freezer?.close();
  }
}
