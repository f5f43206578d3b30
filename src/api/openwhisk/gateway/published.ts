/** The APIs of namespaces as they are served: read from the store once, then from memory until something changes. */
import { parseJson } from "../../../http/json.ts";
import type { GatewayApis } from "../../../store/store.ts";
import { type CompiledApi, compileApi } from "./compile.ts";
import type { ApiDocument } from "./document.ts";
import { basePathSegmentsMax } from "./given.ts";

/** Of documents, all together: beyond it what was read first is forgotten. What is made of one may take forty times as much. */
const documentCharactersMax = 8 * 1024 * 1024;
const namespacesMax = 10_000;

/** One namespace as of one moment: after a change there is another one. */
export class NamespaceApis {
  readonly #store: GatewayApis;
  readonly #namespace: string;
  readonly #names: ReadonlySet<string>;
  readonly #compiled = new Map<string, CompiledApi>();
  readonly #grew: (characters: number) => void;
  characters = 0;

  constructor(store: GatewayApis, namespace: string, names: readonly string[], grew: (characters: number) => void) {
    this.#store = store;
    this.#namespace = namespace;
    this.#names = new Set(names);
    this.#grew = grew;
  }

  /** The base paths that a path begins with, the longest first, each with its number of segments. */
  *above(segments: readonly string[]): Generator<{ readonly name: string; readonly depth: number }> {
    for (let depth = Math.min(segments.length, basePathSegmentsMax); depth >= 0; depth--) {
      const name = `/${segments.slice(0, depth).join("/")}`;
      if (this.#names.has(name)) yield { name, depth };
    }
  }

  /** Undefined: it was deleted a moment ago. */
  async api(name: string): Promise<CompiledApi | undefined> {
    const known = this.#compiled.get(name);
    if (known !== undefined) return known;
    const stored = await this.#store.getByName(this.#namespace, name);
    if (stored === undefined) return undefined;
    const compiled = compileApi(parseJson(stored.document) as ApiDocument, this.#namespace);
    this.#compiled.set(name, compiled);
    this.#grew(stored.document.length);
    return compiled;
  }
}

/** See above. */
export class PublishedApis {
  readonly #store: GatewayApis;
  /** The one that was read last is the last. */
  readonly #namespaces = new Map<string, NamespaceApis>();
  #characters = 0;
  #changes = 0;

  constructor(store: GatewayApis) {
    this.#store = store;
  }

  async of(namespace: string): Promise<NamespaceApis> {
    return this.#namespaces.get(namespace) ?? (await this.#load(namespace));
  }

  /** Whether it is what the namespace has now; what is not in memory is not known. */
  isCurrent(namespace: string, apis: NamespaceApis | null): boolean {
    return apis !== null && this.#namespaces.get(namespace) === apis;
  }

  /** An API of it was made, changed or deleted. */
  changed(namespace: string): void {
    this.#changes++;
    this.#forget(namespace);
  }

  async #load(namespace: string): Promise<NamespaceApis> {
    const changes = this.#changes;
    const apis: NamespaceApis = new NamespaceApis(this.#store, namespace, await this.#store.names(namespace), (more) =>
      this.#grow(namespace, apis, more),
    );
    // Something changed meanwhile: this one may be old, use it once only.
    if (changes !== this.#changes) return apis;
    this.#forget(namespace);
    this.#namespaces.set(namespace, apis);
    if (this.#namespaces.size > namespacesMax) this.#forgetOldest();
    return apis;
  }

  #grow(namespace: string, apis: NamespaceApis, characters: number): void {
    apis.characters += characters;
    if (this.#namespaces.get(namespace) !== apis) return;
    this.#characters += characters;
    while (this.#characters > documentCharactersMax && this.#namespaces.size > 0) this.#forgetOldest();
  }

  #forgetOldest(): void {
    const [oldest] = this.#namespaces.keys();
    if (oldest !== undefined) this.#forget(oldest);
  }

  #forget(namespace: string): void {
    this.#characters -= this.#namespaces.get(namespace)?.characters ?? 0;
    this.#namespaces.delete(namespace);
  }
}
