/** A driver whose sandboxes are started by a spawner process: what `bubblewrap/` and `process/` have in common. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { World } from "../../lib/world.ts";
import { PlatformError } from "../../model/error.ts";
import type { Egress } from "../../model/model.ts";
import type { ContainerNetworks, ForeignContainer, JoinedNetwork, PlatformAddress } from "../egress/egress.ts";
import { Arrivals, loopbackAddress } from "../endpoints/arrivals.ts";
import { CallbackListener } from "../endpoints/callback.ts";
import type { Sandbox, SandboxDriver, SandboxSpec } from "../sandbox.ts";
import { callbackSocket, type Notice, type SpawnerSettings } from "./messages.ts";
import { ownedName } from "./owner.ts";
import { type Listener, SpawnedSandbox } from "./sandbox.ts";
import { Spawner } from "./spawner.ts";
import { leftovers, readState, removeLeftovers, stateOf } from "./state.ts";

/** What both drivers are made with. */
export interface SpawnerOptions {
  readonly world: World;
  /** Hears what an operator should know: a constant sentence and its fields. */
  readonly warn: (message: string, fields: Readonly<Record<string, unknown>>) => void;
  /** An existing folder for sockets, with a short name and open to all (mode 0711 will do). Default: the system's for temporary files. */
  readonly runFolder?: string;
  /** Remembers what this instance made, so that the next one can remove it after a crash. Default: nothing is remembered. */
  readonly stateFile?: string;
  /** A folder of this instance alone on the disk where code is, removed with what is in it: with it, sandboxes are finished before they are asked for. Default: they are not. */
  readonly placesFolder?: string;
  /** Folders in which programs of the host are looked up, with colons between. */
  readonly path?: string;
  /** Where the platform's own API listens; asked at each start of a function that may reach it. Default: nowhere. */
  readonly platform?: () => PlatformAddress | null;
}

type TechnologySettings = Pick<SpawnerSettings, "technology" | "isolation" | "path" | "egress">;

/** Starts its spawner at once, in the background, and again when it is needed and has died. */
export class SpawnerDriver implements SandboxDriver {
  readonly name: "bubblewrap" | "process";
  /** Only as root: nobody else may enter the network of a container. */
  readonly networks?: ContainerNetworks;
  readonly #options: SpawnerOptions;
  readonly #settings: TechnologySettings;
  readonly #cgroupFolders: (groups: string) => readonly string[];
  #current: { spawner: Spawner; runFolder: string } | null = null;
  #sweeping: Promise<void> = Promise.resolve();
  #closed = false;
  #refusedCount = 0;

