import { chmodSync, mkdirSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { Installer } from "../agent/installer.ts";
import { MemoryBudget } from "../agent/evictor.ts";
import type { Config } from "../config/config.ts";
import { functionImage, type ImageRequest, type InstalledPackages } from "../image/building/function-image.ts";
import { LayerCache } from "../image/building/layer-cache.ts";
import type { Images, StoredCode } from "../image/image.ts";
import { findKind } from "../image/kinds.ts";
import { openImages } from "../image/local-images.ts";
import { removeStale, temporaryFolder } from "../image/roots/temporary.ts";
import { realWorld } from "../lib/world.ts";
import { PlatformError } from "../model/error.ts";
import type { InstallMode, Source } from "../model/model.ts";
import { writeArchive } from "../oci/archive.ts";
import { assembleImage, type BuiltImage, type NamedLayer } from "../oci/assemble.ts";
import { type Layer, writeLayer } from "../oci/layer.ts";
import { writeLayout } from "../oci/layout.ts";
import { formatReference, parseReference } from "../oci/reference.ts";
import { createRegistry } from "../oci/registry.ts";
import { inspect } from "../sandbox/bubblewrap/capabilities.ts";
import { bubblewrapDriver } from "../sandbox/bubblewrap/driver.ts";
import type { SandboxDriver } from "../sandbox/sandbox.ts";
import { openFolder } from "./data-folder.ts";
import { registriesOf } from "./registries.ts";

/** What the client asks for, as a JSON document on STDIN. */
interface ImagesJob {
  readonly functions: readonly FunctionJob[];
  readonly push: boolean;
}

interface FunctionJob extends Pick<ImageRequest, "kind" | "entrypoint" | "cmd" | "handler" | "labels"> {
  readonly name: string;
  /** `[REGISTRY/]PATH:TAG`. */
  readonly image: string;
  /** The packed code. */
  readonly codeFile: string;
  readonly install: InstallMode;
  /** Folder of its layout, below that of images in the cache where it is relative; null: none is wanted. */
  readonly layout: string | null;
  /** File for `docker load`; null: none. */
  readonly archive: string | null;
}

/** One line of STDOUT. */
type Told =
  | { readonly event: "say"; readonly text: string }
  | BuiltTold
  | {
      readonly event: "pushed";
      readonly name: string;
      readonly image: string;
      readonly digest: string;
      readonly sentBytes: number;
    }
  | {
      readonly event: "failed";
      readonly name: string | null;
      readonly code: string;
      readonly message: string;
      readonly details: object;
    };

interface BuiltTold extends Pick<FunctionJob, "name" | "image" | "layout" | "archive"> {
  readonly event: "built";
  readonly digest: string;
  readonly layers: readonly LayerTold[];
}

interface LayerTold {
  readonly digest: string;
  readonly bytes: number;
  readonly what: string;
}

/** Packages are for whoever builds here; a server keeps its own by namespace. */
const owner = "images";
/** A transfer on which nothing comes for so long is begun again. */
const stallMs = 30_000;
const platform = { os: "linux", architecture: process.arch === "arm64" ? "arm64" : "amd64" } as const;

/**
 * Makes container images of functions, for `polykiln build` and `push`: what happens is told on STDOUT, an event a line. The end of its
 * STDIN's document begins it; a signal ends it with nothing left but the cache.
 */
export async function images(config: Config): Promise<number> {
  const job = JSON.parse(await wholeOf(process.stdin)) as ImagesJob;
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => stop.abort());
  const builder = await Builder.open(config, stop.signal);
  let current: string | null = null;
  try {
    for (const fn of job.functions) {
      current = fn.name;
      await builder.make(fn, job.push);
    }
    return 0;
  } catch (error) {
    const { code, message, details } = asFailure(error);
    tell({ event: "failed", name: current, code, message, details });
    return 1;
  } finally {
    await builder.close();
  }
}

