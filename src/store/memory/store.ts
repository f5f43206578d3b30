/** The store in memory: for tests, and for a server that may forget. */
import { limits } from "../../model/limits.ts";
import type { Api, App, Egress, Namespace, Route, Rule, Trigger } from "../../model/model.ts";
import { toNamedPage, toPage, parseNamedCursor } from "../page.ts";
import { functionInBinding, missing, type Noun, refuse, taken } from "../refusals.ts";
import type {
  Apps,
  GatewayApis,
  Key,
  Keys,
  LimitedNamespace,
  NamedRepository,
  Namespaces,
  Page,
  PageRequest,
  Routes,
  Rules,
  SkipRequest,
  Store,
} from "../store.ts";
import { MemoryActivations } from "./activations.ts";
import { MemoryFunctions } from "./functions.ts";
import { type ChangedDefinition, compareBytes, latestOf } from "./order.ts";
import { type Definition, MemoryRepository } from "./repository.ts";
import { MemoryLayers } from "./layers.ts";
import { MemoryNotes } from "./notes.ts";
import { MemorySchedules } from "./schedules.ts";

export interface MemoryStoreOptions {
  /** How many activations are remembered. */
  readonly activationsMax?: number | undefined;
  /** Revisions of each function that can be gone back to. (Default: 10) */
  readonly revisionsKept?: number | undefined;
}

/** An empty store. */
export function memoryStore(options: MemoryStoreOptions = {}): Store {
  const namespaces = new MemoryNamespaces();
  const inNamespace = (item: Definition) => namespaces.require(item.namespace);

  const triggers = new MemoryNamed<Trigger>({
    noun: "Trigger",
    clash: sameName,
    requireParents: inNamespace,
    cascade: ({ namespace, id }) => schedules.dropOf(namespace, id),
  });
  const schedules = new MemorySchedules((namespace, id) => triggers.has(namespace, id));
  const rules = new MemoryRules({
    noun: "Rule",
    clash: sameName,
    cascade: () => {},
    requireParents: (rule) => requireItem("Trigger", triggers, rule.namespace, rule.triggerId),
  });
  const routes = new MemoryRoutes({
    noun: "Route",
    clash: (one, other) =>
      (one.appId === other.appId && one.source === other.source) || (one.functionId === other.functionId && sameName(one, other)),
    cascade: () => {},
    requireParents(route) {
      requireItem("App", apps, route.namespace, route.appId);
      const fn = functions.find(route.namespace, (item) => item.id === route.functionId);
      if (fn?.appId !== route.appId) throw refuse(missing("Function", route.functionId));
    },
  });
  const functions = new MemoryFunctions(
    {
      noun: "Function",
      clash: (one, other) => one.appId === other.appId && sameName(one, other),
      requireParents(fn) {
        inNamespace(fn);
        if (fn.appId === null) return;
        requireItem("App", apps, fn.namespace, fn.appId);
        const isBinding = apps.all(fn.namespace).some(({ id, binding }) => id === fn.appId && binding !== undefined);
        if (isBinding) throw refuse(functionInBinding(fn.appId));
      },
      cascade(fn) {
        dropAll(routes, fn.namespace, (route) => route.functionId === fn.id);
        notes.drop(fn.namespace, fn.id);
      },
    },
    options.revisionsKept ?? limits.revisionsKept.default,
    (namespace, id) => notes.pinned(namespace, id),
  );
  const notes = new MemoryNotes(functions);
  const apps = new MemoryApps({
    noun: "App",
    clash: sameName,
    requireParents: inNamespace,
    cascade(app) {
      dropAll(functions, app.namespace, (fn) => fn.appId === app.id);
      dropAll(routes, app.namespace, (route) => route.appId === app.id);
    },
  });

  const gatewayApis = new MemoryApis({ noun: "API", clash: sameName, requireParents: inNamespace, cascade: () => {} });

  const activations = new MemoryActivations(options.activationsMax ?? 100_000);
  return {
    namespaces,
    keys: new MemoryKeys(namespaces),
    apps,
    functions,
    notes,
    layers: new MemoryLayers((name) => namespaces.require(name)),
    routes,
    triggers,
    rules,
    schedules,
    gatewayApis,
    activations,
    close: async () => {},
  };
}

function sameName(one: Definition, other: Definition): boolean {
  return one.name === other.name;
}

function requireItem<T extends Definition>(noun: Noun, repository: MemoryRepository<T>, namespace: string, id: string): void {
  if (!repository.has(namespace, id)) throw refuse(missing(noun, id));
}

function dropAll<T extends Definition>(repository: MemoryRepository<T>, namespace: string, test: (item: T) => boolean): void {
  for (const item of repository.all(namespace).filter(test)) repository.drop(item);
}

/** Nouns whose name is unique in their namespace. */
class MemoryNamed<T extends ChangedDefinition> extends MemoryRepository<T> implements NamedRepository<T> {
  async getByName(namespace: string, name: string): Promise<T | undefined> {
    return this.find(namespace, (item) => item.name === name);
  }

  async list(namespace: string, page: PageRequest): Promise<Page<T>> {
    return this.page(namespace, () => true, page);
  }

  async latest(namespace: string, page: SkipRequest): Promise<readonly T[]> {
    return latestOf(this.all(namespace), page);
  }

  async count(namespace: string): Promise<number> {
    return this.all(namespace).length;
  }
}

