import type { World } from "../lib/world.ts";
import { PlatformError } from "../model/error.ts";
import type { App, Fn, Route } from "../model/model.ts";
import type { Store } from "../store/store.ts";
import { type FunctionReference, revisionIn } from "./invocation.ts";
import { entriesMax, type Entry, type Kept, keyOf, noneKept, remember } from "./kept-definitions.ts";
import { numbered } from "./numbered.ts";
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
  /** By function: a revision that can't be called, and why. */
  readonly #held = new Map<string, { readonly revision: number; readonly refusal: PlatformError }>();

  constructor(store: Store, world: Pick<World, "random">) {
    this.#store = store;
    this.#random = () => world.random();
  }

  /** The definition if it is in memory; where revisions share the calls, one of them by weight. Undefined for one that is held, too. */
  peek(namespace: string, reference: FunctionReference): Definition | undefined {
    const kept = this.#namespaces.get(namespace);
    if (kept === undefined) return undefined;
    const key = keyOf(reference);
    const entry = kept.entries.get(key) ?? (reference.by === "route" ? kept.prefixed.get(key) : undefined);
    const definition = entry === undefined ? undefined : this.#pick(entry);
    return definition === undefined || this.#refusal(definition) !== null ? undefined : definition;
  }

  /** Reads it from the store. Throws `not_found` with `details.what`: app, function, route or revision; and as `hold` was told. */
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
    const definition = this.#pick(entry);
    const refusal = this.#refusal(definition);
    if (refusal !== null) throw refusal;
    return definition;
  }

  /** The first call of this function may come: reads what it will ask for. */
  expect({ namespace, id }: Fn): void {
    // The call is told when that fails.
    this.load(namespace, { by: "id", functionId: id }).catch(() => {});
  }

  /** Whoever asks for this revision of the function gets this error, from now on; null: not any more. */
  hold(functionId: string, revision: number, refusal: PlatformError | null): void {
    if (refusal === null) this.#held.delete(functionId);
    else this.#held.set(functionId, { revision, refusal });
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

  /** Why a call can't have it; null: it can. */
  #refusal({ fn }: Definition): PlatformError | null {
    const held = this.#held.size === 0 ? undefined : this.#held.get(fn.id);
    return held?.revision === fn.revision ? held.refusal : null;
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
    if (wanted !== undefined) return { ...alone, definition: await this.#numbered(await this.#revisionOf(newest, wanted)) };
    const { traffic } = newest.fn;
    if (traffic.length === 0) return alone;
    const shares = await Promise.all(
      traffic.map(async ({ revision, weight }) => ({ definition: await this.#revisionOf(newest, revision), weight })),
    );
    return { definition: newest, shares, weightTotal: traffic.reduce((sum, { weight }) => sum + weight, 0) };
  }

  async #numbered(definition: Definition): Promise<Definition> {
    const { fn, share } = definition;
    const notes = await this.#store.notes.get(share?.provider ?? fn.namespace, fn.id);
    return { ...definition, fn: numbered(fn, notes) };
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

/** Slashes of a path at which a prefix may end. */
const prefixDepthMax = 16;

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

function notShared(namespace: string, name: string): PlatformError {
  const message = `Function ${name} of namespace ${namespace} is not shared with you, or does not exist`;
  return new PlatformError("forbidden", message, { details: { namespace, function: name } });
}

function missing(what: "app" | "function" | "route" | "path" | "revision", name: string): PlatformError {
  const noun = { app: "App", function: "Function", route: "Route", path: "Function with path", revision: "Revision" }[what];
  return new PlatformError("not_found", `${noun} ${name} does not exist`, { details: { what } });
}
