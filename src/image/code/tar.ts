import { createGunzip } from "node:zlib";
import { createTarDecoder } from "modern-tar";
import { refusal } from "./entry-path.ts";
import { asArchiveError, unreadable } from "./format.ts";
import type { Tree, TreeLimits } from "./tree.ts";

type TarEntry = ReturnType<typeof createTarDecoder>["readable"] extends ReadableStream<infer Entry> ? Entry : never;

/** What tar itself may add to each entry: a header, padding and extended headers of long names. */
const overheadBytesPerEntry = 4096;
const pieceBytes = 64 * 1024;

/** Unpacks a tar archive, compressed with gzip or not, into a tree. Throws `invalid`. */
export async function unpackTar(bytes: Buffer, gzip: boolean, tree: Tree, limits: TreeLimits): Promise<void> {
  const source = bounded(gzip ? inflate(bytes) : pieces(bytes), limits);
  const entries = ReadableStream.from(source).pipeThrough(createTarDecoder({ strict: true }));
  try {
    for await (const entry of entries) await unpackEntry(entry, tree);
  } catch (error) {
    throw asArchiveError(error, "tar");
  }
}

async function unpackEntry(entry: TarEntry, tree: Tree): Promise<void> {
  const { name, type, linkname, pax } = entry.header;
  if (pax !== undefined && Object.keys(pax).some((key) => key.startsWith("GNU.sparse."))) {
    throw refusal(name, "is a sparse file; pack it without --sparse");
  }
  switch (type) {
    case "file":
      return addFile(entry, tree);
    case "directory":
      await entry.body.cancel();
      return tree.addFolder(name);
    case "symlink":
      await entry.body.cancel();
      return tree.addLink(name, linkname ?? "");
    case "link":
      throw refusal(name, "is a hard link; pack it with --hard-dereference");
    default:
      throw refusal(name, "is a device, a pipe or something else that is no file");
  }
}

async function addFile(entry: TarEntry, tree: Tree): Promise<void> {
  const { name, mode, mtime, size } = entry.header;
  await tree.addFile(name, { mode: mode ?? null, modifiedAt: mtime ?? null, bytes: size }, entry.body);
}

function* pieces(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

async function* inflate(bytes: Buffer): AsyncGenerator<Buffer> {
  const gunzip = createGunzip({ chunkSize: pieceBytes });
  try {
    gunzip.end(bytes);
    yield* gunzip as AsyncIterable<Buffer>;
  } finally {
    gunzip.destroy();
  }
}

/** Ends a bomb whose weight is not in files: endless headers, or bytes behind the end. */
async function* bounded(source: Iterable<Buffer> | AsyncIterable<Buffer>, limits: TreeLimits): AsyncGenerator<Buffer> {
  const bytesMax = limits.unpackedBytesMax + (limits.filesMax + 16) * overheadBytesPerEntry;
  let bytes = 0;
  for await (const piece of source) {
    bytes += piece.length;
    if (bytes > bytesMax) throw unreadable(`it unpacks to more than ${bytesMax} bytes`);
    yield piece;
  }
}
