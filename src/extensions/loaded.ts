import type { Framework } from "../http/framework.ts";
import type { FastRoute } from "../http/http.ts";
import type { CallHooks } from "../invocation/invocation.ts";
import type { Activation } from "../model/model.ts";
import type { Placement } from "../scheduler/scheduler.ts";
import type { Store } from "../store/store.ts";
import { callHooks, recordHook } from "./calls.ts";
import { type EndpointParts, registerEndpoints } from "./endpoints.ts";
import type { Extension } from "./extensions.ts";
import { Guard } from "./guard.ts";
import { listened } from "./listeners.ts";
import { type LoadParts, loadExtensions } from "./load.ts";
import { guardFramework, guardRoutes } from "./middleware.ts";
import { chosen, chosenPlacement, type Ports, type ShownUrls, shownUrls } from "./ports.ts";

export interface OpenParts extends LoadParts {
  /** The longest that a hook is waited for, in ms. */
  readonly limitMs: number;
}

/** The extensions of a server, as whoever assembles it sees them: each method gives back what it was given where no extension has a say. */
export class LoadedExtensions {
  readonly #extensions: readonly Extension[];
  readonly #guard: Guard;
  /** Undefined: no extension wants to see calls, or hear of their records. */
  readonly hooks: CallHooks | undefined;
  readonly #recorded: ((record: Activation) => void) | undefined;
  /** Undefined: no extension has a say. */
  readonly urls: ShownUrls | undefined;

  private constructor(extensions: readonly Extension[], guard: Guard) {
    this.#extensions = extensions;
    this.#guard = guard;
    this.hooks = callHooks(extensions, guard);
    this.#recorded = recordHook(extensions, guard);
    this.urls = shownUrls(extensions, guard);
  }

  /** Throws `invalid` naming the first that cannot be used. */
  static async open(names: readonly string[], parts: OpenParts): Promise<LoadedExtensions> {
    const extensions = await loadExtensions(names, parts);
    for (const { name } of extensions) parts.logger.info("An extension is loaded", { extension: name });
    return new LoadedExtensions(extensions, new Guard(parts));
  }

  chosen<Kind extends keyof Ports>(kind: Kind, own: () => Ports[Kind] | Promise<Ports[Kind]>): Promise<Ports[Kind]> {
    return chosen(kind, this.#extensions, own);
  }

  /** The store as doors are to see it. */
  listened(store: Store): Store {
    return listened(store, this.#extensions, this.#guard);
  }

  placement(own: Placement): Placement {
    return chosenPlacement(this.#extensions, own, this.#guard);
  }

  heard(own: (record: Activation) => void): (record: Activation) => void {
    const recorded = this.#recorded;
    if (recorded === undefined) return own;
    return (record) => {
      own(record);
      recorded(record);
    };
  }

  /** Before doors register their routes. */
  guardFramework(framework: Framework): void {
    guardFramework(framework, this.#extensions, this.#guard);
  }

  guardRoutes(routes: readonly FastRoute[]): readonly FastRoute[] {
    return guardRoutes(routes, this.#extensions, this.#guard);
  }

  /** Throws `invalid` for a path that is taken. */
  registerEndpoints(parts: Omit<EndpointParts, "guard">): void {
    registerEndpoints(this.#extensions, { ...parts, guard: this.#guard });
  }

  /** The last one first. Never rejects. */
  async close(): Promise<void> {
    for (const extension of this.#extensions.toReversed())
      await this.#guard.tell({ extension: extension.name, point: "close" }, () => extension.close?.());
  }
}
