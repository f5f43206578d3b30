import { mkdir, opendir, readdir, readFile, rename, rm, chmod, open, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PlatformError } from "../../model/error.ts";
import { limits as modelLimits } from "../../model/limits.ts";
import type { World } from "../../lib/world.ts";
import type { SentCode, StoredCode, Upload } from "../image.ts";
import { codeDigest } from "./digest.ts";
import { detectFormat, type Format, looksExecutable } from "./format.ts";
import { unpackTar } from "./tar.ts";
import { Tree, type TreeLimits, syncFolder } from "./tree.ts";
import { removeFolder, Unused } from "./unused.ts";
import { unpackZip } from "./zip.ts";

/** Limits of one upload; the defaults are the model's. */
export interface CodeLimits extends TreeLimits {
  readonly bytesMax: number;
}

const temporaryPrefix = ".new-";
const factsFile = "code.json";
/** The archive itself, where it is kept. */
const sentFile = "sent";

/**
 * Unpacked code by digest: `<folder>/<digest>/files` and beside it what is known of it. A digest's folder is made under another
 * name and renamed when all of it is on disk, so it is there whole or not at all, also after kill -9.
 */
export class CodeStore {
  readonly #folder: string;
  readonly #world: World;
  readonly #limits: CodeLimits;
  readonly #running = new Map<string, Promise<StoredCode>>();
  readonly #removing = new Map<string, Promise<void>>();
  readonly unused: Unused;

  private constructor(folder: string, world: World, limits: CodeLimits) {
    this.#folder = folder;
    this.#world = world;
    this.#limits = limits;
    this.unused = new Unused(world);
  }

  /** Opens or makes the folder, which belongs to one process, and removes what an interrupted upload left. */
  static async open(folder: string, world: World, limits: CodeLimits = modelLimits.code): Promise<CodeStore> {
    await mkdir(folder, { recursive: true });
    for (const name of await readdir(folder)) {
      if (name.startsWith(temporaryPrefix)) await rm(join(folder, name), { recursive: true, force: true });
    }
    return new CodeStore(folder, world, limits);
  }

