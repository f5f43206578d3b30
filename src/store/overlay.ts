/** A store with one more namespace, which is read from elsewhere and cannot be changed. */
import { PlatformError } from "../model/error.ts";
import type { App, Fn, Namespace, TrafficShare } from "../model/model.ts";
import type { Apps, Functions, Namespaces, Page, PageRequest, Repository, SkipRequest, Store } from "./store.ts";

/** `name` is read from `shown`, all others, and what belongs to none, from `store`. Lists of namespaces do not have it. */
export function withNamespace(store: Store, name: string, shown: Store): Store {
  return {
    ...store,
    namespaces: new OverlaidNamespaces(store.namespaces, name, shown.namespaces),
    apps: new OverlaidApps(store.apps, name, shown.apps),
    functions: new OverlaidFunctions(store.functions, name, shown.functions),
  };
}

class OverlaidNamespaces implements Namespaces {
  readonly #below: Namespaces;
  readonly #name: string;
  readonly #shown: Namespaces;

  constructor(below: Namespaces, name: string, shown: Namespaces) {
    this.#below = below;
    this.#name = name;
    this.#shown = shown;
  }

  async create(namespace: Namespace): Promise<void> {
    if (namespace.name === this.#name) throw notYours(this.#name);
    await this.#below.create(namespace);
  }

  getByName(name: string): Promise<Namespace | undefined> {
    return (name === this.#name ? this.#shown : this.#below).getByName(name);
  }

  list: Namespaces["list"] = (page) => this.#below.list(page);
  setLimits: Namespaces["setLimits"] = (name, limits) => this.#below.setLimits(name, limits);
  limited: Namespaces["limited"] = () => this.#below.limited();
  setEgress: Namespaces["setEgress"] = (name, egress) => this.#below.setEgress(name, egress);
  withEgress: Namespaces["withEgress"] = () => this.#below.withEgress();
}

/** What apps and functions have in common. */
abstract class Overlaid<T extends { readonly namespace: string }, R extends Repository<T>> implements Repository<T> {
  protected readonly below: R;
  protected readonly name: string;
  protected readonly shown: R;

  constructor(below: R, name: string, shown: R) {
    this.below = below;
    this.name = name;
    this.shown = shown;
  }

  protected at(namespace: string): R {
    return namespace === this.name ? this.shown : this.below;
  }

  /** Where what is in a namespace can be changed. Throws `forbidden`. */
  protected changeable(namespace: string): R {
    if (namespace === this.name) throw notYours(namespace);
    return this.below;
  }

  async create(item: T): Promise<T> {
    return await this.changeable(item.namespace).create(item);
  }

  async update(item: T): Promise<T> {
    return await this.changeable(item.namespace).update(item);
  }

  async remove(namespace: string, id: string): Promise<void> {
    await this.changeable(namespace).remove(namespace, id);
  }

  get(namespace: string, id: string): Promise<T | undefined> {
    return this.at(namespace).get(namespace, id);
  }
}

class OverlaidApps extends Overlaid<App, Apps> implements Apps {
  getByName(namespace: string, name: string): Promise<App | undefined> {
    return this.at(namespace).getByName(namespace, name);
  }

  list(namespace: string, page: PageRequest): Promise<Page<App>> {
    return this.at(namespace).list(namespace, page);
  }

  latest(namespace: string, page: SkipRequest): Promise<readonly App[]> {
    return this.at(namespace).latest(namespace, page);
  }

  latestPublished(namespace: string, page: SkipRequest): Promise<readonly App[]> {
    return this.at(namespace).latestPublished(namespace, page);
  }

  count(namespace: string): Promise<number> {
    return this.at(namespace).count(namespace);
  }

  countPublished(namespace: string): Promise<number> {
    return this.at(namespace).countPublished(namespace);
  }
}

class OverlaidFunctions extends Overlaid<Fn, Functions> implements Functions {
  async setTraffic(namespace: string, id: string, traffic: readonly TrafficShare[]): Promise<void> {
    await this.changeable(namespace).setTraffic(namespace, id, traffic);
  }

  getByName(namespace: string, appId: string | null, name: string): Promise<Fn | undefined> {
    return this.at(namespace).getByName(namespace, appId, name);
  }

  getByPath(namespace: string, appId: string, path: string): Promise<Fn | undefined> {
    return this.at(namespace).getByPath(namespace, appId, path);
  }

  list(namespace: string, appId: string | null, page: PageRequest): Promise<Page<Fn>> {
    return this.at(namespace).list(namespace, appId, page);
  }

  latest(namespace: string, appId: string | null | undefined, page: SkipRequest): Promise<readonly Fn[]> {
    return this.at(namespace).latest(namespace, appId, page);
  }

  count(namespace: string, appId: string | null | undefined): Promise<number> {
    return this.at(namespace).count(namespace, appId);
  }

  newest(namespace: string, limit: number): Promise<readonly Fn[]> {
    return this.at(namespace).newest(namespace, limit);
  }

  revision(namespace: string, id: string, revision: number): Promise<Fn | undefined> {
    return this.at(namespace).revision(namespace, id, revision);
  }

  revisions(namespace: string, id: string, page: PageRequest): Promise<Page<Fn>> {
    return this.at(namespace).revisions(namespace, id, page);
  }

  provisioned(namespace: string | null, page: PageRequest): Promise<Page<Fn>> {
    return this.below.provisioned(namespace, page);
  }

  async usesCode(digest: string, id: string | null): Promise<boolean> {
    return (await this.shown.usesCode(digest, id)) || (await this.below.usesCode(digest, id));
  }

  async exists(id: string): Promise<boolean> {
    return (await this.shown.exists(id)) || (await this.below.exists(id));
  }
}

function notYours(namespace: string): PlatformError {
  return new PlatformError("forbidden", `Namespace ${namespace} belongs to the platform and cannot be changed`);
}
