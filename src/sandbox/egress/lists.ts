/**
 * The lists of `HOST:PORT` that sandboxes are limited to. Sandboxes with the same list share a group, and what the packet filter
 * lets through for that group: the addresses that the list's names were resolved to, by us, of late.
 */
import { isIP } from "node:net";
import type { World } from "../../lib/world.ts";
import { gateway } from "./addresses.ts";
import { platformName, platformPort } from "./egress.ts";

/** Names are resolved again this often; an address that no answer has held for `keptMs` is taken away. */
const againMs = 60_000;
const keptMs = 15 * 60_000;
const addressesMax = 1024;

/** Where the lists act: the packet filter and the resolvers. */
export interface ListActs {
  /** Carries out lines of nft at once. */
  readonly filter: (lines: readonly string[]) => Promise<void>;
  readonly resolve: (name: string) => Promise<readonly string[]>;
  /** Whether anybody may go to this address at all. */
  readonly mayReach: (address: string) => boolean;
}

/** What one list allows. */
export class AllowList {
  /** Of the interfaces of its sandboxes; never 0, which is for all without a list. */
  readonly group: number;
  readonly hasPlatform: boolean;
  /** Besides its entries it allows what everybody may reach who has no list. */
  readonly hasInternet: boolean;
  readonly #ports = new Map<string, number[]>();
  /** When each element of the filter was last confirmed. */
  readonly #elements = new Map<string, number>();
  readonly #acts: ListActs;
  readonly #world: World;
  users = 0;

  constructor(group: number, entries: readonly string[], acts: ListActs, world: World) {
    this.group = group;
    this.#acts = acts;
    this.#world = world;
    this.hasPlatform = entries.includes("platform");
    this.hasInternet = entries.includes("internet");
    for (const entry of entries) {
      if (entry === "platform" || entry === "internet") continue;
      const colon = entry.lastIndexOf(":");
      const host = plainHost(entry.slice(0, colon).replace(/^\[|\]$/g, ""));
      this.#ports.set(host, [...(this.#ports.get(host) ?? []), Number(entry.slice(colon + 1))]);
    }
  }

  /** Whether the name may be asked for. */
  has(name: string): boolean {
    return this.#ports.has(name) && isIP(name) === 0;
  }

  /** Lines for the filter that the list begins with: addresses that are written in it, the platform, and the internet. */
  firstLines(): string[] {
    const literals = [...this.#ports].filter(([host]) => isIP(host) !== 0).flatMap(([host, ports]) => this.#lines(host, ports));
    const platform = this.hasPlatform ? this.#confirm(gateway, platformPort, Number.POSITIVE_INFINITY) : [];
    const internet = this.hasInternet ? this.#add(`inet kiln open { ${this.group} }`, Number.POSITIVE_INFINITY) : [];
    return [...literals, ...platform, ...internet];
  }

  /** The name has these addresses; resolves when they can be connected to. */
  async learn(name: string, addresses: readonly string[]): Promise<void> {
    const ports = this.#ports.get(name) ?? [];
    await this.#acts.filter(addresses.flatMap((address) => this.#lines(address, ports)));
  }

  /** Asks for all names again, and takes away what has not been an answer for long. */
  async refresh(): Promise<void> {
    for (const name of this.#ports.keys()) {
      if (isIP(name) === 0) await this.learn(name, await this.#acts.resolve(name));
    }
    const before = this.#world.monotonic() - keptMs;
    const old = [...this.#elements].filter(([, confirmedAt]) => confirmedAt < before).map(([element]) => element);
    await this.#remove(old);
  }

  async clear(): Promise<void> {
    await this.#remove([...this.#elements.keys()]);
  }

  #lines(address: string, ports: readonly number[]): string[] {
    if (!this.#acts.mayReach(address)) return [];
    // What is written in the list itself stays.
    const confirmedAt = this.#ports.has(address) ? Number.POSITIVE_INFINITY : this.#world.monotonic();
    return ports.flatMap((port) => this.#confirm(address, port, confirmedAt));
  }

  #confirm(address: string, port: number, confirmedAt: number): string[] {
    return this.#add(
      `inet kiln ${isIP(address) === 4 ? "allowed4" : "allowed6"} { ${this.group} . ${address} . ${port} }`,
      confirmedAt,
    );
  }

  #add(element: string, confirmedAt: number): string[] {
    const isNew = !this.#elements.has(element);
    if (isNew && this.#elements.size >= addressesMax) return [];
    this.#elements.set(element, confirmedAt);
    return isNew ? [`add element ${element}`] : [];
  }

  async #remove(elements: readonly string[]): Promise<void> {
    for (const element of elements) this.#elements.delete(element);
    await this.#acts.filter(elements.map((element) => `delete element ${element}`));
  }
}

/** All lists in use. */
export class AllowLists {
  readonly #acts: ListActs;
  readonly #world: World;
  readonly #lists = new Map<string, AllowList>();
  #nextGroup = 1;
  #callOff: (() => void) | null = null;

  constructor(acts: ListActs, world: World) {
    this.#acts = acts;
    this.#world = world;
  }

  /** The list with these entries, for one more sandbox; its first lines are new when nobody had it before. */
  use(entries: readonly string[]): { list: AllowList; lines: readonly string[] } {
    const key = JSON.stringify(entries.toSorted());
    const known = this.#lists.get(key);
    const list = known ?? new AllowList(this.#nextGroup++, entries, this.#acts, this.#world);
    this.#lists.set(key, list);
    list.users += 1;
    this.#callOff ??= this.#world.after(againMs, () => void this.#refresh());
    return { list, lines: known === undefined ? list.firstLines() : [] };
  }

  close(): void {
    this.#callOff?.();
  }

  /** A list that nobody has used since the last time goes. */
  async #refresh(): Promise<void> {
    for (const [key, list] of this.#lists) {
      const isUnused = list.users === 0;
      if (isUnused) this.#lists.delete(key);
      await (isUnused ? list.clear() : list.refresh()).catch(() => {});
    }
    this.#callOff = this.#lists.size === 0 ? null : this.#world.after(againMs, () => void this.#refresh());
  }
}

/** Names in lower case, IPv6 addresses in their one plain form, which the packet filter can read too. */
function plainHost(host: string): string {
  const isPlainAddress = isIP(host) === 6 && !host.includes("%");
  return isPlainAddress ? new URL(`http://[${host}]/`).hostname.slice(1, -1) : host.toLowerCase();
}

/** Whether a name means the platform to a sandbox with this list. */
export function isPlatform(name: string, list: AllowList): boolean {
  return list.hasPlatform && name === platformName;
}
