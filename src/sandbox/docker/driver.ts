/**
 * Sandboxes by a Docker Engine: a container each, of an image that the engine has. Nothing is started by this process; it asks the engine,
 * and reaches the function by a socket in a folder that both see (decision 0025).
 *
 * What a dead server left is removed when the next one on the same data finds the engine, and so is what this one could not remove while
 * the engine was away. Containers are known by labels: whose they are, and under which name they were made.
 */
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { World } from "../../lib/world.ts";
import { PlatformError } from "../../model/error.ts";
import { defaultPath } from "../bubblewrap/capabilities.ts";
import { bridgeCommand, bridgeProgram, Tools } from "../bubblewrap/tools.ts";
import { CallbackListener } from "../endpoints/callback.ts";
import { untilAborted } from "../endpoints/until-aborted.ts";
import type { Sandbox, SandboxDriver, SandboxSpec } from "../sandbox.ts";
import { isOfDeadOwner, isOfLivingOwner, ownedName } from "../spawner/owner.ts";
import { containerConfig, type ContainerSettings } from "./container.ts";
import type { ContainerSummary, DockerEngine } from "./engine.ts";
import { EngineError, isAway } from "./engine-error.ts";
import { findGroups } from "./groups.ts";
import { ContainerOutput, ContainerStdio } from "./output.ts";
import { Place, type SharedFolder } from "./places.ts";
import { type Running, DockerSandbox } from "./sandbox.ts";

/** How often an engine that is away is looked for, in ms. */
const lookEveryMs = 500;

export interface DockerOptions {
  readonly world: World;
  readonly engine: DockerEngine;
  /** Hears what an operator should know: a constant sentence and its fields. */
  readonly warn: (message: string, fields: Readonly<Record<string, unknown>>) => void;
  /** Keeps the name by which this server's containers are known again; one for each server. */
  readonly idFile: string;
  /** The Docker network of functions that may use the internet; `none`: they have none. Nothing of ours guards it. */
  readonly network: string;
  /** A folder for sockets as this process and the engine see it; null: sockets are where the engine keeps volumes, or in the system's folder for temporary files. */
  readonly shared: SharedFolder | null;
}

const labels = {
  server: "polykiln.server",
  owner: "polykiln.owner",
  name: "polykiln.name",
  sandbox: "polykiln.sandbox",
} as const;

/** Looks for its engine in the background, and looks again whenever it has gone. */
export class DockerDriver implements SandboxDriver {
  readonly name = "docker";
  readonly #options: DockerOptions;
  readonly #engine: DockerEngine;
  readonly #server: string;
  readonly #owner: string;
  readonly #folder: string;
  /** By name: those that are being made, live, or are being removed. */
  readonly #names = new Set<string>();
  /** By the engine's id. */
  readonly #living = new Map<string, DockerSandbox>();
  readonly #unfinished = new Set<Promise<unknown>>();
  readonly #closing = new AbortController();
  /** Aborted when the engine turned out to be away although its events have not ended. */
  #listening = new AbortController();
  readonly #watching: Promise<void>;
  #tools: Tools | null = null;
  #settings: Promise<KnownEngine> | null = null;
  /** Why nothing can be started; null: it can, as far as is known. */
  #trouble: string | null = null;

