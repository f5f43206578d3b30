import { join } from "node:path";
import { LRUCache } from "lru-cache";
import type { OwnKind } from "../config/own-kinds.ts";
import type { World } from "../lib/world.ts";
import { PlatformError } from "../model/error.ts";
import { layersOf } from "../model/layer.ts";
import type { Source, StartableSource } from "../model/model.ts";
import { CodeStore } from "./code/code-store.ts";
import { CompiledStore } from "./code/compiled-store.ts";
import { LayerFolders } from "./code/layer-folders.ts";
import { Leftovers } from "./code/leftovers.ts";
import { PackageStore } from "./code/package-store.ts";
import { Places } from "./code/places.ts";
import { withCompiled } from "./compiled.ts";
import type { Blank, CodeSource, Images, InstallPlan, Kinds, Prepared, SentCode, StoredCode, Upload, Uses } from "./image.ts";
import { installRoot, nodeOf, rootOf, runnerMajor } from "./kind-roots.ts";
import { findKind, type Kind, kinds } from "./kinds.ts";
import { OwnKinds } from "./own-kinds.ts";
import { hostLayout, type Layout, rootLayout } from "./layout.ts";
import { machineRegistries, type RegistrySettings } from "./packages/machine.ts";
import { type PackageManager, publicRegistries, type Registries } from "./packages/packages.ts";
import { planOf } from "./packages/plan.ts";
import type { Provided } from "./packages/provided.ts";
import { executableCommand } from "./programs/executable.ts";
import { layerEnvironment, layerPath } from "./programs/layers.ts";
import { javaAction, javaMemory, javaProgram } from "./programs/java.ts";
import { nodejsMemory, nodejsProgram, nodejsShim } from "./programs/nodejs.ts";
import { type CodeFolders, nothingToRun, topFiles } from "./programs/program.ts";
import { pythonBlank, pythonEnvironment, pythonProgram, pythonShim } from "./programs/python.ts";
import { type ImageOwner, PulledImages, type PullSettings } from "./pulled/pulled-images.ts";
import { RootStore } from "./roots/root-store.ts";
import { Shims } from "./roots/shims.ts";
import { runTool, type Say } from "./roots/tool.ts";

/** Where this room keeps its things, and for which kind of sandbox it works. */
export interface ImagesOptions {
  /** For uploaded code, below `code/`; belongs to one process. */
  readonly dataFolder: string;
  /** For roots and what they are made from; may be shared and may be deleted while nothing runs. */
  readonly cacheFolder: string;
  readonly world: World;
  /** Hears of slow work; may name host paths. */
  readonly say: Say;
  /** `roots`: sandboxes get file systems of ours. Else they see the host's, with this `PATH`; then no root is ever built. */
  readonly files: "roots" | { readonly path: string };
  /** Where packages are installed from; by default as npm and pip of this machine are set. */
  readonly registries?: RegistrySettings;
  /** Packages that handlers of the convention `parameters` may use without naming them; absent: none. */
  readonly provided?: Provided;
  /** How container images are had; absent: they are not. Only with `files: "roots"`. */
  readonly pulls?: PullSettings;
  /** Kinds that the operator added; absent: none. */
  readonly ownKinds?: readonly OwnKind[];
}

/** The part of them that building roots needs. */
export type BuildOptions = Pick<ImagesOptions, "cacheFolder" | "world" | "say">;

/** Opens the room on its folders; removes what an interrupted upload left. */
export async function openImages(options: ImagesOptions): Promise<Images> {
  const code = await CodeStore.open(join(options.dataFolder, "code"), options.world);
  const places = await Places.open(join(options.dataFolder, "cells"), options.world);
  const compiled = await CompiledStore.open(join(options.dataFolder, "compiled"), options.world);
  const flush = (folder: string) => runTool("sync", ["-f", folder], flushTimeoutMs, options.say);
  const packages = await PackageStore.open(join(options.dataFolder, "packages"), options.world, flush);
  const pulled =
    options.pulls === undefined ? null : await PulledImages.open(join(options.dataFolder, "images"), options.pulls, options);
  const layers = await LayerFolders.open(join(options.dataFolder, "layers"), code, options.world);
  return new LocalImages(options, { code, places, compiled, packages, pulled, layers });
}

const flushTimeoutMs = 120_000;

/** What `buildRoots` made or found. */
export interface RootReport {
  readonly kind: string;
  readonly bytes: number;
  /** Files, links and folders. */
  readonly entries: number;
  /** Milliseconds that building took; 0 when it was there. */
  readonly builtMs: number;
}

