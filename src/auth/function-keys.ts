import type { World } from "../lib/world.ts";
import type { Key, Keys } from "../store/store.ts";
import { makeKey, type NewKey } from "./keys.ts";

/**
 * Keys that the platform gives to code, which may then act in its own namespace: one for each, made when it is first wanted. They are kept nowhere, as
 * the sandboxes that know them end with this process.
 */
export class FunctionKeys {
  readonly #world: Pick<World, "now">;
  readonly #byNamespace = new Map<string, NewKey>();
  readonly #byId = new Map<string, Key>();

  constructor(world: Pick<World, "now">) {
    this.#world = world;
  }

  /** `<key id>:<secret>`. */
  of(namespace: string): string {
    const known = this.#byNamespace.get(namespace);
    if (known !== undefined) return known.credential;
    const made = makeKey(namespace, this.#world.now());
    this.#byNamespace.set(namespace, made);
    this.#byId.set(made.key.id, made.key);
    return made.credential;
  }

  /** These keys and those of the store. */
  beside(stored: Pick<Keys, "get">): Pick<Keys, "get"> {
    return { get: async (id) => this.#byId.get(id) ?? (await stored.get(id)) };
  }
}