  constructor(options: DockerOptions) {
    this.#options = options;
    this.#engine = options.engine;
    this.#server = serverName(options);
    this.#owner = ownedName(this.#server);
    this.#folder = mkdtempSync(join(options.shared?.here ?? tmpdir(), "kiln-"));
    chmodSync(this.#folder, 0o711);
    this.#watching = this.#watch();
  }

  async create(spec: SandboxSpec): Promise<Sandbox> {
    if (this.#closing.signal.aborted) throw new PlatformError("internal", "The sandbox driver is closed");
    const making = this.#create(spec);
    this.#unfinished.add(making);
    return await making.finally(() => this.#unfinished.delete(making));
  }

  async trouble(): Promise<string | null> {
    return this.#trouble;
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
    const { settings, inMemory, there } = await this.#known();
    await this.#answers();
    // A secret: the sockets of the container are in a folder of this name.
    const name = this.#options.world.newId().toLowerCase();
    const reached = this.#reached(spec, there);
    const place = new Place({ here: this.#folder, there }, name, spec, reached.tools, inMemory);
    const listener = spec.endpoint.via === "callback" ? new CallbackListener(place.callbackPath) : null;
    this.#names.add(name);
    const free = async () => {
      await place.remove();
      this.#names.delete(name);
    };
    try {
      const config = containerConfig(spec, image, reached.command, place, this.#labels(spec, name), settings);
      const id = await this.#engine.create(`polykiln-${name}`, config);
      return await this.#start(spec, id, place, listener, free);
    } catch (error) {
      listener?.close();
      await free();
      // It may have been made all the same.
      void this.#sweep().catch(() => {});
      throw error;
    }
  }

  async #start(spec: SandboxSpec, id: string, place: Place, listener: CallbackListener | null, free: () => Promise<void>) {
    const stdio = spec.endpoint.via === "stdio" ? new ContainerStdio() : null;
    try {
      const attached = await this.#engine.attach(id, stdio !== null);
      stdio?.attach(attached);
      await this.#engine.start(id).catch((error: unknown) => {
        attached.destroy();
        throw notStarted(spec, error);
      });
      const state = await this.#engine.inspect(id);
      const groups = state.State.Pid > 0 ? findGroups(id, state.State.Pid) : null;
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
        free: () => this.#free(id, free),
      };
      const sandbox = new DockerSandbox(spec, running);
      this.#living.set(id, sandbox);
      return sandbox;
    } catch (error) {
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

  #labels(spec: SandboxSpec, name: string): Readonly<Record<string, string>> {
    return { [labels.server]: this.#server, [labels.owner]: this.#owner, [labels.name]: name, [labels.sandbox]: spec.id };
  }

  /** What leads to a port inside comes from this machine: nothing of it has to be in the image. */
  #reached(
    { endpoint, command }: SandboxSpec,
    there: string,
  ): { readonly tools: string | null; readonly command: readonly string[] } {
    if (endpoint.via !== "tcp") return { tools: null, command };
    this.#tools ??= new Tools(`${this.#folder}/tools`, defaultPath);
    this.#tools.need("sh", bridgeProgram(endpoint));
    return { tools: `${there}/tools`, command: bridgeCommand(endpoint, command) };
  }

  /** One that hangs is known as such before much is waited for, and is asked for nothing until it answers again. */
  async #answers(): Promise<void> {
    if (this.#trouble !== null) throw new EngineError("make a container", null, this.#trouble);
    try {
      await this.#engine.ping();
    } catch (error) {
      this.#isAway(error);
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
    const inMemory =
      this.#options.shared === null && "socketPath" in this.#engine.address && existsSync(`${DockerRootDir}/volumes`);
    const hasInit = InitCommit !== undefined && InitCommit.ID !== "N/A";
    return { inMemory, there: await this.#there(), settings: { network: this.#options.network, hasInit } };
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
        await this.#sweep();
        this.#isBack();
        const heard = AbortSignal.any([signal, this.#listening.signal]);
        for await (const { Action, Actor } of this.#engine.events(`${labels.server}=${this.#server}`, heard)) {
          if (Action === "oom") this.#living.get(Actor.ID)?.ranOutOfMemory();
        }
      } catch (error) {
        if (!signal.aborted) this.#isAway(error);
      }
      this.#settings = null;
      await this.#pause();
    }
  }

  #isBack(): void {
    if (this.#trouble !== null) this.#options.warn("Docker answers again", {});
    this.#trouble = null;
  }

  #isAway(error: unknown): void {
    const reason = error instanceof EngineError ? error.reason : String(error);
    if (this.#trouble === null) this.#options.warn("Docker does not answer: functions of images cannot run", { reason });
    this.#trouble = reason;
  }

  /** Containers of this server that nobody knows any more, and of dead ones. */
  async #sweep(): Promise<void> {
    for (const container of await this.#engine.list(labels.server)) {
      if (this.#isLeft(container)) await this.#remove(container);
    }
  }

  #isLeft({ Labels }: ContainerSummary): boolean {
    const { [labels.owner]: owner = "", [labels.name]: name = "" } = Labels;
    if (Labels[labels.server] !== this.#server) return isOfDeadOwner(owner);
    // Another process with this name runs on a copy of the data.
    return owner === this.#owner ? !this.#names.has(name) : !isOfLivingOwner(owner);
  }

  /** What is paused, or was frozen by a server that is gone, would not die. */
  async #remove({ Id, State }: ContainerSummary): Promise<void> {
    try {
      const { State: now } = await this.#engine.inspect(Id);
      if (now.Pid > 0) findGroups(Id, now.Pid)?.kill();
      if (State === "paused") await this.#engine.unpause(Id).catch(() => {});
      await this.#engine.remove(Id);
    } catch (error) {
      if (isAway(error)) throw error;
      this.#options.warn("A container of a dead server could not be removed", { reason: String(error) });
    }
  }

  async #pause(): Promise<void> {
    const over = new Promise<void>((resolve) => this.#options.world.after(lookEveryMs, resolve));
    await untilAborted(over, this.#closing.signal).catch(() => {});
  }
}

/** What was asked of an engine once. */
interface KnownEngine {
  readonly settings: ContainerSettings;
  /** Its volumes can be used from here. */
  readonly inMemory: boolean;
  /** Our folder for sockets, as it sees it. */
  readonly there: string;
}

/** The same for all servers that ran on these data, one after the other. */
function serverName({ idFile, world }: DockerOptions): string {
  try {
    const known = readFileSync(idFile, "utf8").trim();
    if (/^[0-9a-z]{26}$/.test(known)) return known;
  } catch {
    // The first one.
  }
  const name = world.newId().toLowerCase();
  writeFileSync(idFile, `${name}\n`, { mode: 0o600 });
  return name;
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