/** Builds the roots of some kinds ahead of their first use, at the same time. Throws `invalid` and `internal`. */
export async function buildRoots(kindNames: readonly string[], options: BuildOptions): Promise<readonly RootReport[]> {
  const roots = new RootStore(options.cacheFolder, options.world, options.say);
  // All are waited for, also when one fails: a build that is abandoned would leave its temporary folder.
  const ends = await Promise.allSettled(kindNames.map((name) => buildRoot(findKind(name), roots)));
  return ends.map((end) => {
    if (end.status === "rejected") throw end.reason;
    return end.value;
  });
}

async function buildRoot(kind: Kind, roots: RootStore): Promise<RootReport> {
  const { manifest, builtMs } = await rootOf(kind, roots);
  return { kind: kind.name, bytes: manifest.bytes, entries: manifest.entries, builtMs };
}

/** Sources to what they start as. Plenty: an entry is a few strings, and a miss costs a few reads of folders. */
const preparedMax = 10_000;

interface Stores {
  readonly code: CodeStore;
  readonly places: Places;
  readonly compiled: CompiledStore;
  readonly packages: PackageStore;
  readonly pulled: PulledImages | null;
  readonly layers: LayerFolders;
}

class LocalImages implements Images {
  readonly kinds: Kinds;
  readonly #own: OwnKinds;
  readonly #options: ImagesOptions;
  readonly #code: CodeStore;
  readonly #places: Places;
  readonly #compiled: CompiledStore;
  readonly #packages: PackageStore;
  readonly #pulled: PulledImages | null;
  readonly #layers: LayerFolders;
  readonly #leftovers: Leftovers;
  readonly #roots: RootStore;
  readonly #shims: Shims;
  readonly #registries = new Map<string, Promise<Registries>>();
  readonly #prepared = new LRUCache<string, Promise<Prepared>>({ max: preparedMax });

  constructor(options: ImagesOptions, stores: Stores) {
    this.#options = options;
    this.#own = new OwnKinds(options.ownKinds ?? [], kinds);
    this.kinds = this.#own.beside(kinds);
    this.#code = stores.code;
    this.#places = stores.places;
    this.#compiled = stores.compiled;
    this.#packages = stores.packages;
    this.#pulled = stores.pulled;
    this.#layers = stores.layers;
    // Sources are looked up again: what they start as may be gone.
    const removed = () => this.#prepared.clear();
    this.#leftovers = new Leftovers({ ...stores, notes: stores.pulled?.pins ?? null }, removed);
    this.#roots = new RootStore(options.cacheFolder, options.world, options.say);
    this.#shims = new Shims({ ...options, projectFolder }, this.#roots);
  }

