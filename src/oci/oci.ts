/**
 * Container images as others have them: names, manifests, and the registry protocol (OCI distribution v1.1, Docker registry v2).
 *
 * Promises: bytes that are given out under a digest have that digest; a transfer that stalls or breaks off is resumed where it was, and
 * fails after a few attempts; credentials go to the registry they are for, and to nobody else. Deliberately absent: unpacking, caches and
 * what is done with an image (image/), and what one is made of (`layout`-like files beside this one, for those who build).
 */
import type { ProxyWay } from "../lib/dial.ts";

/** What something is and where: content is named by what it is. */
export interface Descriptor {
  readonly mediaType: string;
  /** `sha256:` and 64 hex digits; nothing else is taken. */
  readonly digest: string;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
  /** In an index: for which machines. */
  readonly platform?: Platform;
}

/** In the words of Go, as images have it: `linux`, `amd64`. */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

export interface ImageManifest {
  readonly schemaVersion: 2;
  readonly mediaType?: string;
  readonly config: Descriptor;
  /** The lowest first. */
  readonly layers: readonly Descriptor[];
  readonly annotations?: Readonly<Record<string, string>>;
}

/** The part of an image's configuration that says how it is run and what its layers are. */
export interface ImageConfig {
  readonly architecture: string;
  readonly os: string;
  readonly variant?: string;
  readonly created?: string;
  readonly config?: RunConfig;
  readonly rootfs: { readonly type: "layers"; readonly diff_ids: readonly string[] };
  readonly history?: readonly { readonly created?: string; readonly created_by?: string; readonly empty_layer?: boolean }[];
}

/** Spelled as in the document; null and absent are the same. */
export interface RunConfig {
  readonly User?: string | null;
  readonly Env?: readonly string[] | null;
  readonly Entrypoint?: readonly string[] | null;
  readonly Cmd?: readonly string[] | null;
  readonly WorkingDir?: string | null;
  readonly Volumes?: Readonly<Record<string, object>> | null;
  readonly Labels?: Readonly<Record<string, string>> | null;
  readonly ExposedPorts?: Readonly<Record<string, object>> | null;
}

export const mediaTypes = {
  manifest: "application/vnd.oci.image.manifest.v1+json",
  index: "application/vnd.oci.image.index.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layerTar: "application/vnd.oci.image.layer.v1.tar",
  layerGzip: "application/vnd.oci.image.layer.v1.tar+gzip",
  layerZstd: "application/vnd.oci.image.layer.v1.tar+zstd",
  dockerManifest: "application/vnd.docker.distribution.manifest.v2+json",
  dockerList: "application/vnd.docker.distribution.manifest.list.v2+json",
} as const;

/** An image's name, taken apart (`parseReference`). */
export interface Reference {
  /** `HOST` or `HOST:PORT` as written or by default. */
  readonly registry: string;
  /** Path inside the registry, such as `library/alpine`. */
  readonly repository: string;
  /** Null where the digest alone names it. */
  readonly tag: string | null;
  /** Null where the tag decides what it is. */
  readonly digest: string | null;
}

/** An image for one platform, as a registry has it now. */
export interface ResolvedImage {
  /** Of the manifest below: what an index named is resolved already. */
  readonly digest: string;
  readonly manifest: ImageManifest;
  readonly config: ImageConfig;
}

/** Bytes to send, any part of which may have to be read again. */
export interface BlobSource {
  readonly digest: string;
  readonly size: number;
  /** The bytes from `start` to before `end`. */
  read(start: number, end: number): AsyncIterable<Uint8Array>;
}

/**
 * All registries, each reached by the name in a reference (`createRegistry`). Everything throws `registry_failed`, whose message is a reason in
 * a few words and whose `details.status` is the registry's 4xx where there was one; and the signal's reason.
 */
export interface Registry {
  /** What an image is now, for the platform: manifest and configuration, both verified. */
  resolve(reference: Reference, platform: Platform, signal: AbortSignal): Promise<ResolvedImage>;
  /** A blob's bytes; the iteration fails before its end unless all of them together have the digest. */
  blob(reference: Reference, blob: Pick<Descriptor, "digest" | "size">, signal: AbortSignal): AsyncIterable<Buffer>;
  /** Sends a blob unless it is there; true: it had to be sent. */
  pushBlob(reference: Reference, source: BlobSource, signal: AbortSignal): Promise<boolean>;
  /** Puts a manifest under the reference's tag, or under its own digest where that has none; gives its digest. */
  pushManifest(reference: Reference, mediaType: string, bytes: Buffer, signal: AbortSignal): Promise<string>;
  /** Ends connections that are kept for later. */
  close(): void;
}

/** How registries are reached. */
export interface RegistrySettings {
  /** Docker's `config.json`, read anew whenever credentials are needed; empty: none. */
  readonly credentialsFile: string;
  /** File of certificates that are trusted besides those of the machine; empty: none. */
  readonly certificatesFile: string;
  /** `HOST` or `HOST:PORT` of registries that may be spoken to without TLS, where they have none; those on loopback always may. */
  readonly plainHosts: readonly string[];
  /** By which the others are reached, but for those on loopback: tunnels to them, with TLS inside. */
  readonly way: ProxyWay;
  /** Without a byte for so long a transfer is given up and tried again, in ms. */
  readonly stallMs: number;
}
