import { createHash, type Hash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { lstat, readdir, readlink, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { createTarPacker, type TarHeader, type TarPackController } from "modern-tar";
import { type Descriptor, mediaTypes } from "./oci.ts";

/** Files of this machine and where they are in the image. */
export interface LayerPart {
  /** A folder, whose files are taken with all that is below. */
  readonly folder: string;
  /** Path in the image, without slashes around it; empty: the top. */
  readonly at: string;
  /** Paths below the folder that stay out, with what is below them; absent: none. */
  readonly without?: readonly string[];
}

/** A layer that was written. */
export interface Layer {
  readonly descriptor: Descriptor;
  /** Digest of it unpacked. */
  readonly diffId: string;
  /** Where its bytes are. */
  readonly file: string;
}

/** One that anybody may write into. */
const openFolders: Readonly<Record<string, number>> = { tmp: 0o1777 };
const compression = { level: 6 } as const;

/**
 * Writes files as a layer that depends on their names, their rights to be run and their content, and on nothing else: not on the order in which a
 * folder lists them, on times, on owners, or on where they are. Appears whole or not at all. Throws what the disk says.
 */
export async function writeLayer(parts: readonly LayerPart[], file: string): Promise<Layer> {
  const entries = (await Promise.all(parts.map(entriesOf))).flat().concat(foldersAbove(parts));
  const sorted = [...new Map(entries.map((entry) => [entry.path, entry])).values()].toSorted(byPath);
  const [plain, packed] = [createHash("sha256"), createHash("sha256")];
  const { readable, controller } = createTarPacker();
  const written = { bytes: 0 };
  const temporary = `${file}.new`;
  const filling = fill(controller, sorted);
  try {
    await Promise.all([
      filling,
      pipeline(
        Readable.fromWeb(readable as Parameters<typeof Readable.fromWeb>[0]),
        hashing(plain),
        createGzip(compression),
        hashing(packed, written),
        createWriteStream(temporary, { flush: true }),
      ),
    ]);
    await rename(temporary, file);
  } catch (error) {
    // What still fills it must not outlive it.
    await filling.catch(() => {});
    await rm(temporary, { force: true });
    throw error;
  }
  const descriptor = { mediaType: mediaTypes.layerGzip, digest: digestOf(packed), size: written.bytes };
  return { descriptor, diffId: digestOf(plain), file };
}

interface Entry {
  readonly path: string;
  readonly header: TarHeader;
  /** File of this machine with the content; null: it has none. */
  readonly from: string | null;
}

const nobody = { mtime: new Date(0), uid: 0, gid: 0 } as const;

async function entriesOf({ folder, at, without = [] }: LayerPart): Promise<Entry[]> {
  const found: Entry[] = [];
  const left = new Set(without);
  const walk = async (below: string): Promise<void> => {
    for (const entry of await readdir(join(folder, below), { withFileTypes: true })) {
      const inside = below + entry.name;
      if (left.has(inside)) continue;
      const made = await entryOf(join(folder, inside), at === "" ? inside : `${at}/${inside}`);
      if (made !== null) found.push(made);
      if (entry.isDirectory()) await walk(`${inside}/`);
    }
  };
  await walk("");
  return found;
}

/** Null for sockets and pipes, which are nothing to run. */
async function entryOf(file: string, path: string): Promise<Entry | null> {
  const facts = await lstat(file);
  if (facts.isDirectory()) return folderEntry(path);
  if (facts.isSymbolicLink())
    return {
      path,
      header: { ...nobody, name: path, type: "symlink", mode: 0o777, size: 0, linkname: await readlink(file) },
      from: null,
    };
  if (!facts.isFile()) return null;
  const mode = (facts.mode & 0o111) === 0 ? 0o644 : 0o755;
  return { path, header: { ...nobody, name: path, type: "file", mode, size: facts.size }, from: file };
}

function folderEntry(path: string): Entry {
  return {
    path,
    header: { ...nobody, name: `${path}/`, type: "directory", mode: openFolders[path] ?? 0o755, size: 0 },
    from: null,
  };
}

function foldersAbove(parts: readonly LayerPart[]): Entry[] {
  return parts.flatMap(({ at }) => {
    const names = at === "" ? [] : at.split("/");
    return names.map((_, i) => folderEntry(names.slice(0, i + 1).join("/")));
  });
}

/** By bytes: as every machine would. */
function byPath(a: Entry, b: Entry): number {
  return Buffer.compare(Buffer.from(a.path), Buffer.from(b.path));
}

async function fill(controller: TarPackController, entries: readonly Entry[]): Promise<void> {
  try {
    for (const { header, from } of entries) {
      const body = controller.add(header).getWriter();
      if (from !== null && header.size > 0)
        for await (const piece of createReadStream(from, { highWaterMark: 256 * 1024 })) await body.write(piece as Buffer);
      await body.close();
    }
    controller.finalize();
  } catch (error) {
    controller.error(error);
    throw error;
  }
}

function hashing(hash: Hash, written?: { bytes: number }): Transform {
  return new Transform({
    transform(piece: Buffer, _, done) {
      hash.update(piece);
      if (written !== undefined) written.bytes += piece.length;
      done(null, piece);
    },
  });
}

function digestOf(hash: Hash): string {
  return `sha256:${hash.digest("hex")}`;
}
