import { createWriteStream } from "node:fs";
import { mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type BuiltImage, inMemory } from "./assemble.ts";
import { type BlobSource, type Descriptor, mediaTypes } from "./oci.ts";

/** Says that a folder is a layout; the version is that of the format. */
export const layoutMark = { name: "oci-layout", text: JSON.stringify({ imageLayoutVersion: "1.0.0" }) } as const;
export const indexName = "index.json";
const nameKey = "org.opencontainers.image.ref.name";

interface Index {
  readonly schemaVersion: 2;
  readonly mediaType: string;
  readonly manifests: readonly Descriptor[];
}

/**
 * Puts an image into a folder (OCI image layout v1.1) under a name, which it takes from whatever had it; other images there stay. What is there
 * already is not written again. Blobs of an image that lost its name stay, too: whoever wants them gone makes a new folder.
 */
export async function writeLayout(folder: string, image: BuiltImage, name: string): Promise<void> {
  await mkdir(join(folder, "blobs", "sha256"), { recursive: true });
  for (const blob of blobsOf(image)) await writeBlob(folder, blob);
  await replace(join(folder, layoutMark.name), layoutMark.text);
  const others = (await readIndex(folder)).filter(({ annotations }) => annotations?.[nameKey] !== name);
  await replace(join(folder, indexName), JSON.stringify(indexOf([...others, named(image, name)])));
}

/** The manifest is a blob like any other. */
export function blobsOf({ blobs, manifest, manifestBytes }: BuiltImage): BlobSource[] {
  return [...blobs, inMemory(manifest, manifestBytes)];
}

export function indexOf(manifests: readonly Descriptor[]): Index {
  return { schemaVersion: 2, mediaType: mediaTypes.index, manifests };
}

export function named({ manifest }: BuiltImage, name: string): Descriptor {
  return { ...manifest, annotations: { [nameKey]: name } };
}

/** `blobs/sha256/HEX`. */
export function blobPath(digest: string): string {
  return join("blobs", ...digest.split(":"));
}

async function writeBlob(folder: string, blob: BlobSource): Promise<void> {
  const { digest, size } = blob;
  const file = join(folder, blobPath(digest));
  if ((await stat(file).catch(() => null))?.size === size) return;
  const temporary = `${file}.new`;
  try {
    await pipeline(Readable.from(blob.read(0, size)), createWriteStream(temporary, { flush: true }));
    await rename(temporary, file);
  } finally {
    await rm(temporary, { force: true });
  }
}

async function readIndex(folder: string): Promise<readonly Descriptor[]> {
  const text = await readFile(join(folder, indexName), "utf8").catch(() => null);
  try {
    const index = text === null ? null : (JSON.parse(text) as Partial<Index>);
    return Array.isArray(index?.manifests) ? index.manifests : [];
  } catch {
    return [];
  }
}

async function replace(file: string, text: string): Promise<void> {
  const temporary = `${file}.new`;
  try {
    await writeFile(temporary, text, { flush: true });
    await rename(temporary, file);
  } finally {
    await rm(temporary, { force: true });
  }
}
