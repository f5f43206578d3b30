import type { World } from "../lib/world.ts";
import { PlatformError } from "../model/error.ts";
import type { App, Fn, Route } from "../model/model.ts";
import type { Store } from "../store/store.ts";
import { type FunctionReference, revisionIn } from "./invocation.ts";
import { type Share, sharedApp, type SharedApp, sharedFn, withAppParameters } from "./shared-app.ts";

/** What a call needs to know before it can run. */
export interface Definition {
  readonly fn: Fn;
  readonly app: App | null;
  readonly route: Route | null;
  /** Absent: a function of the namespace itself, called by its own name. */
  readonly share?: Share | undefined;
  /** What a call overrider said for placement; absent from what is kept here. */
  readonly extensions?: Readonly<Record<string, string>> | undefined;
}

/** What is kept under a reference: the definition, or those that share its calls. */
interface Entry {
  readonly definition: Definition;
  readonly shares: readonly { readonly definition: Definition; readonly weight: number }[];
  readonly weightTotal: number;
}

/** Of one namespace, as of one moment. */
interface Kept {
  readonly entries: Map<string, Entry>;
  /** The entries of each function. */
  readonly keys: Map<string, Set<string>>;
  /** How often something in it changed: what was begun to be read before may be old. */
  changes: number;
  /** Under paths below a route's prefix: there are as many as callers make up, and they must not push out the others. */
  readonly prefixed: Map<string, Entry>;
  /** By id, so that the first call of a function whose app was called before reads one row. */
  readonly apps: Map<string, App>;
}

/** Entries of one namespace that are kept; beyond it the oldest goes. */
const entriesMax = 10_000;
const prefixedMax = 1000;
/** Slashes of a path at which a prefix may end. */
const prefixDepthMax = 16;

/**
 * Functions as the invocation path sees them: read from the store once, then from memory until `changed` says otherwise, so
 * that a hot call never waits for the store. A definition read before a change and arriving after it is not kept.
 */
export class Definitions {
  readonly #store: Store;
  readonly #random: () => number;
  readonly #namespaces = new Map<string, Kept>();
  /** By namespace, those that have something of its in memory, or are about to. */
  readonly #borrowers = new Map<string, Set<string>>();

  constructor(store: Store, world: Pick<World, "random">) {
    this.#store = store;
    this.#random = () => world.random();
  }

  /** The definition if it is in memory; where revisions share the calls, one of them by weight. */
  peek(namespace: string, reference: FunctionReference): Definition | undefined {
    const kept = this.#namespaces.get(namespace);
    if (kept === undefined) return undefined;
    const key = keyOf(reference);
    const entry = kept.entries.get(key) ?? (reference.by === "route" ? kept.prefixed.get(key) : undefined);
    return entry === undefined ? undefined : this.#pick(entry);
  }

