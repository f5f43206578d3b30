import { join } from "node:path";
import { LRUCache } from "lru-cache";
import type { World } from "../lib/world.ts";
import { PlatformError } from "../model/error.ts";
import type { Source } from "../model/model.ts";
import { CodeStore } from "./code/code-store.ts";
import { CompiledStore } from "./code/compiled-store.ts";
import { Places } from "./code/places.ts";
import { withCompiled } from "./compiled.ts";
import type { Blank, Images, Prepared, StoredCode, Upload } from "./image.ts";
import { findKind, type Kind, kinds } from "./kinds.ts";
import { hostLayout, type Layout, rootLayout } from "./layout.ts";
import { executableCommand } from "./programs/executable.ts";
import { nodejsProgram, nodejsShim } from "./programs/nodejs.ts";
import { pythonBlank, pythonEnvironment, pythonProgram, pythonShim } from "./programs/python.ts";
import type { NodeBinary } from "./roots/node-binary.ts";
import { compiledPythonShim } from "./roots/python-shim.ts";
import { nodeRoot } from "./roots/recipes.ts";
import { type Root, RootStore } from "./roots/root-store.ts";
import type { Say } from "./roots/tool.ts";

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
}

/** The part of them that building roots needs. */
export type BuildOptions = Pick<ImagesOptions, "cacheFolder" | "world" | "say">;

/** Opens the room on its folders; removes what an interrupted upload left. */
export async function openImages(options: ImagesOptions): Promise<Images> {
  const code = await CodeStore.open(join(options.dataFolder, "code"), options.world);
  const places = await Places.open(join(options.dataFolder, "cells"), options.world);
  const compiled = await CompiledStore.open(join(options.dataFolder, "compiled"), options.world);
  return new LocalImages(options, code, places, compiled);
}

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

class LocalImages implements Images {
  readonly kinds = kinds;
  readonly #options: ImagesOptions;
  readonly #code: CodeStore;
  readonly #places: Places;
  readonly #compiled: CompiledStore;
  readonly #roots: RootStore;
  #pythonShim: Promise<string> | null = null;
  readonly #prepared = new LRUCache<string, Promise<Prepared>>({ max: preparedMax });

  constructor(options: ImagesOptions, code: CodeStore, places: Places, compiled: CompiledStore) {
    this.#options = options;
    this.#code = code;
    this.#places = places;
    this.#compiled = compiled;
    this.#roots = new RootStore(options.cacheFolder, options.world, options.say);
  }

  prepare(source: Source, owner?: string): Promise<Prepared> {
    if (source.type === "image") return Promise.reject(noContainerImages());
    const handler = source.type === "code" ? source.handler : null;
    const key = JSON.stringify([source.kind, source.digest, handler, source.command, owner ?? null]);
    const known = this.#prepared.get(key);
    if (known) return known;
    const work = this.#prepare(source, owner).then((prepared) => this.#untilKept(key, prepared));
    this.#prepared.set(key, work);
    work.catch(() => this.#prepared.delete(key));
    return work;
  }

  async prepareBlank(kindName: string): Promise<Blank | null> {
    const kind = findKind(kindName);
    const { family } = kind.runtime;
    if (family === "executable") return null;
    const root = this.#options.files === "roots" ? await rootOf(kind, this.#roots) : null;
    const runtime = await this.#runtimeOf(family, root);
    const layout = await this.#layout(kind, "", runtime);
    const shim = family === "nodejs" ? { shimCommand: nodejsShim(layout), env: {} } : pythonBlank(layout);
    const place = root === null ? null : await this.#places.make();
    return { root: root?.folder ?? null, runtime, path: layout.path, place, ...shim };
  }

  addCode(upload: Upload): Promise<StoredCode> {
    return this.#code.add(upload);
  }

  async hasCode(digest: string): Promise<boolean> {
    return (await this.#code.find(digest)) !== null;
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

  async #prepare(source: CodeSource, owner: string | undefined): Promise<Prepared> {
    const kind = findKind(source.kind);
    const { stored, folder } = await this.#code.get(source.digest);
    const root = this.#options.files === "roots" ? await rootOf(kind, this.#roots) : null;
    const runtime = kind.runtime.family === "executable" ? null : await this.#runtimeOf(kind.runtime.family, root);
    const layout = await this.#layout(kind, folder, runtime);
    const programs = await programsOf(kind, folder, source, layout);
    const prepared = { root: root?.folder ?? null, code: folder, runtime, path: layout.path, ...programs };
    if (root === null || owner === undefined) return prepared;
    return await withCompiled(prepared, { owner, source, kind, stored, layout }, this.#compiled);
  }

  /** Our shim of a family of kinds. */
  async #runtimeOf(family: "nodejs" | "python", root: Root | null): Promise<string> {
    const source = join(projectFolder, "runtimes", family);
    if (family !== "python" || root === null) return source;
    this.#pythonShim ??= compiledPythonShim({ ...this.#options, source, tree: root.folder }).catch((error: Error) => {
      this.#options.say(`Python's shim could not be compiled, and starts take longer: ${error.message}`);
      return source;
    });
    return await this.#pythonShim;
  }

  async #layout(kind: Kind, folder: string, runtime: string | null): Promise<Layout> {
    const { files } = this.#options;
    if (files === "roots") return rootLayout;
    const node = await nodeOf(kind, this.#roots);
    return hostLayout(folder, runtime ?? "", node?.file ?? "node", files.path);
  }
}

type CodeSource = Exclude<Source, { type: "image" }>;

/** The same place from `src/image` and from `dist/image`. */
const projectFolder = join(import.meta.dirname, "..", "..");

/** The interpreter for sandboxes on the host's files, which have no root that brings one. */
async function nodeOf(kind: Kind, roots: RootStore): Promise<NodeBinary | null> {
  return kind.runtime.family === "nodejs" ? roots.node(kind.runtime.major) : null;
}

async function rootOf(kind: Kind, roots: RootStore): Promise<Root> {
  if (kind.runtime.family !== "nodejs") return roots.get(kind.runtime.root);
  const binary = await roots.node(kind.runtime.major);
  return roots.get(nodeRoot(binary.version), binary);
}

async function programsOf(
  kind: Kind,
  folder: string,
  source: CodeSource,
  layout: Layout,
): Promise<Pick<Prepared, "shimCommand" | "command" | "env">> {
  const given = source.command === null || source.command.length === 0 ? null : source.command;
  const handler = source.type === "code" ? source.handler : null;
  const own = given === null ? null : () => ownCommand(given, layout);
  switch (kind.runtime.family) {
    case "nodejs":
      return { shimCommand: nodejsShim(layout), command: own ?? (await nodejsProgram(kind.name, folder, layout)), env: {} };
    case "python": {
      const command = own ?? (await pythonProgram(kind.name, folder, handler, layout));
      return { shimCommand: pythonShim(layout), command, env: await pythonEnvironment(folder, layout) };
    }
    case "executable": {
      const command = await executableCommand(kind.name, folder, given ?? [], kind.runtime.staticOnly, layout);
      return {
        shimCommand: null,
        command: () => command,
        env: {},
      };
    }
  }
}

/** A program in the code is meant by `./name`; any other is looked up in `PATH`. */
function ownCommand(given: readonly string[], layout: Layout): readonly string[] {
  const [program, ...args] = given as [string, ...string[]];
  return program.startsWith("./") ? [`${layout.code}/${program.slice(2)}`, ...args] : given;
}

function noContainerImages(): PlatformError {
  const message = "Container images are not run yet: deploy the function's code with a kind, such as nodejs:24 or python:3.11";
  return new PlatformError("unsupported", message);
}
