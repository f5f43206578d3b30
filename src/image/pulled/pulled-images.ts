import { join } from "node:path";
import { LRUCache } from "lru-cache";
import type { World } from "../../lib/world.ts";
import { asPlatformError, PlatformError } from "../../model/error.ts";
import type { ImageStart } from "../../model/model.ts";
import type { Descriptor, Platform, Reference, Registry, RegistrySettings, ResolvedImage } from "../../oci/oci.ts";
import { parseReference } from "../../oci/reference.ts";
import { createRegistry } from "../../oci/registry.ts";
import type { Prepared } from "../image.ts";
import type { Say } from "../roots/tool.ts";
import { type CachedImage, ImageCache } from "./image-cache.ts";
import { DigestPins } from "./pins.ts";
import { preparedOf } from "./prepared.ts";
import type { PullJob, PullLayer } from "./pull-job.ts";
import { runPull } from "./puller.ts";

/** Where images come from, and what they may take. */
export interface PullSettings {
  readonly registry: RegistrySettings;
  /** Of names without one. */
  readonly defaultRegistry: string;
  readonly pullTimeoutMs: number;
  /** Of unpacked layers. */
  readonly cacheBytesMax: number;
}

/** Of one image. */
const entriesMax = 300_000;
/** Each is a process. */
const pullsMax = 2;

/** Whose image it is: a revision of a function, which keeps the digest that it first had. */
export interface ImageOwner {
  readonly id: string;
  readonly revision: number;
}

interface Parts {
  readonly settings: PullSettings;
  readonly cache: ImageCache;
  readonly pins: DigestPins;
  readonly world: World;
  readonly say: Say;
  readonly prepared: LRUCache<string, Promise<Prepared>>;
}

/** What was looked up; an entry is a few strings. */
const preparedMax = 10_000;

/** Container images, unpacked (docs/decisions/0026-images-without-docker.md). */
export class PulledImages {
  readonly #settings: PullSettings;
  readonly #world: World;
  readonly #say: Say;
  readonly #cache: ImageCache;
  readonly #pins: DigestPins;
  readonly #registry: Registry;
  readonly #prepared: LRUCache<string, Promise<Prepared>>;
  /** By digest. */
  readonly #pulls = new Map<string, Promise<CachedImage>>();
  readonly #line: (() => void)[] = [];
  #running = 0;

  private constructor(parts: Parts) {
    this.#settings = parts.settings;
    this.#cache = parts.cache;
    this.#pins = parts.pins;
    this.#world = parts.world;
    this.#say = parts.say;
    this.#prepared = parts.prepared;
    this.#registry = createRegistry(parts.settings.registry, parts.world);
  }

  /** Opens the room for them on its folder, which belongs to one process. */
  static async open(folder: string, settings: PullSettings, { world, say }: { world: World; say: Say }): Promise<PulledImages> {
    // Images are looked up again: one may be gone.
    const prepared = new LRUCache<string, Promise<Prepared>>({ max: preparedMax });
    const cache = await ImageCache.open(folder, world, settings.cacheBytesMax, () => prepared.clear());
    return new PulledImages({ settings, cache, pins: new DigestPins(join(folder, "pins"), world), world, say, prepared });
  }

  /** What is kept of functions that use images. */
  get pins(): DigestPins {
    return this.#pins;
  }

