/** Starts sandboxes by bubblewrap, inside the spawner process. */
import { mkdirSync, writeFileSync } from "node:fs";
import type { World } from "../../lib/world.ts";
import { PlatformError } from "../../model/error.ts";
import type { Network, Outlet } from "../egress/egress.ts";
import type { Launched, Launcher } from "../spawner/launcher.ts";
import type { CgroupController, Isolation, SpawnerSettings, SpawnRequest } from "../spawner/messages.ts";
import type { PipePool } from "../spawner/pipes.ts";
import { assertReachable, Binds } from "./binds.ts";
import { CgroupParent, removeDeadGroups } from "./cgroup.ts";
import { launchInput } from "./launch.ts";
import { bwrapArguments, type MountSources } from "./mounts.ts";
import { seccompFilter } from "./seccomp.ts";
import { Spare, type SpareShop, type Tmp } from "./spare.ts";
import { bridgeCommand, limitedCommand, Tools } from "./tools.ts";

/** After a start the machine is busy with the program; what is prepared for the next one can wait this long. */
const refillMs = 60;
const refillGapMs = 5;

/** Keeps a few sandboxes prepared up to the point where it must be known what is to run. */
export class BubblewrapLauncher implements Launcher {
  readonly #world: World;
  readonly #isolation: Isolation;
  readonly #shop: SpareShop;
  readonly #path: string;
  readonly #binds: Binds;
  readonly #cgroups: CgroupParent;
  readonly #freeNumbers: number[] = [];
  #nextNumber = 0;
  #spares: { spare: Spare; bindCount: number }[] = [];
  /** Null: there is none, and sandboxes have loopback alone. */
  readonly #opening: Promise<Network | null>;
  #network: Network | null = null;
  #tmp: Tmp = { bytes: 64 * 1024 * 1024, files: 4096 };
  #tools: Tools | null = null;
  #callOffRefill: (() => void) | null = null;
  #closed = false;

  /** Takes sandboxes while `network` is still being opened. */
  constructor(settings: SpawnerSettings, pipes: PipePool, world: World, network: Promise<Network | null>) {
    if (settings.isolation === null) throw new PlatformError("internal", "The spawner was not told how to isolate");
    const { runFolder } = settings;
    this.#isolation = settings.isolation;
    this.#path = settings.path;
    this.#binds = new Binds(`${runFolder}/binds`);
    if (settings.isolation.privileged) assertReachable(runFolder);
    removeDeadGroups(settings.isolation.cgroups);
    this.#cgroups = new CgroupParent(settings.isolation.cgroups, settings.groups);
    this.#world = world;
    this.#shop = {
      world,
      pipes,
      isolation: settings.isolation,
      cgroups: this.#cgroups,
      runFolder,
      filterFile: `${runFolder}/filter`,
    };
    writeFileSync(this.#shop.filterFile, seccompFilter(process.arch), { mode: 0o644 });
    mkdirSync(`${runFolder}/tmp`, { mode: 0o755 });
    this.#opening = network;
    void network.then((opened) => {
      this.#network = opened;
      this.#fill();
    });
  }

