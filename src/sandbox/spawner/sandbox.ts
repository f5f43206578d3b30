/** One sandbox behind a spawner. */
import { close, open, write } from "node:fs";
import type { Duplex } from "node:stream";
import { promisify } from "node:util";
import type { World } from "../../lib/world.ts";
import { PlatformError } from "../../model/error.ts";
import type { CallbackListener } from "../endpoints/callback.ts";
import { dialTcp } from "../endpoints/tcp.ts";
import { dialUnix } from "../endpoints/unix.ts";
import type { Sandbox, SandboxExit, SandboxSpec } from "../sandbox.ts";
import { bridgeSocket } from "./messages.ts";
import type { Program } from "./spawner.ts";

const openFile = promisify(open);
const closeFile = promisify(close);
const writeFile = promisify<number, string>(write);

/** Pausing is writing a byte to a file that stays open: nobody waits for the spawner. */
export class SpawnedSandbox implements Sandbox {
  readonly id: string;
  readonly exited: Promise<SandboxExit>;
  readonly pause?: () => Promise<void>;
  readonly resume?: () => Promise<void>;
  readonly #endpoint: SandboxSpec["endpoint"];
  readonly #program: Program;
  readonly #listener: CallbackListener | null;
  readonly #world: World;
  /** Aborted when the program has ended, with the error of whoever still waits for it. */
  readonly #over = new AbortController();
  #freezer: Promise<number> | null = null;
  #isConnected = false;

  constructor(spec: SandboxSpec, program: Program, listener: CallbackListener | null, world: World) {
    this.id = spec.id;
    this.#endpoint = spec.endpoint;
    this.#program = program;
    this.#listener = listener;
    this.#world = world;
    this.exited = program.exited;
    const { freezeFile } = program.reply;
    if (freezeFile !== null) {
      this.pause = () => this.#freeze(freezeFile, "1");
      this.resume = () => this.#freeze(freezeFile, "0");
    }
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
    void this.#freezer?.then(closeFile, () => {});
  }

  /** On a thread: the kernel may hold its lock for milliseconds while another sandbox starts. */
  async #freeze(file: string, state: "0" | "1"): Promise<void> {
    if (this.#over.signal.aborted) return;
    this.#freezer ??= openFile(file, "w");
    try {
      await writeFile(await this.#freezer, state);
    } catch (error) {
      // The program may end in between; then there is nothing to freeze.
      if (!this.#over.signal.aborted && !gone.has((error as NodeJS.ErrnoException).code ?? "")) throw error;
    }
  }
}

const gone: ReadonlySet<string> = new Set(["ENOENT", "ENODEV", "EBADF"]);