  async prepare(source: Source, owner?: string, revision?: number): Promise<Prepared> {
    if (source.type === "sequence") throw new PlatformError("unsupported", "A sequence has no code that could be started");
    if (source.type === "image") return this.#imagesPulled().prepare(source.image, ownerOf(owner, revision), source.start);
    const own = this.#own.find(source.kind);
    if (own !== null) return await this.#prepareOwn(own, source, ownerOf(owner, revision));
    const handler = source.type === "code" ? source.handler : null;
    const dependencies = dependenciesOf(source);
    const layers = layerDigests(source);
    const key = JSON.stringify([source.kind, source.digest, dependencies, handler, source.command, layers, owner ?? null]);
    const known = this.#prepared.get(key);
    if (known) return known;
    const work = this.#prepare(source, owner).then((prepared) => this.#untilKept(key, prepared));
    this.#prepared.set(key, work);
    work.catch(() => this.#prepared.delete(key));
    return work;
  }

  async fetchAhead(source: Source, owner: string, revision: number): Promise<void> {
    if (source.type === "image") await this.#pulled?.fetchAhead(source.image, { id: owner, revision }, source.start);
  }

  async prepareBlank(kindName: string): Promise<Blank | null> {
    if (this.#own.find(kindName) !== null) return null;
    const kind = findKind(kindName);
    const { family } = kind.runtime;
    if (family !== "nodejs" && family !== "python") return null;
    const root = this.#options.files === "roots" ? await rootOf(kind, this.#roots) : null;
    const runtime = await this.#shims.of(kind, root);
    const layout = await this.#layout(kind, "", runtime, null);
    const shim = family === "nodejs" ? { shimCommand: nodejsShim(layout), env: {} } : pythonBlank(layout);
    const memory = family === "nodejs" && root !== null ? { memoryOptions: nodejsMemory } : {};
    const place = root === null ? null : await this.#places.make();
    return { root: root?.folder ?? null, runtime, path: layout.path, place, ...shim, ...memory };
  }

  async layOut({ code, root }: Prepared): Promise<void> {
    if (code !== null && root !== null) await this.#places.layOut(code);
  }

  addCode(upload: Upload): Promise<StoredCode> {
    return this.#code.add(upload);
  }

  findCode(digest: string): Promise<StoredCode | null> {
    return this.#code.find(digest);
  }

  extensionsIn(digest: string): Promise<readonly string[]> {
    return this.#layers.extensionsIn(digest);
  }

  codeAsSent(digest: string): Promise<SentCode | null> {
    return this.#code.asSent(digest);
  }

  async planInstall(source: CodeSource, namespace: string): Promise<InstallPlan | null> {
    // Without a root of ours there is no package manager of ours either, and nothing to keep it in.
    if (this.#options.files !== "roots" || this.#own.find(source.kind) !== null) return null;
    const kind = findKind(source.kind);
    const { folder } = await this.#code.get(source.digest);
    const { runtime } = kind;
    const node = () => this.#roots.node(runtime.family === "nodejs" ? runtime.major : runnerMajor);
    return await planOf({
      source,
      namespace,
      kind,
      folder,
      store: this.#packages,
      provided: this.#options.provided ?? { npm: {}, pip: {} },
      runtime: join(projectFolder, "runtimes", "install"),
      launchers: join(projectFolder, "runtimes", "launchers"),
      registries: (manager) => this.#machineRegistries(manager),
      interpreter: async () => (runtime.family === "nodejs" ? (await node()).version : kind.name),
      root: async () => (await installRoot(kind, await node(), this.#roots)).folder,
    });
  }

  removeUnused(uses: Uses): Promise<boolean> {
    return this.#leftovers.step(uses);
  }

  async #prepareOwn(kind: OwnKind, source: Startable, owner: ImageOwner | null): Promise<Prepared> {
    const { digest, command } = source;
    const { folder } = await this.#code.get(digest);
    const layers = await this.#layers.of(layerDigests(source));
    const prepared = await this.#own.prepare(kind, {
      command: command === null || command.length === 0 ? null : command,
      folder,
      hasRoots: this.#options.files === "roots",
      pulled: (image) => this.#imagesPulled().prepare(image, owner),
    });
    return layers === null ? prepared : { ...prepared, layers };
  }

  #imagesPulled(): PulledImages {
    if (this.#pulled === null) throw noContainerImages();
    return this.#pulled;
  }

  /** What was compiled is looked for again once some was kept. */
  #untilKept(key: string, prepared: Prepared): Prepared {
    const { compilable } = prepared;
    if (compilable === undefined) return prepared;
    const keep = async (records: Buffer) => {
      const isKept = await compilable.keep(records);
      if (isKept) this.#prepared.delete(key);
      return isKept;
    };
    return { ...prepared, compilable: { command: compilable.command, keep } };
  }

  async #prepare(source: Startable, owner: string | undefined): Promise<Prepared> {
    const kind = servingKind(findKind(source.kind), source);
    const { stored, folder } = await this.#withPackages(source);
    const root = this.#options.files === "roots" ? await rootOf(kind, this.#roots) : null;
    const runtime = await this.#shims.of(kind, root);
    const layers = await this.#layers.of(layerDigests(source));
    const layout = await this.#layout(kind, folder, runtime, layers);
    const programs = await programsOf(kind, { folder, layers }, source, layout);
    const memory = memoryOf(kind, root !== null, layout);
    const bare = { root: root?.folder ?? null, code: folder, runtime, path: layout.path, ...programs, ...memory };
    const prepared = layers === null ? bare : withLayers(bare, layers, kind, layout);
    if (root === null || owner === undefined) return prepared;
    return await withCompiled(prepared, { owner, source, kind, stored, layout }, this.#compiled);
  }

  #machineRegistries(manager: PackageManager["name"]): Promise<Registries> {
    const { registries = { npm: "", pip: "", go: "", cargo: "", hosts: publicRegistries.hosts, ca: "" }, say } = this.#options;
    const known = this.#registries.get(manager);
    if (known !== undefined) return known;
    const work = machineRegistries(manager, registries, say);
    this.#registries.set(manager, work);
    work.catch(() => this.#registries.delete(manager));
    return work;
  }

  async #withPackages(source: Startable): Promise<{ readonly stored: StoredCode; readonly folder: string }> {
    const { stored, folder } = await this.#code.get(source.digest);
    const key = dependenciesOf(source);
    if (key === null) return { stored, folder };
    const both = await this.#packages.join(key, source.digest, folder);
    const packages = await this.#packages.find(key);
    const [bytes, files] = [stored.bytes + (packages?.bytes ?? 0), stored.files + (packages?.files ?? 0)];
    return { stored: { ...stored, bytes, files }, folder: both };
  }

