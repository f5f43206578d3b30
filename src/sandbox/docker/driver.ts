/**
 * Sandboxes by a Docker Engine: a container each, of an image that the engine has. Nothing is started by this process; it asks the engine,
 * and reaches the function by a socket in a folder that both see (decision 0025).
 *
 * What a dead server left is removed when the next one on the same data finds the engine, and so is what this one could not remove while
 * the engine was away. Containers are known by labels: whose they are, and under which name they were made.
 */
import { existsSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import type { World } from "../../lib/world.ts";
import { PlatformError } from "../../model/error.ts";
import { defaultPath } from "../bubblewrap/capabilities.ts";
import { bridgeCommand, bridgeProgram, goLine, Tools, waitingCommand } from "../bubblewrap/tools.ts";
import type { ContainerNetworks } from "../egress/egress.ts";
import { Arrivals } from "../endpoints/arrivals.ts";
import { CallbackListener } from "../endpoints/callback.ts";
import { untilAborted } from "../../lib/until-aborted.ts";
import type { Sandbox, SandboxDriver, SandboxSpec } from "../sandbox.ts";
import { containerConfig, type ContainerProgram, type ContainerSettings } from "./container.ts";
import type { DockerEngine } from "./engine.ts";
import { EngineError } from "./engine-error.ts";
import { findGroups } from "./groups.ts";
import { type OwnNetwork, OwnNetworks } from "./networks.ts";
import { containerName, OwnContainers } from "./own-containers.ts";
import { ContainerOutput, ContainerStdio } from "./output.ts";
import { Place, type SharedFolder } from "./places.ts";
import { EnginePresence, type Warn } from "./presence.ts";
import { type Running, DockerSandbox } from "./sandbox.ts";
import { ContainerUsers } from "./users.ts";

export interface DockerOptions {
  readonly world: World;
  readonly engine: DockerEngine;
  readonly warn: Warn;
  /** Keeps the name by which this server's containers are known again; one for each server. */
  readonly idFile: string;
  /** The Docker network of functions that may use the internet, which nothing of ours guards; `none`: there is none, and they get one of `networks`. */
  readonly network: string;
  /** Networks of ours; null: there are none. */
  readonly networks: ContainerNetworks | null;
  /** A folder for sockets as this process and the engine see it; null: sockets are where the engine keeps volumes, or in the system's folder for temporary files. */
  readonly shared: SharedFolder | null;
}

/** Looks for its engine in the background, and looks again whenever it has gone. */
export class DockerDriver implements SandboxDriver {
  readonly name = "docker";
  /** Of images. */
  readonly users: ContainerUsers;
  readonly #options: DockerOptions;
  readonly #engine: DockerEngine;
  readonly #presence: EnginePresence;
  readonly #networks: OwnNetworks;
  readonly #own: OwnContainers;
  readonly #folder: string;
  /** By the engine's id. */
  readonly #living = new Map<string, DockerSandbox>();
  readonly #unfinished = new Set<Promise<unknown>>();
  readonly #closing = new AbortController();
  /** Aborted when the engine turned out to be away although its events have not ended. */
  #listening = new AbortController();
  readonly #watching: Promise<void>;
  #tools: Tools | null = null;
  #settings: Promise<KnownEngine> | null = null;

  constructor(options: DockerOptions) {
    this.#options = options;
    this.#engine = options.engine;
    this.#presence = new EnginePresence(options.world, options.warn);
    this.#own = new OwnContainers(options);
    this.users = new ContainerUsers(options.engine, (image, work) => this.#own.withUnstarted(image, work));
    this.#networks = new OwnNetworks(options.networks, options.network, options.warn);
    this.#folder = this.#own.makeFolder(options.shared?.here ?? tmpdir());
    this.#watching = this.#watch();
  }

  async create(spec: SandboxSpec): Promise<Sandbox> {
    if (this.#closing.signal.aborted) throw new PlatformError("internal", "The sandbox driver is closed");
    const making = this.#create(spec);
    this.#unfinished.add(making);
    return await making.finally(() => this.#unfinished.delete(making));
  }

  async trouble(): Promise<string | null> {
    return this.#presence.trouble;
  }

  /** Resolves when the engine has answered for the first time, or had the time to: whoever asks it for something waits for that first. */
  get found(): Promise<void> {
    return this.#presence.found;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.allSettled(this.#unfinished);
    await Promise.all([...this.#living.values()].map((sandbox) => sandbox.stop()));
    await this.#watching;
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 3 });
  }

  async #create(spec: SandboxSpec): Promise<DockerSandbox> {
    const image = spec.image;
    if (image === undefined) throw new PlatformError("internal", `The sandbox ${spec.id} has no image for Docker`);
    const { settings, isHere, inMemory, there } = await this.#known();
    await this.#answers();
    if (!isHere) this.#networks.giveUp("Docker's folders cannot be seen from here, nor its containers");
    const program = this.#program(spec);
    const tools = program.command === spec.command ? null : `${there}/tools`;
    // A secret: the sockets of the container are in a folder of this name.
    const name = this.#own.newName();
    const place = new Place({ here: this.#folder, there }, name, spec, tools, inMemory);
    const listener = listenerFor(spec, place.callbackPath);
    const free = async () => {
      await place.remove();
      this.#own.forget(name);
    };
    try {
      const config = containerConfig(spec, image, program, place, this.#own.labels(spec.id, name), settings);
      const id = await this.#engine.create(containerName(name), config);
      return await this.#start(spec, id, program.waits, place, listener, free);
    } catch (error) {
      listener?.close();
      await free();
      // It may have been made all the same.
      void this.#own.sweep().catch(() => {});
      throw error;
    }
  }

  async #start(
    spec: SandboxSpec,
    id: string,
    waits: boolean,
    place: Place,
    listener: CallbackListener | Arrivals | null,
    free: () => Promise<void>,
  ) {
    const stdio = spec.endpoint.via === "stdio" ? new ContainerStdio() : null;
    let network: OwnNetwork | null = null;
    try {
      const attached = await this.#engine.attach(id, stdio !== null || waits);
      stdio?.attach(attached);
      await this.#engine.start(id).catch((error: unknown) => {
        attached.destroy();
        throw notStarted(spec, error);
      });
      const state = await this.#engine.inspect(id);
      const groups = state.State.Pid > 0 ? findGroups(id, state.State.Pid) : null;
      if (waits) {
        const isUnseen = groups === null && state.State.Pid > 0;
        network = await this.#networks.join({ id, pid: isUnseen ? null : state.State.Pid }, spec.egress);
        attached.write(goLine);
        if (stdio === null) attached.end();
      }
      const folder = place.socketFolder(state);
      const socket = folder === null ? null : { folder, name: place.socketName };
      const { world } = this.#options;
      const output = new ContainerOutput(attached, { world, output: spec.output, outputMark: spec.outputMark, stdio });
      const running: Running = {
        id,
        engine: this.#engine,
        world,
        output,
        stdio,
        listener,
        socket,
        groups,
        free: () => {
          network?.leave();
          return this.#free(id, free);
        },
      };
      const sandbox = new DockerSandbox(spec, running);
      network?.whenLost(() => void sandbox.stop());
      this.#living.set(id, sandbox);
      return sandbox;
    } catch (error) {
      network?.leave();
      await this.#engine.remove(id).catch(() => {});
      throw error;
    }
  }

  /** What the engine does not remove now, the next sweep does. */
  async #free(id: string, free: () => Promise<void>): Promise<void> {
    await this.#engine.remove(id).catch(() => {});
    await free();
    this.#living.delete(id);
  }

  /** What leads to a port inside, and what waits for a network, comes from this machine: nothing of it has to be in the image. */
  #program({ endpoint, command, egress }: SandboxSpec): ContainerProgram {
    const waits = this.#networks.isFor(egress);
    const bridge = bridgeProgram(endpoint);
    if (bridge === null && !waits) return { command, waits };
    this.#tools ??= new Tools(`${this.#folder}/tools`, defaultPath);
    this.#tools.need("sh", ...(bridge === null ? [] : [bridge]));
    const reached = bridgeCommand(endpoint, command);
    return { command: waits ? waitingCommand(reached) : reached, waits };
  }

  /** One that hangs is known as such before much is waited for, and is asked for nothing until it answers again. */
  async #answers(): Promise<void> {
    const { trouble } = this.#presence;
    if (trouble !== null) throw new EngineError("make a container", null, trouble);
    try {
      await this.#engine.ping();
    } catch (error) {
      this.#presence.isAway(error);
      this.#listening.abort();
      throw error;
    }
  }

  /** What must be known of the engine before a container is made; asked again after it was away. */
  async #known(): Promise<KnownEngine> {
    this.#settings ??= this.#ask();
    const known = this.#settings;
    try {
      return await known;
    } catch (error) {
      if (this.#settings === known) this.#settings = null;
      throw error;
    }
  }

  async #ask(): Promise<KnownEngine> {
    const { DockerRootDir, InitCommit } = await this.#engine.info();
    const isHere = "socketPath" in this.#engine.address && existsSync(`${DockerRootDir}/volumes`);
    const inMemory = this.#options.shared === null && isHere;
    const hasInit = InitCommit !== undefined && InitCommit.ID !== "N/A";
    return { isHere, inMemory, there: await this.#there(), settings: { network: this.#options.network, hasInit } };
  }

  /** This server's folder for sockets, as the engine sees it. */
  async #there(): Promise<string> {
    const { shared } = this.#options;
    if (shared === null) return this.#folder;
    const there = shared.there.startsWith("/") ? shared.there : await this.#engine.volume(shared.there);
    return there + this.#folder.slice(shared.here.length);
  }

  /** Until the end: removes what is left, and hears of the engine what it does not tell otherwise; again, when it was away. */
  async #watch(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      try {
        await this.#engine.ping();
        this.#listening = new AbortController();
        // What is left keeps nobody waiting.
        this.#presence.isThere();
        await this.#own.sweep();
        const heard = AbortSignal.any([signal, this.#listening.signal]);
        for await (const { Action, Actor } of this.#engine.events(this.#own.filter, heard)) {
          if (Action === "oom") this.#living.get(Actor.ID)?.ranOutOfMemory();
        }
      } catch (error) {
        if (!signal.aborted) this.#presence.isAway(error);
      }
      this.#settings = null;
      await this.#pause();
    }
  }

  async #pause(): Promise<void> {
    const over = new Promise<void>((resolve) => this.#options.world.after(this.#presence.lookAfterMs, resolve));
    await untilAborted(over, this.#closing.signal).catch(() => {});
  }
}

/** What was asked of an engine once. */
interface KnownEngine {
  readonly settings: ContainerSettings;
  /** It is on this machine, as far as we see: its folders are. */
  readonly isHere: boolean;
  /** Its volumes are used from here. */
  readonly inMemory: boolean;
  /** Our folder for sockets, as it sees it. */
  readonly there: string;
}

/** A program that is not there is the function's mistake; the rest is the engine's. */
function notStarted({ command }: SandboxSpec, error: unknown): unknown {
  if (!(error instanceof EngineError) || error.status === null) return error;
  const exitCode = /executable file not found|no such file or directory/.test(error.reason)
    ? 127
    : /permission denied/.test(error.reason)
      ? 126
      : null;
  if (exitCode === null) return error;
  const why = exitCode === 127 ? "is not in the image" : "may not be run";
  const message = `The program ${command[0]} ${why} (exit code ${exitCode})`;
  return new PlatformError("function_start_failed", message, { details: { exitCode }, cause: error });
}

/** For a program that connects to us. */
function listenerFor({ endpoint }: SandboxSpec, path: string): CallbackListener | Arrivals | null {
  if (endpoint.via === "loopback") return Arrivals.onPath(path);
  return endpoint.via === "callback" ? new CallbackListener(path) : null;
}
