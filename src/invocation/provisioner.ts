import type { Agent } from "../agent/agent.ts";
import type { Provisioned } from "../agent/provisions.ts";
import type { World } from "../lib/world.ts";
import { limits } from "../model/limits.ts";
import { type FnNotes, provisionedRevisions } from "../model/fn-notes.ts";
import type { Fn } from "../model/model.ts";
import type { Store } from "../store/store.ts";
import { numbered } from "./numbered.ts";
import { withAppParameters } from "./shared-app.ts";

export interface ProvisionerParts {
  readonly world: World;
  readonly store: {
    readonly apps: Pick<Store["apps"], "get">;
    readonly functions: Pick<Store["functions"], "provisioned" | "get" | "revision">;
    readonly notes: Pick<Store["notes"], "provisioned">;
  };
  readonly agent: Pick<Agent, "provision">;
  /** Hears that the store could not be read; it is read again. */
  warn(sentence: string, error: unknown): void;
}

const againMs = 1000;

/**
 * Tells the agent which functions keep sandboxes ready: all of them at the start, those of a namespace after a change in it. One reading at a
 * time, and what changed meanwhile is read once more, so that the agent's last word is what is stored.
 */
export class Provisioner {
  readonly #parts: ProvisionerParts;
  /** To be read; null stands for all. */
  readonly #stale = new Set<string | null>();
  #reading: Promise<void> | null = null;
  #againOff: (() => void) | null = null;
  #closed = false;

  constructor(parts: ProvisionerParts) {
    this.#parts = parts;
  }

  /** What was stored before this process began. */
  start(): void {
    this.#readLater(null);
  }

  /** Something in this namespace was created, updated or deleted. */
  changed(namespace: string): void {
    this.#readLater(namespace);
  }

  /** Resolves when nothing is read any more. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#againOff?.();
    await this.#reading;
  }

  #readLater(namespace: string | null): void {
    this.#stale.add(namespace);
    if (this.#closed || this.#reading !== null) return;
    this.#reading = this.#readAll().finally(() => {
      this.#reading = null;
    });
  }

  async #readAll(): Promise<void> {
    for (const namespace of this.#stale) {
      this.#stale.delete(namespace);
      if (this.#closed) return;
      try {
        await this.#read(namespace);
      } catch (error) {
        this.#parts.warn("Functions that keep sandboxes ready could not be read; trying again", error);
        this.#againOff?.();
        this.#againOff = this.#parts.world.after(againMs, () => this.#readLater(namespace));
      }
    }
  }

  async #read(namespace: string | null): Promise<void> {
    const found = new Map<string, Provisioned[]>(namespace === null ? [] : [[namespace, []]]);
    let after: string | undefined;
    do {
      const page = await this.#parts.store.functions.provisioned(namespace, { after, limit: limits.listPage.max });
      for (const fn of page.items) {
        const all = found.get(fn.namespace) ?? [];
        found.set(fn.namespace, all);
        all.push(...(await this.#revisionsOf(fn)));
      }
      after = page.next ?? undefined;
    } while (after !== undefined);
    await this.#readVersions(namespace, found);
    if (!this.#closed) for (const [name, wanted] of found) this.#parts.agent.provision(name, wanted);
  }

  /** Those of versions and aliases are kept beside. */
  async #readVersions(namespace: string | null, found: Map<string, Provisioned[]>): Promise<void> {
    let after: string | undefined;
    do {
      const page = await this.#parts.store.notes.provisioned(namespace, { after, limit: limits.listPage.max });
      for (const notes of page.items) {
        const all = found.get(notes.namespace) ?? [];
        found.set(notes.namespace, all);
        all.push(...(await this.#versionsOf(notes)));
      }
      after = page.next ?? undefined;
    } while (after !== undefined);
  }

  async #versionsOf(notes: FnNotes): Promise<Provisioned[]> {
    const { apps, functions } = this.#parts.store;
    const { namespace, functionId } = notes;
    const newest = await functions.get(namespace, functionId);
    const app = newest?.appId == null ? null : await apps.get(namespace, newest.appId);
    // It was deleted meanwhile.
    if (newest === undefined || app === undefined) return [];
    const versions: Provisioned[] = [];
    for (const [revision, count] of provisionedRevisions(notes)) {
      const fn = revision === newest.revision ? newest : await functions.revision(namespace, functionId, revision);
      if (fn === undefined) continue;
      const called = numbered(withAppParameters(fn, app), notes);
      versions.push({ fn: called, app, count: Math.min(count, fn.sandboxesMax) });
    }
    return versions;
  }

  /** The revisions that get the function's calls share its sandboxes as they share the calls. */
  async #revisionsOf(fn: Fn): Promise<Provisioned[]> {
    const { apps, functions } = this.#parts.store;
    const app = fn.appId === null ? null : await apps.get(fn.namespace, fn.appId);
    // It was deleted meanwhile, with its functions.
    if (app === undefined) return [];
    if (fn.traffic.length === 0) return [{ fn: withAppParameters(fn, app), app, count: fn.provisioned }];
    const sum = fn.traffic.reduce((all, { weight }) => all + weight, 0);
    const shares: Provisioned[] = [];
    for (const { revision, weight } of fn.traffic) {
      const called = revision === fn.revision ? fn : await functions.revision(fn.namespace, fn.id, revision);
      const count = Math.ceil((fn.provisioned * weight) / sum);
      if (called !== undefined)
        shares.push({ fn: withAppParameters(called, app), app, count: Math.min(count, called.sandboxesMax) });
    }
    return shares;
  }
}
