import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import type { Layer } from "./layer.ts";
import {
  type BlobSource,
  type Descriptor,
  type ImageConfig,
  type ImageManifest,
  mediaTypes,
  type Platform,
  type RunConfig,
} from "./oci.ts";

/** A layer and how it came about, in a sentence. */
export interface NamedLayer extends Layer {
  readonly createdBy: string;
}

/** A whole image, not yet anywhere. */
export interface BuiltImage {
  readonly manifest: Descriptor;
  readonly manifestBytes: Buffer;
  /** Configuration and layers: what a registry has to have before the manifest. */
  readonly blobs: readonly BlobSource[];
  readonly config: Descriptor;
  readonly layers: readonly NamedLayer[];
}

/** A time that is the same for everybody. */
const created = "1970-01-01T00:00:00Z";

/** Puts layers, the lowest first, and what is run together: the same in, the same digest out. */
export function assembleImage(layers: readonly NamedLayer[], run: RunConfig, { os, architecture }: Platform): BuiltImage {
  const config: ImageConfig = {
    created,
    architecture,
    os,
    config: run,
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map(({ createdBy }) => ({ created, created_by: createdBy })),
  };
  const configBytes = bytesOf(config);
  const configDescriptor = describe(mediaTypes.config, configBytes);
  const manifest: ImageManifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: configDescriptor,
    layers: layers.map(({ descriptor }) => descriptor),
  };
  const manifestBytes = bytesOf(manifest);
  return {
    manifest: { ...describe(mediaTypes.manifest, manifestBytes), platform: { os, architecture } },
    manifestBytes,
    config: configDescriptor,
    blobs: [inMemory(configDescriptor, configBytes), ...layers.map(onDisk)],
    layers,
  };
}

function bytesOf(document: object): Buffer {
  return Buffer.from(JSON.stringify(document));
}

function describe(mediaType: string, bytes: Buffer): Descriptor {
  return { mediaType, digest: `sha256:${createHash("sha256").update(bytes).digest("hex")}`, size: bytes.length };
}

/** A blob that is bytes. */
export function inMemory({ digest, size }: Descriptor, bytes: Buffer): BlobSource {
  return {
    digest,
    size,
    async *read(start, end) {
      yield bytes.subarray(start, end);
    },
  };
}

function onDisk({ descriptor: { digest, size }, file }: Layer): BlobSource {
  // The last byte that is read, not the one behind it.
  return { digest, size, read: (start, end) => createReadStream(file, { start, end: end - 1 }) };
}
