import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { World } from "../../lib/world.ts";

/** Of one function, as many as there can be revisions. */
const pinsMax = 1000;

/** What a revision's image was when it was first looked for, by revision. */
type Pins = Readonly<Record<string, { readonly image: string; readonly digest: string }>>;

/** Tags move; a revision does not: it keeps the digest that its image had. One small file a function. */
export class DigestPins {
  readonly #folder: string;
  readonly #world: World;
  /** Writes of one process take turns. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(folder: string, world: World) {
    this.#folder = folder;
    this.#world = world;
  }

  /** Null: it has none for this image. */
  async find(owner: string, revision: number, image: string): Promise<string | null> {
    const pin = (await this.#read(owner))[String(revision)];
    return pin?.image === image ? pin.digest : null;
  }

  add(owner: string, revision: number, image: string, digest: string): Promise<void> {
    const work = this.#turn.then(() => this.#add(owner, revision, { image, digest }));
    this.#turn = work.catch(() => {});
    return work;
  }

  /** Whose there are. */
  async *owners(): AsyncGenerator<string> {
    const names = await readdir(this.#folder).catch(() => []);
    // What has a dot is being written, or was when a server died.
    for (const name of names) if (!name.includes(".")) yield name;
  }

  remove(owner: string): Promise<void> {
    const work = this.#turn.then(() => rm(this.#file(owner), { force: true }));
    this.#turn = work.catch(() => {});
    return work;
  }

  async #add(owner: string, revision: number, pin: Pins[string]): Promise<void> {
    const pins = Object.entries({ ...(await this.#read(owner)), [String(revision)]: pin });
    const newest = pins.toSorted(([one], [other]) => Number(other) - Number(one)).slice(0, pinsMax);
    const file = this.#file(owner);
    const aside = `${file}.${this.#world.newId()}`;
    await mkdir(this.#folder, { recursive: true });
    await writeFile(aside, JSON.stringify(Object.fromEntries(newest)), { flush: true });
    await rename(aside, file);
  }

  async #read(owner: string): Promise<Pins> {
    try {
      return JSON.parse(await readFile(this.#file(owner), "utf8")) as Pins;
    } catch {
      return {};
    }
  }

  #file(owner: string): string {
    return join(this.#folder, owner.replaceAll(/[^A-Za-z0-9-]/g, "_"));
  }
}
