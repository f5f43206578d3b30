import { createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createTarPacker, type TarPackController } from "modern-tar";
import type { BuiltImage } from "./assemble.ts";
import { blobPath, blobsOf, indexName, indexOf, layoutMark, named } from "./layout.ts";

const header = { mtime: new Date(0), uid: 0, gid: 0, mode: 0o644 } as const;

/**
 * Writes an image as one file: the layout as a tar archive, with the list besides that `docker load` of all ages reads. `name`: with registry and
 * tag, as it will be called where it is loaded. Appears whole or not at all.
 */
export async function writeArchive(file: string, image: BuiltImage, name: string, tag: string): Promise<void> {
  const { readable, controller } = createTarPacker();
  const temporary = `${file}.new`;
  const filling = fill(controller, image, name, tag);
  try {
    const source = Readable.fromWeb(readable as Parameters<typeof Readable.fromWeb>[0]);
    await Promise.all([filling, pipeline(source, createWriteStream(temporary, { flush: true }))]);
    await rename(temporary, file);
  } finally {
    await filling.catch(() => {});
    await rm(temporary, { force: true });
  }
}

async function fill(controller: TarPackController, image: BuiltImage, name: string, tag: string): Promise<void> {
  try {
    const { config, layers } = image;
    const list = [
      { Config: blobPath(config.digest), RepoTags: [name], Layers: layers.map(({ descriptor }) => blobPath(descriptor.digest)) },
    ];
    for (const blob of blobsOf(image)) await add(controller, blobPath(blob.digest), blob.size, blob.read(0, blob.size));
    await addText(controller, indexName, JSON.stringify(indexOf([named(image, tag)])));
    await addText(controller, "manifest.json", JSON.stringify(list));
    await addText(controller, layoutMark.name, layoutMark.text);
    controller.finalize();
  } catch (error) {
    controller.error(error);
    throw error;
  }
}

async function add(controller: TarPackController, name: string, size: number, pieces: AsyncIterable<Uint8Array>): Promise<void> {
  const body = controller.add({ ...header, name, size, type: "file" }).getWriter();
  for await (const piece of pieces) await body.write(piece);
  await body.close();
}

async function addText(controller: TarPackController, name: string, text: string): Promise<void> {
  const bytes = Buffer.from(text);
  await add(controller, name, bytes.length, Readable.from([bytes]));
}