class MemoryApps extends MemoryNamed<App> implements Apps {
  async latestPublished(namespace: string, page: SkipRequest): Promise<readonly App[]> {
    return latestOf(this.#published(namespace), page);
  }

  async countPublished(namespace: string): Promise<number> {
    return this.#published(namespace).length;
  }

  #published(namespace: string): readonly App[] {
    return this.all(namespace).filter(({ published }) => published === true);
  }
}

class MemoryRules extends MemoryNamed<Rule> implements Rules {
  async ofTrigger(namespace: string, triggerId: string): Promise<readonly Rule[]> {
    const found = this.all(namespace).filter((rule) => rule.triggerId === triggerId);
    return structuredClone(found.toSorted((one, other) => compareBytes(one.id, other.id)));
  }
}

class MemoryApis extends MemoryNamed<Api> implements GatewayApis {
  async names(namespace: string): Promise<readonly string[]> {
    return this.all(namespace).map(({ name }) => name);
  }

  async titled(namespace: string, title: string): Promise<readonly Api[]> {
    const found = this.all(namespace).filter((api) => api.title === title);
    return latestOf(found, { skip: 0, limit: found.length });
  }
}

class MemoryRoutes extends MemoryRepository<Route> implements Routes {
  async getBySource(namespace: string, appId: string, source: string): Promise<Route | undefined> {
    return this.find(namespace, (route) => route.appId === appId && route.source === source);
  }

  async list(namespace: string, appId: string, filter: Parameters<Routes["list"]>[2], page: PageRequest): Promise<Page<Route>> {
    const cursor = parseNamedCursor(page.after);
    const isAfter = (route: Route) => {
      const byName = compareBytes(route.name, cursor.name);
      return byName > 0 || (byName === 0 && cursor.id !== null && compareBytes(route.id, cursor.id) > 0);
    };
    const found = this.all(namespace)
      .filter((route) => route.appId === appId && isAfter(route))
      .filter((route) => filter.functionId === undefined || route.functionId === filter.functionId)
      .filter((route) => filter.name === undefined || route.name === filter.name)
      .toSorted((one, other) => compareBytes(one.name, other.name) || compareBytes(one.id, other.id))
      .slice(0, page.limit + 1);
    return toNamedPage(structuredClone(found), page.limit);
  }
}

class MemoryNamespaces implements Namespaces {
  readonly #byName = new Map<string, Namespace>();
  readonly #limits = new Map<string, LimitedNamespace["limits"]>();

  async create(namespace: Namespace): Promise<void> {
    const clash = [...this.#byName.values()].some((other) => other.id === namespace.id || other.name === namespace.name);
    if (clash) throw refuse(taken("Namespace", namespace.name));
    this.#byName.set(namespace.name, { ...namespace });
  }

  async getByName(name: string): Promise<Namespace | undefined> {
    const found = this.#byName.get(name);
    return structuredClone(found);
  }

  async list(page: PageRequest): Promise<Page<Namespace>> {
    const found = [...this.#byName.values()]
      .filter((namespace) => compareBytes(namespace.name, page.after ?? "") > 0)
      .toSorted((one, other) => compareBytes(one.name, other.name));
    return toPage(structuredClone(found.slice(0, page.limit + 1)), page.limit, (namespace) => namespace.name);
  }

  async setLimits(name: string, given: LimitedNamespace["limits"]): Promise<void> {
    this.require(name);
    if (Object.keys(given).length === 0) this.#limits.delete(name);
    else this.#limits.set(name, { ...given });
  }

  async limited(): Promise<readonly LimitedNamespace[]> {
    const found = [...this.#limits].map(([namespace, given]) => ({ namespace, limits: structuredClone(given) }));
    return found.toSorted((one, other) => compareBytes(one.namespace, other.namespace));
  }

  async setEgress(name: string, egress: Egress | null): Promise<void> {
    this.require(name);
    const { id, createdAt } = this.#byName.get(name) as Namespace;
    this.#byName.set(name, structuredClone({ id, name, createdAt, ...(egress === null ? {} : { egress }) }));
  }

  async withEgress(): Promise<readonly (Namespace & { readonly egress: Egress })[]> {
    const found = [...this.#byName.values()].flatMap((each) =>
      each.egress === undefined ? [] : [{ ...each, egress: each.egress }],
    );
    return structuredClone(found.toSorted((one, other) => compareBytes(one.name, other.name)));
  }

  /** Throws not_found unless it is there. */
  require(name: string): void {
    if (!this.#byName.has(name)) throw refuse(missing("Namespace", name));
  }
}

class MemoryKeys implements Keys {
  readonly #namespaces: MemoryNamespaces;
  readonly #byId = new Map<string, Key>();

  constructor(namespaces: MemoryNamespaces) {
    this.#namespaces = namespaces;
  }

  async create(key: Key): Promise<void> {
    this.#namespaces.require(key.namespace);
    if (this.#byId.has(key.id)) throw refuse(taken("Key", key.id));
    this.#byId.set(key.id, { ...key });
  }

  async get(id: string): Promise<Key | undefined> {
    const found = this.#byId.get(id);
    return found === undefined ? undefined : { ...found };
  }

  async list(namespace: string): Promise<readonly Key[]> {
    const found = [...this.#byId.values()].filter((key) => key.namespace === namespace);
    return structuredClone(found.toSorted((one, other) => compareBytes(one.id, other.id)));
  }

  async remove(namespace: string, id: string): Promise<void> {
    if (this.#byId.get(id)?.namespace !== namespace) throw refuse(missing("Key", id));
    this.#byId.delete(id);
  }
}
