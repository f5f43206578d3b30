import type { Source } from "./model.ts";

/** Files that functions share: what is in `/opt` of their sandboxes. Its versions never change; those that are removed go on where a function has them. */
export interface Layer {
  readonly namespace: string;
  readonly name: string;
  /** Those that there are, the lowest first. */
  readonly versions: readonly LayerVersion[];
  /** The highest number that one ever had: none is given twice. */
  readonly lastVersion: number;
  /** Starts at 1 and rises by one with each change. */
  readonly revision: number;
}

/** What one version is, and who besides its namespace may use it. */
export interface LayerVersion extends LayerContent {
  readonly version: number;
  readonly description: string;
  readonly license: string;
  /** Runtimes and processors that its owner says it is for, in the words of whoever published it: kept and shown. */
  readonly runtimes: readonly string[];
  readonly architectures: readonly string[];
  /** JSON texts that say who may use it, as their owner wrote them, by name. */
  readonly statements: Readonly<Record<string, string>>;
  /** Namespaces that may use it; `*`: all. By the name of the statement that says so. */
  readonly users: Readonly<Record<string, string>>;
  readonly createdAt: number;
}

/** The files of a version. */
export interface LayerContent {
  /** As of code (`Source`). */
  readonly digest: string;
  /** Of the archive as it was sent, and of the files in it together. */
  readonly bytes: number;
  readonly unpackedBytes: number;
  /** Names of the programs in its folder `extensions`, which run beside the function. Absent: none. */
  readonly extensions?: readonly string[];
}

/** A version that a function has: it goes on with this content whatever becomes of the layer. */
export interface UsedLayer extends LayerContent {
  readonly namespace: string;
  readonly name: string;
  readonly version: number;
}

/** Whether functions of a namespace may have this version of a layer. */
export function mayUse({ namespace }: Pick<Layer, "namespace">, { users }: Pick<LayerVersion, "users">, user: string): boolean {
  return namespace === user || Object.values(users).some((name) => name === "*" || name === user);
}

/** Programs of a function's layers that run beside it, by name. */
export function extensionsOf(layers: readonly Pick<LayerContent, "extensions">[]): readonly string[] {
  return [...new Set(layers.flatMap(({ extensions = [] }) => extensions))].toSorted();
}

/** Those that a function has, each over those before it. */
export function layersOf(source: Source): readonly UsedLayer[] {
  return source.type === "code" ? (source.layers ?? []) : [];
}
