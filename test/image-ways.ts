/** The two ways in which images run, under Docker and unpacked, on images that both pull from one registry. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RunConfig } from "../src/oci/oci.ts";
import { makeTar, type TarEntry } from "./archives.ts";
import { noDocker, startEngine, type TestEngine } from "./docker.ts";
import { type ImageRegistry, noImageRegistry } from "./image-registry.ts";
import { layerOfFolder, makeImage, pushImage } from "./images.ts";
import { type Platform, type PlatformOptions, startPlatform } from "./platform.ts";
import { makeRoot } from "./root-folder.ts";

export const ways = ["docker", "unpacked"] as const;
export type Way = (typeof ways)[number];

/** Why images cannot be run like this here; false: they can. */
export function noWay(way: Way): string | false {
  if (noImageRegistry !== undefined) return noImageRegistry;
  if (way === "docker") return noDocker ?? false;
  return process.platform === "linux" ? false : "images are unpacked on Linux";
}

/** A platform that runs images in one way, and the engine it has for that. */
export interface ImagePlatform {
  readonly platform: Platform;
  readonly engine: TestEngine | null;
  stop(): Promise<void>;
}

/** `diskMiB`: how much fits on the engine's disk. */
export async function startImagePlatform(
  way: Way,
  { diskMiB = 0, ...options }: PlatformOptions & { readonly diskMiB?: number } = {},
): Promise<ImagePlatform> {
  const engine = way === "docker" ? await startEngine({ diskMiB }) : null;
  const docker: Record<string, string> = engine === null ? {} : { POLYKILN_IMAGES: "docker", DOCKER_HOST: engine.host };
  try {
    const platform = await startPlatform({ ...options, env: { ...docker, ...options.env } });
    return {
      platform,
      engine,
      async stop() {
        await platform.stop();
        await engine?.remove();
      },
    };
  } catch (error) {
    await engine?.remove();
    throw error;
  }
}

/** A base layer with these programs of this machine in `/bin`. */
export function baseLayer(programs: Readonly<Record<string, string>>): Buffer {
  const folder = mkdtempSync(join(tmpdir(), "base-layer-"));
  try {
    makeRoot(join(folder, "root"), programs);
    // Not every image has users.
    writeFileSync(join(folder, "root/etc/passwd"), "root:x:0:0::/:/bin/sh\n");
    return layerOfFolder(join(folder, "root"));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export const nodeAndShell = {
  node: process.execPath,
  ...Object.fromEntries(["sh", "ln", "sleep", "cat", "dd"].map((name) => [name, `/bin/${name}`])),
};

/** Images of one registry that share a base. All are tags of one repository, so that the base is there once. */
export class ImageShelf {
  readonly #registry: ImageRegistry;
  readonly #base: readonly Buffer[];

  constructor(registry: ImageRegistry, ...base: readonly Buffer[]) {
    this.#registry = registry;
    this.#base = base;
  }

  /** The name of an image with these files on the base. */
  async put(tag: string, files: readonly TarEntry[], config: RunConfig): Promise<string> {
    const name = `${this.#registry.host}/shelf:${tag}`;
    await pushImage(name, makeImage([...this.#base, makeTar(files)], { Env: ["PATH=/bin"], ...config }, { docker: true }));
    return name;
  }

  /** One that runs a Node program. */
  async node(tag: string, program: string, config: RunConfig = {}): Promise<string> {
    return await this.put(tag, [{ name: "func.cjs", data: program }], { Entrypoint: ["node", "/func.cjs"], ...config });
  }
}

/** The text of a Node program that speaks http-stream without a kit. `answer`: what it does with `request`, its whole `body` and `response`. */
export const httpStream = (answer: string, listens = linked) =>
  flowing(
    `const pieces = [];
  for await (const piece of request) pieces.push(piece);
  const body = Buffer.concat(pieces);
  ${answer}`,
    listens,
  );

/** The same with a request that is answered while it comes. */
export const flowing = (answer: string, listens = linked) => `
const http = require("node:http"), fs = require("node:fs");
const at = (name) => "/tmp/iofs/" + name;
const server = http.createServer(async (request, response) => {
  ${answer}
});
const listen = (name, then) => server.listen(at(name), () => { fs.chmodSync(at(name), 0o666); then?.(); });
${listens}
`;

/** As kits do. */
const linked = 'listen("own.sock", () => fs.symlinkSync("own.sock", at("lsnr.sock")));';
