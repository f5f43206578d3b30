import { mkdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Layer, type LayerPart, writeLayer } from "../../oci/layer.ts";

/** Rises when the same parts make another layer. */
const formatVersion = 1;

/** Layers that took long to write, in a folder of the cache which processes may share: `<key>.tar.gz`, and what is known of it in `<key>.json`. */
export class LayerCache {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Null when it is not there, or no longer whole. */
  async find(key: string): Promise<Layer | null> {
    const file = this.#fileOf(key);
    try {
      const layer = JSON.parse(await readFile(`${file}.json`, "utf8")) as Omit<Layer, "file">;
      return (await stat(`${file}.tar.gz`)).size === layer.descriptor.size ? { ...layer, file: `${file}.tar.gz` } : null;
    } catch {
      return null;
    }
  }

  /** The layer of a key, written from its parts when it is not there. Two who write it at once write the same. */
  async get(key: string, parts: readonly LayerPart[]): Promise<Layer> {
    const known = await this.find(key);
    if (known !== null) return known;
    await mkdir(this.#folder, { recursive: true });
    const file = this.#fileOf(key);
    const { descriptor, diffId } = await writeLayer(parts, `${file}.tar.gz`);
    await writeFile(`${file}.json.new`, JSON.stringify({ descriptor, diffId }), { flush: true });
    await rename(`${file}.json.new`, `${file}.json`);
    return { descriptor, diffId, file: `${file}.tar.gz` };
  }

  #fileOf(key: string): string {
    return join(this.#folder, `${key}-${formatVersion}`);
  }
}
