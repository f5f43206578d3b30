/**
 * A store that tells listeners what is done in it, for the doors: whoever else reads definitions (calls, sandboxes, metrics) has the store
 * itself. As in Fn, the hooks stand around the store, so every door has them.
 */
import { isDeepStrictEqual } from "node:util";
import { PlatformError } from "../model/error.ts";
import type { App, Fn, Route } from "../model/model.ts";
import type { Page, Repository, Store } from "../store/store.ts";
import type { Extension, Listener, Wanted } from "./extensions.ts";
import type { Guard, Point } from "./guard.ts";

type Noun = "apps" | "functions" | "triggers";
type Hook = keyof Listener<App>;

/** The store itself where nobody listens. */
export function listened(store: Store, extensions: readonly Extension[], guard: Guard): Store {
  if (!extensions.some(({ apps, functions, triggers }) => apps ?? functions ?? triggers)) return store;
  return {
    ...store,
    apps: listenedApps(store, new Hooks<App>("apps", extensions, guard)),
    functions: listenedFunctions(store, new Hooks<Fn>("functions", extensions, guard)),
    routes: listenedRoutes(store, new Hooks<Route>("triggers", extensions, guard)),
  };
}

function listenedApps({ apps }: Store, hooks: Hooks<App>): Store["apps"] {
  return {
    ...bound(apps),
    ...changes(apps, hooks),
    getByName: (namespace, name) => hooks.read({ namespace, name }, () => apps.getByName(namespace, name)),
    list: (namespace, page) => hooks.list({ namespace }, () => apps.list(namespace, page)),
    latest: (namespace, page) => skipped(hooks, { namespace }, () => apps.latest(namespace, page)),
    latestPublished: (namespace, page) => skipped(hooks, { namespace }, () => apps.latestPublished(namespace, page)),
  };
}

/** A list that is no page. */
async function skipped<T extends Described>(
  hooks: Hooks<T>,
  wanted: Wanted,
  read: () => Promise<readonly T[]>,
): Promise<readonly T[]> {
  return (await hooks.list(wanted, async () => ({ items: await read(), next: null }))).items;
}

function listenedFunctions({ functions }: Store, hooks: Hooks<Fn>): Store["functions"] {
  return {
    ...bound(functions),
    ...changes(functions, hooks),
    getByName: (namespace, appId, name) =>
      hooks.read({ namespace, appId, name }, () => functions.getByName(namespace, appId, name)),
    getByPath: (namespace, appId, path) => hooks.read({ namespace, appId }, () => functions.getByPath(namespace, appId, path)),
    list: (namespace, appId, page) => hooks.list({ namespace, appId }, () => functions.list(namespace, appId, page)),
    latest: (namespace, appId, page) =>
      skipped(hooks, { namespace, appId: appId ?? null }, () => functions.latest(namespace, appId, page)),
    revision: (namespace, id, revision) => hooks.read({ namespace, id }, () => functions.revision(namespace, id, revision)),
    revisions: (namespace, id, page) => hooks.list({ namespace, id }, () => functions.revisions(namespace, id, page)),
    async setTraffic(namespace, id, traffic) {
      const stored = await functions.get(namespace, id);
      if (stored === undefined) return await functions.setTraffic(namespace, id, traffic);
      const item = await hooks.before("beforeUpdate", { ...stored, traffic }, stored);
      await functions.setTraffic(namespace, id, item.traffic);
      await hooks.after("afterUpdate", { ...stored, traffic: item.traffic });
    },
  };
}

function listenedRoutes({ routes }: Store, hooks: Hooks<Route>): Store["routes"] {
  return {
    ...bound(routes),
    ...changes(routes, hooks),
    getBySource: (namespace, appId, source) =>
      hooks.read({ namespace, appId, source }, () => routes.getBySource(namespace, appId, source)),
    list: (namespace, appId, filter, page) => hooks.list({ namespace, appId }, () => routes.list(namespace, appId, filter, page)),
  };
}

/** A repository as a plain object: what nobody listens to goes straight to it. */
function bound<T extends object>(repository: T): T {
  const methods = new Map<string, unknown>();
  for (let level: object = repository; level !== Object.prototype; level = Object.getPrototypeOf(level) as object) {
    for (const name of Object.getOwnPropertyNames(level)) {
      const member = (repository as Readonly<Record<string, unknown>>)[name];
      if (typeof member === "function" && !methods.has(name)) methods.set(name, member.bind(repository));
    }
  }
  return Object.fromEntries(methods) as T;
}

/** What all repositories have. */
function changes<T extends Described>(repository: Repository<T>, hooks: Hooks<T>): Repository<T> {
  return {
    async create(given) {
      const item = await hooks.before("beforeCreate", given, null);
      const stored = await repository.create(item);
      await hooks.after("afterCreate", stored);
      return stored;
    },
    get: (namespace, id) => hooks.read({ namespace, id }, () => repository.get(namespace, id)),
    async update(given) {
      const before = hooks.hears("beforeUpdate") ? await repository.get(given.namespace, given.id) : undefined;
      const item = await hooks.before("beforeUpdate", given, before ?? null);
      const stored = await repository.update(item);
      await hooks.after("afterUpdate", stored);
      return stored;
    },
    async remove(namespace, id) {
      const hears = hooks.hears("beforeDelete") || hooks.hears("afterDelete");
      const stored = hears ? await repository.get(namespace, id) : undefined;
      if (stored !== undefined) await hooks.before("beforeDelete", stored, null);
      await repository.remove(namespace, id);
      if (stored !== undefined) await hooks.after("afterDelete", stored);
    },
  };
}