  constructor(options: SpawnerOptions, settings: TechnologySettings, cgroupFolders: (groups: string) => readonly string[]) {
    this.name = settings.technology;
    this.#options = options;
    this.#settings = settings;
    this.#cgroupFolders = cgroupFolders;
    if (settings.egress !== null && settings.isolation?.network === "root")
      this.networks = { join: (container, egress, lost) => this.#join(container, egress, lost) };
    const before = options.stateFile === undefined ? null : readState(options.stateFile);
    if (before !== null) this.#sweeping = this.#sweep(leftovers(before));
    this.#current = this.#startSpawner();
  }

  async create(spec: SandboxSpec): Promise<Sandbox> {
    if (this.#closed) throw new PlatformError("internal", "The sandbox driver is closed");
    checkSpec(spec);
    this.#current ??= this.#startSpawner();
    const { spawner, runFolder } = this.#current;
    // The name is a secret: the socket inside can be used by everybody who knows it.
    const folder = `${runFolder}/${this.#options.world.newId()}`;
    openFolder(folder);
    const { listener, env } = await this.#listener(spec, `${folder}/${callbackSocket}`);
    try {
      const { output, ...request } = spec;
      const platform = () => this.#options.platform?.() ?? null;
      const arrivals = listener instanceof Arrivals ? listener : null;
      const program = await spawner.start({ ...request, env, folder, platform: platform() }, output, arrivals);
      return new SpawnedSandbox(spec, program, listener, this.#options.world, platform);
    } catch (error) {
      listener?.close();
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  expect(spec: Omit<SandboxSpec, "output">, count: number): void {
    if (this.#closed || this.#options.placesFolder === undefined) return;
    checkSpec(spec);
    this.#current?.spawner.expect({ request: { ...spec, folder: "", platform: null }, count });
  }

  refusedCount(): number {
    return this.#refusedCount;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#current?.spawner.close();
    await this.#sweeping;
  }

  /** For a program that connects to us, and its environment. */
  async #listener({ endpoint, env }: SandboxSpec, path: string): Promise<{ listener: Listener | null; env: SandboxSpec["env"] }> {
    if (endpoint.via === "callback") return { listener: new CallbackListener(path), env };
    if (endpoint.via !== "loopback") return { listener: null, env };
    if (this.name === "bubblewrap") return { listener: new Arrivals(), env: { ...env, [endpoint.variable]: loopbackAddress } };
    // There is one loopback for all.
    const { arrivals, address } = await Arrivals.onLoopback();
    return { listener: arrivals, env: { ...env, [endpoint.variable]: address } };
  }

  async #join(container: ForeignContainer, egress: Exclude<Egress, "none">, lost: () => void): Promise<JoinedNetwork> {
    if (this.#closed) throw new PlatformError("internal", "The sandbox driver is closed");
    this.#current ??= this.#startSpawner();
    const platform = this.#options.platform?.() ?? null;
    return await this.#current.spawner.join({ pid: container.pid, id: container.id, egress, platform }, lost);
  }

  #startSpawner(): { spawner: Spawner; runFolder: string } {
    const { world, warn, stateFile = null, placesFolder = null } = this.#options;
    const instance = world.newId();
    const groups = ownedName(instance);
    const runFolder = mkdtempSync(join(this.#options.runFolder ?? tmpdir(), "kiln-"));
    chmodSync(runFolder, 0o711);
    const state = stateOf(instance, runFolder, this.#cgroupFolders(groups));
    if (stateFile !== null) writeFileSync(stateFile, JSON.stringify(state), { mode: 0o600 });
    const lost = async () => {
      warn("The sandbox spawner ended unexpectedly; its sandboxes are lost", { instance });
      if (this.#current?.spawner === spawner) this.#current = null;
      await this.#sweep(state);
    };
    if (placesFolder !== null) emptyFolder(placesFolder);
    const settings = { ...this.#settings, instance, groups, runFolder, stateFile, placesFolder };
    const spawner = new Spawner(settings, lost, this.#notice());
    return { spawner, runFolder };
  }

  /** A new spawner counts from zero. */
  #notice(): (notice: Notice) => void {
    const before = this.#refusedCount;
    return ({ warning, refusedCount = 0 }) => {
      if (warning !== undefined) this.#options.warn(warning.sentence, { reason: warning.reason });
      else this.#refusedCount = before + refusedCount;
    };
  }

  async #sweep(state: Parameters<typeof removeLeftovers>[0] | null): Promise<void> {
    if (state === null) return;
    const left = await removeLeftovers(state, this.#options.world);
    if (left.length > 0) this.#options.warn("Some of a dead instance could not be removed", { left });
  }
}

/** What is in it was left by a spawner that was killed. */
function emptyFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, 0o711);
}

function openFolder(folder: string): void {
  mkdirSync(folder);
  // Whatever our umask is: the sandbox has a user of its own.
  chmodSync(folder, 0o711);
}

function checkSpec(spec: Omit<SandboxSpec, "output">): void {
  if (!/^[A-Za-z0-9-]{1,40}$/.test(spec.id)) throw new PlatformError("internal", `${spec.id} cannot name a sandbox`);
  if (spec.command.length === 0) throw new PlatformError("internal", `The sandbox ${spec.id} has no command`);
}
