import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { constants, createGunzip, createZstdDecompress } from "node:zlib";
import { PlatformError } from "../../model/error.ts";
import { type LayerLimits, LayerWriter } from "./layer.ts";
import { type LayerNote, noteName } from "./pull-job.ts";
import { TarReader } from "./tar-reader.ts";
import { thisBoot } from "./unsynced.ts";

const gzipMagic = 0x1f8b;
const zstdMagic = 0x28b5_2ffd;
const pieceBytes = 64 * 1024;
/** Of the window that a zstd stream may ask for: 32 MiB, what its highest ordinary levels have. */
const zstdWindowLog = 25;

/** Unpacks a layer, compressed or not, into a folder that exists. Throws what the source throws, and `registry_failed` with a reason. */
export async function unpackLayer(
  source: AsyncIterable<Buffer>,
  diffId: string,
  folder: string,
  limits: LayerLimits,
): Promise<void> {
  const writer = new LayerWriter(folder, limits);
  const reader = new TarReader(writer);
  const hash = createHash("sha256");
  try {
    for await (const piece of unpacked(source)) {
      hash.update(piece);
      reader.push(piece);
    }
    reader.finish();
    writer.finish();
  } catch (error) {
    throw refusal(error);
  } finally {
    writer.close();
  }
  if (`sha256:${hash.digest("hex")}` !== diffId) throw layerRefused("it does not unpack to what the image's configuration says");
  const note: LayerNote = { bytes: writer.bytes, entries: writer.entries, boot: thisBoot() };
  writeFileSync(join(folder, noteName), JSON.stringify(note));
}

/** By what the bytes begin with: registries are not always told the truth. */
async function* unpacked(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const pieces = source[Symbol.asyncIterator]();
  try {
    const head = await firstBytes(pieces);
    const rest = { [Symbol.asyncIterator]: () => ({ next: () => pieces.next() }) };
    const decompressor = decompressorFor(head);
    if (decompressor === null) {
      yield head;
      yield* rest;
    } else yield* through(decompressor, head, rest);
  } finally {
    await pieces.return?.();
  }
}

async function firstBytes(pieces: AsyncIterator<Buffer>): Promise<Buffer> {
  let head = Buffer.alloc(0);
  while (head.length < 4) {
    const { value, done } = await pieces.next();
    if (done === true) break;
    head = Buffer.concat([head, value]);
  }
  return head;
}

function decompressorFor(head: Buffer): Transform | null {
  if (head.length >= 2 && head.readUInt16BE(0) === gzipMagic) return createGunzip({ chunkSize: pieceBytes });
  if (head.length < 4 || head.readUInt32BE(0) !== zstdMagic) return null;
  return createZstdDecompress({ chunkSize: pieceBytes, params: { [constants.ZSTD_d_windowLogMax]: zstdWindowLog } });
}

/** What goes wrong in the source is told by the source, not by what reads from it. */
async function* through(decompressor: Transform, head: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  async function* all() {
    yield head;
    yield* rest;
  }
  const feeding = pipeline(all, decompressor).catch(() => {});
  try {
    yield* decompressor as AsyncIterable<Buffer>;
  } finally {
    decompressor.destroy();
    await feeding;
  }
}

function refusal(error: unknown): unknown {
  if (error instanceof PlatformError) return error;
  const { code = "", message } = error as NodeJS.ErrnoException;
  if (code.startsWith("Z_") || code.startsWith("ZSTD") || code.startsWith("ERR_ZSTD"))
    return layerRefused(`it cannot be decompressed (${code})`, error);
  if (error instanceof Error && code === "") return layerRefused(message, error);
  return error;
}

function layerRefused(why: string, cause?: unknown): PlatformError {
  return new PlatformError("registry_failed", `a layer is refused: ${why}`, { cause });
}
