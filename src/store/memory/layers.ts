import type { Layer } from "../../model/layer.ts";
import { toPage } from "../page.ts";
import { refuse, stale } from "../refusals.ts";
import type { Layers, Page, PageRequest } from "../store.ts";
import { compareBytes } from "./order.ts";

/** Layers in a map. */
export class MemoryLayers implements Layers {
  readonly #requireNamespace: (name: string) => void;
  readonly #all = new Map<string, Layer>();

  /** `requireNamespace` throws where there is none of that name. */
  constructor(requireNamespace: (name: string) => void) {
    this.#requireNamespace = requireNamespace;
  }

  async get(namespace: string, name: string): Promise<Layer | undefined> {
    return structuredClone(this.#all.get(keyOf(namespace, name)));
  }

  async put(layer: Layer): Promise<void> {
    const { namespace, name, revision } = layer;
    this.#requireNamespace(namespace);
    const stored = this.#all.get(keyOf(namespace, name))?.revision ?? 0;
    if (stored !== revision - 1) throw refuse(stale("Layer", name, revision));
    this.#all.set(keyOf(namespace, name), structuredClone(layer));
  }

  async list(namespace: string, page: PageRequest): Promise<Page<Layer>> {
    const found = [...this.#all.values()]
      .filter((layer) => layer.namespace === namespace && layer.versions.length > 0)
      .filter(({ name }) => compareBytes(name, page.after ?? "") > 0)
      .toSorted((one, other) => compareBytes(one.name, other.name));
    return toPage(structuredClone(found.slice(0, page.limit + 1)), page.limit, ({ name }) => name);
  }

  async usesCode(digest: string): Promise<boolean> {
    return [...this.#all.values()].some(({ versions }) => versions.some((version) => version.digest === digest));
  }
}

function keyOf(namespace: string, name: string): string {
  return `${namespace}\n${name}`;
}
