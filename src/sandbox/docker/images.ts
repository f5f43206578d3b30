/**
 * The images of an engine: an image that is not there is pulled, once for all who wait for it. Those that were pulled for functions are removed
 * again, the least recently used first, when they are larger than they may be together; what others put there is left alone.
 */
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { posix } from "node:path";
import type { World } from "../../lib/world.ts";
import { PlatformError } from "../../model/error.ts";
import { type Credentials, findCredentials } from "../../oci/credentials.ts";
import { formatReference, parseReference } from "../../oci/reference.ts";
import type { DockerEngine, ImageState, PullLine } from "./engine.ts";
import { EngineError, isMissing, isRefused } from "./engine-error.ts";

export interface DockerImagesOptions {
  readonly engine: DockerEngine;
  readonly world: World;
  /** Hears of slow work. */
  readonly say: (message: string) => void;
  /** Docker's `config.json`; empty: none. */
  readonly credentialsFile: string;
  /** How large those that were pulled may be together, in MiB; 0: no limit. */
  readonly cacheMiB: number;
  readonly pullTimeoutMs: number;
  /** Remembers which ones were pulled, and when each was used. */
  readonly stateFile: string;
}

/** An image that is there. */
export interface ReadyImage {
  readonly id: string;
  /** Empty where it has none. */
  readonly entryPoint: readonly string[];
  /** What follows the entry point. */
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** As the image has it; empty: it says nothing. */
  readonly user: string;
  readonly workingFolder: string;
}

const mebibyte = 1024 * 1024;
/** How often a long pull says how far it is, in ms. */
const sayEveryMs = 5000;

export class DockerImages {
  readonly #options: DockerImagesOptions;
  /** By reference; when it was used last, in ms since the epoch. */
  readonly #pulled: Map<string, number>;
  readonly #pulls = new Map<string, Promise<void>>();
  #saving: Promise<void> = Promise.resolve();

  constructor(options: DockerImagesOptions) {
    this.#options = options;
    this.#pulled = new Map(readPulled(options.stateFile));
  }

  /**
   * The image, pulled if it is not there. Rejects with `invalid` (no reference, or an image with a volume), `registry_failed`,
   * `pull_timeout`, and with an `EngineError`.
   */
  async ready(text: string): Promise<ReadyImage> {
    const reference = formatReference(parseReference(text));
    const image = await this.#image(text, reference);
    if (this.#pulled.has(reference)) this.#pulled.set(reference, this.#options.world.now());
    if (Object.keys(image.Config?.Volumes ?? {}).length > 0) throw new PlatformError("invalid", "image has Volume definition");
    const { Entrypoint, Cmd, Env, User, WorkingDir } = image.Config ?? {};
    return {
      id: image.Id,
      entryPoint: Entrypoint ?? [],
      command: Cmd ?? [],
      env: Object.fromEntries((Env ?? []).map(pairOf)),
      user: User ?? "",
      workingFolder: posix.join("/", WorkingDir ?? ""),
    };
  }

  async #image(text: string, reference: string): Promise<ImageState> {
    const { engine } = this.#options;
    try {
      return await engine.image(reference);
    } catch (error) {
      if (!isMissing(error)) throw error instanceof EngineError && error.status === 400 ? pullFailed(text, error) : error;
    }
    await this.#pullOnce(text, reference);
    return await engine.image(reference);
  }

