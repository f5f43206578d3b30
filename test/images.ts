/** Container images made byte by byte for tests, pushed by our own client. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { realWorld } from "../src/lib/world.ts";
import { digestOf } from "../src/oci/digest.ts";
import { type ImageConfig, mediaTypes, type RegistrySettings, type RunConfig } from "../src/oci/oci.ts";
import { parseReference } from "../src/oci/reference.ts";
import { createRegistry } from "../src/oci/registry.ts";
import { makeTar, type TarEntry } from "./archives.ts";
import { functionSource, npmKit } from "./kits.ts";
import { makeRoot } from "./root-folder.ts";

export type Compression = "gzip" | "zstd" | "none";

export interface TestImage {
  readonly manifest: Buffer;
  readonly mediaType: string;
  readonly digest: string;
  readonly blobs: readonly { readonly digest: string; readonly bytes: Buffer }[];
}

/** Where tests pull from and push to. */
export const testRegistry: RegistrySettings = {
  credentialsFile: "",
  certificatesFile: "",
  plainHosts: [],
  way: { proxy: "", direct: [] },
  stallMs: 60_000,
};

/** An image of these layers, each a tar archive. */
export function makeImage(
  layers: readonly Buffer[],
  config: RunConfig,
  {
    compression = "gzip",
    docker = false,
    diffIds = layers.map(digestOnce),
  }: { compression?: Compression; docker?: boolean; diffIds?: readonly string[] } = {},
): TestImage {
  const packed = layers.map((layer) => compress(layer, compression));
  const document: ImageConfig = { architecture: "amd64", os: "linux", config, rootfs: { type: "layers", diff_ids: diffIds } };
  const configBytes = Buffer.from(JSON.stringify(document));
  const descriptor = (mediaType: string, bytes: Buffer) => ({ mediaType, digest: digestOnce(bytes), size: bytes.length });
  const mediaType = docker ? mediaTypes.dockerManifest : mediaTypes.manifest;
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType,
      config: descriptor(docker ? "application/vnd.docker.container.image.v1+json" : mediaTypes.config, configBytes),
      layers: packed.map((bytes) => descriptor(layerType(compression, docker), bytes)),
    }),
  );
  const blobs = [configBytes, ...packed].map((bytes) => ({ digest: digestOnce(bytes), bytes }));
  return { manifest, mediaType, digest: digestOf(manifest), blobs };
}

/** Of layers that many images have: compressing and hashing a large one takes seconds. */
const compressed = new WeakMap<Buffer, Map<Compression, Buffer>>();
const digests = new WeakMap<Buffer, string>();

function compress(layer: Buffer, compression: Compression): Buffer {
  const known = compressed.get(layer) ?? new Map<Compression, Buffer>();
  compressed.set(layer, known);
  const found = known.get(compression);
  if (found !== undefined) return found;
  const packed =
    compression === "gzip" ? gzipSync(layer, { level: 1 }) : compression === "zstd" ? zstdCompressSync(layer) : layer;
  known.set(compression, packed);
  return packed;
}

function digestOnce(bytes: Buffer): string {
  const digest = digests.get(bytes) ?? digestOf(bytes);
  digests.set(bytes, digest);
  return digest;
}

function layerType(compression: Compression, docker: boolean): string {
  if (docker) return "application/vnd.docker.image.rootfs.diff.tar.gzip";
  if (compression === "none") return mediaTypes.layerTar;
  return compression === "gzip" ? mediaTypes.layerGzip : mediaTypes.layerZstd;
}

/** Sends an image under a name; gives its digest. */
export async function pushImage(name: string, image: TestImage, settings: RegistrySettings = testRegistry): Promise<string> {
  const registry = createRegistry(settings, realWorld());
  const reference = parseReference(name);
  const never = new AbortController().signal;
  try {
    for (const { digest, bytes } of image.blobs) {
      const read = async function* (start: number, end: number) {
        yield bytes.subarray(start, end);
      };
      await registry.pushBlob(reference, { digest, size: bytes.length, read }, never);
    }
    return await registry.pushManifest(reference, image.mediaType, image.manifest, never);
  } finally {
    registry.close();
  }
}

/** A layer of small files. */
export const layerOf = (entries: readonly TarEntry[]): Buffer => makeTar(entries);

/** A layer of all that is in a folder, as `tar` sees it. */
export function layerOfFolder(folder: string): Buffer {
  return execFileSync("tar", ["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "-C", folder, "-cf", "-", "."], {
    maxBuffer: 1024 ** 3,
  });
}

/** A base layer with Node and what it is linked with. */
export function nodeLayer(): Buffer {
  const folder = mkdtempSync(join(tmpdir(), "node-layer-"));
  try {
    return layerOfFolder(makeRoot(join(folder, "root")));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A layer with a function for the Node kit of Fn, and the kit. */
export async function fdkLayer(functionName: string): Promise<Buffer> {
  const folder = mkdtempSync(join(tmpdir(), "fdk-layer-"));
  try {
    mkdirSync(join(folder, "function"));
    const kit = await npmKit(["@fnproject/fdk@0.0.76"]);
    execFileSync("cp", ["-r", join(kit, "node_modules"), join(folder, "function/node_modules")]);
    execFileSync("cp", ["-r", `${functionSource(functionName)}/.`, join(folder, "function")]);
    return layerOfFolder(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** All of a tree, in order: files with their text, links with where they lead, folders with a slash. `except`: paths that are left out. */
export function shownTree(root: string, except: readonly string[] = []): string[] {
  const lines: string[] = [];
  const add = (path: string) => {
    for (const entry of readdirSync(join(root, path), { withFileTypes: true }).toSorted((one, other) =>
      one.name < other.name ? -1 : 1,
    )) {
      const inside = join(path, entry.name);
      if (except.includes(inside)) continue;
      if (entry.isSymbolicLink()) lines.push(`${inside} -> ${readlinkSync(join(root, inside))}`);
      else if (entry.isFile()) lines.push(`${inside}: ${readFileSync(join(root, inside), "utf8")}`);
      else {
        lines.push(`${inside}/`);
        add(inside);
      }
    }
  };
  add("");
  return lines;
}