class Builder {
  readonly #config: Config;
  readonly #signal: AbortSignal;
  readonly #world = realWorld();
  readonly #work: string;
  readonly #layers: LayerCache;
  readonly #images: Images;
  #driver: SandboxDriver | undefined;
  #installer: Installer | undefined;

  private constructor(config: Config, signal: AbortSignal, work: string, opened: Images) {
    this.#config = config;
    this.#signal = signal;
    this.#work = work;
    this.#images = opened;
    this.#layers = new LayerCache(join(config.cache, "layers"));
  }

  static async open(config: Config, signal: AbortSignal): Promise<Builder> {
    const world = realWorld();
    openFolder(config.cache);
    const builds = join(config.cache, "builds");
    await removeStale(builds, world);
    const work = temporaryFolder(builds, world);
    mkdirSync(work, { recursive: true });
    // Sandboxes have users of their own.
    for (const folder of [builds, work]) chmodSync(folder, 0o711);
    const options = {
      dataFolder: work,
      cacheFolder: config.cache,
      world,
      say,
      files: "roots",
      registries: registriesOf(config),
    } as const;
    return new Builder(config, signal, work, await openImages(options));
  }

  async make(fn: FunctionJob, push: boolean): Promise<void> {
    const { name, image: text, archive } = fn;
    const tag = parseReference(text).tag ?? "latest";
    const layout = fn.layout === null ? null : resolve(this.#config.cache, "images", fn.layout);
    const image = await this.#build(fn);
    const layers = image.layers.map(({ descriptor, createdBy }) => ({
      digest: descriptor.digest,
      bytes: descriptor.size,
      what: createdBy,
    }));
    if (layout !== null) await writeLayout(layout, image, tag);
    if (archive !== null) await writeArchive(archive, image, text, tag);
    tell({ event: "built", name, image: text, digest: image.manifest.digest, layers, layout, archive });
    if (push) await this.#push(fn, image);
  }

  async close(): Promise<void> {
    await this.#installer?.close();
    await this.#driver?.close();
    await rm(this.#work, { recursive: true, force: true });
  }

  async #build(fn: FunctionJob): Promise<BuiltImage> {
    const stored = await this.#images.addCode({ bytes: await readFile(fn.codeFile), fileName: null });
    const source = sourceOf(fn, stored);
    const { root, code } = await this.#images.prepare(source);
    const packages = source.type === "code" ? await this.#packages(source) : null;
    this.#signal.throwIfAborted();
    const { layers, run } = await functionImage({ ...fn, root: root as string, code: code as string, packages });
    const written: NamedLayer[] = [];
    for (const [i, { key, parts, createdBy }] of layers.entries()) {
      const layer: Layer =
        key === null
          ? await writeLayer(parts, join(this.#work, `${stored.digest}-${i}.tar.gz`))
          : await this.#layers.get(key, parts);
      written.push({ ...layer, createdBy });
    }
    return assembleImage(written, run, platform);
  }

  /** Null: the code names none, or brings them. */
  async #packages(source: Extract<Source, { type: "code" }>): Promise<InstalledPackages | null> {
    const plan = await this.#images.planInstall(source, owner);
    if (plan === null) return null;
    if ((await this.#layers.find(`packages-${plan.key}`)) !== null) return { key: plan.key, folder: null };
    say(`Installing packages with ${plan.manager}`);
    const dependencies = await this.#install(source);
    const { code } = await this.#images.prepare({ ...source, dependencies });
    return { key: plan.key, folder: code };
  }

  async #install(source: Extract<Source, { type: "code" }>): Promise<string> {
    this.#driver ??= this.#startDriver();
    const {
      installMemoryMiB: memoryMiB,
      installTimeoutMs: timeoutMs,
      registryProxy: proxy,
      registryDirect: direct,
    } = this.#config;
    this.#installer ??= new Installer({
      world: this.#world,
      driver: this.#driver,
      images: this.#images,
      memory: new MemoryBudget(
        this.#config.memoryMiB,
        () => [],
        () => {},
      ),
      config: { memoryMiB, timeoutMs, proxy, direct },
    });
    return (await this.#installer.install(source, owner, this.#signal)) as string;
  }

  #startDriver(): SandboxDriver {
    const found = inspect();
    if (!found.usable) throw noSandboxes(found.missing.map(({ why }) => why));
    // A sandbox that installs has no network of its own.
    const capabilities = { ...found, isolation: { ...found.isolation, network: null } };
    return bubblewrapDriver({ world: this.#world, warn, stateFile: join(this.#work, "sandboxes.json"), capabilities });
  }

  async #push({ name, image: text }: FunctionJob, { blobs, manifest, manifestBytes }: BuiltImage): Promise<void> {
    const { registryAuth, registryCa, imagePlainHosts, imageRegistry, registryProxy, registryDirect } = this.#config;
    const reference = parseReference(text, imageRegistry);
    const way = { proxy: registryProxy, direct: [...registryDirect, ...imagePlainHosts] };
    const settings = { credentialsFile: registryAuth, certificatesFile: registryCa, plainHosts: imagePlainHosts, way, stallMs };
    const registry = createRegistry(settings, this.#world);
    try {
      let sentBytes = 0;
      for (const blob of blobs) {
        const isSent = await registry.pushBlob(reference, blob, this.#signal);
        if (isSent) sentBytes += blob.size;
        say(`${blob.digest.slice(7, 19)} ${isSent ? `sent, ${shown(blob.size)}` : "is there"}`);
      }
      const digest = await registry.pushManifest(reference, manifest.mediaType, manifestBytes, this.#signal);
      tell({ event: "pushed", name, image: formatReference(reference), digest, sentBytes });
    } finally {
      registry.close();
    }
  }
}

function sourceOf({ kind: kindName, install, handler }: FunctionJob, { digest }: StoredCode): Exclude<Source, { type: "image" }> {
  const { name: kind, runtime } = findKind(kindName);
  if (runtime.family === "executable") return { type: "executable", kind, digest, command: [] };
  return { type: "code", kind, digest, handler, command: null, install };
}

/** What the disk says is told with what to do; everything else as the rooms say it. */
function asFailure(error: unknown): Pick<PlatformError, "code" | "message" | "details"> {
  if (error instanceof PlatformError && (error.cause as { code?: unknown } | undefined)?.code !== "ENOSPC") return error;
  const { code, path, message, cause } = error as NodeJS.ErrnoException;
  const errno = code ?? (cause as NodeJS.ErrnoException | undefined)?.code;
  switch (errno) {
    case "ENOSPC":
    case "EDQUOT":
      return new PlatformError(
        "internal",
        "The disk is full: make room there, or take a folder on another disk (--layout, --cache)",
        {
          details: { reason: "disk", path },
        },
      );
    case "EACCES":
    case "EROFS":
    case "ENOTDIR":
    case "EPERM":
      return new PlatformError(
        "invalid",
        `${path ?? "A folder"} cannot be written (${errno}): take another folder (--layout, --archive, --cache)`,
      );
    default:
      return new PlatformError("internal", message, { cause: error });
  }
}

function noSandboxes(why: readonly string[]): PlatformError {
  return new PlatformError(
    "unsupported",
    `Packages are installed in a sandbox, which this machine cannot make: ${why.join("; ")}. Install them yourself (npm install, pip install --target vendor -r requirements.txt) and build again; polykiln doctor says what is missing`,
  );
}

function warn(sentence: string, fields: object): void {
  say(`${sentence} ${JSON.stringify(fields)}`);
}

function say(text: string): void {
  tell({ event: "say", text });
}

function tell(told: Told): void {
  process.stdout.write(`${JSON.stringify(told)}\n`);
}

function shown(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}

async function wholeOf(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces).toString("utf8");
}