  #pullOnce(text: string, reference: string): Promise<void> {
    const known = this.#pulls.get(reference);
    if (known !== undefined) return known;
    const pull = this.#pull(text, reference).finally(() => this.#pulls.delete(reference));
    this.#pulls.set(reference, pull);
    return pull;
  }

  async #pull(text: string, reference: string): Promise<void> {
    const { engine, world, pullTimeoutMs } = this.#options;
    const limit = new AbortController();
    const late = new PlatformError("pull_timeout", `The image ${text} was not there within ${pullTimeoutMs} ms`);
    const stopClock = world.after(pullTimeoutMs, () => limit.abort(late));
    try {
      const progress = new Progress(text, world, this.#options.say);
      for await (const line of engine.pull(reference, await this.#credentials(reference), limit.signal)) {
        if (line.error !== undefined) throw new EngineError("pull an image", 500, line.error);
        progress.heard(line);
      }
    } catch (error) {
      if (limit.signal.aborted) throw late;
      throw pullFailed(text, error);
    } finally {
      stopClock();
    }
    this.#pulled.set(reference, world.now());
    await this.#removeUnused();
  }

  async #credentials(reference: string): Promise<string> {
    const { registry } = parseReference(reference);
    const { credentials } = await findCredentials(this.#options.credentialsFile, registry);
    if (credentials === null) return "";
    // With its padding, unlike Node's own base64url.
    const encoded = Buffer.from(JSON.stringify(authOf(credentials, registry))).toString("base64");
    return encoded.replaceAll("+", "-").replaceAll("/", "_");
  }

  /** Layers that several share are counted for each. One that a container uses stays, and the one that just came. */
  async #removeUnused(): Promise<void> {
    const { engine, cacheMiB, say } = this.#options;
    const sizes = await this.#sizes();
    let sum = [...sizes.values()].reduce((total, size) => total + size, 0);
    const oldestFirst = [...this.#pulled].toSorted(([, a], [, b]) => a - b).slice(0, -1);
    for (const [reference] of cacheMiB === 0 ? [] : oldestFirst) {
      if (sum <= cacheMiB * mebibyte) break;
      if (!(await removed(engine, reference))) continue;
      sum -= sizes.get(reference) ?? 0;
      this.#pulled.delete(reference);
      say(`The image ${reference} was removed from Docker: others were used since, and they are too large together`);
    }
    await this.#save();
  }

  /** Of those that are still there; others are forgotten. */
  async #sizes(): Promise<ReadonlyMap<string, number>> {
    const sizes = new Map<string, number>();
    for (const reference of this.#pulled.keys()) {
      try {
        sizes.set(reference, (await this.#options.engine.image(reference)).Size);
      } catch (error) {
        if (!isMissing(error)) throw error;
        this.#pulled.delete(reference);
      }
    }
    return sizes;
  }

  #save(): Promise<void> {
    const write = () => writeFile(this.#options.stateFile, JSON.stringify([...this.#pulled]), { mode: 0o600 });
    this.#saving = this.#saving.then(write, write);
    return this.#saving;
  }
}

/** False where it is in use. */
async function removed(engine: DockerEngine, reference: string): Promise<boolean> {
  try {
    await engine.removeImage(reference);
    return true;
  } catch (error) {
    if (isRefused(error)) return false;
    throw error;
  }
}

/** How far a pull is, told now and then. */
class Progress {
  readonly #image: string;
  readonly #world: World;
  readonly #say: (message: string) => void;
  /** Bytes by layer: how many are there, of how many. */
  readonly #layers = new Map<string, readonly [current: number, total: number]>();
  #saidAt: number;

  constructor(image: string, world: World, say: (message: string) => void) {
    this.#image = image;
    this.#world = world;
    this.#say = say;
    this.#saidAt = world.monotonic();
    say(`Docker pulls the image ${image}, which is used for the first time`);
  }

  heard({ id, progressDetail, status }: PullLine): void {
    const { current = 0, total = 0 } = progressDetail ?? {};
    if (id === undefined || total === 0 || status !== "Downloading") return;
    this.#layers.set(id, [current, total]);
    const now = this.#world.monotonic();
    if (now - this.#saidAt < sayEveryMs) return;
    this.#saidAt = now;
    const sum = (part: 0 | 1) =>
      Math.round([...this.#layers.values()].reduce((bytes, layer) => bytes + layer[part], 0) / mebibyte);
    this.#say(`Docker pulls the image ${this.#image}: ${sum(0)} of ${sum(1)} MiB of the layers that have begun`);
  }
}

/** As the engine wants it. Source: docs.docker.com/reference/api/engine, "Authentication". */
function authOf(credentials: Credentials, registry: string): Readonly<Record<string, string>> {
  switch (credentials.type) {
    case "password":
      return { username: credentials.user, password: credentials.password, serveraddress: registry };
    case "identity":
      return { identitytoken: credentials.token, serveraddress: registry };
    case "token":
      return { registrytoken: credentials.token, serveraddress: registry };
  }
}

/** An engine that is away is not the registry's fault. */
function pullFailed(image: string, error: unknown): unknown {
  if (!(error instanceof EngineError) || error.status === null) return error;
  const details = error.status >= 400 && error.status < 500 ? { status: error.status } : {};
  return new PlatformError("registry_failed", `Failed to pull image '${image}': ${error.reason}`, { details, cause: error });
}

/** Nothing, or not what we wrote: then nothing of it is ours to remove. */
function readPulled(file: string): [reference: string, usedAt: number][] {
  try {
    const entries: unknown = JSON.parse(readFileSync(file, "utf8"));
    return Array.isArray(entries) ? entries.filter(isEntry) : [];
  } catch {
    return [];
  }
}

function isEntry(entry: unknown): entry is [string, number] {
  return Array.isArray(entry) && typeof entry[0] === "string" && typeof entry[1] === "number";
}

function pairOf(line: string): [name: string, value: string] {
  const at = line.indexOf("=");
  return at === -1 ? [line, ""] : [line.slice(0, at), line.slice(at + 1)];
}