  /**
   * What a sandbox of this image is started with, which with an owner is always the same; fetches it where it is not there. Throws `invalid`, `pull_timeout`, and `registry_failed` as
   * `Failed to pull image '<image>': <reason>`.
   */
  prepare(image: string, owner: ImageOwner | null, start?: ImageStart): Promise<Prepared> {
    // Without an owner nothing says that it is to stay what it is.
    if (owner === null) return this.#prepare(image, owner, start);
    const key = JSON.stringify([image, owner.id, owner.revision]);
    const known = this.#prepared.get(key);
    if (known !== undefined) return known;
    const work = this.#prepare(image, owner, start);
    this.#prepared.set(key, work);
    work.catch(() => this.#prepared.delete(key));
    return work;
  }

  /** Fetches the image of a revision that never had it; one that was removed since is not wanted enough. What goes wrong is told to its call. */
  async fetchAhead(image: string, owner: ImageOwner, start?: ImageStart): Promise<void> {
    try {
      if ((await this.#pins.find(owner.id, owner.revision, image)) === null) await this.prepare(image, owner, start);
    } catch {
      // Its call is told.
    }
  }

  async #prepare(image: string, owner: ImageOwner | null, start: ImageStart | undefined): Promise<Prepared> {
    const reference = parseReference(image, this.#settings.defaultRegistry);
    // The pin first: a digest in the name may be of an index, which is not what was unpacked.
    const pin = owner === null ? null : await this.#pins.find(owner.id, owner.revision, image);
    const known = pin ?? reference.digest;
    const found = (known === null ? null : this.#cache.find(known)) ?? (await this.#fetch(image, reference, known, owner));
    const letGo = this.#cache.hold(found.note.digest);
    try {
      return await preparedOf(image, found, start, () => this.#cache.hold(found.note.digest));
    } finally {
      letGo();
    }
  }

  async #fetch(image: string, reference: Reference, known: string | null, owner: ImageOwner | null): Promise<CachedImage> {
    const limit = new AbortController();
    const { pullTimeoutMs } = this.#settings;
    const callOff = this.#world.after(pullTimeoutMs, () => limit.abort(tooSlow(image, pullTimeoutMs)));
    try {
      const named = known === null ? reference : { ...reference, digest: known };
      const resolved = await this.#registry.resolve(named, hostPlatform(), limit.signal);
      refuseVolumes(resolved);
      const pinned = owner === null ? null : this.#pins.add(owner.id, owner.revision, image, resolved.digest);
      await Promise.all([this.#have(named, resolved, limit.signal), pinned]);
      // It may have gone again where the disk took its time for the pin.
      return await this.#have(named, resolved, limit.signal);
    } catch (error) {
      if (asPlatformError(error).code === "internal") this.#tell(image, error);
      throw pullFailure(image, error);
    } finally {
      callOff();
    }
  }

  async #have(reference: Reference, resolved: ResolvedImage, signal: AbortSignal): Promise<CachedImage> {
    return this.#cache.find(resolved.digest) ?? (await this.#share(reference, resolved, signal));
  }

  /** Whoever wants the same image at the same time shares the work, and the limit of who came first. */
  #share(reference: Reference, resolved: ResolvedImage, signal: AbortSignal): Promise<CachedImage> {
    const { digest } = resolved;
    const running = this.#pulls.get(digest);
    if (running !== undefined) return running;
    const work = this.#pull(reference, resolved, signal).finally(() => this.#pulls.delete(digest));
    this.#pulls.set(digest, work);
    return work;
  }

  async #pull(reference: Reference, resolved: ResolvedImage, signal: AbortSignal): Promise<CachedImage> {
    const release = this.#cache.awaitLayers(resolved.config.rootfs.diff_ids);
    await this.#takeTurn();
    try {
      await this.#runTwice(reference, resolved, signal);
    } finally {
      this.#endTurn();
      release();
    }
    const image = this.#cache.find(resolved.digest);
    if (image === null) throw new PlatformError("internal", "An image was pulled and is not there");
    void this.#cache.clean().catch((error: unknown) => this.#say(`Images cannot be removed: ${String(error)}`));
    return image;
  }

  /** What goes wrong on this machine, of which memory or processes may be short for a moment, is tried once more. */
  async #runTwice(reference: Reference, resolved: ResolvedImage, signal: AbortSignal): Promise<void> {
    try {
      await this.#run(reference, resolved, signal);
    } catch (error) {
      if (signal.aborted || asPlatformError(error).code !== "internal") throw error;
      this.#tell(reference.repository, error);
      await this.#run(reference, resolved, signal);
    }
  }

  /** Layers that came before something failed stay, for the next try. */
  async #run(reference: Reference, { digest, manifest, config }: ResolvedImage, signal: AbortSignal): Promise<void> {
    const diffIds = config.rootfs.diff_ids;
    const workFolder = await this.#cache.workFolder();
    const rootFolder = this.#cache.newRootFolder();
    const job: PullJob = {
      reference,
      registry: this.#settings.registry,
      layers: manifest.layers.map((layer, index) => this.#layer(layer, diffIds[index] as string)),
      limits: { bytesMax: this.#cache.bytesMax, entriesMax },
      workFolder,
      rootFolder,
      note: { digest, layers: diffIds, config: config.config ?? {} },
    };
    try {
      this.#say(`Pulling the image ${reference.repository}@${digest}`);
      await runPull(job, this.#say, signal);
    } finally {
      this.#cache.came(rootFolder, diffIds);
      const letGo = this.#cache.hold(digest);
      // What is left is removed at the next start.
      await this.#cache.discard(workFolder).catch((error: unknown) => this.#say(`Left behind by a pull: ${String(error)}`));
      letGo();
    }
  }

  /** The operator, why an image could not be kept. */
  #tell(image: string, error: unknown): void {
    const { message, cause } = asPlatformError(error);
    this.#say(`The image ${image} could not be kept: ${cause === undefined ? message : String((cause as Error).stack ?? cause)}`);
  }

  #layer({ digest, size }: Descriptor, diffId: string): PullLayer {
    return { digest, size, diffId, folder: this.#cache.layerFolder(diffId) };
  }

  async #takeTurn(): Promise<void> {
    if (this.#running >= pullsMax) await new Promise<void>((resolve) => this.#line.push(resolve));
    else this.#running++;
  }

  /** The next one takes this one's place. */
  #endTurn(): void {
    const next = this.#line.shift();
    if (next === undefined) this.#running--;
    else next();
  }
}

function hostPlatform(): Platform {
  if (process.arch === "arm64") return { os: "linux", architecture: "arm64", variant: "v8" };
  return { os: "linux", architecture: process.arch === "x64" ? "amd64" : process.arch };
}

/** What is written there would be gone with the sandbox, and nobody would know. */
function refuseVolumes({ config }: ResolvedImage): void {
  if (Object.keys(config.config?.Volumes ?? {}).length > 0) throw new PlatformError("invalid", "image has Volume definition");
}

function tooSlow(image: string, timeoutMs: number): PlatformError {
  return new PlatformError("pull_timeout", `The image '${image}' did not come within ${timeoutMs} ms`);
}

/** The reason, with the image's name before it. */
function pullFailure(image: string, error: unknown): PlatformError {
  const cause = asPlatformError(error);
  if (cause.code !== "registry_failed" && cause.code !== "internal") return cause;
  const reason = cause.code === "internal" ? "the server could not keep it; its log says why" : cause.message;
  const message = `Failed to pull image '${image}': ${reason}${namesRegistry(image) ? "" : builtHere}`;
  return new PlatformError("registry_failed", message, { details: cause.details, cause });
}

/** Such names are those that clients give what they build and do not push. */
const builtHere =
  ". Its name has no registry: an image that was built and not pushed needs a server with the setting images=docker";

function namesRegistry(image: string): boolean {
  const absent = "absent";
  return parseReference(image, absent).registry !== absent;
}
