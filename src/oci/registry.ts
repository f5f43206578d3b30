import type { World } from "../lib/world.ts";
import { drop, readBytes } from "./answer.ts";
import { readBlob } from "./blob.ts";
import { Connection, type RegistryRequest } from "./connection.ts";
import { digestOf, wrongDigest } from "./digest.ts";
import { imageConfigOf, isIndex, manifestOf, pickPlatform } from "./documents.ts";
import { registryFailure } from "./failure.ts";
import {
  type BlobSource,
  type Descriptor,
  mediaTypes,
  type Platform,
  type Reference,
  type Registry,
  type RegistrySettings,
  type ResolvedImage,
} from "./oci.ts";
import { sendBlob } from "./push.ts";
import { Transport } from "./transport.ts";

/** Of manifests, as registries limit them too, and of configurations. */
const documentBytesMax = 4 * 1024 * 1024;
/** An index in an index in an index names nothing that anybody makes. */
const indexDepthMax = 3;

const acceptedManifests = [mediaTypes.manifest, mediaTypes.dockerManifest, mediaTypes.index, mediaTypes.dockerList].join(", ");

/** A client of registries. */
export function createRegistry(settings: RegistrySettings, world: World): Registry {
  return new HttpRegistry(settings, world);
}

class HttpRegistry implements Registry {
  readonly #settings: RegistrySettings;
  readonly #world: World;
  readonly #transport: Transport;
  readonly #connections = new Map<string, Connection>();

  constructor(settings: RegistrySettings, world: World) {
    this.#settings = settings;
    this.#world = world;
    this.#transport = new Transport(settings);
  }

  async resolve(reference: Reference, platform: Platform, signal: AbortSignal): Promise<ResolvedImage> {
    let wanted = reference.digest ?? reference.tag ?? "latest";
    for (let depth = 0; depth <= indexDepthMax; depth++) {
      const { bytes, digest, mediaType } = await this.#manifest(reference, wanted, signal);
      const document = parseDocument(bytes, "its manifest");
      if (!isIndex(document, mediaType)) return await this.#image(reference, manifestOf(document), digest, signal);
      wanted = pickPlatform(document, platform).digest;
    }
    throw registryFailure("its index names other indexes without end");
  }

  blob(reference: Reference, blob: Pick<Descriptor, "digest" | "size">, signal: AbortSignal): AsyncIterable<Buffer> {
    const open = async (start: number) => {
      const range: Record<string, string> = start === 0 ? {} : { range: `bytes=${start}-` };
      const request = { ...this.#pull(reference), to: `${reference.repository}/blobs/${blob.digest}`, headers: range };
      return await this.#to(reference).ask(request, [200, 206], signal);
    };
    return readBlob(blob, open, this.#world, signal);
  }

  async pushBlob(reference: Reference, source: BlobSource, signal: AbortSignal): Promise<boolean> {
    const connection = this.#to(reference);
    const push = { repository: reference.repository, actions: "pull,push" } as const;
    const there = { ...push, method: "HEAD", to: `${reference.repository}/blobs/${source.digest}` } as const;
    const answer = await connection.ask(there, [200, 404], signal);
    drop(answer);
    if (answer.status === 200) return false;
    await sendBlob(connection, push, source, signal);
    return true;
  }

  async pushManifest(reference: Reference, mediaType: string, bytes: Buffer, signal: AbortSignal): Promise<string> {
    const digest = digestOf(bytes);
    const { repository } = reference;
    const answer = await this.#to(reference).ask(
      {
        repository,
        actions: "pull,push",
        method: "PUT",
        to: `${repository}/manifests/${reference.tag ?? digest}`,
        headers: { "content-type": mediaType, "content-length": String(bytes.length) },
        body: bytes,
      },
      [200, 201],
      signal,
    );
    drop(answer);
    return digest;
  }

  close(): void {
    this.#transport.close();
  }

  async #manifest(reference: Reference, wanted: string, signal: AbortSignal) {
    const request = { ...this.#pull(reference), to: `${reference.repository}/manifests/${wanted}` };
    const answer = await this.#to(reference).ask({ ...request, headers: { accept: acceptedManifests } }, [200], signal);
    const mediaType = answer.headers["content-type"]?.split(";")[0] ?? "";
    const bytes = await readBytes(answer, documentBytesMax);
    const digest = digestOf(bytes);
    if (wanted.startsWith("sha256:") && wanted !== digest) throw wrongDigest("manifest", wanted, digest);
    return { bytes, digest, mediaType };
  }

  async #image(
    reference: Reference,
    manifest: ResolvedImage["manifest"],
    digest: string,
    signal: AbortSignal,
  ): Promise<ResolvedImage> {
    if (manifest.config.size > documentBytesMax) throw registryFailure(`its configuration is over ${documentBytesMax} bytes`);
    const pieces: Buffer[] = [];
    for await (const piece of this.blob(reference, manifest.config, signal)) pieces.push(piece);
    return { digest, manifest, config: imageConfigOf(parseDocument(Buffer.concat(pieces), "its configuration"), manifest) };
  }

  #pull({ repository }: Reference): Pick<RegistryRequest, "repository" | "actions" | "method"> {
    return { repository, actions: "pull", method: "GET" };
  }

  #to({ registry }: Reference): Connection {
    const known = this.#connections.get(registry);
    if (known !== undefined) return known;
    const made = new Connection(registry, this.#transport, this.#settings);
    this.#connections.set(registry, made);
    return made;
  }
}

function parseDocument(bytes: Buffer, what: string): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch (cause) {
    throw registryFailure(`${what} is no JSON`, { cause });
  }
}
