/**
 * A layer that was unpacked: `<folder>/files/` has the contents under numbers, and no name of the archive ever names a file here. What the
 * archive said of names is in two lists, one record a line, which `merge.ts` makes a tree of.
 */
import { closeSync, createReadStream, futimesSync, mkdirSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { TarEntry, TarSink } from "./tar-reader.ts";

/** One record of the list of entries, in the order of the archive. Paths have no dots, no slashes at the ends, no empty parts. */
export type LayerEntry =
  | { readonly type: "folder"; readonly path: string }
  | { readonly type: "file"; readonly path: string; readonly content: number }
  | { readonly type: "link"; readonly path: string; readonly target: string }
  | { readonly type: "same"; readonly path: string; readonly as: string };

/** What a layer takes away from those below it. */
export interface Hiding {
  readonly path: string;
  /** All that is in the folder, rather than the entry itself. */
  readonly inside: boolean;
}

/** What one image may hold. */
export interface LayerLimits {
  readonly bytesMax: number;
  /** Entries of all its layers. */
  readonly entriesMax: number;
}

const whiteoutPrefix = ".wh.";
const notePrefix = ".wh..wh.";
const opaqueName = ".wh..wh..opq";
const partBytesMax = 255;
const pathBytesMax = 4096;
/** Contents in one folder. */
const shelfSize = 1000;
const entriesFile = "entries";
const hidingsFile = "hidings";

/** Where a content is. */
export function contentFile(layer: string, content: number): string {
  return join(layer, "files", String(Math.floor(content / shelfSize)), String(content));
}

export function entriesOf(layer: string): AsyncIterable<LayerEntry> {
  return readRecords<LayerEntry>(join(layer, entriesFile));
}

export function hidingsOf(layer: string): AsyncIterable<Hiding> {
  return readRecords<Hiding>(join(layer, hidingsFile));
}

async function* readRecords<T>(file: string): AsyncGenerator<T> {
  for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY })) {
    yield JSON.parse(line) as T;
  }
}

/** Writes a layer's folder, which exists and is empty, while its archive is read. Throws `Error` with a reason in a few words. */
export class LayerWriter implements TarSink {
  readonly #folder: string;
  readonly #limits: LayerLimits;
  readonly #entries: Records;
  readonly #hidings: Records;
  #contents = 0;
  #count = 0;
  #bytes = 0;
  /** The content that is being written. */
  #open: { readonly descriptor: number; readonly modifiedAt: number } | null = null;

  constructor(folder: string, limits: LayerLimits) {
    this.#folder = folder;
    this.#limits = limits;
    mkdirSync(join(folder, "files"), { mode: 0o755 });
    this.#entries = new Records(join(folder, entriesFile));
    this.#hidings = new Records(join(folder, hidingsFile));
  }

  /** Of the contents. */
  get bytes(): number {
    return this.#bytes;
  }

  get entries(): number {
    return this.#count;
  }

  begin(entry: TarEntry): void {
    if (++this.#count > this.#limits.entriesMax) throw new Error(`it has more than ${this.#limits.entriesMax} files`);
    const path = cleanPath(entry.path);
    const slash = path.lastIndexOf("/");
    const name = path.slice(slash + 1);
    // Notes of an old file system to itself.
    if (path.split("/").some((part) => part.startsWith(notePrefix) && part !== opaqueName)) return;
    if (name.startsWith(whiteoutPrefix)) this.#hide(path.slice(0, slash + 1), name);
    else this.#add(entry, path);
  }

  data(piece: Buffer): void {
    if (this.#open === null) return;
    this.#bytes += piece.length;
    if (this.#bytes > this.#limits.bytesMax) throw new Error(`it unpacks to more than ${this.#limits.bytesMax} bytes`);
    for (let at = 0; at < piece.length; ) at += writeSync(this.#open.descriptor, piece, at);
  }

  end(): void {
    if (this.#open === null) return;
    const { descriptor, modifiedAt } = this.#open;
    this.#open = null;
    try {
      // Compiled Python files are only valid beside a source of the time they were made from.
      futimesSync(descriptor, modifiedAt, modifiedAt);
    } finally {
      closeSync(descriptor);
    }
  }

  /** The archive came to its end. */
  finish(): void {
    this.#entries.flush();
    this.#hidings.flush();
  }

  /** Closes what is open, whether the archive came to its end or not. */
  close(): void {
    if (this.#open !== null) closeSync(this.#open.descriptor);
    this.#entries.close();
    this.#hidings.close();
  }

  #hide(folder: string, name: string): void {
    if (name === opaqueName) this.#hidings.add({ path: folder.slice(0, -1), inside: true } satisfies Hiding);
    else {
      const hidden = cleanPath(folder + name.slice(whiteoutPrefix.length));
      if (hidden !== folder.slice(0, -1)) this.#hidings.add({ path: hidden, inside: false } satisfies Hiding);
    }
  }

  #add(entry: TarEntry, path: string): void {
    if (path === "") return;
    switch (entry.type) {
      case "folder":
        return this.#entries.add({ type: "folder", path } satisfies LayerEntry);
      case "file":
        return this.#entries.add({ type: "file", path, content: this.#create(entry) } satisfies LayerEntry);
      case "symbolic link":
        checkLength(entry.target);
        return this.#entries.add({ type: "link", path, target: entry.target } satisfies LayerEntry);
      case "hard link":
        return this.#entries.add({ type: "same", path, as: cleanPath(entry.target) } satisfies LayerEntry);
      case "other":
        // Devices and pipes: a sandbox has its own, and is given no others.
        return;
    }
  }

  #create({ mode, modifiedAt }: TarEntry): number {
    const content = this.#contents++;
    const file = contentFile(this.#folder, content);
    if (content % shelfSize === 0) mkdirSync(join(file, ".."), { mode: 0o755 });
    // One user is in a sandbox, so whoever of the image's users may do something, it may. Nobody runs as somebody else.
    const descriptor = openSync(file, "wx", (mode & 0o111) === 0 ? 0o644 : 0o755);
    this.#open = { descriptor, modifiedAt: sane(modifiedAt) };
    return content;
  }
}

/** A path from the root on. Throws for one that leads out of it, or is too long. */
function cleanPath(path: string): string {
  checkLength(path);
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  for (const part of parts) {
    if (part === "..") throw new Error(`${JSON.stringify(path)} in it leads out of it`);
    if (Buffer.byteLength(part) > partBytesMax) throw new Error("a name in it is too long");
  }
  return parts.join("/");
}

function checkLength(path: string): void {
  if (Buffer.byteLength(path) > pathBytesMax) throw new Error("a name in it is too long");
  if (path.includes("\0")) throw new Error("a name in it has a zero byte");
}

function sane(seconds: number): number {
  return seconds >= 0 && seconds < 0x1_0000_0000 ? seconds : 0;
}

/** A file of JSON lines that is written a hundred kilobytes at a time. */
class Records {
  readonly #descriptor: number;
  #waiting = "";

  constructor(file: string) {
    this.#descriptor = openSync(file, "wx", 0o644);
  }

  add(record: object): void {
    this.#waiting += `${JSON.stringify(record)}\n`;
    if (this.#waiting.length > 100_000) this.flush();
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  flush(): void {
    const bytes = Buffer.from(this.#waiting);
    this.#waiting = "";
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#descriptor, bytes, at);
  }
}
