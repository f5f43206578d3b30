import { LRUCache } from "lru-cache";
import { createTarDecoder } from "modern-tar";
import { type ImageUser, userOf } from "../../oci/user.ts";
import type { ContainerArchive, DockerEngine } from "./engine.ts";

/** Links that are followed from one to the next. */
const linksMax = 8;
/** Longer lists of users are not read. */
const textBytesMax = 4 * 1024 * 1024;
/** Images that are remembered, a few words each. */
const knownMax = 1000;

/** Runs `work` on a container of the image that is not started, and removes it. */
type WithContainer = <T>(image: string, work: (container: string) => Promise<T>) => Promise<T>;

/** Who images of an engine say that they run as. Names are looked up in a container that is made for that, and never started. */
export class ContainerUsers {
  readonly #engine: Pick<DockerEngine, "archive">;
  readonly #withContainer: WithContainer;
  /** By image and user; both are names of what does not change. */
  readonly #known = new LRUCache<string, Promise<ImageUser>>({ max: knownMax });

  constructor(engine: Pick<DockerEngine, "archive">, withContainer: WithContainer) {
    this.#engine = engine;
    this.#withContainer = withContainer;
  }

  /** `name`, for messages; `id`: of the image. Rejects with `invalid` for somebody that the image does not know, and with an `EngineError`. */
  of(name: string, id: string, user: string): Promise<ImageUser> {
    const key = `${id} ${user}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const work = userOf(name, user, (file) => this.#text(id, file));
    this.#known.set(key, work);
    work.catch(() => this.#known.delete(key));
    return work;
  }

  #text(image: string, file: string): Promise<string> {
    return this.#withContainer(image, async (container) => {
      let path = file;
      for (let links = 0; links <= linksMax; links++) {
        const archive = await this.#engine.archive(container, path, textBytesMax);
        if (archive === null) return "";
        if (archive.linkTarget === "") return await fileIn(archive);
        path = archive.linkTarget;
      }
      return "";
    });
  }
}

/** The text of the only file in it; empty for anything else. */
async function fileIn({ tar }: ContainerArchive): Promise<string> {
  const entries = ReadableStream.from([tar]).pipeThrough(createTarDecoder());
  for await (const { header, body } of entries) {
    if (header.type === "file") return await new Response(body).text();
    await body.cancel();
  }
  return "";
}