  /** See `Images.addCode`. */
  async add(upload: Upload): Promise<StoredCode> {
    this.#checkSize(upload.bytes);
    const format = detectFormat(upload.bytes, upload.fileName);
    const single = format === "file" ? singleName(upload) : null;
    const digest = codeDigest(upload.bytes, single);
    this.unused.needed(digest);
    const stored = await (this.#running.get(digest) ?? this.#begin(upload.bytes, format, single, digest));
    if (upload.keep === true && format !== "file") await this.#keepSent(digest, upload.bytes);
    return stored;
  }

  /** See `Images.codeAsSent`. */
  async asSent(digest: string): Promise<SentCode | null> {
    if ((await this.find(digest)) === null) return null;
    const archive = await readFile(join(this.#folder, digest, sentFile)).catch(() => null);
    if (archive !== null) return { bytes: archive, isArchive: true };
    const files = join(this.#folder, digest, "files");
    const [name, another] = await readdir(files).catch(() => []);
    if (name === undefined || another !== undefined) return null;
    const bytes = await readFile(join(files, name)).catch(() => null);
    // An archive may have a single file, too.
    return bytes !== null && codeDigest(bytes, name) === digest ? { bytes, isArchive: false } : null;
  }

  /** Whole or not at all. */
  async #keepSent(digest: string, bytes: Buffer): Promise<void> {
    const target = join(this.#folder, digest, sentFile);
    if ((await stat(target).catch(() => null)) !== null) return;
    const temporary = join(this.#folder, temporaryPrefix + this.#world.newId());
    try {
      await writeFile(temporary, bytes, { mode: 0o600, flush: true });
      await rename(temporary, target);
    } finally {
      await rm(temporary, { force: true });
    }
  }

  /** What is kept under a digest, or null. */
  async find(digest: string): Promise<StoredCode | null> {
    if (!/^[0-9a-f]{64}$/.test(digest)) return null;
    this.unused.needed(digest);
    await this.#removing.get(digest);
    const text = await readFile(join(this.#folder, digest, factsFile), "utf8").catch(() => null);
    return text === null ? null : (JSON.parse(text) as StoredCode);
  }

  /** What is kept under a digest, and the host folder of the unpacked files. Throws `not_found`. */
  async get(digest: string): Promise<{ readonly stored: StoredCode; readonly folder: string }> {
    const stored = await this.find(digest);
    if (stored !== null) return { stored, folder: join(this.#folder, digest, "files") };
    throw new PlatformError("not_found", `There is no code with the digest ${digest.slice(0, 64)}: upload it first`);
  }

  /** All that is kept, in no order. */
  async *digests(): AsyncGenerator<string> {
    for await (const { name } of await opendir(this.#folder)) if (!name.startsWith(temporaryPrefix)) yield name;
  }

  /** Whoever asks for it meanwhile waits, and finds it gone. */
  async remove(digest: string): Promise<void> {
    const work = removeFolder(join(this.#folder, digest), join(this.#folder, temporaryPrefix + this.#world.newId()));
    this.#removing.set(digest, work);
    await work.finally(() => this.#removing.delete(digest));
  }

  /** Others with the same bytes wait for it. */
  #begin(bytes: Buffer, format: Format, single: string | null, digest: string): Promise<StoredCode> {
    const work = this.#addOnce(bytes, format, single, digest).finally(() => this.#running.delete(digest));
    this.#running.set(digest, work);
    return work;
  }

  async #addOnce(bytes: Buffer, format: Format, single: string | null, digest: string): Promise<StoredCode> {
    const known = await this.find(digest);
    if (known) return known;
    const temporary = join(this.#folder, temporaryPrefix + this.#world.newId());
    try {
      return await this.#unpack(bytes, format, single, digest, temporary);
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
  }

  async #unpack(bytes: Buffer, format: Format, single: string | null, digest: string, temporary: string): Promise<StoredCode> {
    const files = join(temporary, "files");
    await mkdir(files, { recursive: true });
    for (const folder of [temporary, files]) await chmod(folder, 0o755);
    const tree = new Tree(files, this.#limits);
    if (format === "zip") await unpackZip(bytes, tree);
    else if (format === "file") await addSingle(tree, single as string, bytes);
    else await unpackTar(bytes, format === "tar.gz", tree, this.#limits);
    await tree.finish();
    const stored = { digest, bytes: tree.bytes, files: tree.files };
    await this.#publish(temporary, stored);
    return stored;
  }

  async #publish(temporary: string, stored: StoredCode): Promise<void> {
    const facts = await open(join(temporary, factsFile), "wx", 0o644);
    try {
      await facts.writeFile(JSON.stringify(stored));
      await facts.sync();
    } finally {
      await facts.close();
    }
    await syncFolder(temporary);
    try {
      await rename(temporary, join(this.#folder, stored.digest));
    } catch (error) {
      // Somebody else was first with the same bytes, so with the same tree.
      if ((await this.find(stored.digest)) === null) throw error;
    }
    await syncFolder(this.#folder);
  }

  #checkSize(bytes: Buffer): void {
    if (bytes.length === 0) throw new PlatformError("invalid", "The uploaded code is empty");
    if (bytes.length <= this.#limits.bytesMax) return;
    throw new PlatformError(
      "too_large",
      `The uploaded code has ${bytes.length} bytes; at most ${this.#limits.bytesMax} are taken`,
    );
  }
}

/** What a single file is called inside. A program may come without a name, source code may not: its ending says the language. */
function singleName(upload: Upload): string {
  if (upload.fileName === null) {
    if (looksExecutable(upload.bytes)) return "main";
    throw new PlatformError(
      "invalid",
      "The uploaded code is neither an archive nor a program: give its file name, such as index.js or func.py",
    );
  }
  const name = upload.fileName;
  if (/^[^/\\\0]+$/.test(name) && name !== "." && name !== ".." && Buffer.byteLength(name) <= 255) return name;
  throw new PlatformError(
    "invalid",
    `The file name ${JSON.stringify(upload.fileName.slice(0, 120))} must be a plain name without folders`,
  );
}

async function addSingle(tree: Tree, name: string, bytes: Buffer): Promise<void> {
  const isSource = /\.(c?js|mjs|m?ts|py|json|txt|md)$/i.test(name) && !looksExecutable(bytes);
  await tree.addFile(name, { mode: isSource ? 0o644 : 0o755, modifiedAt: null, bytes: bytes.length }, [bytes]);
}