  async #layout(kind: Kind, folder: string, runtime: string | null, layers: string | null): Promise<Layout> {
    const { files } = this.#options;
    if (files === "roots") return rootLayout;
    const node = await nodeOf(kind, this.#roots);
    const folders = { code: folder, runtime: runtime ?? "", layers: layers ?? rootLayout.layers };
    return hostLayout(folders, node?.file ?? "node", files.path);
  }
}

type Startable = Exclude<StartableSource, { type: "image" }>;

function dependenciesOf(source: Startable): string | null {
  return source.type === "code" ? (source.dependencies ?? null) : null;
}

/** Of what is in `/opt`. */
const layerDigests = (source: Startable) => layersOf(source).map(({ digest }) => digest);

function withLayers(bare: Prepared, layers: string, kind: Kind, layout: Layout): Prepared {
  return { ...bare, layers, path: layerPath(bare.path, layout), env: layerEnvironment(kind, bare.env, layout) };
}

/** The same place from `src/image` and from `dist/image`. */
const projectFolder = join(import.meta.dirname, "..", "..");

function memoryOf(kind: Kind, hasRoot: boolean, layout: Layout): Pick<Prepared, "memoryOptions" | "interpreter"> {
  const { family } = kind.runtime;
  if (family === "java") return { memoryOptions: javaMemory, interpreter: layout.java };
  return family === "nodejs" && hasRoot ? { memoryOptions: nodejsMemory } : {};
}

async function programsOf(
  kind: Kind,
  { folder, layers }: CodeFolders,
  source: Startable,
  layout: Layout,
): Promise<Pick<Prepared, "shimCommand" | "command" | "env">> {
  const given = source.command === null || source.command.length === 0 ? null : source.command;
  const handler = source.type === "code" ? source.handler : null;
  const own = given === null ? null : () => ownCommand(given, layout);
  switch (kind.runtime.family) {
    case "nodejs":
      return {
        shimCommand: nodejsShim(layout),
        command: own ?? (await nodejsProgram(kind.name, folder, layout)),
        env: programEnv(source),
      };
    case "python": {
      const command = own ?? (await pythonProgram(kind.name, { folder, layers }, handler, layout));
      return { shimCommand: pythonShim(layout), command, env: await pythonEnvironment(folder, layout) };
    }
    case "shim": {
      const { interpreter, file, env } = kind.runtime.shim;
      const shimCommand = [...interpreter, `${layout.runtime}/${file}`];
      const files = own === null ? await topFiles(folder) : new Set<string>();
      const command = () => {
        throw nothingToRun(kind.name, "a command of the function", files);
      };
      return { shimCommand, command: own ?? command, env };
    }
    case "java": {
      const shimCommand = isAction(source) ? javaAction(layout) : null;
      const command = own ?? (await javaProgram(kind.name, { folder, layers }, handler, layout));
      return { shimCommand, command, env: {} };
    }
    case "executable": {
      const command = await executableCommand(kind.name, { folder, layers }, given ?? [], kind.runtime.staticOnly, layout);
      return {
        shimCommand: null,
        command: () => command,
        env: {},
      };
    }
  }
}

/** An action that is a program is served by Node's runtime (`runtimes/nodejs/program.cjs`). */
function servingKind(kind: Kind, source: Startable): Kind {
  return kind.runtime.family === "executable" && isAction(source) ? findKind(`nodejs:${runnerMajor}`) : kind;
}

/** What is said to it of the program: Go's are told of calls on STDIN, others are run for each. */
function programEnv({ kind }: Startable): Readonly<Record<string, string>> {
  const { runtime } = findKind(kind);
  if (runtime.family !== "executable") return {};
  return { KILN_PROGRAM: runtime.compiler === null ? "each" : "loop" };
}

const isAction = (source: Startable) => source.type === "code" && source.convention === "parameters";

/** A program in the code is meant by `./name`; any other is looked up in `PATH`. */
function ownCommand(given: readonly string[], layout: Layout): readonly string[] {
  const [program, ...args] = given as [string, ...string[]];
  return program.startsWith("./") ? [`${layout.code}/${program.slice(2)}`, ...args] : given;
}

function ownerOf(id: string | undefined, revision: number | undefined): ImageOwner | null {
  return id === undefined || revision === undefined ? null : { id, revision };
}

function noContainerImages(): PlatformError {
  const message = "Container images are not run on the machine's own files: start the platform without --sandbox process";
  return new PlatformError("unsupported", message);
}
