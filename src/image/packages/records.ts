import type { Tree } from "../code/tree.ts";
import { refusal } from "../code/entry-path.ts";

const headBytesMax = 8192;
const pieceBytes = 256 * 1024;

interface Head {
  readonly type: "file" | "folder" | "link";
  readonly path: string;
  readonly target: string;
  readonly size: number;
  readonly mode: number;
  readonly modifiedMs: number;
}

/**
 * Puts what a sandbox sends into a tree: of each entry the length of its head, the head as JSON, and what is in a file; a length of 0 ends it.
 * `root`: folders that it may be in. Throws `invalid`.
 */
export async function unpackRecords(records: AsyncIterable<Buffer>, tree: Tree, roots: readonly string[]): Promise<void> {
  const input = new Input(records);
  for (;;) {
    const length = (await input.take(4)).readUInt32LE(0);
    if (length === 0) return;
    if (length > headBytesMax) throw refusal("", "has too long a head");
    const head = headOf(await input.take(length));
    if (!roots.some((root) => head.path.startsWith(`${root}/`))) throw refusal(head.path, "is outside of its folder");
    await add(head, input, tree);
  }
}

async function add({ type, path, target, size, mode, modifiedMs }: Head, input: Input, tree: Tree): Promise<void> {
  switch (type) {
    case "folder":
      return await tree.addFolder(path);
    case "link":
      return await tree.addLink(path, target);
    case "file":
      return await tree.addFile(path, { mode, modifiedAt: new Date(modifiedMs), bytes: size }, input.pieces(size));
  }
}

function headOf(bytes: Buffer): Head {
  let head: Partial<Head>;
  try {
    head = JSON.parse(bytes.toString("utf8")) as Partial<Head>;
  } catch {
    throw refusal("", "has a head that is no JSON");
  }
  const { type, path, target = "", size = 0, mode = 0, modifiedMs = 0 } = head;
  const known = type === "file" || type === "folder" || type === "link";
  const numbers = [size, mode, modifiedMs].every((value) => Number.isSafeInteger(value) && value >= 0);
  if (!known || typeof path !== "string" || typeof target !== "string" || !numbers) throw refusal("", "has a head that is none");
  return { type, path, target, size, mode, modifiedMs };
}

/** Bytes by their number, from pieces as they come. */
class Input {
  readonly #pieces: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(pieces: AsyncIterable<Buffer>) {
    this.#pieces = pieces[Symbol.asyncIterator]();
  }

  async take(count: number): Promise<Buffer> {
    while (this.#rest.length < count) this.#rest = Buffer.concat([this.#rest, await this.#next()]);
    const taken = this.#rest.subarray(0, count);
    this.#rest = this.#rest.subarray(count);
    return taken;
  }

  async *pieces(count: number): AsyncGenerator<Buffer> {
    for (let left = count; left > 0; ) {
      if (this.#rest.length === 0) this.#rest = await this.#next();
      const piece = await this.take(Math.min(left, this.#rest.length, pieceBytes));
      left -= piece.length;
      yield piece;
    }
  }

  async #next(): Promise<Buffer> {
    const { done, value } = await this.#pieces.next();
    if (done === true) throw refusal("", "is cut off: the program that sends it has ended");
    return value as Buffer;
  }
}