  async start(request: SpawnRequest): Promise<Launched> {
    if (request.egress !== "none") await this.#opening;
    const sources = this.#sources(request);
    const spare = this.#takeSpare(request);
    try {
      await spare.ready;
      if (request.egress !== "none") await spare.outlet?.restrict(request.egress, request.platform);
      spare.cgroup.limit(request.limits);
      const input = { limits: request.limits, command: this.#command(request), bwrapArguments: bwrapArguments(request, sources) };
      spare.run(launchInput(input, this.#controls("memory") ? 0 : dataKiB(request)));
    } catch (error) {
      await spare.discard();
      throw error;
    }
    const usesSocketFolder = request.endpoint.via === "unix" || request.endpoint.via === "tcp";
    return spare.launched(usesSocketFolder ? this.#socketFolder(spare, request) : null, request.folder);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#callOffRefill?.();
    await Promise.all(this.#spares.map(({ spare }) => spare.discard()));
    await (await this.#opening)?.close();
    this.#binds.close();
    this.#cgroups.remove();
  }

  #sources(request: SpawnRequest): MountSources {
    if (request.root === null) throw new PlatformError("internal", "A sandbox needs a root folder");
    const reachable = (folder: string) => (this.#isolation.privileged ? this.#binds.reachable(folder) : folder);
    const tools = this.#toolsFor(request);
    for (const place of tools === null ? [] : ["tools", "io"]) mkdirSync(`${request.folder}/${place}`);
    if (!this.#isolation.privileged) mkdirSync(`${request.folder}/socket`);
    const tmpfs = this.#isolation.privileged ? `${this.#shop.runFolder}/tmp` : null;
    return {
      root: reachable(request.root),
      code: request.code === null ? null : reachable(request.code),
      runtime: request.runtime === null ? null : reachable(request.runtime),
      platform: request.folder,
      tools,
      tmpfs,
      socketFolder: tmpfs === null ? `${request.folder}/socket` : `${tmpfs}/io`,
      resolverFile: request.egress === "none" ? null : (this.#network?.resolverFile ?? null),
    };
  }

  /** What helps inside: to be reached on a port, and to limit processes without a control group. Null: nothing is needed. */
  #toolsFor(request: SpawnRequest): string | null {
    const isBridged = request.endpoint.via === "tcp";
    if (!isBridged && this.#controls("pids")) return null;
    this.#tools ??= new Tools(`${this.#shop.runFolder}/tools`, this.#path);
    this.#tools.need("sh", ...(isBridged ? ["socat"] : []));
    return this.#tools.folder;
  }

  #command(request: SpawnRequest): readonly string[] {
    const { command, endpoint, limits } = request;
    const reached = endpoint.via === "tcp" ? bridgeCommand(endpoint.port, command) : command;
    return this.#controls("pids") ? reached : limitedCommand(limits.processesMax, reached);
  }

  #controls(controller: CgroupController): boolean {
    return this.#isolation.cgroups.some((tree) => tree.controllers.includes(controller));
  }

  /** With root it is in a file system that only the sandbox's processes have mounted, so that is the way to it. */
  #socketFolder(spare: Spare, request: SpawnRequest): string {
    if (!this.#isolation.privileged) return `${request.folder}/socket`;
    return `/proc/${spare.pid}/root${this.#shop.runFolder}/tmp/io`;
  }

  #takeSpare(request: SpawnRequest): Spare {
    this.#tmp = { bytes: request.limits.tmpMiB * 1024 * 1024, files: request.limits.tmpFilesMax };
    const bindCount = this.#binds.count;
    const usable = this.#spares.findIndex((each) => each.bindCount === bindCount && !each.spare.broken);
    for (const { spare } of this.#spares.splice(0, usable < 0 ? this.#spares.length : usable)) void spare.discard();
    const spare = this.#spares.shift()?.spare ?? this.#makeSpare();
    this.#callOffRefill ??= this.#world.after(refillMs, () => this.#fill());
    return spare;
  }

  #fill(): void {
    this.#callOffRefill = null;
    if (this.#closed || this.#spares.length >= this.#isolation.spares) return;
    this.#spares.push({ spare: this.#makeSpare(), bindCount: this.#binds.count });
    // One at a time: making one costs milliseconds of a processor, and a start may be waiting for it.
    if (this.#spares.length < this.#isolation.spares) this.#callOffRefill = this.#world.after(refillGapMs, () => this.#fill());
  }

  #makeSpare(): Spare {
    const number = this.#freeNumbers.pop() ?? this.#nextNumber++;
    const outlet: Outlet | null = this.#network?.outlet() ?? null;
    return new Spare(this.#shop, number, this.#tmp, outlet, () => this.#freeNumbers.push(number));
  }
}

/**
 * Without control groups: what one process may have in writable memory. Runtimes reserve far more than they use, so less than
 * this would keep them from starting.
 */
function dataKiB(request: SpawnRequest): number {
  return (request.limits.memoryMiB + 512) * 1024;
}
