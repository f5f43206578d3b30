import { crc32 } from "node:zlib";
import yauzl, { type Entry, type ZipFile } from "yauzl";
import { refusal } from "./entry-path.ts";
import { asArchiveError } from "./format.ts";
import type { Tree } from "./tree.ts";

/** Bits of a Unix mode that say what an entry is. */
const typeMask = 0o170000;
const typeFile = 0o100000;
const typeFolder = 0o040000;
const typeLink = 0o120000;
const linkBytesMax = 1024;

/** Unpacks a zip archive into a tree. Throws `invalid`. */
export async function unpackZip(bytes: Buffer, tree: Tree): Promise<void> {
  try {
    // Names stay bytes: the reader's own decoding would turn backslashes into slashes and other code pages into something.
    const zip = await yauzl.fromBufferPromise(bytes, { lazyEntries: true, decodeStrings: false, validateEntrySizes: true });
    tree.announce(zip.entryCount);
    for await (const entry of zip.eachEntry()) await unpackEntry(zip, entry, tree);
  } catch (error) {
    throw asArchiveError(error, "zip");
  }
}

async function unpackEntry(zip: ZipFile, entry: Entry, tree: Tree): Promise<void> {
  const name = nameOf(entry);
  const mode = (entry.externalFileAttributes >>> 16) & 0xffff;
  const type = mode & typeMask;
  if (type !== 0 && type !== typeFile && type !== typeFolder && type !== typeLink) {
    throw refusal(name, "is a device, a pipe or a socket");
  }
  if (entry.isEncrypted()) throw refusal(name, "is encrypted");
  if (entry.compressionMethod !== 0 && entry.compressionMethod !== 8) {
    throw refusal(name, `is compressed with method ${entry.compressionMethod}; only deflate is read`);
  }
  if (type === typeFolder || name.endsWith("/")) return tree.addFolder(name);
  if (type === typeLink) return tree.addLink(name, await linkTarget(zip, entry, name));
  const facts = { mode: mode === 0 ? null : mode, modifiedAt: entry.getLastModDate(), bytes: entry.uncompressedSize };
  return tree.addFile(name, facts, content(zip, entry, name));
}

function nameOf(entry: Entry): string {
  const raw = entry.fileNameRaw;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(raw);
  } catch {
    throw refusal(raw.toString("latin1"), "has a name that is not UTF-8");
  }
}

async function linkTarget(zip: ZipFile, entry: Entry, name: string): Promise<string> {
  if (entry.uncompressedSize > linkBytesMax) throw refusal(name, `is a link with a target longer than ${linkBytesMax} bytes`);
  const pieces: Buffer[] = [];
  for await (const piece of content(zip, entry, name)) pieces.push(piece);
  return Buffer.concat(pieces).toString("utf8");
}

/** The inflated bytes, piece by piece; fails when they are not as many as declared or their sum is wrong. */
async function* content(zip: ZipFile, entry: Entry, name: string): AsyncGenerator<Buffer> {
  const stream = await zip.openReadStreamPromise(entry);
  let sum = 0;
  try {
    for await (const piece of stream as AsyncIterable<Buffer>) {
      sum = crc32(piece, sum);
      yield piece;
    }
  } catch (error) {
    throw refusal(name, `is damaged (${error instanceof Error ? error.message : String(error)})`, error);
  } finally {
    stream.destroy();
  }
  if (sum !== entry.crc32) throw refusal(name, "is damaged (its checksum is wrong)");
}