  /** Reads it from the store. Throws `not_found` with `details.what`: app, function, route or revision. */
  async load(namespace: string, reference: FunctionReference): Promise<Definition> {
    const kept = this.#namespaces.get(namespace) ?? noneKept();
    this.#namespaces.set(namespace, kept);
    const { changes } = kept;
    let entry: Entry;
    try {
      entry = await this.#entryOf(await this.#read(namespace, reference, kept), reference);
    } catch (error) {
      // Names that callers make up must not fill the memory.
      if (kept.entries.size === 0 && this.#namespaces.get(namespace) === kept) this.#namespaces.delete(namespace);
      throw error;
    }
    // Something changed meanwhile: this one may be old, use it once only.
    if (this.#namespaces.get(namespace) === kept && kept.changes === changes) remember(kept, reference, entry);
    return this.#pick(entry);
  }

  /** The first call of this function may come: reads what it will ask for. */
  expect({ namespace, id }: Fn): void {
    // The call is told when that fails.
    this.load(namespace, { by: "id", functionId: id }).catch(() => {});
  }

  /** Something in this namespace was created, updated or deleted: this function with what leads to it, or (null) anything. */
  changed(namespace: string, functionId: string | null = null): void {
    for (const borrower of this.#borrowers.get(namespace) ?? []) this.#namespaces.delete(borrower);
    this.#borrowers.delete(namespace);
    if (functionId === null) {
      this.#namespaces.delete(namespace);
      return;
    }
    const kept = this.#namespaces.get(namespace);
    if (kept === undefined) return;
    kept.changes++;
    kept.prefixed.clear();
    for (const key of kept.keys.get(functionId) ?? []) kept.entries.delete(key);
    kept.keys.delete(functionId);
  }

  /** Callers make up names of namespaces. */
  #forgetBorrowed(): void {
    for (const borrowers of this.#borrowers.values()) for (const borrower of borrowers) this.#namespaces.delete(borrower);
    this.#borrowers.clear();
  }

  #pick({ definition, shares, weightTotal }: Entry): Definition {
    if (shares.length === 0) return definition;
    let left = this.#random() * weightTotal;
    for (const share of shares) {
      left -= share.weight;
      if (left < 0) return share.definition;
    }
    return definition;
  }

  async #entryOf(newest: Definition, reference: FunctionReference): Promise<Entry> {
    const alone = { definition: newest, shares: [], weightTotal: 0 };
    const wanted = revisionIn(reference) ?? undefined;
    if (wanted !== undefined) return { ...alone, definition: await this.#revisionOf(newest, wanted) };
    const { traffic } = newest.fn;
    if (traffic.length === 0) return alone;
    const shares = await Promise.all(
      traffic.map(async ({ revision, weight }) => ({ definition: await this.#revisionOf(newest, revision), weight })),
    );
    return { definition: newest, shares, weightTotal: traffic.reduce((sum, { weight }) => sum + weight, 0) };
  }

  async #revisionOf(newest: Definition, revision: number): Promise<Definition> {
    const { fn, share } = newest;
    if (revision === fn.revision) return newest;
    const older = await this.#store.functions.revision(share?.provider ?? fn.namespace, fn.id, revision);
    if (older === undefined) throw missing("revision", `${revision} of function ${fn.name}`);
    // What the app and a binding add is in the newest already.
    const { namespace, variant } = fn;
    const { parameters } = withAppParameters(older, newest.app);
    return { ...newest, fn: { ...older, namespace, parameters, ...(variant === undefined ? {} : { variant }) } };
  }

  async #read(namespace: string, reference: FunctionReference, kept: Kept): Promise<Definition> {
    switch (reference.by) {
      case "id": {
        const { functionId, share } = reference;
        if (share !== undefined) return await this.#shared(namespace, functionId, share);
        const fn = await this.#store.functions.get(namespace, functionId);
        if (fn === undefined) throw missing("function", functionId);
        const app = await this.#appOf(fn, kept);
        return { fn: withAppParameters(fn, app), app, route: null };
      }
      case "name":
        return await this.#named(namespace, reference);
      case "path": {
        const app = await this.#appNamed(namespace, reference.app);
        const fn = await this.#store.functions.getByPath(namespace, app.id, reference.path);
        if (fn === undefined) throw missing("path", reference.path);
        return { fn: withAppParameters(fn, app), app, route: null };
      }
      case "route": {
        const app = await this.#appNamed(namespace, reference.app);
        const route = await this.#routeAt(app, reference.source);
        if (route === undefined) throw missing("route", reference.source);
        const fn = await this.#store.functions.get(namespace, route.functionId);
        if (fn === undefined) throw missing("function", route.functionId);
        return { fn: withAppParameters(fn, app), app, route };
      }
    }
  }

  async #named(
    namespace: string,
    { app: appName, name, provider = namespace }: Extract<FunctionReference, { by: "name" }>,
  ): Promise<Definition> {
    const { apps, functions } = this.#store;
    if (appName === null) {
      if (provider !== namespace) throw notShared(provider, name);
      const fn = await functions.getByName(namespace, null, name);
      if (fn === undefined) throw missing("function", name);
      return { fn, app: null, route: null };
    }
    const found = await sharedApp(apps, namespace, provider, appName, (owner) => this.#borrow(namespace, owner));
    const fn = await functions.getByName(found.app.namespace, found.app.id, name);
    if (fn === undefined) throw missing("function", name);
    return { ...sharedFn(fn, found, namespace), route: null };
  }

  /** A call that was accepted: its binding may be gone meanwhile. */
  async #shared(namespace: string, functionId: string, { provider = namespace, binding }: Share): Promise<Definition> {
    const { apps, functions } = this.#store;
    this.#borrow(namespace, provider);
    const fn = await functions.get(provider, functionId);
    const app = fn?.appId == null ? undefined : await apps.get(provider, fn.appId);
    if (fn === undefined || app === undefined) throw missing("function", functionId);
    const through = binding === undefined ? undefined : await apps.getByName(namespace, binding);
    const found: SharedApp = { app, binding: through?.binding === undefined ? null : through };
    return { ...sharedFn(fn, found, namespace), route: null };
  }

  /** Whatever changes in `owner` from now on changes what is read for `namespace`. */
  #borrow(namespace: string, owner: string): void {
    if (owner === namespace) return;
    if (this.#borrowers.size >= entriesMax) this.#forgetBorrowed();
    const borrowers = this.#borrowers.get(owner) ?? new Set();
    borrowers.add(namespace);
    this.#borrowers.set(owner, borrowers);
  }

  /** The route of that very source; else the one with the longest prefix that it begins with: `/api/*` is all below `/api/`. */
  async #routeAt({ namespace, id }: App, source: string): Promise<Route | undefined> {
    const { routes } = this.#store;
    const exact = await routes.getBySource(namespace, id, source);
    if (exact !== undefined) return exact;
    for (const prefix of prefixesOf(source)) {
      const found = await routes.getBySource(namespace, id, prefix);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  async #appNamed(namespace: string, name: string): Promise<App> {
    const app = await this.#store.apps.getByName(namespace, name);
    if (app === undefined) throw missing("app", name);
    return app;
  }

  async #appOf(fn: Fn, { apps }: Kept): Promise<App | null> {
    if (fn.appId === null) return null;
    const known = apps.get(fn.appId) ?? (await this.#store.apps.get(fn.namespace, fn.appId));
    if (known === undefined) return null;
    if (apps.size >= entriesMax) apps.clear();
    apps.set(known.id, known);
    return known;
  }
}

function noneKept(): Kept {
  return { entries: new Map(), keys: new Map(), changes: 0, prefixed: new Map(), apps: new Map() };
}

/** Sources of routes that would take this path by a prefix, the longest first. */
function prefixesOf(path: string): string[] {
  const prefixes: string[] = [];
  let slash = path.indexOf("/");
  while (slash >= 0 && prefixes.length < prefixDepthMax) {
    prefixes.unshift(`${path.slice(0, slash + 1)}*`);
    slash = path.indexOf("/", slash + 1);
  }
  return prefixes;
}

function remember(kept: Kept, reference: FunctionReference, entry: Entry): void {
  const { entries, keys, prefixed } = kept;
  const key = keyOf(reference);
  if (reference.by === "route" && entry.definition.route?.source !== reference.source) {
    if (prefixed.size >= prefixedMax) prefixed.clear();
    prefixed.set(key, entry);
    return;
  }
  const [oldest] = entries.size >= entriesMax ? entries : [];
  if (oldest !== undefined) {
    entries.delete(oldest[0]);
    forget(keys, oldest[1].definition.fn.id, oldest[0]);
  }
  entries.set(key, entry);
  const { id } = entry.definition.fn;
  const known = keys.get(id);
  if (known === undefined) keys.set(id, new Set([key]));
  else known.add(key);
}

function forget(keys: Map<string, Set<string>>, functionId: string, key: string): void {
  const known = keys.get(functionId);
  known?.delete(key);
  if (known?.size === 0) keys.delete(functionId);
}

function keyOf(reference: FunctionReference): string {
  switch (reference.by) {
    case "id": {
      const { functionId, revision, share } = reference;
      const key = revision === undefined ? functionId : `${functionId}\n${revision}`;
      return share === undefined ? key : `s\n${share.provider ?? ""}\n${share.binding ?? ""}\n${key}`;
    }
    case "name":
      if (reference.provider !== undefined)
        return `f\n${reference.provider}\n${reference.app ?? ""}\n${reference.name}\n${reference.revision ?? ""}`;
      return `n\n${reference.app ?? ""}\n${reference.app === null ? "" : "a"}\n${reference.name}${reference.revision === undefined ? "" : `\n${reference.revision}`}`;
    case "route":
      return `r\n${reference.app}\n${reference.source}`;
    case "path":
      return `p\n${reference.app}\n${reference.path}`;
  }
}

function notShared(namespace: string, name: string): PlatformError {
  const message = `Function ${name} of namespace ${namespace} is not shared with you, or does not exist`;
  return new PlatformError("forbidden", message, { details: { namespace, function: name } });
}

function missing(what: "app" | "function" | "route" | "path" | "revision", name: string): PlatformError {
  const noun = { app: "App", function: "Function", route: "Route", path: "Function with path", revision: "Revision" }[what];
  return new PlatformError("not_found", `${noun} ${name} does not exist`, { details: { what } });
}
