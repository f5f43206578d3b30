import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { World } from "../../lib/world.ts";
import { isOfDeadOwner, isOfLivingOwner, ownedName } from "../spawner/owner.ts";
import type { ContainerSummary, DockerEngine } from "./engine.ts";
import { isAway } from "./engine-error.ts";
import { findGroups } from "./groups.ts";

const labels = {
  server: "polykiln.server",
  owner: "polykiln.owner",
  name: "polykiln.name",
  sandbox: "polykiln.sandbox",
} as const;

interface OwnOptions {
  readonly world: World;
  readonly engine: DockerEngine;
  readonly warn: (message: string, fields: Readonly<Record<string, unknown>>) => void;
  /** Keeps the name by which this server's containers are known again. */
  readonly idFile: string;
}

/** What the engine calls the container of this name. */
export const containerName = (name: string): string => `polykiln-${name}`;

/** The containers of this server by their labels, and the removal of those that nobody knows any more. */
export class OwnContainers {
  readonly #options: OwnOptions;
  readonly #engine: DockerEngine;
  readonly #server: string;
  readonly #owner: string;
  /** Those that are being made, live, or are being removed. */
  readonly #names = new Set<string>();

  constructor(options: OwnOptions) {
    this.#options = options;
    this.#engine = options.engine;
    this.#server = serverName(options);
    this.#owner = ownedName(this.#server);
  }

  /** The label that all have, as the engine takes it to choose by. */
  get filter(): string {
    return `${labels.server}=${this.#server}`;
  }

  /** A new folder in `below` for what containers share with this server, whose former ones there, which it left when it was killed, go. */
  makeFolder(below: string): string {
    const prefix = `kiln-${this.#server.slice(-10)}-`;
    for (const name of readdirSync(below))
      if (name.startsWith(prefix)) rmSync(join(below, name), { recursive: true, force: true });
    const folder = mkdtempSync(join(below, prefix));
    chmodSync(folder, 0o711);
    return folder;
  }

  /** Known until it is forgotten. */
  newName(): string {
    const name = this.#options.world.newId().toLowerCase();
    this.#names.add(name);
    return name;
  }

  forget(name: string): void {
    this.#names.delete(name);
  }

  labels(sandbox: string, name: string): Readonly<Record<string, string>> {
    return { [labels.server]: this.#server, [labels.owner]: this.#owner, [labels.name]: name, [labels.sandbox]: sandbox };
  }

  /** Runs `work` on a container of an image that is not started, and removes it. */
  async withUnstarted<T>(image: string, work: (container: string) => Promise<T>): Promise<T> {
    const name = this.newName();
    const config = { Image: image, Entrypoint: ["never"], Cmd: [], HostConfig: { NetworkMode: "none" } };
    try {
      const id = await this.#engine.create(containerName(name), { ...config, Labels: this.labels("files", name) });
      try {
        return await work(id);
      } finally {
        await this.#engine.remove(id).catch(() => {});
      }
    } finally {
      this.forget(name);
    }
  }

  /** Containers of this server that nobody knows any more, and of dead ones. */
  async sweep(): Promise<void> {
    for (const container of await this.#engine.list(labels.server)) {
      if (this.#isLeft(container)) await this.#remove(container);
    }
  }

  #isLeft({ Labels }: ContainerSummary): boolean {
    const { [labels.owner]: owner = "", [labels.name]: name = "" } = Labels;
    if (Labels[labels.server] !== this.#server) return isOfDeadOwner(owner);
    // Another process with this name runs on a copy of the data.
    return owner === this.#owner ? !this.#names.has(name) : !isOfLivingOwner(owner);
  }

  /** What is paused, or was frozen by a server that is gone, would not die. */
  async #remove({ Id, State }: ContainerSummary): Promise<void> {
    try {
      const { State: now } = await this.#engine.inspect(Id);
      if (now.Pid > 0) findGroups(Id, now.Pid)?.kill();
      if (State === "paused") await this.#engine.unpause(Id).catch(() => {});
      await this.#engine.remove(Id);
    } catch (error) {
      if (isAway(error)) throw error;
      this.#options.warn("A container of a dead server could not be removed", { reason: String(error) });
    }
  }
}

/** The same for all servers that ran on these data, one after the other. */
function serverName({ idFile, world }: OwnOptions): string {
  try {
    const known = readFileSync(idFile, "utf8").trim();
    if (/^[0-9a-z]{26}$/.test(known)) return known;
  } catch {
    // The first one.
  }
  const name = world.newId().toLowerCase();
  writeFileSync(idFile, `${name}\n`, { mode: 0o600 });
  return name;
}
