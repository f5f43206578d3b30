/** Starts sandboxes by bubblewrap, inside the spawner process. */
import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import type { World } from "../../lib/world.ts";
import { PlatformError } from "../../model/error.ts";
import type { JoinedNetwork, Network, Outlet } from "../egress/egress.ts";
import { joinContainer } from "../egress/join.ts";
import type { Launched, Launcher } from "../spawner/launcher.ts";
import type {
  CgroupController,
  ExpectRequest,
  Isolation,
  JoinRequest,
  SpawnerSettings,
  SpawnRequest,
} from "../spawner/messages.ts";
import type { SandboxLimits } from "../sandbox.ts";
import type { PipePool } from "../spawner/pipes.ts";
import { assertReachable, Binds } from "./binds.ts";
import { findProgram } from "./capabilities.ts";
import { CgroupParent, removeDeadGroups } from "./cgroup.ts";
import {
  Finished,
  FinishedStock,
  makeFolders,
  orderOf,
  placePlaceholder,
  removeFolders,
  type Shape,
  shapeOf,
  templateOf,
} from "./finished.ts";
import { dataKiBOf } from "./launch.ts";
import { bwrapArguments, type MountSources } from "./mounts.ts";
import { MachineViews } from "./machine-view.ts";
import { hostPrograms } from "./privileged.ts";
import { seccompFilter } from "./seccomp.ts";
import { Spare, type SpareShop, type Tmp } from "./spare.ts";
import { stepsProgram } from "./steps.ts";
import { bridgeCommand, bridgeProgram, limitedCommand, lookedUpCommand, Tools } from "./tools.ts";

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
  readonly #views: MachineViews;
  readonly #freeNumbers: number[] = [];
  #nextNumber = 0;
  #spares: { spare: Spare; bindCount: number }[] = [];
  readonly #placesFolder: string | null;
  readonly #finished = new FinishedStock();
  /** Null: there is none, and sandboxes have loopback alone. */
  readonly #opening: Promise<Network | null>;
  /** Undefined until it is known. */
  #network: Network | null | undefined;
  #tmp: Tmp = { bytes: 64 * 1024 * 1024, files: 4096 };
  #tools: Tools | null = null;
  #callOffRefill: (() => void) | null = null;
  #closed = false;

  /** Takes sandboxes while `network` is still being opened. */
  constructor(settings: SpawnerSettings, pipes: PipePool, world: World, network: Promise<Network | null>) {
    if (settings.isolation === null) throw new PlatformError("internal", "The spawner was not told how to isolate");
    const { runFolder, placesFolder } = settings;
    this.#placesFolder = placesFolder;
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
      stepsFile: `${runFolder}/steps`,
      programs: hostPrograms((name) => findProgram(name, this.#path), this.#path),
    };
    writeFileSync(this.#shop.stepsFile, stepsProgram(3), { mode: 0o755 });
    writeFileSync(this.#placeholder, stepsProgram(0), { mode: 0o755 });
    writeFileSync(this.#shop.filterFile, seccompFilter(process.arch), { mode: 0o644 });
    mkdirSync(`${runFolder}/tmp`, { mode: 0o755 });
    this.#views = new MachineViews(`${runFolder}/views`, availableParallelism());
    this.#opening = network;
    void network.then((opened) => {
      this.#network = opened;
      this.#fill();
    });
  }

  async start(request: SpawnRequest): Promise<Launched> {
    if (request.egress !== "none") await this.#opening;
    return (await this.#startFinished(request)) ?? (await this.#startAnew(request));
  }

  expect({ request, count }: ExpectRequest): void {
    const shape = this.#placesFolder === null ? null : shapeOf(request, this.#controls("cpuset"));
    if (shape === null) return;
    this.#finished.expect(shape, count);
    // The network they are to be in may still be on its way.
    void this.#opening.then(() => this.#refillLater(refillGapMs));
  }

  async join({ egress, platform, ...container }: JoinRequest): Promise<JoinedNetwork | null> {
    const network = await this.#opening;
    if (network === null) return null;
    const outlet = network.outlet();
    await joinContainer(outlet, container, this.#path);
    await outlet.restrict(egress, platform);
    return { leave: () => outlet.release() };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#callOffRefill?.();
    await Promise.all([...this.#spares.map(({ spare }) => spare.discard()), this.#finished.close()]);
    await (await this.#opening)?.close();
    this.#binds.close();
    this.#cgroups.remove();
  }

  /** In one that is finished; null where there is none for it. */
  async #startFinished(request: SpawnRequest): Promise<Launched | null> {
    const order = this.#placesFolder === null ? null : orderOf(request, request.command);
    const shape = order === null ? null : shapeOf(request, this.#controls("cpuset"));
    const finished = shape === null ? null : this.#finished.take(shape);
    if (order === null || finished === null) return null;
    this.#refillLater(refillMs);
    const { spare } = finished;
    try {
      await finished.ready;
      if (!finished.fill(request.code)) {
        this.#finished.add(finished);
        return null;
      }
      await this.#limit(spare, request);
      finished.begin(request, order);
    } catch {
      this.#finished.broke();
      await finished.discard();
      return null;
    }
    this.#finished.worked();
    return spare.launched(this.#socketFolder(spare, request, finished.folder), [request.folder, ...finished.folders], true);
  }

  async #startAnew(request: SpawnRequest): Promise<Launched> {
    const sources = this.#sources(request);
    const spare = this.#takeSpare(request.limits);
    this.#refillLater(refillMs);
    try {
      await this.#begin(spare, request, sources);
    } catch (error) {
      await spare.discard();
      throw error;
    }
    return spare.launched(this.#socketFolder(spare, request, request.folder), [request.folder], false);
  }

  /** Where the program needs a port of its own, the placeholder makes that before it becomes the program. */
  async #begin(spare: Spare, request: SpawnRequest, sources: MountSources): Promise<void> {
    if (request.endpoint.via !== "loopback") return await this.#run(spare, request, sources);
    const order = orderOf(request, lookedUpCommand(request.command));
    if (order === null) throw new PlatformError("internal", "The command of a sandbox is too long");
    await this.#run(spare, { ...request, command: placePlaceholder(this.#placeholder, request.folder) }, sources);
    spare.tell(order);
  }

  async #run(spare: Spare, request: SpawnRequest, sources: MountSources): Promise<void> {
    await spare.ready;
    await this.#limit(spare, request);
    spare.run({
      limits: request.limits,
      command: this.#command(request),
      keepsChannel: request.endpoint.via === "loopback",
      // A spare without a way out gets a network with loopback alone, whatever was asked for: nothing runs in the machine's own.
      bwrapArguments: bwrapArguments(request, spare.outlet === null ? { ...sources, resolverFile: null } : sources),
      dataKiB: this.#controls("memory") ? null : dataKiBOf(request.limits),
      cores: this.#controls("cpuset") ? null : (request.limits.cores ?? null),
    });
  }

  async #limit(spare: Spare, { egress, platform, limits }: SpawnRequest): Promise<void> {
    if (egress !== "none") await spare.outlet?.restrict(egress, platform);
    spare.cgroup.limit(limits);
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
      layers: request.layers === undefined ? null : reachable(request.layers),
      platform: request.folder,
      tools,
      tmpfs,
      socketFolder: tmpfs === null ? `${request.folder}/socket` : `${tmpfs}/io`,
      view: this.#views.of(request.limits.memoryMiB, request.limits.cores?.length),
      hostsFile: request.localNames === undefined ? null : writeHosts(request.folder, request.localNames),
      resolverFile: request.egress === "none" ? null : (this.#network?.resolverFile ?? null),
    };
  }

  /** What helps inside: to be reached on a port, to look a program up, and to limit processes without a control group. Null: nothing is needed. */
  #toolsFor(request: SpawnRequest): string | null {
    const { endpoint, command } = request;
    const bridge = endpoint.via === "loopback" ? null : bridgeProgram(endpoint);
    const isLookedUp = endpoint.via === "loopback" && lookedUpCommand(command) !== command;
    if (bridge === null && !isLookedUp && this.#controls("pids")) return null;
    this.#tools ??= new Tools(`${this.#shop.runFolder}/tools`, this.#path);
    this.#tools.need("sh", ...(bridge === null ? [] : [bridge]));
    return this.#tools.folder;
  }

  #command(request: SpawnRequest): readonly string[] {
    const { command, endpoint, limits } = request;
    const reached = endpoint.via === "loopback" ? command : bridgeCommand(endpoint, command);
    return this.#controls("pids") ? reached : limitedCommand(limits.processesMax, reached);
  }

  #controls(controller: CgroupController): boolean {
    return this.#isolation.cgroups.some((tree) => tree.controllers.includes(controller));
  }

  /** With root it is in a file system that only the sandbox's processes have mounted, so that is the way to it. */
  #socketFolder(spare: Spare, { endpoint }: SpawnRequest, folder: string): string | null {
    if (endpoint.via !== "unix" && endpoint.via !== "tcp") return null;
    if (!this.#isolation.privileged) return `${folder}/socket`;
    return `/proc/${spare.pid}/root${this.#shop.runFolder}/tmp/io`;
  }

  get #placeholder(): string {
    return `${this.#shop.runFolder}/placeholder`;
  }

  #takeSpare({ tmpMiB, tmpFilesMax }: SandboxLimits): Spare {
    this.#tmp = { bytes: tmpMiB * 1024 * 1024, files: tmpFilesMax };
    const bindCount = this.#binds.count;
    const usable = this.#spares.findIndex((each) => each.bindCount === bindCount && !each.spare.broken);
    for (const { spare } of this.#spares.splice(0, usable < 0 ? this.#spares.length : usable)) void spare.discard();
    return this.#spares.shift()?.spare ?? this.#makeSpare();
  }

  #refillLater(ms: number): void {
    this.#callOffRefill ??= this.#world.after(ms, () => this.#fill());
  }

  /** One at a time: making one costs milliseconds of a processor, and a start may be waiting for it. */
  #fill(): void {
    this.#callOffRefill = null;
    // What is prepared before there is a network has none, and would be of no use to most.
    if (this.#closed || this.#isolation.spares === 0 || this.#network === undefined) return;
    const shape = this.#finished.wanted();
    if (shape !== null) this.#finish(shape);
    else if (this.#spares.length < (this.#finished.isIdle ? this.#isolation.spares : 1)) {
      this.#spares.push({ spare: this.#makeSpare(), bindCount: this.#binds.count });
    } else return;
    this.#refillLater(refillGapMs);
  }

  #finish(shape: Shape): void {
    const shop = { runFolder: this.#shop.runFolder, placesFolder: this.#placesFolder ?? "", program: this.#placeholder };
    const folders = makeFolders(shape, this.#world.newId(), shop);
    const template = templateOf(shape, folders);
    try {
      const sources = this.#sources(template);
      const spare = this.#takeSpare(template.limits);
      this.#finished.add(new Finished(shape, spare, folders, this.#run(spare, template, sources)));
    } catch {
      // What it would be made of is gone from the disk: layers, or an image.
      this.#finished.forget(shape);
      removeFolders(folders);
    }
  }

  #makeSpare(): Spare {
    const number = this.#freeNumbers.pop() ?? this.#nextNumber++;
    const outlet: Outlet | null = this.#network?.outlet() ?? null;
    return new Spare(this.#shop, number, this.#tmp, outlet, () => this.#freeNumbers.push(number));
  }
}

/** The names of a sandbox's own loopback, as a file in its folder. */
function writeHosts(folder: string, names: readonly string[]): string {
  const file = `${folder}/hosts`;
  writeFileSync(file, `127.0.0.1\tlocalhost ${names.join(" ")}\n::1\tlocalhost\n`, { mode: 0o644 });
  return file;
}