/** What a listener may not change. */
interface Described {
  readonly id: string;
  readonly namespace: string;
  readonly name: string;
  readonly revision: number;
}

const fixed = ["id", "namespace", "appId", "name", "revision", "createdAt", "updatedAt"] as const;

/** The listeners of one noun, in the order in which their extensions are named. */
class Hooks<T extends Described> {
  readonly #noun: Noun;
  readonly #listeners: readonly { readonly extension: string; readonly listener: Listener<T> }[];
  readonly #guard: Guard;

  constructor(noun: Noun, extensions: readonly Extension[], guard: Guard) {
    this.#noun = noun;
    this.#guard = guard;
    this.#listeners = extensions.flatMap((extension) => {
      const listener = extension[noun] as Listener<T> | undefined;
      return listener === undefined ? [] : [{ extension: extension.name, listener }];
    });
  }

  hears(hook: Hook): boolean {
    return this.#listeners.some(({ listener }) => listener[hook] !== undefined);
  }

  /** What is to be done in the end: each listener sees what the one before it made of it. */
  async before(hook: "beforeCreate" | "beforeUpdate" | "beforeDelete", given: T, stored: T | null): Promise<T> {
    let item = given;
    for (const { extension, listener } of this.#listeners) {
      if (listener[hook] === undefined) continue;
      const at = this.#point(extension, hook);
      const changed = await this.#guard.ask(at, () => listener[hook]?.(item, stored));
      if (changed !== undefined && hook !== "beforeDelete") item = this.#checked(at, item, changed);
    }
    return item;
  }

  async after(hook: "afterCreate" | "afterUpdate" | "afterDelete", item: T): Promise<void> {
    for (const { extension, listener } of this.#listeners) {
      if (listener[hook] !== undefined) await this.#guard.tell(this.#point(extension, hook), () => listener[hook]?.(item));
    }
  }

  async read(wanted: Wanted, read: () => Promise<T | undefined>): Promise<T | undefined> {
    await this.#wanted("beforeGet", wanted);
    const item = await read();
    if (item === undefined) return item;
    for (const { extension, listener } of this.#listeners) {
      if (listener.afterGet !== undefined)
        await this.#guard.tell(this.#point(extension, "afterGet"), () => listener.afterGet?.(item));
    }
    return item;
  }

  async list(wanted: Wanted, read: () => Promise<Page<T>>): Promise<Page<T>> {
    await this.#wanted("beforeList", wanted);
    const page = await read();
    for (const { extension, listener } of this.#listeners) {
      if (listener.afterList !== undefined)
        await this.#guard.tell(this.#point(extension, "afterList"), () => listener.afterList?.(page.items));
    }
    return page;
  }

  async #wanted(hook: "beforeGet" | "beforeList", wanted: Wanted): Promise<void> {
    for (const { extension, listener } of this.#listeners) {
      if (listener[hook] !== undefined) await this.#guard.ask(this.#point(extension, hook), () => listener[hook]?.(wanted));
    }
  }

  /** What would break others is a fault of the extension: another identity, a missing field, a value of another type. */
  #checked(at: Point, item: T, changed: T): T {
    const fault = faultOf(item, changed);
    if (fault === null) return changed;
    const error = new PlatformError(
      "internal",
      `Extension ${at.extension} gave back what can't be stored at ${at.point}: ${fault}`,
    );
    this.#guard.failed(at, error);
    throw error;
  }

  #point(extension: string, hook: Hook): Point {
    return { extension, point: `${this.#noun}.${hook}` };
  }
}

function faultOf(item: object, changed: unknown): string | null {
  if (typeof changed !== "object" || changed === null) return "it is no object";
  const [before, after] = [item as Readonly<Record<string, unknown>>, changed as Readonly<Record<string, unknown>>];
  const other = fixed.find((field) => !isDeepStrictEqual(before[field], after[field]));
  if (other !== undefined) return `${other} is different`;
  for (const field of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (!isAlike(field, before[field], after[field])) return `${field} is ${JSON.stringify(after[field])?.slice(0, 60)}`;
  }
  return null;
}

/** Only texts may become null and the other way round (`syslogUrl`). Maps keep values that are texts; annotations are JSON texts. */
function isAlike(field: string, before: unknown, after: unknown): boolean {
  if (field === "config" || field === "annotations") return isTextMap(after) && (field === "config" || areJsonTexts(after));
  const kinds = [kindOf(before), kindOf(after)];
  return kinds[0] === kinds[1] || (kinds.includes("null") && kinds.includes("string"));
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}

function isTextMap(value: unknown): value is Readonly<Record<string, string>> {
  return kindOf(value) === "object" && Object.values(value as object).every((text) => typeof text === "string");
}

function areJsonTexts(map: Readonly<Record<string, string>>): boolean {
  return Object.values(map).every((text) => {
    try {
      JSON.parse(text);
      return true;
    } catch {
      return false;
    }
  });
}
